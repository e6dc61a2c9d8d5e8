"""Where a difference comes from: the paired difference on the prompts of each value of each tag.

A slice's p is counted out or Student's (`bench.stats.exact`), because a permutation's floor would not survive the
correction; q is Benjamini and Hochberg's over all slices of the pair. This is looking around: verdicts are made
elsewhere. Slices of a mean sum to the whole: contribution = share of the images x difference on the slice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.reports.comparison.differences import ALPHA, Refused, Tables, columns, finite
from bench.reports.comparison.findings import Pair, Slice, SliceTable
from bench.reports.comparison.forest import scaled
from bench.reports.comparison.nouns import Comparison, Kind, Row
from bench.reports.comparison.values import Common, common, per_image, sign
from bench.stats.exact import exchange_p
from bench.stats.families import benjamini_hochberg
from bench.stats.kernels import kernel
from bench.stats.paired import complete, detectable, paired_of
from bench.types import Estimator

VALUES = range(2, 25)
"""Numbers of values with which a tag is a category."""
FAINT = 20
"""Prompts below which a slice is shown pale."""


def tags(tables: Tables, pair: Pair, shared: Common) -> dict[str, np.ndarray]:
    """Tag -> (n,) value of each common image, for tags that sort prompts into categories of two or more."""
    frame, found = tables.frame(pair[0]), {}
    for column in sorted(c for c in frame.columns if str(c).startswith("tag:")):
        given = frame[column].to_numpy(dtype=object)[shared.here]
        values = np.array(["" if v is None or v != v else str(v) for v in given], dtype=object)
        kinds = len({v for v in values if v})
        if kinds in VALUES and len(shared.samples) >= 2 * kinds:
            found[str(column).removeprefix("tag:")] = values
    return found


def slices(comparison: Comparison, tables: Tables, pair: Pair) -> tuple[SliceTable, ...]:
    """A table for each tag and primary per-image row that both runs have, tags by name, with q over all of them."""
    shared = common(tables, pair)
    if not len(shared.here):
        return ()
    groups = tables.codes(pair[0])[shared.here]
    rows = [r for r in comparison.primary if per_image(r) and all(r.cells[i] is not None for i in pair)]
    read = [(row, joint) for row in rows if (joint := _joint(tables, pair, shared, row)) is not None]
    whole = [paired_of(kernel(_estimator(row), joint, groups), permutations=0) for row, joint in read]
    found = []
    for tag, values in tags(tables, pair, shared).items():
        codes, kinds = pd.factorize(values, sort=True)
        places = [(str(kind), np.flatnonzero(codes == at)) for at, kind in enumerate(kinds)]
        for (row, joint), all_of in zip(read, whole, strict=True):
            made = [_slice(row, joint, groups, at, kind, all_of.n) for kind, at in places]
            kept = tuple(s for s in made if s is not None)
            if len(kept) > 1:
                found.append(SliceTable(tag, row, pair, sign(row) * all_of.delta, kept))
    return _corrected(found)


def _estimator(row: Row) -> Estimator:
    assert row.output.estimator is not None
    return row.output.estimator


def _joint(tables: Tables, pair: Pair, shared: Common, row: Row) -> dict[str, Any] | None:
    """The columns of both runs side by side; None where one lacks them."""
    sides = zip(pair, (shared.here, shared.there), strict=True)
    try:
        a, b = (columns(tables.frame(i), row.card, _estimator(row), at) for i, at in sides)
    except Refused:
        return None
    return complete(_estimator(row), a, b)


def _slice(
    row: Row, joint: Mapping[str, Any], groups: np.ndarray, at: np.ndarray, value: str, whole: int
) -> Slice | None:
    """The rows `at` of a table; None where none of them counts. q and kind are made over all."""
    both = kernel(_estimator(row), {name: column[at] for name, column in joint.items()}, groups[at])
    if not both.groups:
        return None
    one = paired_of(both, direction=row.direction, permutations=0)
    turned, unit = sign(row), one.sd if np.isfinite(one.sd) and one.sd > 0 and one.low != one.high else None
    low, high = finite(one.low), finite(one.high)
    middle, left, right = scaled(turned, unit, one.delta, low, high)
    share = one.n / whole
    part = turned * share * one.delta if _estimator(row).kind == "mean" else None
    p = finite(exchange_p(both, one.detectable / detectable(1.0)))
    return Slice(
        value, one.groups, one.n, one.delta, low, high, middle, left, right, p, None, "unknown", share, part,
        one.groups < FAINT,
    )  # fmt: skip


def _corrected(tables: Sequence[SliceTable]) -> tuple[SliceTable, ...]:
    p = [np.nan if s.p is None else s.p for table in tables for s in table.slices]
    q = iter(benjamini_hochberg(p).tolist())
    return tuple(
        dataclasses.replace(table, slices=tuple(_told(table.row, s, finite(next(q))) for s in table.slices))
        for table in tables
    )


def _told(row: Row, one: Slice, q: float | None) -> Slice:
    kind: Kind = "tied"
    if one.low is None or one.high is None or q is None:
        kind = "unknown"
    elif q < ALPHA and not one.low <= 0 <= one.high:
        kind = "better" if sign(row) * one.delta > 0 else "worse"
    return dataclasses.replace(one, q=q, kind=kind)
