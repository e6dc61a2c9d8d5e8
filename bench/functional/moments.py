"""Mean and scatter of features in float64, and their exact merging (Chan, Golub & LeVeque 1983), so that shards add
up."""

from __future__ import annotations

from typing import NamedTuple

import torch

from bench.errors import TooFew

_ROWS = 4096
_WIDE = 512
"""Columns from which a Gram matrix is made by blocks."""


class Moments(NamedTuple):
    """Sufficient statistics of the Fréchet distance."""

    n: int
    mean: torch.Tensor
    """(d,) float64."""
    scatter: torch.Tensor
    """(d, d) float64: sum of (x - mean)(x - mean)'."""

    @property
    def cov(self) -> torch.Tensor:
        """Unbiased covariance (d, d); TooFew for n < 2."""
        if self.n < 2:
            raise TooFew(f"A covariance needs at least 2 rows; there is {self.n}.")
        return self.scatter / (self.n - 1)


def gram_matrix(x: torch.Tensor) -> torch.Tensor:
    """x'x (d, d) of x (n, d): only the blocks of its upper half are multiplied, 5 / 8 of the work of a product."""
    d = x.shape[1]
    if d < _WIDE or x.is_cuda:
        return x.T @ x
    found, step = x.new_empty(d, d), -(-d // 4)
    for a in range(0, d, step):
        for b in range(a, d, step):
            block = x[:, a : a + step].T @ x[:, b : b + step]
            found[a : a + step, b : b + step] = block
            found[b : b + step, a : a + step] = block.T
    return found


def moments(features: torch.Tensor) -> Moments:
    """Features (n, d) -> Moments, centred before squaring so that a large mean costs no digits."""
    total: Moments | None = None
    for start in range(0, len(features), _ROWS):
        x = features[start : start + _ROWS].double()
        mean = x.mean(0)
        centred = x - mean
        part = Moments(len(x), mean, gram_matrix(centred))
        total = part if total is None else merge_moments(total, part)
    if total is None:
        raise TooFew("Moments need at least 1 row; there is none.")
    return total


def merge_moments(a: Moments, b: Moments) -> Moments:
    """Moments of the union of two disjoint sets of rows."""
    n = a.n + b.n
    step = b.mean - a.mean
    return Moments(n, a.mean + step * (b.n / n), a.scatter + b.scatter + torch.outer(step, step) * (a.n * b.n / n))
