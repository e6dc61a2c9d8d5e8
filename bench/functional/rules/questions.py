"""Scores of questions about an image: TIFA (Hu et al. 2023, arXiv 2303.11897), DSG (Cho et al. 2024, arXiv 2310.18235)
and VQAScore (Lin et al. 2024, arXiv 2404.01291). DPG-Bench (Hu et al. 2024, arXiv 2403.05135) is DSG's rule with
a score a category.

`right` holds for each question 1 where it was answered right and 0 where not (or the probability of the right answer).
`parents` holds for each question the places of the questions that it depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.errors import NotFinite, UsageError


def _probabilities(values: Sequence[float] | np.ndarray, what: str) -> np.ndarray:
    given = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(given) == 0:
        raise UsageError(f"There must be {what}; an image without any cannot be judged.")
    if not np.isfinite(given).all():
        raise NotFinite(f"{what.capitalize()} must be finite; number {int((~np.isfinite(given)).argmax())} is not.")
    if (given < 0).any() or (given > 1).any():
        raise UsageError(f"{what.capitalize()} must lie in 0..1; they reach from {given.min():g} to {given.max():g}.")
    return given


def tifa(right: Sequence[float] | np.ndarray) -> float:
    """Share of an image's questions that are answered right, in [0, 1] (eq. 1). UsageError without a question."""
    return float(_probabilities(right, "answers").mean())


def dsg(right: Sequence[float] | np.ndarray, parents: Sequence[Sequence[int]], *, cascade: bool = True) -> float:
    """As TIFA's share, where a question counts only if the questions that it depends on are answered right.

    An answer is right from a half on. cascade: all ancestors must be (a question below a void one is void), as the
    paper's pseudo-code and DPG-Bench have it; False: only the direct parents, by their own answers, as the published
    script has it. UsageError for a parent that is no question and for a cycle.
    """
    return float(counted_answers(right, parents, cascade=cascade).mean())


def counted_answers(
    right: Sequence[float] | np.ndarray, parents: Sequence[Sequence[int]], *, cascade: bool = True
) -> np.ndarray:
    """(n,) each question's answer, 0 where a question that it depends on is not answered right; as in `dsg`."""
    given = _probabilities(right, "answers")
    if len(parents) != len(given):
        raise UsageError(f"There must be a list of parents for each question; got {len(parents)} for {len(given)}.")
    above = ancestors(parents)
    needed = above if cascade else [set(p) for p in parents]
    return np.array(
        [value if all(given[p] >= 0.5 for p in need) else 0.0 for value, need in zip(given, needed, strict=True)]
    )


def ancestors(parents: Sequence[Sequence[int]]) -> list[set[int]]:
    """All questions that each question depends on, directly or not. UsageError for junk and for cycles."""
    for i, one in enumerate(parents):
        junk = [p for p in one if not isinstance(p, int | np.integer) or not 0 <= p < len(parents)]
        if junk:
            raise UsageError(
                f"Question {i} depends on {junk[0]!r}, which is no question; there are 0 to {len(parents) - 1}."
            )
    found: list[set[int] | None] = [None] * len(parents)
    for i in range(len(parents)):
        _climb(i, parents, found)
    return [one or set() for one in found]


def _climb(start: int, parents: Sequence[Sequence[int]], found: list[Any]) -> None:
    """Depth first without recursion: long chains must not meet a stack limit."""
    path, open_ = [start], {start}
    while path:
        node = path[-1]
        waiting = [p for p in parents[node] if found[p] is None]
        for p in waiting:
            if p in open_:
                raise UsageError(f"Question {p} depends on itself by way of question {node}; dependencies form a tree.")
        if found[node] is not None or not waiting:
            found[node] = found[node] or set().union(*({p} | found[p] for p in parents[node]))
            open_.discard(path.pop())
        else:
            path.append(waiting[0])
            open_.add(waiting[0])


def vqa_score(yes: Sequence[float] | np.ndarray) -> float:
    """Mean probability of the answer 'Yes' to 'Does this figure show "..."? Please answer yes or no.' (eq. 1)."""
    return float(_probabilities(yes, "probabilities").mean())
