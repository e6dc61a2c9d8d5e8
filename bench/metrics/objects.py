"""`object-presence`, `counting`, `attribute-binding`, `spatial-relation`, `box-overlap`: are the objects of the prompt
there, as many, so coloured, so placed?"""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch

from bench.functional import box_iou_overlap, relation_holds
from bench.functional.boxes import attributes_bound, counts_right, object_presence
from bench.functional.relations import IN_DEPTH
from bench.metrics.base import mean_output
from bench.metrics.detections import NOTHING, OfObjects, boxes_of
from bench.registry import register
from bench.types import Detections, Estimator, OutputCard, Sample


def _wanted(sample: Sample) -> list[str]:
    return [thing.label for thing in sample.objects]


@register(
    "metric", "object-presence", summary="share of the named objects that are there", scope="sample", direction="higher"
)
class ObjectPresence(OfObjects):
    """Share of the classes named by the prompt of which at least one object was found (SOA's recall: Hinz et al. 2019,
    arXiv 1910.13321)."""

    formula = "share of named classes with one or more found objects"
    outputs = (mean_output("value", "objects"),)
    responds_to = ("wrong-shape", "shuffled", "constant", "noise")
    paper = "Hinz et al. 2019, arXiv:1910.13321"

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        return (object_presence(found.labels, _wanted(sample)) if sample.objects else NOTHING,)


@register(
    "metric", "counting", summary="share of classes whose number is exactly right", scope="sample", direction="higher"
)
class Counting(OfObjects):
    """Share of the classes named or found whose number is right."""

    formula = "share of classes named or found whose number is right"
    outputs = (mean_output("value", "counts"),)
    responds_to = ("wrong-shape", "wrong-count", "shuffled", "constant", "noise")

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        return (counts_right(found.labels, _wanted(sample)) if sample.objects else NOTHING,)


@register(
    "metric",
    "attribute-binding",
    summary="share of objects with the attribute the prompt gives them",
    scope="sample",
    direction="higher",
)
class AttributeBinding(OfObjects):
    """Share of the objects with a stated `attribute` that are matched one to one by a found object of that class and
    value."""

    formula = "share of objects with the attribute matched by a found object of class and value"
    outputs = (mean_output("value", "binding"),)
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "shuffled", "constant", "noise")

    def __init__(self, extractor: str = "scene-detector", attribute: str = "colour") -> None:
        super().__init__(extractor, attribute)
        self.attribute = attribute

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        stated = [thing.attributes for thing in sample.objects]
        value = attributes_bound(found.labels, found.attributes, _wanted(sample), stated, self.attribute)
        return (NOTHING if value is None else value,)


@register(
    "metric", "box-overlap", summary="mean IoU of the objects with their boxes", scope="sample", direction="higher"
)
class BoxOverlap(OfObjects):
    """Mean IoU of each wanted box with its match of the same class; a missed object counts 0, extra ones are free.

    Boxes of the truth are scaled to the size of the image, so that a system may draw at any size.
    """

    formula = "mean over wanted boxes of IoU with the match of its class, 0 where missed"
    outputs = (mean_output("value", "box IoU"),)
    responds_to = ("wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")
    needs: ClassVar[tuple[str, ...]] = ("objects", "boxes")

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        targets, labels = boxes_of(sample, found.size)
        return (float(box_iou_overlap(found.boxes, found.labels, targets, labels)) if labels else NOTHING,)


@register(
    "metric",
    "spatial-relation",
    summary="share of stated relations that hold between found objects",
    scope="sample",
    direction="higher",
)
class SpatialRelation(OfObjects):
    """VISOR's numbers (Gokhale et al. 2022, arXiv 2212.10015) under any position rule.

    OA (object accuracy): both objects of the relation are found. uncond: both are found and some pair of them stands
    so. cond: uncond among images with both. Objects are told apart by label and by the attributes that the prompt
    states. Prompts without a relation, or with one in depth alone, do not count.
    """

    formula = "uncond = share of images with both objects in the relation; cond = uncond / OA"
    columns: ClassVar[tuple[str, ...]] = ("both", "right")
    outputs: ClassVar[tuple[OutputCard, ...]] = (
        mean_output("uncond", "relation", column="right"),
        OutputCard(
            "cond", "relation, both present", "higher", 0.0, 1.0, estimator=Estimator("ratio", ("right", "both"))
        ),
        mean_output("OA", "both objects found", column="both", primary=False),
    )
    responds_to = ("wrong-colour", "wrong-shape", "wrong-side", "shuffled", "constant", "noise")
    paper = "Gokhale et al. 2022, arXiv:2212.10015"
    needs: ClassVar[tuple[str, ...]] = ("objects", "relations")

    def __init__(self, extractor: str = "scene-detector", rule: str = "visor") -> None:
        super().__init__(extractor, rule)
        self.rule = rule
        relation_holds(torch.zeros(1, 4), torch.zeros(1, 4), "above", rule=rule)  # an unknown rule is refused at once

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        stated = [r for r in sample.relations if r.predicate not in IN_DEPTH]
        if not stated:
            return NOTHING, NOTHING
        verdicts = [self._relation(found, sample, r.subject, r.predicate, r.object) for r in stated]
        both, right = (sum(column) / len(verdicts) for column in zip(*verdicts, strict=True))
        return both, right

    def _relation(
        self, found: Detections, sample: Sample, subject: int, predicate: str, other: int
    ) -> tuple[bool, bool]:
        first, second = (self._candidates(found, sample, i) for i in (subject, other))
        pairs = [(i, j) for i, j in itertools.product(first, second) if i != j]
        if not pairs:
            return False, False
        boxes = torch.as_tensor(found.boxes, dtype=torch.float64)
        a, b = (boxes[list(side)] for side in zip(*pairs, strict=True))
        return True, bool(relation_holds(a, b, predicate, rule=self.rule).any())

    @staticmethod
    def _candidates(found: Detections, sample: Sample, index: int) -> list[int]:
        wanted = sample.objects[index]
        held = found.attributes or ({},) * len(found.labels)
        return [
            i
            for i, (label, attributes) in enumerate(zip(found.labels, held, strict=True))
            if label == wanted.label and all(attributes.get(k, v) == v for k, v in wanted.attributes.items())
        ]
