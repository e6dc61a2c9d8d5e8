"""Fréchet distance as a metric: its reference side, its statistics files, its replicates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.errors import DataError, NotFinite, TooFew, UsageError
from bench.functional import frechet_distance


def _metric(kit, generated=None, reference=None):
    metric = kit.make("fd")
    if generated is not None:
        metric.update(generated=generated)
    if reference is not None:
        metric.update(reference=reference)
    return metric


def test_equal_sets_are_at_no_distance_and_a_shift_costs_its_square(kit):
    x = kit.rows(200, 8, 0)
    assert float(_metric(kit, x, x).compute()) == pytest.approx(0, abs=1e-9)
    assert float(_metric(kit, x + 2, x).compute()) == pytest.approx(8 * 4, rel=1e-5)


def test_worse_images_are_farther(kit):
    reference = kit.rows(300, 8, 0)
    near, far = (_metric(kit, kit.rows(300, 8, 1) * s, reference) for s in (1.1, 2.0))
    assert float(near.compute()) < float(far.compute())
    assert near.higher_is_better is False


def test_statistics_file_equals_the_rows_and_stays_through_reset(kit, tmp_path):
    generated, reference = kit.rows(80, 8, 0), kit.rows(90, 8, 1) + 0.3
    path = tmp_path / "reference.npz"
    np.savez(path, mu=reference.double().mean(0).numpy(), sigma=np.cov(reference.double().numpy().T))
    metric = kit.make("fd")
    metric.use_statistics(str(path))
    for _ in range(2):
        metric.update(generated=generated)
        assert float(metric.compute()) == pytest.approx(float(frechet_distance(generated, reference)), rel=1e-9)
        assert metric.replicates([i % 10 for i in range(80)])["value"].shape == (10,)
        metric.reset()


@pytest.mark.parametrize(
    ("arrays", "error"),
    [
        ({"mu": np.zeros(3)}, DataError),
        ({"mu": np.zeros(3), "sigma": np.eye(4)}, DataError),
        ({"mu": np.zeros((3, 1)), "sigma": np.eye(3)}, DataError),
        ({"mu": np.full(3, np.nan), "sigma": np.eye(3)}, NotFinite),
        ({"mu": np.array([{}], dtype=object), "sigma": np.eye(1)}, DataError),
    ],
)
def test_a_file_that_is_no_statistics_is_refused(kit, tmp_path, arrays, error):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(error, match=r"bad\.npz"):
        kit.make("fd").use_statistics(str(tmp_path / "bad.npz"))


def test_statistics_of_another_extractor_are_refused(kit, tmp_path):
    np.savez(tmp_path / "wide.npz", mu=np.zeros(9), sigma=np.eye(9))
    metric = _metric(kit, kit.rows(20, 8, 0))
    metric.use_statistics(str(tmp_path / "wide.npz"))
    with pytest.raises(UsageError, match="equally many features"):
        metric.compute()


def test_more_reference_rows_after_compute_count(kit):
    generated, reference = kit.rows(50, 6, 0), kit.rows(80, 6, 1)
    metric = _metric(kit, generated, reference[:40])
    first = float(metric.compute())
    metric.update(reference=reference[40:])
    assert float(metric.compute()) == pytest.approx(float(frechet_distance(generated, reference)))
    assert float(metric.compute()) != pytest.approx(first)


def test_the_side_that_lacks_rows_is_named(kit):
    with pytest.raises(TooFew, match="reference images and has 0"):
        _metric(kit, kit.rows(20, 8, 0)).compute()
    with pytest.raises(TooFew, match="generated images and has 1"):
        _metric(kit, kit.rows(1, 8, 0), kit.rows(20, 8, 1)).compute()


def test_batches_of_two_extractors_do_not_mix(kit):
    metric = _metric(kit, kit.rows(20, 8, 0))
    with pytest.raises(UsageError, match="had 8 columns and now have 9"):
        metric.update(generated=kit.rows(20, 9, 0))


def test_half_precision_is_widened(kit):
    metric = _metric(kit, kit.rows(30, 8, 0).bfloat16(), kit.rows(30, 8, 1).half())
    assert metric.rows("generated").dtype == torch.float32 and torch.isfinite(metric.compute())


@pytest.mark.parametrize("n", [20, 90])
def test_replicates_are_the_distances_without_each_block(n, kit):
    """Both ways of the computation: fewer rows than features (20 < 24) and more."""
    generated, reference = kit.rows(n, 24, 0), kit.rows(60, 24, 1)
    blocks = np.random.default_rng(0).integers(0, 5, n)
    found = _metric(kit, generated, reference).replicates(blocks.tolist())["value"]
    rest = [float(frechet_distance(generated[torch.from_numpy(blocks != b)], reference)) for b in range(5)]
    np.testing.assert_allclose(found, rest, rtol=1e-6)
