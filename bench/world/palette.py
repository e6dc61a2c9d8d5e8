"""The words of the scenes and what they look like: colours, shapes, sizes, cells, relations, frames of a story.

Everything here is a closed list: a caption that uses another word is not of this world. The colours were chosen for
their directions from light grey (at least 30 degrees apart), so that they stay apart when blur and anti-aliasing mix
them with the background. Lengths are in pixels of the 64 x 64 canvas; other image sizes scale them.
"""

from __future__ import annotations

CANVAS = 64
"""Side of the canvas in which positions and lengths are given."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (244, 132, 22),
    "yellow": (238, 206, 34),
    "green": (38, 158, 62),
    "cyan": (28, 190, 206),
    "blue": (44, 84, 214),
    "purple": (138, 52, 176),
    "pink": (246, 120, 184),
}
"""Name -> RGB before the nuisance of a render."""

SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "diamond", "star", "cross")

SIZES: dict[str, float] = {"small": 6.0, "large": 9.0}
"""Name -> radius: no shape of that size reaches further from its centre along x or y."""

CELLS: tuple[str, ...] = (
    "top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Thirds of the canvas in reading order: CELLS[3 * row + column]."""

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")
OPPOSITE: dict[str, str] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
DIRECTION: dict[str, tuple[int, int]] = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}
"""Relation -> (axis, sign) of the subject's offset from the object; y grows downwards."""

BACKGROUND: tuple[int, int] = (206, 244)
"""Lowest and highest grey of a render's background."""

FRAMES = 6
"""Frames of a story."""
