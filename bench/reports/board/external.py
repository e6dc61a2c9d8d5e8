"""Rows without evidence: scores that others published, from CSV files. Shown in grey, never ranked, never averaged.

    system,column,value[,low,high][,source][,dataset][,note]

`column` is a column's id, label or metric. What names no column of the board is counted in a note: a file of published
scores serves several boards.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError, UsageError, did_you_mean
from bench.formats.tables import read_table
from bench.reports.board.columns import matching
from bench.reports.board.nouns import BoardRow, Column
from bench.reports.comparison.nouns import Cell
from bench.spec import digest

_NEEDED = ("system", "column", "value")
_FIELDS = (*_NEEDED, "low", "high", "source", "dataset", "note")
_NAMED = 6
"""Columns that a note names."""


@dataclass(frozen=True)
class _Line:
    where: str
    system: str
    column: str
    dataset: str
    value: float
    low: float | None
    high: float | None
    source: str
    note: str


def external(
    files: Iterable[str], columns: Sequence[Column], bounds: Mapping[str, tuple[float | None, float | None]]
) -> tuple[list[BoardRow], list[str]]:
    """Rows in the order of the files, and notes. DataError or UsageError names the line that cannot be understood.

    bounds: column id -> least and greatest possible value; a number beyond them was published on another scale.
    """
    rows: dict[str, dict[str, Cell]] = {}
    sources: dict[str, list[str]] = {}
    notes = []
    for file in files:
        unknown: Counter[str] = Counter()
        for line in _lines(Path(file)):
            found = [c for c in matching(columns, line.column) if line.dataset in ("", c.dataset)]
            if not found or not found[0].dataset:
                unknown[line.column] += 1
                continue
            if len(found) > 1:
                raise UsageError(
                    f"{line.where}: '{line.column}' names {len(found)} columns; add a dataset, or give one's id: "
                    f"{', '.join(c.id for c in found)}."
                )
            cells = rows.setdefault(line.system, {})
            if found[0].id in cells:
                raise DataError(f"{line.where}: '{line.system}' has a value for {found[0].id} already.")
            cells[found[0].id] = _cell(line, bounds.get(found[0].id, (None, None)))
            if line.source and line.source not in sources.setdefault(line.system, []):
                sources[line.system].append(line.source)
        if unknown:
            told = ", ".join(list(unknown)[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
            notes.append(f"{Path(file).name}: {sum(unknown.values())} values are of no column of this board ({told}).")
    made = [
        BoardRow(
            digest(["external", name])[:12], name, "external",
            tuple(cells.get(c.id, Cell(None, note="not published")) for c in columns),
            source="; ".join(sources.get(name, [])), reason="published scores, without the evidence that ranks need",
        )
        for name, cells in rows.items()
    ]  # fmt: skip
    return made, notes


def _cell(line: _Line, bounds: tuple[float | None, float | None]) -> Cell:
    low, high = bounds
    if (low is not None and line.value < low) or (high is not None and line.value > high):
        span = f"{'below ' if high is None else ''}{low:g}" if high is None else f"outside {low:g} to {high:g}"
        return Cell(None, note=f"published as {line.value:g}, {span} of this column: another scale")
    return Cell(line.value, line.low, line.high, "as published", note=line.note)


def _lines(file: Path) -> list[_Line]:
    if not file.is_file():
        raise UsageError(f"There is no file of entries {file}.")
    head, rows = read_table(file)
    absent = [n for n in _NEEDED if n not in head]
    if absent:
        raise DataError(f"{file} lacks the column '{absent[0]}'; entries have {', '.join(_FIELDS)}.")
    odd = [h for h in head if h not in _FIELDS]
    if odd:
        raise DataError(f"{file}: '{odd[0]}' is no column of entries.{did_you_mean(odd[0], _FIELDS)}")
    return [_line(f"{file}, line {number}", {k: v.strip() for k, v in row.items()}) for number, row in rows]


def _line(where: str, row: dict[str, str]) -> _Line:
    if not row["system"] or not row["column"]:
        raise DataError(f"{where}: 'system' and 'column' must be filled in.")
    value = _number(row["value"], "value", where)
    if value is None:
        raise DataError(f"{where}: 'value' is empty.")
    low, high = (_number(row.get(end, ""), end, where) for end in ("low", "high"))
    if (low is None) != (high is None) or (low is not None and high is not None and not low <= value <= high):
        raise DataError(f"{where}: 'low' and 'high' must both be given and lie around the value.")
    more = [row.get(name, "") for name in ("source", "note")]
    return _Line(where, row["system"], row["column"], row.get("dataset", ""), value, low, high, *more)


def _number(text: str, name: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: '{name}' must be a number; got '{text}'.")
    return value
