"""Cluster bootstrap of estimators, joint over systems, and the interval that fits the data at hand.

Groups (prompts, photographs) are resampled, never images: images of one prompt are not independent. The draws depend
on the number of groups, the number of resamples and the seed alone, so that any two tables over the same groups are
resampled alike and may be subtracted. Intervals: Wilson for a proportion with one row a group; t on the linearised
estimate below 100 groups, where bootstrap intervals are too short; BCa above (Efron 1987), percentile where BCa is
undefined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special

from bench.stats.kernels import Kernel, kernel, matrix
from bench.types import Estimator

RESAMPLES = 2000
FEW_GROUPS = 100
"""Below this many groups the t interval is used."""
LEVEL = 0.95

_CHUNK = 1 << 22
"""Weights held at once (numbers of 8 bytes)."""
_KEPT = 1 << 25
"""Weights that are drawn once and kept (numbers of 1 or 2 bytes), because every metric is resampled alike."""
_KINDS = ("weights", "flips", "exchanged")

Interval = tuple[float, float, str]
"""Low, high, method; NaN ends with a method that begins 'no interval' where none can be given."""


def estimate(estimator: Estimator, table: Mapping[str, Any]) -> float:
    """The score of a table: column -> (n,) numbers (and the tag of `macro`); NaN when no row counts."""
    rows = len(matrix(estimator, table, 0))
    return float(_point(kernel(estimator, table, np.zeros(rows, dtype=int)))[0])


def bootstrap(
    estimator: Estimator,
    columns: Mapping[str, Any],
    groups: Sequence[Any] | np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Replicate values: (resamples,) for columns (n,); (resamples, S), drawn jointly, for columns (n, S)."""
    found = replicates(kernel(estimator, columns, groups), resamples, seed)
    joint = np.ndim(columns[estimator.columns[0]]) == 2
    return found if joint else found[:, 0]


def interval(
    estimator: Estimator,
    columns: Mapping[str, Any],
    groups: Sequence[Any] | np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
    proportion: bool = True,
) -> Interval:
    """Interval of one system's score: (low, high, method).

    columns: name -> (n,); NaN rows are excluded rows; groups: (n,) labels of the resampling unit. A zero-width interval
    says so in its method; where there is no interval (one group), both ends are NaN and the method says why.
    proportion: rows that are all 0 or 1 are successes and failures (False for a score of another range).
    """
    if proportion and (trials := _trials(estimator, columns, np.asarray(groups, dtype=object))) is not None:
        return (*wilson(*trials, level), f"Wilson interval, {trials[1]} groups")
    return interval_of(kernel(estimator, columns, groups), resamples, seed, level)


def _trials(estimator: Estimator, columns: Mapping[str, Any], groups: np.ndarray) -> tuple[int, int] | None:
    """(successes, trials) of a mean with one row of 0 or 1 a group, or of a mean or ratio of zeros and ones that does
    not vary: then a group is one trial, however many images it has, and all are successes or none is. Else None."""
    if estimator.kind not in ("mean", "ratio"):
        return None
    hits = matrix(estimator, columns, 0)[:, 0]
    tries = matrix(estimator, columns, 1)[:, 0] if estimator.kind == "ratio" else np.ones(len(hits))
    at = np.isfinite(hits) & np.isfinite(tries) & (tries != 0)
    hits = hits[at]
    if not len(hits) or not np.isin(hits, (0.0, 1.0)).all() or not (tries[at] == 1).all():
        return None
    count = len(set(groups[at]))
    if estimator.kind == "mean" and count == len(hits):
        return int(hits.sum()), count
    return (int(hits[0]) * count, count) if np.ptp(hits) == 0 else None


def wilson(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927), without continuity correction; it stays within [0, 1]."""
    z = special.ndtri((1 + level) / 2)
    centre = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(successes * (n - successes) / n + z * z / 4)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def interval_of(
    made: Kernel, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL, *, student: bool = False,
    draws: np.ndarray | None = None,
) -> Interval:  # fmt: skip
    """The interval of a kernel of one system. student: Student's t on the linearised estimate with any number of groups
    (paired differences, for which it keeps its level and BCa does not: docs/statistics.md). draws: its `replicates`
    (R, 1), where they are made already."""
    if made.groups < 2:
        return np.nan, np.nan, f"no interval: {'one group' if made.groups else 'no row'}"
    point, influence = float(_point(made)[0]), made.influence()
    if influence is not None and np.abs(influence).max() <= 1e-12 * made.scale / made.groups:
        return point, point, f"zero width: all {made.groups} groups are equal"
    if influence is not None and (student or made.groups < FEW_GROUPS):
        half = float(special.stdtrit(made.groups - 1, (1 + level) / 2)) * standard_error(influence)
        return point - half, point + half, f"t interval, {made.groups} groups"
    draws = (replicates(made, resamples, seed) if draws is None else draws)[:, 0]
    return _from_draws(point, draws[np.isfinite(draws)], influence, made.groups, level)


def standard_error(influence: np.ndarray) -> float:
    """Linearised cluster-robust standard error; for a mean with one row a group exactly sd / sqrt(n)."""
    groups = len(influence)
    return float(np.sqrt(groups / (groups - 1) * np.square(influence).sum()))


def replicates(made: Kernel, resamples: int, seed: int) -> np.ndarray:
    """(resamples, S) estimates under multinomial weights of the groups."""
    return np.concatenate([made.values(weights) for weights in weights_of(made.groups, resamples, seed)])


def flips(groups: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """(r, groups) of 0 and 1 by fair coins, `count` rows in all: the exchanges of a paired permutation test."""
    return _chunks(groups, count, seed, "flips")


def drawn_weights(groups: int, resamples: int, seed: int) -> np.ndarray:
    """(resamples, groups) how often each group is drawn: the draws of `bootstrap`, for statistics of other shape."""
    return np.concatenate(list(weights_of(groups, resamples, seed)))


def weights_of(groups: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """The same in parts, (r, groups) each."""
    return _chunks(groups, resamples, seed, "weights")


def exchanged_of(groups: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """(r, 2 * groups) in parts: how often each group is drawn as it is, then how often with its two runs exchanged;
    `groups` draws in all, each with a fair coin."""
    return _chunks(groups, resamples, seed, "exchanged")


def _chunks(groups: int, count: int, seed: int, kind: str) -> Iterator[np.ndarray]:
    if groups * count <= _CHUNK:
        yield _whole(groups, count, seed, kind)
        return
    if groups * count <= _KEPT:
        small, step = _small(groups, count, seed, kind), max(1, _CHUNK // groups)
        for start in range(0, count, step):
            yield small[start : start + step].astype(np.float64)
        return
    rng = _rng(seed, kind)
    step = max(1, _CHUNK // max(groups, 1))
    for start in range(0, count, step):
        yield _draw(rng, groups, min(step, count - start), kind)


@lru_cache(maxsize=2 * len(_KINDS))
def _whole(groups: int, count: int, seed: int, kind: str) -> np.ndarray:
    """Kept, because every metric of a report is resampled alike."""
    drawn = _draw(_rng(seed, kind), groups, count, kind)
    drawn.flags.writeable = False
    return drawn


@lru_cache(maxsize=len(_KINDS))
def _small(groups: int, count: int, seed: int, kind: str) -> np.ndarray:
    """The same draws as in chunks, as small integers: drawing them takes longer than using them."""
    rng, step = _rng(seed, kind), max(1, _CHUNK // groups)
    small = np.uint8 if kind == "flips" else np.uint16
    found = [_draw(rng, groups, min(step, count - start), kind).astype(small) for start in range(0, count, step)]
    return np.concatenate(found)


def _rng(seed: int, kind: str) -> np.random.Generator:
    return np.random.default_rng([seed, _KINDS.index(kind)])


def _draw(rng: np.random.Generator, groups: int, count: int, kind: str) -> np.ndarray:
    """float64 (count, groups): how often each group is drawn when `groups` are drawn with replacement, or coins; of
    exchanged ones (count, 2 * groups)."""
    if kind == "flips":
        return rng.integers(0, 2, (count, groups)).astype(np.float64)
    cells = 2 * groups if kind == "exchanged" else groups
    drawn = rng.integers(0, cells, (count, groups)) + np.arange(count)[:, None] * cells
    return np.bincount(drawn.ravel(), minlength=count * cells).reshape(count, cells).astype(np.float64)


def _point(made: Kernel) -> np.ndarray:
    if not made.groups:
        return np.array([np.nan])
    return made.values(np.ones((1, made.groups)))[0]


def _from_draws(point: float, draws: np.ndarray, influence: np.ndarray | None, groups: int, level: float) -> Interval:
    told = f"{len(draws)} resamples of {groups} groups"
    if len(draws) < 2:
        return np.nan, np.nan, "no interval: no resample has a value"
    if np.ptp(draws) == 0:
        return point, point, f"zero width: {told} are equal"
    edges = np.array([(1 - level) / 2, (1 + level) / 2])
    shifted = None if influence is None else _bca_edges(point, draws, influence[:, 0], edges)
    name = "percentile" if shifted is None else "BCa"
    low, high = np.quantile(draws, edges if shifted is None else shifted)
    return float(low), float(high), f"cluster bootstrap ({name}), {told}"


def _bca_edges(point: float, draws: np.ndarray, influence: np.ndarray, edges: np.ndarray) -> np.ndarray | None:
    """The quantiles of Efron (1987), or None where bias or acceleration is not finite."""
    below = ((draws < point).mean() + (draws <= point).mean()) / 2
    bias = special.ndtri(below)
    acceleration = (influence**3).sum() / (6 * np.square(influence).sum() ** 1.5)
    z = bias + special.ndtri(edges)
    moved = special.ndtr(bias + z / (1 - acceleration * z))
    return moved if np.isfinite(moved).all() and moved[0] < moved[1] else None
