"""Defects are counted, told in one sentence each, and never escape as exceptions, whatever a file holds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import registry
from bench.formats.findings import KINDS, Finding, Findings
from bench.formats.reading import Reading, whole

QUIET = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PIECES = [
    *'{}[]:,="\t\n| #',
    "\r\n",
    "\0",
    "\ufeff",
    "id",
    "prompt",
    "text",
    "caption",
    "images",
    "annotations",
    "filename",
    "sentences",
    "raw",
    "cocoid",
    "1",
    "-1",
    "1e999",
    "NaN",
    "null",
    "true",
    "é",
    "\ud83d",
    "..",
    "/etc/passwd",
    "0" * 5000,
    "[" * 2000,
    '{"id": 1}',
    '[{"id": "a", "caption": "b"}]',
    "image,caption",
    "Prompts,Category",
    "item_id,text",
    "(lp0\n",
    "cos\nsystem\n",
]
CONTENT = st.one_of(
    st.binary(max_size=120),
    st.lists(st.sampled_from(PIECES), max_size=20).map(lambda p: "".join(p).encode("utf-8", "surrogatepass")),
)
# data set -> files of its layout, each of which is given any content; further parameters
LAYOUTS = {
    "geneval": (["evaluation_metadata.jsonl"], {}),
    "parti-prompts": (["PartiPrompts.tsv"], {}),
    "drawbench": (["drawbench.csv"], {}),
    "t2i-compbench": (["color_val.txt"], {"category": "color"}),
    "hpsv2": (["photo.json"], {"style": "photo"}),
    "hpdv2": (["test.json"], {}),
    "imagereward": (["test.json"], {}),
    "tifa": (["tifa_v1.0_text_inputs.json", "tifa_v1.0_question_answers.json"], {}),
    "dsg-1k": (["dsg-1k-anns.csv"], {}),
    "dpg-bench": (["prompts/1.txt", "dpg_bench.csv"], {}),
    "genai-bench": (["genai_image.json", "genai_skills.json"], {}),
    "sugarcrepe": (["swap_obj.json"], {"split": "swap_obj"}),
    "winoground": (["examples.jsonl"], {}),
    "aro": (["visual_genome_relation.json"], {}),
    "soa": (["label_15_cat.pkl"], {"label": "cat"}),
    "coco-karpathy": (["dataset_coco.json"], {}),
    "flickr30k": (["results.csv", "test.txt"], {}),
    "oxford-102": (["imagelabels.mat", "setid.mat", "text_c10/x"], {}),
    "webdataset": (["a.tar"], {}),
    "cub": (
        [
            "CUB_200_2011/images.txt",
            "CUB_200_2011/classes.txt",
            "CUB_200_2011/bounding_boxes.txt",
            "CUB_200_2011/image_class_labels.txt",
            "train/filenames.pickle",
            "test/filenames.pickle",
            "text/x",
        ],
        {},
    ),
    "visor": (["prompts.json"], {}),
    "paintskills": (["spatial_val.json"], {"skill": "spatial"}),
    "tise-pa": (["PA_input_captions.pkl"], {}),
}


@pytest.mark.parametrize("name", LAYOUTS)
@QUIET
@given(contents=st.lists(CONTENT, min_size=7, max_size=7))
def test_any_bytes_as_any_file_of_a_layout(tmp_path, name, contents):
    files, chosen = LAYOUTS[name]
    for file, content in zip(files, contents, strict=False):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    dataset = registry.create("dataset", name, {"root": str(tmp_path), **chosen})
    sentences = dataset.problems()
    assert all(s.strip() and "\n" not in s and len(s) < 3000 for s in sentences)
    assert all(f.sentence for f in dataset.findings())
    if not sentences:
        assert len({s.id for s in dataset}) == len(dataset.samples) > 0 and all(s.prompt.strip() for s in dataset)
        dataset.identity()


def test_every_layout_that_has_files_is_tried():
    official = {n for n in registry.entries("dataset") if hasattr(registry.load("dataset", n), "read")}
    assert official - set(LAYOUTS) == {"hugging-face"}


# ---- findings --------------------------------------------------------------------------------------------------------


def test_equal_kinds_in_one_file_are_one_sentence():
    log = Findings()
    for line in (3, 9, 12):
        log.add("short-row", "a.csv", f"line {line}")
    log.add("short-row", "b.csv", "line 1")
    log.add("crlf", "a.csv", "", 0)
    log.add("bom", "a.csv", "")
    assert [(f.file, f.count, f.first) for f in log.all()] == [
        ("a.csv", 3, "line 3"),
        ("b.csv", 1, "line 1"),
        ("a.csv", 1, ""),
    ]
    assert log.refused[0] == "a.csv: 3 rows have too few fields, the first is line 3." and len(log.handled) == 1


def test_two_missing_files_are_two_sentences():
    log = Findings()
    log.add("missing-file", "a", "a lacks.")
    log.add("missing-file", "a", "b lacks.")
    assert log.refused == ["a lacks.", "b lacks."]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_sentence(kind):
    told = Finding(kind, "file.csv", 2, "It is so.").sentence
    assert told.endswith(".") and "{" not in told
    assert told.startswith(("file.csv", "It is so.", "2 "))


# ---- what layouts share ----------------------------------------------------------------------------------------------


def read(tmp_path, text, name="a.csv"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return Reading("geneval", tmp_path), tmp_path / name


def test_a_table_with_quotes_and_line_ends_inside(tmp_path):
    reading, path = read(tmp_path, 'Item ID,text\n1,"a, ""b""\nc"\n2,d\n')
    assert list(reading.table(path, ["item_id", "text"])) == [
        (3, {"item_id": "1", "text": 'a, "b"\nc'}),
        (4, {"item_id": "2", "text": "d"}),
    ]
    assert not reading.log.all()
    reading, path = read(tmp_path, 'id,text\n1,"open\n')
    assert not list(reading.table(path, ["id"])) and [f.kind for f in reading.log.all()] == ["unreadable"]


def test_empty_rows_of_spreadsheets_are_no_rows(tmp_path):
    reading, path = read(tmp_path, "id,text\n1,a\n,\n  , \n\n,b\n")
    assert [row["text"] for _, row in reading.table(path, ["id", "text"])] == ["a", "b"] and not reading.log.all()


def test_defects_of_a_text_are_counted_once(tmp_path):
    reading, path = read(tmp_path, b"\xef\xbb\xbfid,text\r\n1,x\r\n")
    for _ in range(2):
        list(reading.table(path, ["id"]))
        reading.lines(path)
    assert [(f.kind, f.count) for f in reading.log.all()] == [("bom", 1), ("crlf", 2)]


def test_gaps_of_any_size_are_counted_at_once(tmp_path):
    reading, path = read(tmp_path, "x")
    reading.gaps([5, 3, 10**17, 3], path)
    assert [(f.count, f.first) for f in reading.log.all()] == [(10**17 - 5, "4")]
    reading.gaps([], path)
    reading.gaps([7, 8], path)
    assert len(reading.log.all()) == 1


def test_whole_numbers():
    assert [whole(v) for v in (3, "3", " 03 ", "0")] == [3, 3, 3, 0]
    assert [whole(v) for v in (True, "3.0", "-1", "", None, "²", "9" * 40, 2.0)] == [None] * 8


def test_files_are_found_by_pattern_and_at_the_root(tmp_path):
    reading, path = read(tmp_path, "x", "v1_text_inputs.json")
    assert reading.find("none.json", "*_text_inputs.json") == path and reading.find("*.csv") is None
    alone = Reading("geneval", path)
    assert alone.find("other.json") == path and alone.find("x.csv") is None and alone.short(path) == path.name
