"""Scores with intervals: a panel a metric, systems down, the same order and mark in all panels. The dot is the score,
its line the 95 % interval; panels have axes of their own, so that only systems within a panel are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.figures import scales
from bench.reports.figures.material import Ask, Lacking, Material, Panel, drawable, named_panels, title_of
from bench.reports.figures.panels import Head, panelled
from bench.reports.figures.render import inline_svg, rendered
from bench.reports.figures.sheet import labels, pencil
from bench.reports.figures.style import GREY, STYLES, colour, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GREY", "colour", "inline_svg", "rendered", "scores_figure", "writable"]


def scores(material: Material, ask: Ask) -> Figure:
    """Dot-interval panels of the metrics asked for, else of the primary ones."""
    asked = named_panels(material, ask.metrics) if ask.metrics else [p for p in material.panels if p.primary]
    found = [p for p in asked if drawable(material, p)]
    if not found:
        raise Lacking("It needs a number of some system, and there is none.")
    return _drawn(material, ask, found)


def scores_figure(comparison: Comparison, rows: Sequence[Row] | None = None, *, literal: bool = False) -> Figure:
    """The same for the page, of the primary rows (or those given). `literal` keeps glyphs that the font lacks."""
    material = Material(comparison)
    wanted = comparison.primary if rows is None else tuple(rows)
    found = [p for p in material.panels if p.row in wanted and drawable(material, p)]
    return _drawn(material, Ask(STYLES["page"], literal), found)


def _drawn(material: Material, ask: Ask, found: Sequence[Panel]) -> Figure:
    style = ask.style
    with pencil():
        share = 0.36 if style.name == "column" else 0.28
        titles = [title_of(material, i, ask) for i in material.picked]
        names = labels(titles, style, share * style.width)
        heads = [Head(p.head(ask.literal), p.under(ask.literal)) for p in found]
        limits = [_limits(material, p) for p in found]
        sheet, axes = panelled(style, names, heads, limits)
        for axis, panel in zip(axes, found, strict=True):
            _dots(axis, material, panel, style.line, style.mark)
        return sheet.figure


def _limits(material: Material, panel: Panel) -> tuple[float, float]:
    cells = [c for i in material.picked if (c := panel.cells[i]) is not None]
    return scales.ends(v for c in cells for v in (c.value, c.low, c.high))


def _dots(axis: Axes, material: Material, panel: Panel, line: float, size: float) -> None:
    places = axis.get_yticks()
    for place, system in zip(places, material.picked, strict=True):
        cell, mark = panel.cells[system], material.marks[system]
        if cell is None or cell.value is None:
            continue
        if cell.low is not None and cell.high is not None:
            axis.plot([cell.low, cell.high], [place, place], color=mark.colour, linewidth=line, solid_capstyle="round")
        axis.plot([cell.value], [place], **mark.point(size))
