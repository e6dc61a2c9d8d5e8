"""How numbers are printed: no more digits than the interval supports, one precision a row, never NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.reports.comparison.nouns import Cell, Difference, Row

ABSENT = "\u2013"
"""An en dash, the usual mark of an empty cell."""
MINUS = "\u2212"
ARROWS = {"higher": "↑", "lower": "↓", "none": ""}
DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "none": "neither direction is better"}
_MOST = 6
_LOPSIDED = 1.6
"""Sides of an interval whose ratio exceeds this are printed one by one."""


def decimals(halves: Iterable[float | None], values: Iterable[float | None]) -> int:
    """Digits after the point: two of the typical half-width, or three of the largest value where there is none.

    -1 means: print three significant digits with an exponent.
    """
    known = sorted(h for h in halves if h is not None and 0 < h < math.inf)
    size = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if size >= 1e6 or 0 < size < 1e-5:
        return -1
    if known:
        return min(max(1 - math.floor(math.log10(known[len(known) // 2])), 0), _MOST)
    return min(max(2 - math.floor(math.log10(size)), 0), _MOST) if size else 2


def row_decimals(row: Row) -> int:
    """The precision of all of a row's numbers."""
    cells = [c for c in row.cells if c is not None]
    return decimals([c.half for c in cells], [c.value for c in cells])


def spread(cell: Cell, digits: int) -> str:
    """'±0.013', or '[0.969, 1.000]' where the interval is lopsided (a proportion near its end, say)."""
    if cell.value is None or cell.low is None or cell.high is None:
        return ""
    down, up = cell.value - cell.low, cell.high - cell.value
    if min(down, up) * _LOPSIDED < max(down, up):
        return f"[{number(cell.low, digits)}, {number(cell.high, digits)}]"
    return f"±{number(cell.half, digits)}"


def difference_decimals(one: Difference) -> int:
    """The precision of a difference, by its own interval (pairing makes it finer than the scores')."""
    half = None if one.low is None or one.high is None else (one.high - one.low) / 2
    return decimals([half], [one.delta])


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with a true minus sign, or the mark of absence."""
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:+.2e}" if digits < 0 else f"{value:+.{digits}f}"
    if float(text) == 0:
        text = text.replace("-", "+")
    return (text if signed and float(text) != 0 else text.removeprefix("+")).replace("-", MINUS)


def p_value(p: float | None) -> str:
    """'p = .023', or '< .001'."""
    if p is None:
        return ABSENT
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def percent(share: float | None) -> str:
    """A share as whole per cent."""
    return ABSENT if share is None else f"{100 * share:.0f} %"


def thousands(count: int) -> str:
    """1632 -> '1,632'."""
    return f"{count:,}"
