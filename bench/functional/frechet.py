"""Fréchet distance between Gaussians (Dowson & Landau 1982; as FID: Heusel et al. 2017, arXiv 1706.08500, eq. 6).

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr sqrt(S1 S2)

The last trace is the sum of the singular values of A1 A2' where A'A = S (A is a Cholesky factor, or the centred
features over sqrt(n - 1) when n <= d). Nothing is squared that need not be, no square root of a matrix is taken and no
eps is added, which makes this both faster and more exact than eigenvalues of S1 S2 (which lose half the digits when S
is rank deficient).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from bench.errors import UsageError
from bench.functional import checks
from bench.functional.moments import Moments, gram_matrix, moments

_EPS = torch.finfo(torch.float64).eps


class Factor(NamedTuple):
    """One side of the distance, ready to be used many times."""

    n: int
    mean: torch.Tensor
    """(d,) float64."""
    rows: torch.Tensor
    """(r, d) float64 with rows' rows = covariance."""
    trace: torch.Tensor
    """Trace of the covariance."""


def factor(features: torch.Tensor) -> Factor:
    """Features (n, d), n >= 2 -> Factor."""
    n, d = features.shape
    if n <= d:
        x = features.double()
        mean = x.mean(0)
        rows = (x - mean) / (n - 1) ** 0.5
        return Factor(n, mean, rows, rows.square().sum())
    return factor_from_moments(moments(features))


def factor_from_moments(m: Moments) -> Factor:
    """Moments -> Factor, by Cholesky where the covariance is well conditioned, else by its eigenvectors of full
    rank."""
    return _factor(m.n, m.mean, m.cov)


def _factor(n: int, mean: torch.Tensor, cov: torch.Tensor) -> Factor:
    lower, failed = torch.linalg.cholesky_ex(cov)
    pivots = lower.diagonal().abs()
    # a pivot near sqrt(d eps) of the largest is rounding, not variance: Cholesky would turn noise into a direction
    if int(failed) == 0 and float(pivots.min()) > (len(cov) * _EPS) ** 0.5 * float(pivots.max()):
        return Factor(n, mean, lower.T.contiguous(), cov.trace())
    values, vectors = torch.linalg.eigh(cov)
    kept = values > len(cov) * _EPS * values.abs().max()
    rows = (vectors[:, kept] * values[kept].sqrt()).T.contiguous()
    return Factor(n, mean, rows, cov.trace())


def nuclear_norm(m: torch.Tensor) -> torch.Tensor:
    """Sum of the singular values of m (a, b), float64.

    The square roots of the eigenvalues of the smaller Gram matrix are several times faster than singular values and as
    good where none is near zero: they are taken when their error bound is below 1e-10 of the result.
    """
    if 0 in m.shape:  # one side does not vary at all
        return m.new_zeros(())
    gram = gram_matrix(m.T if m.shape[0] <= m.shape[1] else m)
    values = torch.linalg.eigvalsh(gram).clamp_min(0)
    roots = values.sqrt()
    noise = _EPS * values[-1] * len(values) ** 0.5
    bound = torch.minimum(noise / roots.clamp_min(1e-300), noise.sqrt()).sum()
    if bool(bound <= 1e-10 * roots.sum()):
        return roots.sum()
    return torch.linalg.svdvals(m).sum()


def _same_dimensions(generated: int, reference: int) -> None:
    if generated != reference:
        raise UsageError(
            f"Both sides need equally many features; got {generated} and {reference}: make both with one extractor."
        )


def frechet_distance_from_factors(a: Factor, b: Factor) -> torch.Tensor:
    """Scalar float64, never negative: rounding below zero is cut off."""
    _same_dimensions(len(a.mean), len(b.mean))
    distance = (a.mean - b.mean).square().sum() + a.trace + b.trace - 2 * nuclear_norm(a.rows @ b.rows.T)
    return distance.clamp_min(0)


def frechet_distance(generated: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Features (n, d), (m, d), n and m >= 2 -> scalar float64. NaN: NotFinite; n < 2: TooFew."""
    checks.features(generated, "generated", least=2)
    checks.features(reference, "reference", least=2)
    checks.same_width(generated, reference)
    return frechet_distance_from_factors(factor(generated), factor(reference))


def frechet_distance_from_moments(
    mean_g: torch.Tensor, cov_g: torch.Tensor, mean_r: torch.Tensor, cov_r: torch.Tensor
) -> torch.Tensor:
    """Means (d,) and covariances (d, d) -> scalar float64."""
    sides = []
    for name, mean, cov in (("generated", mean_g, cov_g), ("reference", mean_r, cov_r)):
        if cov.shape != (len(mean), len(mean)):
            raise UsageError(f"The {name} covariance must be ({len(mean)}, {len(mean)}); got {tuple(cov.shape)}.")
        checks.finite(cov, f"The {name} covariance")
        checks.finite(mean, f"The {name} mean")
        sides.append(_factor(0, mean.double(), (cov.double() + cov.double().T) / 2))
    return frechet_distance_from_factors(*sides)


def frechet_block_replicates(
    generated: torch.Tensor, blocks: Sequence[int] | torch.Tensor, reference: Factor
) -> torch.Tensor:
    """(B,) distances with the generated rows (n, d) of each block 0..B-1 left out; TooFew when one keeps fewer than 2.

    With P = X A2', every replicate needs only the singular values of the centred rows of P that remain; they come from
    a Gram matrix of P less the block's part. The singular values near zero are good to 1e-8 of the largest, far below
    the spread that replicates are for.
    """
    x = checks.features(generated, "generated", least=2).double()
    which, count = checks.blocks(blocks, x, least=2)
    _same_dimensions(x.shape[1], len(reference.mean))
    projected = x @ reference.rows.T
    squares = x.square().sum(1)
    whole = projected.T @ projected if len(x) > projected.shape[1] else None
    return torch.stack([_without(x, projected, squares, whole, which == b, reference) for b in range(count)])


def _without(
    x: torch.Tensor,
    projected: torch.Tensor,
    squares: torch.Tensor,
    whole: torch.Tensor | None,
    out: torch.Tensor,
    reference: Factor,
) -> torch.Tensor:
    kept = ~out
    n = int(kept.sum())
    mean = x[kept].mean(0)
    trace = (squares[kept].sum() - n * mean.square().sum()) / (n - 1)
    centre = projected[kept].mean(0)
    if whole is not None:
        gone = projected[out]
        gram = whole - gone.T @ gone - n * torch.outer(centre, centre)
    else:
        rows = projected[kept] - centre
        gram = rows @ rows.T
    roots = torch.linalg.eigvalsh(gram / (n - 1)).clamp_min(0).sqrt().sum()
    distance = (mean - reference.mean).square().sum() + trace + reference.trace - 2 * roots
    return distance.clamp_min(0)


def frechet_joint_distance(
    gen_img: torch.Tensor, gen_txt: torch.Tensor, ref_img: torch.Tensor, ref_txt: torch.Tensor
) -> torch.Tensor:
    """Fréchet distance of image and text features side by side (DeVries et al. 2019, arXiv 1907.08175, eq. 2).

    The text part is scaled so that both parts have equal mean length on the reference. Features (n, d), (n, e), (m, d),
    (m, e).
    """
    for name, x in (("gen_img", gen_img), ("gen_txt", gen_txt), ("ref_img", ref_img), ("ref_txt", ref_txt)):
        checks.features(x, name, least=2)
    for a, b in ((gen_img, gen_txt), (ref_img, ref_txt)):
        if len(a) != len(b):
            raise UsageError(f"Image and text features must be paired; got {len(a)} and {len(b)} rows.")
    text_length = ref_txt.double().norm(dim=1).mean()
    if float(text_length) == 0:
        raise UsageError("All reference texts have zero features, so their scale is undefined.")
    alpha = ref_img.double().norm(dim=1).mean() / text_length
    joined = [torch.cat([i.double(), alpha * t.double()], 1) for i, t in ((gen_img, gen_txt), (ref_img, ref_txt))]
    return frechet_distance(*joined)
