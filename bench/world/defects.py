"""Planted defects: a scene with exactly one aspect wrong, for the oracle whose errors are known.

Which scenes are defective is decided by a hash of (seed, kind) against p and nothing else, so that the defective ones
at p = .2 are among those at p = .5; how they are wrong depends on the seed, never on p. What each kind changes:

wrong-colour  the colour of one described object (all of an equal group) becomes one that the scene does not have
wrong-shape   the same for the shape; centre and size stay
wrong-count   one of an equal group disappears, or a copy of an object is added where every stated relation stays true
              (a stated cell stays true of the first; no cell has room for two); order and spans stay
wrong-side    the layout is mirrored along the axis of the relation; objects with stated cells move to other cells
wrong-order   a story's spans go to its objects in reverse, so that first comes last; spans move with the order
wrong-span    stated spans change to others that overlap them by half or less (IoU); the order stays

The scene that comes back is true of itself (its relation is the one that now holds); against the caption of the scene
that was given it is false in that one aspect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.world.draws import Draw
from bench.world.palette import CANVAS, CELLS, COLOURS, DIRECTION, OPPOSITE, SHAPES, SIZES
from bench.world.placing import free_spot, limits
from bench.world.scene import GAP, MARGIN, Scene, SceneObject

MOST_OBJECTS = 5
"""No defect makes a scene of more objects."""
SPAN_OVERLAP = 0.5
"""Largest IoU of a wrong span with the right one."""


def plant(scene: Scene, kind: str, p: float, seed: int) -> Scene:
    """The scene, with the defect planted when the hash of (seed, kind) falls below p and the defect applies.

    Raises UsageError for an unknown kind or a p outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise UsageError(f"The defect's probability is {p}; give a number from 0 to 1.")
    if not applies(scene, kind) or Draw("defect", kind, seed).unit() >= p:
        return scene
    return _PLANT[kind](scene, Draw("defect", kind, seed, "how"))


def applies(scene: Scene, kind: str) -> bool:
    """Whether a scene says anything that this defect could make wrong. Raises UsageError for an unknown kind."""
    if kind not in _PLANT:
        raise UsageError(f"'{kind}' is no defect of the scenes.{did_you_mean(kind, _PLANT)}")
    story = scene.frames > 1
    return bool(scene.objects) and {
        "wrong-side": bool(scene.relations) or "cell" in scene.stated,
        "wrong-order": story and len(set(scene.spans)) > 1,
        "wrong-span": story and "span" in scene.stated,
    }.get(kind, True)


def _groups(scene: Scene) -> list[list[int]]:
    """Indices of objects that a caption describes by one noun: equal colour and shape."""
    found: dict[tuple[str, str], list[int]] = {}
    for i, thing in enumerate(scene.objects):
        found.setdefault((thing.shape, thing.colour), []).append(i)
    return list(found.values())


def _changed(scene: Scene, rows: list[int], **change: str) -> Scene:
    things = [replace(o, **change) if i in rows else o for i, o in enumerate(scene.objects)]  # type: ignore[arg-type]
    return replace(scene, objects=tuple(things))


def _wrong_colour(scene: Scene, draw: Draw) -> Scene:
    used = {thing.colour for thing in scene.objects}
    return _changed(scene, draw.choice(_groups(scene)), colour=draw.choice([c for c in COLOURS if c not in used]))


def _wrong_shape(scene: Scene, draw: Draw) -> Scene:
    used = {thing.shape for thing in scene.objects}
    return _changed(scene, draw.choice(_groups(scene)), shape=draw.choice([s for s in SHAPES if s not in used]))


def _wrong_count(scene: Scene, draw: Draw) -> Scene:
    several = [rows for rows in _groups(scene) if len(rows) > 1]
    if several and draw.below(2) == 0:
        return _dropped(scene, draw.choice(draw.choice(several)))
    grown = _grown(scene, draw) if len(scene.objects) < MOST_OBJECTS else None
    if grown is not None:
        return grown
    # a crowded canvas: one object fewer, first those that no relation is about
    related = {i for subject, _, other in scene.relations for i in (subject, other)}
    rows = several[0] if several else [i for i in range(len(scene.objects)) if i not in related]
    return _dropped(scene, draw.choice(rows or list(range(len(scene.objects)))))


def _dropped(scene: Scene, at: int) -> Scene:
    def moved(i: int) -> int:
        return i - (i > at)

    relations = tuple((moved(i), word, moved(j)) for i, word, j in scene.relations if at not in (i, j))
    spans = tuple(span for i, span in enumerate(scene.spans) if i != at)
    return replace(scene, objects=scene.objects[:at] + scene.objects[at + 1 :], relations=relations, spans=spans)


def _grown(scene: Scene, draw: Draw) -> Scene | None:
    """A copy of an object in a free place, smaller where the size is unsaid and there is no room; None: no room."""
    rows = draw.shuffled(range(len(scene.objects)))
    for small, at in product((False, True), rows):
        thing = scene.objects[at]
        if small and "size" in scene.stated:
            continue
        copy = _copy(scene, at, "small" if small else thing.size, draw)
        if copy is not None:
            spans = (*scene.spans, scene.spans[at]) if scene.spans else ()
            return replace(scene, objects=(*scene.objects, copy), spans=spans)
    return None


def _copy(scene: Scene, at: int, size: str, draw: Draw) -> SceneObject | None:
    """A second one of objects[at], where there is room and its relations hold of the copy too."""
    thing = scene.objects[at]
    (x0, x1), (y0, y1) = (limits(size, "", axis) for axis in (0, 1))
    x, y = np.meshgrid(np.arange(np.ceil(x0), x1 + 1e-9), np.arange(np.ceil(y0), y1 + 1e-9))
    free = np.ones(x.shape, bool)
    for other in scene.objects:
        free &= np.maximum(abs(x - other.x), abs(y - other.y)) >= SIZES[size] + SIZES[other.size] + GAP
    for subject, word, other_at in scene.relations:
        if at in (subject, other_at):
            partner = scene.objects[other_at if at == subject else subject]
            axis, sign = DIRECTION[word]
            offset = (x - partner.x, y - partner.y)
            along = sign * (offset[axis] if at == subject else -offset[axis])
            free &= along > np.maximum(MARGIN, abs(offset[1 - axis]))
    spots = np.flatnonzero(free)
    if not len(spots):
        return None
    k = spots[draw.below(len(spots))]
    return replace(thing, size=size, x=float(x.flat[k]), y=float(y.flat[k]))


def _wrong_side(scene: Scene, draw: Draw) -> Scene:
    return _mirrored(scene) if scene.relations else _moved(scene, draw)


def _mirrored(scene: Scene) -> Scene:
    """The layout mirrored along the axis of its relation, which turns into its opposite."""
    axis = DIRECTION[scene.relations[0][1]][0]
    relations = tuple((i, OPPOSITE[w] if DIRECTION[w][0] == axis else w, j) for i, w, j in scene.relations)
    things = [replace(o, x=CANVAS - o.x) if axis == 0 else replace(o, y=CANVAS - o.y) for o in scene.objects]
    return replace(scene, objects=tuple(things), relations=relations)


def _moved(scene: Scene, draw: Draw) -> Scene:
    """Every object in a cell that is not its own and not said of any other."""
    said = {thing.cell for thing in scene.objects}
    while True:
        cells = draw.shuffled([cell for cell in CELLS if cell not in said])
        placed: list[SceneObject] = []
        for thing, cell in zip(scene.objects, cells, strict=False):
            spot = free_spot(thing.shape, thing.colour, thing.size, cell, placed, draw)
            if spot is not None:
                placed.append(spot)
        if len(placed) == len(scene.objects):
            return replace(scene, objects=tuple(placed))


def _wrong_order(scene: Scene, draw: Draw) -> Scene:
    order = sorted(range(len(scene.spans)), key=lambda i: (scene.spans[i], i))
    spans = list(scene.spans)
    for i, j in zip(order, reversed(order), strict=True):
        spans[i] = scene.spans[j]
    return replace(scene, spans=tuple(spans))


def _wrong_span(scene: Scene, draw: Draw) -> Scene:
    """All spans of two frames or more that overlap little with the right ones and begin in the same order."""
    every = [(start, end) for start in range(scene.frames) for end in range(start + 1, scene.frames)]
    options = [[new for new in every if span_iou(new, old) <= SPAN_OVERLAP] for old in scene.spans]
    order = sorted(range(len(scene.spans)), key=lambda i: (scene.spans[i], i))
    fitting = [spans for spans in product(*options) if _begin_in(spans, order)]
    return replace(scene, spans=draw.choice(fitting)) if fitting else scene


def _begin_in(spans: tuple[tuple[int, int], ...], order: list[int]) -> bool:
    starts = [spans[i][0] for i in order]
    return all(a < b for a, b in pairwise(starts))


def span_iou(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Intersection over union of two inclusive spans of frames."""
    common = max(0, min(a[1], b[1]) - max(a[0], b[0]) + 1)
    return common / (a[1] - a[0] + b[1] - b[0] + 2 - common)


_PLANT: dict[str, Callable[[Scene, Draw], Scene]] = {
    "wrong-colour": _wrong_colour,
    "wrong-shape": _wrong_shape,
    "wrong-count": _wrong_count,
    "wrong-side": _wrong_side,
    "wrong-order": _wrong_order,
    "wrong-span": _wrong_span,
}
DEFECTS: tuple[str, ...] = tuple(_PLANT)
