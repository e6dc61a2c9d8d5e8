"""Squared Euclidean distances that are fast where that is enough and exact where it matters.

|x|^2 + |y|^2 - 2 x.y of all pairs is one matrix product, but its rounding is a share of |x|^2 + |y|^2: for near
duplicates it is all noise. So every fast distance comes with the most that it may be off, and a comparison that this
leaves open is settled by wider arithmetic (float64) or by the sum of squared differences in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

_ENTRIES = 2**24
"""Entries of a block of distances."""
_GATHERED = 2**22
"""Features gathered at a time for exact distances."""


class _Cloud(NamedTuple):
    near: torch.Tensor
    """(n, d + 2): -2 x moved by a common vector, |x|^2, 1."""
    near2: torch.Tensor
    """(n,) squared lengths."""
    far: torch.Tensor
    """(m, d + 2): y moved likewise, 1, |y|^2: the product of a row of each is their squared distance."""
    far2: torch.Tensor


class Distances:
    """Distances between the rows of x (n, d) and y (m, d), both float32 or both float64."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y
        # a common shift changes no distance and makes lengths, and with them rounding, as small as may be
        self.centre = y.mean(0, dtype=torch.float64)
        self._clouds: dict[torch.dtype, _Cloud] = {}

    def blocks(self, rows: torch.Tensor) -> Iterator[torch.Tensor]:
        """Row numbers in parts whose distances fit the memory allowed."""
        if len(rows):
            yield from rows.split(max(1, min(2048, _ENTRIES // len(self.y))))

    def _cloud(self, dtype: torch.dtype) -> _Cloud:
        if dtype not in self._clouds:
            near, near2 = self._moved(self.x, dtype)
            far, far2 = (near, near2) if self.x is self.y else self._moved(self.y, dtype)
            one, other = torch.ones_like(near2), torch.ones_like(far2)
            self._clouds[dtype] = _Cloud(
                torch.cat([near * -2, near2[:, None], one[:, None]], 1), near2,
                torch.cat([far, other[:, None], far2[:, None]], 1), far2,
            )  # fmt: skip
        return self._clouds[dtype]

    def _moved(self, x: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        moved = x.to(dtype) - self.centre.to(dtype)
        return moved, torch.linalg.vector_norm(moved, dim=1).square_()

    def estimate(
        self, rows: torch.Tensor, columns: torch.Tensor | None = None, *, wide: bool = False
    ) -> tuple[torch.Tensor, float]:
        """(b, m) squared distances of these rows of x to all rows of y (or these), and the most that any of them is
        off."""
        cloud = self._cloud(torch.float64 if wide else self.x.dtype)
        near, near2 = _taken(cloud.near, rows), _taken(cloud.near2, rows)
        far, far2 = cloud.far, cloud.far2
        if columns is not None:
            far, far2 = _taken(far, columns), _taken(far2, columns)
        return near @ far.T, rounding(cloud.near) * float(near2.max() + far2.max())

    def exact(self, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        """(p,) float64 distances of the pairs (i, j) of row numbers, by differences."""
        part = max(1, _GATHERED // self.x.shape[1])
        parts = zip(i.split(part), j.split(part), strict=True)
        found = [(self.x[a].double() - self.y[b].double()).square_().sum(1) for a, b in parts]
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64, device=self.x.device)


def _taken(x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """x[rows], without a copy where the rows follow each other."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows) and bool((rows[1:] - rows[:-1] == 1).all()):
        return x[first : last + 1]
    return x[rows]


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
