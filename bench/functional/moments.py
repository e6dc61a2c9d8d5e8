"""Mean and scatter of features in float64, and their exact merging (Chan, Golub & LeVeque 1983), so that shards add
up."""

from __future__ import annotations

from typing import NamedTuple

import torch

from bench.errors import TooFew

_ROWS = 4096


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


def moments(features: torch.Tensor) -> Moments:
    """Features (n, d) -> Moments, centred before squaring so that a large mean costs no digits."""
    total: Moments | None = None
    for start in range(0, len(features), _ROWS):
        x = features[start : start + _ROWS].double()
        mean = x.mean(0)
        centred = x - mean
        part = Moments(len(x), mean, centred.T @ centred)
        total = part if total is None else merge_moments(total, part)
    if total is None:
        raise TooFew("Moments need at least 1 row; there is none.")
    return total


def merge_moments(a: Moments, b: Moments) -> Moments:
    """Moments of the union of two disjoint sets of rows."""
    n = a.n + b.n
    step = b.mean - a.mean
    return Moments(n, a.mean + step * (b.n / n), a.scatter + b.scatter + torch.outer(step, step) * (a.n * b.n / n))
