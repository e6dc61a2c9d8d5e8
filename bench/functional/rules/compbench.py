"""T2I-CompBench's scores of an image (Huang et al. 2023, arXiv 2307.06350, sec. 4; ++: 2025), from confidences, boxes,
depths and answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from bench.errors import UsageError, did_you_mean
from bench.functional.boxes import box_iou
from bench.functional.relations import relation_score
from bench.functional.rules.questions import _probabilities

LOWEST = 0.5
"""A spatial score below this counts as 0, so that one object alone scores nothing."""
DEPTH_IOU = 0.5
"""Overlap from which 'in front of' and 'behind' count in full."""
_DEPTH_WORDS = {"in front of": 1, "behind": -1, "hidden by": -1}


def blip_vqa(yes: Sequence[float] | np.ndarray) -> float:
    """Product of the probabilities of yes to '<noun phrase>?' for each phrase of the prompt (eq. 1)."""
    return float(np.prod(_probabilities(yes, "probabilities")))


def compbench_spatial(
    subject: tuple[float, Sequence[float]] | None, other: tuple[float, Sequence[float]] | None, relation: str
) -> float:
    """(confidence, box xyxy) of the surest object of each class, None where there is none -> score in [0, 1].

    A quarter of each confidence and a half of the position's score; below one half it counts as 0. The benchmark's
    script knows 'on top of' but never credits it; here it counts as above.
    """
    score = sum(0.25 * one[0] for one in (subject, other) if one is not None)
    if subject is not None and other is not None:
        a, b = (torch.tensor([list(one[1])], dtype=torch.float64) for one in (subject, other))
        score += 0.5 * float(relation_score(a, b, relation, rule="t2i-compbench")[0])
    return score if score >= LOWEST else 0.0


def compbench_spatial_3d(
    subject: tuple[float, Sequence[float], float] | None,
    other: tuple[float, Sequence[float], float] | None,
    relation: str,
) -> float:
    """(confidence, box, mean nearness) of each object -> score; 'in front of', 'behind', 'hidden by'.

    nearness is larger where the object is nearer (inverse depth). Wrong order in depth: 0 for the position; right
    order: 1 from an IoU of a half on, in proportion below. Objects that do not overlap get nothing for it.
    """
    if relation not in _DEPTH_WORDS:
        raise UsageError(f"'{relation}' is no relation in depth.{did_you_mean(relation, _DEPTH_WORDS)}")
    score = sum(0.25 * one[0] for one in (subject, other) if one is not None)
    if subject is not None and other is not None and (subject[2] - other[2]) * _DEPTH_WORDS[relation] > 0:
        iou = float(box_iou(np.array([subject[1]], dtype=float), np.array([other[1]], dtype=float))[0, 0])
        score += 0.5 * min(iou / DEPTH_IOU, 1.0)
    return score if score >= LOWEST else 0.0


def compbench_numeracy(labels: Sequence[str], wanted: Sequence[str]) -> float:
    """Half a share for each wanted class that is there and half for one whose number is right, mean over classes."""
    if not len(wanted):
        raise UsageError("The prompt names no object, so that its numbers cannot be judged.")
    found, asked = Counter(labels), Counter(wanted)
    return sum(0.5 * (found[c] > 0) + 0.5 * (found[c] == n) for c, n in asked.items()) / len(asked)


def three_in_one(vqa: float, spatial: float, clip: float) -> float:
    """Mean of the three scores of a complex prompt, as far as they apply (NaN where one does not)."""
    held = [v for v in (vqa, spatial, clip) if np.isfinite(v)]
    return float(np.mean(held)) if held else float("nan")
