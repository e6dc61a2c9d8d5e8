"""Jackknife intervals of set metrics against the closed form of a mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.errors import UsageError
from bench.stats.jackknife import jackknife_difference, jackknife_error, jackknife_interval


def left_out(x: np.ndarray, blocks: int = 10) -> np.ndarray:
    return np.array([np.delete(x.reshape(blocks, -1), b, axis=0).mean() for b in range(blocks)])


def test_of_a_mean_it_is_the_t_interval_of_block_means():
    x = np.random.default_rng(0).normal(size=200)
    means = x.reshape(10, -1).mean(1)
    assert jackknife_error(left_out(x)) == pytest.approx(stats.sem(means))
    low, high, method = jackknife_interval(x.mean(), left_out(x))
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 9, loc=x.mean(), scale=stats.sem(means)))
    assert method == "delete-block jackknife, 10 blocks"


def test_what_blocks_have_in_common_cancels():
    rng = np.random.default_rng(1)
    hard = np.repeat(rng.normal(size=10) * 5, 20)
    a, b = hard + rng.normal(size=200) + 0.5, hard + rng.normal(size=200)
    apart = jackknife_difference(a.mean(), left_out(a), b.mean(), left_out(b))
    assert apart.low > 0 and apart.p < 0.05
    assert apart.high - apart.low < 0.2 * (jackknife_interval(a.mean(), left_out(a))[1] - a.mean())
    oracle = stats.ttest_rel(a.reshape(10, -1).mean(1), b.reshape(10, -1).mean(1))
    assert apart.p == pytest.approx(oracle.pvalue)


def test_equal_runs_differ_in_nothing_and_say_so():
    same = jackknife_difference(3.0, [1.0, 2.0, 3.0], 3.0, [1.0, 2.0, 3.0])
    assert (same.delta, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert "zero width" in same.method


def test_without_blocks_there_is_no_interval():
    low, high, method = jackknife_interval(3.0, ())
    assert np.isnan(low) and np.isnan(high) and method.startswith("no interval")
    assert np.isnan(jackknife_difference(3.0, (), 2.0, ()).p)


def test_unequal_blocks_are_refused():
    with pytest.raises(UsageError, match="10 and 5"):
        jackknife_difference(1.0, np.ones(10), 1.0, np.ones(5))


def test_coverage():
    rng = np.random.default_rng(2)
    ends = [jackknife_interval(x.mean(), left_out(x)) for x in rng.normal(size=(600, 100))]
    assert 0.93 <= np.mean([low <= 0 <= high for low, high, _ in ends]) <= 0.97
