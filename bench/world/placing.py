"""Places what is described on the canvas, so that the caption is true with clear margins.

Positions are drawn and rejected until boxes keep their distances; a related pair is drawn first, by its offset. The
stated axis of a pair dominates the other one, so that a relation holds under every benchmark's rule; a near miss comes
close to the diagonal (the offset aside is .7 to .88 of the offset along) and stays true. Every object gets the room of
the largest shape of its size, so that another shape fits in its place. Unstated sizes fall back to small when crowded.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import UsageError
from bench.world.description import Described, Understanding
from bench.world.draws import Draw
from bench.world.palette import CANVAS, CELLS, DIRECTION, SIZES
from bench.world.scene import BORDER, CELL_MARGIN, GAP, MARGIN, Scene, SceneObject

ROUNDS, TRIES = 60, 30
"""Layouts begun, and positions tried for each object, before a description counts as impossible."""
PLAIN, NEAR = (0.0, 0.5), (0.7, 0.88)
"""Offset aside as a share of the offset along, for plain pairs and for near misses."""

Limits = tuple[float, float]


def layout(description: Understanding, seed: int, *, near: bool | None = None) -> Scene:
    """A scene of which the description is true; seeds give different ones. near: whether a related pair is a near miss
    (None: one in three). Raises UsageError when it does not fit on the canvas.
    """
    draw = Draw("layout", seed)
    return place(description, draw, draw.below(3) == 0 if near is None else near)


def place(description: Understanding, draw: Draw, near: bool = False) -> Scene:
    """`layout` from a stream of draws."""
    said = [one for d in description.objects for one in [d] * d.count]
    first = {i: sum(d.count for d in description.objects[:i]) for i in range(len(description.objects))}
    relations = tuple((first[i], word, first[j]) for i, word, j in description.relations)
    for turn in range(ROUNDS):
        sizes = [d.size or (draw.choice(tuple(SIZES)) if turn < ROUNDS // 2 else "small") for d in said]
        objects = _attempt(said, sizes, relations, draw, near and turn < ROUNDS // 2)
        if objects is not None:
            spans = _spans(description) if description.story else ()
            return Scene(tuple(objects), relations, description.frames, spans, _stated(said))
    raise UsageError(
        f"{len(said)} objects ({', '.join(f'{d.size} {d.colour} {d.shape}'.strip() for d in said)}) do not fit on the "
        "canvas as described; ask for fewer or smaller ones, or other cells."
    )


def _stated(said: Sequence[Described]) -> tuple[str, ...]:
    """What the description says of every object."""
    has = {
        "size": all(d.size for d in said),
        "cell": all(d.cell for d in said),
        "span": all(d.span is not None for d in said),
    }
    return tuple(word for word, every in has.items() if every)


def _spans(description: Understanding) -> tuple[tuple[int, int], ...]:
    """Stated spans, else an even rhythm: the i-th of n begins at frame i * frames // n and stays."""
    n, frames = len(description.objects), description.frames
    even = [(i * frames // n, frames - 1) for i in range(n)]
    return tuple(d.span or rhythm for d, rhythm in zip(description.objects, even, strict=True))


def _attempt(
    said: Sequence[Described], sizes: Sequence[str], relations: Sequence[tuple[int, str, int]], draw: Draw, near: bool
) -> list[SceneObject] | None:
    found: dict[int, SceneObject] = {}
    things = [(d.shape, d.colour, size, d.cell) for d, size in zip(said, sizes, strict=True)]
    for i, word, j in relations:
        pair = _pair(things[i], word, things[j], draw, near)
        if pair is None:
            return None
        found[i], found[j] = pair
    for k, thing in enumerate(things):
        if k not in found:
            spot = free_spot(*thing, tuple(found.values()), draw)
            if spot is None:
                return None
            found[k] = spot
    return [found[k] for k in range(len(things))]


def free_spot(
    shape: str, colour: str, size: str, cell: str, others: Sequence[SceneObject], draw: Draw
) -> SceneObject | None:
    """An object in its cell ('' for anywhere) that keeps its distance from the others; None after TRIES draws."""
    across, along = (limits(size, cell, axis) for axis in (0, 1))
    for _ in range(TRIES):
        x, y = draw.grid(*across), draw.grid(*along)
        if x is None or y is None:
            return None
        spot = SceneObject(shape, colour, size, x, y)
        if all(clear(spot, other) for other in others):
            return spot
    return None


def clear(a: SceneObject, b: SceneObject) -> bool:
    """Whether two objects keep their distance whatever their shapes: radii count, which no box exceeds."""
    return max(abs(a.x - b.x), abs(a.y - b.y)) >= SIZES[a.size] + SIZES[b.size] + GAP


def limits(size: str, cell: str, axis: int) -> Limits:
    """Where a centre may lie along an axis (0: x, 1: y) for a size and a cell ('' for none), whatever the shape."""
    low, high = SIZES[size] + BORDER, CANVAS - SIZES[size] - BORDER
    if not cell:
        return low, high
    at = CELLS.index(cell)
    third = (at % 3, at // 3)[axis]
    return max(low, CANVAS * third / 3 + CELL_MARGIN), min(high, CANVAS * (third + 1) / 3 - CELL_MARGIN)


Thing = tuple[str, str, str, str]


def _pair(a: Thing, word: str, b: Thing, draw: Draw, near: bool) -> tuple[SceneObject, SceneObject] | None:
    """Two objects in a relation: the offset is drawn first, then where the pair stands."""
    axis, sign = DIRECTION[word]
    reach = SIZES[a[2]] + SIZES[b[2]]
    least, most = max(MARGIN, reach + GAP), CANVAS - 2 * BORDER - reach
    along = draw.grid(least, least + (most - least) * draw.unit())
    if along is None:
        return None
    low, high = NEAR if near else PLAIN
    aside = draw.grid(low * along, high * along)
    if aside is None:
        return None
    offset = [0.0, 0.0]
    offset[axis], offset[1 - axis] = sign * along, aside * draw.choice((-1, 1))
    spot = []
    for k in (0, 1):
        of_a, of_b = limits(a[2], a[3], k), limits(b[2], b[3], k)
        at = draw.grid(max(of_b[0], of_a[0] - offset[k]), min(of_b[1], of_a[1] - offset[k]))
        if at is None:
            return None
        spot.append(at)
    x, y = spot
    return SceneObject(a[0], a[1], a[2], x + offset[0], y + offset[1]), SceneObject(b[0], b[1], b[2], x, y)
