"""Matrix of differences: row less column, coloured by size, marked by verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.reports.figures.heat import BLANK, Cell, Table, diverging, table
from bench.reports.figures.lines import SIGNS
from bench.reports.figures.material import Ask, Material, title_of
from bench.reports.figures.pairing import all_pairs, pair_panel, verdicts
from bench.reports.figures.ranks import told
from bench.reports.figures.sheet import pencil
from bench.reports.numbers import decimals, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = {1: "better", -1: "worse", 0: "tied"}


def pairwise(material: Material, ask: Ask) -> Figure:
    """Best system first. A row goes by its own simultaneous intervals: ▲ surely better, ▼ surely worse, = neither."""
    panel = pair_panel(material, ask.metric)
    members, found = all_pairs(material, panel)
    marks = verdicts(found, panel.sign)
    off = found.delta[~np.eye(len(members), dtype=bool)]
    most = float(np.nanmax(np.abs(off), initial=0.0)) or 1.0
    half = found.reach[:, None] * found.error
    digits = decimals([float(h) for h in half[np.isfinite(half) & (half > 0)]], [float(d) for d in off])
    cells = tuple(
        tuple(
            None if i == j else _cell(panel.sign * found.delta[i, j] / most, found.delta[i, j], marks[i, j], digits)
            for j in range(len(members))
        )
        for i in range(len(members))
    )
    with pencil():
        names = tuple(f"{i + 1}\N{NO-BREAK SPACE} {title_of(material, m, ask)}" for i, m in enumerate(members))
        note = (
            f"Row less column{told(found.groups)}. ▲ better, ▼ worse beyond the row's simultaneous 95 % intervals, "
            "= not told apart."
        )
        given = Table(
            names, tuple(str(i + 1) for i in range(len(members))), cells, panel.head(ask.literal),
            panel.under(ask.literal), note,
        )  # fmt: skip
        return table(ask.style, given)[0].figure


def _cell(shade: float, delta: float, mark: int, digits: int) -> Cell:
    if not np.isfinite(delta):
        return Cell(BLANK, ("?",))
    sign = SIGNS[_KINDS[int(mark)]]  # type: ignore[index]
    text = number(float(delta), digits, signed=True)
    return Cell(diverging(shade), (f"{sign} {text}", f"{sign}\n{text}", sign))
