"""p without resampling: all exchanges counted out, Student's where many differ, McNemar's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from bench.stats.exact import MOST, exchange_p, mcnemar
from bench.stats.kernels import kernel
from bench.types import Estimator

MEAN = Estimator("mean", ("x",))


def both(a, b, groups=None, estimator=MEAN, **more):
    table = {"x": np.stack([a, b], axis=1), **{k: np.stack([v, v], axis=1) for k, v in more.items()}}
    return kernel(estimator, table, np.arange(len(a)) if groups is None else groups)


def test_few_differences_are_counted_out():
    a, b = np.zeros(40), np.zeros(40)
    a[:7] = [0.5, 1.0, -0.25, 2.0, 0.125, 1.5, -0.5]
    gaps = a[:7]
    sums = [abs(sum(s * g for s, g in zip(signs, gaps, strict=True))) for signs in itertools.product((1, -1), repeat=7)]
    assert exchange_p(both(a, b)) == pytest.approx(np.mean([s >= abs(gaps.sum()) - 1e-12 for s in sums]))


def test_zeros_and_ones_are_the_sign_test():
    a, b = np.zeros(60), np.zeros(60)
    a[:9], b[9:10] = 1, 1
    assert exchange_p(both(a, b)) == pytest.approx(stats.binomtest(9, 10).pvalue)


def test_many_differences_are_students():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=80) + 0.2, rng.normal(size=80)
    assert exchange_p(both(a, b)) == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_the_p_is_two_sided_and_does_not_mind_who_comes_first():
    rng = np.random.default_rng(1)
    for n in (5, 60):
        a, b = rng.normal(size=n), rng.normal(size=n)
        assert exchange_p(both(a, b)) == pytest.approx(exchange_p(both(b, a)))
        assert exchange_p(both(a, a)) == 1.0
        assert exchange_p(both(a, a + 1e-16)) == 1.0  # rounding is no difference


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_unit_does_not_matter(size):
    rng = np.random.default_rng(2)
    for n in (6, 50):
        a, b = rng.normal(size=n), rng.normal(size=n)
        assert exchange_p(both(a * size, b * size)) == pytest.approx(exchange_p(both(a, b)))


def test_a_ratio_is_exchanged_with_its_denominator():
    a, b, d = np.array([3.0, 1.0, 2.0, 5.0]), np.array([1.0, 1.0, 0.0, 4.0]), np.array([4.0, 2.0, 2.0, 5.0])
    found = exchange_p(both(a, b, estimator=Estimator("ratio", ("x", "d")), d=d))
    gaps = a - b
    sums = [abs(np.dot(s, gaps)) for s in itertools.product((1, -1), repeat=4)]
    assert found == pytest.approx(np.mean([s >= gaps.sum() - 1e-9 for s in sums]))


def test_no_group_and_a_median():
    assert np.isnan(exchange_p(both(np.array([np.nan]), np.array([np.nan]))))
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=90) + 2, rng.normal(size=90)
    rule = Estimator("median", ("x",))
    assert exchange_p(both(a, b, estimator=rule)) < 0.01 < exchange_p(both(a, a, estimator=rule))
    assert exchange_p(both(a, b, estimator=rule), 0.2) == pytest.approx(
        2 * stats.norm.sf(abs(np.median(a) - np.median(b)) / 0.2)
    )


def test_false_alarms_of_rare_flips_stay_below_the_level():
    """Where Student's t would call 2 flips of 20 prompts too often."""
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(2000):
        flips = rng.random(30) < 0.12
        way = rng.random(30) < 0.5
        alarms += exchange_p(both((flips & way).astype(float), (flips & ~way).astype(float))) <= 0.05
    assert alarms / 2000 <= 0.05
    assert MOST == 12


def test_mcnemar_is_the_binomial_test():
    for gained, lost in ((0, 5), (3, 9), (8, 8), (1, 0)):
        assert mcnemar(gained, lost) == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)
    assert mcnemar(0, 0) == 1.0
