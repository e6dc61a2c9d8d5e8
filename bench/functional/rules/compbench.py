"""T2I-CompBench's scores of an image (Huang et al. 2023, arXiv 2307.06350, sec. 4; ++: 2025), from confidences, boxes,
depths and answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.functional.boxes import box_iou
from bench.functional.relations import IN_DEPTH, relation_scores
from bench.functional.rules.questions import _probabilities

LOWEST = 0.5
"""A 2D spatial score below this counts as 0, so that one object alone scores nothing."""
DEPTH_IOU = 0.5
"""Overlap from which 'in front of' and 'behind' count in full."""
_NEARER = dict(zip(IN_DEPTH, (1, -1, -1), strict=True))
"""Relation -> 1 where the first object is the nearer one."""
PEOPLE = frozenset({"girl", "boy", "man", "woman"})
"""Words of prompts that the benchmark looks for as 'person'."""


def blip_vqa(yes: Sequence[float] | np.ndarray) -> float:
    """Product of the probabilities of yes to '<noun phrase>?' for each phrase of the prompt (eq. 1)."""
    return float(np.prod(_probabilities(yes, "probabilities")))


def compbench_spatial(
    subject: tuple[float, Sequence[float]] | None,
    other: tuple[float, Sequence[float]] | None,
    relation: str,
    *,
    on_top_of: bool = True,
) -> float:
    """(confidence, box xyxy) of the surest object of each class, None where there is none -> score in [0, 1].

    A quarter of each confidence and a half of the position's score; below one half it counts as 0. The benchmark's
    script knows 'on top of' but never credits it; here it counts as above, unless `on_top_of` is False.
    """
    return compbench_spatials([(subject, other, relation)], on_top_of=on_top_of)[0]


Seen = tuple[float, Sequence[float]] | None
"""(confidence, box xyxy) of the surest object of a class."""


def compbench_spatials(images: Sequence[tuple[Seen, Seen, str]], *, on_top_of: bool = True) -> list[float]:
    """As `compbench_spatial`, of many images at once: (subject, other, relation) of each."""
    scores = [sum(0.25 * one[0] for one in (a, b) if one is not None) for a, b, _ in images]
    at, placed = [], []
    for i, (subject, other, relation) in enumerate(images):
        if subject is not None and other is not None and (on_top_of or relation != "on top of"):
            at.append(i)
            placed.append((relation, np.asarray(subject[1]), np.asarray(other[1])))
    for i, position in zip(at, relation_scores(placed, rule="t2i-compbench"), strict=True):
        scores[i] += 0.5 * position
    return [score if score >= LOWEST else 0.0 for score in scores]


def compbench_spatial_3d(
    subject: tuple[float, Sequence[float], float] | None,
    other: tuple[float, Sequence[float], float] | None,
    relation: str,
) -> float:
    """(confidence, box, mean nearness) of each object -> score; 'in front of', 'behind', 'hidden by'.

    nearness is larger where the object is nearer (inverse depth). Wrong order in depth: 0 for the position; right
    order: 1 from an IoU of a half on, in proportion below. Objects that do not overlap get nothing for it. As in the
    published script, nothing is cut below one half here: one object alone keeps a quarter of its confidence.
    """
    if relation not in _NEARER:
        raise UsageError(f"'{relation}' is no relation in depth.{did_you_mean(relation, _NEARER)}")
    score = sum(0.25 * one[0] for one in (subject, other) if one is not None)
    if subject is not None and other is not None and (subject[2] - other[2]) * _NEARER[relation] > 0:
        iou = float(box_iou(np.array([subject[1]], dtype=float), np.array([other[1]], dtype=float))[0, 0])
        score += 0.5 * min(iou / DEPTH_IOU, 1.0)
    return score


def mean_nearness(
    nearness: np.ndarray, box: Sequence[float], size: tuple[int, int], *, transposed: bool = False
) -> float:
    """Mean of a map (h, w) in a box (xyxy in pixels of a picture of this (width, height)); of one cell at least.

    size (0, 0): the map's own pixels. transposed: as the published script reads its map, with x for rows (NaN where
    that leaves the map).
    """
    rows, columns = nearness.shape
    scale = np.tile([columns / size[0], rows / size[1]] if all(size) else [1.0, 1.0], 2)
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box, dtype=np.float64) * scale)
    (left, right), (top, bottom) = _cells(x0, x1), _cells(y0, y1)
    if transposed:
        part = nearness[left:right, top:bottom]
    else:
        left, top = min(left, columns - 1), min(top, rows - 1)
        part = nearness[top : max(bottom, top + 1), left : max(right, left + 1)]
    return float(part.mean()) if part.size else float("nan")


def _cells(low: float, high: float) -> tuple[int, int]:
    first = max(int(low), 0)
    return first, max(int(high), first + 1)


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
