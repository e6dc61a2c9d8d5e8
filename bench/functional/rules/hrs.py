"""HRS-Bench (Bakr et al. 2023, arXiv 2304.05390, sec. 4.2): precision, recall and F1 of counted objects; spatial
relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.functional.relations import Placed, relation_scores
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


Wanted = tuple[Sequence[str], Sequence[tuple[str, str, str]]]
"""Classes, and (subject, relation, other) between them."""


def hrs_spatial(found: Detections, wanted: Sequence[str], relations: Sequence[tuple[str, str, str]]) -> bool:
    """Is every wanted class found, and does every (subject, relation, other) hold between the surest of each class?"""
    return hrs_spatials([found], [(wanted, relations)])[0]


def hrs_spatials(found: Sequence[Detections], asked: Sequence[Wanted]) -> list[bool]:
    """As `hrs_spatial`, of many images at once."""
    right: list[bool] = []
    of: list[int] = []
    placed: list[Placed] = []
    for image, (one, (wanted, relations)) in enumerate(zip(found, asked, strict=True)):
        best = _surest(one)
        right.append(all(label in best for label in wanted))
        if right[-1]:
            placed += [(word, one.boxes[best[a]], one.boxes[best[b]]) for a, word, b in relations]
            of += [image] * len(relations)
    for image, score in zip(of, relation_scores(placed, rule="hrs"), strict=True):
        right[image] = right[image] and score == 1
    return right


def _surest(found: Detections) -> dict[str, int]:
    """Class -> place of its surest box, the first of equally sure ones."""
    best: dict[str, int] = {}
    scores = np.asarray(found.scores).tolist()
    for i, label in enumerate(found.labels):
        if label not in best or scores[i] > scores[best[label]]:
            best[label] = i
    return best
