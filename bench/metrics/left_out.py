"""Set metrics with each block of generated rows left out, from one pass over the rows: what jackknife intervals are
made of.

Replicates tell how much a score varies and are never printed as scores, so that near-ties are settled by float64
products of all pairs, not by exact differences. Trade-off: 10 blocks cost about as much as the score itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional import checks

_ROWS = 512
_SPARE = 16
"""Nearest neighbours kept beyond the k-th, of which some may be left out."""
_SLACK = 1e-12
"""Rounding of a squared distance, as a share of the squared lengths."""


def inception_score_left_out(
    logits: torch.Tensor, blocks: Sequence[int], *, splits: int = 10, seed: int = 2020
) -> torch.Tensor:
    """Logits (n, c) and the block 0..B-1 of each row -> (B,) scores, the splits being those of the whole set.

    Salimans et al. 2016, arXiv 1606.03498, with sums by (split, block): a split without rows left is not counted.
    """
    checks.features(logits, "logits")
    n, which = len(logits), torch.as_tensor(list(blocks))
    count = int(which.max()) + 1
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n))
    split = torch.empty(n, dtype=torch.long)
    for part in range(splits):
        split[order[part * n // splits : (part + 1) * n // splits]] = part
    log_p = logits.cpu().double().log_softmax(1)
    p = log_p.exp()
    cell = split * count + which
    rows = torch.bincount(cell, minlength=splits * count).double().reshape(splits, count)
    gain = torch.bincount(cell, (p * log_p).sum(1), splits * count).reshape(splits, count)
    mass = torch.zeros(splits * count, p.shape[1], dtype=torch.float64).index_add_(0, cell, p)
    mass = mass.reshape(splits, count, -1)
    left = rows.sum(1, keepdim=True) - rows
    marginal = (mass.sum(1, keepdim=True) - mass).clamp_min(0) / left[..., None]
    score = ((gain.sum(1, keepdim=True) - gain) / left - torch.xlogy(marginal, marginal).sum(2)).exp()
    used = left > 0
    return torch.where(used, score, 0.0).sum(0) / used.sum(0)


def precision_recall_left_out(
    generated: torch.Tensor, reference: torch.Tensor, blocks: Sequence[int], *, k: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) and the block 0..B-1 of each generated row -> precision (B,), recall (B,).

    Kynkäänniemi et al. 2019, arXiv 1904.06991; the balls of generated rows are those of the rows that remain.
    """
    which = torch.as_tensor(list(blocks), device=generated.device)
    count = int(which.max()) + 1
    centre = reference.double().mean(0)
    x, y = generated.double() - centre, reference.double() - centre
    own = _radii(y, torch.zeros(len(y), dtype=torch.long, device=y.device), 1, k, whole=True)[0]
    radius = _radii(x, which, count, k)
    covered = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    reached = torch.zeros(count, len(y), dtype=torch.bool, device=x.device)
    for start in range(0, len(y), _ROWS):
        rows = slice(start, start + _ROWS)
        distance = _squared(y[rows], x)
        covered |= (distance <= own[rows, None]).any(0)
        for b in range(count):
            reached[b, rows] = (distance <= radius[b]).any(1)
    precision = torch.stack([covered[which != b].double().mean() for b in range(count)])
    return precision, reached.double().mean(1)


def _squared(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared distances (n, m) in float64; what is rounding is 0, so that equal rows are at no distance."""
    x2, y2 = x.square().sum(1), y.square().sum(1)
    found = torch.addmm(y2[None, :] + x2[:, None], x, y.T, alpha=-2)
    return torch.where(found > _SLACK * (x2.max() + y2.max()), found, 0.0)


def _radii(x: torch.Tensor, which: torch.Tensor, count: int, k: int, *, whole: bool = False) -> torch.Tensor:
    """(B, n) squared distance of each row to its k-th nearest other row outside block b; -1 for the rows of the block
    itself, which have no ball. whole: one set, nothing left out."""
    found = torch.empty(count, len(x), dtype=torch.float64, device=x.device)
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        distance = _squared(x[rows], x)
        distance[torch.arange(len(distance)), torch.arange(start, start + len(distance))] = torch.inf
        near, at = distance.topk(min(k + _SPARE, len(x)), largest=False)
        for b in range(count):
            gone = torch.zeros_like(at, dtype=torch.bool) if whole else which[at] == b
            found[b, rows] = _kth(near.masked_fill(gone, torch.inf), k)
            short = found[b, rows].isinf().nonzero()[:, 0]
            if len(short) and not whole:  # too many of the kept neighbours are in the block: look at all
                found[b, start + short] = _kth(distance[short].masked_fill(which[None, :] == b, torch.inf), k)
    return found if whole else found.masked_fill(which[None, :] == torch.arange(count, device=x.device)[:, None], -1.0)


def _kth(distance: torch.Tensor, k: int) -> torch.Tensor:
    return distance.topk(k, largest=False).values[:, -1]
