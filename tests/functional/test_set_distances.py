"""FD-infinity, CMMD, Vendi, density and coverage: by their definitions, the right way round, and their influences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bench.functional as F
from bench.errors import TooFew, UsageError
from bench.functional.infinity import subset_sizes
from bench.stats.bootstrap import interval
from bench.types import Estimator


def rows(n: int, d: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    scale = torch.logspace(0, -1, d, dtype=torch.float64)
    return torch.randn(n, d, generator=g, dtype=torch.float64) * scale + shift


def slope(value, x: torch.Tensor, i: int, step: float = 1e-4) -> float:
    """Derivative of a weighted statistic when weight moves to row i, times n."""
    n = len(x)
    up, down = (torch.ones(n, dtype=torch.float64) for _ in range(2))
    up[i], down[i] = 1 + step, 1 - step
    return n * (value(up / up.sum()) - value(down / down.sum())) / (2 * step)


# ---- FD-infinity ---------------------------------------------------------------------------------------------------


def test_fd_infinity_is_the_intercept_of_a_line_through_the_distances_of_prefixes():
    x, reference = rows(200, 4, 0), F.factor(rows(500, 4, 1, 0.3))
    order, sizes = np.random.RandomState(2020).permutation(200), subset_sizes(200)
    distances = [float(F.frechet_distance_from_factors(F.factor(x[order[:m]]), reference)) for m in sizes]
    intercept = np.polyfit(1 / np.array(sizes), distances, 1)[1]
    assert float(F.frechet_distance_infinity(x, reference)) == pytest.approx(intercept, rel=1e-9)
    assert sizes[0] == 20 and sizes[-1] == 200 and len(sizes) == 15


def test_fd_infinity_takes_the_bias_off():
    """Equal distributions: the distance of 900 images is above 0 by its bias, the extrapolated one is not."""
    reference = F.factor(rows(50_000, 16, 1))
    plain, infinite = [], []
    for seed in range(20):
        x = rows(900, 16, 100 + seed)
        plain.append(float(F.frechet_distance_from_factors(F.factor(x), reference)))
        infinite.append(float(F.frechet_distance_infinity(x, reference)))
    assert abs(np.mean(infinite)) < 0.25 * np.mean(plain)
    apart = rows(300, 16, 7, 1.0)
    assert float(F.frechet_distance_infinity(apart, reference)) == pytest.approx(16, rel=0.1)


def test_the_influence_on_fd_infinity_covers():
    reference = F.factor(rows(20_000, 6, 1, 0.2))
    values, ends = [], []
    for seed in range(120):
        x = rows(240, 6, 1000 + seed)
        values.append(float(F.frechet_distance_infinity(x, reference)))
        column = values[-1] + F.frechet_infinity_influence(x, reference).numpy()
        ends.append(interval(Estimator("mean", ("x",)), {"x": column}, np.arange(240), proportion=False)[:2])
    assert 0.87 < np.mean([low <= np.mean(values) <= high for low, high in ends]) <= 1.0


def test_fd_infinity_says_what_it_cannot_do():
    with pytest.raises(UsageError, match="2 points"):
        subset_sizes(100, 1)
    with pytest.raises(TooFew):
        subset_sizes(2)


# ---- CMMD ----------------------------------------------------------------------------------------------------------


def weighted_cmmd(x: torch.Tensor, y: torch.Tensor):
    u, v = (torch.nn.functional.normalize(z, dim=1) for z in (x, y))

    def k(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(-torch.cdist(a, b).square() / (2 * 10**2))

    return lambda w: float(1000 * (w @ k(u, u) @ w + k(v, v).mean() - 2 * (w @ k(u, v)).mean()))


def test_cmmd_and_its_influence_by_their_definition():
    x, y = rows(30, 5, 0, 0.4), rows(40, 5, 1)
    value = weighted_cmmd(x, y)
    assert float(F.cmmd(x, y)) == pytest.approx(value(torch.full((30,), 1 / 30, dtype=torch.float64)), rel=1e-6)
    found = F.cmmd_influence(x, y)
    for i in (0, 11, 29):
        assert float(found[i]) == pytest.approx(slope(value, x, i), rel=1e-3, abs=1e-6)
    assert float(found.sum()) == pytest.approx(0, abs=1e-9)


def test_cmmd_is_0_for_equal_sets_and_grows_with_the_gap():
    x = rows(60, 5, 0, 0.2)
    assert float(F.cmmd(x, x)) == pytest.approx(0, abs=1e-9)
    gaps = [float(F.cmmd(x, rows(60, 5, 1, shift))) for shift in (0.2, 0.6, 1.5)]
    assert gaps == sorted(gaps) and gaps[0] > 0


# ---- Vendi ---------------------------------------------------------------------------------------------------------


def weighted_vendi(x: torch.Tensor):
    u = torch.nn.functional.normalize(x, dim=1)

    def value(w: torch.Tensor) -> float:
        values = torch.linalg.eigvalsh(u.T @ (w[:, None] * u)).clamp_min(1e-300)
        return float((-(values * values.log()).sum()).exp())

    return value


def test_vendi_and_its_influence_by_their_definition():
    x = rows(40, 4, 3, 0.3)
    value = weighted_vendi(x)
    assert float(F.vendi_score(x)) == pytest.approx(value(torch.full((40,), 1 / 40, dtype=torch.float64)), rel=1e-9)
    found = F.vendi_influence(x)
    for i in (0, 20, 39):
        assert float(found[i]) == pytest.approx(slope(value, x, i), rel=1e-4, abs=1e-8)
    assert float(found.sum()) == pytest.approx(0, abs=1e-9)


def test_vendi_counts_different_images():
    one = torch.eye(5, dtype=torch.float64)
    assert float(F.vendi_score(one)) == pytest.approx(5) and float(
        F.vendi_score(one[:1].expand(7, 5))
    ) == pytest.approx(1)
    assert float(F.vendi_score(torch.cat([one, one]))) == pytest.approx(5)
    assert F.vendi_influence(one[:1].expand(7, 5)).abs().max() < 1e-9


# ---- density and coverage ------------------------------------------------------------------------------------------


def test_density_and_coverage_by_their_definition_with_blocks_left_out():
    x, y, k = rows(50, 3, 0, 0.1), rows(60, 3, 1), 4
    radius = torch.cdist(y, y).kthvalue(k + 1, dim=1).values
    within = torch.cdist(x, y) < radius
    density, coverage = F.density_coverage(x, y, k=k)
    assert float(density) == pytest.approx(float(within.sum()) / (k * 50))
    assert float(coverage) == pytest.approx(float(within.any(0).double().mean()))
    blocks = [i % 5 for i in range(50)]
    densities, coverages = F.density_coverage_block_replicates(x, blocks, y, k=k)
    for b in range(5):
        kept = within[[i for i in range(50) if i % 5 != b]]
        assert float(densities[b]) == pytest.approx(float(kept.sum()) / (k * 40))
        assert float(coverages[b]) == pytest.approx(float(kept.any(0).double().mean()))


def test_crowding_is_dense_and_covers_little():
    y = rows(300, 3, 0)
    crowd, spread = y[:1] + 0.01 * rows(300, 3, 5), rows(300, 3, 6)
    assert float(F.density_coverage(crowd, y)[0]) > float(F.density_coverage(spread, y)[0])
    assert float(F.density_coverage(crowd, y)[1]) < 0.1 < 0.8 < float(F.density_coverage(spread, y)[1])
