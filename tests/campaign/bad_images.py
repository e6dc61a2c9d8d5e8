"""Images that are damaged, no images at all, or rare: one run for those that cannot be read, one for those that can.

An unreadable image is counted and says why; the others of its run are scored. A readable one must give the pixels that
its format means, whatever its mode, orientation or ending.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from bad_case import RUN, TINY, Case, Ended, Stage, case, note, picture
from PIL import Image

from bench.formats.images import MAX_PIXELS, pixel_digest

Maker = Callable[[Path], object]
"""Writes an image file at a path and gives the pixels that it means, uint8 (h, w, 3), where it means any."""

NOISE = picture(1)


def encoded(array: np.ndarray, kind: str = "PNG", mode: str | None = None, **options: object) -> bytes:
    """Bytes of an image file."""
    stream = BytesIO()
    Image.fromarray(array, mode).save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int) -> bytes:
    """A small PNG file that announces this many pixels of one bit each and holds them all, compressed."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def holding(data: bytes) -> Maker:
    """A file with these bytes."""
    return lambda path: path.write_bytes(data) and None


# ---- what cannot be read -------------------------------------------------------------------------------------------


def _text_bomb() -> bytes:
    """A PNG whose compressed comment unpacks to 100 MB."""
    comment = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 1))
    whole = encoded(NOISE)
    return whole[:33] + comment + whole[33:]


def _float_tiff(path: Path) -> None:
    Image.fromarray(NOISE[..., 0].astype(np.float32)).save(path, "TIFF")


def _wrong_checksum() -> bytes:
    data = bytearray(encoded(NOISE))
    data[60] ^= 255
    return bytes(data)


_DAMAGED = r"is truncated or damaged \(\.\.\.\); make it again or remove it\."
_NO_IMAGE = r"is no image in a known format \(PNG, JPEG, WebP, GIF, BMP, TIFF, \.\.\.\); convert it or remove it\."
_UNREADABLE: dict[str, tuple[str, Maker, str]] = {
    "cut-png": ("a PNG cut in half", holding(encoded(NOISE)[:120]), _DAMAGED),
    "cut-jpeg": ("a JPEG cut in half", holding(encoded(picture(2, 64), "JPEG")[:900]), _DAMAGED),
    "cut-webp": ("a WebP cut in half", holding(encoded(picture(2, 64), "WEBP")[:900]), _DAMAGED),
    "zero": ("an image of zero bytes", holding(b""), r"is empty \(0 bytes\); make it again or remove it\."),
    "checksum": ("a PNG with a wrong checksum", holding(_wrong_checksum()), _DAMAGED),
    "page": ("an error page of a server saved as .png", holding(b"<!DOCTYPE html><html><body>429</body></html>"), _NO_IMAGE),
    "vector": ("an SVG named .png", holding(b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'), _NO_IMAGE),
    "postscript": ("PostScript, whose reader would start another program",
                   holding(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n"), _NO_IMAGE),
    "huge": ("an image of 100 megapixels", holding(png_of_size(10_000, 10_000)),
             rf"has 10000 x 10000 pixels; at most {MAX_PIXELS} are decoded: make it smaller\."),
    "bomb": ("a decompression bomb: a small file of 400 megapixels", holding(png_of_size(20_000, 20_000)),
             rf"has more than {MAX_PIXELS} pixels; make it smaller\."),
    "comment-bomb": ("a PNG whose comment unpacks to 100 MB", holding(_text_bomb()), _DAMAGED),
    "float": ("a TIFF of 32-bit floats", _float_tiff,
              r"has 32-bit pixels \(mode F\), whose white is not defined; save it with 8 bits a channel\."),
    "nothing": ("a PNG of 0 x 0 pixels", holding(encoded(NOISE)[:16] + bytes(8) + encoded(NOISE)[24:]), _NO_IMAGE),
}  # fmt: skip


def _unreadable_folder(folder: Path) -> None:
    _table(folder, _UNREADABLE)
    for name, (_, make, _) in _UNREADABLE.items():
        make(folder / "ours" / f"{name}.png")


def _table(folder: Path, names: object) -> None:
    for left in (folder / "ours").iterdir():
        left.unlink()
    rows = [f"{name},a picture called {name}\n" for name in [*names, "fine"]]  # type: ignore[misc]
    (folder / "captions.csv").write_text("id,prompt\n" + "".join(rows))
    (folder / "ours" / "fine.png").write_bytes(encoded(picture(99)))


_ROW_RUN = RUN.replace("captions.txt", "captions.csv") + " --match stem"
BROKEN = Stage(_unreadable_folder, _ROW_RUN)


def _reason(name: str) -> Callable[[Ended], str]:
    return lambda ended: str(ended.rows().loc[name, "reason"])


def _is_unreadable(name: str) -> Callable[[Ended], None]:
    def look(ended: Ended) -> None:
        rows = ended.rows()
        assert rows.loc[name, "status"] == "unreadable"
        assert rows.loc["fine", "status"] == "ok" and rows.loc["fine", "digest"] == pixel_digest(picture(99))

    return look


# ---- what is no file ------------------------------------------------------------------------------------------------


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _broken_link(path: Path) -> None:
    path.symlink_to("nowhere.png")


def _folder_loop(folder: Path) -> None:
    (folder / "ours" / "again").symlink_to(folder / "ours", target_is_directory=True)


_NO_FILES: dict[str, tuple[str, Maker]] = {
    "loop": ("a symbolic link to itself", _loop),
    "link": ("a symbolic link to nothing", _broken_link),
    "pipe": ("a pipe named .png, which would block for ever", lambda path: os.mkfifo(path)),
    "folder": ("a folder named .png", lambda path: path.mkdir()),
}


def _no_files(folder: Path) -> None:
    _table(folder, _NO_FILES)
    for name, (_, make) in _NO_FILES.items():
        make(folder / "ours" / f"{name}.png")


ABSENT = Stage(_no_files, _ROW_RUN)


_LEFT_OUT = (
    r"3 images in \.\.\./ours were left out \(no file behind the name, or a name with a line break or bytes that are no "
    r"UTF-8\): link\.png, loop\.png, pipe\.png\."
)
_COUNTED = r"4 missing: loop \(k=0\), link \(k=0\), pipe \(k=0\) and 1 more"


def _is_missing(ended: Ended) -> None:
    assert ended.rows()["status"].to_dict() == {**dict.fromkeys(_NO_FILES, "missing"), "fine": "ok"}


# ---- what is odd and right ------------------------------------------------------------------------------------------


def _saved(kind: str, array: np.ndarray, means: np.ndarray | None = None, **options: object) -> Maker:
    """A file of another kind than its ending .png says; `means`: its pixels, where they are not the array's."""

    def make(path: Path) -> np.ndarray:
        path.write_bytes(encoded(array, kind, **options))
        return array if means is None else means

    return make


def _grey16(path: Path) -> np.ndarray:
    deep = NOISE[..., 0].astype(np.uint16) * 256 + 200  # the low byte must neither round up nor clip to white
    Image.fromarray(deep).save(path, "PNG")
    return np.repeat(NOISE[..., :1], 3, axis=2)


def _colour16(path: Path) -> np.ndarray:
    height, width = NOISE.shape[:2]
    rows = (NOISE.astype(">u2") * 257).reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b""))
    return NOISE


def _cmyk(path: Path) -> np.ndarray:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    image.save(path, "TIFF")
    return np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3))


def _palette(path: Path) -> np.ndarray:
    image = Image.fromarray(NOISE).quantize(4)
    image.save(path, "PNG")
    return np.asarray(image.convert("RGB"))


def _rgba(path: Path) -> np.ndarray:
    alpha = np.zeros((8, 8, 1), np.uint8)
    alpha[:4] = 255
    Image.fromarray(np.concatenate([NOISE, alpha], axis=2)).save(path, "PNG")
    return np.concatenate([NOISE[:4], np.full((4, 8, 3), 255, np.uint8)])


def _grey_alpha(path: Path) -> np.ndarray:
    Image.fromarray(np.stack([NOISE[..., 0], np.zeros((8, 8), np.uint8)], axis=2)).save(path, "PNG")
    return np.full((8, 8, 3), 255, np.uint8)


def _film(kind: str) -> Maker:
    def make(path: Path) -> np.ndarray:
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
        frames[0].save(
            path, kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
        )
        return np.asarray(frames[0])

    return make


def _turned(path: Path) -> np.ndarray:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: to be turned a quarter clockwise
    wide = picture(5)[:4]
    Image.fromarray(wide).save(path, "PNG", exif=exif)
    return np.rot90(wide, -1)


def _one_bit(path: Path) -> np.ndarray:
    bits = NOISE[..., 0] > 127
    Image.fromarray(bits).save(path, "PNG")
    return np.repeat((bits * np.uint8(255))[..., None], 3, axis=2)


def _with_tail(path: Path) -> np.ndarray:
    path.write_bytes(encoded(NOISE) + b"trailing words of a careless tool" * 10)
    return NOISE


def _linked(path: Path) -> np.ndarray:
    elsewhere = path.parent.parent / "elsewhere.bin"
    elsewhere.write_bytes(encoded(NOISE))
    path.symlink_to(elsewhere)
    return NOISE


_LONG = np.resize(picture(6), (1, 20_000, 3))
_READABLE: dict[str, tuple[str, str, Maker]] = {
    "grey16": ("16-bit grey", "its high byte", _grey16),
    "colour16": ("16-bit colour", "its high bytes", _colour16),
    "cmyk": ("CMYK", "RGB, not inverted", _cmyk),
    "palette": ("a palette", "the colours of the palette", _palette),
    "rgba": ("transparency (RGBA)", "composited on white", _rgba),
    "grey-alpha": ("grey with transparency", "composited on white", _grey_alpha),
    "gif": ("an animated GIF", "its first frame", _film("GIF")),
    "webp": ("an animated WebP", "its first frame", _film("WEBP")),
    "apng": ("an animated PNG", "its first frame", _film("PNG")),
    "turned": ("a photograph that EXIF says to turn", "turned", _turned),
    "bits": ("one bit a pixel", "black and white", _one_bit),
    "dot": ("an image of 1 x 1 pixel", "read, and scaled by networks", _saved("PNG", picture(7, 1))),
    "long": ("an image of 20,000 x 1 pixels", "read, and scaled by networks", _saved("PNG", _LONG)),
    "ending": ("a BMP named .png", "read by its content", _saved("BMP", NOISE)),
    "tail": ("bytes after the end of a PNG", "ignored", _with_tail),
    "linked": ("a symbolic link to an image of another name", "followed", _linked),
}


def _readable_folder(folder: Path) -> None:
    _table(folder, _READABLE)
    for name, (_, _, make) in _READABLE.items():
        np.save(folder / f"{name}.npy", make(folder / "ours" / f"{name}.png"))
    _folder_loop(folder)


ODD = Stage(_readable_folder, f"{_ROW_RUN} --reference photos -m fd(extractor={TINY})")


def _means(name: str) -> Callable[[Ended], None]:
    def look(ended: Ended) -> None:
        row = ended.rows().loc[name]
        assert (row["status"], row["digest"]) == ("ok", pixel_digest(np.load(ended.folder / f"{name}.npy")))

    return look


def _once(ended: Ended) -> None:
    assert len(ended.rows()) == len(_READABLE) + 1 and "duplicate" not in ended.out.split("Notes:")[1]


CASES = [
    *(
        Case(given, 5, rf"The image '\.\.\./ours/{name}\.png' {says}", BROKEN, _is_unreadable(name), _reason(name))
        for name, (given, _, says) in _UNREADABLE.items()
    ),
    *(
        Case(given, 5, _COUNTED if name == "folder" else _LEFT_OUT, ABSENT, _is_missing,
             note("missing" if name == "folder" else "left out"))
        for name, (given, _) in _NO_FILES.items()
    ),
    *(Case(given, 0, "", ODD, _means(name), legal=what) for name, (given, what, _) in _READABLE.items()),
    Case("a folder of images that holds a link to itself", 0, "", ODD, _once, legal="each image counts once"),
    case("a folder without images", 2, r"The folder '\S+/ours' holds no images \(of 1 files\)\.",
         lambda f: [p.unlink() for p in (f / "ours").iterdir()] and (f / "ours" / "notes.doc").write_text("none")),
    case("a folder that does not exist", 2, r"The folder of images '\S+/absent' does not exist; give a folder\.",
         line=RUN.replace("ours", "./absent")),
    case("a damaged image among the references", 2,
         r"The reference set cannot be used: The image '\S+/photos/2\.png' is empty \(0 bytes\); make it again or remove it\.",
         lambda f: (f / "photos" / "2.png").write_bytes(b"") and None,
         f"{RUN} --reference photos -m fd(extractor={TINY})"),
]  # fmt: skip
