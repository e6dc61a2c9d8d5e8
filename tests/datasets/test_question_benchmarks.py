"""Questions and rankings in their official layouts: a miniature of each, defects counted, the real files if present."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from bench.datasets.question_benchmarks import Dpg, Dsg, GenAiBench, HpdV2, ImageReward, Tifa
from bench.formats.question_sets import read_imagereward
from bench.formats.ratings import read_ratings
from bench.formats.reading import Reading

COLUMNS = [
    "item_id",
    "text",
    "keywords",
    "proposition_id",
    "dependency",
    "category_broad",
    "category_detailed",
    "tuple",
    "question_natural_language",
]


def kinds(dataset):
    """Kind -> (count, refused) of everything that was met."""
    return {f.kind: (f.count, f.refused) for f in dataset.findings()}


def graph(path, *rows, columns=COLUMNS):
    """A csv in DSG's columns out of (item, text, proposition, dependency, question)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for item, text, number, parents, question in rows:
            table.writerow([item, text, "k", number, parents, "entity", "whole", "t", question])


RUBIX = [
    ("whoops_5", "A cube, with ten squares", 1, "0", "Is there a cube?"),
    ("whoops_5", "A cube, with ten squares", 2, "1", "Is it purple?"),
    ("whoops_5", "A cube, with ten squares", 3, "1,2", "Has it ten squares?"),
    ("vrd_1", "A cat", 1, "0", "Is there a cat?"),
]


def test_dsg(tmp_path):
    graph(tmp_path / "dsg-1k-anns.csv", *RUBIX)
    dataset = Dsg(str(tmp_path))
    cube, cat = dataset.samples
    assert (cube.id, cube.prompt, cat.tags) == ("whoops_5", "A cube, with ten squares", {"source": "vrd"})
    assert [(q.id, q.answer, q.parents) for q in cube.questions] == [
        ("1", "yes", ()),
        ("2", "yes", ("1",)),
        ("3", "yes", ("1", "2")),
    ]
    assert [s.id for s in Dsg(str(tmp_path), source="whoops")] == ["whoops_5"]
    assert kinds(dataset) == {"crlf": (5, False)}, "a csv of Python has CRLF"


def test_junk_among_parents_costs_no_item_its_graph(tmp_path):
    more = [
        ("a_1", "t", 1, "0", "q1"),
        ("a_1", "t", 2, "1, right", "q2"),
        ("a_1", "t", 3, "3", "q3"),
        ("a_1", "t", 4, "9,1", "q4"),
        ("a_1", "t", 5, "", "q5"),
    ]
    graph(tmp_path / "dsg-1k-anns.csv", *RUBIX, *more)
    dataset = Dsg(str(tmp_path))
    found = kinds(dataset)
    assert {k: v for k, v in found.items() if k != "crlf"} == {
        "junk-dependency": (2, False),
        "own-parent": (1, False),
        "absent-parent": (1, False),
    }
    assert [q.parents for q in dataset.samples[2].questions] == [(), ("1",), (), ("1",), ()]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (("whoops_5", "Another text", 4, "1", "q"), "bad-value"),
        (("whoops_5", "A cube, with ten squares", 2, "1", "q"), "duplicate-id"),
        (("", "x", 1, "0", "q"), "bad-value"),
        (("x", "x", "one", "0", "q"), "bad-value"),
        (("x", " ", 1, "0", "q"), "empty-prompt"),
    ],
)
def test_rows_of_dsg_that_cannot_be_meant(tmp_path, row, kind):
    graph(tmp_path / "dsg-1k-anns.csv", *RUBIX, row)
    assert kinds(Dsg(str(tmp_path)))[kind] == (1, True) and Dsg(str(tmp_path)).problems()


def test_dpg(tmp_path):
    folder = tmp_path / "dpg_bench" / "prompts"
    folder.mkdir(parents=True)
    for name, text in {"10": "Ten\nlines.", "2": "Two", "whoops3": "Three"}.items():
        (folder / f"{name}.txt").write_text(text)
    graph(
        tmp_path / "dpg_bench" / "dpg_bench.csv",
        ("2", "Two", 1, "0", "q1"),
        ("2", "Two", 2, "1", "q2"),
        ("10", "x", 1, "0", "q"),
    )
    dataset = Dpg(str(tmp_path))
    assert [(s.id, s.prompt, len(s.questions)) for s in dataset] == [
        ("2", "Two", 2),
        ("10", "Ten lines.", 1),
        ("whoops3", "Three", 0),
    ]
    assert dataset.samples[0].questions[0].text == "q1", "the first row of the table counts"
    assert kinds(dataset)["left-out"] == (1, False)
    assert [s.questions for s in Dpg(str(tmp_path), questions=False)] == [()] * 3
    graph(tmp_path / "dpg_bench" / "dpg_bench.csv", ("7", "x", 1, "0", "q"))
    assert kinds(Dpg(str(tmp_path)))["unknown-image"] == (1, True)
    (tmp_path / "dpg_bench" / "dpg_bench.csv").unlink()
    assert "dpg_bench.csv" in Dpg(str(tmp_path)).problems()[0] and not Dpg(str(tmp_path), questions=False).problems()


TEXTS = [{"id": "coco_1", "caption": "A surfer", "coco_val_id": "38"}, {"id": "drawbench_52", "caption": "Three cats"}]
ASKED = [
    {
        "id": "coco_1",
        "caption": "A surfer",
        "question": "is this a surfer?",
        "choices": ["yes", "no"],
        "answer": "yes",
        "element_type": "animal/human",
        "element": "surfer",
    },
    {
        "id": "drawbench_52",
        "caption": "Three cats",
        "question": "how many?",
        "choices": ["2", "3"],
        "answer": "3",
        "element_type": "counting",
        "element": "3",
    },
]


def tifa(folder, texts, asked):
    for name, rows in (("text_inputs", texts), ("question_answers", asked)):
        (folder / f"tifa_v1.0_{name}.json").write_text(json.dumps(rows))
    return Tifa(str(folder))


def test_tifa(tmp_path):
    dataset = tifa(tmp_path, TEXTS, ASKED)
    assert [(s.id, s.tags["part"]) for s in dataset] == [("coco_1", "coco"), ("drawbench_52", "drawbench")]
    (question,) = dataset.samples[1].questions
    assert (question.id, question.answer, question.choices, question.kind) == ("0", "3", ("2", "3"), "counting")
    assert dataset.samples[0].tags["coco_val_id"] == "38" and not dataset.findings()
    assert [s.id for s in Tifa(str(tmp_path), part="drawbench")] == ["drawbench_52"]


@pytest.mark.parametrize(
    ("texts", "asked", "kind", "refused"),
    [
        (TEXTS, [*ASKED, {**ASKED[0], "id": "coco_9"}], "unknown-image", True),
        (TEXTS, [*ASKED, {**ASKED[0], "answer": "maybe"}], "bad-value", True),
        (TEXTS, [*ASKED, {"id": "coco_1"}], "bad-value", True),
        ([*TEXTS, TEXTS[0]], ASKED, "duplicate-id", True),
        ([*TEXTS, {"id": "coco_2", "caption": ""}], ASKED, "empty-prompt", True),
        (TEXTS, ASKED[:1], "left-out", False),
    ],
)
def test_tifa_s_files_that_do_not_fit(tmp_path, texts, asked, kind, refused):
    assert kinds(tifa(tmp_path, texts, asked))[kind] == (1, refused)


def test_genai_ids_are_keys_and_never_rows(tmp_path):
    every = {
        f"{n:05d}": {"id": f"{n:05d}", "prompt": f"prompt {n}", "models": {"SDXL_Base": [1, 2, 3]}} for n in (1, 2, 4)
    }
    (tmp_path / "genai_image.json").write_text(json.dumps(every))
    (tmp_path / "genai_skills.json").write_text(json.dumps({"counting": [1, 4], "negation": [4]}))
    dataset = GenAiBench(str(tmp_path))
    assert [(s.id, s.prompt, s.tags) for s in dataset] == [
        ("00001", "prompt 1", {"skills": "counting"}),
        ("00002", "prompt 2", {}),
        ("00004", "prompt 4", {"skills": "counting, negation"}),
    ]
    assert kinds(dataset) == {"gap": (1, False)} and "the first is 3" in dataset.notes()[0]
    assert [s.id for s in GenAiBench(str(tmp_path), skill="negation")] == ["00004"]
    (tmp_path / "genai_skills.json").write_text(json.dumps({"counting": [0]}))
    assert kinds(GenAiBench(str(tmp_path)))["unknown-image"] == (1, True)


RANKED = {"id": "0-1", "prompt": "a  cat ", "generations": ["a.webp", "b.webp", "c.webp"], "ranking": [1, 2, 2]}


def test_rankings(tmp_path):
    (tmp_path / "test.json").write_text(json.dumps([RANKED]))
    (one,) = read_imagereward(Reading("imagereward", tmp_path))
    assert (one.prompt, one.ranks, one.tied, one.untied) == ("a cat", (1, 2, 2), True, 2)
    (sample,) = ImageReward(str(tmp_path)).samples
    assert json.loads(sample.tags["generations"])[0] == "a.webp" and json.loads(sample.tags["ranking"])[0] == 1
    (tmp_path / "test.json").write_text(
        json.dumps([{"prompt": "a", "image_path": ["x.jpg"], "rank": [1], "raw_annotations": []}])
    )
    assert [s.id for s in HpdV2(str(tmp_path))] == ["00000"]
    (tmp_path / "test.json").write_text(json.dumps([{**RANKED, "ranking": [1, 2]}, {**RANKED, "ranking": [1, 2, "x"]}]))
    assert kinds(ImageReward(str(tmp_path))) == {"bad-value": (2, True)}


def test_ranked_images_are_samples_where_their_folder_is_named(tmp_path):
    (tmp_path / "test.json").write_text(json.dumps([RANKED, {**RANKED, "id": "0-2"}]))
    (tmp_path / "pictures").mkdir()
    for name in RANKED["generations"]:
        (tmp_path / "pictures" / name).write_bytes(name.encode())
    ranked = ImageReward(str(tmp_path), images=str(tmp_path / "pictures"))
    every = ranked.samples
    assert [s.id for s in every] == [f"0-{p}/{k}" for p in (1, 2) for k in range(3)]
    assert [s.tags["rank"] for s in every[:3]] == ["1", "2", "2"] and {s.group for s in every} == {"0-1", "0-2"}
    assert every[1].reference == str(tmp_path / "pictures" / "b.webp") and every[1].prompt == "a cat"
    alone = ImageReward(str(tmp_path))
    assert len(alone.samples) == 2 and alone.identity()["label"] == "imagereward"
    assert alone.identity()["samples"] != ranked.identity()["samples"]


# ---- the real files --------------------------------------------------------------------------------------------------


def test_imagereward_s_real_file(shared_data):
    dataset = ImageReward(str(shared_data / "imagereward"))
    every = list(read_imagereward(Reading("imagereward", shared_data / "imagereward")))
    assert len(dataset.samples) == len(every) == 466 and dataset.findings() == []
    assert sum(one.tied for one in every) == 349 and sum(one.untied for one in every) == 6399
    assert {len(one.images) for one in every} <= set(range(4, 10))


def test_tifa_s_real_files(shared_data):
    dataset = Tifa(str(shared_data / "tifa"))
    assert [(s.id, len(s.questions)) for s in dataset] == [("coco_301091", 11), ("drawbench_52", 8)]
    assert dataset.findings() == []
    rated = read_ratings(shared_data / "tifa" / "human_annotations_with_scores.json")
    assert len(rated) == 800
    counted = Counter(q.kind for s in dataset for q in s.questions)
    assert counted.total() == 19 and "counting" in counted
