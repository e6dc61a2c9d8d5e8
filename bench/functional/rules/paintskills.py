"""PaintSkills' three skills (Cho et al. 2023, arXiv 2202.04053, sec. 3): object, count and spatial relation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.functional.relations import Placed, relation_scores, relation_word


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


def dalleval_spatial(
    labels: Sequence[str], boxes: np.ndarray, scores: np.ndarray, size: tuple[int, int], asked: tuple[str, str, str]
) -> bool:
    """DALL-Eval's own verdict (paintskills/detr/datasets/skill_eval.py of j-min/DallEval): the two surest boxes of any
    classes are the two objects, and their centres, in shares of the image, stand so along the longer axis.

    boxes (m, 4) xyxy; size (width, height), (0, 0) where it is not known (then pixels are compared); asked: (subject,
    other, relation of the subject to the other). Of two objects of one class either may be the subject. Of equals in
    both axes the vertical one counts, and of no offset 'below', as in the script.
    """
    subject, other, relation = asked[0], asked[1], relation_word(asked[2])
    if len(labels) < 2:
        return False
    first, second = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:2]
    if (labels[first], labels[second]) == (other, subject):
        first, second = second, first
    elif (labels[first], labels[second]) != (subject, other):
        return False
    whole = np.array(size if min(size) > 0 else (1, 1), dtype=np.float64)
    given = np.asarray(boxes, dtype=np.float64)
    centres = (given[:, :2] + given[:, 2:]) / 2 / whole
    x, y = centres[first] - centres[second]
    sideways = abs(x) > abs(y)
    if subject == other:
        return relation in (("left of", "right of") if sideways else ("above", "below"))
    return relation == (("right of" if x > 0 else "left of") if sideways else ("above" if y < 0 else "below"))
