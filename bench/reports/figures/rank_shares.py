"""Heat strip of ranks: the share of resamples of the prompts in which a system has each rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reports.figures.heat import Cell, Table, blend, table
from bench.reports.figures.material import Ask, Material, title_of
from bench.reports.figures.pairing import all_pairs, pair_panel
from bench.reports.figures.ranks import told
from bench.reports.figures.sheet import pencil

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def rank_shares(material: Material, ask: Ask) -> Figure:
    """Rows are systems, best first; columns are ranks; per cent where a cell has room."""
    panel = pair_panel(material, ask.metric)
    members, found = all_pairs(material, panel)
    width = found.rank_shares.shape[1]
    cells = tuple(tuple(_cell(float(share)) for share in line) for line in found.rank_shares)
    with pencil():
        given = Table(
            tuple(title_of(material, i, ask) for i in members), tuple(str(i + 1) for i in range(width)), cells,
            panel.head(ask.literal), panel.under(ask.literal),
            f"Per cent of resamples{told(found.groups)} in which the system has the rank.", "rank",
        )  # fmt: skip
        return table(ask.style, given)[0].figure


def _cell(share: float) -> Cell:
    text = f"{100 * share:.0f}"
    if text == "0":
        text = "<1" if share >= 0.0005 else ""
    if text == "100" and share < 1:
        text = ">99"
    return Cell(blend(share**0.7), (text,) if text else ())
