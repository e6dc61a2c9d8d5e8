"""Draws scenes: batches of uint8 images, equal to the last byte on every machine.

Vectorised over all objects of a batch that share shape and size: each is drawn in a window just larger than itself and
scattered into its image. A seed moves only nuisances: the background's grey, each colour's brightness (within 5 %), and
positions by at most 0.6 % of the object's extent, which keeps the box IoU with the truth above .97.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.errors import UsageError
from bench.world.draws import unit_lanes
from bench.world.palette import BACKGROUND, CANVAS, COLOURS, SHAPES, SIZES
from bench.world.scene import Scene
from bench.world.shapes import coverage

SIDES = (32, 64, 128)
"""Image sizes that can be drawn."""
BRIGHTNESS, JITTER = 0.05, 0.006
"""Largest relative change of a colour, and of a position relative to the object's extent."""

_SIZE_NAMES, _COLOUR_NAMES = tuple(SIZES), tuple(COLOURS)
_CODE = {(s, z): i * len(SIZES) + j for i, s in enumerate(SHAPES) for j, z in enumerate(_SIZE_NAMES)}
_COLOUR_AT = {name: i for i, name in enumerate(_COLOUR_NAMES)}
_RGB = np.array([COLOURS[name] for name in _COLOUR_NAMES], np.float64)
_RADIUS = np.array([SIZES[z] for _ in SHAPES for z in _SIZE_NAMES], np.float64)


@dataclass(frozen=True)
class _Table:
    """The objects of a batch, one row each."""

    image: np.ndarray
    """(m,) int64: into which image."""
    code: np.ndarray
    """(m,) int64: shape and size."""
    rgb: np.ndarray
    """(m, 3) float32, with the nuisance."""
    centre: np.ndarray
    """(m, 2) float32: x, y in pixels of the image, with the nuisance."""


def render(scenes: Sequence[Scene], seeds: Sequence[int], size: int = CANVAS) -> np.ndarray:
    """n scenes and n seeds -> uint8 (n, size, size, 3) RGB. All objects are drawn; stories belong to `render_frames`.

    size is 32, 64 or 128. Raises UsageError for another size or unequal lengths.
    """
    if len(scenes) != len(seeds):
        raise UsageError(f"{len(scenes)} scenes and {len(seeds)} seeds were given; give one seed for each scene.")
    if size not in SIDES:
        raise UsageError(f"Scenes can be drawn at {', '.join(map(str, SIDES))} pixels, not {size}.")
    keys = np.array([seed & (2**64 - 1) for seed in seeds], np.uint64)
    return _paint(_table(scenes, keys, size), _grounds(keys), size)


def render_frames(scene: Scene, seed: int, size: int = CANVAS) -> np.ndarray:
    """A scene -> uint8 (frames, size, size, 3): each object is drawn in the frames of its span."""
    if scene.frames == 1:
        return render([scene], [seed], size)
    if size not in SIDES:
        raise UsageError(f"Scenes can be drawn at {', '.join(map(str, SIDES))} pixels, not {size}.")
    key = np.array([seed & (2**64 - 1)], np.uint64)
    table = _table([scene], key, size)
    shown = [(f, i) for f in range(scene.frames) for i, (start, end) in enumerate(scene.spans) if start <= f <= end]
    frames, rows = (np.array([pair[k] for pair in shown], np.int64) for k in (0, 1))
    picked = replace(table, image=frames, code=table.code[rows], rgb=table.rgb[rows], centre=table.centre[rows])
    return _paint(picked, np.repeat(_grounds(key), scene.frames), size)


def mask(scene: Scene, place: int, size: int = CANVAS) -> np.ndarray:
    """bool (size, size): the pixels of which the object at `place` covers half or more, without nuisances."""
    thing, scale = scene.objects[place], size / CANVAS
    pixels = np.arange(size, dtype=np.float32) + np.float32(0.5)
    x, y = (pixels - np.float32(c * scale) for c in (thing.x, thing.y))
    return coverage(thing.shape, x[None, None, :], y[None, :, None], np.float32(SIZES[thing.size] * scale))[0] >= 0.5


def _grounds(keys: np.ndarray) -> np.ndarray:
    """(n,) float32: the background's grey."""
    low, high = BACKGROUND
    return np.floor(low + unit_lanes(keys, 0) * (high - low + 1)).astype(np.float32)


def _table(scenes: Sequence[Scene], keys: np.ndarray, size: int) -> _Table:
    rows = [
        (n, i, _CODE[o.shape, o.size], _COLOUR_AT[o.colour], o.x, o.y)
        for n, scene in enumerate(scenes)
        for i, o in enumerate(scene.objects)
    ]
    columns = np.array(rows, np.float64).reshape(-1, 6).T
    image, place, code, colour = (column.astype(np.int64) for column in columns[:4])
    seeds = keys[image]
    bright = 1 + BRIGHTNESS * (2 * unit_lanes(seeds, 1, place) - 1)
    reach = 2 * JITTER * _RADIUS[code]
    x = columns[4] + reach * (2 * unit_lanes(seeds, 2, place) - 1)
    y = columns[5] + reach * (2 * unit_lanes(seeds, 3, place) - 1)
    rgb = np.minimum(_RGB[colour] * bright[:, None], 255).astype(np.float32)
    return _Table(image, code, rgb, (np.stack([x, y], 1) * (size / CANVAS)).astype(np.float32))


def _paint(table: _Table, grounds: np.ndarray, size: int) -> np.ndarray:
    images = np.empty((len(grounds), size, size, 3), np.uint8)
    images[:] = grounds.astype(np.uint8)[:, None, None, None]
    flat = images.reshape(-1, 3)
    for code in range(len(_RADIUS)):
        rows = np.flatnonzero(table.code == code)
        for part in range(0, len(rows), 512):  # windows of 512 objects stay in the processor's cache
            _stamp(flat, table, rows[part : part + 512], code, grounds, size)
    return images


def _stamp(flat: np.ndarray, table: _Table, rows: np.ndarray, code: int, grounds: np.ndarray, size: int) -> None:
    """Draw objects of one shape and size into their images."""
    radius = np.float32(_RADIUS[code] * size / CANVAS)
    width = int(2 * radius) + 3
    first = np.floor(table.centre[rows] - radius - np.float32(0.5)).astype(np.int64)
    pixels = first[:, :, None] + np.arange(width)
    places = pixels.astype(np.float32) + np.float32(0.5) - table.centre[rows][:, :, None]
    places[(pixels < 0) | (pixels >= size)] = 2 * size  # outside the image nothing is covered
    share = coverage(SHAPES[code // len(SIZES)], places[:, 0, None, :], places[:, 1, :, None], radius)
    n, down, right = np.nonzero(share)
    image = table.image[rows][n]
    ground = grounds[image][:, None]
    value = ground + share[n, down, right][:, None] * (table.rgb[rows][n] - ground)
    at = (image * size + pixels[n, 1, down]) * size + pixels[n, 0, right]
    flat[at] = np.floor(value + np.float32(0.5)).astype(np.uint8)
