"""Slope chart: the ranks of systems under one condition after the other, each condition by its own metric.

Only systems that all conditions rank are drawn, and ranked among themselves; nothing is averaged over conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reports.comparison.conditions import by_tag
from bench.reports.comparison.findings import Rankings
from bench.reports.figures.heat import unbroken
from bench.reports.figures.material import Ask, Lacking, Material, Panel, named_panels, title_of, value_of
from bench.reports.figures.sheet import PAD, POINT, Sheet, extent, fitted, pencil, shown, spread_apart
from bench.reports.figures.style import FAINT, GREY, INK, Mark, Style, marks
from bench.reports.numbers import ARROWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPANS = 8
"""Systems up to which the ranks that the data allow are drawn behind the lines."""


@dataclass(frozen=True)
class Condition:
    """One column of the chart."""

    name: str
    metric: str
    """Label with its arrow."""
    ranks: Mapping[int, float]
    """Place of the system in the chart -> rank, ties sharing the mean."""
    spans: Mapping[int, tuple[int, int]]


def conditions(material: Material, ask: Ask) -> Figure:
    """From a board or a table with several conditions; from runs by the tag that `by` names."""
    if material.comparison is not None and not material.bare:
        rankings = by_tag(material.comparison, ask.by, rank_by=ask.metric) if ask.by else material.comparison.rankings
        if rankings is None:
            raise Lacking("It needs runs of several data sets, a board of several, or a tag to go by (--by TAG).")
        return slopes(rankings, ask, material.colours)
    members, found = _of_panels(material, ask)
    names = [title_of(material, i, ask) for i in members]
    return _drawn(ask, names, [material.marks[i] for i in members], found, "")


def slopes(rankings: Rankings, ask: Ask, colours: Mapping[str, str] | None = None) -> Figure:
    """The chart of rankings by data set group or tag."""
    titles = list(rankings.common)
    if len(rankings.groups) < 2 or len(titles) < 2:
        raise Lacking(
            f"It needs two conditions and two systems that both rank, and there are {len(rankings.groups)} and "
            f"{len(titles)}."
        )
    found = []
    for group in rankings.groups:
        places = {p.system: p for p in group.places}
        turned = {t: (-1 if group.direction == "lower" else 1) * places[t].value for t in titles}
        ranks = _ranked([turned[t] for t in titles])
        whole = len(group.places) == len(titles)
        spans = {i: (places[t].first, places[t].last) for i, t in enumerate(titles)} if whole else {}
        head = f"{shown(group.label, ask.literal)}\N{NO-BREAK SPACE}{ARROWS.get(group.direction, '')}".rstrip()
        found.append(Condition(shown(group.name, ask.literal), head, dict(enumerate(ranks)), spans))
    left = sorted({p.system for g in rankings.groups for p in g.places} - set(titles))
    note = f"Not in all conditions: {', '.join(shown(t, ask.literal) for t in left)}." if left else ""
    own = {t: c for t, c in (colours or {}).items() if t in titles}
    return _drawn(ask, [shown(t, ask.literal) for t in titles], marks(titles, (), own), found, note)


def _ranked(turned: Sequence[float]) -> list[float]:
    return [1 + sum(v > own for v in turned) + (sum(v == own for v in turned) - 1) / 2 for own in turned]


def _of_panels(material: Material, ask: Ask) -> tuple[list[int], list[Condition]]:
    """(systems that all panels have, a condition a panel): panels of one label under several conditions."""
    fit = named_panels(material, ask.metrics) if ask.metrics else [p for p in material.panels if p.primary]
    fit = [p for p in fit if p.condition and p.direction != "none"]
    wanted = next((p.label for p in fit if len({o.condition for o in fit if o.label == p.label}) > 1), None)
    chosen: list[Panel] = [p for p in fit if p.label == wanted]
    if len(chosen) < 2:
        raise Lacking("It needs one metric under two conditions or data sets, and there is none.")
    members = [i for i in material.ranked if all(value_of(p, i) is not None for p in chosen)]
    if len(members) < 2:
        raise Lacking(f"It needs two systems that all conditions have, and there are {len(members)}.")
    found = []
    for panel in chosen:
        ranks = _ranked([panel.sign * (value_of(panel, i) or 0.0) for i in members])
        name = shown(panel.condition, ask.literal)
        found.append(Condition(name, panel.head(ask.literal), dict(enumerate(ranks)), {}))
    return members, found


# ---- drawing -------------------------------------------------------------------------------------------------------


class _Plan:
    """Names at both ends, wrapped; a rank's step is as high as a name of usual length."""

    def __init__(self, style: Style, names: Sequence[str], found: Sequence[Condition], note: str) -> None:
        full = style.width - 2 * PAD
        self.style = style
        rank = [[f"{_short(c.ranks[i])}  " for i in range(len(names))] for c in (found[0], found[-1])]
        self.texts = [
            [fitted(r + n, style.text, 0.3 * full) for r, n in zip(side, names, strict=True)] for side in rank
        ]
        self.heights = [[extent(t, style.text)[1] + 0.35 * style.text * POINT for t in side] for side in self.texts]
        room = max(extent(t, style.text)[0] for side in self.texts for t in side)
        self.left = PAD + room + 0.16
        self.plot = style.width - 2 * self.left
        self.gap = self.plot / (len(found) - 1)
        outer, inner = self.left + self.gap / 2 - PAD - 0.03, self.gap - 0.06
        heads = [outer, *[inner] * (len(found) - 2), outer]
        self.heads = [
            (fitted(c.name, style.small, head, "bold"), fitted(c.metric, style.small, head))
            for c, head in zip(found, heads, strict=True)
        ]
        names_whole = all(unbroken(c.name, h[0]) for c, h in zip(found, self.heads, strict=True))
        if not names_whole:
            self.heads = [(str(i), metric) for i, (_, metric) in enumerate(self.heads, 1)]
            note = " ".join([f"{'; '.join(f'{i} {c.name}' for i, c in enumerate(found, 1))}.", note]).rstrip()
        self.title = ""
        if len({c.metric for c in found}) == 1:
            self.title = fitted(found[0].metric, style.text, full, "bold")
            self.heads = [(name, "") for name, _ in self.heads]
        sizes = [extent(a, style.small, "bold")[1] + extent(b, style.small)[1] + 0.03 for a, b in self.heads]
        self.top = PAD + max(sizes) + 0.12
        self.top += extent(self.title, style.text, "bold")[1] + 0.06 if self.title else 0.0
        self.note = fitted(note, style.small, full) if note else ""
        usual = sorted(h for side in self.heights for h in side)[len(names)]
        self.step = max(1.9 * style.text * POINT, usual)
        below = extent(self.note, style.small)[1] + 0.1 if self.note else 0.0
        wanted = self.top + self.step * len(names) + below + PAD
        self.step *= max(min((style.least - self.top - below - PAD) / (self.step * len(names)), 1.8), 1.0)
        places = [[self.step * (c.ranks[i] - 0.5) for i in range(len(names))] for c in (found[0], found[-1])]
        self.places = [spread_apart(p, h) for p, h in zip(places, self.heights, strict=True)]
        edges = [(p - h / 2, p + h / 2) for ps, hs in zip(self.places, self.heights, strict=True)
                 for p, h in zip(ps, hs, strict=True)]  # fmt: skip
        self.shift = max(-min(e[0] for e in edges), 0.0)
        self.body = max(max(e[1] for e in edges), self.step * len(names)) + self.shift
        self.height = max(wanted, self.top + self.body + below + PAD)


def _short(rank: float) -> str:
    return f"{rank:g}"


def _drawn(ask: Ask, names: Sequence[str], own: Sequence[Mark], found: Sequence[Condition], note: str) -> Figure:
    with pencil():
        style = ask.style
        spans = all(c.spans for c in found) and len(names) <= SPANS
        note = " ".join(t for t in (note, "Bars: ranks that the data allow, 95 %." if spans else "") if t)
        plan = _Plan(style, names, found, note)
        sheet = Sheet(style, plan.height)
        axis = sheet.canvas()
        x = [plan.left + i * plan.gap for i in range(len(found))]
        base = plan.top + plan.shift
        if plan.title:
            sheet.write(PAD, PAD, plan.title, fontweight="bold")
        for at, words in zip(x, plan.heads, strict=True):
            _head(sheet, plan, at, words)
            axis.plot([at, at], [base, base + plan.step * len(names)], color=FAINT, linewidth=0.8, zorder=0)
        for i, mark in enumerate(own):
            y = [base + plan.step * (c.ranks[i] - 0.5) for c in found]
            if spans:
                off = (i - (len(names) - 1) / 2) * 0.02
                for at, c in zip(x, found, strict=True):
                    ends = [base + plan.step * (r - 0.5) for r in c.spans[i]]
                    axis.plot([at + off] * 2, ends, color=mark.colour, alpha=0.35, linewidth=1.6 * style.line, zorder=1)
            axis.plot(x, y, color=mark.colour, linewidth=style.line, zorder=2)
            for at, height in zip(x, y, strict=True):
                axis.plot([at], [height], **mark.point(1.1 * style.mark), zorder=3)
            _ends(sheet, axis, plan, i, y)
        if plan.note:
            sheet.write(PAD, sheet.height - PAD, plan.note, size=style.small, va="bottom", alpha=0.75)
        return sheet.figure


def _head(sheet: Sheet, plan: _Plan, x: float, words: tuple[str, str]) -> None:
    """Condition and metric over their column; wide ones of the outer columns lean outwards."""
    style, (head, metric) = plan.style, words
    half = max(extent(head, style.small, "bold")[0], extent(metric, style.small)[0]) / 2
    inside = plan.gap / 2 - 0.03
    if half > inside and x <= plan.left:
        x += inside - half
    elif half > inside and x >= plan.left + plan.plot - 1e-9:
        x -= inside - half
    y = plan.top - 0.1
    if metric:
        sheet.write(x, y, metric, size=style.small, ha="center", va="bottom", alpha=0.8)
        y -= 0.03 + extent(metric, style.small)[1]
    sheet.write(x, y, head, size=style.small, ha="center", va="bottom", fontweight="bold")


def _ends(sheet: Sheet, axis: object, plan: _Plan, i: int, y: Sequence[float]) -> None:
    """Rank and name at both ends, with a line to the point where ties push a name aside."""
    base = plan.top + plan.shift
    for side, (edge, at, ha) in enumerate(((plan.left, y[0], "right"), (plan.left + plan.plot, y[-1], "left"))):
        place = base + plan.places[side][i]
        out = -1 if side == 0 else 1
        if abs(place - at) > 0.02:
            axis.plot([edge + out * 0.12, edge + out * 0.05], [place, at], color=GREY, linewidth=0.6)  # type: ignore[attr-defined]
        sheet.write(edge + out * 0.15, place, plan.texts[side][i], ha=ha, va="center", color=INK)
