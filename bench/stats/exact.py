"""Tests of a paired difference without resampling, for where many are made at once.

A permutation's p is never below 1 / (B + 1), which a correction over hundreds of slices cannot use. Where few groups
differ, all exchanges are counted out; where many do, Student's t on the linearised estimate is near enough.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from bench.stats.bootstrap import standard_error
from bench.stats.kernels import Cells, Kernel
from bench.stats.paired import permutation_p

MOST = 12
"""Groups that differ of which all 2^m exchanges are counted."""


def exchange_p(both: Kernel, error: float = np.nan) -> float:
    """Two-sided p of a kernel of two systems under exchange within groups; NaN without a group, 1 where none differs.

    error: standard error of the difference, asked for where there is no linearised form (a median): its p is the
    normal one then, and a permutation's without it.
    """
    if both.groups < 1:
        return float("nan")
    if not isinstance(both, Cells):
        delta = float(both.swapped(np.zeros((1, both.groups)))[0])
        return float(2 * special.ndtr(-abs(delta) / error)) if error > 0 else permutation_p(both, delta)
    apart = _apart(both)
    if not apart.any():
        return 1.0
    if apart.sum() <= MOST:
        return _counted(both, apart)
    linear = both.influence()
    error = standard_error(linear[:, 0] - linear[:, 1])
    delta = float(both.swapped(np.zeros((1, both.groups)))[0])
    return float(2 * special.stdtr(both.groups - 1, -abs(delta) / error)) if error > 0 else float(delta == 0)


def _apart(both: Cells) -> np.ndarray:
    """(G,) bool: the two systems differ there by more than rounding."""
    gaps = np.abs(both.numerators[..., 1] - both.numerators[..., 0])
    counts = both.denominators[..., 1] != both.denominators[..., 0]
    return ((gaps > 1e-12 * both.scale * np.maximum(both.denominators.max(-1), 1)) | counts).any(1)


def _counted(both: Cells, apart: np.ndarray) -> float:
    """Over all exchanges of the groups that differ; the others are one group that stays."""
    above, below = (
        np.concatenate([s[apart], s[~apart].sum(0, keepdims=True)]) for s in (both.numerators, both.denominators)
    )
    small, m = Cells(above, below, both.rows), int(apart.sum())
    flips = np.zeros((1 << m, m + 1))
    flips[:, :m] = (np.arange(1 << m)[:, None] >> np.arange(m)) & 1
    drawn = np.abs(small.swapped(flips))
    return float((drawn >= drawn[0] * (1 - 1e-9) - 1e-15 * both.scale).mean())


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p (McNemar 1947, binomial) that an image flips one way as easily as the other; 1 without flips.

    Right only where the flips are independent: one image a prompt.
    """
    n = gained + lost
    return min(1.0, 2 * float(special.bdtr(min(gained, lost), n, 0.5))) if n else 1.0
