"""Intervals of set metrics from delete-a-block jackknife values.

A Fréchet distance has no rows to resample (drawing with replacement duplicates images and biases it), so that the
engine stores its value with each block of samples left out. Blocks are fixed by sample ids and equal in every run of
a dataset, hence replicates of two runs pair, and what the blocks have in common cancels. Formulas: Efron & Tibshirani
(1993), ch. 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench.errors import UsageError
from bench.stats.bootstrap import LEVEL, Interval
from bench.stats.paired import detectable


@dataclass(frozen=True)
class BlockDifference:
    """Score A less score B of a set metric."""

    delta: float
    low: float
    high: float
    method: str
    p: float
    """Two-sided, t with B - 1 degrees of freedom."""
    detectable: float
    blocks: int


def jackknife_error(replicates: Sequence[float] | np.ndarray) -> float:
    """sqrt((B - 1) / B * sum((r_b - mean)^2)); for a mean over equal blocks exactly sd(block means) / sqrt(B)."""
    values = np.asarray(replicates, dtype=np.float64)
    return float(np.sqrt((len(values) - 1) / len(values) * np.square(values - values.mean()).sum()))


def jackknife_interval(value: float, replicates: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """(low, high, method) around a set metric's value, from its (B,) delete-a-block values."""
    blocks = len(replicates)
    if blocks < 2 or not np.isfinite(replicates).all():
        return np.nan, np.nan, "no interval: no jackknife blocks"
    error = jackknife_error(replicates)
    half = float(special.stdtrit(blocks - 1, (1 + level) / 2)) * error
    method = f"delete-block jackknife, {blocks} blocks"
    return value - half, value + half, method if error > 0 else f"zero width: {blocks} jackknife blocks are equal"


def jackknife_difference(
    a: float,
    replicates_a: Sequence[float] | np.ndarray,
    b: float,
    replicates_b: Sequence[float] | np.ndarray,
    level: float = LEVEL,
) -> BlockDifference:
    """Difference of a set metric in two runs of one dataset, block by block. UsageError if blocks do not pair."""
    if len(replicates_a) != len(replicates_b):
        raise UsageError(
            f"The runs have {len(replicates_a)} and {len(replicates_b)} jackknife blocks, which do not pair; score "
            "both again with one version."
        )
    apart = np.asarray(replicates_a, dtype=np.float64) - np.asarray(replicates_b, dtype=np.float64)
    delta = a - b
    low, high, method = jackknife_interval(delta, apart, level)
    if not np.isfinite(low):
        return BlockDifference(delta, low, high, method, np.nan, np.nan, len(apart))
    error = jackknife_error(apart)
    p = float(2 * special.stdtr(len(apart) - 1, -abs(delta) / error)) if error > 0 else float(delta == 0)
    return BlockDifference(delta, low, high, f"paired {method}", p, detectable(error), len(apart))
