"""The resizings that published Inception numbers differ by: uint8 images of any size -> float32 network input.

tf-fid        bilinear of TensorFlow 1: no antialiasing, no half-pixel centres (FID as published; torch-fidelity)
torch-legacy  bilinear with half-pixel centres, no antialiasing (pytorch-fid)
tm-aa         antialiased bilinear (torchmetrics since 1.8)
clean         antialiased bicubic, clipped to [0, 255], not quantised (clean-fid; Parmar et al. 2022, arXiv:2104.11222)

Two taps a pixel are gathered with index tables that are cached for each pair of sizes, in NumPy, because the work
happens in worker threads beside a network that uses every core: NumPy's element-wise loops release the interpreter
lock and start no threads of their own. Rows that no output pixel needs are never touched, so a large image costs
little more than a small one. Antialiased reductions are done by what the protocols themselves use: Pillow for clean,
torch for tm-aa.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image


@dataclass(frozen=True, eq=False)
class Taps:
    """Two-tap interpolation along one axis: out = v[low] + (v[high] - v[low]) * weight, v the needed source rows."""

    needed: np.ndarray | None
    """Source indices that occur, ascending; None: all of them."""
    low: np.ndarray
    high: np.ndarray
    """(size,) positions among `needed`."""
    raw_low: np.ndarray
    raw_high: np.ndarray
    """(size,) source indices."""
    weight: np.ndarray
    """(size,) float32."""


@lru_cache(maxsize=512)
def _taps(source: int, size: int, half_pixel: bool) -> Taps:
    scale = np.float32(source / size)
    position = np.arange(size, dtype=np.float32)
    if half_pixel:
        at = np.maximum((position + np.float32(0.5)) * scale - np.float32(0.5), np.float32(0))
    else:
        at = position * scale
    low = np.minimum(at.astype(np.intp), source - 1)
    high = np.minimum(low + 1, source - 1)
    rows = np.unique(np.concatenate([low, high]))
    needed = None if len(rows) == source else rows
    return Taps(needed, np.searchsorted(rows, low), np.searchsorted(rows, high), low, high, at - low.astype(np.float32))


def bilinear(image: np.ndarray, size: int, *, half_pixel: bool) -> np.ndarray:
    """(h, w, 3) uint8 -> (size, size, 3) float32 in [0, 255], without antialiasing: across first, then down.

    With half_pixel=False every operation and its order are those of TensorFlow 1 (resize_bilinear_op.cc), in float32.
    """
    down, across = _taps(image.shape[0], size, half_pixel), _taps(image.shape[1], size, half_pixel)
    rows = image if down.needed is None else image[down.needed]
    left = np.take(rows, across.raw_low, axis=1).astype(np.float32)
    wide = np.take(rows, across.raw_high, axis=1).astype(np.float32)
    wide -= left
    wide *= across.weight[:, None]
    wide += left
    wide = wide.reshape(len(rows), size * 3)
    top = np.take(wide, down.low, axis=0)
    out = np.take(wide, down.high, axis=0)
    out -= top
    out *= down.weight[:, None]
    out += top
    return out.reshape(size, size, 3)


def bicubic(image: np.ndarray, size: int) -> np.ndarray:
    """(h, w, 3) uint8 -> (size, size, 3) float32 by Pillow's antialiased float resampling of each channel."""
    out = np.empty((size, size, 3), np.float32)
    for channel in range(3):
        plane = Image.fromarray(image[:, :, channel].astype(np.float32))
        out[:, :, channel] = np.asarray(plane.resize((size, size), Image.Resampling.BICUBIC))
    return out


def _centred(pixels: np.ndarray) -> np.ndarray:
    """(x - 128) / 128, the input range of the TensorFlow graph."""
    pixels -= np.float32(128)
    pixels *= np.float32(1 / 128)
    return pixels


def _tf_fid(image: np.ndarray, size: int) -> np.ndarray:
    return _centred(bilinear(image, size, half_pixel=False))


def _torch_legacy(image: np.ndarray, size: int) -> np.ndarray:
    pixels = bilinear(image, size, half_pixel=True)
    pixels *= np.float32(2 / 255)
    pixels -= np.float32(1)
    return pixels


def _tm_aa(image: np.ndarray, size: int) -> np.ndarray:
    if max(image.shape[:2]) <= size:  # enlarging: the antialiased kernel is the plain one
        return _centred(bilinear(image, size, half_pixel=True))
    import torch  # its weights are float32, which Pillow's are not: the difference shows in features at 1e-4

    rows = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        small = torch.nn.functional.interpolate(rows, (size, size), mode="bilinear", antialias=True)
    return _centred(np.ascontiguousarray(small[0].permute(1, 2, 0).numpy()))


def _clean(image: np.ndarray, size: int) -> np.ndarray:
    pixels = bicubic(image, size)
    return _centred(np.clip(pixels, 0, 255, out=pixels))


PRESETS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "tf-fid": _tf_fid,
    "clean": _clean,
    "torch-legacy": _torch_legacy,
    "tm-aa": _tm_aa,
}
"""Name -> f(image uint8 (h, w, 3), size) -> float32 (size, size, 3), normalised for the network."""
