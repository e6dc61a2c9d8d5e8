"""One plot of two number axes with a title above it and a key of marks below.

All names are measured and wrapped before the plot gets what is left of the width; the height follows from the plot's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.reports.figures import scales
from bench.reports.figures.sheet import PAD, POINT, TICKS, Sheet, extent, fitted
from bench.reports.figures.style import Mark, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits = tuple[float, float]


@dataclass(frozen=True)
class Plane:
    """What stands on and around the plot."""

    x: Limits
    y: Limits
    x_name: str
    y_name: str
    title: str = ""
    under: str = ""
    note: str = ""
    key: tuple[tuple[Mark, str], ...] = ()
    """Marks with names, below the plot."""
    line: bool = False
    """The key's marks stand on a piece of line."""
    ratio: float = 0.0
    """Height of the plot over its width; 0: the style's; 1: a square."""
    turned: tuple[bool, bool] = (False, False)
    """Whether x, y run from large to small."""
    log: bool = False
    """x is logarithmic."""
    y_ticks: bool = True
    right: float = 0.0
    """Room kept free at the right of the plot."""
    bare_x: bool = False
    """The caller sets the x ticks; their labels have one line."""
    left: float = 0.0
    """Room kept free at the left of the plot, beside tick labels."""
    least: float = 0.0
    """Smallest height of the plot."""
    aside: tuple[str, ...] = field(default=())
    """Lines of small text in a column at the right of the plot."""


@dataclass(frozen=True)
class Drawn:
    """The sheet with its axes, and where these stand, in inches."""

    sheet: Sheet
    axis: Axes
    left: float
    top: float
    wide: float
    high: float


RATIOS = {"column": 0.62, "wide": 0.42, "slide": 0.42, "page": 0.42}
"""Height of a plot over its width, by style."""
TALLEST = 4.3
"""Inches of a square plot."""


def plane(style: Style, given: Plane) -> Drawn:
    """Lay out and scale; nothing is drawn into the plot yet."""
    full = style.width - 2 * PAD
    head, head_height = _stack([(given.title, style.text, "bold"), (given.under, style.small, "normal")], full)
    x_name = fitted(given.x_name, style.small, full)
    key, key_height = _key_places(style, given, full)
    note = fitted(given.note, style.small, full) if given.note else ""
    top = PAD + head_height + 0.06
    foot = TICKS * style.small * POINT + extent(x_name, style.small)[1] + 0.04
    below = foot + key_height + (extent(note, style.small)[1] + 0.08 if note else 0.0) + PAD
    room = _Room(style, given, full, style.least - top - below)
    sheet = Sheet(style, top + max(room.high, room.tall) + below)
    _heading(sheet, head)
    axis = sheet.axes(room.left, top, room.wide, room.high)
    _scaled(axis, given, room.wide, room.high, style)
    half = extent(x_name, style.small)[0] / 2
    middle = min(max(room.left + room.wide / 2, PAD + half), style.width - PAD - half)
    sheet.write(middle, top + room.high + TICKS * style.small * POINT, x_name, size=style.small, ha="center")
    if room.y_name:
        sheet.write(PAD, top + room.high / 2, room.y_name, size=style.small, va="center", rotation=90,
                    rotation_mode="default", multialignment="center")  # fmt: skip
    _key(sheet, key, top + max(room.high, room.tall) + foot, given.line)
    if note:
        sheet.write(PAD, sheet.height - PAD, note, size=style.small, va="bottom", alpha=0.75)
    y = top
    for text in room.aside:
        sheet.write(room.left + room.wide + room.over + 0.14, y, text, size=style.small)
        y += extent(text, style.small)[1] + 0.07
    return Drawn(sheet, axis, room.left, top, room.wide, room.high)


class _Room:
    """Width, height and left edge of the plot: what labels, overhanging ticks and the texts beside it leave."""

    def __init__(self, style: Style, given: Plane, full: float, spare: float) -> None:
        self.aside = [fitted(t, style.small, 0.27 * full) for t in given.aside]
        self.tall = sum(extent(t, style.small)[1] + 0.07 for t in self.aside)
        right = given.right + (max(extent(t, style.small)[0] for t in self.aside) + 0.2 if self.aside else 0.0)
        ratio = given.ratio or RATIOS[style.name]
        self.wide, self.y_name = full - 0.5 - right, ""
        for _ in range(4):
            self.high = max(self._height(style, self.wide * ratio, spare, given.ratio), given.least, 1.0)
            self.y_name = fitted(given.y_name, style.small, self.high) if given.y_name else ""
            named = extent(self.y_name, style.small)[1] + 0.06 if self.y_name else 0.0
            labels = scales.reach(given.y, self.high, style.small)[0] + 0.06 if given.y_ticks else 0.0
            over = (0.1, 0.1) if given.log or given.bare_x else scales.overhang(given.x, self.wide, style.small)
            over = over[::-1] if given.turned[0] else over
            left = max(given.left + named + labels, over[0])
            self.wide = full - left - right - over[1]
            if given.ratio >= 1:
                self.wide = min(self.wide, TALLEST if style.least == 0 else max(spare, 2.5))
        self.high = self.wide if given.ratio >= 1 else self.high
        self.left, self.over = PAD + left, over[1]

    @staticmethod
    def _height(style: Style, wanted: float, spare: float, ratio: float) -> float:
        """A slide's plot fills what the slide leaves."""
        return wanted if style.least == 0 else max(spare, 0.35 * style.least)


def _scaled(axis: Axes, given: Plane, wide: float, high: float, style: Style) -> None:
    if given.log:
        scales.log_scale(axis, "x", given.x, wide, style.small)
    elif given.bare_x:
        axis.set_xlim(*given.x)
    else:
        scales.scale(axis, "x", given.x, wide, style.small, turned=given.turned[0])
    if given.y_ticks:
        scales.scale(axis, "y", given.y, high, style.small, turned=given.turned[1])
    else:
        axis.set_ylim(*(given.y[::-1] if given.turned[1] else given.y))
        axis.set_yticks([])


def _stack(texts: Sequence[tuple[str, float, str]], inches: float) -> tuple[list[tuple[str, float, str]], float]:
    found = [(fitted(t, size, inches, weight), size, weight) for t, size, weight in texts if t]
    return found, sum(extent(t, size, weight)[1] + 0.04 for t, size, weight in found)


def _heading(sheet: Sheet, texts: Sequence[tuple[str, float, str]]) -> None:
    y = PAD
    for text, size, weight in texts:
        sheet.write(PAD, y, text, size=size, fontweight=weight, alpha=1.0 if weight == "bold" else 0.85)
        y += extent(text, size, weight)[1] + 0.04


# ---- key -----------------------------------------------------------------------------------------------------------

_Placed = list[tuple[float, float, Mark, str]]


def _key_places(style: Style, given: Plane, full: float) -> tuple[_Placed, float]:
    """Marks with names in rows: as many beside each other as the longest name allows."""
    if not given.key:
        return [], 0.0
    handle = (0.26 if given.line else 0.14) * style.text / 7
    texts = [fitted(name, style.small, full - handle) for _, name in given.key]
    widest = max(extent(t, style.small)[0] for t in texts) + handle + 0.12
    across = max(int((full + 0.12) / widest), 1)
    found: _Placed = []
    y = 0.08
    for start in range(0, len(texts), across):
        line = texts[start : start + across]
        high = max(max(extent(t, style.small)[1] for t in line) + 0.04, 1.5 * style.small * POINT)
        for i, text in enumerate(line):
            found.append((PAD + i * widest, y + high / 2, given.key[start + i][0], text))
        y += high
    return found, y


def _key(sheet: Sheet, placed: _Placed, top: float, line: bool) -> None:
    style = sheet.style
    handle = (0.26 if line else 0.14) * style.text / 7
    if not placed:
        return
    axis = sheet.canvas()
    for x, y, mark, text in placed:
        if line:
            axis.plot([x, x + handle - 0.06], [top + y] * 2, color=mark.colour, linewidth=style.line)
        axis.plot([x + (handle - 0.06) / 2], [top + y], **mark.point(style.mark))
        sheet.write(x + handle, top + y, text, size=style.small, va="center")
