"""Image preprocessing of classification and CLIP models: resize, centre crop, normalise; uint8 (h, w, 3) -> float32.

The pixels are Pillow's, as in torchvision's transforms on PIL images, which is what open_clip, timm and torchvision
publish their numbers with; the arithmetic after it is a table of 256 levels a channel, equal in the last bit to
ToTensor and Normalize and several times cheaper. Rows stay (h, w, 3): a stack of them is a channels-last batch
without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from PIL import Image

from bench.errors import UsageError

_METHODS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_ELONGATED = 16
"""From this aspect ratio on, only the part that survives the crop is resized: the whole would need gigabytes."""


@dataclass(frozen=True)
class Preprocess:
    """A recipe; part of an extractor's identity."""

    size: tuple[int, int]
    """(height, width) of the network's input."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    mode: Literal["crop", "squash", "pad"] = "crop"
    """crop: shorter side to `resize`, centre crop; squash: both sides to `size`; pad: longer side to `size`, filled."""
    resize: int = 0
    """Length of the shorter side before the crop; 0: the input size itself."""
    fill: int = 0

    def __post_init__(self) -> None:
        if self.interpolation not in _METHODS:
            raise UsageError(f"Interpolation '{self.interpolation}' is unknown; allowed: {', '.join(_METHODS)}.")

    def describe(self) -> Mapping[str, Any]:
        """JSON-able, for digests."""
        return asdict(self)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 of any size -> (height, width, 3) float32."""
        pixels = {"crop": self._crop, "squash": self._squash, "pad": self._pad}[self.mode](Image.fromarray(image))
        return _normalised(np.asarray(pixels), self.mean, self.std)

    @property
    def _method(self) -> Image.Resampling:
        return _METHODS[self.interpolation]

    def _squash(self, image: Image.Image) -> Image.Image:
        return image.resize((self.size[1], self.size[0]), self._method)

    def _crop(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        short = self.resize or max(height, width)
        w, h = image.size
        if max(w, h) > _ELONGATED * min(w, h):
            image = _middle(image)
            w, h = image.size
        new = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
        if new != (w, h):
            image = image.resize(new, self._method)
        left, top = round((new[0] - width) / 2.0), round((new[1] - height) / 2.0)
        return image if new == (width, height) else image.crop((left, top, left + width, top + height))

    def _pad(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        w, h = image.size
        ratio = max(h / height, w / width)
        new = max(1, round(w / ratio)), max(1, round(h / ratio))
        canvas = Image.new("RGB", (width, height), (self.fill,) * 3)
        canvas.paste(image.resize(new, self._method), ((width - new[0]) // 2, (height - new[1]) // 2))
        return canvas


def _middle(image: Image.Image) -> Image.Image:
    """The middle of a very long image, 16 times as long as it is wide: a centre crop sees no more."""
    w, h = image.size
    keep = _ELONGATED * min(w, h)
    left, top = max(0, (w - keep) // 2), max(0, (h - keep) // 2)
    return image.crop((left, top, left + min(w, keep), top + min(h, keep)))


@lru_cache(maxsize=32)
def _levels(mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """(3, 256) float32: what each level of each channel becomes."""
    level = np.arange(256, dtype=np.float32) / np.float32(255)
    return np.stack([(level - np.float32(m)) / np.float32(s) for m, s in zip(mean, std, strict=True)])


def _normalised(pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    out = np.empty(pixels.shape, np.float32)
    for channel, table in enumerate(_levels(mean, std)):
        out[:, :, channel] = table[pixels[:, :, channel]]
    return out
