"""Area resampling of image batches in numpy: each target pixel is the mean of the source area that it covers.

Exact for whole factors (a 128-pixel image is averaged 2 x 2); fractions of a source pixel count by their share. For the
scene detector only: metrics resize by their own declared filters.
"""

from __future__ import annotations

import numpy as np


def to_square(images: np.ndarray, side: int) -> np.ndarray:
    """(n, h, w, c) of any dtype -> float32 (n, side, side, c); other aspect ratios are stretched."""
    if images.shape[1:3] == (side, side):
        return images.astype(np.float32)
    down = _along(images.astype(np.float64), 1, side)
    return _along(down, 2, side).astype(np.float32)


def _along(values: np.ndarray, axis: int, side: int) -> np.ndarray:
    """Means over `side` equal stretches of one axis: differences of the running sum at fractional places."""
    moved = np.moveaxis(values, axis, 0)
    length = len(moved)
    total = np.concatenate([np.zeros_like(moved[:1]), np.cumsum(moved, 0)])
    places = np.arange(side + 1) * length / side
    low = np.minimum(places.astype(np.int64), length - 1)
    share = (places - low).reshape(-1, *[1] * (moved.ndim - 1))
    edges = total[low] + share * moved[low]
    return np.moveaxis((edges[1:] - edges[:-1]) * (side / length), 0, axis)
