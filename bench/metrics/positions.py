"""`hrs-spatial`, `t2i-compbench-3d`, `paintskills-count`: further verdicts of the field's benchmarks on detections, one
of them with a map of depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional import checks
from bench.functional.relations import IN_DEPTH
from bench.functional.rules import compbench_spatial_3d, hrs_spatials, mean_nearness, paintskills_count
from bench.metrics.base import mean_output
from bench.metrics.benchmarks import OfPair, surest
from bench.metrics.detections import NOTHING, OfObjects
from bench.registry import register
from bench.types import Detections, Sample, View


@register(
    "metric", "hrs-spatial", summary="every object is found and stands in every stated relation (HRS-Bench)",
    scope="sample", direction="higher",
)  # fmt: skip
class HrsSpatial(OfObjects):
    """All or nothing over the prompt's classes and relations, each class by its surest box; HRS compares single edges,
    so that two objects may be above and below each other at once.

    Prompts without a relation, with one in depth or between objects of one class, do not count.
    """

    formula = "1[all classes found, and every relation holds between their surest boxes by the edges]"
    outputs = (mean_output("value", "spatial (HRS)"),)
    needs: ClassVar[tuple[str, ...]] = ("objects", "relations")
    responds_to = ("wrong-shape", "wrong-side", "shuffled", "constant", "noise")
    paper = "Bakr et al. 2023, arXiv:2304.05390"

    def judge_all(self, found: Sequence[Detections], truth: Sequence[Sample]) -> list[tuple[float, ...]]:
        """One look a word over all images, since looks are dear and boxes are few."""
        asked = [(image, wanted) for image, s in enumerate(truth) if (wanted := _wanted(s)) is not None]
        values = [NOTHING] * len(found)
        right = hrs_spatials([found[i] for i, _ in asked], [w for _, w in asked])
        for (image, _), good in zip(asked, right, strict=True):
            values[image] = float(good)
        return [(value,) for value in values]


def _wanted(sample: Sample) -> tuple[list[str], list[tuple[str, str, str]]] | None:
    """(classes, relations between them) of a prompt; None where it does not count."""
    labels = [thing.label for thing in sample.objects]
    stated = [(labels[r.subject], r.predicate, labels[r.object]) for r in sample.relations]
    if not stated or any(a == b or word in IN_DEPTH for a, word, b in stated):
        return None
    return labels, stated


@register(
    "metric", "paintskills-count", summary="exactly as many objects as asked for (PaintSkills)", scope="sample",
    direction="higher",
)  # fmt: skip
class PaintskillsCount(OfObjects):
    """Share of the named classes of which exactly the named number is found; other classes do not matter.

    PaintSkills' prompts name one class. Its object skill is object-presence, its spatial one paintskills-spatial.
    """

    formula = "mean over named classes of 1[found = wanted]"
    outputs = (mean_output("value", "count (PaintSkills)"),)
    responds_to = ("wrong-shape", "wrong-count", "shuffled", "constant", "noise")
    paper = "Cho et al. 2023, arXiv:2202.04053"

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        asked = Counter(thing.label for thing in sample.objects)
        if not asked:
            return (NOTHING,)
        return (sum(paintskills_count(found.labels, name, n) for name, n in asked.items()) / len(asked),)


@register(
    "metric", "t2i-compbench-3d", summary="confidences, overlap and order in depth of two objects (T2I-CompBench++)",
    scope="sample", direction="higher",
)  # fmt: skip
class Compbench3d(OfPair):
    """A quarter of each object's confidence and half of the position's score: right order in depth, in proportion to
    the overlap up to an IoU of a half. One object alone keeps its quarter, as in the published script.

    depth_extractor: gives a map a picture, larger where it is nearer (nearer=low: smaller, a true distance).
    transposed=true: as the published script, which reads its map with x for rows.
    """

    formula = "c1 / 4 + c2 / 4 + min(2 IoU, 1) 1[order in depth] / 2"
    outputs = (mean_output("value", "3D spatial (CompBench)"),)
    in_depth = True
    responds_to = ("wrong-shape", "shuffled", "constant", "noise")
    paper = "Huang et al. 2025, doi:10.1109/TPAMI.2025.3531907"

    def __init__(
        self, depth_extractor: str, extractor: str = "scene-detector", nearer: str = "high", transposed: bool = False
    ) -> None:
        if nearer not in ("high", "low"):
            raise UsageError(f"nearer={nearer} of t2i-compbench-3d is unknown; what is nearer is high or low.")
        super().__init__(extractor, depth_extractor, nearer, transposed)
        self.depth_extractor, self.sign = str(depth_extractor), 1.0 if nearer == "high" else -1.0
        self.transposed = bool(transposed)
        self._map = np.zeros((1, 1))

    def views(self) -> Mapping[str, View]:
        return {**super().views(), "depth": View("generated", "map", self.depth_extractor)}

    def update(  # type: ignore[override]
        self,
        *,
        found: Sequence[Detections],
        depth: torch.Tensor,
        truth: Sequence[Sample],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned detections, maps (b, h, w) and samples."""
        checks.finite(depth, "depth", ids)
        for seen, one, sample in zip(found, depth.double().numpy(force=True), truth, strict=True):
            self._map = self.sign * one
            super().update(found=[seen], truth=[sample])

    def pairs(self, found: Sequence[Detections], asked: Sequence[tuple[str, str, str]]) -> list[float]:
        return [
            compbench_spatial_3d(self._deep(one, a), self._deep(one, b), relation)
            for one, (a, b, relation) in zip(found, asked, strict=True)
        ]

    def _deep(self, found: Detections, label: str) -> tuple[float, list[float], float] | None:
        one = surest(found, label)
        if one is None:
            return None
        return *one, mean_nearness(self._map, one[1], found.size, transposed=self.transposed)
