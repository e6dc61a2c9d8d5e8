"""Differences of many systems that lack different rows: every pair on the rows that both have, exact and by products.

On the common rows of i and j the effect of a group is a sum over its rows of products of what i has there and what j
has, so that squares and products of effects, summed over groups, are products of matrices over pairs of rows of one
group. A group whose rows come and go together is one row. Where a group lies in several cells (`macro` by a tag that
differs within a group), or is very large, the pairs are made one system at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MOST_PAIRS = 12
"""Pairs of rows a row, beyond which one system at a time is faster."""
_CHUNK = 4096


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
    found = rows.at(np.lexsort((rows.cells, rows.groups)))
    start = _starts(found)
    if len(start) > len(np.unique(found.groups)):  # a group in several cells
        return _one_by_one(found, start)
    merged = _merged(found, start)
    start = _starts(merged)
    sizes = np.diff(np.append(start, len(merged.groups)))
    if np.square(sizes).sum() > _MOST_PAIRS * len(merged.groups):
        return _one_by_one(merged, start)
    return _by_products(merged, start, sizes)


def _starts(rows: Rows) -> np.ndarray:
    """Where each (group, cell) begins in sorted rows."""
    new = (np.diff(rows.groups) != 0) | (np.diff(rows.cells) != 0)
    return np.flatnonzero(np.append(True, new))


def _merged(rows: Rows, start: np.ndarray) -> Rows:
    """Groups that every system has whole or not at all become one row."""
    sizes = np.diff(np.append(start, len(rows.groups)))
    counts = np.add.reduceat(rows.there.astype(int), start, axis=0)
    whole = ((counts == 0) | (counts == sizes[:, None])).all(1)
    if not whole.any() or (sizes == 1).all():
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
    own = share**2 * sum(squares for squares, _ in parts)
    variance = own + own.T - 2 * share * share.T * sum(cross for _, cross in parts)
    mean = np.divide(value, used, out=np.full(value.shape, np.nan), where=used > 0)
    delta, error = mean - mean.T, _error(variance, _shared_groups(rows, start))
    near = (variance < 1e-6 * (own + own.T)) & np.isfinite(delta) & ~np.eye(count, dtype=bool)
    for i in map(
        int, np.flatnonzero(near.any(1))
    ):  # nearly equal systems: the difference of large numbers says nothing
        exact = _of_one(rows, start, i)
        delta[i, near[i]], error[i, near[i]] = exact[0][near[i]], exact[1][near[i]]
    np.fill_diagonal(error, 0.0)
    return delta, error


def _cell(rows: Rows, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of one cell, on common rows (all (S, S)): i's ratio beside j, whether it has one, i's squared effects, and the
    products of i's and j's."""
    b, m = rows.below, rows.there.astype(float)
    whole = b.sum(0)
    centre = np.divide(rows.above.sum(0), whole, out=np.zeros(len(whole)), where=whole != 0)
    a = rows.above - centre * b
    below = b.T @ m
    used = below != 0
    inverse = np.divide(1.0, below, out=np.zeros_like(below), where=used)
    ratio = (a.T @ m) * inverse
    aa, ab, bb, xaa, xba, xbb = np.zeros((6, *below.shape))
    if (sizes == 1).all() and (b == m).all():  # one row a group, each counting once: half the products are the same
        aa, ab, bb, xaa, xbb = (a * a).T @ m, a.T @ m, below, a.T @ a, below
        xba = ab.T
        sizes = sizes[:0]
    for r, s in _row_pairs(sizes):
        mm = m[r] * m[s]
        aa += (a[r] * a[s]).T @ mm
        ab += (a[r] * b[s]).T @ mm
        bb += (b[r] * b[s]).T @ mm
        ar, br, left = a[r] * m[s], b[r] * m[s], (m[r] * a[s], m[r] * b[s])
        xaa += ar.T @ left[0]
        xba += br.T @ left[0]
        xbb += br.T @ left[1]
    squares = (aa - 2 * ratio * ab + ratio**2 * bb) * inverse**2
    cross = (xaa - ratio * xba - ratio.T * xba.T + ratio * ratio.T * xbb) * inverse * inverse.T
    return np.where(used, ratio + centre[:, None], 0.0), used.astype(float), squares, cross


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
