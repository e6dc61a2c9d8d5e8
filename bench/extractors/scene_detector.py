"""`scene-detector`: the analytic detector of the procedural scenes as an extractor of detections. No weights, no
training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.extractors.base import Extractor
from bench.registry import register
from bench.types import Detections, Sample
from bench.world.detect import Found, detect

RULES = 1
"""Raise when `bench.world.detect` would see other objects."""


@register("extractor", "scene-detector", summary="analytic detector of the scenes: shapes, colours, sizes, boxes")
class SceneDetector(Extractor):
    """Objects by colour segmentation and shape recognition; `readable` is False for images that are no scene."""

    image_outputs = ("detections",)
    batch_size = 64

    def identity(self) -> Mapping[str, Any]:
        return {"rules": RULES}

    def extract_images(self, batch: Sequence[np.ndarray], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images, of any sizes."""
        return {"detections": [_detections(f, image) for f, image in zip(found_in(batch), batch, strict=True)]}


def found_in(images: Sequence[np.ndarray]) -> list[Found]:
    """What the detector sees in images of any sizes; those of one size are looked at together."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(i)
    found: dict[int, Found] = {}
    for some in by_shape.values():
        found |= dict(zip(some, detect(np.stack([images[i] for i in some])), strict=True))
    return [found[i] for i in range(len(images))]


def _detections(found: Found, image: np.ndarray) -> Detections:
    height, width = image.shape[:2]
    attributes = [{"colour": c, "size": s} for c, s in zip(found.colours, found.sizes, strict=True)]
    return Detections(
        found.boxes, tuple(found.shapes), found.scores, tuple(attributes), (width, height), readable=found.readable
    )
