"""Kernel distances: KID (Binkowski et al. 2018, arXiv 1801.01401, eq. 4: unbiased MMD^2 with (x.y/d + 1)^3) and CMMD
(Jayasumana et al. 2024, arXiv 2401.09603: 1000 x the biased MMD^2 of unit vectors with a Gaussian kernel of sigma 10).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks

_BLOCK = 2048


def _kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Cubic kernel (n, m): product in the features' own precision, cubed and summed in float64."""
    return (x @ y.T).double().div_(x.shape[1]).add_(1).pow_(3)


def kernel_distance(
    generated: torch.Tensor, reference: torch.Tensor, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) -> (mean, std with ddof 0) of the unbiased MMD^2 over random subsets of both sides.

    The subsets are those of `numpy.random.RandomState(seed)`, generated side first, as in torch-fidelity, so that equal
    features give equal numbers. TooFew when a side has fewer than `subset_size` rows. May be slightly negative.
    """
    _check(generated, reference)
    least = min(len(generated), len(reference))
    if subset_size > least:
        raise TooFew(f"Subsets of {subset_size} need that many rows a side and there are {least}; lower subset_size.")
    if subset_size < 2 or subsets < 1:
        raise UsageError(f"subset_size must be at least 2 and subsets at least 1; got {subset_size} and {subsets}.")
    rng = np.random.RandomState(seed)
    whole = (
        _grams(generated, reference) if _cheaper_whole(len(generated), len(reference), subsets, subset_size) else None
    )
    values = []
    for _ in range(subsets):
        i = torch.from_numpy(rng.choice(len(generated), subset_size, replace=False))
        j = torch.from_numpy(rng.choice(len(reference), subset_size, replace=False))
        values.append(_subset(generated, reference, whole, i, j))
    found = torch.stack(values)
    return found.mean(), found.std(correction=0)


def _cheaper_whole(n: int, m: int, subsets: int, size: int) -> bool:
    """Whether all pairs cost less than the subsets' pairs (and fit in 2 GB)."""
    pairs = n * n + m * m + n * m
    return pairs <= 3 * subsets * size * size and pairs <= 250_000_000


def _grams(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return _kernel(x, x), _kernel(y, y), _kernel(x, y)


def _subset(
    x: torch.Tensor, y: torch.Tensor, whole: tuple[torch.Tensor, ...] | None, i: torch.Tensor, j: torch.Tensor
) -> torch.Tensor:
    if whole is None:
        return _mmd2(*_grams(x[i], y[j]))
    kxx, kyy, kxy = whole
    return _mmd2(kxx[i][:, i], kyy[j][:, j], kxy[i][:, j])


def _mmd2(kxx: torch.Tensor, kyy: torch.Tensor, kxy: torch.Tensor) -> torch.Tensor:
    n, m = kxy.shape
    within_x = (kxx.sum() - kxx.trace()) / (n * (n - 1))
    within_y = (kyy.sum() - kyy.trace()) / (m * (m - 1))
    return within_x + within_y - 2 * kxy.mean()


def _check(generated: torch.Tensor, reference: torch.Tensor) -> None:
    checks.features(generated, "generated", least=2)
    checks.features(reference, "reference", least=2)
    checks.same_width(generated, reference)


def _block_sums(
    x: torch.Tensor, y: torch.Tensor, row_block: torch.Tensor, blocks: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sums of the kernel: within x by block pair (B, B) and on its diagonal (B,), x against y by block (B,), within
    y."""
    pairs = x.new_zeros((blocks, blocks), dtype=torch.float64)
    diagonal, cross = (x.new_zeros(blocks, dtype=torch.float64) for _ in range(2))
    mark = torch.nn.functional.one_hot(row_block, blocks).double()
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        pairs += mark[rows].T @ (_kernel(x[rows], x) @ mark)
        cross += mark[rows].T @ _kernel(x[rows], y).sum(1)
        own = (x[rows] * x[rows]).sum(1).double().div(x.shape[1]).add(1).pow(3)
        diagonal += mark[rows].T @ own
    within_y = x.new_zeros((), dtype=torch.float64)
    for start in range(0, len(y), _BLOCK):
        k = _kernel(y[start : start + _BLOCK], y)
        within_y += k.sum() - k.diagonal(start).sum()
    return pairs, diagonal, cross, within_y


def kernel_distance_full(generated: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Unbiased MMD^2 over all pairs: the value that subsets estimate, without their noise. Never the full matrix."""
    _check(generated, reference)
    one = torch.zeros(len(generated), dtype=torch.long, device=generated.device)
    pairs, diagonal, cross, within_y = _block_sums(generated, reference, one, 1)
    n, m = len(generated), len(reference)
    return (pairs.sum() - diagonal.sum()) / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * cross.sum() / (n * m)


def kernel_block_replicates(generated: torch.Tensor, blocks: Sequence[int], reference: torch.Tensor) -> torch.Tensor:
    """(B,) all-pairs unbiased MMD^2 with the generated rows of each block 0..B-1 left out, from one pass."""
    _check(generated, reference)
    which = torch.as_tensor(list(blocks), device=generated.device)
    count = int(which.max()) + 1
    pairs, diagonal, cross, within_y = _block_sums(generated, reference, which, count)
    m, sizes = len(reference), torch.bincount(which, minlength=count).double()
    left = len(generated) - sizes
    inside = pairs.sum() - pairs.sum(0) - pairs.sum(1) + pairs.diagonal() - (diagonal.sum() - diagonal)
    return inside / (left * (left - 1)) + within_y / (m * (m - 1)) - 2 * (cross.sum() - cross) / (left * m)


def cmmd(generated: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Embeddings (n, d), (m, d), normalised here -> scalar float64, >= 0: the V-statistic, diagonal included."""
    _check(generated, reference)
    x, y = checks.unit(generated, "generated"), checks.unit(reference, "reference")
    return 1000 * (_gauss_mean(x, x) + _gauss_mean(y, y) - 2 * _gauss_mean(x, y)).clamp_min(0)


def _gauss_mean(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean of exp(-|x - y|^2 / 200) over all pairs of unit vectors."""
    total = x.new_zeros(())
    for start in range(0, len(x), _BLOCK):
        total += ((x[start : start + _BLOCK] @ y.T - 1) / 100).exp().sum()
    return total / (len(x) * len(y))
