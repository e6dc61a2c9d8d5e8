"""Comparison of two sets of features of the same images: linear CKA (Kornblith et al. 2019, arXiv 1905.00414, sec. 3),
and cosine or Euclidean similarity of single pairs."""

from __future__ import annotations

import torch

from bench.errors import UsageError
from bench.functional import checks


def linear_cka(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Aligned features (n, d), (n, e), n >= 2 -> scalar float64 in [0, 1].

    |Y'X|^2 / (|X'X| |Y'Y|) of centred columns (Frobenius norms): 1 for features equal up to rotation, scale and shift.
    Biased upwards where n is not much larger than d. A side that does not vary has no CKA: UsageError.
    """
    for name, side in (("x", x), ("y", y)):
        checks.features(side, name, least=2)
    if len(x) != len(y):
        raise UsageError(f"CKA compares features of the same images; got {len(x)} and {len(y)} rows.")
    a, b = (side.double() - side.double().mean(0) for side in (x, y))
    if min(a.shape[1], b.shape[1]) <= len(a):
        cross, own = (b.T @ a).square().sum(), (a.T @ a).norm() * (b.T @ b).norm()
    else:  # the same by the Gram matrices of rows, which are smaller
        left, right = a @ a.T, b @ b.T
        cross, own = (left * right).sum(), left.norm() * right.norm()
    if float(own) == 0:
        raise UsageError("A side of CKA does not vary over the images, so that it has no similarity.")
    return (cross / own).clamp(0, 1)


def feature_similarity(x: torch.Tensor, y: torch.Tensor, *, head: str = "cosine") -> torch.Tensor:
    """Aligned features (n, d), (n, d) -> (n,) float64: 'cosine' or 'euclidean' (minus the distance of unit vectors)."""
    from bench.functional.alignment import cosine

    if head == "cosine":
        return cosine(x, y)
    if head == "euclidean":
        return -(checks.unit(x, "x") - checks.unit(y, "y")).norm(dim=1)
    raise UsageError(f"'{head}' is no similarity; allowed: cosine, euclidean.")
