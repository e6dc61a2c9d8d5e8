"""Prompts from every kind of file: exact texts and ids, counts on the field's own files, a sentence for each fault."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.errors import DataError
from bench.formats.prompts import read_prompts
from bench.types import Relation, Thing

SHARED = Path(os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data")


def write(folder: Path, name: str, content: str | bytes | object) -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8", newline="")
    return path


def prompts(path: Path) -> list[str]:
    return [sample.prompt for sample in read_prompts(path)]


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_prompts(path)
    assert len(caught.value.messages) == 1 and "\n" not in str(caught.value)
    return str(caught.value)


# ---- text -------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings_give_equal_samples(tmp_path, end, code):
    plain = read_prompts(write(tmp_path, "plain.txt", "a café\na dog\n"))
    other = read_prompts(write(tmp_path, "b.txt", f"a café{end}a dog{end}{end}  {end}".encode(code)))
    assert other == plain
    assert [s.prompt for s in plain] == ["a café", "a dog"]


def test_only_line_ends_end_a_line(tmp_path):
    assert prompts(write(tmp_path, "a.txt", "one\u2028still one\nto\x0co\n")) == ["one\u2028still one", "to\x0co"]


def test_id_is_the_text_and_survives_insertion(tmp_path):
    first = read_prompts(write(tmp_path, "a.txt", "a dog\na cat\na dog\n"))
    second = read_prompts(write(tmp_path, "b.txt", "a bird\na dog\na cat\na dog\n"))
    assert [s.id for s in first] == [s.id for s in second[1:]]
    assert len({s.id for s in first}) == 3 and first[2].id == f"{first[0].id}-2"
    assert [s.tags["line"] for s in second] == ["1", "2", "3", "4"]
    assert first[0].meaning == first[2].meaning != first[1].meaning


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"a\n\nb\n", "line 2: empty prompt"),
        (b"\na\n", "line 1: empty prompt"),
        (b"a\nb\0c\n", "line 2: a NUL byte"),
        (b"a\ncaf\xe9\n", "line 2: the byte 0xe9"),
        ("a\nb\n".encode("utf-16-le"), "NUL byte"),
        (b"\xff\xfea\0\n", "is no UTF-8"),
    ],
)
def test_faults_of_text_files(tmp_path, content, said):
    assert said in refused(write(tmp_path, "a.txt", content))


def test_absent_folder_and_unknown_kind(tmp_path):
    assert "does not exist" in refused(tmp_path / "absent.txt")
    (tmp_path / "folder.txt").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.txt")
    assert ".jsonl" in refused(write(tmp_path, "a.docx", "a"))


# ---- tables -------------------------------------------------------------


def test_csv_columns(tmp_path):
    text = 'Sample ID,Caption,group,reference,kind\r\n007,"a red, ""big"" box",p1,ref/1.png,color\r\n'
    text += '8,"two\nlines",p1,,\r\n'
    first, second = read_prompts(write(tmp_path, "a.csv", text))
    assert (first.id, first.prompt, first.group) == ("007", 'a red, "big" box', "p1")
    assert first.reference == str(tmp_path / "ref/1.png") and second.reference is None
    assert first.tags == {"kind": "color", "line": "1"}
    assert second.prompt == "two\nlines"


def test_prompt_before_caption_before_text(tmp_path):
    (only,) = read_prompts(write(tmp_path, "a.csv", "text,caption,prompt\nt,c,p\n"))
    assert only.prompt == "p" and only.tags == {"text": "t", "caption": "c", "line": "1"}


def test_tsv_does_not_quote(tmp_path):
    path = write(tmp_path, "a.tsv", 'Prompt\tNote\n"hello" said the cat, 5" tall\tx\n"open quote\ty\n')
    assert prompts(path) == ['"hello" said the cat, 5" tall', '"open quote']


def test_semicolons(tmp_path):
    assert prompts(write(tmp_path, "a.csv", "id;prompt\n1;a, b\n")) == ["a, b"]


def test_several_captions_of_a_photograph(tmp_path):
    samples = read_prompts(write(tmp_path, "a.csv", "image_id,caption\n5,a\n5,b\n6,c\n5-2,d\n"))
    assert [s.id for s in samples] == ["5", "5-3", "6", "5-2"]
    assert [s.group for s in samples] == ["5", "5", "6", "5-2"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "a red box, big\na cat\n", "its columns are a_red_box, big"),
        ("a.csv", "prompt\n", "holds no prompts"),
        ("a.csv", "prompt\na red, big box\n", "line 2: 2 cells under 1 columns"),
        ("a.csv", "prompt\na\n\nb\n", "line 3: empty prompt"),
        ("a.csv", 'prompt\n"open\n', "quotation marks"),
        ("a.csv", "id,prompt\n1,a\n2,b\n1,c\n", "the id '1' occurs more than once, at line 2 and line 4"),
        ("a.csv", "id,prompt\n,a\n", "the id is ''"),
        ("a.csv", "prompt,Prompt\na,b\n", "twice in its header"),
        ("a.csv", "prompt,frames\na,x\n", "frames is 'x'"),
        ("a.tsv", "prompt\tid\na\t1\textra\n", "3 cells under 2 columns"),
        ("a.csv", "prompt,id\na,1\nb,2,c\nd,3\ne,4,f\ng,5,h\n", "line 3: 3 cells under 2 columns (and 2 more lines)"),
        ("a.csv", "prompt,id\n,1\nb,2\n ,3\n", "line 2: empty prompt (and 1 more lines)"),
        ("a.tsv", 'prompt\tid\na "b" c\t1\n"a ""b"" c"\t2\n"d ""e"""\t3\n', "line 3: a cell is quoted as in CSV (and"),
    ],
)
def test_faults_of_tables(tmp_path, name, content, said):
    assert said in refused(write(tmp_path, name, content))


def test_a_tsv_that_a_spreadsheet_rewrote_is_read_as_csv(tmp_path):
    content = 'prompt\tid\n"a ""b"" c"\t1\n'
    assert [s.prompt for s in read_prompts(write(tmp_path, "a.csv", content))] == ['a "b" c'], "as its refusal says"
    plain = 'prompt\tid\n"quoted"\t1\na ""b""\t2\n""\t3\n'
    assert [s.prompt for s in read_prompts(write(tmp_path, "b.tsv", plain))] == ['"quoted"', 'a ""b""', '""']


# ---- JSON -------------------------------------------------------------


def test_json_shapes_agree(tmp_path):
    shapes = [
        ("a.json", ["a dog", "a cat"]),
        ("b.json", [{"prompt": "a dog"}, {"text": "a cat"}]),
        ("c.json", {"prompts": ["a dog", "a cat"]}),
        ("d.jsonl", '"a dog"\n"a cat"\n\n'),
        ("e.jsonl", '{"caption": "a dog"}\r\n{"caption": "a cat"}'),
    ]
    found = [read_prompts(write(tmp_path, name, content)) for name, content in shapes]
    assert all([(s.id, s.prompt) for s in one] == [(s.id, s.prompt) for s in found[0]] for one in found)


def test_object_of_ids(tmp_path):
    path = write(tmp_path, "a.json", {"x": "a dog", "y": ["a cat", "a tabby"], "z": {"text": "a cow", "n": 3}})
    x, y, z = read_prompts(path)
    assert (x.id, x.prompt) == ("x", "a dog")
    assert (y.prompt, y.captions) == ("a cat", ("a cat", "a tabby"))
    assert (z.id, z.tags) == ("z", {"n": "3", "line": "3"})


def test_coco_captions_are_grouped_by_photograph(tmp_path):
    images = [{"id": i, "file_name": name} for i, name in [(9, "nine.jpg"), (4, "four.jpg"), (1, "none.jpg")]]
    notes = [(3, 4, "c "), (1, 9, "a"), (2, 4, "b")]
    annotations = [{"id": i, "image_id": image, "caption": text} for i, image, text in notes]
    nine, four = read_prompts(write(tmp_path, "a.json", {"images": images, "annotations": annotations}))
    assert (nine.id, nine.prompt, four.captions) == ("9", "a", ("b", "c"))
    assert four.tags["file_name"] == "four.jpg"


def test_geneval_truth(tmp_path):
    cup = {"class": "cup", "count": 1, "color": "red", "position": ["above", 0]}
    row = {"tag": "position", "include": [{"class": "dog", "count": 2}, cup], "prompt": "a red cup above two dogs"}
    (sample,) = read_prompts(write(tmp_path, "a.jsonl", json.dumps(row)))
    assert sample.objects == (Thing("dog"), Thing("dog"), Thing("cup", {"colour": "red"}))
    assert sample.relations == (Relation(2, "above", 0),)  # the cup is above the dog, not the other way round
    assert sample.tags["tag"] == "position"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "[", "is no JSON"),
        ("a.json", '{"x": "a", "x": "b"}', "the key 'x' twice"),
        ("a.json", "[]", "holds no prompts"),
        ("a.json", "3", "holds a number"),
        ("a.json", '["a", 3]', "entry 2 is a number"),
        ("a.json", '["a", null]', "entry 2: empty prompt"),
        ("a.json", '[{"prompt": 5}]', "must be a text"),
        ("a.json", '[{"tag": "x"}]', "its columns are tag"),
        ("a.json", '{"annotations": [{"image_id": 3}]}', "lacks 'caption'"),
        ("a.json", "[" * 100000, "nested too deeply"),
        ("a.jsonl", '"a"\n\n"b"\n', "line 2: an empty line"),
        ("a.jsonl", '"a"\nb\n', "line 2 is no JSON"),
        ("a.jsonl", '{"prompt": "a", "id": 1}\n{"prompt": "b", "id": 1}', "the id '1' occurs more than once"),
        ("a.jsonl", '{"prompt": "a", "id": true}', "the id is True"),
    ],
)
def test_faults_of_json(tmp_path, name, content, said):
    assert said in refused(write(tmp_path, name, content))


# ---- the field's own files -------------------------------------------------------------


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    return path


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("visor/prompts.json", 50),
        ("parti/PartiPrompts.tsv", 1632),
        ("geneval/evaluation_metadata.jsonl", 553),
        ("geneval/generation_prompts.txt", 553),
        ("coco/captions_val2014_fakecap_results.json", 1000),
        ("imagereward/test.json", 466),
        ("tifa/human_annotations.json", 800),
        ("tifa/sample_text_inputs.json", 2),
        ("clipscore/refs.json", 2),
        ("t2i-compbench/dataset/color.txt", 860),
        ("t2i-compbench/dataset/shape.txt", 1000),
        ("t2i-compbench/dataset/spatial_val.txt", 300),
    ],
)
def test_counts_of_real_files(name, count):
    samples = read_prompts(shared(name))
    assert len(samples) == count == len({s.id for s in samples})
    assert all(s.prompt == s.prompt.strip() and "\r" not in s.prompt for s in samples)


def test_all_compbench_lists():
    lists = sorted(shared("t2i-compbench/dataset").glob("*.txt"))
    counts = [len(read_prompts(path)) for path in lists]
    assert (len(counts), sum(counts)) == (37, 17861)


def test_real_ids_and_truth():
    visor = read_prompts(shared("visor/prompts.json"))
    assert (visor[0].id, visor[0].prompt) == ("810", "a bicycle to the left of an airplane")
    assert visor[0].tags["rel_type"] == "to the left of"
    geneval = read_prompts(shared("geneval/evaluation_metadata.jsonl"))
    plain = read_prompts(shared("geneval/generation_prompts.txt"))
    assert [s.id for s in geneval] == [s.id for s in plain]
    assert sum(len(s.relations) for s in geneval) == 100
    colours = [s for s in read_prompts(shared("t2i-compbench/dataset/color.txt")) if s.id.endswith("-2")]
    assert len(colours) == 18
    refs = read_prompts(shared("clipscore/refs.json"))
    assert len(refs[0].captions) == 3
