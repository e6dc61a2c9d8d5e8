"""Many comparisons of one family judged at once, as `noninferiority` judges one: for simulations of its error rates.

Trials of a batch share their exchanges, which makes of thousands of small products a few large ones; those of different
batches do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from bench.stats.families import step_down
from bench.stats.kernels import cell_mean
from bench.stats.noninferiority import ALPHA, lower_reach, skewness, tango

PERMUTATIONS = 1000
PASS, INCONCLUSIVE, REGRESSED = 0, 1, 2


@dataclass(frozen=True)
class Drawn:
    """One metric of T trials."""

    numerators: np.ndarray
    """(T, G, C, 2) by group, cell and system, the run first; 0 in groups that a trial lacks."""
    denominators: np.ndarray
    groups: np.ndarray
    """(T,) those that each has."""
    sign: int
    margin: float


def outcomes(
    family: Sequence[Drawn], rng: np.random.Generator, *, alpha: float = ALPHA
) -> tuple[np.ndarray, np.ndarray]:
    """((T, m) of PASS, INCONCLUSIVE and REGRESSED, (T,) reach as `noninferiority.worse` has it)."""
    count, groups = family[0].numerators.shape[:2]
    coins = rng.integers(0, 2, (PERMUTATIONS, groups)).astype(np.float64)
    observed = np.empty((count, len(family)))
    drawn = np.empty((count, PERMUTATIONS, len(family)))
    passed = np.empty((count, len(family)), dtype=bool)
    for i, one in enumerate(family):
        delta, found = _exchanged(one, coins)
        spread = np.sqrt(np.square(found).mean(1))
        scale = np.where(spread > 0, spread, np.inf)
        observed[:, i], drawn[:, :, i] = -one.sign * delta / scale, -one.sign * found / scale[:, None]
        passed[:, i] = _low(one, alpha) > -one.margin
    worse = (step_down(observed, drawn) < alpha) & (observed > 0)
    reach = np.quantile(drawn.max(2), 1 - alpha, axis=1)
    return np.where(passed, PASS, np.where(worse, REGRESSED, INCONCLUSIVE)), reach


def _exchanged(one: Drawn, coins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """((T,) differences of the systems, (T, B) the same under exchange), 0 where they differ by rounding alone."""
    above, below = (_moved(sums, coins) for sums in (one.numerators, one.denominators))
    found = cell_mean(above, below)
    gaps = (found[..., 0] - found[..., 1]).reshape(len(coins) + 1, -1).T
    known = np.divide(one.numerators, one.denominators, out=np.zeros(one.numerators.shape), where=one.denominators != 0)
    gaps = np.where(np.abs(gaps) > 1e-12 * np.abs(known).max((1, 2, 3))[:, None], gaps, 0.0)
    return gaps[:, 0], gaps[:, 1:]


def _moved(sums: np.ndarray, coins: np.ndarray) -> np.ndarray:
    """(T, G, C, 2) -> ((1 + B) T, C, 2) totals, as they are and after each exchange."""
    total, gap = sums.sum(1), sums[..., 1] - sums[..., 0]
    moved = np.zeros((len(coins) + 1, *total.shape[:2]))
    if np.any(gap):
        moved[1:] = np.tensordot(coins, gap, axes=(1, 1))
    return np.stack([total[..., 0] + moved, total[..., 1] - moved], axis=-1).reshape(-1, *total.shape[1:])


def _low(one: Drawn, alpha: float) -> np.ndarray:
    """(T,) lower bounds, as `noninferiority.bounds` has them."""
    above, below = one.numerators.sum(1), one.denominators.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = above / below
        effect = (one.numerators - ratio[:, None] * one.denominators) / below[:, None]
    used = below != 0
    influence = np.where(used[:, None], effect, 0.0).sum(2) / np.maximum(used.sum(1), 1)[:, None]
    values, apart = cell_mean(above, below), one.sign * (influence[..., 0] - influence[..., 1])
    free, whole = np.maximum(one.groups - 1, 1), np.maximum(one.groups, 1)
    skew = skewness(apart) * np.sqrt(whole / apart.shape[1])  # of the groups that there are: the others hold a 0
    far = lower_reach(special.stdtrit(free, 1 - alpha), skew, whole)
    reach = far * np.sqrt(np.square(apart).sum(1) * one.groups / free)
    low = np.where(one.groups > 1, one.sign * (values[:, 0] - values[:, 1]) - reach, -np.inf)
    if one.numerators.shape[2] == 1:
        single = (one.denominators == 1).all((2, 3)).sum(1) == one.groups
        for t in np.flatnonzero(single & np.isin(one.numerators, (0.0, 1.0)).all((1, 2, 3)) & (one.groups > 1)):
            gap = one.sign * (one.numerators[t, :, 0, 0] - one.numerators[t, :, 0, 1])
            low[t] = _tango(int((gap > 0).sum()), int((gap < 0).sum()), int(one.groups[t]), alpha)
    return low


@lru_cache(maxsize=1 << 16)
def _tango(better: int, worse: int, n: int, alpha: float) -> float:
    return tango(better, worse, n, alpha)
