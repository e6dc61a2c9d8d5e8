"""Resizings against the implementations that define them, at sizes that 299 does not divide."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.extractors.resize import PRESETS, bilinear

SIZES = [(1, 1), (2, 700), (17, 33), (128, 128), (299, 299), (300, 500), (1000, 100)]


def noise(height, width):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def rows(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].float()


def back(tensor):
    return tensor[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", SIZES)
def test_tf_fid_is_torch_fidelity_to_the_last_bit(size):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    image = noise(*size)
    theirs = interpolate_bilinear_2d_like_tensorflow1x(rows(image), (299, 299), align_corners=False)
    np.testing.assert_array_equal(PRESETS["tf-fid"](image, 299), back((theirs - 128) / 128))


@pytest.mark.parametrize("size", SIZES)
def test_torch_legacy_is_pytorch_fid(size):
    theirs = 2 * F.interpolate(rows(noise(*size)) / 255, (299, 299), mode="bilinear", align_corners=False) - 1
    np.testing.assert_allclose(PRESETS["torch-legacy"](noise(*size), 299), back(theirs), atol=5e-5)


@pytest.mark.parametrize("size", SIZES)
def test_tm_aa_is_torchmetrics(size):
    theirs = F.interpolate(rows(noise(*size)), (299, 299), mode="bilinear", align_corners=False, antialias=True)
    np.testing.assert_allclose(PRESETS["tm-aa"](noise(*size), 299), back((theirs - 128) / 128), atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_clean_is_clean_fid(size):
    """Origin: clean-fid 0.1.35, cleanfid.resize.build_resizer('clean')."""
    module = pytest.importorskip("cleanfid.resize")
    theirs = module.build_resizer("clean")(noise(*size))
    np.testing.assert_allclose(PRESETS["clean"](noise(*size), 299), (theirs.astype(np.float32) - 128) / 128, atol=1e-6)


def test_clean_clips_the_overshoot_of_bicubic():
    edge = np.zeros((32, 32, 3), np.uint8)
    edge[:, 16:] = 255
    assert PRESETS["clean"](edge, 299).min() == -1.0
    assert PRESETS["clean"](edge, 299).max() == np.float32(127 / 128)


def test_presets_differ_where_antialiasing_matters():
    """A fine checkerboard greys out under antialiasing and aliases without: the protocols are not interchangeable."""
    board = (np.indices((1024, 1024)).sum(0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, 2)
    spread = {name: float(preset(board, 299).std()) for name, preset in PRESETS.items()}
    assert spread["tm-aa"] < 0.05 and spread["clean"] < 0.05
    assert spread["tf-fid"] > 0.2 and spread["torch-legacy"] > 0.2


def test_half_pixel_centres_keep_mirror_symmetry_and_tensorflow_1_does_not():
    image = noise(16, 16)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    for half_pixel, symmetric in ((True, True), (False, False)):
        one, other = (bilinear(i, 64, half_pixel=half_pixel) for i in (image, mirrored))
        assert np.allclose(one, other[:, ::-1], atol=1e-3) is symmetric


def test_the_input_is_left_alone():
    image = noise(40, 40)
    image.setflags(write=False)
    before = image.copy()
    for preset in PRESETS.values():
        preset(image, 299)
    np.testing.assert_array_equal(image, before)
