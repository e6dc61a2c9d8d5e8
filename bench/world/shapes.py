"""The geometry of the shapes: half extents, areas, centroids and anti-aliased coverage.

A shape is given by signed distances to lines (negative inside), combined by minimum and maximum and turned into
coverage by a ramp one pixel wide. Only + - * / sqrt, comparisons and rounding are used, which IEEE 754 fixes to the
last bit, so that the bytes are equal on every machine. The ramp is cut at the shape's box: a pointed corner would
otherwise reach up to 1.6 pixels beyond the truth. Lengths are in radii, positions relative to the centre of the box, y
downwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

_HEIGHT = 0.8660254
"""Half of an equilateral triangle's height when its half side is 1: sqrt(3) / 2."""
_STAR_R, _STAR_HALF_Y, _STAR_Y = 1.0514622, 0.9510565, 0.1004057
"""Pentagram of width 2: its circumradius 1 / cos(18), half height, and how far its centre lies below the box's."""
_STAR_LINE = 0.3249197
"""Distance of the pentagram's lines from its centre: circumradius * cos(72)."""
_SQUARE, _CROSS, _ARM = 0.875, 0.9375, 0.328125

HALF: dict[str, tuple[float, float]] = {
    "circle": (1.0, 1.0),
    "square": (_SQUARE, _SQUARE),
    "triangle": (1.0, _HEIGHT),
    "diamond": (1.0, 1.0),
    "star": (1.0, _STAR_HALF_Y),
    "cross": (_CROSS, _CROSS),
}
"""Half width and half height of each shape's box, in radii."""

CENTROID: dict[str, float] = {
    "circle": 0.0, "square": 0.0, "triangle": _HEIGHT / 3, "diamond": 0.0, "star": _STAR_Y, "cross": 0.0,
}  # fmt: skip
"""How far the centre of mass lies below the centre of the box, in radii."""

Radius = np.ndarray | np.float32
Distance = Callable[[np.ndarray, np.ndarray, Radius], np.ndarray]


def _circle(x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    return np.sqrt(x * x + y * y) - r


def _square(x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(_SQUARE) * r


def _triangle(x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    """Base below; the sides leave (0, -height) at 60 degrees."""
    side = np.abs(x) * np.float32(_HEIGHT) - (y + np.float32(_HEIGHT) * r) * np.float32(0.5)
    return np.maximum(side, y - np.float32(_HEIGHT) * r)


def _diamond(x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    return (np.abs(x) + np.abs(y) - r) * np.float32(0.70710678)


def _star(x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    """A point lies in the pentagram when it is inside at least four of its five lines: the second largest distance."""
    y, line = y - np.float32(_STAR_Y) * r, np.float32(_STAR_LINE) * r
    steep, flat = (np.float32(0.9510565), np.float32(0.3090170)), (np.float32(0.5877853), np.float32(0.8090170))
    x1, y1, x2, y2 = x * steep[0], y * steep[1], x * flat[0], y * flat[1]
    first = -y - line
    second = np.full(np.broadcast(x, y).shape, -np.inf, np.float32)
    for edge in (x1 - y1 - line, -x1 - y1 - line, x2 + y2 - line, y2 - x2 - line):
        second = np.maximum(second, np.minimum(first, edge))
        first = np.maximum(first, edge)
    return second


def _cross(x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    x, y, arm, end = np.abs(x), np.abs(y), np.float32(_ARM) * r, np.float32(_CROSS) * r
    return np.minimum(np.maximum(x - end, y - arm), np.maximum(x - arm, y - end))


_DISTANCE: dict[str, Distance] = {
    "circle": _circle, "square": _square, "triangle": _triangle, "diamond": _diamond, "star": _star, "cross": _cross,
}  # fmt: skip


def coverage(shape: str, x: np.ndarray, y: np.ndarray, r: Radius) -> np.ndarray:
    """Share of each pixel that the shape covers, float32 in [0, 1].

    x, y: pixel centres relative to the centre of the shape's box, in pixels; r: radius in pixels. float32, broadcast
    against each other, usually (n, 1, w), (n, h, 1) and (n, 1, 1).
    """
    half_x, half_y = HALF[shape]
    across = np.clip(np.float32(half_x) * r - np.abs(x) + np.float32(0.5), 0, 1)
    along = np.clip(np.float32(half_y) * r - np.abs(y) + np.float32(0.5), 0, 1)
    inside = np.clip(np.float32(0.5) - _DISTANCE[shape](x, y, r), 0, 1)
    return np.minimum(inside, across * along)


@cache
def area(shape: str) -> float:
    """Area at radius 1, from coverage at radius 200 (exact to 1e-4)."""
    r = 200
    x = np.arange(-r - 1, r + 1, dtype=np.float32) + np.float32(0.5)
    return float(coverage(shape, x[None], x[:, None], np.float32(r)).sum(dtype=np.float64)) / (r * r)
