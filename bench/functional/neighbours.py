"""Nearest-neighbour manifolds: precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1-2: <= the k-th
distance, the point itself not counted) and density and coverage (Naeem et al. 2020, arXiv 2002.09797, eq. 3-5: strictly
<).

Distances are computed in blocks in the features' own precision; whatever lies too near a radius to be sure is computed
again in float64, so that the counts are those of the full float64 matrix at the price of a float32 product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from bench.errors import TooFew
from bench.functional import checks

_BLOCK = 1024
_SPARE = 4
"""Neighbours beyond the k-th whose distance is computed exactly, so that rounding cannot hide the true k-th."""


def _squared(x: torch.Tensor, y: torch.Tensor, x2: torch.Tensor, y2: torch.Tensor) -> torch.Tensor:
    """Squared distances (n, m) in the precision of x, by the product of all pairs."""
    return torch.addmm(y2[None, :] + x2[:, None], x, y.T, alpha=-2).clamp_min_(0)


def _exact(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared distances of aligned rows in float64."""
    return (x.double() - y.double()).square().sum(-1)


def _noise(x2: torch.Tensor, y2: torch.Tensor) -> float:
    """How far a fast squared distance may lie from the exact one."""
    eps = torch.finfo(x2.dtype).eps
    return float(64 * eps * (x2.max() + y2.max()))


def _centred(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both sides moved by the mean of y, which leaves distances as they are and makes rounding smaller."""
    mean = y.double().mean(0).to(y.dtype)
    return x - mean, y - mean


def radii(x: torch.Tensor, k: int) -> torch.Tensor:
    """(n,) float64 squared distance of each row of x (n, d) to its k-th nearest other row."""
    x = _centred(x, x)[1]
    x2 = x.square().sum(1)
    found = []
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distance = _squared(x[rows], x, x2[rows], x2)
        distance[torch.arange(len(distance)), torch.arange(start, start + len(distance))] = torch.inf
        near = distance.topk(min(k + _SPARE, len(x) - 1), largest=False).indices
        exact = _exact(x[rows][:, None], x[near])
        found.append(exact.sort(1).values[:, k - 1])
    return torch.cat(found)


Inside = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _hits(
    points: torch.Tensor,
    centres: torch.Tensor,
    radius: torch.Tensor,
    inside: Inside,
    sink: Callable[[int, torch.Tensor], None],
) -> None:
    """Give `sink(start, bool (b, m))`: which balls each block of points lies in, exactly."""
    points, centres = _centred(points, centres)
    p2, c2 = points.square().sum(1), centres.square().sum(1)
    noise = _noise(p2, c2)
    for start in range(0, len(points), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distance = _squared(points[rows], centres, p2[rows], c2).double()
        within = inside(distance, radius)
        i, j = ((distance - radius).abs() <= noise).nonzero(as_tuple=True)
        for part in range(0, len(i), 65536):
            a, b = i[part : part + 65536], j[part : part + 65536]
            within[a, b] = inside(_exact(points[rows][a], centres[b]), radius[b])
        sink(start, within)


def _at_most(distance: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    return distance <= radius


def _below(distance: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    return distance < radius


def _check(generated: torch.Tensor, reference: torch.Tensor, k: int) -> None:
    for x, name in ((generated, "generated"), (reference, "reference")):
        checks.features(x, name)
        if len(x) <= k:
            raise TooFew(f"{name} must have more than k = {k} rows; it has {len(x)}. Give more images or lower k.")
    checks.same_width(generated, reference)


def _covered(points: torch.Tensor, centres: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """(n,) bool: which points lie in at least one ball."""
    found = torch.zeros(len(points), dtype=torch.bool, device=points.device)

    def sink(start: int, within: torch.Tensor) -> None:
        found[start : start + len(within)] = within.any(1)

    _hits(points, centres, radius, _at_most, sink)
    return found


def precision_recall(
    generated: torch.Tensor, reference: torch.Tensor, *, k: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) -> (precision, recall) in [0, 1].

    Precision: share of generated rows within the k-th-neighbour ball of some reference row. Recall: the same with the
    sides exchanged. A generator that makes one good image over and over has precision 1 and recall near 0.
    """
    _check(generated, reference, k)
    precision = _covered(generated, reference, radii(reference, k)).double().mean()
    recall = _covered(reference, generated, radii(generated, k)).double().mean()
    return precision, recall


def precision_recall_block_replicates(
    generated: torch.Tensor, blocks: Sequence[int], reference: torch.Tensor, *, k: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B,), (B,): precision and recall with the generated rows of each block 0..B-1 left out.

    Radii of the generated balls are those of the rows that remain in each replicate.
    """
    _check(generated, reference, k)
    which = torch.as_tensor(list(blocks), device=generated.device)
    covered = _covered(generated, reference, radii(reference, k)).double()
    precision, recall = [], []
    for b in range(int(which.max()) + 1):
        kept = which != b
        rest = generated[kept]
        precision.append(covered[kept].mean())
        recall.append(_covered(reference, rest, radii(rest, k)).double().mean())
    return torch.stack(precision), torch.stack(recall)


def density_coverage(
    generated: torch.Tensor, reference: torch.Tensor, *, k: int = 5
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d), (m, d) -> (density >= 0, coverage in [0, 1]).

    Density: mean number of reference balls a generated row lies in, over k. Coverage: share of reference balls that
    hold a generated row. Constant features give 0 for both, since no distance is strictly below a radius of 0.
    """
    _check(generated, reference, k)
    counts = torch.zeros((), dtype=torch.float64, device=generated.device)
    hit = torch.zeros(len(reference), dtype=torch.bool, device=generated.device)

    def sink(_: int, within: torch.Tensor) -> None:
        nonlocal counts
        counts += within.sum()
        hit.logical_or_(within.any(0))

    _hits(generated, reference, radii(reference, k), _below, sink)
    return counts / (k * len(generated)), hit.double().mean()
