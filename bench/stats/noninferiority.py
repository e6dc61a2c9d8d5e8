"""Is a run worse than another by more than a margin? Non-inferiority of one comparison, and of a declared family.

Differences are turned so that more is better. With L and U the one-sided bounds of a difference and the margin d > 0:
*pass* where L > -d; *regressed* where it does not pass and the run is worse beyond chance over the whole family;
*inconclusive* else. The two errors are kept apart. A run that is worse by the margin passes in at most 5 %, whatever
the size of the family, because every comparison has to pass (intersection-union: Berger 1982). A run that is no worse
is called regressed in at most 5 % over the family: p is one-sided, by exchanging the two runs within whole groups of
images, step-down over the maximum (Westfall & Young 1993), which is exact where the runs may be exchanged.

Bounds are Student's t on the linearised estimate, wider where the groups are skewed towards the bound (`lower_reach`):
by t alone a run that broke on a tenth of 120 prompts, and is worse by the margin, would pass in 7 % instead of 5. For
zeros and ones with one row a group they are Tango's score bounds (1998), which stay apart from 0 where no prompt
changed its side: t would be sure of everything then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from bench.errors import UsageError
from bench.stats.bootstrap import RESAMPLES, exchanged_of, flips, replicates, standard_error, weights_of
from bench.stats.families import step_down
from bench.stats.jackknife import jackknife_error
from bench.stats.kernels import Cells, Contrast, Kernel
from bench.stats.paired import PERMUTATIONS

ALPHA = 0.05
POWER = 0.8
Judgement = Literal["pass", "regressed", "inconclusive"]


@dataclass(frozen=True)
class Bounds:
    """A candidate less its baseline, in units of the metric, more being better."""

    delta: float
    error: float
    """Standard error; NaN where there is none."""
    low: float
    """One-sided bound: truly lower in at most 5 %."""
    high: float
    sd: float
    """Of the groups' differences; NaN for block replicates."""
    groups: int
    method: str


def bounds(both: Kernel, sign: int, *, alpha: float = ALPHA, seed: int = 0) -> Bounds:
    """Bounds of a kernel of two runs, candidate first. sign: -1 where lower is better."""
    contrast = Contrast(both)
    groups = both.groups
    if groups < 2:
        delta = sign * float(contrast.values(np.ones((1, groups)))[0, 0]) if groups else np.nan
        return Bounds(delta, np.nan, -np.inf, np.inf, np.nan, groups, "no bounds: fewer than two groups")
    delta = sign * float(contrast.values(np.ones((1, groups)))[0, 0])
    influence = contrast.influence()
    sides = _sides(both)
    if influence is None:
        drawn = sign * replicates(contrast, RESAMPLES, seed)[:, 0]
        low, high = np.nanquantile(drawn, [alpha, 1 - alpha])
        error = float(np.nanstd(drawn, ddof=1))
        return Bounds(delta, error, float(low), float(high), error * groups**0.5, groups, "percentile bootstrap")
    error = standard_error(influence)
    sd = error * groups**0.5
    if sides is not None:
        better, worse = sides if sign > 0 else sides[::-1]
        low = tango(better, worse, groups, alpha)
        high = -tango(worse, better, groups, alpha)
        return Bounds(delta, error, low, high, sd, groups, "Tango's score bounds")
    far, skew = special.stdtrit(groups - 1, 1 - alpha), skewness(sign * influence[:, 0])
    low, high = (error * float(lower_reach(far, s, groups)) for s in (skew, -skew))
    return Bounds(delta, error, delta - low, delta + high, sd, groups, "Student's t, by group; wider where skewed")


def skewness(apart: np.ndarray) -> np.ndarray:
    """(..., G) values around 0 -> (...) their skewness; 0 where all are equal."""
    square, cube = np.square(apart).mean(-1), (apart**3).mean(-1)
    return np.divide(cube, square**1.5, out=np.zeros_like(cube), where=square > 0)


def lower_reach(far: float | np.ndarray, skew: np.ndarray, groups: float | np.ndarray) -> np.ndarray:
    """How many errors a one-sided lower bound lies below a mean of `groups` values of this skewness: far, the quantile
    of Student's t, or where the long tail is below that of the gamma distribution, which is more (Fay & Feuer 1997,
    Statistics in Medicine 16, 791).

    A mean that few values pull down is like a count of k breaks of equal size, whose error is the root of k and whose
    skewness over the root of the groups is one over it; the exact bound of a count is a quantile of gamma(k + 1). It
    tends to t's with many breaks, and stays at 3.7 errors with one.
    """
    breaks = np.minimum(groups / np.square(np.minimum(skew, -1e-3)), _MANY)
    more = (special.gammaincinv(breaks + 1, special.ndtr(far)) - breaks) / np.sqrt(breaks)
    return np.where(skew < -1e-3, np.maximum(far, more), far)


_MANY = 1e8
"""Breaks from which on the two quantiles are one."""


def block_bounds(delta: float, apart: Sequence[float] | np.ndarray, sign: int, *, alpha: float = ALPHA) -> Bounds:
    """Bounds of a set metric from the (B,) differences of its delete-a-block values."""
    blocks = len(apart)
    if blocks < 2 or not np.isfinite(apart).all():
        return Bounds(sign * delta, np.nan, -np.inf, np.inf, np.nan, 0, "no bounds: no blocks")
    error = jackknife_error(apart)
    reach = float(special.stdtrit(blocks - 1, 1 - alpha)) * error
    return Bounds(
        sign * delta, error, sign * delta - reach, sign * delta + reach, np.nan, blocks, "paired delete-block jackknife"
    )


def _sides(both: Kernel) -> tuple[int, int] | None:
    """(groups that only the candidate passes, groups that only the baseline passes), for means of zeros and ones with
    a row a group; None for all else."""
    if not isinstance(both, Cells) or both.numerators.shape[1] != 1:
        return None
    hits, tries = both.numerators[:, 0], both.denominators[:, 0]
    if not (tries == 1).all() or not np.isin(hits, (0.0, 1.0)).all():
        return None
    gap = hits[:, 0] - hits[:, 1]
    return int((gap > 0).sum()), int((gap < 0).sum())


def tango(better: int, worse: int, n: int, alpha: float = ALPHA) -> float:
    """One-sided lower score bound of the difference of two paired proportions (Tango 1998, Statistics in Medicine 17).

    better, worse: pairs that only the first, only the second passes, of n. The bound is the d < (better - worse)/n at
    which the score statistic reaches the quantile.
    """
    z = float(special.ndtri(1 - alpha))

    def score(d: float) -> float:
        # the restricted estimate q of the share of pairs that only the second passes is the larger root of
        # 2n q^2 + B q + C = 0
        linear = -better - worse + (2 * n - better + worse) * d
        constant = -worse * d * (1 - d)
        q = (np.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
        variance = n * (2 * q + d * (1 - d))
        gap = better - worse - n * d
        return gap / np.sqrt(variance) - z if variance > 0 else (np.inf if gap > 0 else -z)

    start = (better - worse) / n
    least = -1 + 1e-12
    if score(least) <= 0:
        return -1.0
    return float(optimize.brentq(score, least, start, xtol=1e-10)) if start > least else -1.0


# ---- the family ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exchanged:
    """One comparison of a family whose runs can be exchanged within groups."""

    both: Kernel
    """Candidate first."""
    sign: int
    places: np.ndarray
    """(G,) its groups, numbered from 0 over the family: equal numbers are exchanged together."""


def worse(
    family: Sequence[Exchanged], *, permutations: int = PERMUTATIONS, seed: int = 0, alpha: float = ALPHA
) -> tuple[np.ndarray, float]:
    """((m,) one-sided p of being worse, adjusted over the family; reach in standard errors that a single difference
    must have at `alpha`). UsageError for an empty family."""
    if not family:
        raise UsageError("A family needs at least one comparison.")
    total = 1 + max(int(one.places.max(initial=0)) for one in family)
    observed, drawn = np.empty(len(family)), np.empty((permutations, len(family)))
    coins = np.concatenate(list(flips(total, permutations, seed)))
    for i, one in enumerate(family):
        as_it_is = float(one.both.swapped(np.zeros((1, one.both.groups)))[0])
        found = one.both.swapped(coins[:, one.places])
        least = 1e-12 * one.both.scale
        found = np.where(np.abs(found) > least, found, 0.0)
        spread = float(np.sqrt(np.square(found).mean()))
        scale = spread if spread > 0 else np.inf
        observed[i] = -one.sign * as_it_is * (abs(as_it_is) > least) / scale
        drawn[:, i] = -one.sign * found / scale
    reach = float(np.quantile(drawn.max(1), 1 - alpha))
    p = step_down(observed, drawn)
    return np.where(observed > 0, p, np.maximum(p, 0.5)), reach


def judged(low: float, margin: float, p: float, *, alpha: float = ALPHA) -> Judgement:
    """The verdict of one comparison: low, its lower bound, and margin in units of the metric; p as `worse` gives it.
    UsageError for a margin that is not above 0."""
    if not margin > 0:
        raise UsageError(f"A margin is a number above 0; got {margin:g}.")
    if low > -margin:
        return "pass"
    return "regressed" if p < alpha else "inconclusive"


# ---- what would be seen --------------------------------------------------------------------------------------------


def detectable(
    error: float, margin: float, reach: float, *, groups: float = np.inf, freedom: float = np.inf, alpha: float = ALPHA,
    power: float = POWER,
) -> float:  # fmt: skip
    """The smallest true drop that ends as 'regressed' with `power`, from the error of the difference; NaN for none.

    It must be beyond chance over the family (reach, in errors of exchanged groups: those hold the drop itself, which
    widens them where groups are few) and not within the margin any more. freedom: degrees of freedom of the error,
    which a later comparison estimates anew.
    """
    if not np.isfinite([error, reach]).all() or reach**2 >= groups:
        return np.nan
    ranks = (np.arange(_RANKS) + 0.5) / _RANKS
    errors = error * (np.sqrt(special.chdtri(freedom, ranks) / freedom) if np.isfinite(freedom) else np.ones(1))
    free = min(groups - 1, freedom)
    low = special.stdtrit(free, 1 - alpha) if np.isfinite(free) else special.ndtri(1 - alpha)
    far = _far_enough(errors, low, margin, reach, groups)
    if error == 0:
        return float(far[0])
    wanted = float(special.ndtri(power)) * error
    if len(far) == 1:
        return float(far[0]) + wanted

    def beyond(drop: float) -> float:
        return float(special.ndtr((drop - far) / error).mean()) - power

    return float(optimize.brentq(beyond, far.min() - 9 * error, far.max() + 9 * error))


_RANKS = 200


def seen_from(
    both: Kernel, sign: int, margin: float, reach: float, *, alpha: float = ALPHA, power: float = POWER, seed: int = 0
) -> float:
    """`detectable` of a kernel of two runs, candidate first, by drawing their groups again.

    With a drop planted into each resample the share of those that would end as 'regressed' is the power. A formula
    would take the error of a difference as known, and it is estimated in each comparison: where few groups hold most of
    the noise (a kurtosis of 10 is common) it varies by a tenth and more, and as a large one hides the drop from
    exchange and a small one keeps it within the margin, the power of such a formula's drop is 75 % instead of 80. Each
    group is drawn as it is or with its runs exchanged, which they might be but for the drop: where few groups hold most
    of the noise, a pair of runs is skewed by chance, and a drop that was found with that skewness had 75 % too. Of
    zeros and ones a drop turns successes into failures, which makes the difference noisier; other scores are thought of
    as lower by the same in all images.
    """
    groups = both.groups
    influence = Contrast(both).influence() if groups > 1 else None
    if influence is None:
        return detectable(bounds(both, sign, alpha=alpha).error, margin, reach, groups=groups, alpha=alpha, power=power)
    if not np.isfinite([reach, *influence[:, 0]]).all() or reach**2 >= groups:
        return np.nan
    low, lost = float(special.stdtrit(groups - 1, 1 - alpha)), _losing(both, sign)
    if lost is None:
        apart, error = sign * groups * influence[:, 0], standard_error(influence)
        mean, square, cube = _exchanged(apart, seed)
        spread = np.maximum(square - mean**2, 0)
        skew = np.divide(cube - 3 * mean * square + 2 * mean**3, spread**1.5, out=np.zeros_like(cube), where=spread > 0)
        far = _far_enough(np.sqrt(spread / (groups - 1)), lower_reach(low, skew, groups), margin, reach, groups)
        return float(np.quantile(_standard(mean, error) + far, power))
    return _lost_from(lost, lambda errors: _far_enough(errors, low, margin, reach, groups, lost.step), power, seed)


def _far_enough(
    errors: np.ndarray, low: float | np.ndarray, margin: float, reach: float, groups: float, step: float = 0.0
) -> np.ndarray:
    """(R,) how far below 0 estimates of (R,) errors must lie to be beyond exchange and margin. low: of their lower
    bounds, in errors. Exchanged groups have the root of error^2 + estimate^2 / groups. step: half of what lies between
    two values that exchange can give, by which its p is late on average."""
    return np.maximum(reach * errors / np.sqrt(1 - reach**2 / groups) + step, margin - low * errors)


def _exchanged(apart: np.ndarray, seed: int) -> np.ndarray:
    """(3, R) means of differences (G,), of their squares and of their cubes, in resamples of groups of which each may
    be exchanged."""
    table = np.concatenate([np.stack([side, apart**2, side**3], axis=1) for side in (apart, -apart)])
    return np.concatenate([w @ table for w in exchanged_of(len(apart), RESAMPLES, seed)]).T / len(apart)


def _redrawn(columns: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """(k, R) means of k columns (G,) in resamples of the groups."""
    table = np.stack(columns, axis=1)
    return np.concatenate([weights @ table for weights in weights_of(len(table), RESAMPLES, seed)]).T / len(table)


def _standard(drawn: np.ndarray, error: float) -> np.ndarray:
    """Deviations with the mean and spread that they are known to have: only their shape is left to the draws."""
    spread = float(np.std(drawn))
    return (drawn - drawn.mean()) * (error / spread if spread > 0 else 0.0)


@dataclass(frozen=True)
class _Losses:
    """Zeros and ones of a run that loses successes: of both runs the groups' (G,) hits and what they are more than
    their share, all in parts of all images."""

    hits: np.ndarray
    after: np.ndarray
    before: np.ndarray
    share: float
    """Of successes in the run."""
    step: float

    def error(self, drop: float) -> float:
        """Of the difference, with so much lost: the spread of the groups' expectations, and that of the losses."""
        q, size = self.q(drop), len(self.hits)
        apart = (1 - q) * self.after - self.before
        return float(np.sqrt(np.square(apart).sum() * size / (size - 1) + q * (1 - q) * self.hits.sum() * self.step))

    def q(self, drop: float) -> float:
        """The chance of each success to be lost."""
        return min(1.0, drop / self.share)


def _lost_from(lost: _Losses, far: Callable[[np.ndarray], np.ndarray], power: float, seed: int) -> float:
    """The share that must be lost for `power`; NaN where even all that there is would not do."""
    size, a, b = len(lost.hits), lost.after, lost.before
    ups, downs, upup, updown, downdown, hits = size * _redrawn([a, b, a * a, a * b, b * b, lost.hits], seed)
    chance = np.random.default_rng(seed).standard_normal(len(ups))

    def regressed(drop: float) -> float:
        q = lost.q(drop)
        apart, thinned = (1 - q) * ups - downs, q * (1 - q) * hits * lost.step
        between = (1 - q) ** 2 * upup - 2 * (1 - q) * updown + downdown - apart**2 / size
        errors = np.sqrt(np.maximum(between, 0) * size / (size - 1) + thinned)
        found = _standard(apart + np.sqrt(thinned) * chance, lost.error(drop))
        return float((found + far(errors) <= drop).mean()) - power

    low, high = 0.0, lost.share
    if regressed(high) < 0:
        return np.nan
    while high - low > 5e-4 * lost.share:
        middle = (low + high) / 2
        low, high = (low, middle) if regressed(middle) >= 0 else (middle, high)
    return high


def loses(both: Kernel, sign: int) -> bool:
    """Whether a drop of it is thought of as successes that turn into failures."""
    return _losing(both, sign) is not None


def _losing(both: Kernel, sign: int) -> _Losses | None:
    """For means of zeros and ones; None for all else."""
    if not isinstance(both, Cells) or both.numerators.shape[1] != 1:
        return None
    hits, tries = both.numerators[:, 0], both.denominators[:, 0]
    if (tries[:, 0] != tries[:, 1]).any() or (hits != np.round(hits)).any() or ((hits < 0) | (hits > tries)).any():
        return None
    hits = hits if sign > 0 else tries - hits
    whole, size = tries[:, 0].sum(), len(hits)
    shares = hits.sum(0) / whole
    if not shares[0] > 0 or size < 2:
        return None
    after, before = ((hits - shares * tries) / whole).T
    return _Losses(hits[:, 0] / whole, after, before, float(shares[0]), 1.0 / float(whole))


def required(sd: float, margin: float, *, unchanged: float = 0.95, alpha: float = ALPHA) -> int:
    """Groups at which an unchanged run passes with probability `unchanged`: margin >= (z_alpha + z_unchanged) error."""
    return int(np.ceil(((special.ndtri(1 - alpha) + special.ndtri(unchanged)) * sd / margin) ** 2))
