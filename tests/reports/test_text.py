"""Tables for the terminal, Markdown, CSV and JSON, with kind and with hostile names."""

from __future__ import annotations

import csv
import io
import json

import pytest

from bench.reports.comparison.compare import compare
from bench.reports.exports.data import as_data, scores_csv
from bench.reports.exports.markdown import markdown
from bench.reports.exports.text import table
from bench.reports.words import clean, display_width, escaped, wrapped

LONG = "a-very-long-system-name/" * 20
HOSTILE = ["<img src=x onerror=alert(1)>|`x`", "\u202eelif\u202c\x1b[31m", "图像生成系统", LONG, "$\\foo$ *b* _c_"]


def test_table_shows_values_best_and_controls_apart(make):
    text = table(
        compare([make("plain", seed=1), make("good", skill=2.0, seed=2), make("noise", skill=-4, seed=3, control=True)])
    )
    lines = text.splitlines()
    at = {name: next(i for i, line in enumerate(lines) if line.startswith(name)) for name in ("plain", "good", "noise")}
    assert at["plain"] < at["good"] < at["noise"] and set(lines[at["noise"] - 1]) == {"-"}
    assert lines[at["good"]].count("*") == 4 and lines[at["noise"]].count("*") == 0
    assert "FID\N{NO-BREAK SPACE}↓" in text and "±" in text and "n 120" in text


def test_table_keeps_its_width_and_its_names(make):
    found = compare([make(name, seed=i) for i, name in enumerate(HOSTILE)])
    text = table(found, width=80)
    assert max(display_width(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text and "\u202e" not in text
    first_column = "".join(line[:28].strip() for line in text.splitlines())
    assert LONG[:100] in first_column


def test_table_without_unicode(make):
    text = table(compare([make("a", seed=1), make("b", skill=2.0, seed=2)]), ascii_only=True)
    assert text.isascii()


def test_wrapping_loses_nothing():
    for text in (LONG, "图" * 70, "one two three four five six seven", "x"):
        lines = wrapped(text, 17)
        assert max(map(display_width, lines)) <= 17
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_markdown_is_inert(make):
    text = markdown(compare([make(name, seed=i) for i, name in enumerate(HOSTILE)]))
    assert "<img" not in text
    body = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in body}) == 1
    assert escaped("a|b<c>*d*") == "a\\|b&lt;c&gt;\\*d\\*"


def test_csv_is_long_and_exact(make):
    found = compare([make('quote" and, comma', seed=1), make("b", seed=2, failed=3)])
    rows = list(csv.DictReader(io.StringIO(scores_csv(found))))
    assert len(rows) == 2 * len(found.rows)
    assert {r["system"] for r in rows} == {'quote" and, comma', "b"}
    for got, row in zip(rows, found.rows, strict=False):
        assert float(got["value"]) == row.cells[0].value and got["protocol"] == row.protocol
    assert {r["n_missing"] for r in rows if r["system"] == "b"} == {"3"}


def test_data_is_json_without_nan(make):
    data = as_data(compare([make("a", seed=1, n=1), make("b", seed=2, n=1)]))
    again = json.loads(json.dumps(data, allow_nan=False))
    assert [s["title"] for s in again["systems"]] == ["a", "b"]
    assert {d["system"] for row in again["scores"] for d in row["differences"]} <= {"a", "b"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a\nb\tc", "a b c"), ("", "(empty)"), ("\x07x", "\ufffdx"), ("\u200dx\u202e", "\u200dx\ufffd")],
)
def test_clean(given, shown):
    assert clean(given) == shown
