"""Rank intervals: where each system may stand by simultaneous intervals of its differences to all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reports.figures.material import Ask, Material, Panel, title_of
from bench.reports.figures.pairing import all_pairs, pair_panel
from bench.reports.figures.panels import Head, panelled
from bench.reports.figures.sheet import labels, pencil

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def ranks(material: Material, ask: Ask) -> Figure:
    """A line from the best to the worst rank that the data allow, a dot at the rank of the score itself."""
    panel = pair_panel(material, ask.metric)
    members, found = all_pairs(material, panel)
    style, count = ask.style, len(members)
    with pencil():
        names = labels([title_of(material, i, ask) for i in members], style, 0.42 * style.width)
        head = Head(f"{panel.head(ask.literal)}: rank", panel.under(ask.literal))
        note = (
            f"Lines: ranks that simultaneous 95 % intervals of the differences allow"
            f"{told(found.groups)}; dots: rank by score."
        )
        sheet, (axis,) = panelled(style, names, [head], [(0.5, count + 0.5)], note=note, ticks=min(count, 9))
        axis.set_xlim(0.5, count + 0.5)
        places = _ticks(count)
        axis.set_xticks(places, [str(p) for p in places], fontsize=style.small)
        for y, system, (best, worst), own in zip(
            names_middle(axis), members, found.ranks, own_ranks(material, panel, members), strict=True
        ):
            mark = material.marks[system]
            if best < worst:
                axis.plot([best, worst], [y, y], color=mark.colour, linewidth=1.4 * style.line, solid_capstyle="round")
            axis.plot([own], [y], **mark.point(style.mark))
        return sheet.figure


def told(groups: int) -> str:
    """' (400 prompts)'."""
    return f" ({groups:,} prompts)" if groups > 1 else ""


def names_middle(axis: object) -> list[float]:
    return list(axis.get_yticks())  # type: ignore[attr-defined]


def own_ranks(material: Material, panel: Panel, members: tuple[int, ...]) -> list[float]:
    """Rank by score; equal scores share the mean of their ranks."""
    values = [panel.sign * panel.cells[i].value for i in members]  # type: ignore[union-attr, operator]
    return [1 + sum(v > own for v in values) + (sum(v == own for v in values) - 1) / 2 for own in values]


def _ticks(count: int) -> list[int]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if count / s <= 10)
    return sorted({1, *range(step, count + 1, step)}) if step > 2 else list(range(1, count + 1, step))
