"""Names the objects that segmentation found: colour by direction from the background, shape by overlap with templates.

A pixel that mixes object and background lies on the line between their colours, so its share of the object is a
projection, and area and centroid are sums of shares, which blur does not move. Every shape then has one scale and place
that explain them, and the one whose analytic coverage agrees best (soft IoU, both smoothed alike) is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.world.palette import COLOURS, SHAPES, SIZES
from bench.world.shapes import CENTROID, HALF, area, coverage

WINDOW = 30
"""Side of the square in which an object is looked at, in pixels: the largest one and room for its blur."""
REACH = 3
"""How far beyond its segment an object's blurred edge is followed, in pixels."""
SHARP, EXTRA = 0.92, (2, 5)
"""Below this overlap templates smoothed so many times more (sd 1.0 and 1.6) are tried too: the image may be blurred."""

NAMES = tuple(COLOURS)
_RGB = np.array([COLOURS[name] for name in NAMES], np.float32)
_UNITS = np.sqrt(np.array([area(shape) for shape in SHAPES], np.float64))
_LIMIT = float(np.sqrt(np.prod(list(SIZES.values()))))
"""Radius between small and large: their geometric mean."""


@dataclass(frozen=True)
class Recognised:
    """What m segments are; arrays of length m, lengths in pixels."""

    colour: np.ndarray
    """Index into NAMES."""
    shape: np.ndarray
    """Index into SHAPES."""
    score: np.ndarray
    """Soft IoU with the template of that shape, 0..1."""
    likeness: np.ndarray
    """Cosine between the colour's direction from the background and the palette's, -1..1."""
    box: np.ndarray
    """(m, 4) xyxy."""
    large: np.ndarray
    """bool: nearer to the large radius."""


def recognise(difference: np.ndarray, grounds: np.ndarray, labels: np.ndarray, m: int, noisy: np.ndarray) -> Recognised:
    """difference: float32 (n, s, s, 3) image minus background; grounds (n, 3); labels (n, s, s) with m segments.

    noisy: bool (n,); there shares below 0 and above 1 count too, because cutting noise off would make objects larger.
    """
    image, first, at = _windows(labels, m)
    shown = [np.take(difference[..., c].reshape(-1), at) for c in range(3)]
    segments = np.take(labels.reshape(-1), at)
    mine = np.arange(1, m + 1)[:, None, None]
    colour, likeness, line = _colours(shown, grounds[image], segments == mine)
    slack = np.where(noisy, np.float32(0.5), np.float32(0))[image, None, None]
    share = np.clip(shown[0] * line[0] + shown[1] * line[1] + shown[2] * line[2], -slack, 1 + slack)
    share *= _own(segments, mine)
    mass = np.maximum(share.sum((1, 2), dtype=np.float64), 1e-6)
    steps = np.arange(WINDOW) + 0.5
    x = (share.sum(1, dtype=np.float64) * steps).sum(1) / mass
    y = (share.sum(2, dtype=np.float64) * steps).sum(1) / mass
    shape, score, radius = _shapes(share, mass, x, y)
    half = np.array([HALF[s] for s in SHAPES])[shape] * radius[:, None]
    lower = np.array([CENTROID[s] for s in SHAPES])[shape] * radius
    centre = np.stack([first[:, 1] + x, first[:, 0] + y - lower], 1)
    box = np.concatenate([centre - half, centre + half], 1)
    return Recognised(colour, shape, score, likeness, box, radius > _LIMIT)


def _windows(labels: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each segment its image, its window's (row, column), and (m, WINDOW, WINDOW) places in the flat batch.

    Windows lie inside the image: they are moved, not padded.
    """
    side = labels.shape[1]
    flat = np.flatnonzero(labels)
    own = labels.reshape(-1)[flat] - 1
    counts = np.bincount(own, minlength=m)
    of = np.zeros(m, np.int64)
    of[own] = flat // (side * side)
    sums = (np.bincount(own, weights=v, minlength=m) for v in (flat // side % side, flat % side))
    middle = np.stack([total / counts for total in sums], 1)
    first = np.clip(np.floor(middle - WINDOW / 2 + 0.5).astype(np.int64), 0, side - WINDOW)
    steps = np.arange(WINDOW)
    start = ((of * side + first[:, 0]) * side + first[:, 1])[:, None, None]
    return of, first, start + steps[:, None] * side + steps


def _colours(shown: list[np.ndarray], grounds: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, ...]:
    """Colour index, cosine to it, and (3, m, 1, 1) the vector that turns a difference into a share of the object."""
    mean = np.stack([(c * inside).sum((1, 2), dtype=np.float64) for c in shown], 1) / inside.sum((1, 2))[:, None]
    lines = _RGB[None].astype(np.float64) - grounds[:, None]
    lengths = np.sqrt((lines * lines).sum(2))
    cosine = (lines * mean[:, None]).sum(2) / np.maximum(lengths * np.sqrt((mean * mean).sum(1))[:, None], 1e-6)
    colour = cosine.argmax(1)
    rows = np.arange(len(colour))
    line = lines[rows, colour] / np.maximum(lengths[rows, colour] ** 2, 1e-6)[:, None]
    return colour, cosine[rows, colour], line.T[:, :, None, None].astype(np.float32)


def _own(labels: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Where an object's share counts: within REACH of its segment, and not next to another segment."""
    mine, others = labels == own, (labels != own) & (labels > 0)
    for _ in range(REACH):
        mine = _grown(mine)
    return mine & ~_grown(others)


def _grown(mask: np.ndarray) -> np.ndarray:
    out = mask.copy()
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    wide = out.copy()
    wide[:, :, 1:] |= out[:, :, :-1]
    wide[:, :, :-1] |= out[:, :, 1:]
    return wide


def _shapes(share: np.ndarray, mass: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Best shape, its soft IoU and the radius that its area implies, for each of m windows."""
    radii = np.sqrt(mass)[:, None] / _UNITS
    seen = smooth(share)
    scores = _overlaps(seen, radii, x, y, 0)
    unsure = np.flatnonzero(scores.max(1) < SHARP)
    for extra in EXTRA if len(unsure) else ():
        again = _overlaps(seen[unsure], radii[unsure], x[unsure], y[unsure], extra)
        scores[unsure] = np.maximum(scores[unsure], again)
    best = scores.argmax(1)
    rows = np.arange(len(best))
    return best, scores[rows, best], radii[rows, best]


def _overlaps(seen: np.ndarray, radii: np.ndarray, x: np.ndarray, y: np.ndarray, extra: int) -> np.ndarray:
    """(m, shapes) soft IoU of what is seen with each template, smoothed as the seen was and `extra` times more."""
    steps = np.arange(WINDOW, dtype=np.float32) + np.float32(0.5)
    across = steps[None, None, :] - x.astype(np.float32)[:, None, None]
    scores = []
    for k, shape in enumerate(SHAPES):
        middle = (y - CENTROID[shape] * radii[:, k]).astype(np.float32)
        r = radii[:, k].astype(np.float32)[:, None, None]
        template = coverage(shape, across, steps[None, :, None] - middle[:, None, None], r)
        for _ in range(1 + extra):
            template = smooth(template)
        common = np.minimum(seen, template).sum((1, 2), dtype=np.float64)
        either = np.maximum(seen, template).sum((1, 2), dtype=np.float64)
        scores.append(common / np.maximum(either, 1e-6))
    return np.stack(scores, 1)


def smooth(values: np.ndarray) -> np.ndarray:
    """float32 (n, h, w) by the weights 1 2 1 along rows and columns; edges repeat. Keeps the layout in memory."""
    out = values * np.float32(2)
    out[:, 1:] += values[:, :-1]
    out[:, :-1] += values[:, 1:]
    out[:, 0] += values[:, 0]
    out[:, -1] += values[:, -1]
    wide = out * np.float32(2)
    wide[:, :, 1:] += out[:, :, :-1]
    wide[:, :, :-1] += out[:, :, 1:]
    wide[:, :, 0] += out[:, :, 0]
    wide[:, :, -1] += out[:, :, -1]
    return wide * np.float32(0.0625)
