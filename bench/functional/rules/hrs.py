"""HRS-Bench's counting (Bakr et al. 2023, arXiv 2304.05390, sec. 4.2): precision, recall and F1 of counted objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


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
