"""Steps in a series: the piecewise-constant mean that a penalised fit chooses.

Each further step must lower the sum of squared errors by more than 3 log n of their variance: optimal partitioning
(Jackson et al. 2005). A single odd value is no level, however far off it is, and makes none together with its
neighbour: a value may be set aside for one and a half steps, and a level has two or more that are not (in the manner of
Fearnhead & Rigaill 2019, who cap what a value can cost). Two odd values in a row are cheaper as a level. On a flat
series of normal values that finds a step in about 5 % or less (tests, by simulation).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench.errors import UsageError

PENALTY = 3.0
"""Of a step, times the logarithm of the number of values."""
LEAST = 2
"""Values of a level, without odd ones."""
ODD = 1.5
"""Price of an odd value, in steps: above 1, so that two in a row are a level; below 2, so that one alone is none."""


@dataclass(frozen=True)
class Level:
    """A stretch of the series without a step: values[start:end]."""

    start: int
    end: int
    value: float
    """Weighted mean, without odd values."""
    error: float
    odd: tuple[int, ...] = ()
    """Values that belong to no level."""


@dataclass(frozen=True)
class Step:
    """Where one level ends and the next begins."""

    at: int
    """The first value of the new level."""
    before: float
    after: float
    low: float
    """Of `after - before`, 95 % for a step at a given place."""
    high: float

    @property
    def size(self) -> float:
        return self.after - self.before


def levels(
    values: Sequence[float] | np.ndarray, errors: Sequence[float] | np.ndarray, *, penalty: float = PENALTY,
    least: int = LEAST,
) -> list[Level]:  # fmt: skip
    """The levels of a series of (n,) values with (n,) standard errors, in order; [] for none.

    An error of 0 (equal runs) counts as a thousandth of the largest, or of the values' spread where all are 0.
    UsageError for values that are not finite, or unequal lengths.
    """
    series, error = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    if series.shape != error.shape or series.ndim != 1:
        raise UsageError(f"A series has an error for each value; got {series.shape} values and {error.shape} errors.")
    if not (np.isfinite(series).all() and np.isfinite(error).all() and (error >= 0).all()):
        raise UsageError("A series is of finite values and errors from 0; leave out runs without a score.")
    count = len(series)
    if not count:
        return []
    weights = 1 / np.square(np.maximum(error, _floor(series, error)))
    middle = series - series.mean()  # sums of squares keep their digits
    price = penalty * np.log(count) if count > 1 else 0.0
    best, came = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=int)
    best[0] = -price
    for end in range(1, count + 1):
        if end < least and end < count:
            continue
        starts = np.arange(0, max(end - least, 0) + 1)
        starts = starts[np.isfinite(best[starts])]
        costs = _costs(middle[:end], weights[:end], starts, ODD * price, least)[0]
        totals = best[starts] + costs + price
        at = int(np.argmin(totals))
        best[end], came[end] = totals[at], int(starts[at])
    found: list[Level] = []
    end = count
    while end > 0:
        start = int(came[end])
        kept = _costs(middle[:end], weights[:end], np.array([start]), ODD * price, least)[1][0]
        w = weights[:end][kept]
        value = float(series.mean() + (w * middle[:end][kept]).sum() / w.sum())
        odd = tuple(int(i) for i in np.flatnonzero(~kept) if i >= start)
        found.append(Level(start, end, value, float(w.sum() ** -0.5), odd))
        end = start
    return found[::-1]


def _costs(
    values: np.ndarray, weights: np.ndarray, starts: np.ndarray, odd: float, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """((S,) cost of one level from each start to the end of the (n,) values, (S, n) bool: which values make it).

    The value whose absence saves most is set aside while that saves more than `odd` and `least` others stay.
    """
    kept = np.arange(len(values)) >= starts[:, None]
    paid = np.zeros(len(starts))
    for _ in range(len(values)):
        w = kept * weights
        whole = w.sum(1, keepdims=True)
        apart = values - (w * values).sum(1, keepdims=True) / whole
        squares = w * np.square(apart)
        rest = whole - w
        saved = np.divide(squares * whole, rest, out=np.zeros_like(w), where=rest > 1e-12 * whole)
        worst = saved.argmax(1)
        rows = np.flatnonzero((saved.max(1) > odd) & (kept.sum(1) > least))
        if not len(rows):
            return squares.sum(1) + paid, kept
        kept[rows, worst[rows]] = False
        paid[rows] += odd
    raise AssertionError("each pass sets a value aside, and there are no more")


def steps(found: Sequence[Level]) -> list[Step]:
    """The steps between levels."""
    reach = float(special.ndtri(0.975))
    made = []
    for a, b in itertools.pairwise(found):
        half = reach * float(np.hypot(a.error, b.error))
        made.append(Step(b.start, a.value, b.value, b.value - a.value - half, b.value - a.value + half))
    return made


def paired_errors(influence: np.ndarray) -> np.ndarray:
    """(S,) standard errors of S runs of the same prompts, without what all runs share.

    influence: (G, S) first-order effects of the prompts on each run's score. That some prompts are easy for every run
    says nothing of a step between runs: each prompt's mean over the runs is taken out.
    """
    groups, runs = influence.shape
    if groups < 2 or runs < 2:
        raise UsageError(f"Paired errors need two prompts and two runs; got {groups} and {runs}.")
    own = influence - influence.mean(1, keepdims=True)
    own = own - own.mean(0)
    return np.sqrt(np.square(own).sum(0) * groups / (groups - 1) * runs / (runs - 1))


def _floor(series: np.ndarray, error: np.ndarray) -> float:
    largest = float(error.max())
    if largest > 0:
        return largest / 1000
    spread = float(np.ptp(series))
    return spread / 1000 if spread > 0 else 1.0
