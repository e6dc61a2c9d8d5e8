"""Ranks with their uncertainty from pairwise intervals.

A rank interval counts who is surely better and who is surely worse (Mogstad et al. 2024): it needs the intervals of
differences and nothing of the pool's spread, so that adding a system moves no one else's comparison.
"""

from __future__ import annotations

import numpy as np

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
