"""`real`: each prompt gets its own reference image, the ceiling of every metric, and the way to judge a judge.

Benchmarks of text-image models (Winoground, SugarCrepe, ARO, ImageReward's rankings) are runs of this system on their
photographs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import ClassVar

from bench.errors import DataError
from bench.formats.arrays import to_pixels
from bench.generators.base import Generator
from bench.generators.controls import frames_of
from bench.registry import register
from bench.types import Outcome, Request, Sample


@register("generator", "real", summary="control: each prompt gets its own reference image")
class Real(Generator):
    """The reference of the sample, cut to its tag `crop` (left, top, right, bottom) where it has one."""

    control: ClassVar[bool] = True

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            sample = self.context.samples.get(request.sample_id)
            if sample is None or sample.reference is None:
                yield Outcome(status="missing", reason="this sample has no reference image")
                continue
            pixels = to_pixels(self.context.load_image(sample.reference))
            left, top, right, bottom = _crop(sample, pixels.shape[1], pixels.shape[0])
            yield Outcome(image=frames_of(request, [pixels[top:bottom, left:right]] * request.frames))


def _crop(sample: Sample, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels within the picture; DataError for a tag that is no box of it."""
    if "crop" not in sample.tags:
        return 0, 0, width, height
    try:
        left, top, right, bottom = (float(v) for v in json.loads(sample.tags["crop"]))
        box = max(int(left), 0), max(int(top), 0), min(round(right), width), min(round(bottom), height)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"The crop of sample '{sample.id}' is no box: {error}.") from error
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError(f"The crop of sample '{sample.id}' lies outside its picture of {width} x {height}.")
    return box
