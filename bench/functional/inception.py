"""Inception Score (Salimans et al. 2016, arXiv 1606.03498): exp of the mean KL divergence of p(c|x) from p(c)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.errors import TooFew
from bench.functional import checks


def _score(p: torch.Tensor, log_p: torch.Tensor) -> torch.Tensor:
    marginal = p.mean(0)
    # xlogy takes 0 log 0 as 0: a class that never occurs adds nothing
    return ((p * log_p).sum(1).mean() - torch.xlogy(marginal, marginal).sum()).exp()


def _probabilities(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    log_p = logits.double().log_softmax(1)
    return log_p.exp(), log_p


def inception_score(logits: torch.Tensor, *, splits: int = 10, seed: int = 2020) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, c) -> (mean, std with ddof 0) over `splits` parts of a seeded permutation; between 1 and c.

    The permutation and the cuts i n // splits are torch-fidelity's. TooFew when n < splits.
    """
    checks.features(logits, "logits")
    n = len(logits)
    if n < splits:
        raise TooFew(f"{splits} splits need at least {splits} images and there are {n}; lower splits.")
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n))
    p, log_p = _probabilities(logits[order])
    cuts = [(i * n // splits, (i + 1) * n // splits) for i in range(splits)]
    found = torch.stack([_score(p[a:b], log_p[a:b]) for a, b in cuts])
    return found.mean(), found.std(correction=0)


def inception_score_block_replicates(
    logits: torch.Tensor, blocks: Sequence[int], *, splits: int = 10, seed: int = 2020
):
    """(B,) scores with the rows of each block 0..B-1 left out of their splits, which are otherwise unchanged."""
    n = len(logits)
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n))
    p, log_p = _probabilities(logits[order])
    which = torch.as_tensor(list(blocks))[order]
    cuts = [(i * n // splits, (i + 1) * n // splits) for i in range(splits)]
    return torch.stack([_without(p, log_p, which != b, cuts) for b in range(int(which.max()) + 1)])


def _without(p: torch.Tensor, log_p: torch.Tensor, kept: torch.Tensor, cuts: list[tuple[int, int]]) -> torch.Tensor:
    parts = [kept[a:b].nonzero()[:, 0] + a for a, b in cuts]
    return torch.stack([_score(p[i], log_p[i]) for i in parts if len(i)]).mean()
