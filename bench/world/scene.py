"""What a scene is: objects with exact positions, the relation that is said of them, and when each is there.

A scene is true of itself: `relations`, `stated` cells and `spans` describe its own layout (`problems` says where not),
so a defective scene is simply another scene. Positions are box centres in pixels of the 64 x 64 canvas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.world.palette import CANVAS, CELLS, COLOURS, DIRECTION, RELATIONS, SHAPES, SIZES
from bench.world.shapes import HALF

Box = tuple[float, float, float, float]
Stated = ("size", "cell", "span")
"""What a caption may say beyond colours, shapes, counts, relations and order."""

BORDER, GAP = 1.0, 3.0
"""Least distance of a box from the edge of the canvas, and of two boxes along x or along y, in pixels."""
MARGIN = 4.0
"""Least offset of the centres along the axis of a stated relation, in pixels."""
CELL_MARGIN = 2.0
"""Least distance of a centre from the border of its stated cell, in pixels."""


@dataclass(frozen=True)
class SceneObject:
    """One object; x, y is the centre of its box in pixels, y downwards."""

    shape: str
    colour: str
    size: str
    x: float
    y: float

    @property
    def half(self) -> tuple[float, float]:
        """Half width and half height in pixels."""
        return half_extent(self.shape, self.size)

    @property
    def box(self) -> Box:
        """(x0, y0, x1, y1) in pixels, exact."""
        half_x, half_y = self.half
        return self.x - half_x, self.y - half_y, self.x + half_x, self.y + half_y

    @property
    def cell(self) -> str:
        """The word for the third of the canvas in which the centre lies."""
        column, row = int(self.x * 3 // CANVAS), int(self.y * 3 // CANVAS)
        return CELLS[3 * row + column]


@dataclass(frozen=True)
class Scene:
    """Objects and what is said of them.

    relations: (i, 'left of', j) means objects[i] is left of objects[j]. frames > 1 makes it a story: spans[i] is the
    first and last frame of objects[i], inclusive, from 0. stated: which of 'size', 'cell', 'span' the captions
    mention. Raises UsageError for unknown words, indices out of range and impossible spans.
    """

    objects: tuple[SceneObject, ...]
    relations: tuple[tuple[int, str, int], ...] = ()
    frames: int = 1
    spans: tuple[tuple[int, int], ...] = ()
    stated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for thing in self.objects:
            _known("shape", thing.shape, SHAPES)
            _known("colour", thing.colour, COLOURS)
            _known("size", thing.size, SIZES)
        for subject, word, other in self.relations:
            _known("relation", word, RELATIONS)
            if not (0 <= subject < len(self.objects) and 0 <= other < len(self.objects) and subject != other):
                raise UsageError(f"The relation ({subject}, {word}, {other}) must name two of the objects.")
        for word in self.stated:
            _known("statement", word, Stated)
        self._check_spans()

    def _check_spans(self) -> None:
        if self.frames < 1 or len(self.spans) not in (0, len(self.objects)) or (self.frames > 1) != bool(self.spans):
            raise UsageError(
                f"A scene of {self.frames} frames and {len(self.objects)} objects has {len(self.spans)} spans; "
                "a story needs one for each object, a still scene none."
            )
        if any(not 0 <= start <= end < self.frames for start, end in self.spans):
            raise UsageError(f"The spans {self.spans} must lie within frames 0 to {self.frames - 1}, start before end.")


def _known(what: str, word: Any, allowed: Any) -> None:
    if word not in allowed:
        raise UsageError(f"'{word}' is no {what} of the scenes.{did_you_mean(str(word), allowed)}")


def half_extent(shape: str, size: str) -> tuple[float, float]:
    """Half width and half height in pixels."""
    half_x, half_y = HALF[shape]
    return half_x * SIZES[size], half_y * SIZES[size]


def offset_along(subject: SceneObject, word: str, other: SceneObject) -> tuple[float, float]:
    """(how far the subject lies in the relation's direction, how far aside) in pixels; the first is < 0 if false."""
    axis, sign = DIRECTION[word]
    offset = (subject.x - other.x, subject.y - other.y)
    return sign * offset[axis], abs(offset[1 - axis])


def holds(subject: SceneObject, word: str, other: SceneObject, margin: float = 0.0) -> bool:
    """The centroid sign rule: the subject's centre lies more than `margin` pixels in the relation's direction."""
    return offset_along(subject, word, other)[0] > margin


def gap(a: SceneObject, b: SceneObject) -> float:
    """Free pixels between two boxes along x or y, whichever is larger; negative when they overlap."""
    across = abs(a.x - b.x) - a.half[0] - b.half[0]
    along = abs(a.y - b.y) - a.half[1] - b.half[1]
    return max(across, along)


def problems(scene: Scene) -> list[str]:
    """Where a scene is not drawable or not true of itself; empty for every scene that this package makes."""
    found = [f"object {i} leaves the canvas" for i, thing in enumerate(scene.objects) if not _inside(thing)]
    pairs = [(i, j) for j in range(len(scene.objects)) for i in range(j)]
    found += [f"objects {i} and {j} are too close" for i, j in pairs if gap(scene.objects[i], scene.objects[j]) < GAP]
    for subject, word, other in scene.relations:
        if not holds(scene.objects[subject], word, scene.objects[other], MARGIN - 1e-9):
            found.append(f"object {subject} is not clearly {word} object {other}")
    return found


def _inside(thing: SceneObject) -> bool:
    x0, y0, x1, y1 = thing.box
    return min(x0, y0) >= BORDER and max(x1, y1) <= CANVAS - BORDER


def to_dict(scene: Scene) -> dict[str, Any]:
    """A JSON-able form: `scene_from_dict(json.loads(json.dumps(to_dict(s)))) == s`."""
    return {
        "objects": [asdict(thing) for thing in scene.objects],
        "relations": [list(relation) for relation in scene.relations],
        "frames": scene.frames,
        "spans": [list(span) for span in scene.spans],
        "stated": list(scene.stated),
    }


def scene_from_dict(data: Mapping[str, Any]) -> Scene:
    """The scene of a `to_dict`; absent optional fields take their defaults. Raises UsageError for anything else."""
    try:
        return Scene(
            objects=tuple(_object(thing) for thing in data["objects"]),
            relations=tuple((int(i), str(word), int(j)) for i, word, j in data.get("relations", ())),
            frames=int(data.get("frames", 1)),
            spans=tuple((int(start), int(end)) for start, end in data.get("spans", ())),
            stated=tuple(str(word) for word in data.get("stated", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"This is not a scene ({type(error).__name__}: {error}); it needs 'objects' with shape, colour, size, x, y."
        ) from error


def _object(data: Mapping[str, Any]) -> SceneObject:
    return SceneObject(str(data["shape"]), str(data["colour"]), str(data["size"]), float(data["x"]), float(data["y"]))
