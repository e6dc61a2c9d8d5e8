"""A board as data: board.json with all that `leaderboard diff` needs, and the long table as CSV and Parquet.

Full precision, sorted keys, no path of this machine, null for what is no number. A line of the long table is one row's
number in one column.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import store
from bench.reports.board.nouns import Board, BoardRow, Column
from bench.reports.exports.data import csv_cell
from bench.reports.words import clean

FORMAT = 1
"""Of board.json."""

_TEXT, _NUMBER, _COUNT, _FLAG = "string", "float64", "Int64", "boolean"
FIELDS: dict[str, str] = {
    "place": _COUNT, "rank_best": _COUNT, "rank_worst": _COUNT, "letters": _TEXT, "title": _TEXT, "role": _TEXT,
    "column": _TEXT, "label": _TEXT, "dataset": _TEXT, "metric": _TEXT, "output": _TEXT, "value": _NUMBER,
    "low": _NUMBER, "high": _NUMBER, "method": _TEXT, "n": _COUNT, "n_missing": _COUNT, "policy": _TEXT,
    "best": _FLAG, "column_rank_best": _COUNT, "column_rank_worst": _COUNT, "first_share": _NUMBER, "note": _TEXT,
    "unit": _TEXT, "direction": _TEXT, "primary": _FLAG, "protocol": _TEXT, "system": _TEXT, "generator": _TEXT,
    "fusion": _TEXT, "seeds": _COUNT, "images": _COUNT, "coverage": _NUMBER, "level": _TEXT, "latency": _NUMBER,
    "source": _TEXT, "reason": _TEXT, "id": _TEXT,
}  # fmt: skip
"""Column -> kind. Intervals are 95 %; ranks are simultaneous for primary columns; `place`: in the board's order."""


def long_rows(board: Board) -> Iterator[dict[str, Any]]:
    """A mapping of FIELDS for each row and column that it has a cell in; one at least for each row."""
    for at, row in enumerate(board.rows):
        place = at if row.role == "system" else None
        head = _head(board, row, place)
        cells = [(c, x) for c, x in zip(board.columns, row.cells, strict=True) if x is not None]
        if not cells:
            yield head
        for column, one in cells:
            ranks, first = standing(board, column, place)
            yield {
                **head, **_column(column), "value": one.value, "low": one.low, "high": one.high, "method": one.method,
                "n": one.n, "n_missing": one.n_missing, "policy": one.policy, "best": one.best, "note": one.note,
                "column_rank_best": ranks[0], "column_rank_worst": ranks[1], "first_share": first,
            }  # fmt: skip


def standing(board: Board, column: Column, place: int | None) -> tuple[tuple[int | None, int | None], float | None]:
    """((best, worst) rank, share of resamples in which it is first) of a ranked row in a column; None where it has
    none."""
    pairs = board.pairs.get(column.id)
    if pairs is None or place is None or pairs.ranks[place] == (0, 0):
        return (None, None), None
    return pairs.ranks[place], float(pairs.rank_shares[place, 0])


def _head(board: Board, row: BoardRow, place: int | None) -> dict[str, Any]:
    order = next(c for c in board.columns if c.id == board.order)
    ranks, _ = standing(board, order, place)
    return {
        "place": None if place is None else place + 1, "rank_best": ranks[0], "rank_worst": ranks[1],
        "letters": board.letters[place] if place is not None and board.letters else "", "title": clean(row.title),
        "role": row.role, "system": row.system, "generator": row.generator, "fusion": row.fusion, "seeds": row.seeds,
        "images": row.images, "coverage": row.coverage, "level": row.level, "latency": row.latency,
        "source": row.source, "reason": row.reason, "id": row.id,
    }  # fmt: skip


def _column(column: Column) -> dict[str, Any]:
    return {
        "column": column.id, "label": column.label, "dataset": column.dataset, "metric": column.metric,
        "output": column.output, "unit": column.unit, "direction": column.direction, "primary": column.primary,
        "protocol": column.protocol,
    }  # fmt: skip


def board_csv(board: Board, rows: Sequence[Mapping[str, Any]] | None = None) -> str:
    """board.csv: a line for each row and column; texts that a spreadsheet would execute get a '_' in front.

    rows: `long_rows`, where they are made already.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in long_rows(board) if rows is None else rows:
        writer.writerow([csv_cell(row.get(field)) for field in FIELDS])
    return stream.getvalue()


def board_parquet(board: Board, rows: Sequence[Mapping[str, Any]] | None = None) -> bytes:
    """board.parquet: the same, typed; texts as they are."""
    held = list(long_rows(board)) if rows is None else rows
    columns = {field: pd.array([row.get(field) for row in held], dtype=kind) for field, kind in FIELDS.items()}
    return store.parquet_bytes(pd.DataFrame(columns))


# ---- JSON -----------------------------------------------------------------------------------------------------------


def board_json(board: Board) -> str:
    """board.json: `board_data`, sorted and strict, a line for each field and each row, so that two boards can be
    compared by lines."""
    parts = []
    for name, value in sorted(board_data(board).items()):
        lines = [_line(one) for one in value] if isinstance(value, list) else []
        parts.append(f"{_line(name)}: " + ("[\n" + ",\n".join(lines) + "\n]" if lines else _line(value)))
    return "{" + ",\n".join(parts) + "}\n"


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def board_data(board: Board) -> dict[str, Any]:
    """The board as JSON-ready data, without the matrices of all pairs."""
    spec = dataclasses.asdict(board.spec)
    spec |= {"entries": [Path(e).name for e in board.spec.entries], "ledger": Path(board.spec.ledger).name}
    pairs = {
        name: {"reach": p.reach, "groups": p.groups, "exploratory": p.exploratory, "method": p.method}
        for name, p in board.pairs.items()
    }
    return {
        "format": FORMAT, "spec": plain(spec), "order": board.order,
        "columns": [plain(dataclasses.asdict(c)) for c in board.columns],
        "rows": [_row(board, row, at if row.role == "system" else None) for at, row in enumerate(board.rows)],
        "pairs": plain(pairs), "notes": list(board.notes), "protocols": plain(board.protocols),
        "factorial": None if board.factorial is None else plain(dataclasses.asdict(board.factorial)),
    }  # fmt: skip


def _row(board: Board, row: BoardRow, place: int | None) -> dict[str, Any]:
    cells = {}
    for column, one in zip(board.columns, row.cells, strict=True):
        if one is not None:
            ranks, first = standing(board, column, place)
            cells[column.id] = {**vars(one), "ranks": ranks, "first": first}
    held = {k: plain(v) for k, v in vars(row).items() if k not in ("cells", "paths")}
    letters = board.letters[place] if place is not None and board.letters else ""
    return {**held, "cells": cells, "place": None if place is None else place + 1, "letters": letters}


def plain(value: Any) -> Any:
    """What JSON knows: lists, mappings, and null for a number that is none."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
