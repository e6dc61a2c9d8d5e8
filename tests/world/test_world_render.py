"""Renders are the same bytes everywhere, show exactly the truth, and change with the seed in nuisances only."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from bench.errors import UsageError
from bench.world.curve import exact, iou
from bench.world.detect import detect
from bench.world.grammar import caption
from bench.world.palette import BACKGROUND, COLOURS, SHAPES, SIZES
from bench.world.render import BRIGHTNESS, JITTER, render, render_frames
from bench.world.scene import Scene, SceneObject, to_dict
from bench.world.shapes import CENTROID, HALF, area
from bench.world.split import scene_at, split

# Made by this code on x86-64 with numpy 2.4; numpy 1.26, and numpy without AVX2, FMA3 and AVX-512, gave the same.
PIXELS = {
    32: "26e245b0b5d3e67b0d77d49e08775d2e3912cafe41502ef441093e5f6a7ffe80",
    64: "3c194478d1fe39fe1522c3cb5361e31c732d25cea362df78cda02947f7041c07",
    128: "3ad1f81a288fd6b276366d24b5fd05ca967cbf7232ee9500e7b3f49a4963b76f",
}
STORY = "e1786c6b8b3e89211d6c439924428e3b46d6e82fac003f379255c82be62dd06b"
ROWS = {
    "train": "aaa8f183d775d578b3089009b6fa7d07a07d8906f0939290f7cfeade5c564343",
    "val": "83f095071a79cf3feb253a2fe2e3abaa21dedf01c75f02f4053fdce12ed5a543",
    "test": "42770ee50b440e81def27b1c5aa3d5aecd6865fcadcc2b22e1c1a89da08e1be7",
    "stories-test": "559c1cf9e1c4974d50859b618c446cd6ad7835a488c2c83f60ef348556add382",
}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def scenes():
    return [entry.scene for entry in split("test", 64)]


@pytest.mark.parametrize("size", PIXELS)
def test_bytes_are_pinned(scenes, size):
    assert sha(render(scenes, range(64), size).tobytes()) == PIXELS[size]


def test_bytes_of_a_story_are_pinned():
    assert sha(render_frames(scene_at("stories-test", 0).scene, 7).tobytes()) == STORY


@pytest.mark.parametrize("name", ROWS)
def test_scenes_and_captions_are_pinned(name):
    rows = [[e.id, to_dict(e.scene), caption(e.scene, e.variant)] for e in split(name, 64)]
    assert sha(json.dumps(rows).encode()) == ROWS[name]


def test_an_image_does_not_depend_on_its_batch(scenes):
    whole = render(scenes, range(64))
    assert all(np.array_equal(render([scenes[k]], [k])[0], whole[k]) for k in range(64))


def one(shape: str, size: str, x: float = 31.375, y: float = 33.625) -> Scene:
    return Scene((SceneObject(shape, "blue", size, x, y),))


def changed(image: np.ndarray) -> np.ndarray:
    return (image != image[0, 0]).any(-1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [32, 64, 128])
def test_boxes_are_the_extent_of_the_pixels(shape, size, side):
    """Every changed pixel touches the box, and the pixels reach each of its sides within one pixel."""
    for seed in range(8):
        scene = one(shape, size, 30 + seed / 8, 33 - seed / 8)
        rows, columns = (np.flatnonzero(changed(render([scene], [seed], side)[0]).any(axis)) for axis in (1, 0))
        truth = np.array(scene.objects[0].box) * side / 64
        seen = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        slack = 2 * JITTER * SIZES[size] * side / 64
        assert (np.floor(truth[:2] - slack) <= seen[:2]).all() and (seen[2:] <= np.ceil(truth[2:] + slack)).all()
        assert (np.abs(seen - truth) <= 1 + slack).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_mass_and_centroid_are_those_of_the_geometry(shape, size):
    scene = one(shape, size)
    image = render([scene], [3], 128)[0].astype(float)
    share = (image[0, 0, 0] - image[..., 0]) / (image[0, 0, 0] - image[..., 0].min())
    steps = (np.arange(128) + 0.5) / 2
    radius, thing = SIZES[size], scene.objects[0]
    assert share.sum() / 4 == pytest.approx(area(shape) * radius**2, rel=0.04)
    assert (share.sum(0) * steps).sum() / share.sum() == pytest.approx(thing.x, abs=0.2)
    assert (share.sum(1) * steps).sum() / share.sum() == pytest.approx(thing.y + CENTROID[shape] * radius, abs=0.2)


def test_known_areas():
    assert area("circle") == pytest.approx(np.pi, rel=1e-3)
    assert area("triangle") == pytest.approx(np.sqrt(3), rel=1e-3)
    assert area("diamond") == pytest.approx(2, rel=1e-3)
    assert area("square") == pytest.approx(1.75**2, rel=1e-3)
    assert area("star") == pytest.approx(1.122570 * 1.0514622**2, rel=1e-2)  # regular pentagram of circumradius 1


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_reaches_beyond_its_radius(shape):
    assert max(HALF[shape]) <= 1


def test_seeds_move_nuisances_and_nothing_else(scenes):
    first, second = render(scenes, [1] * 64), render(scenes, [2] * 64)
    assert all((a != b).any() for a, b in zip(first, second, strict=True))
    for images in (first, second):
        assert all(exact(s, f) for s, f in zip(scenes, detect(images), strict=True))


def test_the_jitter_keeps_the_box():
    for shape in SHAPES:
        for size, radius in SIZES.items():
            x0, y0, x1, y1 = SceneObject(shape, "red", size, 32, 32).box
            move = 2 * JITTER * radius
            assert iou((x0, y0, x1, y1), (x0 + move, y0 + move, x1 + move, y1 + move)) >= 0.97


def test_backgrounds_are_grey_and_colours_true():
    images = render([one("square", "large")] * 200, range(200))
    grounds = images[:, 0, 0]
    assert (grounds[:, 0] == grounds[:, 1]).all() and (grounds[:, 1] == grounds[:, 2]).all()
    assert (grounds.min(), grounds.max()) == BACKGROUND
    ratio = images[:, 33, 31] / np.array(COLOURS["blue"])
    assert np.abs(ratio - 1).max() <= BRIGHTNESS + 0.02 and ratio.std() > 0.01


def test_sizes_show_the_same_scene(scenes):
    large = render(scenes, range(64), 128).astype(float)
    small = render(scenes, range(64), 64).astype(float)
    means = large.reshape(64, 64, 2, 64, 2, 3).mean((2, 4))
    assert np.abs(means - small).max() < 110 and np.abs(means - small).mean() < 0.2, "only pointed corners may differ"


def test_frames_show_what_is_there():
    a, b = SceneObject("circle", "red", "large", 15, 32), SceneObject("square", "blue", "large", 45, 32)
    story = Scene((a, b), frames=6, spans=((0, 2), (2, 4)))
    frames = render_frames(story, 5)
    assert frames.shape == (6, 64, 64, 3) and frames.dtype == np.uint8
    shown = [set(found.shapes) for found in detect(frames)]
    assert shown == [{"circle"}, {"circle"}, {"circle", "square"}, {"square"}, {"square"}, set()]
    assert np.array_equal(frames[0], frames[1]), "an object that stays is drawn alike in every frame"
    assert np.array_equal(frames[2], render([Scene((a, b))], [5])[0])


def test_a_still_scene_has_one_frame(scenes):
    assert np.array_equal(render_frames(scenes[0], 3), render([scenes[0]], [3]))


def test_an_empty_scene_and_an_empty_batch():
    assert (np.ptp(render([Scene(())], [0])[0].reshape(-1)), render([], []).shape) == (0, (0, 64, 64, 3))


def test_an_object_at_the_edge_is_cut_not_wrapped():
    image = render([Scene((SceneObject("square", "red", "large", 0, 0),))], [0])[0]
    mask = (image != image[-1, 32]).any(-1)
    assert mask[:7, :7].all() and not mask[10:].any() and not mask[:, 10:].any()


def test_wrong_sizes_and_counts_are_refused(scenes):
    with pytest.raises(UsageError, match="32, 64, 128"):
        render(scenes, range(64), 48)
    with pytest.raises(UsageError, match="one seed"):
        render(scenes, [0])
    with pytest.raises(UsageError, match="32, 64, 128"):
        render_frames(scene_at("stories-test", 0).scene, 0, 50)


def test_every_seed_is_allowed(scenes):
    assert render(scenes[:3], [-1, 2**63 - 1, 2**64]).shape == (3, 64, 64, 3)
