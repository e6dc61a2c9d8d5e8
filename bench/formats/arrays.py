"""What generators and callers hand over as an image -> uint8 (h, w, 3): PIL images, arrays, tensors.

Only ranges that cannot be misread are accepted: uint8 as it is, booleans, floats in [0, 1]. Floats in [-1, 1] or [0,
255] are refused with the formula that mends them, because an image that happens to fit the wrong range would pass
silently. Tensors are recognised by their methods, so that torch is not imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from bench.errors import BadImage, NotFinite
from bench.formats.images import from_pil, on_white

_SLACK = 1e-3
"""Overshoot of [0, 1] that resampling leaves, and that is clipped."""


def to_pixels(value: Any, name: str = "The image") -> np.ndarray:
    """PIL image, array or tensor -> uint8 (h, w, 3). `name` begins the sentence of an error.

    Shapes: (h, w), (h, w, c), (c, h, w) or those with a leading 1; c = 1, 3 or 4 (alpha is composited on white).
    Raises NotFinite for NaN or infinity and BadImage for everything else that is no image.
    """
    if isinstance(value, Image.Image):
        return from_pil(value, name)
    array = _channels_last(_as_array(value, name), name)
    pixels = _as_bytes(array, name)
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels if pixels.shape[2] == 3 else on_white(pixels))


def _as_array(value: Any, name: str) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) in ("torch.bfloat16", "torch.float16") else value
        return np.asarray(value.numpy())
    if isinstance(value, np.ndarray):
        return value
    raise BadImage(f"{name} is a {type(value).__name__}; give a PIL image, an array or a tensor.")


def _channels_last(array: np.ndarray, name: str) -> np.ndarray:
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise BadImage(f"{name} has the shape {shape}; give (h, w, 3), (3, h, w) or (h, w).")
    return array


def _as_bytes(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(array.dtype, np.floating):
        raise BadImage(f"{name} has pixels of type {array.dtype}; give uint8 from 0 to 255 or floats from 0 to 1.")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise NotFinite(f"{name} has {bad} values that are NaN or infinite (of {array.size}).")
    low, high = float(array.min()), float(array.max())
    if low < -_SLACK or high > 1 + _SLACK:
        mend = "divide by 255" if high > 2 else "give x * 0.5 + 0.5 if the range is [-1, 1]"
        raise BadImage(f"{name} has floats from {low:.3g} to {high:.3g}; they must lie in [0, 1]: {mend}.")
    return np.floor(np.clip(array.astype(np.float64), 0, 1) * 255 + 0.5).astype(np.uint8)
