"""Kernel distances: KID (Binkowski et al. 2018, arXiv 1801.01401, eq. 4: unbiased MMD^2 with (x.y/d + 1)^3) and CMMD
(Jayasumana et al. 2024, arXiv 2401.09603: 1000 x the biased MMD^2 of unit vectors with a Gaussian kernel of sigma 10).

Both are differences of large near-equal sums, so that products and sums are float64. Sums over many subsets of rows (or
over all but one block) come from one pass over all pairs, kernel block by kernel block: a subset is a column of zeros
and ones on each side, which costs little beside making the kernel. Only half of a symmetric kernel is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks

_BLOCK = 2048
Kernel = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _cubic(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(n, m) float64: (x.y/d + 1)^3."""
    base = (x.double() @ y.double().T).div_(x.shape[1]).add_(1)
    return base.square().mul_(base)


def _gauss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(n, m): exp(-|x - y|^2 / 200) of unit vectors."""
    return (x @ y.T).sub_(1).div_(100).exp_()


def _cross(kernel: Kernel, x: torch.Tensor, in_x: torch.Tensor, y: torch.Tensor, in_y: torch.Tensor) -> torch.Tensor:
    """(S,) sums of the kernel over the rows of x in_x (n, S) and of y in_y (m, S), 0 or 1; one column serves all."""
    total = x.new_zeros(max(in_x.shape[1], in_y.shape[1]), dtype=torch.float64)
    for a in range(0, len(x), _BLOCK):
        i = slice(a, a + _BLOCK)
        for b in range(0, len(y), _BLOCK):
            j = slice(b, b + _BLOCK)
            total += ((kernel(x[i], y[j]) @ in_y[j]) * in_x[i]).sum(0)
    return total


def _within(kernel: Kernel, x: torch.Tensor, inside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(S,), (S,): sums of the kernel over all ordered pairs of different rows of x inside (n, S), and over rows with
    themselves."""
    apart, itself = (x.new_zeros(inside.shape[1], dtype=torch.float64) for _ in range(2))
    for a in range(0, len(x), _BLOCK):
        i = slice(a, a + _BLOCK)
        k = kernel(x[i], x[i])
        itself += (k.diagonal()[:, None] * inside[i]).sum(0)
        apart += ((k.fill_diagonal_(0) @ inside[i]) * inside[i]).sum(0)
        for b in range(a + _BLOCK, len(x), _BLOCK):
            j = slice(b, b + _BLOCK)
            apart += 2 * ((kernel(x[i], x[j]) @ inside[j]) * inside[i]).sum(0)
    return apart, itself


def _mmd2(x: torch.Tensor, in_x: torch.Tensor, y: torch.Tensor, in_y: torch.Tensor) -> torch.Tensor:
    """(S,) unbiased MMD^2 with the cubic kernel between the rows in_x and in_y."""
    n, m = in_x.sum(0), in_y.sum(0)
    own, other = _within(_cubic, x, in_x)[0] / (n * (n - 1)), _within(_cubic, y, in_y)[0] / (m * (m - 1))
    return own + other - 2 * _cross(_cubic, x, in_x, y, in_y) / (n * m)


def _all(x: torch.Tensor) -> torch.Tensor:
    return x.new_ones((len(x), 1), dtype=torch.float64)


def kernel_distance(
    generated: torch.Tensor,
    reference: torch.Tensor,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
    ids: Sequence[str] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) -> (mean, std with ddof 0) of the unbiased MMD^2 over random subsets of both sides.

    The subsets are those of `numpy.random.RandomState(seed)`, generated side first, as in torch-fidelity, so that equal
    features give equal numbers. TooFew when a side has fewer than `subset_size` rows. May be slightly negative.
    """
    if subset_size < 2 or subsets < 1:
        raise UsageError(f"subset_size must be at least 2 and subsets at least 1; got {subset_size} and {subsets}.")
    x, y = checks.sides(generated, reference, least=2, ids=ids)
    if subset_size > (least := min(len(x), len(y))):
        raise TooFew(f"Subsets of {subset_size} need that many rows a side and there are {least}; lower subset_size.")
    drawn = _draw(len(x), len(y), subsets, subset_size, seed)
    if _one_pass_is_cheaper(len(x), len(y), x.shape[1], subsets, subset_size):
        found = _mmd2(x, _marks(drawn[0], x), y, _marks(drawn[1], y))
    else:
        parts = [(x[i], y[j]) for i, j in zip(*drawn, strict=True)]
        found = torch.cat([_mmd2(a, _all(a), b, _all(b)) for a, b in parts])
    return found.mean(), found.std(correction=0)


def _draw(n: int, m: int, subsets: int, size: int, seed: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    rng = np.random.RandomState(seed)
    pairs = [[torch.from_numpy(rng.choice(count, size, replace=False)) for count in (n, m)] for _ in range(subsets)]
    return [i for i, _ in pairs], [j for _, j in pairs]


def _marks(subsets: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """(n, S) float64 with 1 where a row is in a subset."""
    found = x.new_zeros((len(x), len(subsets)), dtype=torch.float64)
    for column, rows in enumerate(subsets):
        found[rows, column] = 1
    return found


def _one_pass_is_cheaper(n: int, m: int, d: int, subsets: int, size: int) -> bool:
    """Whether all pairs, marked by subset, take fewer products than the subsets' own pairs."""
    return (n * n / 2 + m * m / 2 + n * m) * (d + subsets) <= 3 * subsets * size * size * d


def kernel_distance_full(generated: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Unbiased MMD^2 over all pairs: the value that subsets estimate, without their noise. Never the full matrix.

    float32 features of many rows are multiplied in float32 and summed in float64: the rounding of a single kernel
    value, 1e-7 of it, is without bias and averages out over 1e7 and more pairs to below 1e-10.
    """
    x, y = checks.sides(generated, reference, least=2)
    if x.dtype == torch.float32 and not x.is_cuda and min(len(x), len(y)) >= _MANY:
        n, m = len(x), len(y)
        own, other = _sum_apart(x) / (n * (n - 1)), _sum_apart(y) / (m * (m - 1))
        return own + other - 2 * _sum(x, y) / (n * m)
    return _mmd2(x, _all(x), y, _all(y))[0]


_MANY = 4000
"""Rows a side from which single kernel values may be rounded to float32."""


def _sum(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Sum of the cubic kernel over all pairs, values in float32."""
    total = x.new_zeros((), dtype=torch.float64)
    for a in x.split(_BLOCK):
        for b in y.split(_BLOCK):
            base = (a @ b.T).div_(x.shape[1]).add_(1)
            total += base.pow_(3).sum(1).double().sum()
    return total


def _sum_apart(x: torch.Tensor) -> torch.Tensor:
    """The same over ordered pairs of different rows."""
    total, parts = x.new_zeros((), dtype=torch.float64), x.split(_BLOCK)
    for i, a in enumerate(parts):
        base = (a @ a.T).div_(x.shape[1]).add_(1).pow_(3)
        total += base.fill_diagonal_(0).sum(1).double().sum()
        for b in parts[i + 1 :]:
            total += 2 * _sum(a, b)
    return total


def kernel_block_replicates(
    generated: torch.Tensor, blocks: Sequence[int] | torch.Tensor, reference: torch.Tensor
) -> torch.Tensor:
    """(B,) all-pairs unbiased MMD^2 with the generated rows of each block 0..B-1 left out, from one pass."""
    x, y = checks.sides(generated, reference, least=2)
    which, count = checks.blocks(blocks, x, least=2)
    kept = (which[:, None] != torch.arange(count, device=x.device)).double()
    return _mmd2(x, kept, y, _all(y))


_REST = 1000 * 4 * 1e-6 / 6
"""Most that the third and higher orders of exp(s / 100), |s| <= 1, can add to CMMD: 6.7e-4."""


def cmmd_from_moments(generated: torch.Tensor, reference: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Embeddings (n, d), (m, d) -> (CMMD from means and second moments of the unit vectors, bound of its error).

    exp(-|x - y|^2 / 200) of unit vectors is exp(-.01) exp(.01 x.y), nearly a polynomial of second degree, whose MMD is
    a distance of moments: O(n d^2) work and d^2 memory instead of n^2 pairs. The error is below the bound, 6.7e-4,
    whatever the vectors.
    """
    x, y = checks.sides(generated, reference, least=2)
    x, y = checks.unit(x, "generated"), checks.unit(y, "reference")
    mean = x.mean(0) - y.mean(0)
    second = x.T @ x / len(x) - y.T @ y / len(y)
    value = 1000 * np.exp(-0.01) * (0.01 * mean.square().sum() + 0.5e-4 * second.square().sum())
    return value, _REST


def cmmd(generated: torch.Tensor, reference: torch.Tensor, *, ids: Sequence[str] | None = None) -> torch.Tensor:
    """Embeddings (n, d), (m, d), normalised here -> scalar float64, >= 0: the V-statistic, diagonal included."""
    x, y = checks.sides(generated, reference, least=2, ids=ids)
    x, y = checks.unit(x, "generated", ids), checks.unit(y, "reference")
    own, other = (sum(_within(_gauss, z, _all(z))) / len(z) ** 2 for z in (x, y))
    return 1000 * (own + other - 2 * _cross(_gauss, x, _all(x), y, _all(y)) / (len(x) * len(y)))[0].clamp_min(0)
