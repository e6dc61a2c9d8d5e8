"""Does a map of attention lie on the object it should? Pointing game (Zhang et al. 2016, arXiv 1608.00507, sec. 4.1),
normalised scanpath saliency (Peters et al. 2005; Bylinskii et al. 2019, arXiv 1604.03605) and share of mass.

Maps are (h, w) of any non-negative scale; boxes (m, 4) xyxy in the map's own pixels. A pixel belongs to a box when its
centre does.
"""

from __future__ import annotations

import numpy as np

from bench.errors import NotFinite, UsageError


def _map(given: np.ndarray) -> np.ndarray:
    found = np.asarray(given, dtype=np.float64)
    if found.ndim != 2 or 0 in found.shape:
        raise UsageError(f"A map must be (h, w); got {found.shape}.")
    if not np.isfinite(found).all():
        raise NotFinite("The map holds NaN or an infinity; check the extractor's weights.")
    return found


def region(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Boxes (m, 4) -> bool (h, w): pixels whose centre lies in one of them."""
    y, x = np.indices(shape) + 0.5
    inside = np.zeros(shape, dtype=bool)
    for left, top, right, bottom in np.asarray(boxes, dtype=np.float64).reshape(-1, 4):
        inside |= (x > left) & (x < right) & (y > top) & (y < bottom)
    return inside


def pointing_game(attention: np.ndarray, inside: np.ndarray) -> float:
    """Probability that the map's highest pixel lies inside (bool (h, w)); ties share, so that a uniform map gets the
    region's share of the picture."""
    held = _map(attention)
    return float(np.asarray(inside, dtype=bool)[held == held.max()].mean())


def saliency_in(attention: np.ndarray, inside: np.ndarray) -> float:
    """NSS: mean over the region of the map in standard deviations from its mean; 0 is chance, and a flat map's."""
    held, where = _map(attention), np.asarray(inside, dtype=bool)
    if not where.any():
        raise UsageError("The region is empty, so that nothing can be said of attention to it.")
    spread = held.std()
    return float((held[where].mean() - held.mean()) / spread) if spread > 0 else 0.0


def mass_in(attention: np.ndarray, inside: np.ndarray) -> float:
    """Share of the map's mass inside; negative values count as 0, a map without mass gives the region's share."""
    held, where = np.maximum(_map(attention), 0), np.asarray(inside, dtype=bool)
    total = held.sum()
    return float(held[where].sum() / total) if total > 0 else float(where.mean())
