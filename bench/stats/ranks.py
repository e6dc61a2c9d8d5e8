"""Ranks with their uncertainty from pairwise intervals.

A rank interval counts who is surely better and who is surely worse (Mogstad et al. 2024): it needs the intervals of
differences and nothing of the pool's spread, so that adding a system moves no one else's comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from bench.errors import UsageError


def rank_intervals(low: np.ndarray, high: np.ndarray) -> list[tuple[int, int]]:
    """(best, worst) rank of each of k systems, 1 being the best.

    low, high: (k, k) ends of the interval of score[i] - score[j], oriented so that higher is better; NaN (no interval)
    separates nobody; the diagonal is ignored.
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    if low.shape != high.shape or low.ndim != 2 or low.shape[0] != low.shape[1]:
        raise UsageError(f"Rank intervals need two (k, k) matrices; the shapes given are {low.shape} and {high.shape}.")
    apart = ~np.eye(len(low), dtype=bool)
    beaten = ((high < 0) & apart).sum(1)
    beats = ((low > 0) & apart).sum(1)
    return [(1 + int(b), len(low) - int(w)) for b, w in zip(beaten, beats, strict=True)]


def tied_with_best(low: np.ndarray, high: np.ndarray) -> list[int]:
    """Indices of the systems that nobody surely beats."""
    return [i for i, (best, _) in enumerate(rank_intervals(low, high)) if best == 1]


def simultaneous_ends(
    values: np.ndarray, draws: np.ndarray, *, family: str = "row", level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Ends (k, k) of simultaneous intervals of all differences values[i] - values[j], for `rank_intervals`.

    values (k,), draws (R, k) drawn jointly, oriented so that higher is better. The studentised largest deviation over
    a family gives its width (max-T): family 'row' takes a system's own k - 1 comparisons, which is what its own rank
    asks for; 'pairs' takes all k (k - 1) / 2, so that all ranks hold at once. NaN where a difference does not vary and
    is 0: equal systems are not ranked apart.
    """
    if family not in ("row", "pairs"):
        raise UsageError(f"'{family}' is no family of rank intervals; allowed: row, pairs.")
    point, drawn = np.asarray(values, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != len(point) or len(drawn) < 2:
        raise UsageError(f"draws must be (R, {len(point)}) with R of 2 or more; got {drawn.shape}.")
    k = len(point)
    low, high = np.full((k, k), np.nan), np.full((k, k), np.nan)
    apart = point[:, None] - point[None]
    error = np.array([(drawn[:, i, None] - drawn).std(0, ddof=1) for i in range(k)])
    unit = np.where(error > 0, error, 1.0)
    largest = np.empty((k, len(drawn)))
    for i in range(k):
        off = np.abs(drawn[:, i, None] - drawn - apart[i]) / unit[i]
        largest[i] = np.where(error[i] > 0, off, 0.0).max(1)
    whole = np.quantile(largest.max(0), level)
    for i in range(k):
        reach = (whole if family == "pairs" else np.quantile(largest[i], level)) * error[i]
        known = (error[i] > 0) | (apart[i] != 0)
        low[i], high[i] = np.where(known, apart[i] - reach, np.nan), np.where(known, apart[i] + reach, np.nan)
    return low, high


def ranking_score(scores: np.ndarray, higher: Sequence[bool], aspects: Sequence[str] | None = None) -> np.ndarray:
    """Systems by measures (s, m) -> (s,) sum over aspects of the mean rank of their measures, the best system of a
    measure having rank s (TISE's RS: Dinh et al. 2022, arXiv 2112.01398, eq. 6).

    aspects: of each measure; None: each is its own. Ties share their mean rank (the published script leaves them to the
    order of a directory). Adding a system moves everybody's score: it orders one table and compares no two.
    """
    given = np.asarray(scores, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != len(higher) or not np.isfinite(given).all():
        raise UsageError(f"scores must be finite (systems, {len(higher)}); got {given.shape}.")
    names = np.arange(given.shape[1]) if aspects is None else np.asarray(aspects)
    if len(names) != given.shape[1]:
        raise UsageError(f"There must be an aspect for each of {given.shape[1]} measures; got {len(names)}.")
    ranks = rankdata(np.where(np.asarray(higher, dtype=bool), given, -given), axis=0)
    return np.sum([ranks[:, names == name].mean(1) for name in np.unique(names)], axis=0)
