"""Lists of prompts in their official layouts: a miniature of each, what is wrong in files as people have them, and the
real files where they are present."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bench.datasets.prompt_benchmarks import CompBench, DrawBench, GenEval, HpsV2, PartiPrompts, Visor
from bench.errors import DataError, UsageError
from bench.formats.compbench_truth import compbench_truth, singular
from bench.formats.prompt_sets import COMPBENCH, visor_phrases

GENEVAL = [
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"},
    {"tag": "counting", "include": [{"class": "cup", "count": 3}], "exclude": [{"class": "cup", "count": 4}],
     "prompt": "a photo of three cups"},
    {"tag": "position", "prompt": "a photo of a dog right of a teddy bear",
     "include": [{"class": "teddy bear", "count": 1}, {"class": "dog", "count": 1, "position": ["right of", 0]}]},
    {"tag": "color_attr", "prompt": "a photo of a red cup and a pink car",
     "include": [{"class": "cup", "count": 1, "color": "red"}, {"class": "car", "count": 1, "color": "pink"}]},
]  # fmt: skip


def kinds(dataset):
    """Kind -> (count, refused) of everything that was met."""
    return {f.kind: (f.count, f.refused) for f in dataset.findings()}


def jsonl(folder, rows, name="evaluation_metadata.jsonl"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return str(folder)


def test_geneval(tmp_path):
    dataset = GenEval(jsonl(tmp_path, GENEVAL))
    one, three, position, colours = dataset.samples
    assert [s.id for s in dataset] == ["00000", "00001", "00002", "00003"] and not dataset.problems()
    assert [t.label for t in three.objects] == ["cup"] * 3 and json.loads(three.tags["exclude"]) == GENEVAL[1][
        "exclude"
    ]
    (relation,) = position.relations
    names = [t.label for t in position.objects]
    assert (names[relation.subject], relation.predicate, names[relation.object]) == ("dog", "right of", "teddy bear")
    assert [dict(t.attributes) for t in colours.objects] == [{"colour": "red"}, {"colour": "pink"}]
    assert [s.id for s in GenEval(str(tmp_path), task="counting")] == ["00001"], "an id does not depend on the choice"
    assert "exclude" not in one.tags
    with pytest.raises(UsageError, match="task=positions of geneval is unknown"):
        GenEval(str(tmp_path), task="positions")


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({**GENEVAL[0], "prompt": " "}, "empty-prompt"), ({**GENEVAL[0], "include": []}, "bad-value"),
        ({**GENEVAL[0], "include": [{"class": "cup", "count": 0}]}, "bad-value"),
        ({**GENEVAL[0], "include": [{"class": "cup", "count": True}]}, "bad-value"),
        ({**GENEVAL[2], "include": [{"class": "a", "count": 1, "position": ["left of", 0]}]}, "bad-value"),
        ("[1]", "bad-value"), ("{", "unreadable"), ({"prompt": "a"}, "bad-value"),
    ],
)  # fmt: skip
def test_a_row_of_geneval_that_cannot_be_meant(tmp_path, row, kind):
    dataset = GenEval(jsonl(tmp_path, [*GENEVAL, row]))
    assert kinds(dataset) == {kind: (1, True)}
    assert len(dataset.problems()) == 1 and "evaluation_metadata.jsonl" in dataset.problems()[0]


def test_a_missing_file_says_what_the_layout_expects_and_where_to_get_it(tmp_path):
    (problem,) = GenEval(str(tmp_path)).problems()
    assert "evaluation_metadata.jsonl" in problem and str(tmp_path) in problem and "githubusercontent.com" in problem
    assert "bench data fetch geneval" in problem
    with pytest.raises(DataError, match="is not at"):
        _ = GenEval(str(tmp_path / "none")).samples


def test_files_as_people_have_them(tmp_path):
    jsonl(tmp_path, GENEVAL)
    plain = (tmp_path / "evaluation_metadata.jsonl").read_bytes()
    before = GenEval(str(tmp_path)).identity()
    (tmp_path / "evaluation_metadata.jsonl").write_bytes(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))
    dataset = GenEval(str(tmp_path))
    assert kinds(dataset) == {"bom": (1, False), "crlf": (4, False)}
    assert len(dataset.notes()) == 3 and "sha256" in dataset.notes()[2], "nor is it the published file"
    assert dataset.identity() == before, "what is read is the same"


PARTI = (
    'Prompt\tCategory\tChallenge\tNote\na "G I" sign\tArts\tWriting\tn\n"left, right\tArts\tBasic\t\n'
    "bond\tAbstract\tBasic\n"
)


def test_parti_keeps_its_quotation_marks(tmp_path):
    (tmp_path / "PartiPrompts.tsv").write_text(PARTI)
    dataset = PartiPrompts(str(tmp_path))
    assert [(s.id, s.prompt) for s in dataset] == [("0000", 'a "G I" sign'), ("0001", '"left, right'), ("0002", "bond")]
    assert dataset.samples[0].tags == {"category": "Arts", "challenge": "Writing", "note": "n"}
    assert [s.id for s in PartiPrompts(str(tmp_path / "PartiPrompts.tsv"), category="arts", challenge="basic")] == [
        "0001"
    ]
    assert not dataset.findings()


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        (PARTI.replace('a "G I" sign', '"a ""G I"" sign"'), "quoted-tsv", 1),
        (PARTI.replace("bond\tAbstract\tBasic", "bond"), "short-row", 1),
        (PARTI.replace("bond\t", "bond\tx\ty\t"), "long-row", 1),
        (PARTI.replace("Challenge", "Challenges"), "header", 1),
        (PARTI.replace("bond", ""), "empty-prompt", 1),
        ("", "unreadable", 1),
        (PARTI.replace("bond", "caf\udce9"), "unreadable", 1),
    ],
)
def test_a_parti_table_that_was_changed(tmp_path, text, kind, count):
    (tmp_path / "PartiPrompts.tsv").write_bytes(text.encode("utf-8", "surrogateescape"))
    dataset = PartiPrompts(str(tmp_path))
    assert kinds(dataset) == {kind: (count, True)} and len(dataset.problems()) == 1


@pytest.mark.parametrize("head", ["Prompts,Category", "Prompt,Category", "\ufeffprompts,category"])
def test_drawbench_under_either_header(tmp_path, head):
    rows = f'{head}\r\n"A red, round cup.",Colors\r\nA bird,"Gary Marcus et al. "\r\nA bird,Colors\r\n'
    (tmp_path / "drawbench.csv").write_text(rows, newline="")
    dataset = DrawBench(str(tmp_path))
    assert [(s.id, s.prompt, s.tags["category"]) for s in dataset] == [
        ("000", "A red, round cup.", "Colors"), ("001", "A bird", "Gary Marcus et al."), ("002", "A bird", "Colors"),
    ]  # fmt: skip
    found = kinds(dataset)
    assert found.pop("bom", None) in (None, (1, False))
    assert found == {"crlf": (4, False), "duplicate-prompt": (1, False)}
    assert len(list(DrawBench(str(tmp_path), category="colors"))) == 2


def test_a_comma_without_quotes_is_no_prompt(tmp_path):
    (tmp_path / "drawbench.csv").write_text("Prompts,Category\nA red, round cup.,Colors\nA cup\n")
    assert kinds(DrawBench(str(tmp_path))) == {"long-row": (1, True), "short-row": (1, True)}


def test_compbench_in_its_mixture_of_line_ends(tmp_path):
    folder = tmp_path / "examples" / "dataset"
    folder.mkdir(parents=True)
    for n, name in enumerate(COMPBENCH):
        (folder / f"{name}_val.txt").write_bytes((b"a red cup\r\na blue cup\r\na red cup", b"a red cup\nb\n\nc")[n % 2])
    dataset = CompBench(str(tmp_path))
    assert Counter(s.tags["category"] for s in dataset) == dict.fromkeys(COMPBENCH, 3)
    first = dataset.samples[:3]
    assert [s.id for s in first] == ["color-000000", "color-000001", "color-000002"] and first[0].meaning == first[
        2
    ].meaning
    assert all(s.prompt == s.prompt.strip() for s in dataset)
    assert [(f.kind, f.count) for f in dataset.findings()].count(("crlf", 2)) == 4
    assert [s.prompt for s in CompBench(str(folder), category="shape")] == ["a red cup", "b", "c"], (
        "a folder deeper too"
    )
    assert "color_train.txt" in CompBench(str(tmp_path), category="color", split="train").problems()[0]


def test_templates_of_compbench_state_their_truth():
    (bee, fridge), (relation,) = compbench_truth("spatial", "a bee on the right of a refrigerator")
    assert (bee.label, fridge.label, relation.predicate) == ("bee", "refrigerator", "on the right of")
    assert (relation.subject, relation.object) == (0, 1)
    (things, none) = compbench_truth(
        "numeracy", "two flags, a couch, and three men filled a gallery near one mouse"
    )
    assert Counter(t.label for t in things) == {"flag": 2, "couch": 1, "man": 3, "mouse": 1} and not none
    words = {"women": "woman", "knives": "knife", "peaches": "peach", "tomatoes": "tomato", "butterflies": "butterfly",
             "buses": "bus", "sheep": "sheep", "houses": "house", "boxes": "box"}  # fmt: skip
    assert {w: singular(w) for w in words} == words and singular("bus", 1) == "bus" and singular("glass", 1) == "glass"
    for category, prompt in (("spatial", "a dog runs"), ("color", "a red cup on the left of a dog")):
        assert compbench_truth(category, prompt) == ((), ())


def test_prompts_that_are_paths_are_prompts(tmp_path):
    rows = ["../../etc/passwd", "/etc/passwd", "C:\\secrets", "a cat and/or a dog", "~/x", "..", "file:///x", "and/or"]
    (tmp_path / "color_val.txt").write_text("\n".join(rows))
    dataset = CompBench(str(tmp_path), category="color")
    assert [s.prompt for s in dataset] == rows
    assert kinds(dataset) == {"path-prompt": (6, False), "left-out": (8, False)}, "no template asks about a path"
    assert all("/" not in s.id and ".." not in s.id for s in dataset)


def test_visor_is_its_rule():
    every = list(visor_phrases())
    assert [e["unique_id"] for e in every] == list(range(31680))
    counts = Counter(s.tags["kind"] for s in Visor(kind="all"))
    assert counts == {"spatial": 25280, "and": 6320, "single": 80}
    assert [e["text"] for e in every[:10:2]] == [
        "a person to the left of a bicycle", "a person to the right of a bicycle", "a person above a bicycle",
        "a person below a bicycle", "a person and a bicycle",
    ]  # fmt: skip
    assert every[1]["text"] == "a bicycle to the left of a person" and every[-1]["text"] == "a toothbrush"
    assert every[810] == {
        "unique_id": 810, "num_objects": 2, "obj_1_attributes": ["bicycle"], "obj_2_attributes": ["airplane"],
        "rel_type": "to the left of", "text": "a bicycle to the left of an airplane",
    }  # fmt: skip
    assert every[-80]["obj_2_attributes"] == [None]
    small = Visor(each=100)
    assert len(small.samples) == 8 * 32 and not small.problems() and small.identity() != Visor(each=200).identity()
    first = Visor().first(1)[0]
    assert [t.label for t in first.objects] == ["person", "bicycle"] and first.relations[0].predicate == "left of"


def test_a_part_of_visor_must_be_what_its_rule_says(tmp_path):
    good = list(visor_phrases())[500:504]
    (tmp_path / "prompts.json").write_text(json.dumps(good))
    assert [s.id for s in Visor(str(tmp_path))] == ["500", "501", "502", "503"]
    (tmp_path / "prompts.json").write_text(json.dumps([*good, {**good[0], "unique_id": 999}, good[1]]))
    assert kinds(Visor(str(tmp_path))) == {"bad-value": (1, True), "duplicate-id": (1, True)}


def test_hpsv2(tmp_path):
    (tmp_path / "benchmark").mkdir()
    for style in ("anime", "concept-art", "paintings", "photo"):
        (tmp_path / "benchmark" / f"{style}.json").write_text(json.dumps([f"{style} one", f"{style}  two "]))
    dataset = HpsV2(str(tmp_path))
    assert [s.id for s in dataset][:3] == ["anime/00000", "anime/00001", "concept-art/00000"] and len(
        dataset.samples
    ) == 8
    assert HpsV2(str(tmp_path), style="photo").samples[1].prompt == "photo two"
    assert "drawbench.json" in HpsV2(str(tmp_path), style="drawbench").problems()[0]
    (tmp_path / "benchmark" / "photo.json").write_text('{"0": "x"}')
    assert kinds(HpsV2(str(tmp_path), style="photo")) == {"unreadable": (1, True)}


# ---- the real files --------------------------------------------------------------------------------------------------


def test_geneval_s_real_file(shared_data):
    dataset = GenEval(str(shared_data / "geneval"))
    assert Counter(s.tags["kind"] for s in dataset) == {
        "single_object": 80, "two_object": 99, "counting": 80, "colors": 94, "position": 100, "color_attr": 100,
    }  # fmt: skip
    assert len(dataset.samples) == 553 and dataset.findings() == []
    listed = (shared_data / "geneval" / "generation_prompts.txt").read_text().splitlines()
    assert [s.prompt for s in dataset] == listed
    assert sum(bool(s.relations) for s in dataset) == 100


def test_parti_s_real_file(shared_data):
    dataset = PartiPrompts(str(shared_data / "parti"))
    assert len(dataset.samples) == 1632 and dataset.findings() == []
    assert sum('"' in s.prompt for s in dataset) == 22
    assert len({s.tags["category"] for s in dataset}) == 12 and len({s.tags["challenge"] for s in dataset}) == 11


def test_compbench_s_real_files(shared_data):
    root = str(shared_data / "t2i-compbench")
    assert Counter(s.tags["category"] for s in CompBench(root)) == dict.fromkeys(COMPBENCH, 300)
    for category, repeats in (("color", 21), ("shape", 15), ("texture", 5), ("spatial", 0)):
        dataset = CompBench(root, category=category, split="train")
        found = kinds(dataset)
        assert len(dataset.samples) == 700 and found.pop("crlf") == (699, False)
        unasked = sum(not s.questions for s in dataset.samples)
        assert category == "spatial" or found.pop("left-out") == (unasked, False)
        assert found == ({"duplicate-prompt": (repeats, False)} if repeats else {})
    assert len(CompBench(root, category="color", split="all").samples) == 860
    numeracy = CompBench(root, category="numeracy", split="train")
    assert len(numeracy.samples) == 700 and numeracy.findings() == []
    assert not any("\r" in s.prompt for s in CompBench(root))


def test_compbench_s_templates_on_its_real_files(shared_data):
    root = str(shared_data / "t2i-compbench")

    def said(category, split="val"):
        return Counter(r.predicate for s in CompBench(root, category=category, split=split) for r in s.relations)

    assert said("spatial") == {
        "on the top of": 56, "on the right of": 56, "on the bottom of": 52, "on the left of": 51, "on side of": 37,
        "next to": 24, "near": 24,
    }  # fmt: skip
    assert said("3d_spatial") == {"hidden by": 115, "in front of": 102, "behind": 83}
    assert said("spatial", "train").total() == said("3d_spatial", "train").total() == 700
    for split in ("val", "train"):
        assert all(s.objects for s in CompBench(root, category="numeracy", split=split))


def test_visor_s_published_ids(shared_data):
    found = Visor(str(shared_data / "visor"))
    assert len(found.samples) == 50 and found.findings() == []
    rule = {s.id: s.prompt for s in Visor(kind="all")}
    images = {p.name.split("_")[0] for p in (shared_data / "visor" / "images").glob("*/*.png")}
    assert images == {s.id for s in found} <= rule.keys() and all(rule[s.id] == s.prompt for s in found)


def test_geneval_s_prompts_are_read_from_the_folders_of_its_images(tmp_path):
    rows = [{"tag": "single_object", "include": [{"class": name, "count": 1}], "prompt": f"a photo of a {name}"}
            for name in ("dog", "cat", "cup")]  # fmt: skip
    (tmp_path / "evaluation_metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    images = tmp_path / "images"
    for at, row in enumerate(rows):
        (images / f"{at:05d}").mkdir(parents=True)
        (images / f"{at:05d}" / "metadata.jsonl").write_text(f"{json.dumps(row)}\n")
    official, own = GenEval(str(tmp_path)), GenEval(str(images))
    assert own.samples == official.samples and own.identity() == official.identity() and not own.findings()
    (images / "00001" / "metadata.jsonl").unlink()
    holed = GenEval(str(images))
    assert [s.id for s in holed.samples] == ["00000", "00002"], "a prompt keeps its number"
    assert kinds(holed) == {"gap": (1, False)}
    (images / "00002" / "metadata.jsonl").write_text(f"{json.dumps(rows[0])}\n{json.dumps(rows[1])}\n")
    assert kinds(GenEval(str(images)))["bad-value"] == (1, True)
    (images / "00000" / "metadata.jsonl").unlink()
    (images / "00002" / "metadata.jsonl").unlink()
    assert "evaluation_metadata.jsonl" in GenEval(str(images)).problems()[0]
