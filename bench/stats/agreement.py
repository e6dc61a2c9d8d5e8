"""How well a metric agrees with people: correlations and pairwise accuracy, with cluster-bootstrap intervals joint over
metrics.

A resample draws groups (prompts) and weighs their items; every statistic here takes weights, so that nothing is copied.
Pair statistics (tau-b, tau-c, accuracy) sum products of signs over pairs of items: the sums over items of two groups
are made once, and a resample is a quadratic form of its group weights. An item drawn twice is tied with itself in both
columns, as in a resample that is written out.

tau-b: Kendall 1945. tau-c: Stuart 1953. Accuracy with ties: Deutsch, Foster and Freitag 2023, arXiv 2305.14324, eq. 6
(a pair is right when both order it alike or both call it a tie).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import TooFew, UsageError
from bench.stats.bootstrap import LEVEL, RESAMPLES, drawn_weights

STATISTICS = ("pearson", "spearman", "tau-b", "tau-c", "accuracy", "calibrated")
"""calibrated: accuracy with metric differences up to the best threshold called ties (`tie_threshold`). The threshold is
fitted to the very ratings, hence an upper bound, and held in resamples."""
WITHIN = ("tau-b", "accuracy", "calibrated")
"""Those that pairs of one group alone can be asked for: people's ranks of a prompt's images say nothing of others'."""
MOST_ITEMS = 20_000
"""Items of which all pairs are looked at."""
MOST_FITTED = 3000
"""Items of which all pairs choose the threshold of ties; of more, so many that are drawn."""
_ROWS = 2048


@dataclass(frozen=True)
class Agreement:
    """One metric's agreement by one statistic."""

    metric: str
    statistic: str
    value: float
    low: float
    high: float
    draws: np.ndarray
    """(R,) resampled values, drawn jointly for all metrics of one call."""
    threshold: float | None = None
    """Of `calibrated`: metric differences up to it are ties."""


@dataclass(frozen=True)
class Difference:
    """How much better `first` agrees than `second`."""

    first: str
    second: str
    statistic: str
    value: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def agreement(
    human: np.ndarray,
    metrics: dict[str, np.ndarray],
    groups: Sequence[Any] | np.ndarray,
    *,
    statistics: Sequence[str] | None = None,
    within: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> list[Agreement]:
    """human (n,), metric name -> (n,), groups (n,) -> an Agreement for each metric and statistic, metrics first.

    within: only pairs of items of one group count, pooled over groups. Rows with a NaN anywhere are left out. TooFew
    with fewer than 3 rows or 2 groups.
    """
    allowed = WITHIN if within else STATISTICS
    statistics = allowed if statistics is None else statistics
    unknown = [s for s in statistics if s not in allowed]
    if unknown:
        kind = "agreement within groups" if within else "agreement"
        raise UsageError(f"'{unknown[0]}' is no statistic of {kind}; allowed: {', '.join(allowed)}.")
    columns = {"": np.asarray(human, float), **{k: np.asarray(v, float) for k, v in metrics.items()}}
    fine = np.all([np.isfinite(c) for c in columns.values()], axis=0)
    truth = columns.pop("")[fine]
    labels, codes = np.unique(np.asarray(groups)[fine], return_inverse=True)
    codes = codes.reshape(-1)
    if len(truth) < 3 or len(labels) < 2:
        raise TooFew(f"Agreement needs 3 rated items in 2 groups; there are {len(truth)} in {len(labels)}.")
    if (truth == truth[0]).all():
        raise TooFew(f"All {len(truth)} ratings are equal, so that no metric can be held against them.")
    if len(truth) > MOST_ITEMS:
        raise UsageError(f"Agreement looks at all pairs of up to {MOST_ITEMS} items; there are {len(truth)}.")
    weights = np.concatenate([np.ones((1, len(labels))), drawn_weights(len(labels), resamples, seed)])
    edges = [(1 - level) / 2, (1 + level) / 2]
    found = []
    for name, column in columns.items():
        values = _all(truth, column[fine], codes, weights, statistics, within)
        for statistic in statistics:
            draws, at = values[statistic], values.get("threshold") if statistic == "calibrated" else None
            known = draws[1:][np.isfinite(draws[1:])]
            low, high = np.quantile(known, edges) if len(known) > 1 else (np.nan, np.nan)
            found.append(Agreement(name, statistic, float(draws[0]), float(low), float(high), draws[1:], at))
    return found


def system_agreement(
    human: np.ndarray,
    metrics: dict[str, np.ndarray],
    groups: Sequence[Any] | np.ndarray,
    systems: Sequence[Any] | np.ndarray,
    *,
    statistics: Sequence[str] = ("pearson", "spearman", "tau-b", "accuracy"),
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> list[Agreement]:
    """As `agreement`, between the systems' means: do metric and people rank systems alike?

    Prompts (groups) are resampled, the systems are fixed. TooFew with fewer than 3 systems.
    """
    truth, names = np.asarray(human, float), {k: np.asarray(v, float) for k, v in metrics.items()}
    fine = np.all([np.isfinite(c) for c in (truth, *names.values())], axis=0)
    kinds, of = np.unique(np.asarray(systems)[fine], return_inverse=True)
    labels, codes = np.unique(np.asarray(groups)[fine], return_inverse=True)
    of, codes = of.reshape(-1), codes.reshape(-1)
    if len(kinds) < 3 or len(labels) < 2:
        raise TooFew(f"Agreement on systems needs 3 of them and 2 groups; there are {len(kinds)} and {len(labels)}.")
    weights = np.concatenate([np.ones((1, len(labels))), drawn_weights(len(labels), resamples, seed)])

    def means(column: np.ndarray) -> np.ndarray:
        sums, counts = (
            np.bincount(codes * len(kinds) + of, v, len(labels) * len(kinds)).reshape(len(labels), -1)
            for v in (column[fine], np.ones(int(fine.sum())))
        )
        below = weights @ counts
        return np.divide(weights @ sums, below, out=np.full(below.shape, np.nan), where=below > 0)

    left, edges, found = means(truth), [(1 - level) / 2, (1 + level) / 2], []
    for name, column in names.items():
        right = means(column)
        values = [_few(a, b, statistics) for a, b in zip(left, right, strict=True)]
        for statistic in statistics:
            draws = np.array([v[statistic] for v in values])
            known = draws[1:][np.isfinite(draws[1:])]
            low, high = np.quantile(known, edges) if len(known) > 1 else (np.nan, np.nan)
            found.append(Agreement(name, statistic, float(draws[0]), float(low), float(high), draws[1:]))
    return found


def _few(x: np.ndarray, y: np.ndarray, statistics: Sequence[str]) -> dict[str, float]:
    """Every statistic of a few systems; NaN where a system has no item in a resample."""
    if not (np.isfinite(x) & np.isfinite(y)).all():
        return dict.fromkeys(statistics, np.nan)
    found = _all(x, y, np.arange(len(x)), np.ones((1, len(x))), statistics)
    return {name: float(found[name][0]) for name in statistics}


def differences(found: Sequence[Agreement], level: float = LEVEL) -> list[Difference]:
    """The best metric of each statistic against each other one, from the joint draws."""
    edges = [(1 - level) / 2, (1 + level) / 2]
    result = []
    for statistic in dict.fromkeys(a.statistic for a in found):
        ranked = sorted((a for a in found if a.statistic == statistic), key=lambda a: -np.nan_to_num(a.value, nan=-9))
        for other in ranked[1:]:
            apart = ranked[0].draws - other.draws
            apart = apart[np.isfinite(apart)]
            low, high = np.quantile(apart, edges) if len(apart) > 1 else (np.nan, np.nan)
            value = ranked[0].value - other.value
            result.append(Difference(ranked[0].metric, other.metric, statistic, value, float(low), float(high)))
    return result


def _all(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, weights: np.ndarray, asked: Sequence[str], within: bool = False
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "pearson" in asked:
        found["pearson"] = _by_rows(weights, lambda w: _pearson(x[None], y[None], w[:, codes]))
    if "spearman" in asked:
        found["spearman"] = _by_rows(weights, lambda w: _spearman(x, y, w[:, codes]))
    if {"tau-b", "tau-c", "accuracy"} & set(asked):
        found |= _pairs(x, y, codes, weights, within)
    if "calibrated" in asked:
        found["threshold"] = _fitted(x, y, codes, within)
        found["calibrated"] = _pairs(x, y, codes, weights, within, found["threshold"])["accuracy"]
    return found


def _by_rows(weights: np.ndarray, work: Any) -> np.ndarray:
    return np.concatenate([work(weights[i : i + 256]) for i in range(0, len(weights), 256)])


def _pearson(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(r,) correlation of x (1 or r, n) and y under weights (r, n)."""
    total = w.sum(1, keepdims=True)
    a, b = (v - (w * v).sum(1, keepdims=True) / total for v in (x, y))
    both, left, right = (w * a * b).sum(1), (w * a * a).sum(1), (w * b * b).sum(1)
    return np.divide(both, np.sqrt(left * right), out=np.full(len(w), np.nan), where=left * right > 0)


def _spearman(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return _pearson(_ranks(x, w), _ranks(y, w), w)


def _ranks(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(r, n) mean ranks, ties sharing theirs, when item i is there w[:, i] times."""
    order = np.argsort(x, kind="stable")
    _, tie = np.unique(x[order], return_inverse=True)
    tie = tie.reshape(-1)
    upto = np.cumsum(w[:, order], axis=1)
    last = np.flatnonzero(np.append(tie[1:] != tie[:-1], True))
    end = upto[:, last]
    start = np.concatenate([np.zeros((len(w), 1)), end[:, :-1]], axis=1)
    ranks = np.empty_like(upto)
    ranks[:, order] = ((start + end + 1) / 2)[:, tie]
    return ranks


def _pairs(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, weights: np.ndarray, within: bool = False, tie: float = 0.0
) -> dict[str, np.ndarray]:
    """tau-b, tau-c and accuracy under group weights (r, G), over unordered pairs of items (of one group: `within`)."""
    sizes = np.bincount(codes, minlength=weights.shape[1])
    n = weights @ sizes
    if within:
        agree, in_x, in_y, both = (weights @ s / 2 for s in _sums_within(x, y, codes, weights.shape[1], tie))
        pairs = weights @ (sizes * (sizes - 1) / 2)
    else:
        agree, in_x, in_y, both = (_form(s, weights) / 2 for s in _pair_sums(x, y, codes, weights.shape[1], tie))
        pairs = n * (n - 1) / 2
    known = in_x * in_y > 0
    tau_b = np.divide(agree, np.sqrt(in_x * in_y), out=np.full(len(n), np.nan), where=known)
    concordant = (agree + both) / 2  # pairs untied in both are concordant or discordant: C - D and C + D
    tied = pairs - in_x - in_y + both
    right = np.divide(concordant + tied, pairs, out=np.full(len(n), np.nan), where=pairs > 0)
    found = {"tau-b": tau_b, "accuracy": right}
    if not within:
        m = np.minimum(_levels(x, codes, weights), _levels(y, codes, weights))
        found["tau-c"] = np.divide(2 * m * agree, n**2 * (m - 1), out=np.full(len(n), np.nan), where=known & (m > 1))
    return found


def _form(s: np.ndarray, w: np.ndarray) -> np.ndarray:
    return ((w @ s) * w).sum(1)


def _signs(x: np.ndarray, y: np.ndarray, rows: Any, tie: float) -> list[np.ndarray]:
    """sign x * sign y, |sign x|, |sign y|, |sign x sign y| of the differences of some items to all."""
    a = np.sign(x[rows, None] - x[None, :])
    gap = y[rows, None] - y[None, :]
    b = np.sign(gap) * (np.abs(gap) > tie) if tie else np.sign(gap)
    return [a * b, np.abs(a), np.abs(b), np.abs(a * b)]


def _pair_sums(x: np.ndarray, y: np.ndarray, codes: np.ndarray, groups: int, tie: float) -> list[np.ndarray]:
    """Sums (G, G) of `_signs` over ordered pairs of items."""
    mark = np.zeros((len(x), groups))
    mark[np.arange(len(x)), codes] = 1
    sums = [np.zeros((groups, groups)) for _ in range(4)]
    for at in range(0, len(x), _ROWS):
        rows = slice(at, at + _ROWS)
        for total, part in zip(sums, _signs(x, y, rows, tie), strict=True):
            total += mark[rows].T @ (part @ mark)
    return sums


def _sums_within(x: np.ndarray, y: np.ndarray, codes: np.ndarray, groups: int, tie: float) -> list[np.ndarray]:
    """Sums (G,) of `_signs` over ordered pairs of items of one group."""
    sums = np.zeros((4, groups))
    for group, items in enumerate(_members(codes)):
        sums[:, group] = [part.sum() for part in _signs(x[items], y[items], slice(None), tie)]
    return list(sums)


def _members(codes: np.ndarray) -> list[np.ndarray]:
    """The items of each group."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _levels(x: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(r,) number of different values among the drawn items."""
    _, value = np.unique(x, return_inverse=True)
    there = np.zeros((weights.shape[1], int(value.max()) + 1))
    there[codes, value.reshape(-1)] = 1
    return ((weights > 0) @ there > 0).sum(1).astype(float)


def _fitted(x: np.ndarray, y: np.ndarray, codes: np.ndarray, within: bool) -> float:
    if within:
        pairs = [items[list(np.triu_indices(len(items), 1))] for items in _members(codes)]
        return _threshold(x, y, *np.concatenate(pairs, axis=1))[0]
    drawn = np.arange(len(x))
    if len(x) > MOST_FITTED:
        drawn = np.random.default_rng(0).choice(len(x), MOST_FITTED, replace=False)
    return tie_threshold(x[drawn], y[drawn])[0]


def tie_threshold(human: np.ndarray, metric: np.ndarray) -> tuple[float, float]:
    """(threshold, accuracy): metric differences up to the threshold called ties, so that accuracy is largest.

    For metrics that never tie, where people often do (sec. 4.2). It is fitted to these very ratings: an upper bound.
    """
    x, y = np.asarray(human, float), np.asarray(metric, float)
    return _threshold(x, y, *np.triu_indices(len(x), 1))


def _threshold(x: np.ndarray, y: np.ndarray, i: np.ndarray, j: np.ndarray) -> tuple[float, float]:
    """As `tie_threshold`, over the pairs of items i and j."""
    return best_tie(np.sign(x[i] - x[j]), y[i] - y[j])


def best_tie(apart: np.ndarray, gap: np.ndarray) -> tuple[float, float]:
    """As `tie_threshold`, of pairs: people's sign (1, 0, -1) and the metric's difference of each. Never worse than
    calling equal scores alone a tie."""
    if not len(gap):
        return 0.0, np.nan
    order = np.argsort(np.abs(gap), kind="stable")
    size, right = np.abs(gap)[order], (np.sign(gap) == apart)[order] & (gap[order] != 0)
    tie = (apart == 0)[order]
    # calling the first k pairs ties wins those that people tie, and loses those that were ordered right
    score = np.concatenate([[0], np.cumsum(tie)]) + right.sum() - np.concatenate([[0], np.cumsum(right)])
    # differences that are equal up to rounding are ties together or not at all; those of exactly 0 always are
    allowed = np.concatenate([[False], size[1:] - size[:-1] > 1e-12 * size[-1], [True]])
    allowed[int((size == 0).sum())] = True
    best = int(np.argmax(np.where(allowed, score, -1)))
    return float(size[best - 1]) if best else 0.0, float(score[best] / len(size))
