"""Every pathology of image files that the field's folders hold, and the exact pixels that each must give."""

from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from bench.errors import BadImage
from bench.formats.images import decode, encode_png, from_pil, mime, pixel_digest, thumbnail

RNG = np.random.default_rng(7)
PIXELS = RNG.integers(0, 256, (24, 40, 3), dtype=np.uint8)
SMOOTH = np.stack(np.meshgrid(np.arange(40) * 6, np.arange(24) * 10), -1)[..., [0, 1, 1]].astype(np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_png(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def test_png_round_trip_is_exact():
    assert np.array_equal(decode(encode_png(PIXELS)), PIXELS)


def test_path_string_and_bytes_agree(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(PIXELS))
    digests = {pixel_digest(decode(source)) for source in (path, str(path), path.read_bytes())}
    assert len(digests) == 1


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_lossless_kinds_give_the_same_digest(kind):
    flat = np.repeat(np.repeat(PIXELS[:4, :4] // 64 * 64, 6, 0), 10, 1)
    options = {"lossless": True} if kind == "WEBP" else {}
    assert pixel_digest(decode(saved(Image.fromarray(flat), kind, **options))) == pixel_digest(flat)


def test_extension_does_not_matter(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_png(PIXELS))
    assert np.array_equal(decode(path), PIXELS)


def test_grey_and_grey_alpha():
    grey = PIXELS[..., 0]
    assert np.array_equal(decode(saved(Image.fromarray(grey))), np.repeat(grey[..., None], 3, 2))
    la = np.dstack([grey, np.full_like(grey, 0)])
    assert (decode(saved(Image.fromarray(la, "LA"))) == 255).all()


def test_alpha_is_composited_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 0], rgba[0, :, 3] = 200, (0, 128, 255)
    assert decode(saved(Image.fromarray(rgba, "RGBA")))[0].tolist() == [[255, 255, 255], [227, 127, 127], [200, 0, 0]]


def test_palette_with_and_without_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert decode(saved(image))[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert decode(saved(image, transparency=0))[0].tolist() == [[255, 255, 255], [40, 50, 60]]


def test_one_bit():
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert decode(saved(image))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_keeps_its_high_byte(kind):
    deep = np.array([[0, 255, 256, 0x8000, 65535]], np.uint16)
    assert decode(saved(Image.fromarray(deep), kind))[0, :, 1].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_thirty_two_bit_is_refused(dtype):
    with pytest.raises(BadImage, match="32-bit"):
        decode(saved(Image.fromarray(np.ones((2, 2), dtype)), "TIFF"))


def test_cmyk_jpeg_is_not_inverted():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert np.allclose(decode(saved(red, "JPEG", quality=95))[8, 8], (255, 0, 0), atol=6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corner"),  # where the stored top left pixel must be shown: (row, column) as 0 or -1
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))],
)
def test_exif_orientation(kind, orientation, corner):
    stored = np.full((16, 32, 3), 255, np.uint8)
    stored[:8, :8] = 0
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = decode(saved(Image.fromarray(stored), kind, exif=exif))
    assert shown.shape == ((32, 16, 3) if orientation > 4 else (16, 32, 3))
    dark = {(r, c) for r in (0, -1) for c in (0, -1) if shown[r, c].max() < 100}
    assert dark == {corner}


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert (decode(data) == (255, 0, 0)).all(), kind


def test_one_pixel():
    assert decode(encode_png(PIXELS[:1, :1])).shape == (1, 1, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_a_prefix_of_a_file_is_refused_or_whole(kind):
    """Whatever byte the file was cut at: never a picture with a grey rest."""
    data = saved(Image.fromarray(SMOOTH), kind)
    whole = decode(data)
    refused = 0
    for length in range(0, len(data), max(1, len(data) // 97)):
        try:
            assert np.array_equal(decode(data[:length]), whole), f"cut at {length} of {len(data)}"
        except BadImage as error:
            assert len(error.messages) == 1
            refused += 1
    assert refused > 80


def test_half_a_file_says_truncated(tmp_path):
    path = tmp_path / "half.png"
    path.write_bytes(encode_png(PIXELS)[:900])
    with pytest.raises(BadImage, match=r"half\.png.*truncated or damaged"):
        decode(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_never_raise_anything_else():
    good = [saved(Image.fromarray(SMOOTH), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")]
    rng = np.random.default_rng(0)
    for data in good:
        for _ in range(60):
            bad = bytearray(data)
            for at in rng.integers(0, len(bad), 4):
                bad[at] = int(rng.integers(256))
            try:
                decode(bytes(bad))
            except BadImage:
                pass


def test_empty_and_not_an_image(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(BadImage, match=r"empty\.png' is empty \(0 bytes\)"):
        decode(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("<html>404</html>")
    with pytest.raises(BadImage, match=r"text\.png' is no image in a known format"):
        decode(tmp_path / "text.png")


def test_readers_that_start_other_programs_are_not_used():
    with pytest.raises(BadImage, match="no image in a known format"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


def test_decompression_bombs():
    with pytest.raises(BadImage, match=r"more than|at most"):
        decode(huge_png(60000, 60000))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bomb_that_pillow_only_warns_of():
    with pytest.raises(BadImage, match="10000 x 10000"):
        decode(huge_png(10000, 10000))


def test_things_that_are_no_files(tmp_path):
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    for name, said in [("loop.png", "cannot be read"), ("pipe.png", "no regular file"), ("", "is a folder")]:
        with pytest.raises(BadImage, match=said):
            decode(tmp_path / name)
    with pytest.raises(BadImage, match="does not exist"):
        decode(tmp_path / "absent.png")
    with pytest.raises(BadImage, match="cannot be read"):
        decode("a\0b.png")


def test_digest_sees_pixels_and_shape():
    assert pixel_digest(PIXELS) == pixel_digest(PIXELS.copy())
    assert pixel_digest(PIXELS) != pixel_digest(PIXELS.reshape(40, 24, 3))
    changed = PIXELS.copy()
    changed[3, 4, 1] ^= 1
    assert pixel_digest(PIXELS) != pixel_digest(changed)
    assert pixel_digest(PIXELS[:, ::-1]) == pixel_digest(np.ascontiguousarray(PIXELS[:, ::-1]))
    with pytest.raises(BadImage, match="float64"):
        pixel_digest(PIXELS.astype(float))


def test_digest_is_pinned():
    """Origin: sha256 of b'1x2x3:' and six bytes, computed by sha256sum; a change breaks every stored run."""
    pixels = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert pixel_digest(pixels) == "a170a118d97415b52459bd39885063e0c7360259ee4881b4cafd91122b3b5fb2"


def test_thumbnail_keeps_aspect_and_never_enlarges():
    assert decode(thumbnail(PIXELS, 20)).shape == (12, 20, 3)
    assert decode(thumbnail(PIXELS, 500)).shape == PIXELS.shape
    assert mime(thumbnail(PIXELS, 20)) in ("image/webp", "image/png")
    assert mime(encode_png(PIXELS)) == "image/png"
    assert abs(decode(thumbnail(SMOOTH, 40)).astype(int) - SMOOTH).mean() < 12


def test_only_images_are_encoded():
    for bad in (PIXELS[..., 0], PIXELS.astype(float), PIXELS[:0]):
        with pytest.raises(BadImage, match="is no image"):
            encode_png(bad)


def test_from_pil_follows_the_same_rules():
    assert (from_pil(Image.new("RGBA", (3, 2), (0, 0, 0, 0))) == 255).all()
