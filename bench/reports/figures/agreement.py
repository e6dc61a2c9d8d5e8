"""Heat map of Spearman's rank correlation between metrics, all turned so that more is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.reports.comparison.agreement import agreement as correlated
from bench.reports.comparison.findings import Agreement
from bench.reports.figures.heat import BLANK, Cell, Table, diverging, table
from bench.reports.figures.material import Ask, Lacking, Material, named_panels, need_comparison
from bench.reports.figures.sheet import pencil
from bench.reports.numbers import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def agreement(material: Material, ask: Ask) -> Figure:
    """The lower half of the matrix, for the primary metrics of single images (or those asked for)."""
    comparison, tables = need_comparison(material)
    found = correlated(comparison, tables)
    wanted = [p.row.key for p in named_panels(material, ask.metrics) if p.row] if ask.metrics else None
    kept = [] if found is None else [i for i, r in enumerate(found.rows) if wanted is None or r.key in wanted]
    if found is None or len(kept) < 2:
        raise Lacking(f"It needs two primary metrics of single images, and there {_are(len(kept))}.")
    words = {p.row.key: (p.head(ask.literal), p.under(ask.literal)) for p in material.panels if p.row is not None}
    return drawn(found, kept, [words[found.rows[i].key] for i in kept], ask)


def _are(count: int) -> str:
    return {0: "is none", 1: "is one"}.get(count, f"are {count}")


def drawn(found: Agreement, kept: list[int], words: list[tuple[str, str]], ask: Ask) -> Figure:
    """The matrix of some of its rows; words: label with arrow, and what it does not say."""
    names = [
        f"{place}\N{NO-BREAK SPACE} {head} ({under})" if under else f"{place}\N{NO-BREAK SPACE} {head}"
        for place, (head, under) in enumerate(words, 1)
    ]
    cells = tuple(
        tuple(_cell(float(found.rho[i, j])) if b < a else None for b, j in enumerate(kept[:-1]))
        for a, i in enumerate(kept)
    )
    basis = {
        "differences": "Spearman's rank correlation of each prompt's differences between systems.",
        "values": "Spearman's rank correlation over the prompts of one system.",
    }[found.basis]
    most = int(found.n.max()) if found.n.size else 0
    told = f"{basis} All turned so that more is better; up to {most:,} values a cell." if most else basis
    with pencil():
        given = Table(tuple(names), tuple(str(i + 1) for i in range(len(kept) - 1)), cells, note=told)
        return table(ask.style, given)[0].figure


def _cell(rho: float) -> Cell:
    if not np.isfinite(rho):
        return Cell(BLANK, ("?",))
    text = number(rho, 2)
    return Cell(diverging(rho), (text, text.replace("0.", ".", 1), "+" if rho > 0 else "\N{MINUS SIGN}"))
