"""Whole figures inside the page: distributions of a pair, cost against quality. Each has its numbers in a table too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from bench.reports import privacy
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Pair
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.verdicts import name
from bench.reports.figures.differences import differences
from bench.reports.figures.material import Ask, Lacking, Material
from bench.reports.figures.pareto import pareto
from bench.reports.figures.profile import profile
from bench.reports.figures.render import inline_svg
from bench.reports.figures.scatter import scatter
from bench.reports.figures.scores import scores_figure
from bench.reports.figures.style import STYLES
from bench.reports.words import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = re.compile(r'( id="|="#|url\(#)([^")]+)')


def drawn_scores(comparison: Comparison) -> Markup:
    """Scores with intervals of all primary metrics; '' where there are none."""
    return inlined("scores", lambda: scores_figure(comparison, literal=True)) if comparison.numbered else Markup()


def distributions(comparison: Comparison, tables: Tables, pair: Pair, row: Row | None) -> list[dict[str, Any]]:
    """Scatter, differences and profile of one metric for a pair; those that the data allow."""
    if row is None:
        return []
    titles = tuple(comparison.systems[i].title for i in pair)
    ours, theirs = (clean(t) for t in titles)
    material = Material(comparison, tables, systems=titles)
    ask = Ask(replace(STYLES["column"], ground=False), literal=True, metrics=(f"{row.metric}.{row.output.name}",))
    metric = clean(name(row))
    wanted: list[tuple[Callable[[Material, Ask], Figure], str, str]] = [
        (scatter, f"{metric} of every prompt, {ours} against {theirs}",
         "A point a prompt. The prompts farthest from the diagonal stand below under 'Where they differ'."),
        (differences, f"Differences of {ours} and {theirs} on {metric}", "The tails are the prompts listed below."),
        (profile, f"Share of prompts that reach each value of {metric}",
         "Right and up is better; curves that cross mean that neither system is better everywhere."),
    ]  # fmt: skip
    if privacy.any_private(s.run for s in comparison.systems):
        wanted = wanted[1:]  # a point a prompt is a row
    found = []
    for draw, alt, caption in wanted:
        try:
            svg = inlined(f"{draw.__name__}-{pair[0]}", partial(draw, material, ask))
        except Lacking:
            continue
        found.append({"svg": svg, "alt": alt, "caption": caption})
    return found


def drawn_costs(comparison: Comparison, tables: Tables) -> Markup:
    """Quality against seconds an image; '' where too little was measured."""
    try:
        ask = Ask(replace(STYLES["wide"], ground=False), literal=True)
        return inlined("cost", partial(pareto, Material(comparison, tables), ask))
    except Lacking:
        return Markup()


def inlined(prefix: str, draw: Callable[[], Figure]) -> Markup:
    """The drawing with its inner names under a prefix, since one page has several."""
    return Markup(_NAMES.sub(rf"\g<1>{prefix}-\g<2>", inline_svg(draw())))
