"""Holm, Benjamini-Hochberg and max-T: against statsmodels, by hand, and by their promised false alarms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.errors import UsageError
from bench.stats.families import benjamini_hochberg, holm, max_t, step_down
from bench.stats.kernels import kernel
from bench.stats.paired import permutation_p
from bench.types import Estimator

MEAN = Estimator("mean", ("score",))


def pair(a, b, groups=None):
    """The kernel of two systems with one row a group (or these groups)."""
    labels = np.arange(len(a)) if groups is None else groups
    return kernel(MEAN, {"score": np.stack([a, b], 1)}, labels)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_step_wise_corrections_are_those_of_statsmodels(p):
    for mine, method in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        np.testing.assert_allclose(mine(p), multipletests(p, method=method)[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_what_is_absent_is_no_part_of_the_family(correct):
    p = np.random.default_rng(0).uniform(size=12) ** 2
    withheld = correct(np.append(p, np.nan))
    assert np.isnan(withheld[-1]) and withheld[:-1] == pytest.approx(correct(p))
    assert correct([]).shape == (0,)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_holm_lies_between_raw_and_bonferroni():
    p = np.random.default_rng(0).uniform(size=12) ** 2
    adjusted = holm(p)
    assert (adjusted >= p).all() and (adjusted <= np.minimum(p * 12, 1) + 1e-15).all()
    assert (adjusted >= stats.false_discovery_control(p) - 1e-15).all()


def exact_max_t(columns: np.ndarray) -> np.ndarray:
    """Single-step max-T over all sign changes of (n, m) differences, by enumeration."""
    signs = np.array(list(itertools.product([1, -1], repeat=len(columns))))
    drawn = np.abs(signs @ columns)
    scale = np.sqrt(np.square(drawn).mean(0))
    most = (drawn / scale).max(1)
    return np.array([(most >= t - 1e-12).mean() for t in np.abs(columns.sum(0)) / scale])


def test_the_most_extreme_comparison_has_the_exact_single_step_p():
    rng = np.random.default_rng(1)
    columns = rng.normal(0.4, 1, (10, 4)) + rng.normal(0, 1, (10, 1))
    found = max_t([pair(c, np.zeros(10)) for c in columns.T], permutations=20_000)
    exact = exact_max_t(columns)
    top = np.argmin(exact)
    assert found[top] == pytest.approx(exact[top], abs=0.012)
    assert (found <= exact + 0.012).all()  # stepping down only gains


def test_one_comparison_alone_has_its_own_permutation_p():
    rng = np.random.default_rng(2)
    both = pair(rng.normal(0.2, 1, 60), np.zeros(60))
    assert max_t([both])[0] == pytest.approx(permutation_p(both, float(both.swapped(np.zeros((1, 60)))[0])), abs=1e-12)


def test_correlated_comparisons_cost_less_than_holm_and_copies_cost_nothing():
    rng = np.random.default_rng(3)
    a = rng.normal(0.25, 1, 80)
    alone = max_t([pair(a, np.zeros(80))])[0]
    copies = [pair(a * s, np.zeros(80)) for s in (1, 10, 0.01, 3, 7)]
    assert max_t(copies) == pytest.approx([alone] * 5)
    assert holm([alone] * 5)[0] == pytest.approx(min(1, 5 * alone))


def test_adjusting_keeps_the_order_and_never_helps():
    rng = np.random.default_rng(4)
    pairs = [pair(rng.normal(m, 1, 50), np.zeros(50)) for m in (0.0, 0.2, 0.5, 0.8)]
    raw = [max_t([p])[0] for p in pairs]
    found = max_t(pairs)
    assert (found >= np.array(raw) - 1e-12).all()
    assert list(np.argsort(found, kind="stable")) == sorted(range(4), key=lambda i: (found[i], i))
    assert found[3] < 0.01 < found[0]


def test_equal_systems_and_empty_families():
    same = np.random.default_rng(5).normal(size=30)
    assert max_t([pair(same, same), pair(same + 1, same)])[0] == 1.0
    with pytest.raises(UsageError, match="at least one"):
        max_t([])


def test_false_alarms_of_a_family_of_equals_stay_below_five_percent():
    """300 families of 6 correlated comparisons between equal systems, in groups of unequal size."""
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(40), rng.integers(1, 4, 40))
    alarms = 0
    for seed in range(300):
        base = rng.normal(size=40)[groups]
        shared = rng.standard_t(4, size=40)[groups]
        pairs = [
            pair(base + shared + rng.normal(size=len(groups)), base - shared + rng.normal(size=len(groups)), groups)
            for _ in range(6)
        ]
        alarms += bool((max_t(pairs, permutations=199, seed=seed) <= 0.05).any())
    assert alarms <= stats.binom.ppf(0.999, 300, 0.05)
    assert alarms >= stats.binom.ppf(0.001, 300, 0.05)  # and it is no correction that never speaks


def test_step_down_by_hand():
    drawn = np.array([[1.0, 5.0], [3.0, 0.0], [0.0, 1.0]])
    # the larger (4) meets maxima 5, 3, 1; the smaller (2) only its own draws 1, 3, 0, and is made no smaller
    assert step_down(np.array([2.0, 4.0]), drawn) == pytest.approx([2 / 4, 2 / 4])
