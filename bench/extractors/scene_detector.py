"""`scene-detector`: the analytic detector of the procedural scenes as an extractor of detections. No weights, no
training."""

from __future__ import annotations

import dataclasses
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


@register("extractor", "scene-segmenter", summary="the scene detector with the pixels of each object as masks")
class SceneSegmenter(SceneDetector):
    """As scene-detector, each object with its mask: the pixels that differ from the background by half a colour."""

    def extract_images(self, batch: Sequence[np.ndarray], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images, of any sizes; masks are of the images' own sizes."""
        return {"detections": [_masked(f, image) for f, image in zip(found_in(batch), batch, strict=True)]}


def _masked(found: Found, image: np.ndarray) -> Detections:
    if found.segments is None:
        return _detections(found, image)
    height, width = image.shape[:2]
    rows, columns = (np.arange(n) * len(found.segments) // n for n in (height, width))
    segments = found.segments[rows][:, columns]
    masks = tuple(segments == i + 1 for i in range(len(found)))
    return dataclasses.replace(_detections(found, image), masks=masks)


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
