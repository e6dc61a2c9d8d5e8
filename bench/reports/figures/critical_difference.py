"""Critical-difference diagram: mean ranks over prompts, and bars that join systems which are not told apart.

Prompts are the blocks. Two systems are told apart by exchange of their scores within prompts with Holm's correction
over all pairs, which asks nobody else in the pool (Nemenyi's test does). Being alike is not transitive: a bar is a
largest set of systems of which no two are told apart, with a dot at each of its members, and bars that overlap stand
on levels of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from bench.reports.figures.material import Ask, Lacking, Material, the_panel, title_of
from bench.reports.figures.pairing import Joint, joint, two_of
from bench.reports.figures.sheet import PAD, POINT, Sheet, extent, fitted, pencil
from bench.reports.figures.style import INK, Mark, Style
from bench.stats.exact import exchange_p
from bench.stats.families import holm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALPHA = 0.05
MOST = 40
"""Bars that are drawn; a graph with more largest sets says nothing to the eye."""


def critical_difference(material: Material, ask: Ask) -> Figure:
    """Best (smallest mean rank) at the left."""
    panel = the_panel(material, ask.metric, paired=True)
    both = joint(material, panel)
    ranks = mean_ranks(panel.sign * both.values)
    order = np.argsort(ranks, kind="stable")
    groups = [tuple(int(np.flatnonzero(order == i)[0]) for i in g) for g in cliques(~apart(both))]
    groups = sorted((tuple(sorted(g)) for g in groups if len(g) > 1), key=lambda g: (g[0], -len(g), g))
    with pencil():
        names = [title_of(material, both.members[i], ask) for i in order]
        note = (
            f"Mean rank over {both.kernel.groups:,} prompts, 1 best. Bars join systems of which no two are told apart "
            "(exchange within prompts, Holm over all pairs, 5 %); dots are a bar's members."
        )
        if len(groups) > MOST:
            raise Lacking(f"{panel.label}: more than {MOST} sets of systems are not told apart; choose fewer systems.")
        plan = _Plan(ask.style, names, [float(ranks[i]) for i in order], groups)
        head = (panel.head(ask.literal), panel.under(ask.literal), note)
        return _drawn(plan, head, [material.marks[both.members[i]] for i in order])


def mean_ranks(turned: np.ndarray) -> np.ndarray:
    """(prompts, systems) scores, more being better -> (systems,) mean rank; ties share the mean of their ranks."""
    fine = turned[np.isfinite(turned).all(1)]
    return np.asarray(rankdata(-np.round(fine, 12), axis=1).mean(0))


def apart(both: Joint) -> np.ndarray:
    """(S, S) bool: pairs that are told apart."""
    count = len(both.members)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    p = holm([exchange_p(two_of(both.kernel, i, j)) for i, j in pairs])
    found = np.zeros((count, count), dtype=bool)
    for (i, j), value in zip(pairs, p, strict=True):
        found[i, j] = found[j, i] = value < ALPHA
    return found


def cliques(alike: np.ndarray) -> list[tuple[int, ...]]:
    """Largest sets of which all pairs are alike (Bron and Kerbosch 1973, with pivots), each sorted."""
    near = [{int(j) for j in np.flatnonzero(line) if j != i} for i, line in enumerate(alike)]
    found: list[tuple[int, ...]] = []

    def grow(members: set[int], open_: set[int], closed: set[int]) -> None:
        if not open_ and not closed:
            found.append(tuple(sorted(members)))
            return
        pivot = max(sorted(open_ | closed), key=lambda v: len(near[v] & open_))
        for v in sorted(open_ - near[pivot]):
            if len(found) > 10 * MOST:
                return
            grow(members | {v}, open_ & near[v], closed & near[v])
            open_ = open_ - {v}
            closed = closed | {v}

    grow(set(), set(range(len(alike))), set())
    return sorted(found)


def levels(spans: Sequence[tuple[float, float]]) -> list[int]:
    """A level for each bar, such that bars of one level do not touch."""
    ends: list[float] = []
    found = []
    for low, high in spans:
        level = next((i for i, end in enumerate(ends) if low > end), len(ends))
        ends[level:level + 1] = [high]
        found.append(level)
    return found


@dataclass(frozen=True)
class _Label:
    text: str
    height: float
    rank: float


class _Plan:
    """Names of the better half at the left, of the other at the right, the nearest to the middle lowest."""

    def __init__(
        self, style: Style, names: Sequence[str], ranks: Sequence[float], groups: Sequence[tuple[int, ...]]
    ) -> None:
        self.style, self.groups, self.ranks = style, groups, ranks
        self.side = 0.31 * (style.width - 2 * PAD)
        texts = [fitted(f"{n}  {r:.2f}", style.text, self.side) for n, r in zip(names, ranks, strict=True)]
        gap = 0.45 * style.text * POINT
        self.labels = [_Label(t, extent(t, style.text)[1] + gap, r) for t, r in zip(texts, ranks, strict=True)]
        self.half = (len(names) + 1) // 2
        room = max((extent(t, style.text)[0] for t in texts), default=0.0)
        self.left = PAD + room + 0.12
        self.plot = style.width - 2 * self.left
        self.low, self.high = math.floor(min(ranks)), max(math.ceil(max(ranks)), math.floor(min(ranks)) + 1)
        spread = 0.02 * (self.high - self.low)
        self.spans = [(ranks[g[0]] - spread, ranks[g[-1]] + spread) for g in groups]
        self.levels = levels(self.spans)
        self.step = 1.1 * style.text * POINT
        self.bars = self.step * (max(self.levels, default=-1) + 1)
        self.tall = max(
            sum(x.height for x in self.labels[: self.half]), sum(x.height for x in self.labels[self.half :])
        )

    def stretch(self, spare: float) -> None:
        """A slide's labels stand further apart."""
        factor = min(1 + spare / self.tall, 2.0) if self.tall else 1.0
        self.labels = [_Label(x.text, x.height * factor, x.rank) for x in self.labels]
        self.tall *= factor

    def place(self, i: int) -> float:
        """Middle of a label, below the bars: outer labels first on both sides."""
        outer = self.labels[:i] if i < self.half else self.labels[i + 1 :]
        return sum(x.height for x in outer) + self.labels[i].height / 2


def _drawn(plan: _Plan, head: tuple[str, str, str], marks: Sequence[Mark]) -> Figure:
    style = plan.style
    full = style.width - 2 * PAD
    title, under, note = (
        fitted(head[0], style.text, full, "bold"), fitted(head[1], style.small, full) if head[1] else "",
        fitted(head[2], style.small, full),
    )  # fmt: skip
    top = PAD + extent(title, style.text, "bold")[1] + 0.06 + (extent(under, style.small)[1] + 0.04 if under else 0.0)
    axis_y = top + 1.7 * style.small * POINT
    labels_y = axis_y + 0.1 + plan.bars + 0.06
    below = extent(note, style.small)[1] + 0.12 + PAD
    plan.stretch(max(style.least - labels_y - plan.tall - below, 0.0))
    sheet = Sheet(style, labels_y + plan.tall + below)
    sheet.write(PAD, PAD, title, fontweight="bold")
    if under:
        sheet.write(PAD, PAD + extent(title, style.text, "bold")[1] + 0.04, under, size=style.small, alpha=0.8)
    sheet.write(PAD, sheet.height - PAD, note, size=style.small, va="bottom", alpha=0.75)
    _diagram(sheet, plan, marks, axis_y, labels_y)
    return sheet.figure


def _diagram(sheet: Sheet, plan: _Plan, marks: Sequence[Mark], axis_y: float, labels_y: float) -> None:
    style = plan.style
    axis = sheet.canvas()

    def x(rank: float) -> float:
        return plan.left + plan.plot * (rank - plan.low) / (plan.high - plan.low)

    axis.plot([x(plan.low), x(plan.high)], [axis_y] * 2, color=INK, linewidth=0.9)
    for place in _ticks(plan.low, plan.high, plan.plot, style):
        axis.plot([x(place)] * 2, [axis_y - 0.04, axis_y], color=INK, linewidth=0.9)
        sheet.write(x(place), axis_y - 0.05, f"{place}", size=style.small, ha="center", va="bottom")
    for i, (one, mark) in enumerate(zip(plan.labels, marks, strict=True)):
        y, at = labels_y + plan.place(i), x(one.rank)
        edge = plan.left - 0.06 if i < plan.half else plan.left + plan.plot + 0.06
        axis.plot([at, at, edge], [axis_y, y, y], color=mark.colour, linewidth=0.7 * style.line, zorder=1)
        axis.plot([at], [axis_y], **mark.point(style.mark), zorder=4)
        sheet.write(edge - 0.05 if i < plan.half else edge + 0.05, y, one.text, va="center",
                    ha="right" if i < plan.half else "left")  # fmt: skip
    for group, (low, high), level in zip(plan.groups, plan.spans, plan.levels, strict=True):
        y = axis_y + 0.12 + plan.step * (level + 0.4)
        axis.plot([x(low), x(high)], [y] * 2, color=INK, linewidth=2.2 * style.line, solid_capstyle="butt", zorder=3)
        for i in group:
            axis.plot([x(plan.ranks[i])], [y], "o", color="white", markeredgecolor=INK, markersize=0.8 * style.mark,
                      markeredgewidth=0.8, zorder=4)  # fmt: skip


def _ticks(low: int, high: int, inches: float, style: Style) -> list[int]:
    widest = extent(str(high), style.small)[0] + 0.06
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 1000) if inches / (high - low) * s >= widest)
    return list(range(low, high + 1, step))
