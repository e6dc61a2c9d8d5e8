"""Rank intervals."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.ranks import rank_intervals, tied_with_best


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
