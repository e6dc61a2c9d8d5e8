"""Spatial relations between boxes by the rules of five benchmarks (which disagree: on random boxes all five give the
same verdict for 58 % of layouts, so the rule is part of every score's protocol).

Boxes are (n, 4) xyxy, y downwards; relation words are 'left of', 'right of', 'above', 'below' and, for t2i-compbench,
'near'. visor: Gokhale et al. 2022, arXiv 2212.10015. geneval: Ghosh et al. 2023, arXiv 2310.11513. t2i-compbench: Huang
et al. 2023, arXiv 2307.06350. hrs: Bakr et al. 2023, arXiv 2304.05390. paintskills: Cho et al. 2023, arXiv 2202.04053.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench.errors import UsageError, did_you_mean
from bench.functional import checks

_WORDS = {
    "left of": "left of", "to the left of": "left of", "on the left of": "left of", "left": "left of",
    "right of": "right of", "to the right of": "right of", "on the right of": "right of", "right": "right of",
    "above": "above", "on the top of": "above", "on top of": "above", "top": "above",
    "over": "above", "below": "below", "on the bottom of": "below", "under": "below", "bottom": "below",
    "beneath": "below",
    "near": "near", "next to": "near", "on side of": "near",
}  # fmt: skip
IN_DEPTH = ("in front of", "behind", "hidden by")
"""Relations that boxes alone say nothing of: no rule here knows them."""
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "near": "near"}

GENEVAL_MARGIN, GENEVAL_SHARE = 0.1, 0.5
"""GenEval forgives an overlap of a tenth of both extents and then wants half of the unit offset."""
COMPBENCH_IOU, COMPBENCH_NEAR = 0.1, 150.0
"""T2I-CompBench's largest free IoU, and its pixel distance for near (which depends on the resolution)."""


def relation_word(word: str) -> str:
    """The canonical relation of a phrase; UsageError for an unknown one."""
    if word not in _WORDS:
        raise UsageError(f"'{word}' is no relation.{did_you_mean(word, _WORDS)}")
    return _WORDS[word]


def _centres(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _offset(subject: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return _centres(subject) - _centres(other)


def _along(offset: torch.Tensor, relation: str) -> torch.Tensor:
    """How far the subject lies in the relation's direction: the component of the offset along it."""
    axis, sign = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}[relation]
    return offset[:, axis] * sign


def _dominant(offset: torch.Tensor, relation: str) -> torch.Tensor:
    horizontal = offset[:, 0].abs() > offset[:, 1].abs()
    return horizontal if relation in ("left of", "right of") else offset[:, 1].abs() > offset[:, 0].abs()


def _visor(subject: torch.Tensor, other: torch.Tensor, relation: str) -> torch.Tensor:
    return _along(_offset(subject, other), relation) > 0


def _geneval(subject: torch.Tensor, other: torch.Tensor, relation: str) -> torch.Tensor:
    offset = _offset(subject, other)
    extent = (subject[:, 2:] - subject[:, :2]) + (other[:, 2:] - other[:, :2])
    kept = (offset.abs() - GENEVAL_MARGIN * extent).clamp_min(0) * offset.sign()
    length = offset.norm(dim=1, keepdim=True)
    return _along(torch.where(length > 0, kept / length.clamp_min(1e-300), 0.0), relation) > GENEVAL_SHARE


def _hrs(subject: torch.Tensor, other: torch.Tensor, relation: str) -> torch.Tensor:
    x0, y0, x1, y1 = (subject - other).unbind(1)
    return {
        "left of": x0 < 0, "right of": x1 > 0, "above": (y0 < 0) | (y1 < 0), "below": (y0 > 0) | (y1 > 0)
    }[relation]  # fmt: skip


def _paintskills(subject: torch.Tensor, other: torch.Tensor, relation: str) -> torch.Tensor:
    corner = subject[:, :2] - other[:, :2]
    return _dominant(corner, relation) & (_along(corner, relation) > 0)


def _compbench(subject: torch.Tensor, other: torch.Tensor, relation: str) -> torch.Tensor:
    return relation_score(subject, other, relation, rule="t2i-compbench") == 1


RULES: dict[str, Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor]] = {
    "visor": _visor,
    "geneval": _geneval,
    "t2i-compbench": _compbench,
    "hrs": _hrs,
    "paintskills": _paintskills,
}


def _pair(subject_boxes: torch.Tensor, object_boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    pair = torch.as_tensor(subject_boxes).double(), torch.as_tensor(object_boxes).double()
    if pair[0].ndim != 2 or pair[0].shape[1] != 4 or pair[0].shape != pair[1].shape:
        raise UsageError(f"Both sides must be (n, 4) xyxy; got {tuple(pair[0].shape)} and {tuple(pair[1].shape)}.")
    checks.finite(pair[0], "subject_boxes")
    checks.finite(pair[1], "object_boxes")
    return pair


def relation_holds(
    subject_boxes: torch.Tensor, object_boxes: torch.Tensor, relation: str, *, rule: str = "visor"
) -> torch.Tensor:
    """Aligned boxes (n, 4), (n, 4) -> (n,) bool: does each subject stand in `relation` to its object?"""
    if rule not in RULES:
        raise UsageError(f"'{rule}' is no position rule.{did_you_mean(rule, RULES)}")
    word = relation_word(relation)
    if word == "near" and rule != "t2i-compbench":
        raise UsageError(f"The rule '{rule}' does not define 'near'; use rule='t2i-compbench'.")
    return RULES[rule](*_pair(subject_boxes, object_boxes), word)


def relation_score(
    subject_boxes: torch.Tensor, object_boxes: torch.Tensor, relation: str, *, rule: str = "t2i-compbench"
) -> torch.Tensor:
    """Aligned boxes (n, 4), (n, 4) -> (n,) float64 in [0, 1]; other rules than t2i-compbench give 0 or 1."""
    if rule != "t2i-compbench":
        return relation_holds(subject_boxes, object_boxes, relation, rule=rule).double()
    subject, other = _pair(subject_boxes, object_boxes)
    word = relation_word(relation)
    offset = _offset(subject, other)
    if word == "near":
        far = offset.abs().amax(1)
        close = (offset.abs() < COMPBENCH_NEAR).any(1)
        return torch.where(close, 1.0, COMPBENCH_NEAR / far.clamp_min(COMPBENCH_NEAR))
    right = _dominant(offset, word) & (_along(offset, word) > 0)
    return torch.where(right, _separation(subject, other), 0.0)


Placed = tuple[str, np.ndarray, np.ndarray]
"""A relation, and the boxes (4,) xyxy of the subject and of the other object."""


def relation_scores(placed: Sequence[Placed], *, rule: str) -> list[float]:
    """As `relation_score`, of many pairs whose relations differ: one look a relation, since looks are dear."""
    found, by = [0.0] * len(placed), dict[str, list[int]]()
    for at, (word, _, _) in enumerate(placed):
        by.setdefault(word, []).append(at)
    for word, places in by.items():
        these, others = (torch.from_numpy(np.array([placed[i][k] for i in places], dtype=np.float64)) for k in (1, 2))
        for at, score in zip(places, relation_score(these, others, word, rule=rule).tolist(), strict=True):
            found[at] = score
    return found


def _separation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """1 below an IoU of 0.1, else 0.1 / IoU."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (high - low).clamp_min(0).prod(1)
    size = [(x[:, 2:] - x[:, :2]).clamp_min(0).prod(1) for x in (a, b)]
    union = size[0] + size[1] - inter
    iou = torch.where(union > 0, inter / union.clamp_min(1e-300), 0.0)
    return torch.where(iou < COMPBENCH_IOU, 1.0, COMPBENCH_IOU / iou.clamp_min(COMPBENCH_IOU))
