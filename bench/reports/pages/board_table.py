"""The board's table as plain data: heads, rows and cells with texts, marks and positions in per cent. No HTML here.

Every column is in the page; which ones are seen is a matter of style, so that the table is whole without the script.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.reports.board.nouns import Board, BoardRow, Column, Pairs
from bench.reports.comparison.nouns import Cell
from bench.reports.numbers import ABSENT, ARROWS, DIRECTIONS, number, percent, spread, thousands
from bench.reports.words import clean

DASH = "\N{EN DASH}"
MOST_SHOWN = 12
"""Columns that the table opens with, of those that the board wants to show."""
LANES = 8
"""Brackets beside each other that are drawn; with more, the letters alone stand in the cell."""
GROUPS = {
    "control": ("Controls", "measured alike, not ranked"),
    "external": ("External", "scores without evidence, as their source prints them: not ranked, not compared"),
}
_FIRM = "\N{NO-BREAK SPACE}"
_POLICIES = {"worst": "counted as the worst score", "exclude": "left out"}


@dataclass
class Reasons:
    """Why cells are empty: every distinct reason once, numbered in the order of reading."""

    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(clean(text), len(self.numbers) + 1)


@dataclass(frozen=True)
class _Frame:
    """What all rows have in common."""

    board: Board
    ends: list[tuple[float, float] | None]
    """Of each column's axis."""
    opened: list[str]
    meta: list[str]
    twins: frozenset[str]
    """Titles that several rows have."""
    reasons: Reasons


def shown(board: Board) -> list[str]:
    """Ids of the columns that the table opens with; the others stand below it."""
    wanted = [c.id for c in board.columns if c.shown][:MOST_SHOWN]
    return wanted if board.order in wanted else [board.order, *wanted[: MOST_SHOWN - 1]]


def table(board: Board) -> dict[str, Any]:
    """Heads, groups of rows, and the reasons that cells refer to."""
    titles = Counter(r.title for r in board.rows)
    ends = [axis([r.cells[c] for r in board.ranked]) for c in range(len(board.columns))]
    frame = _Frame(
        board, ends, shown(board), _meta(board), frozenset(t for t, n in titles.items() if n > 1), Reasons()
    )  # fmt: skip
    lanes = brackets(board.letters)
    groups = []
    for role in ("system", *GROUPS):
        title, told = GROUPS.get(role, ("", ""))
        lines = [_line(frame, r, i) for i, r in enumerate(r for r in board.rows if r.role == role)]
        for line, lane in zip(lines, lanes if role == "system" else (), strict=False):
            line["lanes"] = lane
        if lines:
            groups.append({"role": role, "title": title, "told": told, "lines": lines})
    heads = [_head(frame, c) for c in range(len(board.columns))]
    return {
        "heads": heads, "meta": [{**_META[key], "key": key} for key in frame.meta], "groups": groups,
        "more": len(heads) - len(frame.opened), "reasons": list(frame.reasons.numbers),
        "lanes": max((len(lane["slots"]) for lane in lanes), default=0),
    }  # fmt: skip


# ---- heads ----------------------------------------------------------------------------------------------------------


def _head(frame: _Frame, at: int) -> dict[str, Any]:
    board, column, ends = frame.board, frame.board.columns[at], frame.ends[at]
    counts = sorted({c.n for r in board.ranked if (c := r.cells[at]) is not None and c.value is not None})
    n = "" if not counts else f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    meaning = "; ".join(t for t in (DIRECTIONS[column.direction], column.meaning, column.caveat) if t)
    return {
        "key": column.id, "label": column.label + (f", {column.unit}" if column.unit else ""),
        "plain": clean(" ".join((column.label, ARROWS[column.direction], "·" * bool(column.dataset), column.dataset))),
        "arrow": ARROWS[column.direction], "meaning": clean(meaning), "direction": DIRECTIONS[column.direction],
        "dataset": column.dataset, "n": n, "caveat": column.caveat, "primary": column.primary,
        "order": column.id == board.order, "shown": column.id in frame.opened,
        "ranks": column.primary and column.id in board.pairs,
        "first": "ascending" if column.direction == "lower" else "descending",
        "ends": [] if ends is None else [number(e, column.decimals) for e in ends],
    }  # fmt: skip


_META: Mapping[str, Mapping[str, Any]] = {
    "coverage": {"label": "Coverage", "first": "ascending", "meaning": "share of the declared images that were made"},
    "failed": {"label": "Failures", "first": "descending", "meaning": "images that were not made, with how"},
    "seeds": {"label": "Seeds", "first": "descending", "meaning": "training or run seeds whose mean the scores are"},
    "level": {"label": "Level", "first": "descending", "meaning": "how far the numbers were checked"},
    "size": {"label": "Size", "first": "ascending", "meaning": "as the system's card says"},
    "licence": {"label": "Licence", "first": "ascending", "meaning": "as the system's card says"},
    "latency": {"label": "Latency", "first": "ascending", "meaning": "median seconds an image, where measured"},
}  # fmt: skip


def _meta(board: Board) -> list[str]:
    """Columns beside the scores: those that any row fills."""
    there = {
        "size": any(said(r, "size") for r in board.rows), "licence": any(said(r, "licence") for r in board.rows),
        "latency": any(r.latency is not None for r in board.rows),
    }  # fmt: skip
    return [key for key in _META if there.get(key, True)]


# ---- rows -----------------------------------------------------------------------------------------------------------


def _line(frame: _Frame, row: BoardRow, at: int) -> dict[str, Any]:
    board, ranked = frame.board, row.role == "system"
    rank = rank_text(board.pairs.get(board.order), at, row.cells[_order(board)]) if ranked else (ABSENT, "")
    cells = [
        {**_cell(column, cell, ends, ranked and best(board, column, at, cell), frame.reasons),
         "shown": column.id in frame.opened}
        for column, cell, ends in zip(board.columns, row.cells, frame.ends, strict=True)
    ]  # fmt: skip
    return {
        "title": row.title, "pieces": pieces(row.title), "twin": row.id if row.title in frame.twins else "",
        "source": row.source, "rank": rank[0], "first": rank[1], "best": rank[0].startswith(f"1{DASH}"),
        "lanes": None, "cells": cells, "meta": [_META_TEXT[key](row) for key in frame.meta],
    }  # fmt: skip


def pieces(text: str) -> list[str]:
    """A name cut where a line may end: browsers see no place to break in `flow(steps=16)+attention`."""
    return re.findall(r"[^+(,/_=-]*[+(,/_=-]+|[^+(,/_=-]+", text) or [text]


def _order(board: Board) -> int:
    return next(i for i, c in enumerate(board.columns) if c.id == board.order)


def rank_text(pairs: Pairs | None, at: int, cell: Cell | None) -> tuple[str, str]:
    """('1–3', 'first in 41 %'): never a rank alone; nothing where the row has no value."""
    if pairs is None or cell is None or cell.value is None:
        return ABSENT, ""
    first = round(100 * float(pairs.rank_shares[at, 0])) if pairs.rank_shares.size else 0
    return DASH.join(map(str, pairs.ranks[at])), f"first in {first}{_FIRM}%" if first else ""


def best(board: Board, column: Column, at: int, cell: Cell | None) -> bool:
    """Whether nobody is surely better in this column; one system alone is not best."""
    if cell is None or cell.value is None or column.direction == "none" or len(board.ranked) < 2:
        return False
    pairs = board.pairs.get(column.id)
    return cell.best if pairs is None else pairs.ranks[at][0] == 1


def _cell(
    column: Column, cell: Cell | None, ends: tuple[float, float] | None, is_best: bool, reasons: Reasons
) -> dict[str, Any]:
    if cell is None or cell.value is None:
        reason = (cell.note if cell is not None else "") or "not scored"
        return {"text": "", "why": reasons(reason), "hover": clean(reason)}
    return {
        "text": number(cell.value, column.decimals), "half": spread(cell, column.decimals), "why": 0,
        "mark": "b" * is_best, "style": places(cell, ends), "off": _off(cell.value, ends), "hover": _hover(cell),
    }  # fmt: skip


def _hover(cell: Cell) -> str:
    """What is unusual about a number."""
    if cell.n_missing:
        return f"{cell.n} images, {cell.n_missing} missing ({_POLICIES.get(cell.policy, cell.policy)})"
    return clean(cell.note) if cell.note else ""


def axis(cells: Sequence[Cell | None]) -> tuple[float, float] | None:
    """Common ends of a column's marks: the intervals of the ranked systems, with a margin."""
    known = [c for c in cells if c is not None and c.value is not None]
    found = [e for c in known for e in (c.value, c.low, c.high) if e is not None and math.isfinite(e)]
    if not found or max(found) <= min(found):
        return None
    margin = 0.04 * (max(found) - min(found))
    return min(found) - margin, max(found) + margin


def places(cell: Cell, ends: tuple[float, float] | None) -> str:
    """Style that places dot and interval: '--d:31.2%;--l:20%;--r:42.4%'."""
    if ends is None or cell.value is None:
        return ""
    found = [("d", cell.value)]
    if cell.low is not None and cell.high is not None:
        found += [("l", cell.low), ("r", cell.high)]
    return ";".join(f"--{name}:{_at(x, ends):g}%" for name, x in found)


def _at(x: float, ends: tuple[float, float]) -> float:
    return round(min(max(100 * (x - ends[0]) / (ends[1] - ends[0]), 0.0), 100.0), 1)


def _off(value: float, ends: tuple[float, float] | None) -> str:
    return "" if ends is None or ends[0] <= value <= ends[1] else "under" if value < ends[0] else "over"


# ---- beside the scores ----------------------------------------------------------------------------------------------


def said(row: BoardRow, field: str) -> str:
    """A field of the system card as text, '' where the card does not say."""
    value = row.card.get(field)
    return "" if value is None else str(value)


def fusion_of(row: BoardRow) -> str:
    """The fusion strategy; 'no fusion' for a generator without one, '' where neither is known."""
    return row.fusion or ("no fusion" if row.generator else "")


def share(value: float | None) -> str:
    """'100 %' only when nothing is missing: '99.9 %' is rounded down."""
    if value is None:
        return ABSENT
    return percent(value) if value in (0.0, 1.0) else f"{math.floor(1000 * value) / 10:.1f} %"


def failures(row: BoardRow) -> str:
    """'12 of 1,632: 9 failed, 3 refused'."""
    lost = {k: v for k, v in sorted(row.failed.items()) if v}
    if not lost:
        return "0" if row.images else ABSENT
    return f"{thousands(sum(lost.values()))}: " + ", ".join(f"{thousands(v)} {clean(k)}" for k, v in lost.items())


def seconds(value: float | None) -> str:
    """Two or three significant digits."""
    if value is None:
        return ABSENT
    return f"{number(value, 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4)} s"


_META_TEXT: Mapping[str, Any] = {
    "coverage": lambda r: share(r.coverage), "failed": failures,
    "seeds": lambda r: ABSENT if r.role == "external" else str(r.seeds),
    "level": lambda r: ABSENT if r.role == "external" else r.level, "size": lambda r: said(r, "size") or ABSENT,
    "licence": lambda r: said(r, "licence") or ABSENT, "latency": lambda r: seconds(r.latency),
}  # fmt: skip


# ---- tie groups -----------------------------------------------------------------------------------------------------


def brackets(letters: Sequence[str]) -> list[dict[str, Any]]:
    """A row's letters, and its slots when few brackets stand beside each other: a letter, or '' for a free one.

    Groups that do not overlap share a slot, as rows of a table share a column.
    """
    spans: dict[str, list[int]] = {}
    for i, row in enumerate(letters):
        for letter in row:
            spans.setdefault(letter, [i, i])[1] = i
    slots: dict[str, int] = {}
    ends: list[int] = []
    for letter, (first, last) in sorted(spans.items(), key=lambda item: item[1]):
        free = next((at for at, end in enumerate(ends) if end < first), len(ends))
        ends[free : free + 1] = [last]
        slots[letter] = free
    wide = len(ends) if len(ends) <= LANES else 0
    found = []
    for row in letters:
        made = [""] * wide
        for letter in row * bool(wide):
            made[slots[letter]] = letter
        found.append({"letters": " ".join(row), "slots": made})
    return found
