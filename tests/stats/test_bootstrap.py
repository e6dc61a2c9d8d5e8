"""Intervals against scipy, closed forms and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.stats.bootstrap import bootstrap, interval, wilson
from bench.types import Estimator

MEAN, MEDIAN, RATIO = Estimator("mean", ("x",)), Estimator("median", ("x",)), Estimator("ratio", ("x", "d"))


def skewed(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n)


def test_bca_is_scipys():
    x = skewed(150)
    low, high, method = interval(MEAN, {"x": x}, np.arange(150), resamples=20000)
    oracle = stats.bootstrap((x,), np.mean, n_resamples=20000, method="BCa", rng=np.random.default_rng(5))
    assert (low, high) == pytest.approx(tuple(oracle.confidence_interval), abs=0.012)
    assert method == "cluster bootstrap (BCa), 20000 resamples of 150 groups"
    plain = stats.bootstrap((x,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(5))
    assert low > plain.confidence_interval.low  # a long right tail moves both ends to the right


def test_median_is_scipys_percentile():
    x = skewed(151)
    low, high, method = interval(MEDIAN, {"x": x}, np.arange(151), resamples=8000)
    oracle = stats.bootstrap((x,), np.median, n_resamples=8000, method="percentile", rng=np.random.default_rng(5))
    assert (low, high) == pytest.approx(tuple(oracle.confidence_interval), abs=0.02)
    assert "percentile" in method


def test_few_groups_have_the_t_interval():
    x = skewed(30)
    low, high, method = interval(MEAN, {"x": x}, np.arange(30))
    oracle = stats.t.interval(0.95, 29, loc=x.mean(), scale=stats.sem(x))
    assert (low, high) == pytest.approx(oracle, abs=1e-12)
    assert method == "t interval, 30 groups"


def test_images_of_one_prompt_do_not_count_as_prompts():
    prompts = np.random.default_rng(1).normal(size=120)
    x, groups = np.repeat(prompts, 4), np.repeat(np.arange(120), 4)
    once = interval(MEAN, {"x": prompts}, np.arange(120))
    four = interval(MEAN, {"x": x}, groups)
    naive = interval(MEAN, {"x": x}, np.arange(480))
    assert four[:2] == pytest.approx(once[:2], abs=1e-12)
    assert naive[1] - naive[0] < 0.6 * (four[1] - four[0])


def test_proportion_has_wilsons_interval():
    x = np.array([1.0] * 7 + [0.0] * 3)
    low, high, method = interval(MEAN, {"x": x}, np.arange(10))
    oracle = stats.binomtest(7, 10).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert method == "Wilson interval, 10 groups"
    assert wilson(0, 10)[0] == 0 < wilson(0, 10)[1]
    assert wilson(10, 10)[1] == 1 > wilson(10, 10)[0]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_several_images_a_prompt_that_are_all_alike_are_no_certainty(value):
    """Nothing varies, so that each group counts as one success or failure: 0 of 50 is not surely 0."""
    low, high, method = interval(MEAN, {"x": np.full(200, value)}, np.repeat(np.arange(50), 4))
    assert (low, high) == wilson(int(50 * value), 50) and method == "Wilson interval, 50 groups"
    assert high - low > 0.07 and (high == 1) == (value == 1)
    other = interval(MEAN, {"x": np.full(200, value)}, np.repeat(np.arange(50), 4), proportion=False)
    assert other[2].startswith("zero"), "of a score of another range nobody knows"


@pytest.mark.parametrize("hit", [0.0, 1.0])
def test_a_ratio_that_does_not_vary_is_no_certainty(hit):
    """The only prompt whose objects are all there is right: that is one of one, and says next to nothing."""
    there = np.zeros(40)
    there[[7, 8, 30]] = 1
    estimator = Estimator("ratio", ("right", "there"))
    columns = {"right": there * hit, "there": there}
    low, high, method = interval(estimator, columns, np.arange(40) // 2)
    assert (low, high) == wilson(int(3 * hit), 3) and method == "Wilson interval, 3 groups"
    low, high, method = interval(estimator, columns, np.arange(40) // 10)
    assert (low, high) == wilson(int(2 * hit), 2), "two of the three are images of one prompt"
    columns["right"] = there * (np.arange(40) != 8)
    assert "Wilson" not in interval(estimator, columns, np.arange(40) // 2)[2]


def test_proportion_with_several_images_a_prompt_is_not_wilsons():
    x = np.tile([1.0, 0.0, 1.0], 50)
    assert "Wilson" not in interval(MEAN, {"x": x}, np.repeat(np.arange(50), 3))[2]


def test_equal_rows_are_flagged():
    low, high, method = interval(MEAN, {"x": np.full(200, 0.37)}, np.arange(200))
    assert low == high == pytest.approx(0.37)
    assert method.startswith("zero width")
    assert interval(MEDIAN, {"x": np.full(200, 0.37)}, np.arange(200))[2].startswith("zero width")


def test_one_group_has_no_interval():
    low, high, method = interval(MEAN, {"x": np.array([0.2, 0.9])}, np.array(["a", "a"]))
    assert np.isnan(low) and np.isnan(high)
    assert method == "no interval: one group"


def test_missing_rows_leave_their_group():
    x = skewed(200)
    holed = np.concatenate([x, [np.nan] * 40])
    assert interval(MEAN, {"x": holed}, np.arange(240)) == interval(MEAN, {"x": x}, np.arange(200))


def test_seed_decides_and_order_does_not():
    x = skewed(140)
    groups = np.array([f"p{i:03d}" for i in range(140)], dtype=object)
    order = np.random.default_rng(0).permutation(140)
    assert interval(MEAN, {"x": x}, groups) == interval(MEAN, {"x": x}, groups)
    assert interval(MEAN, {"x": x[order]}, groups[order])[:2] == pytest.approx(interval(MEAN, {"x": x}, groups)[:2])
    assert interval(MEAN, {"x": x}, groups, seed=1) != interval(MEAN, {"x": x}, groups)


def test_systems_over_the_same_groups_share_their_draws():
    x = skewed(130)
    joint = bootstrap(MEAN, {"x": np.stack([x, x + 1], axis=1)}, np.arange(130), resamples=300)
    assert joint.shape == (300, 2)
    assert joint[:, 1] - joint[:, 0] == pytest.approx(np.ones(300))
    assert bootstrap(MEAN, {"x": x}, np.arange(130), resamples=300) == pytest.approx(joint[:, 0])


def test_long_tables_are_drawn_in_parts(monkeypatch):
    x = skewed(110)
    whole = bootstrap(MEAN, {"x": x}, np.arange(110), resamples=400)
    monkeypatch.setattr("bench.stats.bootstrap._CHUNK", 110 * 37)
    assert bootstrap(MEAN, {"x": x}, np.arange(110), resamples=400) == pytest.approx(whole, abs=1e-14)


def _covers(estimator: Estimator, truth: float, draw, times: int = 400) -> float:
    hits = 0
    for seed in range(times):
        data, groups = draw(np.random.default_rng(seed))
        low, high, _ = interval(estimator, data, groups, resamples=600, seed=seed)
        hits += low <= truth <= high
    return hits / times


def test_coverage_of_the_mean_with_images_in_clusters():
    def draw(rng):
        prompts = rng.gamma(2.0, 1.0, 120)
        return {"x": (prompts[:, None] + rng.normal(size=(120, 2))).ravel()}, np.repeat(np.arange(120), 2)

    assert 0.92 <= _covers(MEAN, 2.0, draw) <= 0.975


def test_coverage_of_the_ratio():
    def draw(rng):
        d = rng.binomial(1, 0.5, 150).astype(float)
        return {"x": d * rng.binomial(1, 0.3, 150), "d": d}, np.arange(150)

    assert 0.92 <= _covers(RATIO, 0.3, draw) <= 0.98


def test_coverage_with_few_groups():
    assert 0.92 <= _covers(MEAN, 0.0, lambda rng: ({"x": rng.normal(size=20)}, np.arange(20)), 800) <= 0.975
