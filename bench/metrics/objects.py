"""`object-presence`, `counting`, `attribute-binding`, `spatial-relation`, `box-overlap`: are the objects of the prompt
there, as many, so coloured, so placed?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
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

    def judge_all(self, found: Sequence[Detections], truth: Sequence[Sample]) -> list[tuple[float, ...]]:
        """One look a word over all images, since looks are dear and boxes are few."""
        asked = [[r for r in s.relations if r.predicate not in IN_DEPTH] for s in truth]
        there, pairs = set[tuple[int, int]](), dict[str, list[tuple[tuple[int, int], np.ndarray, np.ndarray]]]()
        for image, (one, sample, stated) in enumerate(zip(found, truth, asked, strict=True)):
            for at, relation in enumerate(stated):
                first, second = (self._candidates(one, sample, i) for i in (relation.subject, relation.object))
                these = [(i, j) for i, j in itertools.product(first, second) if i != j]
                if these:
                    there.add((image, at))
                    some = pairs.setdefault(relation.predicate, [])
                    some += [((image, at), one.boxes[i], one.boxes[j]) for i, j in these]
        right = set[tuple[int, int]]()
        for word, some in pairs.items():
            a, b = (torch.as_tensor(np.stack([p[side] for p in some]).astype(np.float64)) for side in (1, 2))
            holds = relation_holds(a, b, word, rule=self.rule).tolist()
            right |= {pair[0] for pair, held in zip(some, holds, strict=True) if held}
        return [
            tuple(sum((i, at) in good for at in range(len(r))) / len(r) if r else NOTHING for good in (there, right))
            for i, r in enumerate(asked)
        ]

    @staticmethod
    def _candidates(found: Detections, sample: Sample, index: int) -> list[int]:
        wanted = sample.objects[index]
        held = found.attributes or ({},) * len(found.labels)
        return [
            i
            for i, (label, attributes) in enumerate(zip(found.labels, held, strict=True))
            if label == wanted.label and all(attributes.get(k, v) == v for k, v in wanted.attributes.items())
        ]
