"""Overlap of masks and boxes: IoU, Dice (Dice 1945), generalised IoU (Rezatofighi et al. 2019, arXiv 1902.09630), and
their mean over objects matched one to one.

Two empty masks are equal (1), one empty is no overlap (0). Masks are bool (h, w).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from bench.errors import UsageError
from bench.functional.boxes import _boxes, _iou, _labels, area


def _pair(mask: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(mask), np.asarray(other)
    if a.dtype != bool or b.dtype != bool or a.shape != b.shape or a.ndim != 2:
        raise UsageError(f"Masks must be bool (h, w) of one size; got {a.dtype} {a.shape} and {b.dtype} {b.shape}.")
    return a, b


def mask_iou(mask: Any, other: Any) -> float:
    """Intersection over union of two masks, in [0, 1]."""
    a, b = _pair(mask, other)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def dice(mask: Any, other: Any) -> float:
    """Twice the intersection over the sum of areas, in [0, 1]: 2 IoU / (1 + IoU)."""
    a, b = _pair(mask, other)
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def generalised_box_iou(boxes: Any, others: Any) -> torch.Tensor:
    """(m, 4), (t, 4) xyxy -> (m, t) float64 in (-1, 1]: IoU less the share of the hull that neither covers.

    A hull without area (two equal points) gives IoU alone.
    """
    a, b = _boxes(boxes, "boxes"), _boxes(others, "others")
    low, high = np.minimum(a[:, None, :2], b[None, :, :2]), np.maximum(a[:, None, 2:], b[None, :, 2:])
    hull = np.maximum(high - low, 0).prod(2)
    iou = _iou(a, b)
    total = area(a)[:, None] + area(b)[None]
    union = total / (1 + iou)  # iou = inter / union and inter + union = total
    empty = np.divide(hull - union, hull, out=np.zeros_like(hull), where=hull > 0)
    return torch.from_numpy(iou - empty)


def matched_overlap(
    found: Sequence[Any], labels: Any, targets: Sequence[Any], target_labels: Any
) -> tuple[float, float]:
    """Masks of found and of wanted objects with their labels -> (mean IoU, mean Dice) of the wanted ones with their
    match of the same class (the matching with the largest total IoU); a missed object counts 0, extra ones are free.

    Nothing wanted: (1, 1) when nothing was found, else (0, 0).
    """
    mine, wanted = _labels(labels), _labels(target_labels)
    if len(mine) != len(found) or len(wanted) != len(targets):
        raise UsageError(f"There must be a label for each mask; got {len(mine)} and {len(wanted)} labels for "
                         f"{len(found)} and {len(targets)} masks.")  # fmt: skip
    if not wanted:
        return (float(not mine),) * 2
    gain = np.zeros((len(mine), len(wanted)))
    for i, label in enumerate(mine):
        for j, other in enumerate(wanted):
            if label == other:
                gain[i, j] = mask_iou(found[i], targets[j])
    rows, columns = linear_sum_assignment(gain, maximize=True)
    ious = [gain[i, j] for i, j in zip(rows, columns, strict=True)]
    return float(sum(ious) / len(wanted)), float(sum(2 * v / (1 + v) for v in ious) / len(wanted))
