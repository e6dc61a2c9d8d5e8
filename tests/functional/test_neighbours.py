"""Neighbour counts are those of exact distances, however close, far or equal the rows are."""

from __future__ import annotations

import pytest
import torch

import bench.functional as F
from bench.errors import NotFinite, TooFew, UsageError
from bench.functional import balls, distances


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def squared(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The plain truth: sums of squared differences in float64."""
    return (x.double()[:, None] - y.double()[None]).square().sum(2)


def plain(x: torch.Tensor, y: torch.Tensor, k: int) -> dict[str, float]:
    def ball(z):
        return squared(z, z).fill_diagonal_(torch.inf).sort(1).values[:, k - 1]

    apart = squared(x, y)
    strictly = apart < ball(y)
    return {
        "precision": float((apart <= ball(y)).any(1).double().mean()),
        "recall": float((apart <= ball(x)[:, None]).any(0).double().mean()),
        "density": int(strictly.sum()) / (k * len(x)),
        "coverage": float(strictly.any(0).double().mean()),
    }


def found(x: torch.Tensor, y: torch.Tensor, k: int) -> dict[str, float]:
    values = [*F.precision_recall(x, y, k=k), *F.density_coverage(x, y, k=k)]
    return dict(zip(("precision", "recall", "density", "coverage"), map(float, values), strict=True))


def clusters(n: int, seed: int) -> torch.Tensor:
    """Tight clusters far from one another and from 0: |x|^2 - 2 x.y + |y|^2 in float32 is nothing but rounding."""
    centres = 1000 * rows(4, 16, 9)
    return centres.repeat_interleave(n // 4, 0) + 0.01 * rows(n, 16, seed)


CLOUDS = {
    "spread": (rows(90, 16, 0), rows(70, 16, 1)),
    "tight clusters": (clusters(80, 2), clusters(60, 3)),
    "one point copied": (torch.cat([rows(1, 16, 4).expand(30, 16), rows(30, 16, 5)]), rows(50, 16, 4)),
    "whole numbers": ((2 * rows(90, 3, 6)).round(), (2 * rows(80, 3, 7)).round()),
    "wide": (rows(30, 3000, 0), 1.02 * rows(30, 3000, 1)),
    "the same rows": (rows(40, 8, 0), rows(40, 8, 0)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("cloud", CLOUDS)
def test_counts_are_those_of_exact_distances(cloud, k, dtype):
    x, y = (z.to(dtype) for z in CLOUDS[cloud])
    assert found(x, y, k) == pytest.approx(plain(x, y, k), abs=1e-15)


def test_blocks_of_rows_change_no_count(monkeypatch):
    x, y = CLOUDS["tight clusters"]
    whole = found(x, y, 3)
    monkeypatch.setattr(distances, "_ENTRIES", 7 * len(y))
    monkeypatch.setattr(distances, "_GATHERED", 50)
    monkeypatch.setattr(balls, "_BLOCK", 7)
    assert found(x, y, 3) == whole


@pytest.mark.parametrize("d", [64, 2048])
@pytest.mark.parametrize("kind", ["normal", "positive", "sparse", "equal"])
def test_no_distance_is_farther_off_than_said(kind, d):
    x, y = rows(150, d, 0), rows(150, d, 1)
    make = {
        "normal": lambda z: z,
        "positive": lambda z: z.abs(),
        "sparse": lambda z: z * (z > 1.5),
        "equal": lambda z: 5 + 1e-4 * z,
    }[kind]
    pair, true = distances.Distances(make(x), make(y)), squared(make(x), make(y))
    for wide in (False, True):
        found, slack = pair.estimate(torch.arange(150), wide=wide)
        off = float((found.double() - true).abs().max())
        assert off <= slack < (1e-9 if wide else 1e-3) * float(make(x).square().sum(1).max())


def test_half_precision_is_read_as_the_numbers_it_holds():
    x, y = (z.half() for z in CLOUDS["spread"])
    assert found(x, y, 3) == plain(x, y, 3)


def test_constant_features_are_covered_but_never_strictly():
    x = torch.ones(20, 4)
    assert found(x, x, 3) == {"precision": 1.0, "recall": 1.0, "density": 0.0, "coverage": 0.0}


def test_density_and_coverage_tell_quality_from_variety():
    reference = rows(300, 4, 0)
    collapsed = found(0.01 * rows(300, 4, 1), reference, 5)
    good = found(rows(300, 4, 2), reference, 5)
    scattered = found(30 * rows(300, 4, 3), reference, 5)
    assert collapsed["density"] > 1.3 and collapsed["coverage"] < 0.3
    assert 0.8 < good["density"] < 1.2 and good["coverage"] > 0.9
    assert scattered["density"] < 0.1 and scattered["coverage"] < 0.2


def test_bad_input_is_named():
    x = rows(10, 4, 0)
    bad = x.clone()
    bad[6, 1] = torch.nan
    with pytest.raises(NotFinite, match="'g6'"):
        F.precision_recall(bad, x, ids=[f"g{i}" for i in range(10)])
    with pytest.raises(TooFew, match="reference must have more than k = 3"):
        F.precision_recall(x, x[:3])
    with pytest.raises(UsageError, match="at least 1; got 0"):
        F.precision_recall(x, x, k=0)
    with pytest.raises(UsageError, match="got 4 and 3"):
        F.density_coverage(x, x[:, :3])
