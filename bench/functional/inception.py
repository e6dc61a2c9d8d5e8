"""Inception Score (Salimans et al. 2016, arXiv 1606.03498): exp of the mean KL divergence of p(c|x) from p(c).

All it needs of a set of rows is their number, the sum of p and the sum of p log p. These are summed by (split, block),
so that memory does not grow with n, and leaving out a block is a subtraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks

_ROWS = 4096


class _Sums(NamedTuple):
    n: torch.Tensor
    """(s, b) rows."""
    gain: torch.Tensor
    """(s, b) sums of p log p."""
    mass: torch.Tensor
    """(s, b, c) sums of p."""


def _split_of(n: int, splits: int, seed: int) -> torch.Tensor:
    """(n,) split of each row: the permutation and the cuts i n // splits are torch-fidelity's."""
    if splits < 1:
        raise UsageError(f"splits must be at least 1; got {splits}.")
    if n < splits:
        raise TooFew(f"{splits} splits need at least {splits} images and there are {n}; lower splits.")
    order = np.random.RandomState(seed).permutation(n)
    found = torch.empty(n, dtype=torch.long)
    for part in range(splits):
        found[order[part * n // splits : (part + 1) * n // splits]] = part
    return found


def _sums(logits: torch.Tensor, split: torch.Tensor, splits: int, block: torch.Tensor, blocks: int) -> _Sums:
    cell = split.to(logits.device) * blocks + block
    cells = splits * blocks
    n = torch.bincount(cell, minlength=cells).double()
    gain, mass = n.new_zeros(cells), n.new_zeros(cells, logits.shape[1])
    for start in range(0, len(logits), _ROWS):
        log_p = logits[start : start + _ROWS].double().log_softmax(1)
        p = log_p.exp()
        # a product with marks and not an indexed sum, whose order a GPU does not keep
        mark = torch.nn.functional.one_hot(cell[start : start + _ROWS], cells).double().T
        gain += mark @ torch.where(p > 0, p * log_p, 0.0).sum(1)
        mass += mark @ p
    return _Sums(n.reshape(splits, blocks), gain.reshape(splits, blocks), mass.reshape(splits, blocks, -1))


def _scores(n: torch.Tensor, gain: torch.Tensor, mass: torch.Tensor) -> torch.Tensor:
    """(...) scores of sums (...), (...), (..., c). xlogy takes 0 log 0 as 0: a class that never occurs adds nothing."""
    marginal = mass.clamp_min(0) / n[..., None]
    return (gain / n - torch.xlogy(marginal, marginal).sum(-1)).exp()


def inception_score(
    logits: torch.Tensor, *, splits: int = 10, seed: int = 2020, ids: Sequence[str] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, c) -> (mean, std with ddof 0) over `splits` parts of a seeded permutation; between 1 and c.

    TooFew when n < splits.
    """
    x = checks.features(logits, "logits", ids=ids)
    one = torch.zeros(len(x), dtype=torch.long, device=x.device)
    sums = _sums(x, _split_of(len(x), splits, seed), splits, one, 1)
    found = _scores(*sums)[:, 0]
    return found.mean(), found.std(correction=0)


def inception_score_block_replicates(
    logits: torch.Tensor, blocks: Sequence[int] | torch.Tensor, *, splits: int = 10, seed: int = 2020
) -> torch.Tensor:
    """(B,) scores with the rows of each block 0..B-1 left out of their splits, which are otherwise unchanged.

    A split that keeps no row is not counted.
    """
    x = checks.features(logits, "logits")
    which, count = checks.blocks(blocks, x)
    sums = _sums(x, _split_of(len(x), splits, seed), splits, which, count)
    n, gain, mass = (s.sum(1, keepdim=True) - s for s in sums)
    scores = torch.where(n > 0, _scores(n.clamp_min(1), gain, mass), 0.0)
    return scores.sum(0) / (n > 0).sum(0)


def inception_score_influence(logits: torch.Tensor, *, splits: int = 10, seed: int = 2020) -> torch.Tensor:
    """Logits (n, c) -> (n,) float64 influence of each row on the mean over splits, with mean 0 in each split.

    In a split with score s the derivative of exp(mean KL) is s (KL(p_i | p) - log s): moving weight to a row changes
    the marginal too, whose part cancels but for this.
    """
    x = checks.features(logits, "logits")
    split = _split_of(len(x), splits, seed).to(x.device)
    one = torch.zeros(len(x), dtype=torch.long, device=x.device)
    n, gain, mass = (s[:, 0] for s in _sums(x, split, splits, one, 1))
    score, log_marginal = _scores(n, gain, mass), (mass / n[:, None]).log()
    found = x.new_empty(len(x), dtype=torch.float64)
    for rows in torch.arange(len(x), device=x.device).split(_ROWS):
        log_p = x[rows].double().log_softmax(1)
        p = log_p.exp()
        divergence = torch.where(p > 0, p * (log_p - log_marginal[split[rows]]), 0.0).sum(1)
        found[rows] = score[split[rows]] * (divergence - score[split[rows]].log()) * len(x) / (splits * n[split[rows]])
    return found
