"""Semantic object accuracy (Hinz et al. 2019, arXiv 1910.13321, sec. 4): is the object that the caption names found?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.errors import UsageError

BEST = 40
"""Classes of the published top and bottom halves (of 80)."""


def soa(
    detected: Sequence[bool] | np.ndarray,
    classes: Sequence[str],
    overlap: Sequence[float] | np.ndarray | None = None,
    *,
    half: int = BEST,
) -> dict[str, float]:
    """SOA-C, SOA-I and the classes' halves in [0, 1] of n images, each made from captions that name its class.

    detected (n,): the detector found the class; classes (n,): which class; overlap (n,): IoU with the layout's box (NaN
    where there is none). SOA-C is the mean of the classes' recalls, SOA-I the recall of all images. Top and Bot are the
    mean recalls of the `half` classes with the most and the fewest images (named by their number of images; equal
    numbers in the order of names). IoU is over images in which the class was found, as published; `IoU, misses 0`
    counts the others as 0.
    """
    hits, names = np.asarray(detected, dtype=np.float64), np.asarray(classes)
    if len(hits) == 0 or len(hits) != len(names):
        raise UsageError(f"There must be a class for each image; got {len(names)} for {len(hits)}.")
    kinds, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    recall = np.bincount(codes.reshape(-1), weights=hits) / counts
    order = np.lexsort((kinds, -counts))
    found = {"SOA-C": float(recall.mean()), "SOA-I": float(hits.mean())}
    if len(kinds) > half:
        found |= {f"SOA-C top {half}": float(recall[order[:half]].mean())}
        found |= {f"SOA-C bottom {len(kinds) - half}": float(recall[order[half:]].mean())}
    if overlap is not None:
        iou = np.asarray(overlap, dtype=np.float64)
        known = np.isfinite(iou)
        seen = known & (hits > 0)
        found["IoU"] = float(iou[seen].mean()) if seen.any() else float("nan")
        found["IoU, misses 0"] = float(np.where(hits > 0, iou, 0.0)[known].mean()) if known.any() else float("nan")
    return found
