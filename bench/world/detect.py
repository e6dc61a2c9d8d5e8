"""The analytic detector of scenes: exact on clean renders, measured under blur and noise, able to say 'unreadable'.

No truth and no training: the background is the median of the border, the noise its spread, objects are what differs by
half of a palette colour, and names come from `bench.world.recognise`. Images of any size are averaged to 64 x 64 first
(other aspect ratios are stretched) and boxes are returned in the image's own pixels. An image is unreadable when its
border is no plain grey, when too much of it differs from the border, or when more is there than could be recognised; a
plain light image without objects is readable and empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.errors import UsageError
from bench.world.labelling import components
from bench.world.palette import CANVAS, SHAPES
from bench.world.recognise import NAMES, Recognised, recognise, smooth
from bench.world.resample import to_square

BATCH = 256
"""Images looked at together: their arrays stay in the processor's cache."""
STRENGTH = 42.0
"""Least distance from the background, in grey levels, that can be an object: about .4 of the palest colour's."""
NOISY, NOISE_FACTOR = 4.0, 4.5
"""Border spread (sd) above which differences are smoothed first, and how many sd an object must then exceed."""
SMALLEST = 14
"""Least pixels of a segment at 64 x 64; a small star has about 30."""
LOOKS, COLOUR_LIKE = 0.66, 0.93
"""Least soft IoU with a template, and least cosine with a palette colour, of an object."""
MOST_SPREAD, MOST_TINT, MOST_COVER, MOST_OBJECTS = 62.0, 40.0, 0.5, 12
"""Beyond these an image is unreadable: border sd, border tint, covered share, recognised objects."""
MOST_UNKNOWN = 0.6
"""And this: the share of differing pixels that belong to nothing recognised."""


@dataclass(frozen=True)
class Found:
    """What the detector sees in one image; all sequences have length m."""

    boxes: np.ndarray
    """(m, 4) float64 xyxy in pixels of the image as given."""
    shapes: tuple[str, ...]
    colours: tuple[str, ...]
    sizes: tuple[str, ...]
    scores: np.ndarray
    """(m,) float64: soft IoU with the shape's template, 0..1."""
    readable: bool = True
    reason: str = ""
    """Why an image is unreadable."""
    segments: np.ndarray | None = None
    """int32 (64, 64): 1..m in the pixels of each object, at 64 x 64; None where nothing was found."""

    def __len__(self) -> int:
        return len(self.shapes)


@dataclass(frozen=True)
class _Batch:
    """n images on their way to objects, at 64 x 64."""

    difference: np.ndarray
    """float32 (n, 64, 64, 3) from the background, smoothed where noisy."""
    grounds: np.ndarray
    """(n, 3) background."""
    noisy: np.ndarray
    """bool (n,)."""
    mask: np.ndarray
    """bool (n, 64, 64): differs enough; all False in unreadable images."""
    reasons: list[str]
    """Why an image is unreadable, or ''."""
    scale: tuple[float, float]
    """Pixels of the given image for one of the 64, along x and y."""


def detect(images: np.ndarray) -> list[Found]:
    """uint8 (n, h, w, 3) -> n detections, ordered by reading order of the objects' first pixels.

    The answer for an image does not depend on the others. Raises UsageError for another shape or dtype.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or 0 in images.shape[1:]:
        raise UsageError(
            f"The scene detector was given {images.dtype} {images.shape}; it takes uint8 images of shape (n, h, w, 3)."
        )
    return [found for at in range(0, len(images), BATCH) for found in _batch(images[at : at + BATCH])]


def _batch(images: np.ndarray) -> list[Found]:
    pixels = to_square(images, CANVAS)
    grounds, spread = _border(pixels)
    difference = pixels - grounds[:, None, None].astype(np.float32)
    noisy = spread > NOISY
    seen = difference
    if noisy.any():
        seen = difference.copy()
        seen[noisy] = _smooth_colours(difference[noisy])
    least = np.where(noisy, np.maximum(STRENGTH, NOISE_FACTOR * 0.375 * spread), STRENGTH).astype(np.float32)
    mask = _strength(seen) > (least * least)[:, None, None]
    reasons = _unreadable(grounds, spread, mask)
    mask &= np.array([not reason for reason in reasons])[:, None, None]
    scale = images.shape[2] / CANVAS, images.shape[1] / CANVAS
    return _objects(_Batch(seen, grounds, noisy, mask, reasons, scale))


def _border(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) background and (n,) its spread: 1.4826 MAD of the border, the largest of the channels.

    The mean of what lies near the median: noise that was cut at 255 moves the mean of the background, not its median.
    """
    ring = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]], 1)
    middle = np.median(ring, axis=1)
    off = ring - middle[:, None]
    spread = 1.4826 * np.median(np.abs(off), axis=1).max(1)
    reach = (3 * spread + 1)[:, None, None]
    return middle + np.clip(off, -reach, reach).mean(1, dtype=np.float64), spread


def _smooth_colours(values: np.ndarray) -> np.ndarray:
    return np.stack([smooth(values[..., c]) for c in range(3)], 3)


def _strength(difference: np.ndarray) -> np.ndarray:
    """Squared distance from the background."""
    r, g, b = (difference[..., c] for c in range(3))
    return r * r + g * g + b * b


def _unreadable(grounds: np.ndarray, spread: np.ndarray, mask: np.ndarray) -> list[str]:
    """A reason for each image that cannot be a scene, '' for the others."""
    tint = grounds.max(1) - grounds.min(1)
    cover = mask.mean((1, 2))
    tests = (
        (spread > MOST_SPREAD, "its border is not uniform"),
        (tint > MOST_TINT, "its background is not grey"),
        (cover > MOST_COVER, "most of it differs from its border"),
    )
    return [next((why for bad, why in tests if bad[i]), "") for i in range(len(grounds))]


def _objects(batch: _Batch) -> list[Found]:
    labels, m = components(batch.mask)
    image, pixels = _segments(labels, m)
    kept = np.flatnonzero(pixels >= SMALLEST)
    if not len(kept):
        return [_empty(reason) for reason in batch.reasons]
    renamed = np.zeros(m + 1, np.int32)
    renamed[kept + 1] = np.arange(1, len(kept) + 1)
    image, pixels = image[kept], pixels[kept]
    seen = recognise(batch.difference, batch.grounds, renamed[labels], len(kept), batch.noisy)
    known = (seen.score >= LOOKS) & (seen.likeness >= COLOUR_LIKE)
    total, unknown = (np.bincount(image, pixels * which, len(batch.reasons)) for which in (1, ~known))
    found = []
    for i, reason in enumerate(batch.reasons):
        rows = np.flatnonzero((image == i) & known)
        if not reason and (unknown[i] > MOST_UNKNOWN * total[i] or len(rows) > MOST_OBJECTS):
            reason = "what is in it has none of the known shapes and colours"
        found.append(_empty(reason) if reason else _found(seen, rows, batch.scale, renamed[labels[i]]))
    return found


def _segments(labels: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """(m,) image and (m,) number of pixels of each segment."""
    flat = np.flatnonzero(labels)
    own = labels.reshape(-1)[flat] - 1
    of = np.zeros(m, np.int64)
    of[own] = flat // (labels.shape[1] * labels.shape[2])
    return of, np.bincount(own, minlength=m)


def _empty(reason: str) -> Found:
    return Found(np.zeros((0, 4)), (), (), (), np.zeros(0), not reason, reason)


def _numbered(segments: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Segments of all images (from 1) -> the places of `rows` in their order (from 1), 0 elsewhere."""
    place = np.zeros(int(segments.max(initial=0)) + 1, np.int32)
    inside = rows + 1 < len(place)
    place[rows[inside] + 1] = np.arange(1, len(rows) + 1, dtype=np.int32)[inside]
    return place[segments]


def _found(seen: Recognised, rows: np.ndarray, scale: tuple[float, float], segments: np.ndarray) -> Found:
    return Found(
        boxes=seen.box[rows] * np.array([*scale, *scale]),
        shapes=tuple(SHAPES[k] for k in seen.shape[rows]),
        colours=tuple(NAMES[k] for k in seen.colour[rows]),
        sizes=tuple("large" if big else "small" for big in seen.large[rows]),
        scores=seen.score[rows],
        segments=_numbered(segments, rows),
    )
