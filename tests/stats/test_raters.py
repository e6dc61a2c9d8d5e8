"""Krippendorff's alpha: his worked examples, the closed form for two raters, the reference package, and its meaning."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import DataError, TooFew, UsageError
from bench.stats import raters
from bench.stats.bootstrap import drawn_weights
from bench.stats.raters import SCALES, krippendorff

NAN = np.nan
FOUR = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
])  # fmt: skip
"""Raters x units: example C of Krippendorff 2011."""
PUBLISHED = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797}


def of(matrix: np.ndarray, **options) -> raters.Reliability:
    units = np.tile(np.arange(matrix.shape[1]), len(matrix))
    return krippendorff(units, matrix.ravel(), **{"resamples": 50, **options})


@pytest.mark.parametrize("scale", SCALES)
def test_the_worked_example_with_missing_ratings(scale):
    found = of(FOUR, scale=scale)
    assert found.alpha == pytest.approx(PUBLISHED[scale], abs=5e-4)
    assert (found.units, found.lone, found.ratings) == (11, 1, 40)


def test_the_worked_examples_of_two_raters():
    binary = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], float)
    assert of(binary, scale="nominal").alpha == pytest.approx(0.095, abs=5e-4)
    named = np.array([list("aabbdcccedda"), list("babbbccceddd")], dtype=object)
    assert of(named, scale="nominal").alpha == pytest.approx(0.692, abs=5e-4)


@pytest.mark.parametrize("scale", SCALES)
def test_as_the_reference_package_says(scale):
    package = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(4)
    truth = rng.integers(1, 6, 60)
    ratings = np.clip(truth + rng.integers(-1, 2, (5, 60)), 1, 7).astype(float)
    ratings[rng.random(ratings.shape) < 0.3] = NAN
    assert of(ratings, scale=scale).alpha == pytest.approx(
        package.alpha(ratings, level_of_measurement=scale), abs=1e-12
    )


def test_many_values_by_sums_of_squares(monkeypatch):
    rng = np.random.default_rng(1)
    ratings = rng.normal(size=200) + rng.normal(0, 0.5, (3, 200))
    monkeypatch.setattr(raters, "MOST_VALUES", 10_000)
    pairs = of(ratings, scale="interval")
    monkeypatch.undo()
    moments = of(ratings, scale="interval")
    assert (moments.alpha, moments.low) == pytest.approx((pairs.alpha, pairs.low), abs=1e-12)
    with pytest.raises(UsageError, match="600 different values are too many for a scale that is ordinal"):
        of(ratings, scale="ordinal")


def test_resamples_are_those_written_out():
    groups = np.arange(12) // 3
    found = of(FOUR, scale="ordinal", groups=np.tile(groups, 4), resamples=40, seed=5)
    written = []
    for weights in drawn_weights(4, 40, 5):
        columns = np.concatenate([np.tile(np.flatnonzero(groups == g), int(n)) for g, n in enumerate(weights)])
        written.append(of(FOUR[:, columns], scale="ordinal").alpha)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(written, [0.025, 0.975])), abs=1e-12)


def test_meaning_chance_is_zero_agreement_one_and_contrary_raters_below_zero():
    rng = np.random.default_rng(0)
    assert abs(of(rng.integers(1, 6, (3, 3000)).astype(float), scale="ordinal").alpha) < 0.03
    same = np.tile(rng.integers(1, 6, 50), (3, 1)).astype(float)
    assert all(of(same, scale=s).alpha == 1 for s in SCALES)
    assert of(np.stack([same[0], 6 - same[0]]), scale="interval").alpha < -0.5
    near, far = (np.stack([same[0], np.where(np.arange(50) < 9, other, same[0])]) for other in (same[0] - 0.5, 9))
    assert of(near, scale="interval").alpha > of(far, scale="interval").alpha, "a small difference weighs less"
    assert np.isnan(of(np.ones((2, 9))).alpha), "equal ratings tell nothing"


def test_what_cannot_be_said():
    with pytest.raises(TooFew, match="all 3 have one"):
        krippendorff([1, 2, 3], [1, 2, 3])
    with pytest.raises(DataError, match="no negative"):
        of(-FOUR, scale="ratio")
    with pytest.raises(DataError, match="must be numbers"):
        krippendorff([1, 1], ["good", "bad"])
    with pytest.raises(UsageError, match="no scale"):
        krippendorff([1, 1], [1, 2], scale="cardinal")
