"""What metrics of detected objects share: rows of detections and the truth, one value (or None) an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch

from bench.metrics.rowwise import Rowwise
from bench.types import Detections, Sample, View

NOTHING = float("nan")
"""The value of an image that the metric does not apply to: excluded from every estimate."""


class OfObjects(Rowwise):
    """A metric of detections against the sample's objects; an unreadable image counts as one in which nothing was
    found."""

    needs: ClassVar[tuple[str, ...]] = ("objects",)

    def __init__(self, extractor: str = "scene-detector") -> None:
        super().__init__()
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"found": View("generated", "detections", self.extractor), "truth": View("sample", "truth")}

    def update(self, *, found: Sequence[Detections], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        rows = [self.judge(f, t) for f, t in zip(found, truth, strict=True)]
        self.append(*(torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)))

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        """The columns of one image."""
        raise NotImplementedError


def kinds(labels: Sequence[str], attributes: Sequence[Mapping[str, str]], by: Sequence[str]) -> list[tuple[str, ...]]:
    """The class of each object: its label with the named attributes."""
    held = attributes or [{}] * len(labels)
    return [(label, *(a.get(name, "") for name in by)) for label, a in zip(labels, held, strict=True)]
