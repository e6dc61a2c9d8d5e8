"""Copies of the training set: memorisation-informed Fréchet distance (Bai et al. 2021, arXiv 2106.03062, eq. 3 and 4)
and authenticity (Alaa et al. 2022, arXiv 2102.08921, sec. 3.3).

Both look for each generated image's nearest training image, in blocks: memory grows with n, not with n times m.
"""

from __future__ import annotations

import torch

from bench.errors import UsageError
from bench.functional import checks
from bench.functional.frechet import factor, frechet_distance_from_factors

THRESHOLD = 0.1
"""Mean cosine distance above which nothing counts as memorised."""
_BLOCK = 1024


def memorisation_distance(generated: torch.Tensor, training: torch.Tensor) -> torch.Tensor:
    """Features (n, d), (m, d) -> (n,) float64: 1 - |cosine| of each generated row with its nearest training row.

    A row of length zero has no direction: NotFinite.
    """
    x, y = checks.sides(generated, training)
    x, y = checks.unit(x, "generated"), checks.unit(y, "training")
    return torch.cat([1 - (part @ y.T).abs().amax(1) for part in x.split(_BLOCK)]).clamp_min(0)


def memorisation_penalty(
    generated: torch.Tensor, training: torch.Tensor, *, threshold: float = THRESHOLD
) -> torch.Tensor:
    """Mean distance of the generated rows to their nearest training rows where it is below the threshold, else 1."""
    mean = memorisation_distance(generated, training).mean()
    return torch.where(mean < threshold, mean, torch.ones_like(mean))


def memorisation_informed_fd(
    generated: torch.Tensor, training: torch.Tensor, *, threshold: float = THRESHOLD
) -> torch.Tensor:
    """Fréchet distance divided by the penalty -> scalar float64; infinite for exact copies of the training rows.

    Copies make FD small and the penalty smaller. The paper takes the mean over generated images; torchmetrics takes it
    over training images.
    """
    x, y = checks.sides(generated, training, least=2)
    distance = frechet_distance_from_factors(factor(x), factor(y))
    penalty = memorisation_penalty(x, y, threshold=threshold)
    return torch.where(penalty > 1e-12, distance / penalty, torch.full_like(distance, torch.inf))


def authentic(generated: torch.Tensor, training: torch.Tensor) -> torch.Tensor:
    """Features (n, d), (m, d), m >= 2 -> (n,) bool: is a generated row farther from its nearest training row than that
    one is from its own nearest?

    Rows that are not are nearer to a training image than training images are to each other: likely copies. Their mean
    is the score AuthPct. Distances are Euclidean, in float64.
    """
    x, y = checks.sides(generated, training)
    if len(y) < 2:
        raise UsageError(f"authenticity needs 2 or more training rows and has {len(y)}.")
    x, y = x.double(), y.double()
    spacing = torch.cat([_nearest_other(y, at, part) for at, part in _blocks(y)])
    distance, nearest = (torch.cat(c) for c in zip(*(_nearest(part, y) for _, part in _blocks(x)), strict=True))
    return distance > spacing[nearest]


def _blocks(x: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
    return [(at, x[at : at + _BLOCK]) for at in range(0, len(x), _BLOCK)]


def _squares(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.square().sum(1)[:, None] + b.square().sum(1)[None] - 2 * a @ b.T).clamp_min(0)


def _nearest(part: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Exact distance to the nearest row and its place; the product only chooses, as it loses digits for near copies."""
    place = _squares(part, y).argmin(1)
    return (part - y[place]).norm(dim=1), place


def _nearest_other(y: torch.Tensor, at: int, part: torch.Tensor) -> torch.Tensor:
    squares = _squares(part, y)
    own = torch.arange(len(part), device=y.device)
    squares[own, at + own] = torch.inf
    return (part - y[squares.argmin(1)]).norm(dim=1)
