"""The leaderboard as one page: what stands where, and what is left out when it grows beyond its budget of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.reports.board.nouns import LEVELS, Board
from bench.reports.pages.board_data import coarseness, script_data
from bench.reports.pages.board_history import histories
from bench.reports.pages.board_table import fusion_of, said, table
from bench.reports.pages.board_views import factorial, front, matrix
from bench.reports.pages.board_words import counted, method, ordering, words
from bench.reports.pages.html import rendered
from bench.reports.words import clean

BUDGET = 3_000_000
"""Bytes of the page."""


def page(board: Board, *, budget: int = BUDGET) -> str:
    """The board as one HTML text of at most `budget` bytes.

    Beyond them the script first loses the differences of exploratory columns, then the rank shares of all columns but
    the ordering one, then the differences of those; the page says which, and that it is too large if that does not do.
    """
    fixed = _fixed(board)
    for step in _ladder(board):
        data = script_data(board, pairs=step["pairs"], shares=step["shares"])
        notes = [*step["told"]]
        text = _rendered(board, fixed, data, notes)
        size = len(text.encode("utf-8", "replace"))
        if size <= budget:
            return text
    notes.append(f"The page has {size / 1e6:.1f} MB, more than the {budget / 1e6:g} MB asked for: its rows need them.")
    return _rendered(board, fixed, data, notes)


def _ladder(board: Board) -> list[dict[str, Any]]:
    """What the script keeps, from everything to the least, with the sentences that say so."""
    every = [c.id for c in board.columns if c.id in board.pairs]
    primary = [c.id for c in board.columns if c.id in board.pairs and (c.primary or c.id == board.order)]
    order = [board.order]
    lost = len(every) - len(primary)
    steps: list[dict[str, Any]] = [{"pairs": every, "shares": every, "told": []}]
    told = []
    if lost:
        told = [
            f"To keep the page small, differences of {counted(lost, 'exploratory column')} are not in it: comparing to "
            "a row shows none there. Scores, intervals and best sets of these columns are whole."
        ]
        steps.append({"pairs": primary, "shares": primary, "told": told})
    if len(primary) > 1:
        more = "To keep the page small, rank shares are kept for the ordering column only."
        steps.append({"pairs": primary, "shares": order, "told": [*told, more]})
        only = (
            "To keep the page small, differences and rank shares are kept for the ordering column only: the page ranks "
            "by no other and compares rows in no other. Scores, intervals and best sets of all columns are whole."
        )
        steps.append({"pairs": order, "shares": order, "told": [only]})
    return steps


def _rendered(board: Board, fixed: dict[str, Any], data: Any, notes: Sequence[str]) -> str:
    coarse = max((coarseness(c["pairs"]) for c in data["columns"] if "pairs" in c), default=0.0)
    kept = {c["id"] for c in data["columns"] if "pairs" in c}
    context = {
        **fixed, "notes": [*map(clean, (*board.notes, *board.spec.notes)), *notes], "method": method(board, coarse),
        "rankings": [h for h in fixed["heads"] if h["ranks"] and h["key"] in kept],
    }  # fmt: skip
    return rendered(
        "board.html.j2", {**context, "sections": _sections(context)}, styles=("common.css", "board.css"),
        scripts=("common.js", "board_data.js", "board_views.js", "board_parts.js", "board.js"), data=data,
    )  # fmt: skip


def _fixed(board: Board) -> dict[str, Any]:
    """All that does not depend on the budget."""
    made, column = table(board), ordering(board)
    return {
        **made, **words(board), "matrix": matrix(board), "factorial": factorial(board), "front": front(board),
        "histories": histories(board), "filters": _filters(board), "order_name": clean(column.label),
        "digest": board.spec.digest, "version": board.spec.version, "ranked": len(board.ranked),
        "shares": board.order in board.pairs and len(board.ranked) > 1,
    }  # fmt: skip


def _filters(board: Board) -> list[dict[str, Any]]:
    """Choices of each select: values that rows have."""
    rows = [r for r in board.rows if r.role != "unranked"]
    found: dict[str, list[str]] = {
        "generator": sorted({r.generator for r in rows} - {""}), "fusion": sorted({fusion_of(r) for r in rows} - {""}),
        "licence": sorted({said(r, "licence") for r in rows} - {""}),
        "level": [str(v) for v in LEVELS if any(r.level == v and r.role != "external" for r in rows)],
    }  # fmt: skip
    names = {"generator": "Generator", "fusion": "Fusion", "licence": "Licence", "level": "Level"}
    return [{"key": key, "label": names[key], "values": values} for key, values in found.items() if len(values) > 1]


def _sections(context: dict[str, Any]) -> list[tuple[str, str]]:
    wanted = [
        ("table", "Table", True), ("matrix", "Pairwise matrix", context["matrix"]),
        ("factorial", "Generator × fusion", context["factorial"]), ("front", "Score and latency", context["front"]),
        ("history", "History", context["histories"]), ("unranked", "Not ranked", context["excluded"]),
        ("empty", "Empty cells", context["reasons"]),
        ("notes", "Notes", context["notes"]), ("method", "Method", True), ("columns", "Columns", True),
        ("systems", "Systems", True),
    ]  # fmt: skip
    return [(anchor, text) for anchor, text, there in wanted if there]
