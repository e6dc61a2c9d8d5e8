"""Squared Euclidean distances that are fast where that is enough and exact where it matters.

|x|^2 + |y|^2 - 2 x.y of all pairs is one matrix product, but its rounding is a share of |x|^2 + |y|^2: for near
duplicates it is all noise. So every fast distance comes with bounds, and a comparison that the bounds leave open is
settled by wider arithmetic (float64) and at last by the sum of squared differences in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

_ENTRIES = 2**24
"""Entries of a block of distances."""
_GATHERED = 2**22
"""Features gathered at a time for exact distances."""
_OPEN = 0.002
"""Share of open comparisons above which a float64 product is cheaper than exact distances one by one."""


class _Cloud(NamedTuple):
    rows: torch.Tensor
    """(n, d), moved by a common vector."""
    squares: torch.Tensor
    """(n,) squared lengths."""


class Distances:
    """Distances between the rows of x (n, d) and y (m, d), both float32 or both float64."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y
        # a common shift changes no distance and makes lengths, and with them rounding, as small as may be
        self.centre = y.double().mean(0) if y.dtype == torch.float64 else y.mean(0, dtype=torch.float64)
        self._clouds: dict[torch.dtype, tuple[_Cloud, _Cloud]] = {}

    def blocks(self, rows: torch.Tensor) -> Iterator[torch.Tensor]:
        """Row numbers in parts whose distances fit the memory allowed."""
        return iter(rows.split(max(1, min(2048, _ENTRIES // len(self.y)))))

    def _pair(self, dtype: torch.dtype) -> tuple[_Cloud, _Cloud]:
        if dtype not in self._clouds:
            centre = self.centre.to(dtype)
            near, far = ((z.to(dtype) - centre) for z in (self.x, self.y))
            self._clouds[dtype] = _Cloud(near, near.square().sum(1)), _Cloud(far, far.square().sum(1))
        return self._clouds[dtype]

    def bounds(self, rows: torch.Tensor, *, wide: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, m) below and above the true squared distance."""
        near, far = self._pair(torch.float64 if wide else self.x.dtype)
        length = near.squares[rows][:, None]
        product = near.rows[rows] @ far.rows.T
        noise = rounding(near.rows)
        low = torch.add(length * (1 - noise) + far.squares * (1 - noise), product, alpha=-2)
        return low, product.mul_(-2).add_(length * (1 + noise)).add_(far.squares * (1 + noise))

    def exact(self, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        """(p,) float64 distances of the pairs (i, j) of row numbers, by differences."""
        part = max(1, _GATHERED // self.x.shape[1])
        parts = zip(i.split(part), j.split(part), strict=True)
        found = [(self.x[a].double() - self.y[b].double()).square_().sum(1) for a, b in parts]
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64, device=self.x.device)

    def settled(
        self, rows: torch.Tensor, low: torch.Tensor, high: torch.Tensor, radius: torch.Tensor, strict: bool
    ) -> torch.Tensor:
        """(b, m) bool: is the distance <= radius (m,) (strict: <)? True to exact arithmetic."""
        edge = radius.to(low.dtype)
        within = high < edge if strict else high <= edge
        i, j = ((low <= edge) & ~within).nonzero(as_tuple=True)
        if low.dtype != torch.float64 and len(i) > _OPEN * within.numel():
            return self.settled(rows, *self.bounds(rows, wide=True), radius, strict)
        exact = self.exact(rows[i], j)
        within[i, j] = exact < radius[j] if strict else exact <= radius[j]
        return within


def rounding(x: torch.Tensor) -> float:
    """How far a fast squared distance may be off, as a share of the sum of the two squared lengths.

    Several times what was measured for d from 64 to 8192 (normal, positive, sparse and nearly equal rows). A GPU that
    multiplies in TF32 or bfloat16 keeps fewer digits.
    """
    d = x.shape[1]
    if x.dtype == torch.float64:
        return (32 + d / 16) * torch.finfo(torch.float64).eps
    exact = not x.is_cuda or torch.get_float32_matmul_precision() == "highest"
    return (16 + d / 64) * torch.finfo(torch.float32).eps if exact else 0.02
