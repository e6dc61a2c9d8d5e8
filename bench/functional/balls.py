"""Balls around each row of a set, as wide as its k-th nearest other row is far; which points lie in them is decided as
exact distances would.

Radii are known between two bounds from one fast pass over the distances, and exactly only where a comparison hangs on
it, which for features of images is about one in ten thousand.
"""

from __future__ import annotations

import torch

from bench.functional.distances import Distances

_SPARE = 8
"""Neighbours kept beyond the k-th: rounding may have put the true k-th among them, and a block may take some away."""
_BLOCK = 2048
"""Rows a side of the blocks in which a set's own distances are made."""
_OPEN = 0.002
"""Share of open comparisons above which wider arithmetic is cheaper than exact distances one by one."""


class Balls:
    """Squared radii of the balls of x (n, d), in R versions: in version r only the rows kept[r] exist.

    kept: (R, n) bool. Rows that are not kept have no ball: radius -inf.
    """

    def __init__(self, x: torch.Tensor, k: int, kept: torch.Tensor | None = None) -> None:
        self.k, self.pair = k, Distances(x, x)
        self.kept = torch.ones(1, len(x), dtype=torch.bool, device=x.device) if kept is None else kept
        self.low, self.high = self._bounds(x)
        self._exact = torch.full(self.kept.shape, torch.nan, dtype=torch.float64, device=x.device)
        for radius in (self.low, self.high, self._exact):
            radius.masked_fill_(~self.kept, -torch.inf)

    def _bounds(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(R, n), (R, n) below and above the true radii, from estimates made once for each pair of rows."""
        n = len(x)
        near = x.new_full((n, min(self.k + _SPARE, n - 1)), torch.inf)
        at, most = torch.zeros(near.shape, dtype=torch.long, device=near.device), 0.0
        parts = torch.arange(n, device=near.device).split(_BLOCK)
        for i, rows in enumerate(parts):
            for columns in parts[i:]:
                found, slack = self.pair.estimate(rows, columns)
                most = max(most, slack)
                if columns is rows:
                    found.fill_diagonal_(torch.inf)
                else:
                    _merge(near, at, columns, found.T.contiguous(), rows)
                _merge(near, at, rows, found, columns)
        radius = _kth(near.expand(len(self.kept), -1, -1), self.kept[:, at], self.k)
        for row in (radius.isinf() & self.kept).any(0).nonzero()[:, 0].tolist():  # too few of its nearest are kept
            found, slack = self._others(torch.tensor([row], device=near.device))
            radius[:, row], most = _kth(found.expand(len(self.kept), -1), self.kept, self.k), max(most, slack)
        return radius - most, radius + most

    def _others(self, rows: torch.Tensor, *, wide: bool = False) -> tuple[torch.Tensor, float]:
        found, slack = self.pair.estimate(rows, wide=wide)
        found[torch.arange(len(rows), device=rows.device), rows] = torch.inf
        return found, slack

    def exact(self, at: torch.Tensor) -> torch.Tensor:
        """(R, len(at)) float64 radii of these rows.

        A row's nearest by estimate are measured. What was not measured may be closer by the slack than the last
        estimate: a k-th distance beyond that is not proven, and the row goes to wider arithmetic, at last to all
        distances.
        """
        todo = at.unique()
        todo = todo[self._exact[:, todo].isnan().any(0)]
        for wide in (False, True):
            again = [rows[self._measure(rows, wide)] for rows in self.pair.blocks(todo)]
            todo = torch.cat(again) if again else todo
        every = torch.arange(self.kept.shape[1], device=at.device)
        for row in todo.tolist():
            found = self.pair.exact(torch.full_like(every, row), every)
            found[row] = torch.inf
            self._keep(every[row, None], _kth(found.expand(len(self.kept), -1), self.kept, self.k)[:, None])
        return self._exact[:, at]

    def _measure(self, rows: torch.Tensor, wide: bool) -> torch.Tensor:
        """(b,) bool: whose k-th distance is not proven; the others are kept."""
        found, slack = self._others(rows, wide=wide)
        size = min(self.k + _SPARE, found.shape[1] - 1)
        near, at = found.topk(size, largest=False)
        measured = self.pair.exact(rows.repeat_interleave(size), at.flatten()).reshape(at.shape)
        radius = _kth(measured.expand(len(self.kept), -1, -1), self.kept[:, at], self.k)
        self._keep(rows, radius)
        if size == found.shape[1] - 1:  # all were measured
            return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
        return ((radius > near[:, -1].double() - slack) & self.kept[:, rows]).any(0)

    def _keep(self, rows: torch.Tensor, radius: torch.Tensor) -> None:
        self._exact[:, rows] = radius.masked_fill(~self.kept[:, rows], -torch.inf)


def _merge(
    near: torch.Tensor, at: torch.Tensor, rows: torch.Tensor, found: torch.Tensor, columns: torch.Tensor
) -> None:
    """Bring the smallest of found (b, c) into the nearest known of these rows."""
    size = near.shape[1]
    values, places = found.topk(min(size, found.shape[1]), largest=False)
    values, places = torch.cat([near[rows], values], 1), torch.cat([at[rows], columns[places]], 1)
    near[rows], order = values.topk(size, largest=False)
    at[rows] = places.gather(1, order)


def _kth(distance: torch.Tensor, kept: torch.Tensor, k: int) -> torch.Tensor:
    return distance.masked_fill(~kept, torch.inf).topk(k, largest=False).values[..., -1]


class Comparison:
    """A block of distances between rows of two sets, to be compared with the radii of balls around either."""

    def __init__(self, pair: Distances, rows: torch.Tensor, *, wide: bool = False) -> None:
        self.pair, self.rows, self.wide = pair, rows, wide
        self.found, self.slack = pair.estimate(rows, wide=wide)

    def within(
        self, balls: Balls, version: int, *, near: bool, strict: bool, any_of: int | None = None
    ) -> torch.Tensor:
        """(b, m) bool: is the distance <= the ball's radius (strict: <)?

        near: the balls are those of the rows of the block, and otherwise those of the columns. any_of: only whether any
        is True along this axis matters, so that what another entry decides may stay False.
        """
        low, high = self._radii(balls, version, near)
        found = self.found < _along(low - self.slack, near)
        left = (self.found <= _along(high + self.slack, near)) & ~found
        if any_of is not None:
            left &= ~found.any(any_of, keepdim=True)
        i, j = left.nonzero(as_tuple=True)
        if not self.wide and len(i) > _OPEN * found.numel():
            wide = Comparison(self.pair, self.rows, wide=True)
            return wide.within(balls, version, near=near, strict=strict, any_of=any_of)
        radius, distance = balls.exact(self.rows[i] if near else j)[version], self.pair.exact(self.rows[i], j)
        found[i, j] = distance < radius if strict else distance <= radius
        return found

    def _radii(self, balls: Balls, version: int, near: bool) -> tuple[torch.Tensor, torch.Tensor]:
        every = torch.arange(self.found.shape[1], device=self.rows.device)
        at = self.rows if near else every
        if self.wide:
            radius = balls.exact(at)[version]
            return radius, radius
        return balls.low[version, at], balls.high[version, at]


def _along(radius: torch.Tensor, near: bool) -> torch.Tensor:
    return radius[:, None] if near else radius[None, :]
