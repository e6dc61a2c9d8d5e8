"""Held-out figures of a generator of scenes: what the analytic detector sees in images of prompts that training never
shows. Coarse and quick, for progress and cards; boards are scored by the engine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from bench.world.detect import Found, detect
from bench.world.grammar import caption
from bench.world.palette import DIRECTION
from bench.world.scene import Scene
from bench.world.split import Entry, scene_at

Draw = Callable[[Sequence[str], Sequence[int]], np.ndarray]
"""(captions, seeds) -> uint8 (n, h, w, 3)."""


def figures(draw: Draw, images: int, split: str = "val") -> dict[str, float]:
    """Shares over one-object prompts (colour, shape) and over prompts with a relation (binding, relation), half of
    the images each; `unreadable`: of all images.

    colour, shape: there is exactly one object and it has that colour, that shape. binding: all objects of the prompt
    are there, each shape in its own colour. relation: binding, and the two stand as the prompt says.
    """
    ones, several = prompts(split, images)
    entries = [*ones, *several]
    found = detect(draw([caption(e.scene, e.variant) for e in entries], list(range(len(entries)))))
    each = [judged(f, e.scene) for f, e in zip(found, entries, strict=True)]
    return {
        **{name: _mean([one[name] for one in each[: len(ones)]]) for name in ("colour", "shape")},
        **{name: _mean([one[name] for one in each[len(ones) :]]) for name in ("binding", "relation")},
        "unreadable": _mean([not f.readable for f in found]),
    }


def judged(found: Found, scene: Scene) -> dict[str, bool]:
    """What is right in one image: colour and shape of a single object, binding and relation of two related ones;
    nothing of other scenes."""
    if len(scene.objects) == 1:
        only = scene.objects[0]
        return {"colour": found.colours == (only.colour,), "shape": found.shapes == (only.shape,)}
    if scene.relations and len(scene.objects) == 2:
        bound = _bound(found, scene)
        return {"binding": bound, "relation": bound and _related(found, scene)}
    return {}


@functools.cache
def prompts(split: str, images: int) -> tuple[list[Entry], list[Entry]]:
    """One-object rows of a split and rows of two related objects, half of the images each."""
    ones = [scene_at(f"one-{split}", i) for i in range(images // 2)]
    several: list[Entry] = []
    row = 0
    while len(several) < images - len(ones):
        entry = scene_at(split, row)
        several += [entry] if entry.scene.relations and len(entry.scene.objects) == 2 else []
        row += 1
    return ones, several


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _names(found: Found) -> list[tuple[str, str]]:
    return list(zip(found.colours, found.shapes, strict=True))


def _bound(found: Found, scene: Scene) -> bool:
    """Whether every object of the scene is there in its colour and shape."""
    return {(o.colour, o.shape) for o in scene.objects} <= set(_names(found))


def _related(found: Found, scene: Scene) -> bool:
    """Whether some pair of the right objects stands in the stated relation."""
    i, word, j = scene.relations[0]
    centres = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in found.boxes]
    first, second = ([c for n, c in zip(_names(found), centres, strict=True) if n == (o.colour, o.shape)]
                     for o in (scene.objects[i], scene.objects[j]))  # fmt: skip
    axis, sign = DIRECTION[word]
    return any(sign * (a[axis] - b[axis]) > 0 for a in first for b in second)
