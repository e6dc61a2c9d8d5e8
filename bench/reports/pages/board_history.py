"""Of a system whose runs differ in the factor `revision`: its scores one after the other, with their steps."""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from typing import Any

from bench import store
from bench.errors import BenchError
from bench.reports.board.nouns import Board, BoardRow
from bench.reports.figures.catalog import figure
from bench.reports.figures.sources import source_of
from bench.reports.pages.board_words import ordering
from bench.reports.pages.drawings import inlined
from bench.reports.words import clean
from bench.types import Run

FACTOR = "revision"
LEAST, MOST = 4, 12
"""Revisions from which on a step can be told; systems that are drawn."""


def histories(board: Board) -> list[dict[str, Any]]:
    """A drawing a system, in the order of the board; none where runs are not there any more."""
    found: list[dict[str, Any]] = []
    for row in board.ranked:
        if len(row.factors.get(FACTOR, ())) < LEAST or len(found) == MOST:
            continue
        try:
            runs = _runs(board, row)
            column = ordering(board)
            source = source_of(runs, name="history", metric=f"{column.metric}.{column.output}") if runs else None
            if source is None:
                continue
            draw = partial(figure, "history", source, style="page", literal=True)
            svg = inlined(f"history-{len(found)}", draw)
        except BenchError:
            continue  # the row's own cells say what is wrong with a run
        names = ", ".join(clean(r.label) for r in runs)
        found.append({"svg": svg, "title": row.title, "alt": f"{clean(row.title)} over {len(runs)} revisions: {names}"})
    return found


def _runs(board: Board, row: BoardRow) -> list[Run]:
    """One run a revision that has the ordering column's score, under the revision's name, oldest number first."""
    column = ordering(board)
    found: dict[str, Run] = {}
    for path in row.paths:
        if not store.is_run(path):
            continue
        run = store.load(path)
        name = run.spec.factors.get(FACTOR)
        if name and any((s.protocol, s.output) == (column.protocol, column.output) for s in run.scores):
            found.setdefault(name, dataclasses.replace(run, label=name))
    return [found[name] for name in sorted(found, key=_natural)] if len(found) >= LEAST else []


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Numbers within a name compare as numbers."""
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in re.split(r"(\d+)", text) if p]
