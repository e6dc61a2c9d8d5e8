"""A system's runs one after the other, with intervals and the steps between them: what changed when.

Runs stand in the order in which they are named. The thick line is the level that a penalised fit finds, and a step must
be worth 3 log n (`bench.stats.steps`); a hollow mark is a run that is odd by itself and part of no level. Where runs
share their prompts a step is measured by paired errors, without what all runs have in common, so that it can be sure
although the intervals of single runs overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bench.reports.figures import scales
from bench.reports.figures.material import Ask, Lacking, Material, Panel, need_systems, the_panel, title_of, value_of
from bench.reports.figures.pairing import joint
from bench.reports.figures.plane import Plane, plane
from bench.reports.figures.sheet import grid, pencil
from bench.reports.numbers import decimals, number
from bench.stats.steps import Level, levels, paired_errors, steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Z = float(special.ndtri(0.975))
TICKS = 12
"""Most runs whose number is written below the plot."""


def history(material: Material, ask: Ask) -> Figure:
    """Points with intervals over the runs' numbers, levels, and a sentence for each step."""
    panel = the_panel(material, ask.metric)
    members, found = fitted_levels(material, panel)
    cells = [panel.cells[i] for i in members]
    mark, odd = material.marks[members[0]], {i for one in found for i in one.odd}
    with pencil():
        ys = scales.ends(v for c in cells if c is not None for v in (c.value, c.low, c.high))
        drawn = plane(ask.style, Plane(
            (0.4, len(members) + 0.6), ys, "run, in the order given", panel.head(ask.literal), "",
            panel.under(ask.literal), told(material, panel, ask), bare_x=True,
            turned=(False, panel.direction == "lower"),
        ))  # fmt: skip
        places = list(range(1, len(members) + 1, max(1, -(-len(members) // TICKS))))
        drawn.axis.set_xticks(places, [str(p) for p in places], fontsize=ask.style.small)
        grid(drawn.axis, "both")
        for one in found:
            drawn.axis.plot([one.start + 0.6, one.end + 0.4], [one.value] * 2, color=mark.colour, alpha=0.35,
                            linewidth=3 * ask.style.line)  # fmt: skip
        for x, cell in enumerate(cells, start=1):
            assert cell is not None and cell.value is not None
            if cell.low is not None and cell.high is not None:
                drawn.axis.plot([x, x], [cell.low, cell.high], color=mark.colour, linewidth=ask.style.line)
            hollow = {"fillstyle": "none"} if x - 1 in odd else {}
            drawn.axis.plot([x], [cell.value], **{**mark.point(ask.style.mark), **hollow})
        return drawn.sheet.figure


def fitted_levels(material: Material, panel: Panel) -> tuple[tuple[int, ...], list[Level]]:
    """(the runs that have a score, the levels over them). Lacking for fewer than two, or without any interval."""
    members = tuple(i for i in need_systems(material, 2) if value_of(panel, i) is not None)
    if len(members) < 2:
        raise Lacking(f"It needs two runs with a score of {panel.label}, and there are {len(members)}.")
    values = [float(value_of(panel, i) or 0.0) for i in members]
    return members, levels(values, errors(material, panel, members))


def errors(material: Material, panel: Panel, members: tuple[int, ...]) -> np.ndarray:
    """(n,) standard errors: paired where all runs have values on common prompts, else of each run's own interval."""
    if material.tables is not None and panel.row is not None:
        try:
            both = joint(material, panel, members=members)
        except Lacking:
            both = None
        influence = None if both is None else both.kernel.influence()
        if influence is not None and len(influence) > 1:
            return paired_errors(influence)
    halves = [c.half if (c := panel.cells[i]) is not None else None for i in members]
    if any(h is None for h in halves):
        raise Lacking(f"Runs whose {panel.label} has no interval tell no step from noise.")
    return np.array(halves, dtype=float) / _Z


def told(material: Material, panel: Panel, ask: Ask) -> str:
    """The steps in words."""
    members, found = fitted_levels(material, panel)
    made = steps(found)
    lines = []
    for one in made:
        digits = decimals([(one.high - one.low) / 2 or None], [one.size])
        size, low, high = (number(v, digits, signed=True) for v in (one.size, one.low, one.high))
        way = "Better" if one.size * panel.sign > 0 else "Worse"
        lines.append(f"{way} from run {one.at + 1}: {size} [{low}, {high}]")
    lines = lines or [f"No step in {len(members)} runs"]
    odd = [str(i + 1) for one in found for i in one.odd]
    if odd:
        lines.append(f"Odd by itself (hollow): run {', '.join(odd)}")
    names = "; ".join(f"{at} {title_of(material, i, ask)}" for at, i in enumerate(members, start=1))
    return f"95 % intervals. {'. '.join(lines)}. Runs: {names}."
