"""The comparison as data: long scores as CSV and Parquet, everything as JSON. Full precision, no row of a sample.

A line of the long table is one system's score on one output, with its difference to the reference of that output.
Cells of text that a spreadsheet would execute get a '_' in front (`words.cell_word`); numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from bench import store
from bench.reports.comparison.nouns import Cell, Comparison, Difference, Row, System
from bench.reports.comparison.verdicts import verdicts
from bench.reports.exports.rankings import rankings_data
from bench.reports.numbers import DIRECTIONS
from bench.reports.words import cell_word, clean

_TEXT, _NUMBER, _COUNT, _FLAG = "string", "float64", "Int64", "boolean"
FIELDS: dict[str, str] = {
    "system": _TEXT, "dataset": _TEXT, "metric": _TEXT, "output": _TEXT, "value": _NUMBER, "low": _NUMBER,
    "high": _NUMBER, "method": _TEXT, "n": _COUNT, "n_missing": _COUNT, "policy": _TEXT, "protocol": _TEXT,
    "label": _TEXT, "name": _TEXT, "unit": _TEXT, "direction": _TEXT, "primary": _FLAG, "control": _FLAG, "best": _FLAG,
    "chance": _NUMBER, "note": _TEXT, "caveat": _TEXT, "reference": _TEXT, "delta": _NUMBER, "delta_low": _NUMBER,
    "delta_high": _NUMBER, "delta_method": _TEXT, "p": _NUMBER, "p_adjusted": _NUMBER, "detectable": _NUMBER,
    "common": _COUNT, "wins": _COUNT, "ties": _COUNT, "losses": _COUNT, "verdict": _TEXT, "not_compared": _TEXT,
    "run": _TEXT, "seed": _COUNT,
}  # fmt: skip
"""Column -> kind. Intervals are 95 %; `delta`: system less reference in the metric's unit; `common`: images of both."""


def long_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A mapping of FIELDS for each system and output that the system has."""
    for i, system in enumerate(comparison.systems):
        for row in comparison.rows:
            one = row.cells[i]
            if one is not None:
                yield {**_score(comparison, system, row, one), **_against(comparison, row, i)}


def _score(comparison: Comparison, system: System, row: Row, one: Cell) -> dict[str, Any]:
    dataset = comparison.dataset
    return {
        "system": clean(system.title), "dataset": clean(str(dataset.get("label") or dataset.get("name", "dataset"))),
        "metric": row.metric, "output": row.output.name, "value": one.value, "low": one.low, "high": one.high,
        "method": one.method, "n": one.n, "n_missing": one.n_missing, "policy": one.policy, "protocol": one.protocol,
        "label": clean(row.label), "name": row.title, "unit": row.output.unit, "direction": row.direction,
        "primary": row.primary, "control": system.control, "best": one.best, "chance": one.chance, "note": one.note,
        "caveat": row.card.caveat, "run": system.run.digest, "seed": system.run.spec.seed,
    }  # fmt: skip


def _against(comparison: Comparison, row: Row, system: int) -> dict[str, Any]:
    why = row.refusals[system] if row.refusals else ""
    one: Difference | None = row.differences[system]
    if one is None:
        return {"not_compared": why}
    return {
        "reference": clean(comparison.systems[one.reference].title), "delta": one.delta, "delta_low": one.low,
        "delta_high": one.high, "delta_method": one.method, "p": one.p, "p_adjusted": one.p_adjusted,
        "detectable": one.detectable, "common": one.n, "wins": one.wins, "ties": one.ties, "losses": one.losses,
        "verdict": one.kind, "not_compared": why,
    }  # fmt: skip


def scores_csv(comparison: Comparison) -> str:
    """scores.csv: a line for each system and output, empty where there is nothing to say."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in long_rows(comparison):
        writer.writerow([csv_cell(row.get(field)) for field in FIELDS])
    return stream.getvalue()


def csv_cell(value: Any) -> str:
    """A number in full, yes or no, or a text that no spreadsheet executes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, int | float) else cell_word(str(value))


def scores_parquet(comparison: Comparison) -> bytes:
    """scores.parquet: the same, typed, and the replicates of set metrics; texts as they are."""
    rows = list(long_rows(comparison))
    frame = pd.DataFrame({
        field: pd.array([row.get(field) for row in rows], dtype=kind) for field, kind in FIELDS.items()
    })  # fmt: skip
    held = {(s.run.digest, x.metric, x.output, x.protocol): x for s in comparison.systems for x in s.run.scores}
    keys = [(row["run"], row["metric"], row["output"], row["protocol"]) for row in rows]
    frame["replicates"] = [list(held[key].replicates) if key in held else [] for key in keys]
    return store.parquet_bytes(frame)


# ---- JSON -----------------------------------------------------------------------------------------------------------


def comparison_json(comparison: Comparison) -> str:
    """comparison.json: `as_data`, sorted, strict."""
    return json.dumps(as_data(comparison), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def as_data(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON-ready data (`bench compare --json`)."""
    titles = [s.title for s in comparison.systems]
    return {
        "dataset": dict(comparison.dataset), "prompts": comparison.prompts, "common": comparison.common,
        "baseline": None if comparison.baseline is None else titles[comparison.baseline],
        "systems": [{"title": s.title, "run": s.path, "digest": s.run.digest, "control": s.control}
                    for s in comparison.systems],
        "scores": [_row_data(row, titles) for row in comparison.rows],
        "verdicts": [{"metric": v.row.metric, "output": v.row.output.name, "kind": v.kind, "text": v.text}
                     for v in verdicts(comparison)],
        "refused": list(comparison.refused), "notes": list(comparison.notes), "broken": list(comparison.broken),
        "rankings": None if comparison.rankings is None else rankings_data(comparison.rankings),
    }  # fmt: skip


def _row_data(row: Row, titles: Sequence[str]) -> dict[str, Any]:
    differences = [
        {**{k: v for k, v in vars(d).items() if k not in ("system", "reference")}, "p_adjusted": d.p_adjusted,
         "system": titles[d.system], "reference": titles[d.reference]}
        for d in row.differences if d is not None
    ]  # fmt: skip
    return {
        "metric": row.metric, "output": row.output.name, "label": row.label, "direction": row.direction,
        "meaning": DIRECTIONS[row.direction], "unit": row.output.unit, "protocol": row.protocol, "primary": row.primary,
        "note": row.note, "systems": {t: vars(c) for t, c in zip(titles, row.cells, strict=True) if c is not None},
        "differences": differences,
        "not_compared": {t: why for t, why in zip(titles, row.refusals, strict=False) if why},
    }  # fmt: skip
