"""Votes on pairs of images as arenas and studies write them: CSV, TSV, JSON (lines) or Parquet with a row a vote.

Column names differ and are looked up in `NAMES`; who won may stand as the system's own name, as the side (a, left,
model_a, first), as Pick-a-Pic's label_0 and label_1, or as a number in a column `outcome`.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import DataError
from bench.formats.tables import column_name

NAMES: dict[str, tuple[str, ...]] = {
    "first": ("first", "system_a", "model_a", "system_1", "model_1", "model_0", "left", "model_left", "a"),
    "second": ("second", "system_b", "model_b", "system_2", "model_2", "model_1", "right", "model_right", "b"),
    "winner": ("winner", "vote", "preference", "preferred", "choice"),
    "outcome": ("outcome",),
    "sample": ("sample", "prompt_id", "item_id", "question_id", "id", "prompt", "caption"),
    "rater": ("rater", "user_id", "worker_id", "annotator", "annotator_id", "user", "judge"),
}
"""What a column is -> names that it may have, the first that is there counts."""
_FIRST = {"first", "a", "left", "model_a", "system_a", "model_0", "model_left"}
_SECOND = {"second", "b", "right", "model_b", "system_b", "model_right"}
_TIE = {
    "tie", "ties", "tied", "draw", "both", "equal", "same", "none", "neither", "tie (bothbad)", "bothbad", "both_bad",
}  # fmt: skip


def is_votes(columns: AbstractSet[str]) -> bool:
    """Whether a table with these columns is one of votes."""
    known = {column_name(c) for c in columns}
    first, second = _sides(known)
    return bool(first and second) and bool(
        known & {*NAMES["winner"], *NAMES["outcome"]} or {"label_0", "label_1"} <= known
    )


def _sides(known: AbstractSet[str]) -> tuple[str, str]:
    """The columns of the two systems; '' where one is absent. Names come in pairs: model_1 may be either side's."""
    pairs = [(a, b) for a, b in zip(NAMES["first"], NAMES["second"], strict=True)]
    return next(((a, b) for a, b in pairs if a in known and b in known), ("", ""))


def read_votes(frame: pd.DataFrame, path: Path) -> tuple[list[tuple[Any, ...]], list[str]]:
    """(rows as `judgements.COLUMNS`, notes); DataError names the first row whose vote says nothing that is known."""
    frame = frame.rename(columns={c: column_name(str(c)) for c in frame.columns})
    known = set(frame.columns)
    first, second = _sides(known)
    sample = next((c for c in NAMES["sample"] if c in known), "")
    rater = next((c for c in NAMES["rater"] if c in known), "")
    rows: list[tuple[Any, ...]] = []
    blank, same = 0, 0
    for at, row in enumerate(frame.to_dict("records"), 1):
        one, other = _cell(row, first), _cell(row, second)
        if not one or not other:
            raise DataError(f"'{path}', row {at}: a vote needs both systems in {first} and {second}.")
        unsaid = _cell(row, "has_label").casefold() == "false"
        vote = None if unsaid else _outcome(row, one, other, f"'{path}', row {at}")
        k, other_k = (_number(row.get(c, 0), f"'{path}', row {at}") for c in ("k", "other_k"))
        name = _cell(row, sample) if sample else str(at)
        if vote is None or (one == other and k == other_k):
            blank, same = blank + (vote is None), same + (vote is not None)
            continue
        group = _cell(row, "group") or name
        rows.append((name, group, k, one, other, other_k, _cell(row, rater), _cell(row, "aspect"), vote))
    notes = [f"{blank} rows have no vote and are left out."] if blank else []
    notes += [f"{same} rows hold one system against itself and are left out."] if same else []
    notes += [] if sample else ["No column says of which prompt a vote is: each counts as a prompt of its own."]
    return rows, notes


def _cell(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _number(value: Any, where: str) -> int:
    text = _cell({"k": value}, "k") or "0"
    if not text.isdecimal():
        raise DataError(f"{where}: k is the number of an image of a prompt, from 0; '{text[:40]}' is none.")
    return int(text)


def _outcome(row: dict[str, Any], one: str, other: str, where: str) -> float | None:
    """1: the first won, 0.5: a tie, 0: the second; None: no vote."""
    if "label_0" in row and "label_1" in row:
        return _numeric(_cell(row, "label_0"), where)
    column = next((c for c in NAMES["winner"] if c in row), "")
    if not column:
        return _numeric(_cell(row, "outcome"), where)
    said = _cell(row, column)
    if not said:
        return None
    if said in (one, other) and one != other:
        return float(said == one)
    small = said.casefold()
    for words, value in ((_FIRST, 1.0), (_SECOND, 0.0), (_TIE, 0.5)):
        if small in words:
            return value
    raise DataError(
        f"{where}: the vote '{said[:40]}' is none of {one}, {other}, a, b, left, right, first, second, tie "
        "(numbers go into a column outcome: 1, 0.5, 0)."
    )


def _numeric(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value not in (0.0, 0.5, 1.0):
        raise DataError(f"{where}: the outcome '{text[:40]}' is none of 1 (the first won), 0.5 (a tie), 0.")
    return value
