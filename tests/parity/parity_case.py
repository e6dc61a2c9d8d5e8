"""A comparison of ours with a reference implementation on the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """Both sides of one comparison; each gives a number or an array of numbers."""

    metric: str
    """Name of our metric or function."""
    peer: str
    """Distribution that the other side is of."""
    on: str
    """What both are given."""
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    tolerance: float
    """Largest difference, relative to the larger of 1 and the peer's size (`scale` where given)."""
    scale: float = 1.0
    note: str = ""
    """Why they differ, where they do."""
    truth: Callable[[], Any] | None = None
    """Closed form or float64 value, where the peer is not right: ours is held to it by `truth_tolerance`."""
    truth_tolerance: float = 1e-9


def numbers(value: Any) -> np.ndarray:
    """Any of the two sides as float64 (k,)."""
    if isinstance(value, tuple | list):
        return np.concatenate([numbers(v) for v in value])
    return np.asarray(value, dtype=np.float64).reshape(-1)


@dataclass(frozen=True)
class Measured:
    """What came of a case."""

    case: Case
    difference: float
    """Largest difference from the peer, in units of `scale`."""
    from_truth: float | None
    """Ours from the truth, in the same units."""
    theirs_from_truth: float | None

    @property
    def holds(self) -> bool:
        fine = self.from_truth is None or self.from_truth <= self.case.truth_tolerance
        return fine and self.difference <= self.case.tolerance


def measure(case: Case) -> Measured:
    """Run both sides (and the truth) once."""
    ours, theirs = numbers(case.ours()), numbers(case.theirs())
    assert ours.shape == theirs.shape, (case, ours.shape, theirs.shape)
    assert np.isfinite(ours).all() and np.isfinite(theirs).all(), (case, ours, theirs)
    unit = np.maximum(np.abs(theirs), 1.0) if case.scale == 1.0 else case.scale
    apart = float(np.max(np.abs(ours - theirs) / unit))
    if case.truth is None:
        return Measured(case, apart, None, None)
    truth = numbers(case.truth())
    return Measured(case, apart, *(float(np.max(np.abs(side - truth) / unit)) for side in (ours, theirs)))
