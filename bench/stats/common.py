"""Differences of many systems that lack different rows: every pair on the rows that both have, exact and by products.

On the common rows of i and j the effect of a group is a sum over its rows of products of what i has there and what j
has, so that squares and products of effects, summed over groups, are products of matrices over pairs of rows of one
group. A group whose rows come and go together is one row. Where a group lies in several cells (`macro` by a tag that
differs within a group), or is very large, the pairs are made one system at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

_MOST_PAIRS = 12
"""Pairs of rows a row, beyond which one system at a time is faster."""
_CHUNK = 4096
_FEW = 0.1
"""Share of missing rows up to which sums over the rows that are there are cheaper as all less the missing ones."""


@dataclass(frozen=True)
class Rows:
    """Numerators and denominators of S systems, the rows that count, and each row's group and cell."""

    above: np.ndarray
    """(n, S), 0 where a row does not count."""
    below: np.ndarray
    there: np.ndarray
    """(n, S) bool."""
    groups: np.ndarray
    """(n,)"""
    cells: np.ndarray
    """(n,) from 0; one value but for `macro`."""

    def at(self, rows: np.ndarray) -> Rows:
        """These rows."""
        return Rows(self.above[rows], self.below[rows], self.there[rows], self.groups[rows], self.cells[rows])


def on_common(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) differences and their errors, NaN for pairs without a common row."""
    order = np.lexsort((rows.cells, rows.groups))
    found = rows if (np.diff(order) == 1).all() else rows.at(order)
    start = _starts(found)
    if len(start) > len(np.unique(found.groups)):  # a group in several cells
        return _one_by_one(found, start)
    merged = _merged(found, start)
    start = _starts(merged)
    sizes = np.diff(np.append(start, len(merged.groups)))
    if np.square(sizes).sum() > _MOST_PAIRS * len(merged.groups):
        return _one_by_one(merged, start)
    return _by_products(merged, start, sizes)


def largest_of(rows: Rows, i: int, j: int) -> float:
    """The largest size of a score of two systems on their common rows."""
    both = [i, j]
    at = rows.there[:, both].all(1)
    above, below = rows.above[at][:, both], rows.below[at][:, both]
    return float(np.abs(np.divide(above, below, out=np.zeros_like(above), where=below != 0)).max(initial=0.0))


def _starts(rows: Rows) -> np.ndarray:
    """Where each (group, cell) begins in sorted rows."""
    new = (np.diff(rows.groups) != 0) | (np.diff(rows.cells) != 0)
    return np.flatnonzero(np.append(True, new))


def _merged(rows: Rows, start: np.ndarray) -> Rows:
    """Groups that every system has whole or not at all become one row."""
    sizes = np.diff(np.append(start, len(rows.groups)))
    if (sizes == 1).all():
        return rows
    counts = np.add.reduceat(rows.there.astype(int), start, axis=0)
    whole = ((counts == 0) | (counts == sizes[:, None])).all(1)
    if not whole.any():
        return rows
    kept = rows.at(np.flatnonzero(~np.repeat(whole, sizes)))
    one = rows.at(start[whole])
    above, below = (np.add.reduceat(c, start, axis=0)[whole] for c in (rows.above, rows.below))
    both = Rows(
        np.concatenate([kept.above, above]), np.concatenate([kept.below, below]),
        np.concatenate([kept.there, one.there]), np.concatenate([kept.groups, one.groups]),
        np.concatenate([kept.cells, one.cells]),
    )  # fmt: skip
    return both.at(np.lexsort((both.cells, both.groups)))


# ---- by products ----------------------------------------------------------------------------------------------------


def _by_products(rows: Rows, start: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups each in one cell."""
    count = rows.there.shape[1]
    value, used = np.zeros((count, count)), np.zeros((count, count))
    parts = []
    for c in np.unique(rows.cells):
        inside = rows.at(np.flatnonzero(rows.cells == c))
        mean, has, *sums = _cell(inside, sizes[rows.cells[start] == c])
        value, used = value + mean, used + has
        parts.append(sums)
    share = 1 / np.maximum(used, 1)
    own, cross, most = (np.sum(sums, axis=0) for sums in zip(*parts, strict=True))
    own, most = share**2 * own, share**2 * most
    variance = own + own.T - 2 * share * share.T * cross
    mean = np.divide(value, used, out=np.full(value.shape, np.nan), where=used > 0)
    delta, error = mean - mean.T, _error(variance, _shared_groups(rows, start))
    near = (variance < 1e-6 * (most + most.T)) & np.isfinite(delta) & ~np.eye(count, dtype=bool)
    for i in map(int, np.flatnonzero(near.any(1))):  # the difference of large numbers says nothing
        exact = _of_one(rows, start, i)
        delta[i, near[i]], error[i, near[i]] = exact[0][near[i]], exact[1][near[i]]
    np.fill_diagonal(error, 0.0)
    return delta, error


def _cell(rows: Rows, sizes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of one cell, on common rows (all (S, S)): i's ratio beside j, whether it has one, i's squared effects, the
    products of i's and j's, and what i's squared effects are made of, whose rounding they carry."""
    b = rows.below
    whole = b.sum(0)
    centre = np.divide(rows.above.sum(0), whole, out=np.zeros(len(whole)), where=whole != 0)
    a = rows.above - centre * b
    over = _over(rows.there)
    exact = (b == np.floor(b)).all()  # a sum that is 0 has to come out as 0
    below = over(b) if exact else b.T @ rows.there.astype(float)
    used = below != 0
    inverse = np.divide(1.0, below, out=np.zeros_like(below), where=used)
    sums = over(a)
    ratio = sums * inverse
    if (sizes == 1).all() and (b == rows.there).all():  # one row a group, each counting once
        aa, ab, bb, xaa, xba, xbb = over(a * a), sums, below, a.T @ a, sums.T, below
    else:
        aa, ab, bb, xaa, xba, xbb = _sums_of_pairs(a, b, rows.there.astype(float), sizes)
    squares = (aa - 2 * ratio * ab + ratio**2 * bb) * inverse**2
    cross = (xaa - ratio * xba - ratio.T * xba.T + ratio * ratio.T * xbb) * inverse * inverse.T
    most = (a * a).sum(0)[:, None] * inverse**2
    return np.where(used, ratio + centre[:, None], 0.0), used.astype(float), squares, cross, most


def _over(there: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """x (n, S), 0 where a system lacks a row -> (S, S): sums of each x_i over the rows that j has; as all less the
    missing ones where these are few."""
    lacking = ~there
    if lacking.sum() > _FEW * lacking.size:
        m = there.astype(float)
        return lambda x: x.T @ m
    rows = sparse.csr_array(lacking.T.astype(float))
    return lambda x: x.sum(0)[:, None] - (rows @ x).T


def _sums_of_pairs(a: np.ndarray, b: np.ndarray, m: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sums over the pairs (r, s) of rows of one group that both systems have: of i's a a, a b and b b, and of a, b of i
    at r times a, b of j at s."""
    aa, ab, bb, xaa, xba, xbb = np.zeros((6, m.shape[1], m.shape[1]))
    for r, s in _row_pairs(sizes):
        mm = m[r] * m[s]
        aa += (a[r] * a[s]).T @ mm
        ab += (a[r] * b[s]).T @ mm
        bb += (b[r] * b[s]).T @ mm
        ar, br, left = a[r] * m[s], b[r] * m[s], (m[r] * a[s], m[r] * b[s])
        xaa += ar.T @ left[0]
        xba += br.T @ left[0]
        xbb += br.T @ left[1]
    return aa, ab, bb, xaa, xba, xbb


def _row_pairs(sizes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """All ordered pairs of rows of one group, in chunks; rows stand group by group."""
    start = np.cumsum(sizes) - sizes
    left = np.repeat(np.arange(int(sizes.sum())), np.repeat(sizes, sizes))
    ends = np.repeat(start, sizes**2)
    within = np.arange(len(left)) - np.repeat(np.cumsum(sizes**2) - sizes**2, sizes**2)
    right = ends + within % np.repeat(sizes, sizes**2)
    return [(left[i : i + _CHUNK], right[i : i + _CHUNK]) for i in range(0, len(left), _CHUNK)]


def _shared_groups(rows: Rows, start: np.ndarray) -> np.ndarray:
    """(S, S) groups in which two systems share a row."""
    if len(start) == len(rows.groups):
        return _over(rows.there)(rows.there.astype(float))
    counts = np.add.reduceat(rows.there.astype(int), start, axis=0)
    some = (counts > 0).astype(float)
    found = some.T @ some
    ends = np.append(start[1:], len(rows.groups))
    partly = (counts > 0) & (counts < (ends - start)[:, None])
    for g in np.flatnonzero(partly.sum(1) > 1):  # two systems that both lack rows of a group may share none
        who = np.flatnonzero(partly[g])
        inside = rows.there[start[g] : ends[g], who].astype(int)
        found[np.ix_(who, who)] -= inside.T @ inside == 0
    return found


def _error(variance: np.ndarray, groups: np.ndarray) -> np.ndarray:
    factor = np.divide(groups, groups - 1, out=np.full(groups.shape, np.nan), where=groups > 1)
    return np.sqrt(np.maximum(variance, 0.0) * factor)


# ---- one system at a time -------------------------------------------------------------------------------------------


def _one_by_one(rows: Rows, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = [_of_one(rows, start, i) for i in range(rows.there.shape[1])]
    return np.stack([delta for delta, _ in found]), np.stack([error for _, error in found])


def _of_one(rows: Rows, start: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
    """(S,) differences of system i to all others and their errors, from the effect of each group."""
    both = (rows.there & rows.there[:, [i]]).astype(float)
    ends = np.flatnonzero(np.append(True, np.diff(rows.groups[start]) != 0))
    mine = _effects(rows.above[:, [i]] * both, rows.below[:, [i]] * both, rows.cells[start], start)
    theirs = _effects(rows.above * both, rows.below * both, rows.cells[start], start)
    effect = np.add.reduceat(mine[1] - theirs[1], ends, axis=0)
    counted = np.add.reduceat(np.add.reduceat(both, start, axis=0), ends, axis=0) > 0
    error = _error(np.square(effect).sum(0), counted.sum(0).astype(float))
    error[i] = 0.0
    return mine[0] - theirs[0], error


def _effects(
    above: np.ndarray, below: np.ndarray, cell: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, S) sums -> estimates (S,) and the effect of each (group, cell) on them."""
    a, b = (np.add.reduceat(c, start, axis=0) for c in (above, below))
    mean, part, used = np.zeros(b.shape[1]), np.zeros_like(a), np.zeros(b.shape[1])
    for c in np.unique(cell):
        at = cell == c
        total = b[at].sum(0)
        inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total != 0)
        ratio = a[at].sum(0) * inverse
        part[at] = (a[at] - ratio * b[at]) * inverse
        mean += ratio
        used += total != 0
    value = np.divide(mean, used, out=np.full(mean.shape, np.nan), where=used > 0)
    return value, part / np.maximum(used, 1)
