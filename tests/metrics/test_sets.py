"""Kernel distance, Inception Score, precision and recall: what they say of sets whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.errors import TooFew
from bench.functional import (
    inception_score_block_replicates,
    kernel_distance_full,
    precision_recall,
    precision_recall_block_replicates,
)
from bench.metrics.left_out import inception_score_left_out, precision_recall_left_out


def _fed(kit, name, generated, reference=None, **params):
    metric = kit.make(name, **params)
    metric.update(generated=generated)
    if reference is not None:
        metric.update(reference=reference)
    return metric


def _without(rows, blocks, b):
    return rows[torch.from_numpy(np.asarray(blocks) != b)]


# ---- kd ------------------------------------------------------------------------------------------------------------


def test_kernel_distance_is_about_zero_for_equal_distributions_and_grows_with_a_shift(kit):
    reference = kit.rows(200, 8, 0)
    near, far = (
        float(_fed(kit, "kd", kit.rows(200, 8, 1) + shift, reference, subset_size=100).compute()) for shift in (0, 0.7)
    )
    assert abs(near) < 0.2 < 1 < far


def test_kernel_replicates_are_the_all_pairs_distance_without_each_block(kit):
    generated, reference = kit.rows(50, 8, 0), kit.rows(40, 8, 1)
    blocks = [i * 7 % 5 for i in range(50)]
    found = _fed(kit, "kd", generated, reference).replicates(blocks)["value"]
    rest = [float(kernel_distance_full(_without(generated, blocks, b), reference)) for b in range(5)]
    np.testing.assert_allclose(found, rest, rtol=1e-5)


def test_a_small_reference_is_named(kit):
    with pytest.raises(TooFew, match=r"kd needs 20 or more reference images and has 5; .*subset_size="):
        _fed(kit, "kd", kit.rows(50, 8, 0), kit.rows(5, 8, 1)).compute()


def test_sides_of_two_precisions_meet_in_the_finer(kit):
    generated, reference = kit.rows(30, 8, 0), kit.rows(30, 8, 1)
    mixed = float(_fed(kit, "kd", generated, reference.double()).compute())
    assert mixed == pytest.approx(float(_fed(kit, "kd", generated, reference).compute()), rel=1e-4)


# ---- is ------------------------------------------------------------------------------------------------------------


def test_inception_score_is_one_for_sameness_and_the_number_of_classes_for_sure_variety(kit):
    same = torch.zeros(60, 6)
    same[:, 2] = 30.0
    assert float(_fed(kit, "is", same).compute()) == pytest.approx(1)
    assert float(_fed(kit, "is", torch.zeros(60, 6)).compute()) == pytest.approx(1)
    varied = 60 * torch.eye(6).repeat(200, 1)
    assert float(_fed(kit, "is", varied, splits=1).compute()) == pytest.approx(6)


@pytest.mark.parametrize("splits", [1, 4, 10])
def test_inception_replicates_by_sums_equal_those_by_rows(splits, kit):
    logits = 3 * kit.rows(60, 7, 0)
    blocks = np.random.default_rng(0).integers(0, 10, 60).tolist()
    found = inception_score_left_out(logits, blocks, splits=splits, seed=4)
    rows = inception_score_block_replicates(logits, blocks, splits=splits, seed=4)
    np.testing.assert_allclose(found, rows, rtol=1e-12)


def test_a_split_that_a_block_empties_is_not_counted(kit):
    logits = 3 * kit.rows(20, 5, 0)
    order = np.random.RandomState(2020).permutation(20)
    blocks = np.zeros(20, dtype=int)
    blocks[order[:10]] = 1  # block 1 is the first of two splits
    found = inception_score_left_out(logits, blocks.tolist(), splits=2)
    rest = [float(_fed(kit, "is", logits[order[half]], splits=1).compute()) for half in (slice(0, 10), slice(10, 20))]
    np.testing.assert_allclose(found, rest, rtol=1e-9)


# ---- prc -----------------------------------------------------------------------------------------------------------


def test_precision_is_quality_and_recall_is_variety(kit):
    reference = kit.rows(300, 4, 0)
    collapsed = _fed(kit, "prc", 0.01 * kit.rows(300, 4, 1), reference)
    scattered = _fed(kit, "prc", 30 * kit.rows(300, 4, 1), reference)
    good = kit.values(_fed(kit, "prc", kit.rows(300, 4, 1), reference))
    assert good["precision"] > 0.8 and good["recall"] > 0.8
    found = kit.values(collapsed)
    assert found["precision"] == 1 and found["recall"] < 0.05
    assert kit.values(scattered)["precision"] < 0.1


def _crowded(kit):
    """Rows with copies within one block, copies of the reference, a far point whose copies alone reach their like (at
    radius 0), and a block of nearly all neighbours."""
    generated, reference = kit.rows(120, 6, 0), kit.rows(80, 6, 1)
    generated[10:60] = generated[10] + 1e-3 * kit.rows(50, 6, 2)
    generated[70:80] = reference[7] = 50 + generated[70]
    reference[:5] = generated[:5]
    blocks = np.random.default_rng(0).integers(0, 10, 120)
    blocks[11:59] = 3
    return generated, reference, blocks.tolist()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_replicates_are_those_of_the_rows_that_remain(k, kit):
    generated, reference, blocks = _crowded(kit)
    precision, recall = precision_recall_left_out(generated, reference, blocks, k=k)
    assert 0 < float(recall.min()) < 1
    for b in range(10):
        rest = precision_recall(_without(generated, blocks, b), reference, k=k)
        assert (float(precision[b]), float(recall[b])) == tuple(map(float, rest)), b


def test_precision_recall_replicates_agree_with_one_computation_a_block(kit):
    generated, reference, blocks = kit.rows(700, 6, 3), kit.rows(600, 6, 4), [i * 7 % 10 for i in range(700)]
    quick = precision_recall_left_out(generated, reference, blocks)
    slow = precision_recall_block_replicates(generated, blocks, reference)
    assert all(torch.equal(a, b) for a, b in zip(quick, slow, strict=True))
