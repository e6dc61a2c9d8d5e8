"""The detector reads clean renders exactly, survives mild damage, and says 'unreadable' of what is no scene."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.world.curve import blurred, detector_curve, exact, iou, noisy
from bench.world.detect import detect
from bench.world.labelling import components
from bench.world.palette import COLOURS, SHAPES
from bench.world.render import render
from bench.world.resample import to_square
from bench.world.scene import Scene, SceneObject, holds
from bench.world.split import split


@pytest.fixture(scope="module")
def scenes():
    return [entry.scene for entry in split("test", 1000)]


@pytest.fixture(scope="module")
def images(scenes):
    return render(scenes, range(len(scenes)))


def share(scenes, images, scale=1.0):
    return sum(exact(s, f, scale) for s, f in zip(scenes, detect(images), strict=True)) / len(scenes)


def test_clean_renders_are_read_exactly(scenes, images):
    assert share(scenes, images) >= 0.99


def test_held_out_pairs_are_read_as_well_as_all_others():
    every = [Scene((SceneObject(s, c, z, 30.5, 32.25),)) for s in SHAPES for c in COLOURS for z in ("small", "large")]
    assert share(every, render(every, range(len(every)))) == 1


def test_the_curve_under_blur_and_noise():
    curve = detector_curve(150, seed=3)
    assert curve["clean"] >= 0.99 and curve["blur 0.5"] >= 0.99 and curve["noise 5"] >= 0.99
    assert curve["blur 1"] > 0.9 and curve["noise 10"] > 0.9
    assert curve["blur 2"] <= curve["blur 1"] and curve["noise 40"] < curve["noise 10"]


@pytest.mark.parametrize(("size", "least"), [(32, 0.95), (128, 0.99)])
def test_other_sizes_are_read_in_their_own_pixels(scenes, size, least):
    assert share(scenes[:200], render(scenes[:200], range(200), size), size / 64) >= least


def test_odd_sizes_are_resampled(scenes, images):
    """96 x 96 by repetition and averaging: boxes come back in 96-pixel units."""
    wide = np.rint(to_square(np.repeat(np.repeat(images[:100], 3, 1), 3, 2), 96)).astype(np.uint8)
    assert share(scenes[:100], wide, 1.5) >= 0.95


def test_mirroring_flips_left_and_right_only(scenes, images):
    related = [k for k, s in enumerate(scenes) if s.relations and len(s.objects) == 2][:100]
    for k, found in zip(related, detect(images[related][:, :, ::-1]), strict=True):
        i, word, j = scenes[k].relations[0]
        a, b = (_where(found, scenes[k].objects[at]) for at in (i, j))
        assert holds(a, word, b) == (word in ("above", "below"))


def _where(found, thing):
    at = list(zip(found.shapes, found.colours, strict=True)).index((thing.shape, thing.colour))
    x0, y0, x1, y1 = found.boxes[at]
    return SceneObject(thing.shape, thing.colour, thing.size, (x0 + x1) / 2, (y0 + y1) / 2)


def test_answers_do_not_depend_on_the_batch(images):
    mixed = np.concatenate([images[:40], noisy(images[40:60], 20), blurred(images[60:80], 1.5)])
    for k, found in enumerate(detect(mixed)):
        alone = detect(mixed[k : k + 1])[0]
        assert np.array_equal(found.boxes, alone.boxes) and np.array_equal(found.scores, alone.scores)
        assert (found.shapes, found.colours, found.sizes) == (alone.shapes, alone.colours, alone.sizes)


def test_noise_is_unreadable():
    noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3)).astype(np.uint8)
    assert not any(found.readable or len(found) for found in detect(noise))
    assert all(found.reason for found in detect(noise))


@pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (214, 40, 40), (44, 84, 214)])
def test_constant_images_are_empty(rgb):
    found = detect(np.full((1, 64, 64, 3), rgb, np.uint8))[0]
    assert len(found) == 0 and found.boxes.shape == (0, 4)
    assert found.readable == (len(set(rgb)) == 1)


def test_a_gradient_and_a_blob_are_no_objects():
    gradient = np.broadcast_to(np.linspace(0, 255, 64)[None, :, None], (64, 64, 3)).astype(np.uint8)
    blob = np.full((64, 64, 3), 230, np.uint8)
    blob[10:14, 5:60] = COLOURS["red"]  # a long bar is no shape of the world
    for found in detect(np.stack([gradient, blob])):
        assert not found.readable and len(found) == 0


def test_photographs_are_unreadable_or_empty(shared_data):
    from bench.formats.images import decode

    files = sorted((shared_data / "visor").rglob("*.png"))[::14][:80]
    if not files:
        pytest.skip("no photographs here")
    found = [detect(decode(path)[None])[0] for path in files]
    assert sum(not f.readable or not len(f) for f in found) >= 0.9 * len(files)


def test_the_detector_sees_the_image_and_not_the_truth():
    """Another colour of the same layout is named as it is painted."""
    for colour in COLOURS:
        found = detect(render([Scene((SceneObject("star", colour, "small", 20, 20),))], [9]))[0]
        assert (found.colours, found.shapes, found.sizes) == ((colour,), ("star",), ("small",))


@given(st.integers(0, 2**62), st.integers(10, 54), st.integers(10, 54), st.sampled_from(SHAPES))
@settings(max_examples=40)
def test_one_object_is_found_anywhere(seed, x, y, shape):
    scene = Scene((SceneObject(shape, "green", "large", x, y),))
    found = detect(render([scene], [seed]))[0]
    assert exact(scene, found) and iou(found.boxes[0], scene.objects[0].box) > 0.92


@pytest.mark.parametrize(
    "bad", [np.zeros((64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3)), np.zeros((1, 0, 5, 3), np.uint8)]
)
def test_what_are_no_images_is_refused(bad):
    with pytest.raises(UsageError, match="uint8"):
        detect(bad)


def test_no_images_give_no_answers():
    assert detect(np.zeros((0, 64, 64, 3), np.uint8)) == []


def flooded(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """Components by flood fill, slow and plain."""
    left, out = {(int(r), int(c)) for r, c in np.argwhere(mask)}, []
    while left:
        stack, part = [min(left)], set()
        while stack:
            spot = stack.pop()
            if spot in left:
                left.remove(spot)
                part.add(spot)
                stack += [(spot[0] + dr, spot[1] + dc) for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0))]
        out.append(part)
    return out


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 0.6, 0.9]))
@settings(max_examples=60)
def test_components_equal_a_flood_fill(seed, density):
    masks = np.random.default_rng(seed).random((3, 9, 13)) < density
    labels, m = components(masks)
    parts = [(k, part) for k, mask in enumerate(masks) for part in flooded(mask)]
    assert m == len(parts) and (labels > 0).tolist() == masks.tolist()
    for number, (k, part) in enumerate(parts, 1):
        assert {(int(r), int(c)) for r, c in np.argwhere(labels[k] == number)} == part


def test_components_of_nothing():
    assert components(np.zeros((2, 5, 5), bool))[1] == 0
    assert components(np.ones((1, 1, 1), bool))[0].item() == 1


def test_area_means_are_exact_for_whole_factors():
    values = np.random.default_rng(1).integers(0, 256, (2, 128, 192, 3)).astype(np.uint8)
    assert np.allclose(to_square(values, 64), values.reshape(2, 64, 2, 64, 3, 3).mean((2, 4)), atol=1e-4)
    assert np.allclose(to_square(values[:, :50, :37], 64).mean((1, 2)), values[:, :50, :37].mean((1, 2)), atol=1e-3)
