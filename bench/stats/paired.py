"""Two runs on the same rows: the difference of their scores, its interval, its permutation p, and what could be seen.

The unit is the group (prompt), not the image. A row that either run lacks is left out of both, so that the difference
is between equal sets of prompts. The test exchanges the two runs within whole groups (Fisher's sign flips), which
holds for every estimator and needs no distribution; p = (b + 1) / (B + 1) is never 0. The interval of a difference is
Student's t on the linearised estimate, of a median's the percentile bootstrap: differences of equal systems are nearly
symmetric but heavy-tailed or mostly ties, where BCa's acceleration misleads (9 to 17 % false alarms).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from bench.stats.bootstrap import LEVEL, RESAMPLES, flips, interval_of, replicates, standard_error
from bench.stats.kernels import Cells, Contrast, Kernel, Medians, kernel, matrix
from bench.types import Direction, Estimator

PERMUTATIONS = 2000


@dataclass(frozen=True)
class Paired:
    """Run A less run B in units of the metric."""

    delta: float
    low: float
    """Lower end of the interval; NaN where there is none."""
    high: float
    method: str
    p: float
    """Two-sided sign-flip permutation p."""
    wins: int
    """Groups in which A is better."""
    ties: int
    losses: int
    better: float
    """P(A better than B) on a group, ties counting half."""
    sd: float
    """Standard deviation of the groups' differences."""
    detectable: float
    """Smallest true difference seen with 80 % power at one-sided 5 %."""
    n: int
    """Common rows."""
    groups: int


def paired(
    estimator: Estimator,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    groups: Sequence[Any] | np.ndarray,
    *,
    direction: Direction = "higher",
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    level: float = LEVEL,
) -> Paired:
    """Compare two aligned tables: a[column][i] and b[column][i] are the same (sample, k); groups (n,) labels.

    `direction` only says which of the two is the winner of a group; delta is always A less B.
    """
    both = kernel(estimator, complete(estimator, a, b), groups)
    return paired_of(both, direction=direction, resamples=resamples, permutations=permutations, seed=seed, level=level)


def paired_of(
    both: Kernel,
    *,
    direction: Direction = "higher",
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    level: float = LEVEL,
) -> Paired:
    """`paired` of a kernel of two systems that is made already; without permutations p is NaN."""
    contrast = Contrast(both)
    linear = contrast.influence()
    draws = replicates(contrast, resamples, seed) if linear is None and both.groups > 1 else None
    low, high, method = interval_of(contrast, resamples, seed, level, student=True, draws=draws)
    delta = float(contrast.values(np.ones((1, both.groups)))[0, 0]) if both.groups else np.nan
    apart = _apart(both)
    alike = np.abs(apart) <= 1e-12 * both.scale
    signs = np.sign(np.where(alike, 0.0, apart)) * (-1 if direction == "lower" else 1)
    wins, losses = int((signs > 0).sum()), int((signs < 0).sum())
    ties = len(signs) - wins - losses
    return Paired(
        delta, low, high, method, permutation_p(both, delta, permutations, seed), wins, ties, losses,
        better=(wins + ties / 2) / len(signs) if len(signs) else np.nan,
        sd=float(np.std(apart, ddof=1)) if len(apart) > 1 else np.nan,
        detectable=detectable(_error(both.groups, linear, draws)), n=both.rows, groups=both.groups,
    )  # fmt: skip


def complete(estimator: Estimator, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of two tables side by side (n, 2), NaN in both where either is NaN; the tag of `macro` as it is."""
    numeric = range(2 if estimator.kind == "ratio" else 1)
    pairs = [np.hstack([matrix(estimator, a, i), matrix(estimator, b, i)]) for i in numeric]
    fine = np.all([np.isfinite(p).all(1) for p in pairs], axis=0)
    joint: dict[str, Any] = {
        estimator.columns[i]: np.where(fine[:, None], p, np.nan) for i, p in zip(numeric, pairs, strict=True)
    }
    if estimator.kind == "macro":
        joint[estimator.columns[1]] = a[estimator.columns[1]]
    return joint


def permutation_p(both: Kernel, delta: float, permutations: int = PERMUTATIONS, seed: int = 0) -> float:
    """Two-sided p of a kernel of two systems under exchange within groups; 1 where nothing differs, NaN without
    permutations."""
    if both.groups < 1 or permutations < 1 or not np.isfinite(delta):
        return np.nan
    drawn = np.concatenate([both.swapped(f) for f in flips(both.groups, permutations, seed)])
    # Equal up to rounding counts as equal: ties are common with 0/1 scores.
    extreme = np.abs(drawn) >= abs(delta) * (1 - 1e-9) - 1e-15 * both.scale
    return float((extreme.sum() + 1) / (permutations + 1))


def detectable(error: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference that a one-sided test at `alpha` sees with `power`, from the error of the difference."""
    return float((special.ndtri(1 - alpha) + special.ndtri(power)) * error)


def required(sd: float, difference: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Groups needed to see `difference` when the groups' differences have standard deviation `sd`."""
    return int(np.ceil((detectable(sd, alpha=alpha, power=power) / difference) ** 2))


def _apart(both: Kernel) -> np.ndarray:
    """The groups' own differences, for groups in which both runs have a value."""
    if isinstance(both, Medians):
        sums = [np.bincount(both.codes, np.nan_to_num(c), both.groups) for c in both.columns.T]
        return (sums[0] - sums[1]) / np.bincount(both.codes, minlength=both.groups)
    assert isinstance(both, Cells)
    above, below = both.numerators.sum(1), both.denominators.sum(1)
    used = (below != 0).all(1)
    ratio = above[used] / below[used]
    return ratio[:, 0] - ratio[:, 1]


def _error(groups: int, influence: np.ndarray | None, draws: np.ndarray | None) -> float:
    """Standard error of a difference: linearised, or that of its resamples."""
    if groups < 2:
        return np.nan
    if influence is not None:
        return standard_error(influence)
    assert draws is not None
    return float(np.nanstd(draws, ddof=1))
