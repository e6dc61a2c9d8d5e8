"""`object-overlap`, `counting-error`, `hrs-counting`, `soa`, `t2i-compbench-numeracy`: the found objects as a multiset
against the wanted ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional import multiset_f1, multiset_jaccard
from bench.functional.boxes import box_iou, counting_error
from bench.functional.rules import compbench_numeracy, counting_rmse, hrs_counting
from bench.metrics.base import mean_output
from bench.metrics.detections import EMPTY, NOTHING, OfObjects, boxes_of
from bench.metrics.rowwise import mark
from bench.registry import register
from bench.types import Detections, Estimator, OutputCard, Sample

_MOVED = ("wrong-shape", "wrong-count", "shuffled", "constant", "noise")


def _wanted(sample: Sample) -> list[str]:
    return [thing.label for thing in sample.objects]


@register(
    "metric", "object-overlap", summary="overlap of the found objects with the wanted ones, as multisets",
    scope="sample", direction="higher",
)  # fmt: skip
class ObjectOverlap(OfObjects):
    """F1 and Jaccard index of the multisets of found and wanted objects: missing and extra ones count alike.

    attribute: objects are told apart by it, too, where the prompt states it for all ('' compares classes alone).
    """

    formula = "F1 = 2 |F & W| / (|F| + |W|), Jaccard = |F & W| / |F | W| of multisets"
    columns: ClassVar[tuple[str, ...]] = ("f1", "jaccard")
    outputs = (
        mean_output("f1", "objects F1", column="f1"),
        mean_output("jaccard", "objects Jaccard", column="jaccard", primary=False),
    )
    responds_to = _MOVED

    def __init__(self, extractor: str = "scene-detector", attribute: str = "") -> None:
        super().__init__(extractor, attribute)
        self.attribute = attribute

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        if not sample.objects:
            return NOTHING, NOTHING
        stated = bool(self.attribute) and all(self.attribute in t.attributes for t in sample.objects)
        held = found.attributes or ({},) * len(found.labels)
        here = [(n, a.get(self.attribute) if stated else "") for n, a in zip(found.labels, held, strict=True)]
        asked = [(t.label, t.attributes[self.attribute] if stated else "") for t in sample.objects]
        return multiset_f1(here, asked), multiset_jaccard(here, asked)


@register(
    "metric", "counting-error", summary="how far the numbers of objects are off", scope="sample", direction="lower"
)
class CountingError(OfObjects):
    """mae: mean absolute error over classes named or found. rmse: root mean square over the named classes, TISE's
    counting alignment."""

    formula = "mean |found - wanted| over classes; (mean (found - wanted)^2)^(1/2) over named classes"
    columns: ClassVar[tuple[str, ...]] = ("mae", "rmse")
    outputs = (
        mean_output("mae", "count error", column="mae", direction="lower", high=None),
        mean_output("rmse", "count RMSE (CA)", column="rmse", direction="lower", high=None, primary=False),
    )
    responds_to = _MOVED
    paper = "Dinh et al. 2022, arXiv:2112.01398"

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        if not sample.objects:
            return NOTHING, NOTHING
        wanted = _wanted(sample)
        return counting_error(found.labels, wanted), counting_rmse(found.labels, Counter(wanted))


@register(
    "metric", "hrs-counting", summary="precision, recall and F1 of counted objects over all images (HRS-Bench)",
    scope="sample", direction="higher",
)  # fmt: skip
class HrsCounting(OfObjects):
    """Sums over images of the smaller of found and wanted numbers of each named class, over found and over wanted."""

    formula = "2 sum min(found, wanted) / (sum found + sum wanted), over images and named classes"
    columns: ClassVar[tuple[str, ...]] = ("right", "found", "wanted", "twice", "total")
    outputs = (
        OutputCard("f1", "counting F1 (HRS)", "higher", 0.0, 1.0, estimator=Estimator("ratio", ("twice", "total"))),
        OutputCard("precision", "counting precision (HRS)", "higher", 0.0, 1.0, primary=False,
                   estimator=Estimator("ratio", ("right", "found"))),
        OutputCard("recall", "counting recall (HRS)", "higher", 0.0, 1.0, primary=False,
                   estimator=Estimator("ratio", ("right", "wanted"))),
    )  # fmt: skip
    responds_to = _MOVED
    paper = "Bakr et al. 2023, arXiv:2304.05390"

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        if not sample.objects:
            return (NOTHING,) * 5
        right, seen, wanted = hrs_counting([(found.labels, _wanted(sample))])
        return float(right), float(seen), float(wanted), 2.0 * right, float(seen + wanted)


@register(
    "metric", "t2i-compbench-numeracy", summary="half for each named class that is there, half for its right number",
    scope="sample", direction="higher",
)  # fmt: skip
class CompbenchNumeracy(OfObjects):
    """T2I-CompBench++'s numeracy, mean over the classes of the prompt."""

    formula = "mean over classes of (1[found > 0] + 1[found = wanted]) / 2"
    outputs = (mean_output("value", "numeracy (CompBench)"),)
    responds_to = _MOVED
    paper = "Huang et al. 2025, doi:10.1109/TPAMI.2025.3531907"

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        return (compbench_numeracy(found.labels, _wanted(sample)) if sample.objects else NOTHING,)


MOST_CLASSES = 16
"""Classes that one prompt may name."""


@register(
    "metric", "soa", summary="semantic object accuracy: named classes that are found, by image and by class",
    scope="gallery", direction="higher",
)  # fmt: skip
class Soa(OfObjects):
    """SOA-I: share of all (image, named class) pairs in which the class was found. SOA-C: mean over classes of that
    share, so that rare classes count as much as frequent ones.

    IoU: where a class with a box in the layout was found, the best overlap of any found with any wanted box of it, mean
    over such pairs; IoU-C: mean over classes of that mean, a class never found counting 0. Both say nothing of what was
    missed.
    """

    version = 2
    formula = "SOA-C = mean over classes of recall; SOA-I = recall over (image, class) pairs; IoU of the found ones"
    scope = "gallery"
    columns: ClassVar[tuple[str, ...]] = ("found", "named")
    outputs = (
        mean_output("SOA-C", "SOA-C", column="by class", high=None),
        OutputCard(
            "SOA-I", "SOA-I", "higher", 0.0, 1.0, primary=False, estimator=Estimator("ratio", ("found", "named"))
        ),
        OutputCard("IoU", "SOA IoU", "higher", 0.0, 1.0, primary=False, estimator=Estimator("ratio", ("iou", "boxed"))),
        mean_output("IoU-C", "SOA-C IoU", column="iou by class", high=None, primary=False),
    )
    responds_to = ("wrong-shape", "shuffled", "constant", "noise")
    paper = "Hinz et al. 2019, arXiv:1910.13321"

    def __init__(self, extractor: str = "scene-detector") -> None:
        super().__init__(extractor)
        self.classes, self.hits, self.overlaps = (self.add_rows(n, extractor) for n in ("classes", "hits", "overlaps"))

    def update(self, *, found: Sequence[Detections], truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Aligned lists of length b."""
        super().update(found=found, truth=truth, ids=ids)
        if not truth:
            return
        classes = np.zeros((len(truth), MOST_CLASSES), dtype=np.int64)
        hits = np.zeros((len(truth), MOST_CLASSES), dtype=np.float64)
        overlaps = np.full((len(truth), MOST_CLASSES), np.nan)
        for i, (one, sample) in enumerate(zip(found, truth, strict=True)):
            seen = one if one.readable else EMPTY
            boxes, labels = boxes_of(sample, one.size)
            for j, name in enumerate(_named(sample)):
                classes[i, j], hits[i, j] = mark(name), name in seen.labels
                overlaps[i, j] = _best_overlap(seen, name, boxes[[n == name for n in labels]])
        for state, rows in ((self.classes, classes), (self.hits, hits), (self.overlaps, overlaps)):
            getattr(self, state).append(torch.from_numpy(rows))

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        named = _named(sample)
        return (float(sum(n in found.labels for n in named)), float(len(named))) if named else (NOTHING, NOTHING)

    def table(self) -> dict[str, np.ndarray]:
        """'by class' is each row's part of SOA-C, so that its mean over rows that name a class is SOA-C."""
        rows = super().table()
        classes, hits, overlaps = (
            self.joined(state).numpy(force=True) for state in (self.classes, self.hits, self.overlaps)
        )
        boxed = np.isfinite(overlaps)
        iou = np.where(boxed & (hits > 0), np.nan_to_num(overlaps), 0.0)
        named = (classes != 0).any(1)
        return {
            **rows,
            "by class": _by_class(classes, hits, classes != 0, classes != 0),
            "iou": np.where(named, iou.sum(1), np.nan),
            "boxed": np.where(named, (boxed & (hits > 0)).sum(1).astype(np.float64), np.nan),
            "iou by class": _by_class(classes, iou, boxed, boxed & (hits > 0)),
        }


def _by_class(classes: np.ndarray, values: np.ndarray, of: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """(n,) each row's part of the mean over the classes of `of` of the mean over the `counted` values; NaN for rows
    without any of them."""
    kinds, code = np.unique(classes[of], return_inverse=True)
    count = np.bincount(code.reshape(-1), weights=counted[of].astype(np.float64), minlength=len(kinds))
    part = np.zeros(values.shape)
    part[of] = values[of] / np.maximum(count, 1)[code.reshape(-1)]
    there = of.any(1)
    return np.where(there, part.sum(1) * there.sum() / max(len(kinds), 1), np.nan)


def _best_overlap(found: Detections, label: str, wanted: np.ndarray) -> float:
    """The best IoU of a found with a wanted box of a class: NaN where none is wanted, 0 where none is found."""
    at = [i for i, name in enumerate(found.labels) if name == label]
    if not len(wanted):
        return NOTHING
    return float(box_iou(np.asarray(found.boxes)[at], wanted).max()) if at else 0.0


def _named(sample: Sample) -> list[str]:
    named = list(dict.fromkeys(_wanted(sample)))
    if len(named) > MOST_CLASSES:
        raise UsageError(f"Sample '{sample.id}' names {len(named)} classes; soa counts up to {MOST_CLASSES}.")
    return named
