"""Retrieval under ties is the expectation over every order of the tied items; a constant scorer is at chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

import bench.functional as F
from bench.errors import UsageError


def orders(scores, right):
    """Every order of the items by falling score, as rows of right (bool)."""
    values = sorted(set(scores), reverse=True)
    groups = [[r for s, r in zip(scores, right, strict=True) if s == value] for value in values]
    for parts in itertools.product(*(list(itertools.permutations(group)) for group in groups)):
        yield [r for part in parts for r in part]


def average_precision(ranked):
    hits = np.cumsum(ranked)
    return np.mean([hits[i] / (i + 1) for i, r in enumerate(ranked) if r])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6).filter(lambda x: any(r for _, r in x))
)
def test_ties_are_averaged_over_all_orders(items):
    scores, right = zip(*items, strict=True)
    ranks = F.retrieval_ranks(torch.tensor([scores]).double(), torch.tensor([right]))
    every = list(orders(scores, right))
    assert float(ranks.average_precision) == pytest.approx(np.mean([average_precision(o) for o in every]), rel=1e-12)
    assert float(ranks.rank()) == pytest.approx(np.mean([o.index(True) + 1 for o in every]), rel=1e-12)
    for k in (1, 2, 5):
        hits = [any(o[:k]) for o in every]
        assert float(ranks.recall(k)) == pytest.approx(np.mean(hits), rel=1e-9)
        assert float(ranks.recall(k, "optimistic")) == max(hits)
        assert float(ranks.recall(k, "pessimistic")) == min(hits)


def _batch(seed: int, right: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    positives = torch.rand(20, 50, generator=g).argsort(1) < right
    return torch.randn(20, 50, generator=g), positives


@pytest.mark.parametrize("right", [1, 5])
def test_without_ties_it_is_scikit_learns(right):
    similarity, positives = _batch(0, right)
    theirs = [average_precision_score(p, s) for p, s in zip(positives.numpy(), similarity.numpy(), strict=True)]
    ranks = F.retrieval_ranks(similarity, positives)
    np.testing.assert_allclose(ranks.average_precision, theirs, rtol=1e-12)
    whole = label_ranking_average_precision_score(positives.numpy(), similarity.numpy())
    assert float(F.retrieval(similarity, positives)["mAP"]) == pytest.approx(whole, rel=1e-12)


def test_queries_of_one_and_of_many_right_items_do_not_disturb_each_other():
    similarity, positives = _batch(1, 1)
    positives[3, :20] = True
    together = F.retrieval_ranks(similarity, positives)
    for q in (0, 3, 7):
        alone = F.retrieval_ranks(similarity[q : q + 1], positives[q : q + 1])
        assert all(torch.equal(a[q : q + 1], b) for a, b in zip(together, alone, strict=True))


def test_a_constant_scorer_is_at_chance_and_the_wrong_way_round_is_below():
    n = 100
    positives = torch.eye(n, dtype=torch.bool)
    tied = F.retrieval(torch.zeros(n, n), positives)
    harmonic = sum(1 / i for i in range(1, n + 1))
    assert float(tied["mAP"]) == pytest.approx(harmonic / n)
    assert [float(tied[f"R@{k}"]) for k in (1, 5, 10)] == pytest.approx([0.01, 0.05, 0.1])
    assert float(tied["median_rank"]) == pytest.approx((n + 1) / 2)
    g = torch.Generator().manual_seed(0)
    good = positives.double() + 0.3 * torch.randn(n, n, generator=g).double()
    assert float(F.retrieval(good, positives)["mAP"]) > 0.6 > 0.02 > float(F.retrieval(-good, positives)["mAP"])


def test_every_item_right_is_precision_one_whatever_the_scores():
    for scores in (torch.zeros(1, 7), torch.arange(7.0)[None]):
        ranks = F.retrieval_ranks(scores, torch.ones(1, 7, dtype=torch.bool))
        assert float(ranks.average_precision) == pytest.approx(1, rel=1e-14)


def test_blocks_of_queries_and_labels_change_nothing():
    g = torch.Generator().manual_seed(2)
    x, y = torch.randn(50, 8, generator=g), torch.randn(30, 8, generator=g)
    mine, theirs = [str(i % 7) for i in range(50)], [str(i % 7) for i in range(30)]
    truth = torch.tensor([[a == b for b in theirs] for a in mine])
    whole = F.retrieval(_cosines(x, y), truth)
    parts = F.retrieval_from_features(x, y, (mine, theirs), block=7)
    assert {n: float(v) for n, v in parts.items()} == pytest.approx({n: float(v) for n, v in whole.items()}, rel=1e-9)


def _cosines(x, y):
    return torch.nn.functional.normalize(x.double()) @ torch.nn.functional.normalize(y.double()).T


def test_a_query_without_a_right_item_is_named():
    with pytest.raises(UsageError, match="Query 1 has no right item"):
        F.retrieval(torch.zeros(2, 3), torch.tensor([[True, False, False], [False, False, False]]))
