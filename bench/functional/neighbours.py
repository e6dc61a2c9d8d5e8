"""Nearest-neighbour manifolds: precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1-2: <= the k-th
distance, the point itself not counted) and density and coverage (Naeem et al. 2020, arXiv 2002.09797, eq. 3-5: strictly
<).

The counts are those of exact distances at the price of a fast product (see distances.py). Memory is a few blocks of
2^24 entries, whatever n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks
from bench.functional.distances import Distances

_SPARE = 8
"""Neighbours kept beyond the k-th: rounding may have put the true k-th among them, and a block may take some away."""


def radii(x: torch.Tensor, k: int) -> torch.Tensor:
    """(n,) float64 squared distance of each row of x (n, d) to its k-th nearest other row."""
    return _radii(x, k, torch.ones(1, len(x), dtype=torch.bool, device=x.device))[0]


def _radii(x: torch.Tensor, k: int, kept: torch.Tensor) -> torch.Tensor:
    """(R, n) squared distance of each row to its k-th nearest other row of those in kept (R, n) bool; -inf for rows
    that are not kept themselves and so have no ball.

    A row's nearest by lower bound are measured exactly. What was not measured is at least as far as the last lower
    bound: a k-th distance beyond it is not proven, and the row goes to wider arithmetic, at last to all distances.
    """
    pair = Distances(x, x)
    found = torch.full(kept.shape, -torch.inf, dtype=torch.float64, device=x.device)
    todo = torch.arange(len(x), device=x.device)
    for wide in (False, True):
        again = [rows[_nearest(pair, rows, wide, k, kept, found)] for rows in pair.blocks(todo)]
        todo = torch.cat(again) if again else todo
    for row in todo.tolist():
        exact = pair.exact(torch.full((len(x),), row, device=x.device), torch.arange(len(x), device=x.device))
        exact[row] = torch.inf
        found[:, row] = _kth(exact.expand(len(kept), -1), kept, k)
    return found.masked_fill_(~kept, -torch.inf)


def _nearest(
    pair: Distances, rows: torch.Tensor, wide: bool, k: int, kept: torch.Tensor, found: torch.Tensor
) -> torch.Tensor:
    """Fill found[:, rows]; (b,) bool: whose k-th distance is not proven."""
    low = pair.bounds(rows, wide=wide)[0].clamp_min_(0)
    low[torch.arange(len(rows), device=rows.device), rows] = torch.inf
    size = min(k + _SPARE, low.shape[1] - 1)
    edge, at = low.topk(size, largest=False)
    exact = pair.exact(rows.repeat_interleave(size), at.flatten()).reshape(at.shape)
    radius = _kth(exact.expand(len(kept), -1, -1), kept[:, at], k)
    found[:, rows] = radius
    if size == low.shape[1] - 1:  # all were measured
        return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    return ((radius > edge[:, -1]) & kept[:, rows]).any(0)


def _kth(distance: torch.Tensor, kept: torch.Tensor, k: int) -> torch.Tensor:
    return distance.masked_fill(~kept, torch.inf).topk(k, largest=False).values[..., -1]


def _inside(
    points: torch.Tensor, centres: torch.Tensor, radius: torch.Tensor, *, strict: bool = False
) -> Iterator[tuple[torch.Tensor, int, torch.Tensor]]:
    """Blocks of points, r and (b, m) bool: which balls of radius (R, m), squared, each point lies in."""
    pair = Distances(points, centres)
    for rows in pair.blocks(torch.arange(len(points), device=points.device)):
        low, high = pair.bounds(rows)
        for r in range(len(radius)):
            yield rows, r, pair.settled(rows, low, high, radius[r], strict)


def _covered(points: torch.Tensor, centres: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """(R, n) bool: which points lie in at least one ball of radius (R, m)."""
    found = torch.zeros(len(radius), len(points), dtype=torch.bool, device=points.device)
    for rows, r, within in _inside(points, centres, radius):
        found[r, rows] = within.any(1)
    return found


def _check(
    generated: torch.Tensor, reference: torch.Tensor, k: int, ids: Sequence[str] | None
) -> tuple[torch.Tensor, torch.Tensor]:
    if k < 1:
        raise UsageError(f"k counts neighbours and must be at least 1; got {k}.")
    x, y = checks.sides(generated, reference, ids=ids)
    for rows, name in ((x, "generated"), (y, "reference")):
        if len(rows) <= k:
            raise TooFew(f"{name} must have more than k = {k} rows; it has {len(rows)}. Give more images or lower k.")
    return x, y


def precision_recall(
    generated: torch.Tensor, reference: torch.Tensor, *, k: int = 3, ids: Sequence[str] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) -> (precision, recall) in [0, 1].

    Precision: share of generated rows within the k-th-neighbour ball of some reference row. Recall: the same with the
    sides exchanged. A generator that makes one good image over and over has precision 1 and recall near 0.
    """
    x, y = _check(generated, reference, k, ids)
    precision = _covered(x, y, radii(y, k)[None]).double().mean()
    recall = _covered(y, x, radii(x, k)[None]).double().mean()
    return precision, recall


def precision_recall_block_replicates(
    generated: torch.Tensor, blocks: Sequence[int] | torch.Tensor, reference: torch.Tensor, *, k: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B,), (B,): precision and recall with the generated rows of each block 0..B-1 left out.

    Radii of the generated balls are those of the rows that remain in each replicate. One pass over the distances, which
    costs about as much as the score itself; TooFew when a replicate keeps k rows or fewer.
    """
    x, y = _check(generated, reference, k, None)
    which, count = checks.blocks(blocks, x, least=k + 1)
    kept = which[None, :] != torch.arange(count, device=x.device)[:, None]
    near = _covered(x, y, radii(y, k)[None])
    precision = (near & kept).sum(1).double() / kept.sum(1)
    return precision, _covered(y, x, _radii(x, k, kept)).double().mean(1)


def density_coverage(
    generated: torch.Tensor, reference: torch.Tensor, *, k: int = 5, ids: Sequence[str] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) -> (density >= 0, coverage in [0, 1]).

    Density: mean number of reference balls a generated row lies in, over k. Coverage: share of reference balls that
    hold a generated row. Constant features give 0 for both, since no distance is strictly below a radius of 0.
    """
    x, y = _check(generated, reference, k, ids)
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    hit = torch.zeros(len(y), dtype=torch.bool, device=x.device)
    for _, _, within in _inside(x, y, radii(y, k)[None], strict=True):
        total += within.sum()
        hit |= within.any(0)
    return total / (k * len(x)), hit.double().mean()
