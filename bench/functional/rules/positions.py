"""One set of detections under the five benchmarks' whole position rules: which boxes they look at, and when they are
content.

Every rule is right for a range of confidence thresholds: a detection counts where its score is above the threshold, and
the rule holds for `low <= threshold < high`. One pass over the detections thus gives the verdicts at every threshold.
Which boxes: geneval, t2i-compbench and hrs take the surest of each class; visor any pair; paintskills wants exactly one
of each. Sources: as in `bench.functional.relations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.errors import UsageError
from bench.functional.relations import OPPOSITE, RULES, relation_holds, relation_word
from bench.types import Detections

PUBLISHED: Mapping[str, float] = {"geneval": 0.3, "visor": 0.1}
"""Confidence that a benchmark states for its detector; the other rules take every detection that was stored."""
STORED = -1.0
"""A threshold that every detection is above."""
Asked = tuple[str, str, str]
"""Class of the subject, class of the other object, relation of the first to the second."""


@dataclass(frozen=True)
class Verdicts:
    """What the rules say of n images, at any threshold."""

    both: np.ndarray
    """(n,) both classes are found at thresholds below this."""
    low: Mapping[str, np.ndarray]
    """Rule -> (n,) lowest threshold at which it holds."""
    high: Mapping[str, np.ndarray]
    """Rule -> (n,) threshold from which on it no longer holds; never above `low` where it holds at none."""

    def at(self, rule: str, threshold: float | None = None) -> np.ndarray:
        """(n,) bool; None is the benchmark's own threshold."""
        t = PUBLISHED.get(rule, STORED) if threshold is None else threshold
        return (self.low[rule] <= t) & (t < self.high[rule])


def judged(asked: Asked) -> bool:
    """Whether all five rules can judge this: two classes and one of the four directions."""
    try:
        return asked[0] != asked[1] and relation_word(asked[2]) in OPPOSITE and relation_word(asked[2]) != "near"
    except UsageError:
        return False


def position_verdicts(found: Sequence[Detections], asked: Sequence[Asked]) -> Verdicts:
    """Aligned detections and what their prompts ask for. UsageError for what `judged` refuses."""
    if len(found) != len(asked):
        raise UsageError(f"There must be a question for each image; got {len(asked)} for {len(found)}.")
    if bad := next((a for a in asked if not judged(a)), None):
        raise UsageError(
            f"The rules cannot judge '{bad[0]} {bad[2]} {bad[1]}': two classes and one of four directions."
        )
    words = np.array([relation_word(a[2]) for a in asked], dtype=object)
    top, best, second, pairs = _read(found, asked)
    both, crowd = best.min(1), second.max(1)
    low: dict[str, np.ndarray] = {}
    high: dict[str, np.ndarray] = {}
    for rule in RULES:
        low[rule], high[rule] = np.full(len(asked), -np.inf), np.full(len(asked), -np.inf)
        if rule == "visor":
            _any_pair(high[rule], pairs, words)
            continue
        right = _holds(top[:, 0], top[:, 1], words, np.isfinite(both), rule)
        high[rule] = np.where(right, both, -np.inf)
        if rule == "paintskills":
            low[rule] = crowd
    return Verdicts(both, low, high)


@dataclass(frozen=True)
class _Pairs:
    image: np.ndarray
    first: np.ndarray
    second: np.ndarray
    score: np.ndarray


def _read(found: Sequence[Detections], asked: Sequence[Asked]) -> tuple[np.ndarray, np.ndarray, np.ndarray, _Pairs]:
    """Surest boxes (n, 2, 4), their scores and the runners-up's (n, 2), and all pairs of boxes of the two classes.

    Boxes are gathered by their place among those of all images: arrays of a few rows an image would cost most of the
    time.
    """
    boxes = np.concatenate([np.zeros((0, 4)), *(np.asarray(f.boxes, dtype=np.float64).reshape(-1, 4) for f in found)])
    scores = np.concatenate([np.zeros(0), *(np.asarray(f.scores, dtype=np.float64) for f in found)])
    sure = scores.tolist()
    surest, best, second = [], [], []
    at: list[int] = []
    left: list[int] = []
    right: list[int] = []
    start = 0
    for i, (seen, (subject, other, _)) in enumerate(zip(found, asked, strict=True)):
        sides: tuple[list[int], list[int]] = ([], [])
        for k, label in enumerate(seen.labels if seen.readable else (), start):
            if label == subject:
                sides[0].append(k)
            elif label == other:
                sides[1].append(k)
        start += len(seen.labels)
        for own in sides:
            order = sorted(own, key=lambda k: -sure[k])
            surest.append(order[0] if own else -1)
            best.append(sure[order[0]] if own else -np.inf)
            second.append(sure[order[1]] if len(own) > 1 else -np.inf)
        for k in sides[0]:
            at += [i] * len(sides[1])
            left += [k] * len(sides[1])
            right += sides[1]
    top = np.concatenate([boxes, np.zeros((1, 4))])[np.array(surest, dtype=int)].reshape(-1, 2, 4)
    first, other_box = np.array(left, dtype=int), np.array(right, dtype=int)
    pairs = _Pairs(
        np.array(at, dtype=int), boxes[first], boxes[other_box], np.minimum(scores[first], scores[other_box])
    )
    return top, np.array(best).reshape(-1, 2), np.array(second).reshape(-1, 2), pairs


def _holds(first: np.ndarray, second: np.ndarray, words: np.ndarray, known: np.ndarray, rule: str) -> np.ndarray:
    right = np.zeros(len(first), dtype=bool)
    for word in sorted(set(words.tolist())):
        of = (words == word) & known
        if of.any():
            pair = (torch.from_numpy(first[of]), torch.from_numpy(second[of]))
            right[of] = relation_holds(*pair, word, rule=rule).numpy()
    return right


def _any_pair(high: np.ndarray, pairs: _Pairs, words: np.ndarray) -> None:
    """The surest pair that stands right decides: fills `high`."""
    of = words[pairs.image] if len(pairs.image) else np.zeros(0, dtype=object)
    right = _holds(pairs.first, pairs.second, of, np.ones(len(of), dtype=bool), "visor")
    np.maximum.at(high, pairs.image[right], pairs.score[right])
