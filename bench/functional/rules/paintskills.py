"""PaintSkills' three skills (Cho et al. 2023, arXiv 2202.04053, sec. 3): object, count and spatial relation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional.relations import Placed, relation_scores


def paintskills_object(labels: Sequence[str], wanted: str) -> bool:
    """Is an object of the class there?"""
    return wanted in labels


def paintskills_count(labels: Sequence[str], wanted: str, count: int) -> bool:
    """Are there exactly so many objects of the class?"""
    return list(labels).count(wanted) == count


def paintskills_spatial(labels: Sequence[str], boxes: torch.Tensor, subject: str, other: str, relation: str) -> bool:
    """Is there exactly one object of each class, and do their top left corners stand so along the longer axis?

    boxes (m, 4) xyxy; relation is of the subject to the other object (the benchmark states that of its second object
    to the first).
    """
    return paintskills_spatials([(labels, torch.as_tensor(boxes).numpy(force=True))], [(subject, other, relation)])[0]


def paintskills_spatials(
    found: Sequence[tuple[Sequence[str], np.ndarray]], asked: Sequence[tuple[str, str, str]]
) -> list[bool]:
    """As `paintskills_spatial`, of many images at once: (labels, boxes (m, 4)), and (subject, other, relation)."""
    right = [False] * len(found)
    of: list[int] = []
    placed: list[Placed] = []
    for image, ((labels, boxes), (subject, other, relation)) in enumerate(zip(found, asked, strict=True)):
        first, second = ([i for i, label in enumerate(labels) if label == name] for name in (subject, other))
        if len(first) == 1 and len(second) == 1 and first != second:
            of.append(image)
            placed.append((relation, boxes[first[0]], boxes[second[0]]))
    for image, score in zip(of, relation_scores(placed, rule="paintskills"), strict=True):
        right[image] = score == 1
    return right
