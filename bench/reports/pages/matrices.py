"""Tables of the page beyond single metrics: agreement of metrics, cost and front, changed fields, rankings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.reports.comparison.findings import Agreement, Change, Cost, Costs, Rankings
from bench.reports.comparison.nouns import Comparison
from bench.reports.numbers import ABSENT, decimals, number, thousands
from bench.reports.pages.effects import metric_head
from bench.reports.pages.views import interval_text, key
from bench.reports.words import clean


def heat(value: float) -> dict[str, Any]:
    """A correlation as text and tint: blue up, orange down."""
    if not math.isfinite(value):
        return {"text": ABSENT, "tint": 0, "side": ""}
    side = "up" if value > 0 else "down"
    return {"text": number(float(value), 2), "tint": round(50 * min(abs(value), 1.0)), "side": side}


def agreement(found: Agreement | None) -> dict[str, Any] | None:
    """The matrix of rank correlations, a line a metric."""
    if found is None:
        return None
    shared = {frozenset((a, b)) for a, b, _ in found.shared}
    lines = [
        {
            **metric_head(row),
            "number": i + 1,
            "cells": [
                {**heat(rho), "n": f"{int(n)} prompts", "shared": frozenset((i, j)) in shared, "self": i == j}
                for j, (rho, n) in enumerate(zip(found.rho[i], found.n[i], strict=True))
            ],
        }
        for i, row in enumerate(found.rows)
    ]  # fmt: skip
    legend = {
        "differences": "Spearman's rank correlation of the systems' differences on single prompts: do two metrics "
        "prefer the same system on the same prompt?",
        "values": "Spearman's rank correlation over the prompts of one system.",
    }
    return {
        "lines": lines, "legend": legend.get(found.basis, found.basis), "notes": [clean(n) for n in found.notes],
        "shared": bool(shared),
    }  # fmt: skip


# ---- cost -----------------------------------------------------------------------------------------------------------


def costs(comparison: Comparison, found: Costs) -> dict[str, Any] | None:
    """A line a system with what its images cost; no lines but the reasons where nothing was measured."""
    if all(line.seconds is None and line.memory is None for line in found.lines):
        reasons = [clean(n) for n in dict.fromkeys(line.note for line in found.lines) if n]
        told = " ".join(f"{r[:1].upper()}{r[1:].rstrip('.')}." for r in reasons)
        return {"lines": [], "metric": None, "note": told} if told else None
    points = {p.system: p for p in found.front}
    digits = decimals([None], [p.value for p in found.front])
    order = {i: at for at, i in enumerate((*comparison.ranked, *comparison.controls))}
    lines = [_cost(comparison, line) for line in sorted(found.lines, key=lambda c: order[c.system])]
    for made, line in zip(lines, sorted(found.lines, key=lambda c: order[c.system]), strict=True):
        point = points.get(line.system)
        made["value"] = ABSENT if point is None else number(point.value, digits)
        made["value_sort"] = "" if point is None else repr(point.value)
        made["span"] = ABSENT if point is None else interval_text(point.low, point.high, digits)
        made["efficient"] = point is not None and point.efficient
    metric = None if found.row is None or not found.front else metric_head(found.row)
    return {"lines": lines, "metric": metric, "note": clean(found.note) if found.note else ""}


def _cost(comparison: Comparison, line: Cost) -> dict[str, Any]:
    digits = decimals([None], [line.seconds, line.low, line.high])
    return {
        "title": comparison.systems[line.system].title, **key(comparison, line.system),
        "seconds": number(line.seconds, digits), "sort": "" if line.seconds is None else repr(line.seconds),
        "spread": interval_text(line.low, line.high, digits), "rate": number(line.rate, decimals([None], [line.rate])),
        "memory": ABSENT if line.memory is None else f"{line.memory / 2**30:.2f} GiB",
        "images": thousands(line.images) if line.images else ABSENT, "device": line.device or ABSENT,
        "basis": line.note or line.basis,
    }  # fmt: skip


# ---- changes --------------------------------------------------------------------------------------------------------


def changes(comparison: Comparison, found: Sequence[Change]) -> list[dict[str, Any]]:
    """Fields in which the runs differ, hard ones first: value -> who has it, so that thirteen systems stay readable."""
    made = []
    for change in sorted(found, key=lambda c: (not c.hard, c.name)):
        holders: dict[str, list[str]] = {}
        for value, system in zip(change.values, comparison.systems, strict=True):
            holders.setdefault(value, []).append(system.title)
        values = [
            {"value": value or "(absent)", "who": who, "all_but": len(who) > len(comparison.systems) / 2 + 1}
            for value, who in holders.items()
        ]
        made.append({"name": change.name, "hard": change.hard, "values": values})
    return made


# ---- rankings -------------------------------------------------------------------------------------------------------


def rankings(found: Rankings | None) -> dict[str, Any] | None:
    """How the order of systems changes with the condition: systems down, groups across."""
    if found is None:
        return None
    systems = list(dict.fromkeys([*found.common, *(p.system for g in found.groups for p in g.places)]))
    sure = {m.system for m in found.moves if m.sure}
    return {
        "by": found.by, "sentences": [clean(s) for s in found.sentences], "notes": [clean(n) for n in found.notes],
        "heads": [
            {"name": g.name, "label": g.label, "why": g.why, "prompts": thousands(g.prompts)} for g in found.groups
        ],
        "lines": [
            {"system": s, "sure": s in sure, "cells": [_ranked(g, s) for g in found.groups]} for s in systems
        ],
        "tau": [
            {"name": g.name, "cells": [heat(float(t)) for t in np.asarray(found.tau)[i]]}
            for i, g in enumerate(found.groups)
        ] if len(found.groups) > 1 else [],
    }  # fmt: skip


def _ranked(group: Any, system: str) -> dict[str, str]:
    place = next((p for p in group.places if p.system == system), None)
    if place is None:
        reason = next((why for who, why in group.unranked if who == system), "not in this group")
        return {"text": ABSENT, "sort": "", "value": reason}
    digits = decimals([(p.high - p.low) / 2 for p in group.places if p.low is not None and p.high is not None],
                      [p.value for p in group.places])  # fmt: skip
    ranks = str(place.rank) if place.first == place.last else f"{place.first}\N{EN DASH}{place.last}"
    return {"text": ranks, "sort": str(place.rank), "value": number(place.value, digits)}
