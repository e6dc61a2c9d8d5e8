"""What the page shows of a pair of systems: forest plot, slices, flips, as plain data. No HTML is made here.

One axis a plot: the difference in standard deviations of the prompts' own differences, so that metrics of unlike scales
share it. Everything is turned so that right is better; amounts beside the plot run as the metric runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

from bench.reports.comparison.findings import Effect, Findings, Flip, Flips, Slice, SliceTable
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.verdicts import amount, name
from bench.reports.numbers import ABSENT, ARROWS, DIRECTIONS, decimals, number, p_value, percent
from bench.reports.pages.views import SHORT, broken, interval_text, strip

_FARTHEST = 3.0
"""Standard deviations that an axis shows at most; what lies beyond becomes an arrow at its end."""
_STEPS = (0.05, 0.1, 0.2, 0.5, 1.0)
FLIPS = 12
"""Flips that are listed a side; their number is always told."""

Ends = tuple[float, float]


def effect_axis(effects: Iterable[Effect | Slice]) -> Ends:
    """Symmetric ends that hold every interval, up to the farthest shown."""
    found = [abs(e) for one in effects for e in (one.effect, one.effect_low, one.effect_high) if e is not None]
    reach = min(1.06 * max(found, default=1.0), _FARTHEST) or 1.0
    return -reach, reach


def ticks(ends: Ends) -> list[dict[str, Any]]:
    """Places of round numbers on the axis: at most three a side, and zero."""
    step = next((s for s in _STEPS if ends[1] / s <= 3.5), _STEPS[-1])
    count = math.floor(ends[1] / step)
    digits = 2 if step < 0.1 else 1
    return [
        {"left": round(50 + 50 * i * step / ends[1], 2), "text": number(i * step, digits, signed=True) if i else "0"}
        for i in range(-count, count + 1)
    ]  # fmt: skip


def grid(marks: Sequence[dict[str, Any]]) -> str:
    """Lines of the axis as one CSS background, since a page has thousands of plots."""
    return ", ".join(
        f"linear-gradient(var({'--soft' if m['text'] == '0' else '--line'}) 0 0) {m['left']}% 0 / 1px 100% no-repeat"
        for m in sorted(marks, key=lambda m: m["text"] != "0")
    )


# ---- forest ---------------------------------------------------------------------------------------------------------


def forest(effects: Sequence[Effect]) -> dict[str, Any]:
    """Lines of the forest plot, primary metrics before the details, and its axis."""
    ends = effect_axis(effects)
    return {
        "ticks": ticks(ends), "grid": grid(ticks(ends)),
        "groups": [
            {"name": title, "lines": [_effect(e, ends) for e in members]}
            for title, members in (
                ("", [e for e in effects if e.row.primary]), ("Details", [e for e in effects if not e.row.primary])
            ) if members
        ],
    }  # fmt: skip


def metric_head(row: Row) -> dict[str, str]:
    """A metric's name as tables print it."""
    same = row.title.casefold() == row.label.casefold()
    kind = broken(", ".join(t for t in ("" if same else row.title, row.note) if t))
    return {"label": row.label, "arrow": ARROWS[row.direction], "meaning": DIRECTIONS[row.direction], "kind": kind,
            "note": row.note}  # fmt: skip


def _effect(e: Effect, ends: Ends) -> dict[str, Any]:
    head = metric_head(e.row)
    if e.delta is None:
        return {**head, "kind_of": "unknown", "badge": SHORT["unknown"], "reason": e.refusal or "not compared"}
    half = None if e.low is None or e.high is None else (e.high - e.low) / 2
    digits = decimals([half], [e.delta])
    return {
        **head, "kind_of": e.kind, "badge": SHORT[e.kind] if e.row.direction != "none" else "", "reason": "",
        "delta": amount(e.row, e.delta, digits, signed=True), "sort": "" if e.effect is None else repr(e.effect),
        "span": interval_text(e.low, e.high, digits, signed=True),
        "strip": strip(e.effect, e.effect_low, e.effect_high, ends, 0.0), "blind": _blind(e, ends),
        "effect": number(e.effect, 2, signed=True), "p": p_value(e.p_adjusted),
        "p_sort": "" if e.p_adjusted is None else repr(e.p_adjusted), "better": percent(e.better),
        "record": "" if e.wins is None else f"{e.wins} / {e.ties} / {e.losses}",
        "seen": ABSENT if e.detectable is None else number(e.detectable, digits),
        "method": e.method, **_counts(e.groups, e.n),
        "no_plot": "equal on every prompt" if e.wins == e.losses == 0 else "no common unit",
    }  # fmt: skip


def _blind(e: Effect, ends: Ends) -> dict[str, float] | None:
    """The band of differences too small to be found with 80 % power."""
    if not e.detectable or not e.effect or not e.delta:
        return None
    reach = min(e.detectable * abs(e.effect / e.delta), ends[1])
    return {"left": round(50 - 50 * reach / ends[1], 2), "width": round(100 * reach / ends[1], 2)}


def _counts(groups: int, n: int) -> dict[str, str]:
    """Prompts, and images where these are another number."""
    return {"prompts": str(groups) if groups else "", "images": "" if groups == n else f"{n} images"}


# ---- slices ---------------------------------------------------------------------------------------------------------


def slices(found: Findings) -> list[dict[str, Any]]:
    """A part a tag: an overview of all metrics by value, and a table a metric."""
    equal = {e.row.key for e in found.forest if e.wins == e.losses == 0}
    return [_tag(tag, tables, equal) for tag, tables in found.by_tag.items()]


def _tag(tag: str, every: Sequence[SliceTable], equal: Set[str]) -> dict[str, Any]:
    tables = [t for t in every if t.row.key not in equal]
    ends = effect_axis(s for t in tables for s in t.slices)
    values = list(dict.fromkeys(s.value for t in tables for s in t.slices))
    by_value = [{s.value: s for s in t.slices} for t in tables]
    return {
        "tag": tag, "equal": [metric_head(t.row) for t in every if t.row.key in equal], "ticks": ticks(ends),
        "grid": grid(ticks(ends)),
        "heads": [metric_head(t.row) for t in tables],
        "lines": [
            {
                "value": value or "(without)",
                "prompts": max(one[value].groups for one in by_value if value in one),
                "cells": [_heat(t, one.get(value)) for t, one in zip(tables, by_value, strict=True)],
            }
            for value in (values if tables else ())
        ],
        "tables": [_sliced(t, ends) for t in tables],
    }  # fmt: skip


def _heat(table: SliceTable, one: Slice | None) -> dict[str, Any]:
    """A cell of the overview: amount, and how strongly it is tinted."""
    if one is None:
        return {"text": ABSENT, "tint": 0, "side": "", "faint": False, "mark": "", "hover": "no such prompts"}
    digits = _slice_digits(table.slices)
    size = min(abs(one.effect or 0.0), 1.0)
    span = interval_text(one.low, one.high, digits, signed=True)
    return {
        "text": number(one.delta, digits, signed=True), "tint": round((20 if one.faint else 45) * size),
        "side": "up" if (one.effect or 0) > 0 else "down", "faint": one.faint,
        "mark": {"better": "▲", "worse": "▼"}.get(one.kind, ""),
        "hover": f"{table.row.label}: 95 % interval {span}, adjusted p {p_value(one.q)}, {one.groups} prompts",
    }  # fmt: skip


def _slice_digits(members: Sequence[Slice]) -> int:
    halves = [(s.high - s.low) / 2 for s in members if s.low is not None and s.high is not None]
    return decimals(halves, [s.delta for s in members])


def _sliced(table: SliceTable, ends: Ends) -> dict[str, Any]:
    digits = _slice_digits(table.slices)
    return {
        **metric_head(table.row), "whole": amount(table.row, table.delta, digits, signed=True),
        "carried": any(s.contribution is not None for s in table.slices),
        "lines": [
            {
                "value": s.value or "(without)", **_counts(s.groups, s.n), "n_sort": str(s.groups), "faint": s.faint,
                "kind_of": s.kind, "badge": SHORT[s.kind], "sort": "" if s.effect is None else repr(s.effect),
                "delta": amount(table.row, s.delta, digits, signed=True),
                "span": interval_text(s.low, s.high, digits, signed=True),
                "strip": strip(s.effect, s.effect_low, s.effect_high, ends, 0.0), "blind": None,
                "q": p_value(s.q), "q_sort": "" if s.q is None else repr(s.q), "share": percent(s.share),
                "carries": number(s.contribution, digits + (digits >= 0), signed=True),
            }
            for s in table.slices
        ],
    }  # fmt: skip


# ---- flips ----------------------------------------------------------------------------------------------------------


def flips(
    comparison: Comparison, found: Sequence[Flips], shown: Callable[[Flip], dict[str, str]]
) -> list[dict[str, Any]]:
    """Who passes where. shown: a flip -> {prompt, href} as they may be shown; the first few of each side are listed."""
    made = []
    for one in found:
        sides = [
            {"who": comparison.systems[who].title, "count": len(flipped), "more": max(0, len(flipped) - FLIPS),
             "rows": [shown(f) for f in flipped[:FLIPS]]}
            for who, flipped in zip(one.pair, (one.gained, one.lost), strict=True) if flipped
        ]  # fmt: skip
        made.append({
            "label": name(one.row), "gained": len(one.gained), "lost": len(one.lost), "both_pass": one.both_pass,
            "both_fail": one.both_fail, "p": p_value(one.p), "note": one.note, "sides": sides,
        })  # fmt: skip
    return made
