"""`ssim`, `edge-chamfer`, `lpips`, `pixel-colour`: agreement of the pixels with the sample's own reference or with what
the prompt says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from PIL import ImageColor

from bench.errors import UsageError
from bench.functional import checks, delta_e, edge_chamfer, lab, ssim
from bench.metrics.base import mean_output
from bench.metrics.detections import EMPTY, NOTHING
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import Detections, Sample, View
from bench.world.palette import COLOURS

_ALL = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")


class _OfPixels(Rowwise):
    """A metric of an image and its own reference image."""

    def __init__(self) -> None:
        super().__init__()

    def views(self) -> Mapping[str, View]:
        return {"pixels": View("generated", "image"), "own_pixels": View("own", "image")}

    def update(
        self, *, pixels: Sequence[np.ndarray], own_pixels: Sequence[np.ndarray], ids: Sequence[str] | None = None
    ) -> None:
        """Aligned lists of uint8 (h, w, 3); images of another size than their reference are brought to it."""
        rows = [self.judge(a, b) for a, b in zip(pixels, own_pixels, strict=True)]
        if rows:
            self.append(torch.tensor(rows, dtype=torch.float64))

    def judge(self, image: np.ndarray, own: np.ndarray) -> float:
        """The score of one image."""
        raise NotImplementedError


@register("metric", "ssim", summary="structural similarity to the own reference", scope="sample", direction="higher")
class Ssim(_OfPixels):
    """Mean local agreement of lightness, contrast and structure; 1 for equal pictures. Sensitive to small shifts."""

    formula = "mean (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x^2 + m_y^2 + c1)(s_x^2 + s_y^2 + c2))"
    outputs = (mean_output("value", "SSIM", low=-1.0),)
    responds_to = _ALL
    paper = "Wang et al. 2004, doi:10.1109/TIP.2003.819861"

    def missing(self) -> Mapping[str, float]:
        return {"score": 0.0}

    def judge(self, image: np.ndarray, own: np.ndarray) -> float:
        return ssim(image, own)


@register(
    "metric", "edge-chamfer", summary="distance of the edges from those of the own reference", scope="sample",
    direction="lower",
)  # fmt: skip
class EdgeChamfer(_OfPixels):
    """Mean distance from edges of either picture to the nearest of the other, as a share of the diagonal."""

    formula = "(mean_a min_b |a - b| + mean_b min_a |a - b|) / (2 diagonal) over edge pixels"
    outputs = (mean_output("value", "edge distance", direction="lower"),)
    responds_to = ("wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")

    def judge(self, image: np.ndarray, own: np.ndarray) -> float:
        return edge_chamfer(image, own)


@register("metric", "lpips", summary="perceptual distance from the own reference", scope="sample", direction="lower")
class Lpips(Rowwise):
    """Squared distance of LPIPS features: weighted differences of a network's activations, averaged over places."""

    formula = "sum over layers of mean over places of |w (f(x) - f(y))|^2, f of unit length over channels"
    outputs = (mean_output("value", "LPIPS", direction="lower", high=None),)
    responds_to = _ALL
    paper = "Zhang et al. 2018, arXiv:1801.03924"

    def __init__(self, extractor: str = "lpips") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "own": View("own", "features", self.extractor),
        }

    def update(self, *, image: torch.Tensor, own: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Aligned features (b, d), (b, d)."""
        x, y = checks.features(image, "image", ids=ids), checks.features(own, "own", ids=ids)
        checks.same_width(x, y, "image and own")
        self.append((x.double() - y.double()).square().sum(1))


UNSEEN = 100.0
"""Colour difference of an object that was not found: that of black and white."""


@register(
    "metric", "pixel-colour", summary="colour difference of objects from the colour that the prompt names",
    scope="sample", direction="lower",
)  # fmt: skip
class PixelColour(Rowwise):
    """Mean CIEDE2000 between the colour that the prompt names and the median pixel in the middle of the found object of
    that class; 100 for an object that was not found. About 1 is just noticeable.

    palette: 'scenes', or 'css' for the names of CSS. inner: share of the box's sides that is looked at.
    """

    formula = "mean over objects of CIEDE2000(median pixel inside, named colour)"
    outputs = (mean_output("value", "colour difference", direction="lower", high=None),)
    responds_to = ("wrong-colour", "wrong-shape", "shuffled", "constant", "noise")
    paper = "Sharma et al. 2005, doi:10.1002/col.20070"
    needs: ClassVar[tuple[str, ...]] = ("objects",)

    def __init__(self, extractor: str = "scene-detector", palette: str = "scenes", inner: float = 0.4) -> None:
        if palette not in ("scenes", "css") or not 0 < inner <= 1:
            raise UsageError(f"palette is 'scenes' or 'css' and inner lies in 0..1; got {palette} and {inner}.")
        super().__init__(extractor, palette, inner)
        self.extractor, self.palette, self.inner = str(extractor), palette, float(inner)

    def missing(self) -> Mapping[str, float]:
        return {"score": UNSEEN}

    def views(self) -> Mapping[str, View]:
        return {
            "pixels": View("generated", "image"),
            "found": View("generated", "detections", self.extractor),
            "truth": View("sample", "truth"),
        }

    def update(
        self,
        *,
        pixels: Sequence[np.ndarray],
        found: Sequence[Detections],
        truth: Sequence[Sample],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned lists of length b: uint8 (h, w, 3), detections, samples."""
        rows = [self._judge(i, f if f.readable else EMPTY, s) for i, f, s in zip(pixels, found, truth, strict=True)]
        if rows:
            self.append(torch.tensor(rows, dtype=torch.float64))

    def _judge(self, image: np.ndarray, found: Detections, sample: Sample) -> float:
        """Objects of one class are matched so that the sum of differences is least."""
        wanted = [(t.label, rgb) for t in sample.objects if (rgb := self._rgb(t.attributes.get("colour", "")))]
        if not wanted:
            return NOTHING
        seen = [self._middle(image, box) for box in found.boxes]
        total = 0.0
        for label in {name for name, _ in wanted}:
            asked = np.array([rgb for name, rgb in wanted if name == label], dtype=np.float64)
            here = np.array([seen[i] for i, name in enumerate(found.labels) if name == label]).reshape(-1, 3)
            total += _least(lab(here), lab(asked))
        return total / len(wanted)

    def _rgb(self, word: str) -> tuple[int, ...] | None:
        if self.palette == "scenes":
            return COLOURS.get(word)
        try:
            return ImageColor.getrgb(word)[:3]
        except ValueError:
            return None

    def _middle(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Median pixel of the inner part of a box."""
        height, width = image.shape[:2]
        centre, reach = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * self.inner
        left, top = (
            int(np.clip(np.floor(c - r), 0, n - 1)) for c, r, n in zip(centre, reach, (width, height), strict=True)
        )
        right, bottom = (
            int(np.clip(np.ceil(c + r), 1, n)) for c, r, n in zip(centre, reach, (width, height), strict=True)
        )
        return np.median(image[top : max(bottom, top + 1), left : max(right, left + 1)].reshape(-1, 3), axis=0)


def _least(seen: np.ndarray, asked: np.ndarray) -> float:
    """Smallest sum of differences of the asked colours with one seen object each; those left over count UNSEEN."""
    from scipy.optimize import linear_sum_assignment

    if not len(seen):
        return UNSEEN * len(asked)
    cost = np.minimum(delta_e(seen[:, None], asked[None]), UNSEEN)
    rows, columns = linear_sum_assignment(cost)
    return float(cost[rows, columns].sum() + UNSEEN * (len(asked) - len(rows)))
