"""max-T over each system's own comparisons, fast: what `ranks.simultaneous_ends` does from draws of the estimates, from
the influence of the groups.

Resamples are linear in the influences: Gaussian multipliers of the groups, the same for every system and column of a
data set, so that adding a system changes nobody else's draws (Chernozhukov, Chetverikov & Kato 2013 for the maximum).
With one comparison the reach is Student's t, as for `paired`; so it stays with few groups: the quantile of the maximum
is carried over to Student's t at equal tail.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from scipy import special

DRAWS = 4000
_SINGLE = 1e-5
"""Spread of a difference, in spreads of the systems, below which float32 makes noise of it."""
_CHUNK = 1 << 24
"""Multipliers held at once (numbers of 4 bytes)."""


def deviations(influence: np.ndarray, seed: int | tuple[int, ...] = 0, draws: int = DRAWS) -> np.ndarray:
    """(G, S) influences -> (S, draws) float32: the estimates' deviations in joint resamples of the groups."""
    single = np.ascontiguousarray(influence, dtype=np.float32)
    key = (seed,) if isinstance(seed, int) else seed
    return np.concatenate([single.T @ z.T for z in _multipliers(len(single), draws, key)], axis=1)


def _multipliers(groups: int, draws: int, seed: tuple[int, ...]) -> Iterator[np.ndarray]:
    if groups * draws <= _CHUNK:
        yield _whole(groups, draws, seed)
        return
    rng, step = np.random.default_rng(seed), max(1, _CHUNK // groups)
    for start in range(0, draws, step):
        yield rng.standard_normal((min(step, draws - start), groups), dtype=np.float32)


@lru_cache(maxsize=4)
def _whole(groups: int, draws: int, seed: tuple[int, ...]) -> np.ndarray:
    """Kept, because every column of a data set is resampled alike."""
    found = np.random.default_rng(seed).standard_normal((draws, groups), dtype=np.float32)
    found.flags.writeable = False
    return found


def spreads(influence: np.ndarray) -> np.ndarray:
    """(G, S) influences -> (S, S) standard deviations of the differences of two systems' deviations."""
    products = influence.T @ influence
    own = np.diag(products)
    squares = own[:, None] + own - 2 * products
    near = (squares < 1e-6 * (own[:, None] + own)) & ~np.eye(len(own), dtype=bool)
    for i in np.flatnonzero(near.any(1)):  # nearly equal systems: the difference of large numbers says nothing
        squares[i, near[i]] = np.square(influence[:, near[i]] - influence[:, i, None]).sum(0)
    np.fill_diagonal(squares, 0.0)
    return np.sqrt(np.maximum(squares, 0.0))


def largest(drawn: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(S, R) deviations, (S, S) spreads -> (S, R): the largest studentised difference of each system to any other.

    Pairs whose spread is 0 or NaN do not count, nor those of systems so nearly equal that float32 cannot tell them.
    """
    systems = len(drawn)
    size = np.sqrt(np.square(drawn).mean(1)).astype(np.float64)
    inverse = np.zeros(spread.shape, dtype=np.float32)
    np.divide(1.0, spread, out=inverse, where=spread > _SINGLE * np.maximum(size[:, None], size))
    most = np.zeros(drawn.shape, dtype=np.float32)
    room = np.empty(drawn.shape, dtype=np.float32)
    for i in range(systems - 1):
        off = room[i + 1 :]
        np.subtract(drawn[i + 1 :], drawn[i], out=off)
        np.abs(off, out=off)
        off *= inverse[i, i + 1 :, None]
        np.maximum(most[i], off.max(0), out=most[i])
        np.maximum(most[i + 1 :], off, out=most[i + 1 :])
    return most


def reaches(drawn: np.ndarray, spread: np.ndarray, level: float) -> np.ndarray:
    """(S,) factor on a standard error for simultaneous intervals of a system's differences to all others.

    NaN for a system that is compared with nobody; at least the normal quantile of one comparison.
    """
    found = np.quantile(largest(drawn, spread), level, axis=1) if len(drawn) > 1 else np.full(len(drawn), np.nan)
    alone = ~(spread > 0).any(1)
    single = float(special.ndtri((1 + level) / 2))
    return np.where(alone, np.nan, np.maximum(found, single))


def student(reach: np.ndarray, freedom: int) -> np.ndarray:
    """A normal quantile carried over to Student's t with the same tail, which few groups need."""
    return -special.stdtrit(freedom, special.ndtr(-np.asarray(reach, dtype=np.float64)))


def rank_shares(values: np.ndarray, drawn: np.ndarray, twins: np.ndarray | None = None) -> np.ndarray:
    """(S, S): share of resamples in which system i has rank j + 1, larger being better.

    values (S,), drawn (S, R) deviations. twins (S,): place of the first system that is equal to each in every row (its
    own where there is none); equal systems share their ranks equally.
    """
    size, count = drawn.shape
    first = np.arange(size) if twins is None else twins
    point = (np.asarray(values, dtype=np.float64)[:, None] + drawn)[first]
    order = np.argsort(-np.ascontiguousarray(point.T), axis=1)
    cells = order * size + np.arange(size)
    shares = np.bincount(cells.ravel(), minlength=size * size).reshape(size, size) / count
    sums = np.zeros_like(shares)
    np.add.at(sums, first, shares)
    return sums[first] / np.bincount(first, minlength=size)[first][:, None]
