"""What the page's tables show, as plain data: texts, colours and positions in per cent. No HTML is made here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bench.reports.comparison.nouns import Cell, Comparison, Difference, Row
from bench.reports.comparison.verdicts import amount
from bench.reports.figures.style import COLOURS, colour
from bench.reports.numbers import (
    ABSENT,
    ARROWS,
    DIRECTIONS,
    decimals,
    number,
    p_value,
    percent,
    row_decimals,
    spread,
)

SHORT = {"better": "▲ better", "worse": "▼ worse", "tied": "= tied", "unknown": "? cannot tell"}
_BREAK = "\N{ZERO WIDTH SPACE}"
"""Where a long text form may be broken."""
_COLUMNS = 6
_OPEN_ROWS = 40
"""Difference tables are open from the start up to this many rows together."""

Strip = dict[str, Any]


def key(comparison: Comparison, system: int) -> dict[str, Any]:
    """A system's colour; `ring`: hollow, for controls and where the palette begins again."""
    place = comparison.ranked.index(system) if system in comparison.ranked else 0
    hollow = system in comparison.controls or place // len(COLOURS) % 2 == 1
    return {"colour": colour(comparison, system), "ring": hollow}


# ---- marks ----------------------------------------------------------------------------------------------------------


def axis(row: Row, systems: Sequence[int]) -> tuple[float, float] | None:
    """Common ends of a column's marks: the intervals of the ranked systems, with a margin."""
    cells = [c for i in systems if (c := row.cells[i]) is not None and c.value is not None]
    ends = [e for c in cells for e in (c.value, c.low, c.high) if e is not None]
    if not ends or max(ends) - min(ends) <= 0:
        return None
    margin = 0.06 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin


def strip(
    value: float | None,
    low: float | None,
    high: float | None,
    ends: tuple[float, float] | None,
    zero: float | None = None,
) -> Strip | None:
    """Places of bar and dot in per cent; what lies outside the axis becomes an arrow at its end."""
    if value is None or ends is None:
        return None

    def at(x: float) -> float:
        return round(min(max(100 * (x - ends[0]) / (ends[1] - ends[0]), 0.0), 100.0), 2)

    off = "under" if value < ends[0] else "over" if value > ends[1] else ""
    bar = {"left": None, "width": None}
    if low is not None and high is not None and low <= ends[1] and high >= ends[0]:
        bar = {"left": at(low), "width": round(at(high) - at(low), 2)}  # type: ignore[dict-item]
    return {**bar, "dot": at(value), "off": off, "zero": None if zero is None else at(zero)}


# ---- scores ---------------------------------------------------------------------------------------------------------


def blocks(comparison: Comparison) -> list[dict[str, Any]]:
    """Score tables of at most six columns: metrics of image sets first, then the others, in the runs' order."""
    rows = comparison.primary or comparison.rows
    kinds = {
        "Of the set of images as a whole": [r for r in rows if r.card.scope == "set"],
        "Of each image and its prompt": [r for r in rows if r.card.scope != "set"],
    }
    found = []
    for title, members in kinds.items():
        parts = math.ceil(len(members) / _COLUMNS)
        size = math.ceil(len(members) / parts) if parts else 1
        for at in range(0, len(members), size):
            told = f"{title} ({at // size + 1} of {parts})" if parts > 1 else title
            found.append(_block(comparison, told, members[at : at + size]))
    return found


def _block(comparison: Comparison, title: str, rows: Sequence[Row]) -> dict[str, Any]:
    ends = [axis(r, comparison.ranked) for r in rows]
    digits = [row_decimals(r) for r in rows]
    groups = [("systems", comparison.ranked), ("controls", comparison.controls)]
    return {
        "title": title,
        "columns": [_head(r) for r in rows],
        "groups": [
            {"kind": kind, "lines": [_line(comparison, i, rows, digits, ends) for i in members]}
            for kind, members in groups if members
        ],
    }  # fmt: skip


def _head(row: Row) -> dict[str, str]:
    counts = sorted({c.n for c in row.cells if c is not None})
    n = "" if not counts else f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    meaning = DIRECTIONS[row.direction] + (f"; {row.card.summary}" if row.card.summary else "")
    kind = ", ".join(t for t in (row.title, row.note) if t and t.casefold() != row.label.casefold())
    unit = f", {row.output.unit}" if row.output.unit else ""
    return {
        "label": row.label + unit, "arrow": ARROWS[row.direction], "meaning": meaning, "kind": broken(kind), "n": n,
        "first": "ascending" if row.direction == "lower" else "descending",
    }  # fmt: skip


def broken(form: str) -> str:
    """A long text form with places where a line may end."""
    return form.replace("(", f"({_BREAK}").replace(",", f",{_BREAK}")


def _line(
    comparison: Comparison,
    system: int,
    rows: Sequence[Row],
    digits: Sequence[int],
    ends: Sequence[tuple[float, float] | None],
) -> dict[str, Any]:
    marks = ["control"] * (system in comparison.controls) + ["baseline"] * (system == comparison.baseline)
    return {
        "title": comparison.systems[system].title, **key(comparison, system), "mark": ", ".join(marks),
        "cells": [_cell(r.cells[system], d, e) for r, d, e in zip(rows, digits, ends, strict=True)],
    }  # fmt: skip


def _cell(cell: Cell | None, digits: int, ends: tuple[float, float] | None) -> dict[str, Any]:
    if cell is None or cell.value is None:
        hover = "not scored in this run" if cell is None else cell.note
        return {"text": ABSENT, "half": "", "sort": "", "hover": hover, "best": False, "strip": None, "caveat": ""}
    return {
        "text": number(cell.value, digits), "half": spread(cell, digits),
        "sort": repr(cell.value), "best": cell.best, "strip": strip(cell.value, cell.low, cell.high, ends),
        "hover": hover_text(cell, digits), "caveat": cell.note.partition(":")[0],
    }  # fmt: skip


def hover_text(cell: Cell, digits: int) -> str:
    """Interval, denominator and method of one number."""
    parts = [f"95 % interval {interval_text(cell.low, cell.high, digits)}" if cell.low is not None else "no interval"]
    parts.append(f"{cell.n} images" + (f", {cell.n_missing} missing ({POLICIES.get(cell.policy, cell.policy)})"
                                       if cell.n_missing else ""))  # fmt: skip
    parts += [text for text in (cell.method, cell.note) if text]
    return "; ".join(parts)


POLICIES = {"worst": "counted as the worst score", "exclude": "left out"}


def interval_text(low: float | None, high: float | None, digits: int, *, signed: bool = False) -> str:
    """'0.79 … 0.83'."""
    if low is None or high is None:
        return ABSENT
    return f"{number(low, digits, signed=signed)} … {number(high, digits, signed=signed)}"


# ---- differences ----------------------------------------------------------------------------------------------------


def contrasts(comparison: Comparison) -> list[dict[str, Any]]:
    """A table a metric: every ranked system against the reference, best first."""
    rows = [r for r in comparison.rows if any(r.differences) or any(r.refusals)]
    many = sum(len([d for d in r.differences if d]) for r in rows if r.primary) > _OPEN_ROWS
    return [_contrast(comparison, r, r.primary and not many) for r in rows]


def _contrast(comparison: Comparison, row: Row, opened: bool) -> dict[str, Any]:
    assert row.reference is not None
    known = [d for d in row.differences if d is not None]
    sign = -1 if row.direction == "lower" else 1
    known.sort(key=lambda d: (-sign * d.delta, d.system))
    reach = max((abs(e) for d in known for e in (d.delta, d.low, d.high) if e is not None), default=0.0)
    digits = decimals([(d.high - d.low) / 2 for d in known if d.low is not None and d.high is not None],
                      [d.delta for d in known])  # fmt: skip
    lines = [_contrast_line(comparison, row, d, sign, reach, digits) for d in known]
    for i, reason in enumerate(row.refusals):
        if reason:
            title = comparison.systems[i].title
            lines.append({"title": title, "kind": "unknown", "badge": SHORT["unknown"], "reason": reason})
    against = "the baseline" if row.reference == comparison.baseline else "the best"
    head = f"against {against}, {comparison.systems[row.reference].title}"
    if row.title.casefold() != row.label.casefold() or row.note:
        head += f" · {row.title}" + (f", {row.note}" if row.note else "")
    return {"label": row.label, "arrow": ARROWS[row.direction], "head": head, "open": opened, "lines": lines}


def _contrast_line(
    comparison: Comparison, row: Row, d: Difference, sign: int, reach: float, digits: int
) -> dict[str, Any]:
    low, high = (None, None) if d.low is None or d.high is None else sorted((sign * d.low, sign * d.high))
    ends = (-1.05 * reach, 1.05 * reach) if reach else None
    wins = ABSENT if d.wins is None else f"{d.wins} / {d.ties} / {d.losses}"
    return {
        "title": comparison.systems[d.system].title, "kind": d.kind, "badge": SHORT[d.kind], "reason": "",
        "delta": amount(row, d.delta, digits, signed=True), "sort": repr(sign * d.delta),
        "span": interval_text(d.low, d.high, digits, signed=True),
        "strip": strip(sign * d.delta, low, high, ends, 0.0), "p": p_value(d.p_adjusted),
        "p_sort": "" if d.p_adjusted is None else repr(d.p_adjusted), "record": wins, "better": percent(d.better),
        "seen": ABSENT if d.detectable is None else number(d.detectable, digits), "n": str(d.n),
    }  # fmt: skip


# ---- everything -----------------------------------------------------------------------------------------------------


def all_outputs(comparison: Comparison) -> list[dict[str, str]]:
    """Every number with its interval, denominator, method and protocol."""
    found = []
    for row in comparison.rows:
        digits = row_decimals(row)
        for i in (*comparison.ranked, *comparison.controls):
            cell = row.cells[i]
            if cell is not None:
                found.append(_output(comparison.systems[i].title, row, cell, digits))
    return found


def _output(title: str, row: Row, cell: Cell, digits: int) -> dict[str, str]:
    missing = f"{cell.n_missing}, {POLICIES.get(cell.policy, cell.policy)}" if cell.n_missing else "0"
    return {
        "system": title, "metric": row.title, "output": row.label, "value": number(cell.value, digits),
        "span": interval_text(cell.low, cell.high, digits), "chance": number(cell.chance, digits), "n": str(cell.n),
        "missing": missing, "method": "; ".join(filter(None, (cell.method, cell.note))), "protocol": cell.protocol[:8],
    }  # fmt: skip
