"""CSV, Parquet and JSON hold the same full numbers, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pandas as pd
import pytest

from bench.reports.comparison.compare import compare
from bench.reports.exports import forms
from bench.reports.exports.data import FIELDS, comparison_json, scores_csv, scores_parquet
from bench.reports.exports.markdown import markdown

FORMULA = '=HYPERLINK("http://x","click")'


@pytest.fixture
def found(make):
    return compare(
        [make(FORMULA, seed=1, failed=3), make("good", seed=2, skill=2.0), make("noise", skill=-4, control=True)]
    )


def lines(found):
    return list(csv.DictReader(io.StringIO(scores_csv(found))))


def test_csv_and_parquet_agree_and_are_exact(found):
    frame = pd.read_parquet(io.BytesIO(scores_parquet(found)))
    rows = lines(found)
    assert list(rows[0]) == list(FIELDS) and list(frame) == [*FIELDS, "replicates"] and len(rows) == len(frame)
    for row, (_, typed) in zip(rows, frame.iterrows(), strict=True):
        for field, kind in FIELDS.items():
            if kind in ("float64", "Int64"):
                assert (row[field] == "") == bool(pd.isna(typed[field]))
                assert row[field] == "" or float(row[field]) == float(typed[field])
    cells = {(s.title, r.key): r.cells[i].value for i, s in enumerate(found.systems) for r in found.rows}
    held = {(t, v) for (t, _), v in cells.items() if v is not None}
    assert held == {(t, v) for t, v in zip(frame["system"], frame["value"], strict=True) if not pd.isna(v)}


def test_differences_are_the_comparisons_own(found):
    frame = pd.read_parquet(io.BytesIO(scores_parquet(found))).set_index(["system", "metric", "output"])
    told = 0
    for row in found.rows:
        for d in row.differences:
            if d is not None:
                line = frame.loc[(found.systems[d.system].title, row.metric, row.output.name)]
                assert (line["delta"], line["verdict"], line["p_adjusted"]) == (d.delta, d.kind, d.p_adjusted)
                value = {i: row.cells[i].value for i in (d.system, d.reference)}
                if row.output.estimator is None:  # others are formed on the common images alone
                    assert math.isclose(line["delta"], value[d.system] - value[d.reference], rel_tol=0.2, abs_tol=1)
                told += 1
    assert told >= 4


def test_set_metrics_keep_their_replicates(found):
    frame = pd.read_parquet(io.BytesIO(scores_parquet(found)))
    assert {len(r) for r in frame.loc[frame["label"] == "FID", "replicates"]} == {10}
    assert {len(r) for r in frame.loc[frame["label"] != "FID", "replicates"]} == {0}


def test_no_text_cell_is_a_formula_and_numbers_stay_numbers(found):
    rows = lines(found)
    assert {r["system"] for r in rows} == {"_" + FORMULA, "good", "noise"}
    for row in rows:
        for field, kind in FIELDS.items():
            if kind == "string":
                assert row[field][:1] not in tuple("=+-@\t\r"), (field, row[field])
            elif row[field] and kind != "boolean":
                float(row[field])
    assert any(float(r["delta"]) < 0 for r in rows if r["delta"]), "a negative number must not be mangled"


def test_nan_and_none_are_never_printed(make, tmp_path):
    found = compare([make("a", n=1, repeats=1), make("b", n=1, repeats=1, seed=2)])
    for name, form in forms.PRINTED.items():
        words = re.findall(r"[a-z]+", form(found).replace(str(tmp_path), "").casefold())
        assert not {"nan", "inf", "none"} & set(words), name


def test_json_says_what_the_table_says(found):
    data = json.loads(comparison_json(found))
    assert [s["title"] for s in data["systems"]] == [FORMULA, "good", "noise"]
    assert [s["control"] for s in data["systems"]] == [False, False, True]
    assert comparison_json(found) == comparison_json(found) and "NaN" not in comparison_json(found)


def test_every_form_is_the_same_twice(make):
    runs = [make("a", n=12), make("b", n=12, seed=2)]
    assert forms.files(compare(runs)) == forms.files(compare(runs))


def test_markdown_tells_each_difference(found):
    text = markdown(found)
    section = text.partition("## Differences")[2].partition("\n## ")[0]
    wanted = sum(d is not None for row in found.rows for d in row.differences)
    assert sum(line.startswith("| ") for line in section.splitlines()) - 2 == wanted
