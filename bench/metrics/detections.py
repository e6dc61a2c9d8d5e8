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
        rows = [self.judge(f if f.readable else EMPTY, t) for f, t in zip(found, truth, strict=True)]
        if rows:
            self.append(*(torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)))

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        """The columns of one image."""
        raise NotImplementedError
