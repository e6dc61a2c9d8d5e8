"""Rank intervals and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.errors import UsageError
from bench.stats.ranks import holm, rank_intervals, tied_with_best


def ends(scores: list[float], half: float) -> tuple[np.ndarray, np.ndarray]:
    apart = np.subtract.outer(scores, scores)
    return apart - half, apart + half


def test_sure_differences_give_plain_ranks():
    assert rank_intervals(*ends([3.0, 1.0, 2.0], 0.1)) == [(1, 1), (3, 3), (2, 2)]


def test_unsure_differences_share_ranks():
    assert rank_intervals(*ends([3.0, 2.5, 0.0], 1.0)) == [(1, 2), (1, 2), (3, 3)]
    assert tied_with_best(*ends([3.0, 2.5, 0.0], 1.0)) == [0, 1]


def test_no_interval_separates_nobody():
    nothing = np.full((3, 3), np.nan)
    assert rank_intervals(nothing, nothing) == [(1, 3)] * 3


def test_not_transitive_is_told_as_it_is():
    # a and b, b and c cannot be told apart; a and c can.
    assert rank_intervals(*ends([2.0, 1.0, 0.0], 1.5)) == [(1, 2), (1, 3), (2, 3)]


def test_shapes_are_checked():
    with pytest.raises(UsageError, match="k, k"):
        rank_intervals(np.zeros((2, 3)), np.zeros((2, 3)))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_holm_lies_between_raw_and_bonferroni_and_ignores_what_is_absent():
    p = np.random.default_rng(0).uniform(size=12) ** 2
    adjusted = holm(p)
    assert (adjusted >= p).all() and (adjusted <= np.minimum(p * 12, 1) + 1e-15).all()
    assert (adjusted >= stats.false_discovery_control(p) - 1e-15).all()
    withheld = holm(np.append(p, np.nan))
    assert np.isnan(withheld[-1]) and withheld[:-1] == pytest.approx(adjusted)
    assert holm([]).shape == (0,)
