"""HRS-Bench (Bakr et al. 2023, arXiv 2304.05390, sec. 4.2): precision, recall and F1 of counted objects; spatial
relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from bench.functional.relations import relation_holds
from bench.types import Detections


class CountScores(NamedTuple):
    """Sums over images, from which the scores are made: they add up over shards."""

    right: int
    """Sum of the smaller of the wanted and the found number, over images and wanted classes."""
    found: int
    wanted: int

    @property
    def precision(self) -> float:
        """Right among found; 1 where nothing was found nor wanted, 0 where nothing was found."""
        return self.right / self.found if self.found else float(not self.wanted)

    @property
    def recall(self) -> float:
        """Right among wanted; 1 where nothing was wanted."""
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        total = self.found + self.wanted
        return 2 * self.right / total if total else 1.0


def hrs_counting(images: Iterable[tuple[Sequence[str], Sequence[str]]]) -> CountScores:
    """(labels found, labels wanted) of each image -> micro-averaged sums; classes that nobody asked for are ignored."""
    right = found = wanted = 0
    for labels, targets in images:
        seen, asked = Counter(labels), Counter(targets)
        right += sum(min(seen[c], n) for c, n in asked.items())
        found += sum(seen[c] for c in asked)
        wanted += asked.total()
    return CountScores(right, found, wanted)


def hrs_spatial(found: Detections, wanted: Sequence[str], relations: Sequence[tuple[str, str, str]]) -> bool:
    """Is every wanted class found, and does every (subject, relation, other) hold between the surest of each class?"""
    best: dict[str, int] = {}
    for i in np.argsort(-np.asarray(found.scores), kind="stable").tolist():
        best.setdefault(found.labels[i], i)
    if not all(label in best for label in wanted):
        return False
    boxes = torch.as_tensor(np.asarray(found.boxes, dtype=np.float64).reshape(-1, 4))
    return all(
        bool(relation_holds(boxes[[best[a]]], boxes[[best[b]]], word, rule="hrs")[0]) for a, word, b in relations
    )
