"""The words of the grammar in both directions: how each thing can be said, and which canonical word a phrase means.

The vocabulary is kept under 80 words and sentences under 25, so that a small text encoder holds all of it.
"""

from __future__ import annotations

from bench.world.description import Described, Span
from bench.world.palette import SHAPES

NUMBERS = ("one", "two", "three", "four", "five")
PLURAL = {shape: shape + ("es" if shape.endswith("s") else "s") for shape in SHAPES}
SINGULAR = {plural: shape for shape, plural in PLURAL.items()}

RELATION_PHRASES: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
CELL_PHRASES: dict[str, tuple[str, ...]] = {
    "top left": ("in the top left", "in the top left corner"),
    "top": ("at the top", "at the top in the middle"),
    "top right": ("in the top right", "in the top right corner"),
    "left": ("on the left", "on the left side"),
    "centre": ("in the centre", "in the middle"),
    "right": ("on the right", "on the right side"),
    "bottom left": ("in the bottom left", "in the bottom left corner"),
    "bottom": ("at the bottom", "at the bottom in the middle"),
    "bottom right": ("in the bottom right", "in the bottom right corner"),
}
OPENINGS: tuple[str, ...] = ("", "there is ", "a picture of ", "an image of ", "a scene with ")
OPENING_MANY = "there are "
"""Replaces 'there is' before a number."""


def noun(d: Described) -> str:
    """'a small red circle', 'three blue squares'."""
    words = f"{d.size + ' ' if d.size else ''}{d.colour}"
    if d.count > 1:
        return f"{NUMBERS[d.count - 1]} {words} {PLURAL[d.shape]}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words} {d.shape}"


def span_words(span: Span) -> str:
    """Frames are counted from 1 in words."""
    return f"in frames {span[0] + 1} to {span[1] + 1}"


def listed(parts: list[str]) -> str:
    """'A', 'A and B', 'A, B and C'."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
