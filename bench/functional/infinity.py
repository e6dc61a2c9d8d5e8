"""FD-infinity: the Fréchet distance with its bias in the number of images taken off (Chong & Forsyth 2020, arXiv
1911.07023, section 3).

The bias of the distance is close to linear in 1/n. Distances of growing subsets of the images are fitted by a line in
1/n, whose value at 0 is the estimate. Subsets are prefixes of one seeded permutation, so that the estimate repeats.
"""

from __future__ import annotations

import numpy as np
import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks
from bench.functional.frechet import Factor, factor, frechet_distance_from_factors
from bench.functional.influence import frechet_influence


def subset_sizes(n: int, points: int = 15) -> list[int]:
    """Sizes of the subsets, ascending, the last being n: from the smaller of 5,000 and a tenth of n, as in dgm-eval."""
    if points < 2:
        raise UsageError(f"A line needs 2 points or more; got {points}.")
    first = min(5000, max(n // 10, 2))
    sizes = sorted({round(size) for size in np.linspace(first, n, points)})
    if len(sizes) < 2:
        raise TooFew(f"FD-infinity needs subsets of several sizes; {n} images are too few.")
    return [int(size) for size in sizes]


def frechet_distance_infinity(
    generated: torch.Tensor, reference: Factor, *, points: int = 15, seed: int = 2020
) -> torch.Tensor:
    """Features (n, d) against a reference's factor -> scalar float64; may be slightly negative."""
    x = checks.features(generated, "generated", least=3)
    x = x[_order(len(x), seed)]
    sizes = subset_sizes(len(x), points)
    values = torch.stack([frechet_distance_from_factors(factor(x[:size]), reference) for size in sizes])
    return (torch.from_numpy(_at_infinity(sizes)) * values.cpu()).sum()


def frechet_infinity_influence(
    generated: torch.Tensor, reference: Factor, *, points: int = 15, seed: int = 2020
) -> torch.Tensor:
    """Features (n, d), n > d -> (n,) float64 with mean 0: what each image adds to the estimate, times n.

    To first order the distance of a prefix of m images is the mean of their influences, so that an image counts once in
    each prefix that it is in, with that prefix's weight in the fitted line. TooFew for n <= d.
    """
    base = frechet_influence(generated, reference)
    n = len(base)
    sizes = subset_sizes(n, points)
    weight = np.zeros(n)
    for size, share in zip(sizes, _at_infinity(sizes), strict=True):
        weight[:size] += share / size
    place = torch.empty(n, dtype=torch.long)
    place[_order(n, seed)] = torch.arange(n)
    found = base * torch.from_numpy(n * weight)[place].to(base.device)
    return found - found.mean()


def _order(n: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).permutation(n))


def _at_infinity(sizes: list[int]) -> np.ndarray:
    """(points,) weights of the distances in the least-squares line's value at 1/n = 0; they add up to 1."""
    inverse = 1 / np.array(sizes, dtype=np.float64)
    apart = inverse - inverse.mean()
    return 1 / len(sizes) - inverse.mean() * apart / np.square(apart).sum()
