"""Memorisation, diversity, CKA, RefCLIPScore, and the wider retrieval numbers, by brute force and by peers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import bench.functional as F
from bench.errors import NotFinite, UsageError


def rows(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


# ---- memorisation --------------------------------------------------------------------------------------------------


def test_memorisation_is_of_generated_images():
    """torchmetrics' metric hands over (real, fake), so that it takes the nearest fake of each real image."""
    from torchmetrics.image.mifid import _compute_cosine_distance

    x, y = rows(300, 12) + 2, rows(200, 12, 1) + 2
    theirs = float(_compute_cosine_distance(y.double(), x.double(), cosine_distance_eps=10.0))
    assert float(F.memorisation_distance(y, x).mean()) == pytest.approx(theirs, rel=1e-9)
    plain = float(F.frechet_distance(x, y))
    penalty = float(F.memorisation_distance(x, y).mean())
    assert penalty < 0.1 and float(F.memorisation_informed_fd(x, y)) == pytest.approx(plain / penalty)
    assert float(F.memorisation_informed_fd(x, y, threshold=penalty / 2)) == pytest.approx(plain)
    assert math.isinf(float(F.memorisation_informed_fd(y, y))), "copies are the worst there is"
    with pytest.raises(NotFinite):
        F.memorisation_distance(torch.zeros(3, 4), rows(5, 4))


def test_authenticity_by_brute_force():
    x, y = rows(40, 5), rows(60, 5, 1)
    far = torch.cdist(y.double(), y.double()).fill_diagonal_(math.inf).amin(1)
    distance, nearest = torch.cdist(x.double(), y.double()).min(1)
    assert torch.equal(F.authentic(x, y), distance > far[nearest])
    near = y[:20] + 1e-4 * rows(20, 5, 2)
    assert not F.authentic(near, y).any() and F.authentic(y[:20] + 50, y).all()
    with pytest.raises(UsageError, match="2 or more"):
        F.authentic(x, y[:1])


# ---- diversity and similarity ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_diversity_by_brute_force(distance):
    x, groups = rows(30, 6), [i % 7 for i in range(29)] + [99]
    unit = torch.nn.functional.normalize(x.double(), dim=1)
    apart = 1 - unit @ unit.T if distance == "cosine" else torch.cdist(x.double(), x.double()).square()
    found = F.intra_group_diversity(x, groups, distance=distance)
    for i in range(29):
        others = [j for j in range(29) if j != i and groups[j] == groups[i]]
        assert float(found[i]) == pytest.approx(float(apart[i, others].mean()), abs=1e-9)
    assert math.isnan(float(found[29])), "an image alone says nothing"
    assert float(F.intra_group_diversity(x[:1].repeat(4, 1), [0] * 4, distance=distance).max()) < 1e-12
    with pytest.raises(UsageError):
        F.intra_group_diversity(x, groups, distance="other")


def test_cka_invariances_and_truth():
    x, y = rows(200, 8), rows(200, 5, 1)
    turn = torch.linalg.qr(rows(8, 8, 2)).Q
    assert float(F.linear_cka(x, 3 * x @ turn + 7)) == pytest.approx(1)
    a, b = x.double() - x.double().mean(0), y.double() - y.double().mean(0)
    gram = (a @ a.T * (b @ b.T)).sum() / ((a @ a.T).norm() * (b @ b.T).norm())
    assert float(F.linear_cka(x, y)) == pytest.approx(float(gram))
    assert float(F.linear_cka(x[:4], y[:4])) == pytest.approx(float(F.linear_cka(y[:4], x[:4]))), "n below d"
    assert float(F.linear_cka(x, y)) < 0.2 < float(F.linear_cka(x, torch.cat([x[:, :4], y], 1)))
    with pytest.raises(UsageError, match="does not vary"):
        F.linear_cka(x, torch.ones(200, 3))


def test_ref_clip_score():
    image, text = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.6, 0.8], [-1.0, 0.0]])
    captions = [torch.tensor([[0.0, 1.0], [0.6, 0.8]]), torch.tensor([[1.0, 0.0]])]
    found = F.ref_clip_score(image, text, captions)
    assert float(found[0]) == pytest.approx(2 * 1.5 * 1 / 2.5) and float(found[1]) == 0
    with pytest.raises(UsageError):
        F.ref_clip_score(image, text, captions[:1])


# ---- retrieval -------------------------------------------------------------------------------------------------------


def brute(scores: list[float], right: list[bool]) -> tuple[float, float]:
    """Mean over all orders of tied items of 1 / first right rank, and of average precision within R."""
    reciprocal, within = [], []
    places = sorted(range(len(scores)), key=lambda i: -scores[i])
    ties = [list(g) for _, g in itertools.groupby(places, key=lambda i: scores[i])]
    for order in itertools.product(*(itertools.permutations(t) for t in ties)):
        hits = [right[i] for i in itertools.chain(*order)]
        reciprocal.append(1 / (1 + hits.index(True)))
        r = sum(hits)
        within.append(sum(sum(hits[: k + 1]) / (k + 1) for k in range(r) if hits[k]) / r)
    return float(np.mean(reciprocal)), float(np.mean(within))


@pytest.mark.parametrize("seed", range(12))
def test_reciprocal_rank_and_map_at_r_over_all_orders_of_ties(seed):
    rng = np.random.default_rng(seed)
    scores, right = rng.integers(0, 3, 6).astype(float), rng.random(6) < 0.5
    right[int(rng.integers(6))] = True
    ranks = F.retrieval_ranks(torch.tensor(scores)[None], torch.tensor(right)[None])
    reciprocal, within = brute(scores.tolist(), right.tolist())
    assert float(ranks.reciprocal()[0]) == pytest.approx(reciprocal)
    assert float(ranks.precision_at_r[0]) == pytest.approx(within)
    assert float(ranks.reciprocal("pessimistic")[0]) <= reciprocal <= float(ranks.reciprocal("optimistic")[0])


def test_retrieval_against_torchmetrics():
    from torchmetrics.functional.retrieval import retrieval_average_precision, retrieval_reciprocal_rank

    scores, right = rows(20, 30).sigmoid(), rows(20, 30, 1) > 0.8  # torchmetrics takes no hit at a score below 0
    right[:, 0] = True
    found = F.retrieval(scores, right)
    pairs = list(zip(scores, right, strict=True))
    assert float(found["MRR"]) == pytest.approx(float(np.mean([retrieval_reciprocal_rank(s, r) for s, r in pairs])))
    assert float(found["mAP"]) == pytest.approx(float(np.mean([retrieval_average_precision(s, r) for s, r in pairs])))
    assert float(found["mAP@R"]) < float(found["mAP"])
