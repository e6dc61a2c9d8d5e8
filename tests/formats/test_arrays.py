"""Arrays, tensors and PIL images become the same pixels, and ranges that could be misread are refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bench.errors import BadImage, NotFinite
from bench.formats.arrays import to_pixels

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", ["hwc", "chw", "1chw", "1hwc"])
def test_floats_round_trip_exactly(dtype, shape):
    floats = (PIXELS / 255).astype(dtype)
    floats = floats.transpose(2, 0, 1) if "chw" in shape else floats
    assert np.array_equal(to_pixels(floats[None] if shape[0] == "1" else floats), PIXELS)


def test_bytes_grey_and_bool():
    assert np.array_equal(to_pixels(PIXELS), PIXELS)
    assert np.array_equal(to_pixels(PIXELS.transpose(2, 0, 1)), PIXELS)
    assert np.array_equal(to_pixels(PIXELS[..., 0])[..., 2], PIXELS[..., 0])
    assert to_pixels(np.array([[True, False]]))[0, :, 0].tolist() == [255, 0]


def test_pil_and_alpha():
    assert np.array_equal(to_pixels(Image.fromarray(PIXELS)), PIXELS)
    clear = np.dstack([PIXELS, np.zeros((5, 7), np.uint8)])
    assert (to_pixels(clear) == 255).all()
    assert np.array_equal(to_pixels(clear), to_pixels(Image.fromarray(clear)))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "uint8"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    level = 0.5 if "float" in dtype else 128
    grey = torch.full((3, 4, 6), level, dtype=getattr(torch, dtype), requires_grad="f" in dtype)
    assert (to_pixels(grey) == 128).all() and to_pixels(grey).shape == (4, 6, 3)


def test_three_by_three_is_read_as_rows_first():
    small = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert np.array_equal(to_pixels(small), small)


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (np.full((4, 4, 3), np.nan), NotFinite, "48 values that are NaN"),
        (np.array([[0.0, np.inf]]), NotFinite, "1 values"),
        (np.linspace(-1, 1, 48).reshape(4, 4, 3), BadImage, r"x \* 0\.5 \+ 0\.5"),
        (np.full((4, 4, 3), 200.0), BadImage, "divide by 255"),
        (np.full((4, 4, 3), 200), BadImage, "int64"),
        (np.zeros((5, 4, 5)), BadImage, "shape"),
        (np.zeros((0, 4, 3)), BadImage, "shape"),
        (np.zeros((2, 4, 4, 3)), BadImage, "shape"),
        ("a.png", BadImage, "is a str"),
        (None, BadImage, "is a NoneType"),
    ],
)
def test_what_is_refused(value, kind, said):
    with pytest.raises(kind, match=said):
        to_pixels(value)


def test_overshoot_of_resampling_is_clipped():
    assert to_pixels(np.array([[-0.0005, 1.0005]]))[0, :, 0].tolist() == [0, 255]
