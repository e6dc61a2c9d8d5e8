"""findings: everything that is found out about a pair of a comparison, from tables that are read once."""

from __future__ import annotations

from bench.errors import UsageError
from bench.reports.comparison.agreement import agreement
from bench.reports.comparison.changes import changes
from bench.reports.comparison.cost import costs
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Findings, Pair
from bench.reports.comparison.forest import forest
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.prompts import SHOWN, flips, prompts
from bench.reports.comparison.slices import slices


def pairs(comparison: Comparison) -> tuple[Pair, ...]:
    """The pairs that a report tells of, in the systems' order.

    Every other ranked system against the baseline; without one, of two systems the second against the first, of more
    each against the best one of the first primary row with a direction. Empty with fewer than two systems.
    """
    ranked = comparison.ranked
    if len(ranked) < 2:
        return ()
    base = comparison.baseline
    if base is None:
        best = next((r.best for r in comparison.primary if r.best is not None), ranked[0])
        base = ranked[0] if len(ranked) == 2 else best
    return tuple((i, base) for i in ranked if i != base)


def findings(
    comparison: Comparison,
    tables: Tables | None = None,
    pair: Pair | None = None,
    *,
    by: Row | None = None,
    count: int = SHOWN,
) -> Findings:
    """All findings of one pair (default: the first of `pairs`).

    tables: default the comparison's own. by: the row that best and worst prompts go by; count: prompts a list.
    UsageError when the pair is no two systems of the comparison.
    """
    tables = tables or comparison.tables or Tables(comparison.systems)
    pair = pair if pair is not None else next(iter(pairs(comparison)), None)
    if pair is not None and (pair[0] == pair[1] or not all(0 <= i < len(comparison.systems) for i in pair)):
        raise UsageError(f"{pair} is no pair of the {len(comparison.systems)} systems compared.")
    # the same for every pair of one comparison
    whole = tables.once(
        "whole", lambda: (agreement(comparison, tables), costs(comparison, tables), changes(comparison))
    )
    if pair is None:
        return Findings(None, (), (), None, (), *whole)
    return Findings(
        pair, forest(comparison, tables, pair), slices(comparison, tables, pair),
        prompts(comparison, tables, pair, by=by, count=count), flips(comparison, tables, pair), *whole,
    )  # fmt: skip
