"""The forest plot's data: every row of a pair on one axis, in units of the sd of its own paired differences.

Metrics of any scale stand below each other that way, all turned so that right is better; the difference in the metric's
own units stands beside. A set metric takes the sd of what its images contribute; where only jackknife blocks are
known, the sd that their error stands for (error x sqrt of the prompts).
"""

from __future__ import annotations

import dataclasses
import math

from bench.reports.comparison.differences import Refused, Tables, difference, finite, kind_of
from bench.reports.comparison.findings import Effect, Pair
from bench.reports.comparison.nouns import Comparison, Difference, Kind, Row
from bench.reports.comparison.values import common, sign
from bench.stats.paired import detectable
from bench.types import Score


def forest(comparison: Comparison, tables: Tables, pair: Pair) -> tuple[Effect, ...]:
    """An effect for each row with a direction, primary ones first; a refusal where the two are not subtracted."""
    rows = [r for r in comparison.rows if r.direction != "none" and any(r.cells[i] is not None for i in pair)]
    return tuple(effect(comparison, tables, row, pair) for row in sorted(rows, key=lambda r: not r.primary))


def effect(comparison: Comparison, tables: Tables, row: Row, pair: Pair) -> Effect:
    """One row of one pair."""
    try:
        one = between(comparison, tables, row, pair)
    except Refused as reason:
        return Effect(row, pair, None, refusal=str(reason))
    unit, turned = _unit(tables, one), sign(row)
    middle, low, high = scaled(turned, unit, one.delta, one.low, one.high)
    return Effect(
        row, pair, finite(one.delta), one.low, one.high, middle, low, high, one.detectable, one.p, one.p_adjusted,
        one.better, one.wins, one.ties, one.losses, one.n, one.prompts or one.groups, one.method, one.kind,
    )  # fmt: skip


Span = tuple[float | None, float | None, float | None]


def scaled(turned: int, unit: float | None, delta: float, low: float | None, high: float | None) -> Span:
    """A difference and its interval in a unit, turned by the sign so that right is better; None where there is none."""
    ends = [None if unit is None or v is None else finite(turned * v / unit) for v in (delta, low, high)]
    return (ends[0], ends[1], ends[2]) if turned > 0 else (ends[0], ends[2], ends[1])


def between(comparison: Comparison, tables: Tables, row: Row, pair: Pair) -> Difference:
    """The difference of a pair in a row: the row's own where it is about these two, else made anew.

    Refused says why there is none. A pair outside of the declared family has its own p alone.
    """
    system, reference = pair
    for one in row.differences:
        if one is not None and (one.system, one.reference) == pair:
            return one
        if one is not None and (one.reference, one.system) == pair:
            return _mirrored(one)
    scores = [None if c is None else _score(comparison, row, i) for i, c in enumerate(row.cells)]
    made = difference(tables, row.card, row.output, scores, system, reference)
    over = None if comparison.family is None else comparison.family.of(row, system, reference)
    made = dataclasses.replace(made, p_family=over)
    return dataclasses.replace(made, kind=kind_of(made, row.direction))


def _score(comparison: Comparison, row: Row, system: int) -> Score | None:
    wanted = (row.metric, row.output.name, row.protocol)
    scores = comparison.systems[system].run.scores
    return next((s for s in scores if (s.metric, s.output, s.protocol) == wanted), None)


def _mirrored(one: Difference) -> Difference:
    """Reference less system."""
    low, high = (None, None) if one.low is None or one.high is None else (-one.high, -one.low)
    turned: Kind = "worse" if one.kind == "better" else "better" if one.kind == "worse" else one.kind
    return dataclasses.replace(
        one, system=one.reference, reference=one.system, delta=-one.delta, low=low, high=high, wins=one.losses,
        losses=one.wins, better=None if one.better is None else 1 - one.better, kind=turned,
    )  # fmt: skip


def _unit(tables: Tables, one: Difference) -> float | None:
    """The sd of the paired differences of prompts; None where they do not vary."""
    if one.sd is not None:
        return one.sd if one.sd > 0 and one.low != one.high else None
    if one.groups or not one.detectable:
        return None
    prompts = len(common(tables, (one.system, one.reference)).samples)
    return one.detectable / detectable(1.0) * math.sqrt(prompts) or None
