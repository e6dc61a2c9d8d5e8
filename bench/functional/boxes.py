"""Boxes and labels: IoU, class-aware matching, and what it says about presence, counts, attributes and overlap.

Boxes are (m, 4) xyxy in pixels; a box whose right or lower edge is not beyond the other has area 0. Labels are any
sequence (texts or an integer tensor), equal meaning the same class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from bench.errors import UsageError
from bench.functional import checks


def _boxes(boxes: Any, name: str) -> np.ndarray:
    """(m, 4) float64. In numpy: an image has few boxes, and for so few a tensor's overhead is most of the time."""
    held = boxes.detach().cpu().numpy() if isinstance(boxes, torch.Tensor) else boxes
    found = np.asarray(held, dtype=np.float64)
    found = found.reshape(-1, 4) if found.size == 0 else found
    if found.ndim != 2 or found.shape[1] != 4:
        raise UsageError(f"{name} must be (m, 4) xyxy; got {tuple(found.shape)}.")
    if not np.isfinite(found).all():
        checks.finite(torch.from_numpy(found), name)
    return found


def _labels(labels: Any) -> list[Any]:
    return labels.tolist() if isinstance(labels, torch.Tensor | np.ndarray) else list(labels)


def area(boxes: np.ndarray) -> np.ndarray:
    """(m, 4) -> (m,); degenerate boxes have area 0."""
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(1)


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.maximum(high - low, 0).prod(2)
    union = area(a)[:, None] + area(b)[None, :] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def box_iou(boxes: Any, others: Any) -> torch.Tensor:
    """(m, 4), (t, 4) -> (m, t) float64 intersection over union in [0, 1]; 0 where the union is empty."""
    return torch.from_numpy(_iou(_boxes(boxes, "boxes"), _boxes(others, "others")))


def _assign(gain: np.ndarray) -> list[tuple[int, int]]:
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def detection_match(boxes: Any, labels: Any, target_boxes: Any, target_labels: Any) -> list[tuple[int, int, float]]:
    """One-to-one pairs (found, target, IoU) of equal label with the largest total IoU (Hungarian)."""
    mine, wanted = _labels(labels), _labels(target_labels)
    iou = _iou(_boxes(boxes, "boxes"), _boxes(target_boxes, "target_boxes"))
    if iou.shape != (len(mine), len(wanted)):
        raise UsageError(
            f"There must be a label for each box; got {len(mine)} and {len(wanted)} for boxes {iou.shape}."
        )
    same = np.array([[a == b for b in wanted] for a in mine], dtype=bool).reshape(iou.shape)
    pairs = _assign(np.where(same, 1.0 + iou, 0.0)) if iou.size else []
    return [(i, j, float(iou[i, j])) for i, j in pairs if same[i, j]]


def box_iou_overlap(boxes: Any, labels: Any, target_boxes: Any, target_labels: Any) -> torch.Tensor:
    """Mean IoU of the targets with their match of the same class -> scalar float64 in [0, 1].

    A missed target counts 0; extra boxes are free. No target: 1 when nothing was found, else 0.
    """
    targets = len(_labels(target_labels))
    if targets == 0:
        return torch.tensor(float(len(_labels(labels)) == 0), dtype=torch.float64)
    pairs = detection_match(boxes, labels, target_boxes, target_labels)
    return torch.tensor(sum(iou for _, _, iou in pairs) / targets, dtype=torch.float64)


def object_presence(labels: Sequence[Any], target_labels: Sequence[Any]) -> float:
    """Share of the wanted classes (each once) of which at least one object was found; 1 when none is wanted."""
    wanted = set(_labels(target_labels))
    return len(wanted & set(_labels(labels))) / len(wanted) if wanted else 1.0


def counts_right(labels: Sequence[Any], target_labels: Sequence[Any]) -> float:
    """Share of the wanted classes whose number is exactly right; an image with objects of no wanted class scores 0 for
    them.

    Classes are those wanted or found: an extra object of an unwanted class is a wrong count (0 wanted).
    """
    wanted, found = Counter(_labels(target_labels)), Counter(_labels(labels))
    classes = set(wanted) | set(found)
    return sum(wanted[c] == found[c] for c in classes) / len(classes) if classes else 1.0


def counting_error(labels: Sequence[Any], target_labels: Sequence[Any]) -> float:
    """Mean absolute error of the counts over wanted or found classes (TISE's CA takes the root mean square)."""
    wanted, found = Counter(_labels(target_labels)), Counter(_labels(labels))
    classes = set(wanted) | set(found)
    return sum(abs(wanted[c] - found[c]) for c in classes) / len(classes) if classes else 0.0


def attributes_bound(
    labels: Sequence[Any],
    attributes: Sequence[Mapping[str, str]],
    target_labels: Sequence[Any],
    target_attributes: Sequence[Mapping[str, str]],
    attribute: str,
) -> float | None:
    """Share of the targets that state `attribute` and are matched by a found object of their class with that value.

    Found objects are used once each. None when no target states the attribute: the image cannot be judged by it.
    """
    mine, wanted = _labels(labels), _labels(target_labels)
    stated = [j for j in range(len(wanted)) if attribute in target_attributes[j]]
    if not stated:
        return None
    gain = np.zeros((len(mine), len(stated)))
    for i, label in enumerate(mine):
        for column, j in enumerate(stated):
            value = attributes[i].get(attribute) if attributes else None
            gain[i, column] = label == wanted[j] and value == target_attributes[j][attribute]
    return sum(gain[i, j] for i, j in _assign(gain)) / len(stated) if gain.size else 0.0
