"""The sizes of an adversarial system's images, and the background that all of them begin with."""

from __future__ import annotations

from typing import NamedTuple

GROUND = 0.76
"""The mean background of a scene in [-1, 1]: critics look at what differs from it, painters begin with it."""


class Canvas(NamedTuple):
    """Side of the images, and width of the finest map."""

    side: int = 32
    grid: int = 16

    @property
    def fold(self) -> int:
        """Side of the pixel blocks that become channels."""
        return self.side // self.grid
