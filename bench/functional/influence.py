"""What a single image does to a set metric: first-order influence on the Fréchet distance and on kernel distances.

The mean of the squared influences over n is the sampling variance of the distance (the delta method: van der Vaart
1998, ch. 20), sums over the images of a prompt make it cluster-robust, differences of two systems' influences on the
same prompts make it paired, and the largest ones name the images that cost most. The reference side is taken as fixed.
"""

from __future__ import annotations

import torch

from bench.errors import TooFew
from bench.functional import checks
from bench.functional.frechet import Factor
from bench.functional.kernel import _BLOCK, Kernel, _cubic, _gauss


def frechet_influence(generated: torch.Tensor, reference: Factor) -> torch.Tensor:
    """Features (n, d), n > d -> (n,) float64 with mean 0: the derivative of the distance when weight moves to a row.

    2 (m - mr)'(x - m) + (x - m)'(I - T)(x - m) less its mean, where T is the optimal transport map from the generated
    to the reference Gaussian, T S T = Sr (the gradient of the Bures distance in S: Takatsu 2011, lemma 3.2 ff.). With
    x - m = L z and S = L L', (x - m)'T(x - m) = z'(L' Sr L)^(1/2) z, so that no inverse is formed. Where S is singular
    (features that never fire, images that are all alike) L spans what the images span, and weight that moves among them
    stays there. TooFew for n <= d, where S is singular by lack of images and the first order says nothing.
    """
    x = checks.features(generated, "generated", least=2).double()
    n, d = x.shape
    if n <= d:
        raise TooFew(f"The influence of an image is defined for more images than features; there are {n} and {d}.")
    mean = x.mean(0)
    centred = x - mean
    lower, white = _whitened(centred)
    across = reference.rows @ lower
    values, vectors = torch.linalg.eigh(across.T @ across)
    moved = values.clamp_min(0).sqrt() @ (vectors.T @ white).square()
    found = 2 * centred @ (mean - reference.mean) + centred.square().sum(1) - moved
    return found - found.mean()


def _whitened(centred: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, d) -> L (d, r) and z (r, n) with centred' = L z and mean z z' = I, r the rank."""
    covariance = centred.T @ centred / len(centred)
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        return lower, torch.linalg.solve_triangular(lower, centred.T, upper=False)
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
    root = values[kept].sqrt()
    return vectors[:, kept] * root, (vectors[:, kept].T @ centred.T) / root[:, None]


def kernel_influence(generated: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Features (n, d), (m, d) -> (n,) float64 with mean 0 of the unbiased MMD^2 with the cubic kernel.

    Twice the first projection of the U-statistic (Hoeffding 1948): 2 (mean_j k(x, x_j) - mean_j k(x, y_j)) centred.
    """
    x, y = checks.sides(generated, reference, least=2)
    own = torch.cat([_row_means(_cubic, part, x, i) for i, part in enumerate(x.split(_BLOCK))])
    other = torch.cat([_row_means(_cubic, part, y) for part in x.split(_BLOCK)])
    found = 2 * (own - other)
    return found - found.mean()


def cmmd_influence(generated: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Embeddings (n, d), (m, d), normalised here -> (n,) float64 with mean 0: the derivative of CMMD."""
    x, y = checks.sides(generated, reference, least=2)
    x, y = checks.unit(x, "generated"), checks.unit(y, "reference")
    own = torch.cat([_row_means(_gauss, part, x) for part in x.split(_BLOCK)])
    other = torch.cat([_row_means(_gauss, part, y) for part in x.split(_BLOCK)])
    found = 2000 * (own - other)
    return found - found.mean()


def vendi_influence(features: torch.Tensor) -> torch.Tensor:
    """Features (n, d), normalised here -> (n,) float64 with mean 0: the derivative of the Vendi Score of order 1.

    With u a row and S the mean of u u', the score is exp(H), H = -tr S log S, and its derivative
    exp(H) (-u'(log S)u - H).
    """
    x = checks.unit(checks.features(features, "features", least=2), "features").double()
    _, singular, vectors = torch.linalg.svd(x, full_matrices=False)
    values = singular.square() / len(x)
    kept = values > len(values) * torch.finfo(values.dtype).eps
    logs = values[kept].log()
    surprise = -((x @ vectors[kept].T).square() @ logs)
    return (-(values[kept] * logs).sum()).exp() * (surprise - surprise.mean())


def _row_means(kernel: Kernel, part: torch.Tensor, columns: torch.Tensor, at: int | None = None) -> torch.Tensor:
    """(b,) means of the kernel of part (b, d) with all columns; at: part is that block of them, and a row does not meet
    itself."""
    total = part.new_zeros(len(part), dtype=torch.float64)
    for j, block in enumerate(columns.split(_BLOCK)):
        values = kernel(part, block)
        if j == at:
            values.fill_diagonal_(0)
        total += values.sum(1)
    return total / (len(columns) - (at is not None))
