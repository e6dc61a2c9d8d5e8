"""Events of a story against its frames: order (Kendall 1938, tau-b for ties) and span (temporal IoU).

A span is (first, last) frame, both included; None: the event was not seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.errors import UsageError

Span = tuple[int, int]


def span_of(seen: Sequence[bool]) -> Span | None:
    """First and last frame in which an event is seen."""
    at = [i for i, there in enumerate(seen) if there]
    return (at[0], at[-1]) if at else None


def span_iou(found: Span | None, wanted: Span) -> float:
    """Frames in both over frames in either, in [0, 1]; 0 for an event that was not seen."""
    if wanted[1] < wanted[0]:
        raise UsageError(f"A span ends before it begins: {wanted}.")
    if found is None:
        return 0.0
    both = max(0, min(found[1], wanted[1]) - max(found[0], wanted[0]) + 1)
    return both / (found[1] - found[0] + wanted[1] - wanted[0] + 2 - both)


def order_agreement(found: Sequence[float | None], wanted: Sequence[float]) -> float | None:
    """Kendall's tau between when events were found to begin and when they should, in [-1, 1].

    Over pairs of events that should not begin together: +1 for a pair in the right order, -1 for the wrong one, 0 where
    they begin together or one was not seen, so that leaving events out does not help. None: there is no such pair.
    """
    if len(found) != len(wanted):
        raise UsageError(f"There must be a beginning for each event; got {len(found)} for {len(wanted)}.")
    pairs = [(i, j) for i, j in itertools.combinations(range(len(wanted)), 2) if wanted[i] != wanted[j]]
    if not pairs:
        return None
    total = 0
    for i, j in pairs:
        a, b = found[i], found[j]
        if a is None or b is None or a == b:
            continue
        total += 1 if (a < b) == (wanted[i] < wanted[j]) else -1
    return total / len(pairs)
