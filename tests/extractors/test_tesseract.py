"""OCR: tesseract's table read as words, a program that fails, and the program itself where it is installed."""

from __future__ import annotations

import shutil
import stat

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bench.errors import DataError, UsageError
from bench.extractors.tesseract import Tesseract, boxed, words_of
from bench.metrics.wording import TextRendering
from bench.types import Sample

HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
TABLE = HEAD + (
    "1\t1\t0\t0\t0\t0\t0\t0\t200\t80\t-1\t\n"
    "5\t1\t1\t1\t1\t1\t10\t20\t40\t16\t96.5\tHELLO\n"
    '5\t1\t1\t1\t1\t2\t60\t20\t50\t16\t40\t"world\n'
    "5\t1\t1\t1\t2\t1\t10\t50\t30\t10\t20\tghost\n"
    "5\t1\t2\t1\t1\t1\t10\t70\t30\t10\t91\tbye\n"
)


def fake(tmp_path, table=TABLE, code=0, said="", sleep=0):
    """A program that speaks like tesseract."""
    (tmp_path / "tessdata").mkdir(exist_ok=True)
    (tmp_path / "tessdata" / "eng.traineddata").write_bytes(b"english")
    (tmp_path / "table.tsv").write_text(table)
    program = tmp_path / "tesseract"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "--version) echo 'tesseract 5.9.1'; exit 0;;\n"
        f"--list-langs) echo 'List of available languages in \"{tmp_path / 'tessdata'}\" (1):'; echo eng; exit 0;;\n"
        "esac\n"
        f"cat > /dev/null; sleep {sleep}; echo '{said}' >&2; cat '{tmp_path / 'table.tsv'}'; exit {code}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return str(program)


def page(*texts, size=(240, 90)):
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for i, text in enumerate(texts):
        pen.text((14, 12 + 36 * i), text, fill="black", font=ImageFont.load_default(26))
    return np.asarray(image)


def test_a_table_is_words_by_lines_with_boxes():
    lines = words_of(TABLE, 0.3)
    assert [[w[1] for w in line] for line in lines] == [["HELLO", '"world'], ["bye"]], "quotes and order stay"
    assert lines[0][0] == ((10, 20, 50, 36), "HELLO", 0.965)
    assert [w[1] for line in words_of(TABLE, 0.0) for w in line] == ["HELLO", '"world', "ghost", "bye"]
    assert words_of(TABLE, 0.3, 2)[0][0][0] == (5, 10, 25, 18), "boxes are of the image as it came"
    found = boxed([w for line in lines for w in line], (200, 80))
    assert found.labels == ("HELLO", '"world', "bye") and found.size == (200, 80)
    assert boxed([], (2, 3)).boxes.shape == (0, 4)


@pytest.mark.parametrize("table", ["", "no table\n1\n", HEAD + "5\t1\t1\t1\t1\t1\tx\t2\t3\t4\t5\tw\n", HEAD + "5\t1\n"])
def test_other_tables_are_refused(table):
    with pytest.raises(DataError, match="tesseract"):
        words_of(table, 0.3)


def test_text_and_boxes_of_a_program(tmp_path):
    made = Tesseract(program=fake(tmp_path))
    assert made.problems() == []
    image = page("x")
    found = made.extract_images([image, image])
    assert found["text"] == ['HELLO "world\nbye'] * 2 and found["detections"][0].labels[0] == "HELLO"
    assert made.identity()["version"] == "5.9.1" and len(made.identity()["languages"]["eng"]) == 64
    others = [Tesseract(program=made.program, **g).identity() for g in ({"psm": 6}, {"threshold": 0.1}, {"scale": 2})]
    assert len({str(i) for i in [made.identity(), *others]}) == 4
    (tmp_path / "tessdata" / "eng.traineddata").write_bytes(b"another english")
    assert Tesseract(program=made.program).identity() != made.identity()


def test_programs_that_fail(tmp_path):
    (said,) = Tesseract(program=str(tmp_path / "none")).problems()
    assert "apt install tesseract-ocr" in said
    (said,) = Tesseract(program=fake(tmp_path), lang="eng+xyz").problems()
    assert said == "tesseract has no language 'xyz' (eng): apt install tesseract-ocr-xyz."
    with pytest.raises(DataError, match=r"exit code 3\): no memory"):
        Tesseract(program=fake(tmp_path, code=3, said="no memory")).extract_images([page("x")])
    with pytest.raises(DataError, match=r"more than 0\.2 s"):
        Tesseract(program=fake(tmp_path, sleep=3), timeout=0.2).extract_images([page("x")])
    with pytest.raises(DataError, match="no table of words"):
        Tesseract(program=fake(tmp_path, table="?")).extract_images([page("x")])


@pytest.mark.parametrize("given", [{"lang": "e n"}, {"lang": ""}, {"psm": 0}, {"threshold": 2}, {"scale": 0}])
def test_parameters_out_of_range(given):
    with pytest.raises(UsageError, match="tesseract"):
        Tesseract(**given)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")
def test_the_program_reads_what_is_written_where_it_stands():
    made = Tesseract(psm=6)
    assert made.problems() == []
    images = [page("HELLO WORLD", "number 42"), page(), page("STOP", size=(160, 70))]
    found = made.extract_images(images)
    assert found["text"] == ["HELLO WORLD\nnumber 42", "", "STOP"]
    hello, world, *_ = found["detections"][0].boxes
    assert found["detections"][0].labels[:2] == ("HELLO", "WORLD") and hello[2] < world[0]
    assert abs(hello[0] - 14) < 6 and 10 < hello[1] < 30
    metric = TextRendering("tesseract")
    samples = [
        Sample("a", 'a sign that says "Hello World"'),
        Sample("b", 'a sign that says "stop"'),
        Sample("c", "a dog"),
    ]
    metric.update(read=[found["text"][i] for i in (0, 0, 2)], truth=samples)
    table = metric.table()
    assert table["exact"][:2].tolist() == [1.0, 0.0] and np.isnan(table["exact"][2])
