"""`event-order`, `event-span`: are the events of a story seen in their order, and for as long?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch

from bench.functional import order_agreement, span_iou
from bench.functional.stories import Span, span_of
from bench.metrics.base import mean_output
from bench.metrics.detections import EMPTY, NOTHING
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import Detections, Event, Sample, View


class _OfStory(Rowwise):
    """A metric of the events of a story; an event is seen in a frame in which an object of its name is found."""

    frames = True
    needs: ClassVar[tuple[str, ...]] = ("events",)

    def __init__(self, extractor: str = "scene-detector") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"story": View("generated", "detections", self.extractor), "truth": View("sample", "truth")}

    def update(
        self, *, story: Sequence[Sequence[Detections]], truth: Sequence[Sample], ids: Sequence[str] | None = None
    ) -> None:
        """One row a story: the detections of its frames, and its sample."""
        rows = [self._row(frames, s) for frames, s in zip(story, truth, strict=True)]
        if rows:
            self.append(torch.tensor(rows, dtype=torch.float64))

    def _row(self, frames: Sequence[Detections], sample: Sample) -> float:
        if not sample.events or isinstance(frames, Detections):
            return NOTHING
        seen = [span_of([_shows(f if f.readable else EMPTY, e) for f in frames]) for e in sample.events]
        value = self.judge(seen, sample.events)
        return NOTHING if value is None else value

    def judge(self, seen: Sequence[Span | None], events: Sequence[Event]) -> float | None:
        """The score of a story from the spans in which its events are seen; None where it says nothing."""
        raise NotImplementedError


def _shows(found: Detections, event: Event) -> bool:
    held = found.attributes or ({},) * len(found.labels)
    names = (f"{a.get('colour', '')} {label}".strip() for label, a in zip(found.labels, held, strict=True))
    return event.text in names or event.text in found.labels


@register(
    "metric", "event-order", summary="do the events of the story begin in their order?", scope="sample",
    direction="higher",
)  # fmt: skip
class EventOrder(_OfStory):
    """Kendall's tau between when events are seen to begin and when they should; a pair with an unseen event counts
    0."""

    formula = "(pairs in order - pairs in reverse) / pairs that should differ"
    outputs = (mean_output("value", "order (tau)", low=-1.0),)
    responds_to = ("wrong-order", "shuffled", "constant", "noise")
    paper = "Kendall 1938, doi:10.1093/biomet/30.1-2.81"

    def missing(self) -> Mapping[str, float]:
        return {"score": 0.0}  # as chance: what is absent has no order

    def judge(self, seen: Sequence[Span | None], events: Sequence[Event]) -> float | None:
        return order_agreement([None if s is None else s[0] for s in seen], [e.span[0] for e in events])


@register(
    "metric", "event-span", summary="are the events of the story seen for as long as they should be?",
    scope="sample", direction="higher",
)  # fmt: skip
class EventSpan(_OfStory):
    """Mean over events of the overlap of frames in which they are seen with those in which they should be, over their
    union; an unseen event counts 0."""

    formula = "mean over events of |frames found & wanted| / |frames found or wanted|"
    outputs = (mean_output("value", "span IoU"),)
    responds_to = ("wrong-span", "wrong-order", "shuffled", "constant", "noise")

    def judge(self, seen: Sequence[Span | None], events: Sequence[Event]) -> float | None:
        return sum(span_iou(s, e.span) for s, e in zip(seen, events, strict=True)) / len(events)
