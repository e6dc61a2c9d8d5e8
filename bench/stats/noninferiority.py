"""Is a run worse than another by more than a margin? Non-inferiority of one comparison, and of a declared family.

Differences are turned so that more is better. With L and U the one-sided bounds of a difference and the margin d > 0:
*pass* where L > -d; *regressed* where it does not pass and the run is worse beyond chance over the whole family;
*inconclusive* else. The two errors are kept apart. A run that is worse by the margin passes in at most 5 %, whatever
the size of the family, because every comparison has to pass (intersection-union: Berger 1982). A run that is no worse
is called regressed in at most 5 % over the family: p is one-sided, by exchanging the two runs within whole groups of
images, step-down over the maximum (Westfall & Young 1993), which is exact where the runs may be exchanged.

Bounds are Student's t on the linearised estimate; for zeros and ones with one row a group Tango's score bounds (1998),
which stay apart from 0 where no prompt changed its side: t would be sure of everything then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from bench.errors import UsageError
from bench.stats.bootstrap import RESAMPLES, flips, replicates, standard_error
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
    reach = float(special.stdtrit(groups - 1, 1 - alpha)) * error
    return Bounds(delta, error, delta - reach, delta + reach, sd, groups, "Student's t, by group")


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


def detectable(
    error: float, margin: float, reach: float, *, groups: float = np.inf, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The smallest true drop that ends as 'regressed' with `power`, from the error of the difference; NaN for none.

    It must be beyond chance over the family (reach, in errors of exchanged groups: those hold the drop itself, which
    widens them where groups are few) and not within the margin any more.
    """
    return _smallest(lambda drop: error, np.inf, 0.0, margin, reach, groups, alpha, power)


def seen_from(
    both: Kernel, sign: int, margin: float, reach: float, *, alpha: float = ALPHA, power: float = POWER
) -> float:
    """`detectable` of a kernel of two runs, candidate first. Of zeros and ones a drop turns successes into failures,
    which makes the difference noisier; other scores are thought of as lower by the same in all images."""
    found = bounds(both, sign, alpha=alpha)
    lost = _losing(both, sign)
    if lost is None:
        return detectable(found.error, margin, reach, groups=both.groups, alpha=alpha, power=power)
    noise, share, step = lost
    return _smallest(noise, share, step, margin, reach, both.groups, alpha, power)


def _smallest(
    noise: Callable[[float], float], most: float, step: float, margin: float, reach: float, groups: float,
    alpha: float, power: float,
) -> float:  # fmt: skip
    """The drop d <= most at which d less the quantile of `power` is beyond exchange and margin. step: half of what lies
    between two values that exchange can give, by which its p is late on average."""
    sure, low = float(special.ndtri(power)), float(special.ndtri(1 - alpha))

    def beyond(drop: float) -> float:
        error = noise(drop)
        exchanged = reach * float(np.sqrt(error**2 + drop**2 / groups))
        return drop - sure * error - max(exchanged + step, margin - low * error)

    if not np.isfinite([noise(0.0), reach]).all() or reach**2 >= groups:
        return np.nan
    end = max(margin + (reach + sure + low) * noise(0.0), step)
    if end == 0:
        return 0.0  # nothing differs, and nothing may
    while end < most and beyond(end) < 0:
        end *= 2
    end = min(end, most)
    return float(optimize.brentq(beyond, 0.0, end)) if beyond(end) >= 0 else np.nan


def _losing(both: Kernel, sign: int) -> tuple[Callable[[float], float], float, float] | None:
    """(error of the difference of a run that loses so much more, the share that it has to lose, half a step of
    exchange), for means of zeros and ones; None for all else."""
    if not isinstance(both, Cells) or both.numerators.shape[1] != 1:
        return None
    hits, tries = both.numerators[:, 0], both.denominators[:, 0]
    if (tries[:, 0] != tries[:, 1]).any() or (hits != np.round(hits)).any() or ((hits < 0) | (hits > tries)).any():
        return None
    hits = hits if sign > 0 else tries - hits
    whole = tries[:, 0].sum()
    share = float(hits[:, 0].sum() / whole)
    size = len(hits)
    if not share > 0 or size < 2:
        return None

    def noise(drop: float) -> float:
        # each success is lost with probability q: the spread of the groups' expectations, and that of the losses
        q = min(1.0, drop / share)
        apart = ((1 - q) * hits[:, 0] - hits[:, 1]) - ((1 - q) * share - hits[:, 1].sum() / whole) * tries[:, 0]
        return float(np.sqrt(np.square(apart).sum() * size / (size - 1) + q * (1 - q) * hits[:, 0].sum()) / whole)

    return noise, share, 1.0 / float(whole)


def required(sd: float, margin: float, *, unchanged: float = 0.95, alpha: float = ALPHA) -> int:
    """Groups at which an unchanged run passes with probability `unchanged`: margin >= (z_alpha + z_unchanged) error."""
    return int(np.ceil(((special.ndtri(1 - alpha) + special.ndtri(unchanged)) * sd / margin) ** 2))
