"""Comparison of two pictures pixel by pixel: structural similarity (Wang et al. 2004), distance of edges (Chamfer:
Barrow et al. 1977), colour difference (CIEDE2000 in `colour`).

Pictures are uint8 (h, w, 3). Those of another size than the reference are brought to it by an antialiased bicubic
filter, which is part of the score.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from bench.errors import UsageError

_LUMA = np.array([0.299, 0.587, 0.114])
EDGE_SIGMA, EDGE_SLOPE = 1.0, 12.0
"""Smoothing before edges are sought, in pixels, and the least slope of an edge, in grey levels a pixel."""


def picture(image: np.ndarray, name: str = "image") -> np.ndarray:
    """`image` once it is known to be uint8 (h, w, 3)."""
    given = np.asarray(image)
    if given.ndim != 3 or given.shape[2] != 3 or given.dtype != np.uint8 or 0 in given.shape:
        raise UsageError(f"{name} must be uint8 (h, w, 3); got {given.dtype} {given.shape}.")
    return given


def fitted(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """`image` at the size of `like`."""
    image, like = picture(image), picture(like, "reference")
    if image.shape == like.shape:
        return image
    return np.asarray(Image.fromarray(image).resize((like.shape[1], like.shape[0]), Image.Resampling.BICUBIC))


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Mean structural similarity over pixels and channels, in [-1, 1]; Gaussian window of sigma 1.5, levels 0..255."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    a, b = fitted(image, reference), picture(reference, "reference")
    if min(b.shape[:2]) < 11:
        raise UsageError(f"SSIM's window needs 11 pixels a side; the reference has {b.shape[1]} x {b.shape[0]}.")
    pair = (torch.from_numpy(np.array(x)).permute(2, 0, 1)[None].double() for x in (a, b))
    return float(structural_similarity_index_measure(*pair, data_range=255.0))


def edges(image: np.ndarray) -> np.ndarray:
    """uint8 (h, w, 3) -> bool (h, w): ridges of the luma's slope (Canny's first three steps: smooth, slope, thin)."""
    luma = picture(image) @ _LUMA
    dx, dy = (ndimage.gaussian_filter(luma, EDGE_SIGMA, order=order, mode="nearest") for order in ((0, 1), (1, 0)))
    slope = np.hypot(dx, dy)
    x, y = np.indices(luma.shape)[::-1]
    along_x, along_y = dx / np.maximum(slope, 1e-9), dy / np.maximum(slope, 1e-9)
    before = ndimage.map_coordinates(slope, [y - along_y, x - along_x], order=1, mode="constant")
    after = ndimage.map_coordinates(slope, [y + along_y, x + along_x], order=1, mode="constant")
    return (slope >= EDGE_SLOPE) & (slope >= before) & (slope > after)


def edge_chamfer(image: np.ndarray, reference: np.ndarray) -> float:
    """Symmetric mean distance from an edge pixel to the other picture's nearest, as a share of the diagonal, in [0, 1].

    0 for equal edges and for two pictures without any; 1 where only one of them has edges.
    """
    a, b = edges(fitted(image, reference)), edges(reference)
    if not a.any() or not b.any():
        return float(a.any() != b.any())
    there, back = ndimage.distance_transform_edt(~b)[a].mean(), ndimage.distance_transform_edt(~a)[b].mean()
    return float((there + back) / 2 / np.hypot(*a.shape))
