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
_COLUMNS = 4096
"""Rows of y that are moved at a time in wide arithmetic."""
_GATHERED = 2**22
"""Features gathered at a time for exact distances."""


class _Side(NamedTuple):
    rows: torch.Tensor
    """(b, d + 2): as left factor -2 x, |x|^2, 1, as right one y, 1, |y|^2, both moved by a common vector."""
    squares: torch.Tensor
    """(b,) squared lengths."""


class Distances:
    """Distances between the rows of x (n, d) and y (m, d), both float32 or both float64.

    The product of a left and a right factor is a block of squared distances. Of y one moved copy is kept, once all of
    its rows are asked for; blocks of rows are moved as they are needed.
    """

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y
        # a common shift changes no distance and makes lengths, and with them rounding, as small as may be
        self.centre = y.mean(0, dtype=torch.float64)
        self._whole: _Side | None = None
        self._last: tuple[torch.Tensor, _Side] | None = None

    def blocks(self, rows: torch.Tensor) -> Iterator[torch.Tensor]:
        """Row numbers in parts whose distances fit the memory allowed."""
        if len(rows):
            yield from rows.split(max(1, min(2048, _ENTRIES // len(self.y))))

    def _left(self, rows: torch.Tensor, dtype: torch.dtype) -> _Side:
        """The factor of these rows of x; the last one is kept, for one block of rows meets many blocks of columns."""
        if self._last is not None and self._last[0] is rows and self._last[1].rows.dtype == dtype:
            return self._last[1]
        moved, squares = self._moved(_taken(self.x, rows), dtype)
        found = _Side(torch.cat([moved.mul_(-2), squares[:, None], torch.ones_like(squares)[:, None]], 1), squares)
        self._last = rows, found
        return found

    def _right(self, y: torch.Tensor, dtype: torch.dtype) -> _Side:
        moved, squares = self._moved(y, dtype)
        return _Side(torch.cat([moved, torch.ones_like(squares)[:, None], squares[:, None]], 1), squares)

    def _moved(self, x: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        moved = x.to(dtype) - self.centre.to(dtype)
        return moved, torch.linalg.vector_norm(moved, dim=1).square_()

    def estimate(
        self, rows: torch.Tensor, columns: torch.Tensor | None = None, *, wide: bool = False
    ) -> tuple[torch.Tensor, float]:
        """(b, m) squared distances of these rows of x to all rows of y (or these), and the most that any of them is
        off."""
        dtype = torch.float64 if wide else self.x.dtype
        near = self._left(rows, dtype)
        if columns is not None:
            parts = [self._right(_taken(self.y, columns), dtype)]
        elif wide:  # seldom, and twice as large: in parts that are not kept
            parts = [self._right(part, dtype) for part in self.y.split(_COLUMNS)]
        else:
            self._whole = self._right(self.y, dtype) if self._whole is None else self._whole
            parts = [self._whole]
        found = [near.rows @ part.rows.T for part in parts]
        slack = rounding(near.rows) * float(near.squares.max() + max(part.squares.max() for part in parts))
        return found[0] if len(found) == 1 else torch.cat(found, 1), slack

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
