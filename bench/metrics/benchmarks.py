"""`visor`, `geneval`, `t2i-compbench-spatial`, `paintskills-spatial`: the verdicts of the field's benchmarks on
detections, for prompts with objects and relations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from bench.errors import DataError, UsageError
from bench.functional.relations import IN_DEPTH
from bench.functional.rules import (
    PEOPLE,
    VISOR_SPREAD,
    Clause,
    compbench_spatials,
    dalleval_spatial,
    geneval_verdicts,
    paintskills_spatials,
)
from bench.metrics.base import mean_output
from bench.metrics.detections import NOTHING, OfObjects
from bench.metrics.objects import SpatialRelation
from bench.metrics.rowwise import mark
from bench.registry import register
from bench.types import Detections, Estimator, OutputCard, Sample

_PLACED = ("wrong-shape", "wrong-side", "shuffled", "constant", "noise")


@register(
    "metric", "visor", summary="VISOR's numbers: relation, both present, and n of four images right", scope="group",
    direction="higher",
)  # fmt: skip
class Visor(SpatialRelation):
    """spatial-relation by VISOR's rule with VISOR_1 to 4: the share of prompts with so many right images.

    uncond is the mean of VISOR_1 to 4 where every prompt has four images.
    """

    formula = "VISOR_n = share of prompts with n or more right images; uncond = OA cond"
    scope = "group"
    outputs: ClassVar[tuple[OutputCard, ...]] = (
        *SpatialRelation.outputs,
        *(
            mean_output(f"VISOR_{n}", f"{n} or more right", column=f"VISOR_{n}", primary=False)
            for n in range(1, VISOR_SPREAD + 1)
        ),
    )
    paper = "Gokhale et al. 2022, arXiv:2212.10015"

    def __init__(self, extractor: str = "scene-detector") -> None:
        super().__init__(extractor, "visor")
        self.prompts = self.add_rows("prompts", extractor)

    def update(self, *, found: Sequence[Detections], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        super().update(found=found, truth=truth, ids=ids)
        if truth:
            getattr(self, self.prompts).append(torch.tensor([mark(s.id) for s in truth], dtype=torch.int64))

    def table(self) -> dict[str, np.ndarray]:
        """Every image of a prompt has the prompt's verdict, so that prompts with equally many images count alike."""
        rows = super().table()
        _, code = np.unique(self.joined(self.prompts).numpy(force=True), return_inverse=True)
        right = np.bincount(code.reshape(-1), weights=np.nan_to_num(rows["right"]) == 1)[code.reshape(-1)]
        known = np.isfinite(rows["right"])
        counts = {f"VISOR_{n}": np.where(known, right >= n, np.nan) for n in range(1, VISOR_SPREAD + 1)}
        return {**rows, **counts}


@register(
    "metric", "geneval", summary="is everything that the prompt asks for there? (GenEval)", scope="sample",
    direction="higher",
)  # fmt: skip
class GenEval(OfObjects):
    """All or nothing: numbers, colours and positions of the prompt hold in the image.

    overall: mean over tasks, the benchmark's headline (`by` names the samples' tag of the task). images: mean over
    images. counting: the tag's value of tasks that ask for a number, whose detections must be surer. tasks=true: a
    number for each of the six published tasks, too. What is asked for is what the benchmark's file says, where a
    sample has it, and else what its objects and relations say.
    """

    formula = "mean over tasks of the share of images in which every clause holds"
    columns: ClassVar[tuple[str, ...]] = ("right",)
    responds_to = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")
    paper = "Ghosh et al. 2023, arXiv:2310.11513"

    def __init__(
        self, extractor: str = "scene-detector", by: str = "kind", counting: str = "counting", tasks: bool = False
    ) -> None:
        super().__init__(extractor, by, counting, tasks)
        self.by, self.counting, self.each = by, counting, TASKS if tasks else ()
        self.tasks = self.add_rows("tasks", extractor, by, counting, tasks)
        overall = Estimator("macro", ("right", by))
        self.outputs: tuple[OutputCard, ...] = (  # type: ignore[misc]
            OutputCard("overall", "GenEval", "higher", 0.0, 1.0, estimator=overall),
            mean_output("images", "GenEval, all images", column="right", primary=False),
            *(mean_output(task, f"GenEval {task}", column=task, primary=False) for task in self.each),
        )

    def update(self, *, found: Sequence[Detections], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        super().update(found=found, truth=truth, ids=ids)
        if truth:
            tasks = torch.tensor([mark(s.tags.get(self.by, "")) for s in truth], dtype=torch.int64)
            getattr(self, self.tasks).append(tasks)

    def tags(self) -> dict[str, np.ndarray]:
        return {self.by: self.joined(self.tasks).numpy(force=True)}

    def table(self) -> dict[str, np.ndarray]:
        """With a column a task, which says nothing of the images of the others."""
        rows, of = super().table(), self.joined(self.tasks).numpy(force=True)
        return {**rows, **{task: np.where(of == mark(task), rows["right"], np.nan) for task in self.each}}

    def judge_all(self, found: Sequence[Detections], truth: Sequence[Sample]) -> list[tuple[float, ...]]:
        asked = [(*asked_of(s), s.tags.get(self.by) == self.counting) for s in truth]
        verdicts = geneval_verdicts(found, asked)
        return [(float(right),) if a[0] else (NOTHING,) for (right, _), a in zip(verdicts, asked, strict=True)]


TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
"""GenEval's six, in the order of its table."""


def asked_of(sample: Sample) -> tuple[list[Clause], list[Clause]]:
    """The clauses of a sample of GenEval's file (`tags` include and exclude), else those of its objects."""
    if "include" not in sample.tags:
        return clauses(sample)
    try:
        include, exclude = (
            [_clause(c) for c in json.loads(sample.tags.get(side, "[]"))] for side in ("include", "exclude")
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"The clauses of sample '{sample.id}' are not GenEval's: {error}.") from error
    return include, exclude


def _clause(given: Mapping[str, Any]) -> Clause:
    place = given.get("position")
    position = None if place is None else (str(place[0]), int(place[1]))
    return Clause(given["class"], given["count"], given.get("color", ""), position)


def clauses(sample: Sample) -> tuple[list[Clause], list[Clause]]:
    """What a sample's objects and relations ask for: one clause for each (class, colour) with its number; of a class
    that is named with a number there may be no more than that."""
    kinds = [(t.label, t.attributes.get("colour", "")) for t in sample.objects]
    counts = Counter(kinds)
    names, placed = list(counts), dict[tuple[str, str], tuple[str, int]]()
    for relation in (r for r in sample.relations if r.predicate not in IN_DEPTH):
        placed.setdefault(kinds[relation.subject], (relation.predicate, names.index(kinds[relation.object])))
    include = [Clause(label, n, colour, placed.get((label, colour))) for (label, colour), n in counts.items()]
    totals = Counter(label for label, _ in kinds)
    return _targets_first(include), [Clause(label, n + 1) for label, n in totals.items() if n > 1]


def _targets_first(include: list[Clause]) -> list[Clause]:
    """A position is asked of a clause whose target has been seen: targets come first."""
    order = sorted(range(len(include)), key=lambda i: include[i].position is not None)
    place = {old: new for new, old in enumerate(order)}
    return [
        c if c.position is None else Clause(c.label, c.count, c.colour, (c.position[0], place[c.position[1]]))
        for c in (include[i] for i in order)
    ]


class OfPair(OfObjects):
    """A metric of the prompt's first relation between two classes; other prompts do not count, and of relations in
    depth and in the picture only those that it judges."""

    in_depth: ClassVar[bool] = False
    alike: bool = False
    """Whether two objects of one class are judged: most benchmarks tell objects apart by their class alone."""
    needs: ClassVar[tuple[str, ...]] = ("objects", "relations")
    responds_to: ClassVar[tuple[str, ...]] = _PLACED

    def judge_all(self, found: Sequence[Detections], truth: Sequence[Sample]) -> list[tuple[float, ...]]:
        asked = [(image, pair) for image, s in enumerate(truth) if (pair := self._asked(s)) is not None]
        values = [NOTHING] * len(found)
        scores = self.pairs([found[image] for image, _ in asked], [pair for _, pair in asked])
        for (image, _), value in zip(asked, scores, strict=True):
            values[image] = value
        return [(value,) for value in values]

    def _asked(self, sample: Sample) -> tuple[str, str, str] | None:
        """(class of the subject, class of the other object, relation); None where the prompt does not count."""
        first = sample.relations[0] if sample.relations else None
        if first is None or (first.predicate in IN_DEPTH) != self.in_depth:
            return None
        if max(first.subject, first.object) >= len(sample.objects):
            raise DataError(f"A relation of sample '{sample.id}' names an object that it does not have.")
        subject, other = (sample.objects[i].label for i in (first.subject, first.object))
        return None if subject == other and not self.alike else (subject, other, first.predicate)

    def pairs(self, found: Sequence[Detections], asked: Sequence[tuple[str, str, str]]) -> list[float]:
        """The scores of several images, looked at together: looks are dear and boxes are few."""
        raise NotImplementedError


@register(
    "metric", "t2i-compbench-spatial", summary="confidences and position of two objects (T2I-CompBench)",
    scope="sample", direction="higher",
)  # fmt: skip
class CompbenchSpatial(OfPair):
    """A quarter of each object's confidence and half of the position's score, 0 below one half.

    'near' is measured in pixels (150), as published, so that it depends on the size of the image. on_top_of=false: as
    the published script, which knows 'on top of' and credits it with nothing.
    """

    formula = "c1 / 4 + c2 / 4 + position / 2, 0 below 1/2"
    outputs = (mean_output("value", "spatial (CompBench)"),)
    paper = "Huang et al. 2023, arXiv:2307.06350"

    def __init__(self, extractor: str = "scene-detector", on_top_of: bool = True) -> None:
        super().__init__(extractor, on_top_of)
        self.on_top_of = bool(on_top_of)

    def pairs(self, found: Sequence[Detections], asked: Sequence[tuple[str, str, str]]) -> list[float]:
        seen = [(surest(f, a), surest(f, b), word) for f, (a, b, word) in zip(found, asked, strict=True)]
        return compbench_spatials(seen, on_top_of=self.on_top_of)


def surest(found: Detections, label: str) -> tuple[float, list[float]] | None:
    """(confidence, box) of T2I-CompBench's object of a class: the surest; a girl, boy, man or woman is a person too."""
    names = {label, "person"} if label in PEOPLE else {label}
    at = [i for i, name in enumerate(found.labels) if name in names]
    if not at:
        return None
    best = max(at, key=lambda i: found.scores[i])
    return float(found.scores[best]), found.boxes[best].tolist()


@register(
    "metric", "paintskills-spatial", summary="one object of each class, in the stated relation (PaintSkills)",
    scope="sample", direction="higher",
)  # fmt: skip
class PaintskillsSpatial(OfPair):
    """rule=heim: exactly one object of each class is found and their corners stand as stated along the longer axis.
    rule=dall-eval: the two surest boxes are the two objects, and their centres stand so; of two objects of one class
    only the axis counts."""

    formula = "1[one object of each class, corners in the relation along the longer axis]"
    outputs = (mean_output("value", "spatial (PaintSkills)"),)
    paper = "Cho et al. 2023, arXiv:2202.04053"

    def __init__(self, extractor: str = "scene-detector", rule: str = "heim") -> None:
        if rule not in ("heim", "dall-eval"):
            raise UsageError(f"The rule of paintskills-spatial is heim or dall-eval; got '{rule}'.")
        super().__init__(extractor, rule)
        self.rule, self.alike = rule, rule == "dall-eval"

    def pairs(self, found: Sequence[Detections], asked: Sequence[tuple[str, str, str]]) -> list[float]:
        if self.rule == "dall-eval":
            every = zip(found, asked, strict=True)
            return [float(dalleval_spatial(f.labels, f.boxes, f.scores, f.size, pair)) for f, pair in every]
        return list(map(float, paintskills_spatials([(f.labels, f.boxes) for f in found], asked)))
