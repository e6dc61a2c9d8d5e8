"""Preprocessing against torchvision's, open_clip's and timm's own transforms, and where they would need gigabytes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bench.errors import UsageError
from bench.extractors.preprocess import Preprocess

SIZES = [(1, 1), (17, 33), (128, 128), (224, 224), (300, 501), (640, 100)]


def noise(height, width):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_open_clip_transform(size):
    from open_clip import image_transform

    from bench.extractors.open_clip_model import OpenClip

    theirs = image_transform(224, is_train=False)(Image.fromarray(noise(*size)))
    ours = OpenClip(seed=0).prepare_image(noise(*size))
    np.testing.assert_array_equal(ours, theirs.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("model", ["resnet18.a1_in1k", "vit_small_patch14_dinov2.lvd142m", "convnext_tiny.fb_in1k"])
@pytest.mark.parametrize("size", SIZES)
def test_timm_transform(model, size):
    import timm
    from timm.data import create_transform, resolve_data_config

    from bench.extractors.timm_model import Timm

    config = resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(model).to_dict(), use_test_size=True)
    config["crop_pct"] = timm.get_pretrained_cfg(model).test_crop_pct or config["crop_pct"]
    theirs = create_transform(**config)(Image.fromarray(noise(*size)))
    np.testing.assert_array_equal(Timm(model, seed=0).prepare_image(noise(*size)), theirs.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("model", ["resnet18", "resnet50", "vit_b_16"])
@pytest.mark.parametrize("size", SIZES)
def test_torchvision_transform(model, size):
    from torchvision.models import get_model_weights

    from bench.extractors.torchvision_model import Torchvision

    theirs = get_model_weights(model).DEFAULT.transforms()(Image.fromarray(noise(*size)))
    ours = Torchvision(model, seed=0).prepare_image(noise(*size))
    np.testing.assert_allclose(ours, theirs.permute(1, 2, 0).numpy(), atol=1e-6)


def test_a_very_long_image_needs_no_gigabytes_and_keeps_its_middle():
    recipe = Preprocess((224, 224), (0.0,) * 3, (1.0,) * 3)
    image = np.zeros((2, 40_000, 3), np.uint8)
    image[:, 19_990:20_010] = 255
    out = recipe(image)
    assert out.shape == (224, 224, 3)
    assert out[:, 112].mean() > 0.9, "the centre crop of a long image is its middle"


def test_squash_and_pad_keep_everything_and_crop_does_not():
    image = np.zeros((64, 128, 3), np.uint8)
    image[:, :16] = 255
    bright = {
        mode: Preprocess((32, 32), (0.0,) * 3, (1.0,) * 3, mode=mode)(image).sum() for mode in ("crop", "squash", "pad")
    }
    assert bright["squash"] > bright["pad"] > bright["crop"]


def test_unknown_interpolation_is_refused():
    with pytest.raises(UsageError, match="allowed: nearest, bilinear"):
        Preprocess((8, 8), (0.0,) * 3, (1.0,) * 3, interpolation="cubist")
