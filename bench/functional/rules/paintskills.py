"""PaintSkills' three skills (Cho et al. 2023, arXiv 2202.04053, sec. 3): object, count and spatial relation."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.functional.relations import relation_holds


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
    first, second = ([i for i, label in enumerate(labels) if label == name] for name in (subject, other))
    if len(first) != 1 or len(second) != 1 or first == second:
        return False
    given = torch.as_tensor(boxes).double()
    return bool(relation_holds(given[first], given[second], relation, rule="paintskills")[0])
