"""Number axes: limits with a margin, as many ticks as have room, labels of one precision that never touch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bench.reports.figures.sheet import extent
from bench.reports.numbers import MINUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_STEPS = (1, 2, 2.5, 5, 10)
MOST_LONG = 7
"""Signs of a tick label; beyond it powers of ten are written."""
_MOST = 5e307
"""Largest end of an axis: the length of twice as long a one would be no number."""


def ends(values: Iterable[float | None], *, margin: float = 0.06, zero: bool = False) -> tuple[float, float]:
    """Limits around the values; equal values get room on both sides. zero: 0 is within."""
    known = [min(max(v, -_MOST), _MOST) for v in values if v is not None and math.isfinite(v)] + ([0.0] if zero else [])
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        room = abs(low) * 0.1 or 0.5
        return low - room, high + room
    room = margin * high - margin * low
    return low - room, high + room


def scale(
    axis: Axes, which: str, limits: tuple[float, float], inches: float, size: float, *, most: int = 6,
    turned: bool = False,
) -> None:  # fmt: skip
    """Set limits, ticks and tick labels of 'x' or 'y', which is `inches` long with type of `size` points.

    turned: the larger number stands at the left or bottom.
    """
    places, texts = _chosen(limits, inches, size, most, which)
    low, high = limits[::-1] if turned else limits
    if which == "x":
        axis.set_xlim(low, high)
        axis.set_xticks(places, texts, fontsize=size)
    else:
        axis.set_ylim(low, high)
        axis.set_yticks(places, texts, fontsize=size)


def reach(limits: tuple[float, float], inches: float, size: float, most: int = 6) -> tuple[float, float]:
    """(widest, height) of the labels that `scale` would put on a y axis of `inches`: for the room beside it."""
    boxes = [extent(t, size) for t in _chosen(limits, inches, size, most, "y")[1]]
    return max((b[0] for b in boxes), default=0.0), max((b[1] for b in boxes), default=0.0)


def overhang(limits: tuple[float, float], inches: float, size: float, most: int = 6) -> tuple[float, float]:
    """How far the tick labels of an x axis reach beyond its left and right end."""
    places, texts = _chosen(limits, inches, size, most, "x")
    low, high = limits
    left = right = 0.0
    for place, text in zip(places, texts, strict=True):
        half, at = extent(text, size)[0] / 2, _share(place, low, high) * inches
        left, right = max(left, half - at), max(right, at + half - inches)
    return left, right


def _share(value: float, low: float, high: float) -> float:
    return value / 2 / (high / 2 - low / 2) - low / 2 / (high / 2 - low / 2)


def _chosen(
    limits: tuple[float, float], inches: float, size: float, most: int, which: str
) -> tuple[list[float], list[str]]:
    """The finest ticks of at most `most` whose labels keep apart."""
    for count in range(most, 0, -1):
        places = _round(limits, count)
        texts = tick_texts(places)
        if len(places) < 2 or _apart(places, texts, limits, inches, size, which):
            return places, texts
    return [], []


def _round(limits: tuple[float, float], count: int) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    low, high = limits
    found = MaxNLocator(nbins=count, steps=list(_STEPS)).tick_values(low, high)
    span = high - low
    return [float(v) for v in found if low - 1e-9 * span <= v <= high + 1e-9 * span]


def _apart(
    places: Sequence[float], texts: Sequence[str], limits: tuple[float, float], inches: float, size: float, which: str
) -> bool:
    gap = 0.7 * size / 72
    low, high = limits
    boxes = [extent(t, size)[0 if which == "x" else 1] for t in texts]
    at = [_share(p, low, high) * inches for p in places]
    return all(
        at[i + 1] - boxes[i + 1] / 2 - (at[i] + boxes[i] / 2) >= (gap if which == "x" else 0.3 * gap)
        for i in range(len(at) - 1)
    )


def tick_texts(places: Sequence[float]) -> list[str]:
    """Equally precise labels of ticks, with true minus signs; powers of ten where plain digits would be many."""
    if not places:
        return []
    step = min((b - a for a, b in itertools.pairwise(places)), default=abs(places[0]) or 1.0)
    plain = [0.0 if abs(p) < step * 1e-6 else p for p in places]
    digits = _digits(step)
    texts = [f"{p:.{digits}f}" for p in plain] if digits <= MOST_LONG and max(map(abs, plain)) < 1e9 else []
    if not texts or max(len(t.lstrip("-")) for t in texts) > MOST_LONG:
        texts = [_power(p, step) for p in plain]
    return [t.replace("-", MINUS) for t in texts]


def _digits(step: float) -> int:
    """Decimals that write multiples of a step exactly."""
    digits = max(-math.floor(math.log10(step)), 0)
    return digits if abs(round(step, digits) - step) < 1e-6 * step else digits + 1


def _power(value: float, step: float) -> str:
    if not value:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    # subnormal powers of ten have no digits left to divide by
    mantissa = value / 10.0**exponent if exponent > -300 else value * 1e300 / 10.0 ** (exponent + 300)
    slack = 1e-6 * abs(mantissa) * step / abs(value)
    digits = next((d for d in range(13) if abs(round(mantissa, d) - mantissa) <= slack), 12)
    return f"{mantissa:.{digits}f}×10{str(exponent).translate(_SUPERSCRIPT)}"


# ---- logarithmic ---------------------------------------------------------------------------------------------------


def log_scale(axis: Axes, which: str, limits: tuple[float, float], inches: float, size: float) -> None:
    """As `scale`, logarithmic; limits are positive."""
    from matplotlib.ticker import NullLocator

    low, high = limits
    (axis.set_xscale if which == "x" else axis.set_yscale)("log")
    for parts in ((1, 2, 5), (1, 3), (1,)):
        places = [
            p * 10.0**e for e in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1) for p in parts
        ]
        places = [p for p in places if low <= p <= high]
        texts = [_short(p) for p in places]
        logs = [math.log10(p) for p in places]
        if _apart(logs, texts, (math.log10(low), math.log10(high)), inches, size, which) and len(places) <= 8:
            break
    else:
        places, texts = places[:: math.ceil(len(places) / 4)], texts[:: math.ceil(len(places) / 4)]
    (axis.set_xlim if which == "x" else axis.set_ylim)(low, high)
    (axis.set_xticks if which == "x" else axis.set_yticks)(places, texts, fontsize=size)
    (axis.xaxis if which == "x" else axis.yaxis).set_minor_locator(NullLocator())


def _short(value: float) -> str:
    return f"{value:g}" if 1e-4 <= value < 1e6 else _power(value, value)
