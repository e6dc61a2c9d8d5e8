"""Kernel distance, Inception Score, precision and recall: what they say of sets whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.errors import TooFew
from bench.functional import kernel_distance_full


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


def test_kernel_influences_are_those_on_the_all_pairs_distance(kit):
    generated, reference = kit.rows(50, 8, 0), kit.rows(40, 8, 1)
    found = _fed(kit, "kd", generated, reference).influence()["value"]
    rest = np.array([float(kernel_distance_full(_without(generated, range(50), b), reference)) for b in range(50)])
    assert np.corrcoef(found, -rest)[0, 1] > 0.99


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
