"""Nearest-neighbour manifolds: precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1-2: <= the k-th
distance, the point itself not counted) and density and coverage (Naeem et al. 2020, arXiv 2002.09797, eq. 3-5: strictly
<).

The counts are those of exact distances at the price of fast products (see balls.py). Memory is a few blocks of 2^24
entries, whatever n.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks
from bench.functional.balls import Balls, Comparison
from bench.functional.distances import Distances


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
    precise, reached = _covered(x, Balls(x, k), y, Balls(y, k))
    return precise.double().mean(), reached[0].double().mean()


def _covered(x: torch.Tensor, own: Balls, y: torch.Tensor, other: Balls) -> tuple[torch.Tensor, torch.Tensor]:
    """(n,) bool: which rows of x lie in a ball of y; (R, m) bool: which rows of y lie in a ball of x, each version."""
    pair = Distances(x, y)
    precise = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    reached = torch.zeros(len(own.kept), len(y), dtype=torch.bool, device=x.device)
    for rows in pair.blocks(torch.arange(len(x), device=x.device)):
        block = Comparison(pair, rows)
        precise[rows] = block.within(other, 0, near=False, strict=False, any_of=1).any(1)
        for version in range(len(reached)):
            reached[version] |= block.within(own, version, near=True, strict=False, any_of=0).any(0)
    return precise, reached


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
    precise, reached = _covered(x, Balls(x, k, kept), y, Balls(y, k))
    precision = (precise & kept).sum(1).double() / kept.sum(1)
    return precision, reached.double().mean(1)


def density_coverage_block_replicates(
    generated: torch.Tensor, blocks: Sequence[int] | torch.Tensor, reference: torch.Tensor, *, k: int = 5
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B,) densities and (B,) coverages with the generated rows of each block 0..B-1 left out; the balls stay."""
    x, y = _check(generated, reference, k, None)
    which, count = checks.blocks(blocks, x)
    total = torch.zeros(count, dtype=torch.float64, device=x.device)
    hits = torch.zeros((count, len(y)), dtype=torch.float64, device=x.device)
    pair, balls = Distances(x, y), Balls(y, k)
    for rows in pair.blocks(torch.arange(len(x), device=x.device)):
        within = Comparison(pair, rows).within(balls, 0, near=False, strict=True).double()
        total.index_add_(0, which[rows], within.sum(1))
        hits.index_add_(0, which[rows], within)
    kept = len(x) - torch.bincount(which, minlength=count)
    covered = (hits.sum(0) - hits > 0).double().mean(1)
    return (total.sum() - total) / (k * kept), covered


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
    pair, balls = Distances(x, y), Balls(y, k)
    for rows in pair.blocks(torch.arange(len(x), device=x.device)):
        within = Comparison(pair, rows).within(balls, 0, near=False, strict=True)
        total += within.sum()
        hit |= within.any(0)
    return total / (k * len(x)), hit.double().mean()
