"""Rank intervals."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.ranks import rank_intervals, simultaneous_ends, tied_with_best


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


def drawn(seed: int, means: list[float], n: int = 200, resamples: int = 1000):
    """Sample means of k correlated systems and their joint bootstrap draws."""
    rng = np.random.default_rng(seed)
    rows = np.array(means) + rng.normal(size=(n, 1)) + rng.normal(size=(n, len(means)))
    weights = rng.multinomial(n, [1 / n] * n, size=resamples) / n
    return rows.mean(0), weights @ rows


def test_simultaneous_intervals_widen_with_the_family():
    values, draws = drawn(0, [0.0, 0.1, 0.2, 0.6])
    row, pairs = (simultaneous_ends(values, draws, family=f) for f in ("row", "pairs"))
    assert (pairs[1] - pairs[0] >= row[1] - row[0] - 1e-12)[~np.eye(4, dtype=bool)].all()
    single = np.quantile(draws[:, 3] - draws[:, 0], [0.025, 0.975])
    assert row[1][3, 0] - row[0][3, 0] > np.ptp(single)
    assert rank_intervals(*row)[3] == (1, 1)
    with pytest.raises(UsageError, match="family"):
        simultaneous_ends(values, draws, family="all")


@pytest.mark.parametrize("family", ["row", "pairs"])
def test_equal_systems_are_seldom_ranked_apart(family):
    """Under equal means every system's rank interval is 1..k in 95 % of cases; with all pairs for all at once."""
    covered = []
    for seed in range(120):
        found = rank_intervals(*simultaneous_ends(*drawn(seed, [0.0] * 5, 120, 400), family=family))
        covered.append(found[0] == (1, 5) if family == "row" else all(r == (1, 5) for r in found))
    assert 0.88 <= np.mean(covered) <= 0.995


def test_a_copy_is_not_ranked_apart():
    values, draws = drawn(1, [0.0, 0.0, 1.0])
    draws[:, 1], values[1] = draws[:, 0], values[0]
    low, high = simultaneous_ends(values, draws)
    assert np.isnan(low[0, 1]) and rank_intervals(low, high)[0] == (2, 3) == rank_intervals(low, high)[1]
