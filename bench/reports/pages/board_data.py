"""What the board's script computes with: values, and all pairwise differences in a few bytes each.

A difference is that of two values unless the pair has its own; its standard error is one code on a logarithmic scale (a
byte, or two where a byte would be coarser than 1 %). The script decides as `decided` does, from these rounded numbers;
the few pairs for which rounding turns the decision are listed, so that both always say the same. Both compute with the
same IEEE operations in the same order: subtraction, division, products; no logarithm.

Layout of a column's pairs: i < j, row after row. Ranks, reach and shares are in the order of `Board.ranked`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.reports.board.nouns import LEVELS, Board, BoardRow, Column, Pairs
from bench.reports.board.pairs import different
from bench.reports.comparison.nouns import Cell
from bench.reports.pages.board_table import axis, brackets, fusion_of, said, shown
from bench.stats.letters import letters

SAME, BETTER, WORSE, NONE = 0, 1, 2, 3
"""Codes of a decision about a row against another one; NONE: not comparable."""
COARSEST = 0.01
"""Largest relative error of a half width."""
SHARE = 200
"""Steps of a rank's share: half a per cent."""
_FINE = 1000
"""A value is rounded to this part of the smallest error or half width of its column."""
_NOISE = 1.5
"""Units of the scale that rounding alone may make of a difference."""
_SMALL = 64
"""Boards up to so many systems take two bytes a pair: they have the room."""
_LISTED = 4000
"""Pairs with differences of their own that are listed; of more, all pairs get two bytes."""


def decided(pairs: Pairs, column: Column) -> np.ndarray:
    """(S, S) codes: row i against j by i's own simultaneous interval. Without a direction, BETTER means higher."""
    advantage = -pairs.delta if column.direction == "lower" else pairs.delta
    half = halves(pairs)
    known = np.isfinite(advantage) & np.isfinite(half)
    found = np.where(advantage > half, BETTER, np.where(advantage < -half, WORSE, SAME))
    return np.where(known | np.eye(len(half), dtype=bool), found, NONE).astype(np.int8)


def halves(pairs: Pairs) -> np.ndarray:
    """(S, S) half widths of row i's own intervals; 0 where a difference does not vary."""
    with np.errstate(invalid="ignore"):
        return np.where(pairs.error == 0, 0.0, pairs.reach[:, None] * pairs.error)


def script_data(board: Board, *, pairs: Sequence[str] | None = None, shares: Sequence[str] | None = None) -> Any:
    """What `embedded` puts into the page. pairs, shares: ids of the columns that keep theirs (default: all)."""
    rows, opened = [r for r in board.rows if r.role != "unranked"], shown(board)
    columns = []
    for at, column in enumerate(board.columns):
        cells, its = [r.cells[at] for r in rows], board.pairs.get(column.id)
        ranked, scale = cells[: len(board.ranked)], scale_of(cells, its)
        made = {
            **_head(column), "shown": column.id in opened, "scale": scale, "ends": axis(ranked),
            **_values(cells, scale),
        }  # fmt: skip
        if its is not None and (pairs is None or column.id in pairs):
            made["pairs"] = packed(its, column, ints(ranked, scale), scale)
            made["pairs"] |= ties(board, column, its, ranked) if column.primary else {}
            made["pairs"] |= _shares(its.rank_shares) if shares is None or column.id in shares else {}
        columns.append(made)
    return {
        "rows": [_row(r) for r in rows], "columns": columns, "order": board.order, "levels": LEVELS,
        "error": board.spec.error, "title": board.spec.title, "version": board.spec.version,
    }  # fmt: skip


def _head(column: Column) -> dict[str, Any]:
    return {
        "id": column.id, "label": column.label, "dataset": column.dataset, "unit": column.unit,
        "direction": column.direction, "decimals": column.decimals, "primary": column.primary,
    }  # fmt: skip


def _row(row: BoardRow) -> dict[str, Any]:
    return {
        "id": row.id, "title": row.title, "role": row.role, "generator": row.generator, "fusion": fusion_of(row),
        "licence": said(row, "licence"), "size": said(row, "size"),
        "level": "" if row.role == "external" else row.level,
        "seeds": None if row.role == "external" else row.seeds,
        "coverage": row.coverage, "failed": sum(row.failed.values()), "latency": row.latency, "system": row.system,
    }  # fmt: skip


def ties(board: Board, column: Column, pairs: Pairs, cells: Sequence[Cell | None]) -> dict[str, Any]:
    """Letters of each row when the board is ranked by this column, a blank for a free slot; and how many slots."""
    sign = 1 if column.direction == "lower" else -1
    values = [None if c is None else c.value for c in cells]
    order = sorted(range(len(cells)), key=lambda i: (values[i] is None, sign * (values[i] or 0.0), i))
    if column.id == board.order:
        order, told = list(range(len(cells))), list(board.letters)
    else:
        there = [i for i in order if values[i] is not None]
        told = [*letters(different(pairs)[np.ix_(there, there)]), *[""] * (len(order) - len(there))]
    lanes = brackets(told)
    slots = max((len(lane["slots"]) for lane in lanes), default=0)
    drawn = ["".join(s or " " for s in lane["slots"]) if slots else lane["letters"] for lane in lanes]
    return {"ties": [drawn[order.index(i)] for i in range(len(order))] if drawn else [], "slots": slots}


# ---- values ---------------------------------------------------------------------------------------------------------


def scale_of(cells: Sequence[Cell | None], pairs: Pairs | None) -> float:
    """The power of ten that values are multiplied by before they are rounded."""
    known = [c for c in cells if c is not None and c.value is not None]
    sizes = [c.half for c in known if c.half]
    if pairs is not None:
        errors = pairs.error[np.isfinite(pairs.error) & (pairs.error > 0)]
        sizes += [float(errors.min())] if errors.size else []
    largest = max((abs(c.value) for c in known if c.value), default=1.0)
    smallest = max(min(sizes, default=largest * 1e-3), largest * 1e-9)
    return float(f"1e{min(math.ceil(math.log10(_FINE / smallest)), 300)}")


def ints(cells: Sequence[Cell | None], scale: float) -> list[int | None]:
    """Values in units of the scale."""
    return [None if c is None or c.value is None else round(c.value * scale) for c in cells]


def _values(cells: Sequence[Cell | None], scale: float) -> dict[str, Any]:
    """v, and how far the interval goes down and up from it, in units of the scale."""

    def side(one: Cell | None, sign: int) -> int | None:
        end = None if one is None else one.high if sign > 0 else one.low
        return None if one is None or one.value is None or end is None else round(sign * (end - one.value) * scale)

    return {"v": ints(cells, scale), "down": [side(c, -1) for c in cells], "up": [side(c, 1) for c in cells]}


# ---- pairs ----------------------------------------------------------------------------------------------------------


def packed(pairs: Pairs, column: Column, values: Sequence[int | None], scale: float) -> dict[str, Any]:
    """Errors, own differences and ranks of a column as the script reads them, and the decisions that rounding turns."""
    upper = np.triu_indices(len(values), 1)
    error, delta = pairs.error[upper], pairs.delta[upper]
    error = np.where(np.isfinite(error) & np.isfinite(delta), error, np.nan)
    made: dict[str, Any] = {
        **_coded(error, len(values) <= _SMALL), **_own(delta, _plain(values)[upper], scale),
        "reach": [float(f"{r:.6g}") if math.isfinite(r) else 0.0 for r in pairs.reach],
        "ranks": [list(r) for r in pairs.ranks], "first": [round(100 * float(x)) for x in pairs.rank_shares[:, 0]],
    }  # fmt: skip
    exact, rounded = decided(pairs, column).ravel(), decided(unpacked(made, values, scale), column).ravel()
    made["turned"] = [int(x) for at in np.flatnonzero(exact != rounded) for x in (at, exact[at])]
    return made


def unpacked(made: Mapping[str, Any], values: Sequence[int | None], scale: float) -> Pairs:
    """The pairs that the script sees."""
    size, upper = len(values), np.triu_indices(len(values), 1)
    codes = np.frombuffer(base64.b64decode(made["errors"]), "<u2" if made["wide"] else "u1")
    if "every" in made:
        more = made["step"] * np.frombuffer(base64.b64decode(made["every"]), "<i2").astype(np.int64)
    else:
        more = np.zeros(len(codes), np.int64)
        more[made["own"][::2]] = made["own"][1::2]
    error, delta = np.zeros((size, size)), np.zeros((size, size))
    error[upper] = np.append(_levels(made["least"], made["ratio"], made["levels"]), np.nan)[codes]
    delta[upper] = (_plain(values)[upper] + more) / scale
    return Pairs(delta - delta.T, error + error.T, np.array(made["reach"]), (), np.empty(0))


def coarseness(made: Mapping[str, Any]) -> float:
    """Largest relative error of a half width of a packed column."""
    return math.sqrt(made["ratio"]) - 1


def _coded(error: np.ndarray, small: bool) -> dict[str, Any]:
    """Codes of errors: 0 is no error, k is least * ratio ** (k - 1), the last one is not comparable."""
    there = error[error > 0]
    least, most = (float(f"{there.min():.9g}"), float(there.max())) if there.size else (1.0, 1.0)
    wide = small or (most / least) ** (1 / 253) > (1 + COARSEST) ** 2
    levels = 4094 if wide else 254
    ratio = max((most / least) ** (1 / (levels - 1)), 1.0)
    table = _levels(least, ratio, levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.log(error / least) / (math.log(ratio) or 1.0)
    codes = np.where(error > 0, 1 + np.clip(np.round(place), 0, levels - 1), 0)
    codes = np.where(np.isnan(error), len(table), np.nan_to_num(codes)).astype("<u2" if wide else "u1")
    return {"errors": _text(codes), "wide": wide, "least": least, "ratio": ratio, "levels": levels}


def _levels(least: float, ratio: float, levels: int) -> np.ndarray:
    """The errors that codes stand for, by repeated products as in the script."""
    table = [0.0, least]
    for _ in range(levels - 1):
        table.append(table[-1] * ratio)
    return np.array(table)


def _plain(values: Sequence[int | None]) -> np.ndarray:
    """(S, S) differences of the rounded values, 0 standing for a missing one."""
    whole = np.array([0 if v is None else v for v in values], dtype=np.int64)
    return whole[:, None] - whole[None]


def _own(delta: np.ndarray, plain: np.ndarray, scale: float) -> dict[str, Any]:
    """What pairs differ by beside the difference of their values: a list of (pair, more), or of all pairs in steps."""
    more = np.where(np.isfinite(delta), delta, plain / scale) * scale - plain
    more = np.where(np.abs(more) <= _NOISE, 0, np.round(more)).astype(np.int64)
    at = np.flatnonzero(more)
    if len(at) <= _LISTED:
        return {"own": [int(x) for i in at for x in (i, more[i])]}
    step = int(max(-(-np.abs(more).max() // 32767), 1))
    return {"every": _text(np.round(more / step).astype("<i2")), "step": step}


def _shares(shares: np.ndarray) -> dict[str, Any]:
    """Of each system the first rank that it has, and bytes of all ranks up to its last one, one after another."""
    steps = np.round(np.asarray(shares) * SHARE).astype(np.uint8)
    first, parts = [], []
    for row in steps:
        there = np.flatnonzero(row)
        start, stop = (int(there[0]), int(there[-1]) + 1) if there.size else (0, 0)
        first += [start, stop - start]
        parts.append(row[start:stop])
    return {"spans": first, "shares": _text(np.concatenate(parts)) if parts else ""}


def _text(codes: np.ndarray) -> str:
    return base64.b64encode(codes.tobytes()).decode()
