"""The board's other views as plain data: pairwise matrix, generator x fusion table, score against latency.

They stand in the page for readers without the script too; the script draws the matrix again for another column.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.reports.board.nouns import Board, BoardRow, Effect, Factorial
from bench.reports.numbers import decimals, number
from bench.reports.pages.board_data import BETTER, NONE, SAME, WORSE, decided, halves
from bench.reports.pages.board_table import pieces, seconds
from bench.reports.pages.board_words import ordering
from bench.reports.words import clean

FULL = 16
"""Systems up to which the matrix shows numbers; beyond, a sign a pair."""
KINDS = {SAME: "same", BETTER: "better", WORSE: "worse", NONE: "none"}
MARKS = {"same": "=", "better": "▲", "worse": "▼", "none": "?"}
SIGNS = {"same": "=", "better": "+", "worse": "\N{MINUS SIGN}", "none": "?", "self": "·"}
_LESS_DEEP = 46
"""Per cent of the scale's colour at its ends, so that text on it keeps its contrast."""


# ---- matrix ---------------------------------------------------------------------------------------------------------


def matrix(board: Board) -> dict[str, Any] | None:
    """Every ranked system against every other by the ordering column; None where there is nothing to compare."""
    column, pairs = ordering(board), board.pairs.get(board.order)
    if pairs is None or len(board.ranked) < 2:
        return None
    sign = -1 if column.direction == "lower" else 1
    kinds, half = decided(pairs, column), halves(pairs)
    apart = ~np.eye(len(kinds), dtype=bool) & (kinds != NONE)
    digits = decimals(half[apart].tolist(), pairs.delta[apart].tolist())
    lines = []
    for i, row in enumerate(board.ranked):
        name = {"hover": clean(row.title), "pieces": pieces(row.title)}
        names = ["self" if i == j else KINDS[int(k)] for j, k in enumerate(kinds[i])]
        if len(board.ranked) <= FULL:
            cells = [
                _pair(kind, sign * float(pairs.delta[i, j]), float(half[i, j]), digits) for j, kind in enumerate(names)
            ]
            lines.append({**name, "cells": cells, "runs": []})
        else:
            lines.append({**name, "cells": [], "runs": _runs(names)})
    return {"lines": lines, "full": len(board.ranked) <= FULL, "label": clean(column.label)}


def _pair(kind: str, advantage: float, half: float, digits: int) -> dict[str, str]:
    if kind in ("self", "none"):
        return {"kind": kind, "mark": "" if kind == "self" else MARKS[kind], "text": "", "half": ""}
    return {
        "kind": kind, "mark": MARKS[kind], "text": number(advantage, digits, signed=True),
        "half": f"±{number(half, digits)}",
    }  # fmt: skip


def _runs(kinds: Sequence[str]) -> list[tuple[str, str]]:
    """('better', '+++'): equal neighbours together."""
    return [(kind, SIGNS[kind] * len(list(members))) for kind, members in itertools.groupby(kinds)]


# ---- generator x fusion ---------------------------------------------------------------------------------------------


def factorial(board: Board) -> dict[str, Any] | None:
    """The table of effects, a row a generator; None without one."""
    found = board.factorial
    if found is None or not found.effects:
        return None
    column = next((c for c in board.columns if c.id == found.column), ordering(board))
    cells = {(e.generator, e.fusion): e for e in found.effects}
    most = max((abs(e.delta) for e in found.effects if e.delta is not None), default=0.0)
    digits = _effect_digits(found)
    lines = [
        {"generator": g, "cells": [_effect(cells.get((g, f)), column.decimals, digits, most) for f in found.fusions]}
        for g in found.generators
    ]
    main = {f: (delta, low, high) for f, delta, low, high in found.main}
    return {
        "fusions": list(found.fusions), "lines": lines, "label": clean(column.label),
        "main": [_main(main.get(f), digits, most) for f in found.fusions],
    }  # fmt: skip


def _effect_digits(found: Factorial) -> int:
    halves = [(e.high - e.low) / 2 for e in found.effects if e.low is not None and e.high is not None]
    return decimals(halves, [e.delta for e in found.effects])


def _effect(effect: Effect | None, value_digits: int, digits: int, most: float) -> dict[str, str]:
    if effect is None:
        return {"value": "", "delta": "", "span": "", "more": "", "kind": "", "mark": "", "style": ""}
    more = ""
    if effect.interaction is not None:
        more = f"interaction {number(effect.interaction, digits, signed=True)}"
        more += f" {_span(effect.interaction_low, effect.interaction_high, digits)}".rstrip()
    return {"value": number(effect.value, value_digits), "more": more,
            **_told(effect.delta, effect.low, effect.high, digits, most)}  # fmt: skip


def _main(effect: tuple[float, float | None, float | None] | None, digits: int, most: float) -> dict[str, str]:
    delta, low, high = effect if effect is not None else (None, None, None)
    return {"value": "", "more": "", **_told(delta, low, high, digits, most)}


def _told(delta: float | None, low: float | None, high: float | None, digits: int, most: float) -> dict[str, str]:
    """Difference to no fusion: text, interval, kind with its mark, depth of colour."""
    if delta is None:
        return {"delta": "", "span": "", "kind": "", "mark": "", "style": ""}
    sure = low is not None and high is not None and not low <= 0 <= high
    kind = ("better" if delta > 0 else "worse") if sure else "same"
    deep = round(_LESS_DEEP * min(abs(delta) / most, 1.0)) if most else 0
    return {
        "delta": number(delta, digits, signed=True), "span": _span(low, high, digits), "kind": kind,
        "mark": MARKS[kind], "style": f"--heat:var(--{'good' if delta > 0 else 'bad'});--deep:{deep}%",
    }  # fmt: skip


def _span(low: float | None, high: float | None, digits: int) -> str:
    if low is None or high is None:
        return ""
    return f"[{number(low, digits, signed=True)}, {number(high, digits, signed=True)}]"


# ---- score against latency ------------------------------------------------------------------------------------------

_WIDE, _HIGH, _LEFT, _FOOT = 640, 360, 64, 40


def front(board: Board) -> dict[str, Any] | None:
    """Score against latency, better upwards; None where fewer than two ranked systems were timed.

    On the front is who has no faster system with a better score; 'surely beaten' who has one that is surely better.
    """
    column, pairs = ordering(board), board.pairs.get(board.order)
    at = next(i for i, c in enumerate(board.columns) if c.id == board.order)
    timed = [(i, r) for i, r in enumerate(board.ranked) if r.latency and _value(r, at) is not None]
    if len(timed) < 2 or column.direction == "none":
        return None
    sign = -1 if column.direction == "lower" else 1
    kinds = None if pairs is None else decided(pairs, column)
    timed.sort(key=lambda item: (item[1].latency, item[0]))
    points: list[dict[str, Any]] = []
    for i, row in timed:
        faster = [j for j, other in timed if (other.latency or 0) < (row.latency or 0)]
        ahead = [j for j in faster if sign * (_value(board.ranked[j], at) or 0) > sign * (_value(row, at) or 0)]
        beaten = [j for j in faster if kinds is not None and kinds[i, j] == WORSE]
        kind = "beaten" if beaten else "near" if ahead else "front"
        names = {"title": row.title, "hover": clean(row.title)}
        points.append({**names, "number": len(points) + 1, "kind": kind, "row": row})
    return {**_drawn(points, at, sign, column.decimals), "label": clean(column.label)}


def _value(row: BoardRow, at: int) -> float | None:
    cell = row.cells[at]
    return None if cell is None else cell.value


def _drawn(points: list[dict[str, Any]], at: int, sign: int, digits: int) -> dict[str, Any]:
    """Points with places in the drawing, and both axes' ticks."""
    cells = [p["row"].cells[at] for p in points]
    xs = [math.log10(p["row"].latency) for p in points]
    ys = [e for c in cells for e in (c.value, c.low, c.high) if e is not None]
    right, top = _scaled(xs, _LEFT, _WIDE - 24), _scaled(ys, _HIGH - _FOOT, 14)
    if sign < 0:
        top = _scaled(ys, 14, _HIGH - _FOOT)
    for point, cell, x in zip(points, cells, xs, strict=True):
        low = cell.value if cell.low is None else cell.low
        high = cell.value if cell.high is None else cell.high
        point |= {
            "x": right(x), "y": top(cell.value), "low": top(low), "high": top(high),
            "latency": seconds(point.pop("row").latency), "score": number(cell.value, digits),
            "mark": {"front": "●", "near": "○", "beaten": "▽"}[point["kind"]],
        }  # fmt: skip
    return {
        "points": points, "width": _WIDE, "height": _HIGH, "left": _LEFT, "foot": _HIGH - _FOOT,
        "xticks": [{"at": right(math.log10(t)), "text": f"{t:g} s"} for t in _decades(10 ** min(xs), 10 ** max(xs))],
        "yticks": [{"at": top(t), "text": number(t, digits)} for t in ticks(min(ys), max(ys))],
    }  # fmt: skip


def _scaled(values: Sequence[float], start: float, stop: float) -> Any:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    low, high = low - margin, high + margin
    return lambda x: round(start + (stop - start) * (x - low) / (high - low), 1)


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within the range, at least the ends' neighbours."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [s for p in powers for m in (1, 2, 5) if low <= (s := m * 10.0**p) <= high]
    return [float(f"{s:.1g}") for s in inside] or [float(f"{low:.2g}")]


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers within a range."""
    if not high > low:
        return [low]
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]
