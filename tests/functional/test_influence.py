"""Influences are derivatives: finite differences, the jackknife, coverage, and the images that cost most."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bench.functional as F
from bench.errors import TooFew


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g, dtype=torch.float64) @ torch.randn(d, d, generator=g, dtype=torch.float64)


def weighted_distance(x: torch.Tensor, weight: torch.Tensor, reference: F.Factor) -> float:
    """The distance of the weighted sample (covariance over n, as the derivative is taken)."""
    weight = weight / weight.sum()
    mean = weight @ x
    root = weight.sqrt()[:, None] * (x - mean)
    across = torch.linalg.svdvals(reference.rows @ root.T).sum()
    return float((mean - reference.mean).square().sum() + root.square().sum() + reference.trace - 2 * across)


def test_the_frechet_influence_is_the_derivative():
    x, reference = rows(40, 5, 0), F.factor(rows(60, 5, 1) + 0.5)
    found = F.frechet_influence(x, reference)
    step = 1e-5
    for i in (0, 7, 39):
        up, down = torch.ones(40, dtype=torch.float64), torch.ones(40, dtype=torch.float64)
        up[i] += step
        down[i] -= step
        slope = 40 * (weighted_distance(x, up, reference) - weighted_distance(x, down, reference)) / (2 * step)
        assert float(found[i]) == pytest.approx(slope, rel=1e-5)
    assert float(found.sum()) == pytest.approx(0, abs=1e-9)


def test_features_that_never_fire_and_images_all_alike_have_their_influence():
    x, y = rows(40, 3, 0), rows(60, 5, 1)
    dead = torch.cat([x, torch.zeros(40, 1, dtype=torch.float64), x[:, :1] - x[:, 1:2]], 1)  # rank 3 of 5
    found = F.frechet_influence(dead, F.factor(y))
    step = torch.zeros(40, dtype=torch.float64)
    step[7] = 1e-5
    up, down = (weighted_distance(dead, 1 + way * step, F.factor(y)) for way in (1, -1))
    assert float(found[7]) == pytest.approx(40 * (up - down) / 2e-5, rel=1e-4)
    assert F.frechet_influence(dead[:1].expand(40, 5), F.factor(y)).abs().max() < 1e-9


@pytest.mark.parametrize("seed", [0, 3])
def test_influences_agree_with_leaving_rows_out(seed):
    x, y = rows(400, 4, seed), rows(300, 4, seed + 1)
    cases = [
        (F.frechet_influence(x, F.factor(y)), F.frechet_block_replicates(x, range(400), F.factor(y))),
        (F.kernel_influence(x, y), F.kernel_block_replicates(x, range(400), y)),
    ]
    for influence, left_out in cases:
        # leaving one out moves the value by minus its influence over n, up to terms of 1 / n^2
        moved = -(left_out - left_out.mean()) * 399
        assert float(torch.corrcoef(torch.stack([influence, moved]))[0, 1]) > 0.99
        assert float(moved.std() / influence.std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("splits", [1, 7])
def test_the_influence_on_the_inception_score_is_the_derivative(splits):
    logits = rows(50, 4, 9) * 0.5
    found = F.inception_score_influence(logits, splits=splits)
    assert float(found.mean()) == pytest.approx(0, abs=1e-12)
    if splits == 1:
        log_p = logits.log_softmax(1)

        def score(weight: torch.Tensor) -> float:
            weight = weight / weight.sum()
            marginal = weight @ log_p.exp()
            return float((weight @ (log_p.exp() * (log_p - marginal.log())).sum(1)).exp())

        for i in (0, 49):
            step = torch.zeros(50, dtype=torch.float64)
            step[i] = 1e-6
            slope = 50 * (score(1 + step) - score(1 - step)) / 2e-6
            assert float(found[i]) == pytest.approx(slope, rel=1e-5)
    left_out = F.inception_score_block_replicates(logits, range(50), splits=splits)
    moved = -(left_out - left_out.mean())
    assert float(torch.corrcoef(torch.stack([found, moved]))[0, 1]) > 0.97


def test_one_dimension_is_the_closed_form():
    x = torch.tensor([[0.0], [1.0], [5.0], [6.0]], dtype=torch.float64)
    y = torch.tensor([[0.0], [2.0], [4.0]], dtype=torch.float64)
    reference = F.factor(y)
    mean, spread = float(x.mean()), float(x.std(correction=0))
    c = x[:, 0] - mean
    expected = 2 * (mean - 2) * c + (1 - float(reference.trace.sqrt()) / spread) * (c.square() - spread**2)
    torch.testing.assert_close(F.frechet_influence(x, reference), expected)


def test_the_image_that_costs_most_is_the_outlier_and_the_wrong_sign_would_hide_it():
    x, y = rows(200, 4, 5), rows(400, 4, 5)
    x[17] += 40
    for found in (F.frechet_influence(x, F.factor(y)), F.kernel_influence(x, y)):
        assert int(found.argmax()) == 17


def test_intervals_from_influences_cover_the_expected_distance():
    """400 samples of 500 rows in 6 dimensions: 95 % intervals around each value cover the mean value."""
    g = torch.Generator().manual_seed(0)
    reference = F.factor(torch.randn(3000, 6, generator=g))
    scale = torch.linspace(0.6, 1.5, 6)
    found = []
    for _ in range(400):
        x = torch.randn(500, 6, generator=g) * scale + 0.1
        error = float(F.frechet_influence(x, reference).square().mean().sqrt()) / 500**0.5
        found.append((float(F.frechet_distance_from_factors(F.factor(x), reference)), error))
    values, errors = np.array(found).T
    covered = np.abs(values - values.mean()) <= 1.96 * errors
    assert 0.92 <= covered.mean() <= 0.98
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)


def test_fewer_images_than_features_are_refused():
    with pytest.raises(TooFew, match="8 and 8"):
        F.frechet_influence(rows(8, 8, 0), F.factor(rows(30, 8, 1)))


def test_equal_features_influence_nothing_in_kernels():
    assert float(F.kernel_influence(torch.ones(10, 4), rows(20, 4, 0)).abs().max()) < 1e-12


def test_the_kernel_influence_by_its_definition():
    x, y = rows(9, 3, 0), rows(7, 3, 1)

    def k(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T / 3 + 1) ** 3

    own = (k(x, x).sum(1) - k(x, x).diagonal()) / 8  # a row does not meet itself
    wanted = 2 * (own - k(x, y).mean(1))
    torch.testing.assert_close(F.kernel_influence(x, y), wanted - wanted.mean())
