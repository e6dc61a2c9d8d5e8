"""Reproducible draws: a counter hashed by splitmix64 from a key of words and numbers.

Own arithmetic instead of a library's generator: the numbers are part of the data set, and libraries change their
streams. `Draw` is for scalar decisions (Python integers), `unit_lanes` the same function on arrays for the nuisances
of a render. splitmix64: Steele, Lea & Flood 2014, 'Fast splittable pseudorandom number generators'.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

_MASK = (1 << 64) - 1
_STEP, _MIX1, _MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
GRID = 8
"""Positions are multiples of 1/GRID pixel: exact in every float format and short in JSON."""


class Draw:
    """A stream of draws that depends on its key alone."""

    def __init__(self, *key: Any) -> None:
        text = "\x1f".join(str(part) for part in key)
        self.state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def bits(self) -> int:
        """The next 64 bits."""
        self.state = (self.state + _STEP) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * _MIX1) & _MASK
        z = ((z ^ (z >> 27)) * _MIX2) & _MASK
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        """An integer of 0..n-1 (bias below n / 2**64)."""
        return (self.bits() * n) >> 64

    def unit(self) -> float:
        """A float in [0, 1)."""
        return (self.bits() >> 11) * 2.0**-53

    def choice(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        rest = list(options)
        return [rest.pop(self.below(len(rest))) for _ in options]

    def weighted(self, weights: dict[T, int]) -> T:
        """A key, in proportion to its integer weight."""
        at = self.below(sum(weights.values()))
        for option, weight in weights.items():
            at -= weight
            if at < 0:
                return option
        raise AssertionError("weights are positive")

    def grid(self, low: float, high: float) -> float | None:
        """A multiple of 1/GRID in [low, high]; None where there is none."""
        first, last = math.ceil(low * GRID), math.floor(high * GRID)
        return (first + self.below(last - first + 1)) / GRID if first <= last else None


def unit_lanes(seeds: np.ndarray, *lanes: np.ndarray | int) -> np.ndarray:
    """(n,) uint64 seeds and lane numbers -> (n,) float64 in [0, 1): one draw for each seed and combination of lanes."""
    state = seeds.astype(np.uint64)
    for lane in lanes:
        step = np.asarray(lane, dtype=np.uint64) + np.uint64(1)
        state = _mixed(state + np.full_like(state, _STEP) * step)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX2)
    return z ^ (z >> np.uint64(31))
