"""Panels side by side over one list of names: the layout that dot-interval figures share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reports.figures import scales
from bench.reports.figures.sheet import PAD, POINT, TICKS, Labels, Sheet, extent, fitted, rows
from bench.reports.figures.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits = tuple[float, float]


@dataclass(frozen=True)
class Head:
    """What stands above a panel."""

    title: str
    under: str = ""


def across(style: Style, count: int) -> int:
    """How many panels stand side by side: as many as fit, in rows of nearly equal length."""
    most = {"column": 2, "wide": 4, "slide": 4}.get(style.name, 4)
    down = math.ceil(count / most)
    return math.ceil(count / down) if down else 1


def panelled(
    style: Style, names: Labels, heads: Sequence[Head], limits: Sequence[Limits], *, note: str = "", ticks: int = 4
) -> tuple[Sheet, list[Axes]]:
    """A sheet with one panel a head, names at the left of each row of panels; x scaled, y in inches down the names."""
    columns = across(style, len(heads))
    down = math.ceil(len(heads) / columns)
    left = PAD + names.width + 0.1
    width = style.width if style.ground else left + 2.05 * columns + PAD
    wide, gap = _widths(style, width - left - PAD, columns, limits, ticks)
    tops = [_heads(style, heads[r * columns : (r + 1) * columns], wide) for r in range(down)]
    foot = TICKS * style.small * POINT + 0.04
    told = fitted(note, style.small, width - 2 * PAD) if note else ""
    below = extent(told, style.small)[1] + 0.08 if told else 0.0
    fixed = sum(t[1] for t in tops) + down * foot + below + 2 * PAD + 0.12 * (down - 1)
    names = names.stretched((style.least - fixed) / down)
    sheet = Sheet(style, fixed + down * names.total, width=width)
    made, at = [], PAD
    for r in range(down):
        texts, height = tops[r]
        for c, (title, under) in enumerate(texts):
            x = left + c * (wide + gap)
            made.append(_panel(sheet, x, at, wide, height, names, (title, under), limits[r * columns + c], c, ticks))
        at += height + names.total + foot + 0.12
    if told:
        sheet.write(PAD, sheet.height - PAD, told, size=style.small, va="bottom", alpha=0.75)
    return sheet, made


def _widths(style: Style, room: float, columns: int, limits: Sequence[Limits], ticks: int) -> tuple[float, float]:
    """(panel, gap between panels) so that tick labels of neighbours keep apart."""
    gap = 0.16
    for _ in range(3):
        wide = (room - gap * columns) / columns
        over = [scales.overhang(x, wide, style.small, ticks) for x in limits]
        gap = max(0.12, max((o[0] for o in over), default=0) + max((o[1] for o in over), default=0) + 0.06)
    return (room - gap * columns) / columns, gap


def _heads(style: Style, heads: Sequence[Head], wide: float) -> tuple[list[tuple[str, str]], float]:
    """The texts wrapped to the panels, and the room that they need."""
    texts = [(fitted(h.title, style.text, wide, "bold"), fitted(h.under, style.small, wide)) for h in heads]
    need = [
        extent(title, style.text, "bold")[1] + (extent(under, style.small)[1] + 0.03 if under else 0.0)
        for title, under in texts
    ]
    return texts, max(need, default=0.0) + 0.08


def _panel(
    sheet: Sheet, x: float, y: float, wide: float, head: float, names: Labels, texts: tuple[str, str], limits: Limits,
    column: int, ticks: int,
) -> Axes:  # fmt: skip
    style = sheet.style
    axis = sheet.axes(x, y + head, wide, names.total)
    rows(axis, names, named=column == 0, size=style.text)
    scales.scale(axis, "x", limits, wide, style.small, most=ticks)
    axis.grid(axis="x", color=axis.spines["bottom"].get_edgecolor(), linewidth=0.6)
    title, under = texts
    bottom = y + head - 0.05
    if under:
        sheet.write(x, bottom, under, size=style.small, va="bottom", alpha=0.8)
        bottom -= extent(under, style.small)[1] + 0.03
    axis.set_title("", loc="left")
    sheet.write(x, bottom, title, va="bottom", fontweight="bold")
    return axis
