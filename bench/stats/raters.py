"""How far raters agree with each other: Krippendorff's alpha of any number of raters, with ratings missing at will.

alpha = 1 - observed / expected disagreement (Krippendorff 2004, Content Analysis, ch. 11; Computing Krippendorff's
Alpha-Reliability, 2011). Values meet values within units, never raters with raters, so who rated what does not matter
and a unit with one rating says nothing. Intervals resample groups of units (prompts), as everywhere here;
Krippendorff's own bootstrap draws single disagreements, which are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import DataError, TooFew, UsageError
from bench.stats.bootstrap import LEVEL, RESAMPLES, drawn_weights

SCALES = ("nominal", "ordinal", "interval", "ratio")
MOST_VALUES = 300
"""Different values that are held pair by pair; an interval scale needs none of that and takes any number."""


@dataclass(frozen=True)
class Reliability:
    """Agreement of raters on one set of units."""

    scale: str
    alpha: float
    """1: raters never differ; 0: as if values were dealt out by chance; below: worse than chance. NaN where all ratings
    are equal, which tells nothing."""
    low: float
    high: float
    units: int
    """Units with two ratings or more."""
    lone: int
    """Units with one rating, left out."""
    ratings: int
    """Ratings of the units that count."""
    groups: int
    """Resampling units."""


def krippendorff(
    units: Sequence[Any] | np.ndarray,
    values: Sequence[Any] | np.ndarray,
    groups: Sequence[Any] | np.ndarray | None = None,
    *,
    scale: str = "ordinal",
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Reliability:
    """units (n,), values (n,) -> alpha: a row a rating; groups (n,) are what is resampled (default: the units).

    Values are numbers, or anything that can be told apart on a nominal scale; NaN and None are missing. DataError for
    values that the scale cannot hold, TooFew where no unit has two ratings.
    """
    if scale not in SCALES:
        raise UsageError(f"'{scale}' is no scale of ratings; allowed: {', '.join(SCALES)}.")
    unit, group, value = _known(units, groups, values, scale)
    labels, unit = np.unique(unit, return_inverse=True)
    counts = np.bincount(unit, minlength=len(labels))
    paired = counts[unit] > 1
    lone = int((counts == 1).sum())
    if not paired.any():
        raise TooFew(f"Agreement of raters needs units with two ratings; all {len(labels)} have one.")
    owners, of = np.unique(group[paired], return_inverse=True)
    kinds, code = np.unique(value[paired], return_inverse=True)
    _, unit = np.unique(unit[paired], return_inverse=True)
    weights = np.ones((1, len(owners)))
    if len(owners) > 1:
        weights = np.concatenate([weights, drawn_weights(len(owners), resamples, seed)])
    if scale == "interval" and len(kinds) > MOST_VALUES:
        draws = _by_moments(unit, kinds[code], of, weights)
    elif len(kinds) > MOST_VALUES:
        raise UsageError(
            f"{len(kinds)} different values are too many for a scale that is {scale} (up to {MOST_VALUES}); "
            "take interval, or round the ratings."
        )
    else:
        draws = _by_pairs(unit, code, kinds, of, weights, scale)
    known = draws[1:][np.isfinite(draws[1:])]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) > 1 else (np.nan, np.nan)
    return Reliability(
        scale, float(draws[0]), float(low), float(high), len(labels) - lone, lone, int(paired.sum()), len(owners)
    )


def _known(units: Any, groups: Any, values: Any, scale: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(units, groups, values) without missing ratings."""
    unit = np.asarray(units, dtype=object).astype(str)
    group = unit if groups is None else np.asarray(groups, dtype=object).astype(str)
    if scale == "nominal":
        given = np.asarray(values, dtype=object)
        there = np.array([v is not None and v == v for v in given], dtype=bool)
        return unit[there], group[there], given[there].astype(str)
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"Ratings on a scale that is {scale} must be numbers; take nominal for names.") from None
    there = ~np.isnan(numbers)
    if not np.isfinite(numbers[there]).all():
        raise DataError("A rating is infinite.")
    if scale == "ratio" and (numbers[there] < 0).any():
        raise DataError(f"A ratio scale has no negative ratings; the smallest is {numbers[there].min():g}.")
    return unit[there], group[there], numbers[there]


def _by_pairs(
    unit: np.ndarray, code: np.ndarray, kinds: np.ndarray, of: np.ndarray, weights: np.ndarray, scale: str
) -> np.ndarray:
    """(r,) alphas from coincidences of values, summed a group and weighed."""
    size = len(kinds)
    held = np.zeros((int(unit.max()) + 1, size))
    np.add.at(held, (unit, code), 1)
    owner = np.empty(len(held), dtype=int)
    owner[unit] = of
    together = np.zeros((weights.shape[1], size * size))
    for at in range(0, len(held), 1024):
        some = held[at : at + 1024]
        pairs = some[:, :, None] * some[:, None, :]
        pairs[:, range(size), range(size)] -= some
        pairs /= (some.sum(1) - 1)[:, None, None]
        np.add.at(together, owner[at : at + 1024], pairs.reshape(len(some), -1))
    found = [_alpha(row.reshape(size, size), kinds, scale) for block in _blocks(weights) for row in block @ together]
    return np.array(found)


def _blocks(weights: np.ndarray) -> list[np.ndarray]:
    return [weights[at : at + 256] for at in range(0, len(weights), 256)]


def _alpha(coincidences: np.ndarray, kinds: np.ndarray, scale: str) -> float:
    margin = coincidences.sum(0)
    total = margin.sum()
    apart = _apart(margin, kinds, scale)
    expected = (np.outer(margin, margin) * apart).sum()
    return 1 - (total - 1) * (coincidences * apart).sum() / expected if expected > 0 else np.nan


def _apart(margin: np.ndarray, kinds: np.ndarray, scale: str) -> np.ndarray:
    """(V, V) squared differences of values on the scale; of an ordinal one in ratings that lie between."""
    if scale == "nominal":
        return 1 - np.eye(len(kinds))
    if scale == "ordinal":
        upto = np.cumsum(margin)
        middle = upto - margin / 2  # between two values lie all of those between and half of each of the two
        return np.square(middle[:, None] - middle[None])
    low, high = kinds[:, None], kinds[None]
    if scale == "interval":
        return np.square(low - high)
    both = low + high
    return np.square(np.divide(low - high, both, out=np.zeros_like(both), where=both > 0))


def _by_moments(unit: np.ndarray, value: np.ndarray, of: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(r,) alphas of an interval scale from sums of squares alone; any number of values."""
    value = value - value.mean()
    counts = np.bincount(unit).astype(float)
    sums, squares = np.bincount(unit, value), np.bincount(unit, value**2)
    owner = np.empty(len(counts), dtype=int)
    owner[unit] = of
    within = 2 * (counts * squares - sums**2) / (counts - 1)
    found = [weights @ np.bincount(owner, part, weights.shape[1]) for part in (within, counts, sums, squares)]
    observed, n, first, second = found
    expected = 2 * (n * second - first**2)
    return np.where(expected > 0, 1 - (n - 1) * observed / np.where(expected > 0, expected, 1), np.nan)
