"""What metrics of detected objects share: rows of detections and the truth, one value (or None) an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.metrics.rowwise import Rowwise
from bench.types import Detections, Sample, View

NOTHING = float("nan")
"""The value of an image that the metric does not apply to: excluded from every estimate."""


EMPTY = Detections(np.zeros((0, 4)), (), np.zeros(0))
"""What an unreadable image counts as."""


def boxes_of(sample: Sample, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
    """Boxes (m, 4) of the sample's objects in pixels of a picture of this (width, height), as they are where either
    size is not known, and their labels."""
    boxed = [thing for thing in sample.objects if thing.box is not None]
    known = all((*sample.size, *size))
    scale = [size[0] / sample.size[0], size[1] / sample.size[1]] if known else [1.0, 1.0]
    boxes = np.array([thing.box for thing in boxed], dtype=np.float64).reshape(-1, 4) * np.tile(scale, 2)
    return boxes, [thing.label for thing in boxed]


class OfObjects(Rowwise):
    """A metric of detections against the sample's objects; an unreadable image counts as one in which nothing was
    found."""

    needs: ClassVar[tuple[str, ...]] = ("objects",)

    def __init__(self, extractor: str = "scene-detector", *parameters: object) -> None:
        super().__init__(extractor, *parameters)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"found": View("generated", "detections", self.extractor), "truth": View("sample", "truth")}

    def update(self, *, found: Sequence[Detections], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        rows = self.judge_all([f if f.readable else EMPTY for f in found], truth)
        if rows:
            self.append(*(torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)))

    def judge_all(self, found: Sequence[Detections], truth: Sequence[Sample]) -> list[tuple[float, ...]]:
        """The columns of several images; a metric may look at all of them at once."""
        return [self.judge(f, t) for f, t in zip(found, truth, strict=True)]

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        """The columns of one image."""
        raise NotImplementedError
