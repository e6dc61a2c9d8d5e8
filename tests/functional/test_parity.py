"""The set metrics against torch-fidelity's pure functions and against closed forms, n <= d included."""

from __future__ import annotations

import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

import bench.functional as F

GRID = [(50, 60, 128), (500, 600, 64), (300, 900, 256)]


def pair(n: int, m: int, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(n + d)
    return torch.randn(n, d, generator=g) * torch.rand(d, generator=g), torch.randn(m, d, generator=g) + 0.1


@pytest.mark.parametrize("n, m, d", GRID)
def test_frechet_distance(n, m, d):
    x, y = pair(n, m, d)
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), False)
    # eigenvalues of the product lose digits when n <= d: there ours is the truth and theirs is near it
    tolerance = 1e-6 if min(n, m) > 2 * d else 1e-4
    assert float(F.frechet_distance(x, y)) == pytest.approx(theirs["frechet_inception_distance"], rel=tolerance)
    assert float(F.frechet_distance(x, x)) < 1e-9 * float(x.double().var(0).sum())


def test_frechet_distance_closed_forms():
    g = torch.Generator().manual_seed(0)
    a, b = torch.rand(8, generator=g).double() + 0.1, torch.rand(8, generator=g).double() + 0.1
    mean = torch.zeros(8, dtype=torch.float64)
    found = F.frechet_distance_from_moments(mean, torch.diag(a), mean + 2, torch.diag(b))
    assert float(found) == pytest.approx(float((a.sqrt() - b.sqrt()).square().sum() + 32), rel=1e-12)
    x, y = pair(40, 50, 16)
    rotation = torch.linalg.qr(torch.randn(16, 16, generator=g, dtype=torch.float64)).Q
    turned = F.frechet_distance(x.double() @ rotation + 3, y.double() @ rotation + 3)
    assert float(turned) == pytest.approx(float(F.frechet_distance(x, y)), rel=1e-6)
    assert float(F.frechet_distance(torch.ones(30, 16), y)) > float(y.var(0).sum())


@pytest.mark.parametrize("n, m, d", GRID)
def test_left_out_blocks_are_recomputations(n, m, d):
    x, y = pair(n, m, d)
    blocks = [i % 5 for i in range(n)]
    kept = torch.tensor(blocks) != 3
    found = F.frechet_block_replicates(x, blocks, F.factor(y))[3]
    assert float(found) == pytest.approx(float(F.frechet_distance(x[kept], y)), rel=1e-6)
    found = F.kernel_block_replicates(x, blocks, y)[3]
    assert float(found) == pytest.approx(float(F.kernel_distance_full(x[kept], y)), abs=1e-9)


@pytest.mark.parametrize("n, m, d", GRID)
def test_kernel_distance_and_precision_recall(n, m, d):
    x, y = pair(n, m, d)
    theirs = kid_features_to_metric(x, y, kid_subsets=20, kid_subset_size=40, rng_seed=2020, verbose=False)
    mean, std = F.kernel_distance(x, y, subsets=20, subset_size=40)
    assert float(mean) == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)
    assert float(std) == pytest.approx(theirs["kernel_inception_distance_std"], abs=1e-6)
    theirs = prc_features_to_metric(x, y, prc_neighborhood=3, prc_batch_size=1000, verbose=False)
    precision, recall = F.precision_recall(x, y)
    assert (float(precision), float(recall)) == (theirs["precision"], theirs["recall"])


def test_precision_and_recall_are_not_exchanged():
    g = torch.Generator().manual_seed(1)
    reference = torch.randn(300, 8, generator=g)
    collapsed = reference[:1] + 0.01 * torch.randn(300, 8, generator=g)
    precision, recall = F.precision_recall(collapsed, reference)
    assert precision > 0.95 and recall < 0.1
    precision, recall = F.precision_recall(reference, collapsed)
    assert precision < 0.1 and recall > 0.95


def test_inception_score():
    logits = torch.randn(500, 50, generator=torch.Generator().manual_seed(2)) * 3
    theirs = isc_features_to_metric(logits, 10, True, 2020)
    mean, std = F.inception_score(logits)
    assert float(mean) == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert float(std) == pytest.approx(theirs["inception_score_std"], rel=1e-9)
    balanced = torch.eye(10).repeat(20, 1) * 1000
    assert float(F.inception_score(balanced, splits=1)[0]) == pytest.approx(10)


def test_chance_is_chance():
    g = torch.Generator().manual_seed(3)
    x, y = torch.randn(1500, 16, generator=g), torch.randn(1500, 16, generator=g)
    assert float(F.r_precision(x, y, candidates=20).mean()) == pytest.approx(0.05, abs=0.02)
    assert float(F.r_precision(x, x, candidates=20).mean()) == 1.0
    constant = torch.ones(40, 16)
    assert float(F.r_precision(constant, constant, candidates=20).mean()) == pytest.approx(0.05)
    tied = F.retrieval(torch.zeros(100, 100), torch.eye(100, dtype=torch.bool))
    assert float(tied["R@1"]) == pytest.approx(0.01) and float(tied["R@10"]) == pytest.approx(0.1)


def test_order_of_rows_changes_no_r_precision():
    g = torch.Generator().manual_seed(4)
    x, y = torch.randn(60, 8, generator=g), torch.randn(60, 8, generator=g)
    keys = [f"s{i}" for i in range(60)]
    order = torch.randperm(60, generator=g)
    first = F.r_precision(x, y, candidates=10, keys=keys)
    again = F.r_precision(x[order], y[order], candidates=10, keys=[keys[i] for i in order])
    assert torch.equal(first[order], again)


RELATIONS = ("left of", "right of", "above", "below")


@pytest.mark.parametrize("rule", sorted(F.RULES))
def test_mirrored_boxes_change_sides(rule):
    a, b = torch.tensor([[0.0, 20, 10, 30]]), torch.tensor([[40.0, 20, 50, 30]])
    assert [bool(F.relation_holds(a, b, r, rule=rule)) for r in RELATIONS] == [True, False, False, False]
    assert [bool(F.relation_holds(b, a, r, rule=rule)) for r in RELATIONS] == [False, True, False, False]
    up, down = a[:, [1, 0, 3, 2]], b[:, [1, 0, 3, 2]]
    assert [bool(F.relation_holds(up, down, r, rule=rule)) for r in RELATIONS] == [False, False, True, False]


def test_overlap_edges():
    box = [[0.0, 0, 10, 10]]
    assert float(F.box_iou_overlap(box, ["a"], box, ["a"])) == 1.0
    assert float(F.box_iou_overlap(box, ["b"], box, ["a"])) == 0.0
    assert float(F.box_iou_overlap(box * 3, ["a"] * 3, box, ["a"])) == 1.0  # extra boxes are free
    assert float(F.box_iou_overlap(box, ["a"], box * 2, ["a", "a"])) == 0.5  # a missed target counts 0
    assert float(F.box_iou_overlap([], [], [], [])) == 1.0
    assert float(F.box_iou_overlap(box, ["a"], [], [])) == 0.0
    assert float(F.box_iou([[5.0, 5, 5, 9]], box)[0, 0]) == 0.0
