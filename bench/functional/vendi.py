"""Vendi Score (Friedman & Dieng 2022, arXiv 2210.02410; order q: Pasarkar & Dieng 2023, arXiv 2310.12952)."""

from __future__ import annotations

import math

import torch

from bench.errors import UsageError
from bench.functional import checks


def vendi_score(features: torch.Tensor, *, q: float = 1) -> torch.Tensor:
    """Features (n, d), normalised here -> exp of the Rényi entropy of order q of the cosine kernel's eigenvalues / n.

    Between 1 (all alike) and min(n, d): the effective number of different images. q may be math.inf.
    """
    if q < 0:
        raise UsageError(f"The order q must be 0 or more; got {q}.")
    x = checks.unit(checks.features(features, "features"), "features")
    gram = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    values = (torch.linalg.eigvalsh(gram) / len(x)).clamp_min(0)
    values = values[values > len(values) * torch.finfo(torch.float64).eps]
    if q == 1:
        return (-torch.xlogy(values, values).sum()).exp()
    if math.isinf(q):
        return 1 / values.max()
    return values.pow(q).sum().pow(1 / (1 - q))
