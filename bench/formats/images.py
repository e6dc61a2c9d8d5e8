"""Decoding of image files to RGB pixels, their digest, and the encodings that the suite writes.

One rule for every file: uint8 RGB, turned as its EXIF orientation says, alpha composited on white, the high byte of
16-bit grey (as Pillow does for 16-bit colour), the first frame of an animation. Colour profiles are ignored, as every
published metric ignores them. 32-bit and float files have no agreed black and white, so they are refused rather than
guessed at. Formats are an allow-list, because some of Pillow's readers start other programs. A file is read whole and
decoded once. A path may name a tile of a file (`formats/tiles.py`): it is cut from the turned picture.
"""

from __future__ import annotations

import hashlib
import os
import stat
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from bench.errors import BadImage
from bench.formats.tiles import KEPT, split

EXTENSIONS = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .jp2 .avif".split()
)
"""File-name endings (lower case) that count as images when a folder is listed; decoding looks at the bytes alone."""

MAX_BYTES = 1 << 30
"""Largest file that is read, in bytes."""

MAX_PIXELS = 89_478_485
"""Largest image that is decoded (Pillow's own limit against decompression bombs): a quarter GiB of RGB."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
_ORIENTATION = 0x0112
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
"""EXIF orientation -> (quarter turns anticlockwise, then mirrored left to right)."""


def decode(source: str | Path | bytes) -> np.ndarray:
    """File, tile of a file, or encoded bytes -> uint8 (h, w, 3) RGB. Raises BadImage, a sentence with the file."""
    if isinstance(source, bytes):
        return _decoded(source, f"The image of {len(source)} bytes")
    file, tile = split(source)
    name = f"The image '{file}'"

    def whole() -> np.ndarray:
        return _decoded(_read(file, name), name)

    return whole() if tile is None else tile.cut(KEPT.picture(file, whole), name).copy()


def _decoded(data: bytes, name: str) -> np.ndarray:
    if not data:
        raise BadImage(f"{name} is empty (0 bytes); make it again or remove it.")
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            _check_size(image, name)
            return from_pil(image, name)
    except BadImage:
        raise
    except (UnidentifiedImageError, KeyError):
        raise BadImage(
            f"{name} is no image in a known format (PNG, JPEG, WebP, GIF, BMP, TIFF, ...); convert it or remove it."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadImage(f"{name} has more than {MAX_PIXELS} pixels; make it smaller.") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise nearly every kind on damaged bytes
        raise BadImage(f"{name} is truncated or damaged ({_cause(error)}); make it again or remove it.") from error


def from_pil(image: Image.Image, name: str = "The image") -> np.ndarray:
    """A PIL image (its current frame) -> uint8 (h, w, 3) RGB by the rules above; `name` begins an error's sentence."""
    image.load()  # first: PNG may hold its EXIF behind the pixels, and newer Pillow turns TIFF itself while loading
    orientation = image.getexif().get(_ORIENTATION, 1)
    pixels = _rgb(image, name)
    if orientation in _TURNS:
        turns, mirrored = _TURNS[orientation]
        pixels = np.rot90(pixels, turns)
        pixels = pixels[:, ::-1] if mirrored else pixels
    return np.ascontiguousarray(pixels)


def pixel_digest(array: np.ndarray) -> str:
    """sha256 (hex) of shape and pixels of a uint8 array: equal for equal pixels, whatever file they came from."""
    if array.dtype != np.uint8:
        raise BadImage(f"Pixels of type {array.dtype} have no digest; give a uint8 array (h, w, 3).")
    hasher = hashlib.sha256("x".join(map(str, array.shape)).encode() + b":")
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def encode_png(array: np.ndarray) -> bytes:
    """uint8 (h, w, 3) -> PNG. Lossless; the bytes depend on the zlib build, so digest pixels and never these."""
    stream = BytesIO()
    _image(array).save(stream, "PNG", compress_level=4)
    return stream.getvalue()


def thumbnail(array: np.ndarray, size: int) -> bytes:
    """uint8 (h, w, 3) -> WebP (PNG where Pillow has none), at most size x size pixels, same aspect, never enlarged."""
    image = _image(array)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    stream = BytesIO()
    if features.check("webp"):
        image.save(stream, "WEBP", quality=82, method=4)
    else:
        image.save(stream, "PNG")
    return stream.getvalue()


def mime(data: bytes) -> str:
    """Media type of encoded bytes ('image/png', 'image/webp', ...), for data URIs."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for head, kind in ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"GIF8", "gif"), (b"<svg", "svg+xml")):
        if data.startswith(head):
            return f"image/{kind}"
    return "application/octet-stream"


def _read(path: str | Path, name: str) -> bytes:
    try:
        kind = os.stat(path)
        if stat.S_ISDIR(kind.st_mode):
            raise BadImage(f"{name} is a folder; give a file.")
        if not stat.S_ISREG(kind.st_mode):  # a pipe or device would block for ever
            raise BadImage(f"{name} is no regular file (a pipe, socket or device); remove it.")
        if kind.st_size > MAX_BYTES:
            raise BadImage(f"{name} has {kind.st_size} bytes; at most {MAX_BYTES} are read.")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise BadImage(f"{name} does not exist.") from None
    except (OSError, ValueError) as error:  # a loop of links, no permission, a name too long or with NUL
        raise BadImage(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadImage(f"{name} has {width} x {height} pixels; at most {MAX_PIXELS} are decoded: make it smaller.")
    if not width or not height:
        raise BadImage(f"{name} has no pixels ({width} x {height}).")


def _rgb(image: Image.Image, name: str) -> np.ndarray:
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and getattr(image, "format", None) == "PPM"):  # 16-bit PGM opens as I
        return np.repeat((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if mode in ("I", "F"):
        raise BadImage(
            f"{name} has 32-bit pixels (mode {mode}), whose white is not defined; save it with 8 bits a channel."
        )
    if image.has_transparency_data:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def on_white(rgba: np.ndarray) -> np.ndarray:
    """uint8 (h, w, 4) -> uint8 (h, w, 3): alpha over white, rounded to nearest."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return rgba[..., :3]
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _image(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise BadImage(f"An array of shape {array.shape} and type {array.dtype} is no image; give uint8 (h, w, 3).")
    return Image.fromarray(np.ascontiguousarray(array))


def _cause(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return text.rstrip(".") or type(error).__name__
