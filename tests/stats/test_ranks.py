"""Rank intervals, and TISE's ranking score."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.ranks import rank_intervals, ranking_score, simultaneous_ends, tied_with_best


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


# ---- TISE's ranking score --------------------------------------------------------------------------------------------


def test_ranking_score_counts_ranks():
    scores = np.array([[1.0, 9.0], [2.0, 5.0], [3.0, 5.0]])
    assert ranking_score(scores, [True, False]).tolist() == [1 + 1, 2 + 2.5, 3 + 2.5]


def test_ranking_score_takes_the_measures_of_an_aspect_together():
    """Three systems; the first two measures are one aspect: ranks (3, 1), (2, 3), (1, 2) and then 1, 2, 3."""
    scores = np.array([[9.0, 30.0, 0.1], [8.0, 10.0, 0.2], [7.0, 20.0, 0.3]])
    found = ranking_score(scores, [True, False, True], ["realism", "realism", "relevance"])
    assert found.tolist() == [2 + 1, 2.5 + 2, 1.5 + 3]
    assert ranking_score(scores, [True, False, True]).tolist() == [5, 7, 6]
    with pytest.raises(UsageError, match="an aspect for each"):
        ranking_score(scores, [True] * 3, ["one"])


PUBLISHED = {
    "GAN-CLS": (8.1, 192.09, 10, 5.31, 5.71, 2.46, 51.13, 2.51, 32.79, 7),
    "StackGAN": (15.5, 53.44, 9.1, 9.24, 9.9, 3.36, 29.09, 2.41, 34.33, 11.5),
    "AttnGAN": (33.79, 36.9, 50.56, 47.13, 49.78, 5.04, 20.92, 1.82, 40.08, 29),
    "DM-GAN": (45.63, 28.96, 66.98, 55.77, 58.11, 5.22, 17.48, 1.71, 42.83, 41),
    "CPGAN": (59.64, 50.68, 69.08, 81.86, 83.83, 6.38, 20.07, 2.07, 43.28, 43),
    "DF-GAN": (30.45, 21.05, 42.44, 37.85, 40.19, 5.12, 14.39, 1.96, 40.39, 31.5),
    "AttnGAN + CL": (36.85, 26.93, 57.52, 47.45, 49.33, 4.92, 19.92, 1.72, 43.92, 37),
    "DM-GAN + CL": (46.61, 22.6, 70.36, 58.68, 61.05, 5.09, 15.5, 1.66, 49.06, 51.5),
    "DALLE-Mini": (19.82, 62.9, 48.72, 26.64, 27.9, 4.1, 23.83, 2.31, 47.39, 23.5),
    "AttnGAN++": (54.63, 26.58, 72.48, 67.83, 69.97, 6.01, 15.43, 1.57, 47.75, 56),
    "Real-Images": (51.25, 2.62, 83.54, 90.02, 91.19, 8.63, 0.0, 1.05, 100.0, 65),
}
"""IS*, FID, RP, SOA-C, SOA-I, O-IS, O-FID, CA, PA and RS: ranking_scores/results/coco_benchmark_results.txt of
VinAIResearch/tise-toolbox."""


def test_ranking_score_is_that_of_the_published_table():
    table = np.array(list(PUBLISHED.values()))
    aspects = ["realism"] * 2 + ["relevance"] + ["objects"] * 2 + ["fidelity"] * 2 + ["counting", "position"]
    names = ("IS*", "FID", "RP", "C", "I", "O-IS", "O-FID", "CA", "PA")
    higher = [name not in ("FID", "O-FID", "CA") for name in names]
    assert ranking_score(table[:, :-1], higher, aspects).tolist() == table[:, -1].tolist()
    turned = ranking_score(table[:, :-1], [not h for h in higher], aspects)
    assert turned.tolist() == (6 * 12 - table[:, -1]).tolist(), "ranks the other way round give what is left of 6 x 12"
