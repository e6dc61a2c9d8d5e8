"""Colour difference as people see it: sRGB to CIELAB (IEC 61966-2-1, CIE 15, D65) and CIEDE2000 (Sharma, Wu and Dalal
2005, Color Research and Application 30, eq. 2 to 22)."""

from __future__ import annotations

import numpy as np

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_FAR = 25.0**7


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB levels 0..255 (..., 3) -> CIELAB (..., 3): lightness 0..100, a and b."""
    level = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """CIELAB (..., 3), (..., 3) -> (...,) CIEDE2000; about 1 is just noticeable, black to white is 100."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(c, dtype=np.float64), -1, 0) for c in (first, second))
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(chroma7 / (chroma7 + _FAR)))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where(~grey & (turn == -180), np.where(h2 > h1, 180.0, -180.0), turn)
    d_l, d_c = l2 - l1, c2 - c1
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    l_, c_ = (l1 + l2) / 2, (c1 + c2) / 2
    h_ = np.where(grey, h1 + h2, _mean_hue(h1, h2))
    return _weighted(d_l, d_c, d_h, l_, c_, h_)


def _mean_hue(h1: np.ndarray, h2: np.ndarray) -> np.ndarray:
    total = h1 + h2
    around = np.where(total < 360, (total + 360) / 2, (total - 360) / 2)
    return np.where(np.abs(h1 - h2) <= 180, total / 2, around)


def _weighted(
    d_l: np.ndarray, d_c: np.ndarray, d_h: np.ndarray, l_: np.ndarray, c_: np.ndarray, h_: np.ndarray
) -> np.ndarray:
    angle = np.radians(h_)
    t = (
        1 - 0.17 * np.cos(angle - np.radians(30)) + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6)) - 0.20 * np.cos(4 * angle - np.radians(63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (l_ - 50) ** 2 / np.sqrt(20 + (l_ - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c_, 1 + 0.015 * c_ * t
    blue = 30 * np.exp(-(((h_ - 275) / 25) ** 2))
    r_t = -np.sin(np.radians(2 * blue)) * 2 * np.sqrt(c_**7 / (c_**7 + _FAR))
    x, y, z = d_l / s_l, d_c / s_c, d_h / s_h
    return np.sqrt(np.maximum(x * x + y * y + z * z + r_t * y * z, 0))
