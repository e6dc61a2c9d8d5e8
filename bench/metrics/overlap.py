"""`box-giou`, `mask-overlap`, `visual-focus`: where the objects are, beyond the IoU of boxes (`box-overlap`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from bench.functional import (
    checks,
    detection_match,
    generalised_box_iou,
    mass_in,
    matched_overlap,
    pointing_game,
    saliency_in,
)
from bench.functional.focus import region
from bench.metrics.base import mean_output
from bench.metrics.detections import EMPTY, NOTHING, OfObjects, boxes_of
from bench.metrics.rowwise import Rowwise
from bench.registry import register
from bench.types import Detections, OutputCard, Sample, View

_MOVED = ("wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")


@register(
    "metric", "box-giou", summary="mean generalised IoU of the objects with their boxes", scope="sample",
    direction="higher",
)  # fmt: skip
class BoxGiou(OfObjects):
    """As box-overlap, with IoU less the share of the hull that neither box covers: boxes apart differ by how far.

    A missed object counts -1; extra ones are free. Objects are matched by the largest total IoU.
    """

    formula = "mean over wanted boxes of IoU - (hull - union) / hull, -1 where missed"
    outputs = (mean_output("value", "box gIoU", low=-1.0),)
    responds_to = _MOVED
    paper = "Rezatofighi et al. 2019, arXiv:1902.09630"
    needs: ClassVar[tuple[str, ...]] = ("objects", "boxes")

    def judge(self, found: Detections, sample: Sample) -> tuple[float, ...]:
        targets, labels = boxes_of(sample, found.size)
        if not labels:
            return (NOTHING,)
        pairs = detection_match(found.boxes, found.labels, targets, labels)
        gain = generalised_box_iou(found.boxes, targets)
        return ((sum(float(gain[i, j]) for i, j, _ in pairs) - (len(labels) - len(pairs))) / len(labels),)


@register(
    "metric", "mask-overlap", summary="mean IoU and Dice of the objects' masks", scope="sample", direction="higher"
)
class MaskOverlap(Rowwise):
    """Each wanted mask with its match of the same class; a missed object counts 0, extra ones are free.

    Masks of the truth are brought to the size of the image's.
    """

    formula = "mean over wanted masks of |A & B| / |A | B| and 2 |A & B| / (|A| + |B|)"
    columns: ClassVar[tuple[str, ...]] = ("iou", "dice")
    outputs = (
        mean_output("iou", "mask IoU", column="iou"),
        mean_output("dice", "Dice", column="dice", primary=False),
    )
    responds_to = _MOVED
    paper = "Dice 1945, doi:10.2307/1932409"
    needs: ClassVar[tuple[str, ...]] = ("objects", "masks")

    def __init__(self, extractor: str = "scene-segmenter") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {
            "found": View("generated", "detections", self.extractor),
            "masks": View("sample", "masks"),
            "truth": View("sample", "truth"),
        }

    def update(
        self,
        *,
        found: Sequence[Detections],
        masks: Sequence[Sequence[Any]],
        truth: Sequence[Sample],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned lists of length b; masks hold a bool (h, w), or None, for each object of the sample."""
        rows = [self._judge(f if f.readable else EMPTY, m, s) for f, m, s in zip(found, masks, truth, strict=True)]
        if rows:
            self.append(*torch.tensor(rows, dtype=torch.float64).T)

    def _judge(self, found: Detections, masks: Sequence[Any], sample: Sample) -> tuple[float, float]:
        wanted = [(m, t.label) for m, t in zip(masks, sample.objects, strict=True) if m is not None]
        if not wanted:
            return NOTHING, NOTHING
        if not found.masks:
            return 0.0, 0.0
        targets = [_sized(m, found.masks[0].shape) for m, _ in wanted]
        return matched_overlap(found.masks, found.labels, targets, [label for _, label in wanted])


def _sized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at another size, by the nearest pixel centre."""
    rows, columns = ((2 * np.arange(n) + 1) * size // (2 * n) for n, size in zip(shape, mask.shape, strict=True))
    return mask[rows][:, columns]


@register(
    "metric", "visual-focus", summary="does a model look at the named objects when it reads the prompt?",
    scope="sample", direction="higher",
)  # fmt: skip
class VisualFocus(Rowwise):
    """Pointing game: the map's peak lies in a box of a named object. NSS: the map inside the boxes in standard
    deviations above its mean. mass: share of the map inside. Chance is the boxes' share of the picture, and 0 for NSS.

    Boxes are the truth's: a picture of another layout is right elsewhere. Use it where the layout is given.
    """

    formula = "pointing = 1[argmax in box]; NSS = (mean inside - mean) / sd; mass = sum inside / sum"
    columns: ClassVar[tuple[str, ...]] = ("pointing", "nss", "mass")
    outputs = (
        mean_output("pointing", "pointing game", column="pointing"),
        OutputCard("nss", "NSS", "higher", None, None, estimator=mean_output("nss", "", column="nss").estimator),
        mean_output("mass", "attention inside", column="mass", primary=False),
    )
    responds_to = ("wrong-side", "shuffled", "constant", "noise")
    paper = "Zhang et al. 2016, arXiv:1608.00507"
    needs: ClassVar[tuple[str, ...]] = ("objects", "boxes")

    def __init__(self, extractor: str = "occlusion-map(of=scene-clip)") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {"attention": View("generated", "map", self.extractor, "prompt"), "truth": View("sample", "truth")}

    def update(self, *, attention: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Maps (b, h, w) and samples, whose `size` says in which pixels their boxes are."""
        checks.finite(attention, "attention", ids)
        rows = [self._judge(a.numpy(force=True), s) for a, s in zip(attention, truth, strict=True)]
        if rows:
            self.append(*torch.tensor(rows, dtype=torch.float64).T)

    @staticmethod
    def _judge(attention: np.ndarray, sample: Sample) -> tuple[float, float, float]:
        boxes, labels = boxes_of(sample, (attention.shape[1], attention.shape[0]))
        inside = region(boxes, attention.shape) if labels and all(sample.size) else np.zeros(attention.shape, bool)
        if not inside.any():
            return NOTHING, NOTHING, NOTHING
        return pointing_game(attention, inside), saliency_in(attention, inside), mass_in(attention, inside)
