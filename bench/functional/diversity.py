"""How different the images of one prompt are: mean distance between pairs of a group.

With LPIPS features (Zhang et al. 2018, arXiv 1801.03924) squared distances are LPIPS, and this is the diversity that
text-to-image and image translation papers report; with embeddings it is 1 - cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional import checks

DISTANCES = ("cosine", "squared")


def intra_group_diversity(features: torch.Tensor, groups: Sequence[Any], *, distance: str = "cosine") -> torch.Tensor:
    """Features (n, d), groups (n,) -> (n,) float64 mean distance of each row to the others of its group.

    NaN for a row that is alone. With equal groups its mean is the mean over all pairs within groups.
    """
    if distance not in DISTANCES:
        raise UsageError(f"'{distance}' is no distance of diversity; allowed: {', '.join(DISTANCES)}.")
    x = checks.features(features, "features").double()
    if len(groups) != len(x):
        raise UsageError(f"There must be a group for each row; got {len(groups)} for {len(x)}.")
    x = checks.unit(x, "features") if distance == "cosine" else x
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    found = torch.full((len(x),), torch.nan, dtype=torch.float64, device=x.device)
    for rows in np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1]):
        if len(rows) > 1:
            some = x[torch.from_numpy(rows)]
            found[torch.from_numpy(rows)] = _mean_to_others(some, distance)
    return found


def _mean_to_others(x: torch.Tensor, distance: str) -> torch.Tensor:
    """Sum over all others from sums alone: n (|x|^2) - 2 x.S + sum |y|^2 for squared, n - x.S for cosine."""
    total, n = x.sum(0), len(x)
    if distance == "cosine":
        return (n - x @ total).clamp_min(0) / (n - 1)
    centred = x - total / n  # distances do not change, rounding does
    squares = centred.square().sum(1)
    return (n * squares + squares.sum() - 2 * centred @ centred.sum(0)).clamp_min(0) / (n - 1)
