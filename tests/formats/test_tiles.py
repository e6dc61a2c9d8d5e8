"""Tiles are cut where the published script cuts them, named so that nothing else has the name, and refused in words."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.errors import BadImage, UsageError
from bench.formats import images
from bench.formats.folders import image_digest, list_images
from bench.formats.images import decode, encode_png
from bench.formats.tiles import KEPT, Tile, file_of, grid, split


def picture(columns: int = 2, rows: int = 2, side: int = 4) -> np.ndarray:
    """Tiles of one grey each, which tells their number, with a white dot in their upper left corner."""
    made = np.zeros((rows * side, columns * side, 3), np.uint8)
    for number in range(columns * rows):
        y, x = number // columns * side, number % columns * side
        made[y : y + side, x : x + side] = 10 * (number + 1)
        made[y, x] = 255
    return made


def published(path: Path, resolution: int, number: int) -> np.ndarray:
    """The crops of DPG-Bench: (left, upper, right, lower) of four tiles, row by row."""
    x, y = number % 2 * resolution, number // 2 * resolution
    return np.asarray(Image.open(path).convert("RGB").crop((x, y, x + resolution, y + resolution)))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a dog #1.png"
    path.write_bytes(encode_png(picture()))
    return path


@pytest.mark.parametrize("side", [0, 4])
def test_tiles_are_those_of_the_published_script(file, side):
    for tile in grid("2x2", side):
        cut = decode(f"{file}{tile}")
        assert cut.shape == (4, 4, 3) and cut.flags.c_contiguous and cut.flags.writeable
        np.testing.assert_array_equal(cut, published(file, 4, tile.number))
        np.testing.assert_array_equal(cut, decode(Path(f"{file}{tile}")))
    assert decode(file).shape == (8, 8, 3)


def test_a_picture_is_decoded_once_for_its_tiles(tmp_path, monkeypatch):
    """Whatever thread comes first; a changed file is another picture, and no one's tile is another one's memory."""
    read: list[str] = []
    own = images._read
    monkeypatch.setattr(images, "_read", lambda path, name: (read.append(path), own(path, name))[1])
    for n in range(6):
        (tmp_path / f"{n}.png").write_bytes(encode_png(picture() + np.uint8(n)))
    names = [f"{tmp_path}/{n}.png{tile}" for n in range(6) for tile in grid("2x2")]
    with ThreadPoolExecutor(4) as pool:
        cut = list(pool.map(decode, names))
    assert [int(one[1, 1, 0]) for one in cut] == [10 * (k + 1) + n for n in range(6) for k in range(4)]
    assert 6 <= len(read) <= 10 and len(KEPT.pictures) <= KEPT.MOST
    read.clear()
    last = [decode(f"{tmp_path}/5.png{tile}") for tile in grid("2x2")]
    last[0][:] = 77
    assert decode(f"{tmp_path}/5.png#tile=2x2:0")[1, 1, 0] == 15 and len(read) <= 1
    (tmp_path / "5.png").write_bytes(encode_png(picture() + np.uint8(9)))
    os.utime(tmp_path / "5.png", ns=(1, 1))
    assert decode(f"{tmp_path}/5.png#tile=2x2:0")[1, 1, 0] == 19


def test_columns_come_before_rows(tmp_path):
    """3x1 is three beside each other; read the other way round it would not divide."""
    (tmp_path / "x.png").write_bytes(encode_png(picture(3, 1)))
    assert [decode(f"{tmp_path}/x.png{t}")[1, 1, 0] for t in grid("3x1")] == [10, 20, 30]
    (tmp_path / "y.png").write_bytes(encode_png(picture(2, 3)))
    assert [decode(f"{tmp_path}/y.png{t}")[1, 1, 0] for t in grid("2x3")] == [10, 20, 30, 40, 50, 60]


def test_a_turned_picture_is_turned_first(tmp_path):
    image = Image.fromarray(np.rot90(picture(), 1).copy())
    exif = image.getexif()
    exif[0x0112] = 6  # a viewer turns it a quarter clockwise
    image.save(tmp_path / "x.png", exif=exif)
    assert [decode(f"{tmp_path}/x.png{t}")[1, 1, 0] for t in grid("2x2")] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("size", "side", "words"),
    [
        ((9, 8), 0, "9 x 8 pixels, which 2 x 2 tiles do not divide"),
        ((8, 9), 0, "8 x 9 pixels, which 2 x 2 tiles do not divide"),
        ((8, 8), 3, "8 x 8 pixels, and 2 x 2 tiles of 3 need 6 x 6"),
        ((16, 16), 4, "16 x 16 pixels, and 2 x 2 tiles of 4 need 8 x 8"),
        ((8, 4), 4, "8 x 4 pixels, and 2 x 2 tiles of 4 need 8 x 8"),
    ],
)
def test_a_picture_of_another_size_is_refused(tmp_path, size, side, words):
    """The published script fills what lies outside with black and scores it."""
    (tmp_path / "x.png").write_bytes(encode_png(np.zeros((*size[::-1], 3), np.uint8)))
    with pytest.raises(BadImage, match=rf"The image '.*x\.png' has {words}"):
        decode(f"{tmp_path}/x.png{grid('2x2', side)[0]}")


def test_damaged_and_absent_files_are_named_without_the_tile(tmp_path, file):
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(BadImage, match=r"#1\.png' is truncated"):
        decode(f"{file}#tile=2x2:3")
    with pytest.raises(BadImage, match=r"no\.png' does not exist"):
        decode(f"{tmp_path}/no.png#tile=2x2:3")
    (tmp_path / "whole.png").write_bytes(encode_png(picture()))
    with pytest.raises(BadImage, match="no tile 4 among 2 x 2 tiles"):
        decode(f"{tmp_path}/whole.png#tile=2x2:4")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(1, 20), st.integers(1, 20))
def test_names_come_back(path, columns, rows):
    for tile in (Tile(columns, rows, columns * rows - 1), Tile(columns, rows, 0, 512)):
        assert split(f"{path}{tile}") == (path, tile)
        assert "." not in str(tile), "an ending is looked for behind the last dot"
    assert file_of(f"{path}.png{tile}") == Path(f"{path}.png")


@pytest.mark.parametrize(
    "name", ["a.png", "a.png#tile=2x2", "a.png#tile=0x2:1", "a#tile=2x2:1.png", "#tile=2x2:1", "a#tile=2x2:1:0",
             "a#tile=2x2:-1", "a#tile=٢x2:1", "a#tile=2x2:1/b.png"],
)  # fmt: skip
def test_other_names_are_files(name):
    assert split(name) == (name, None)


def test_no_listed_file_has_the_name_of_a_tile(tmp_path):
    (tmp_path / "a.png#tile=2x2:1").write_bytes(encode_png(picture()))
    (tmp_path / "b#tile=2x2:1.png").write_bytes(encode_png(picture()))
    assert list_images(tmp_path).files == ("b#tile=2x2:1.png",)
    assert decode(tmp_path / "b#tile=2x2:1.png").shape == (8, 8, 3)


@pytest.mark.parametrize("text", ["", "2", "2x", "0x2", "2x2x2", "-2x2", "100x1", "2×2"])
def test_a_grid_is_two_numbers(text):
    with pytest.raises(UsageError, match="is no grid; give COLUMNSxROWS"):
        grid(text)


def test_a_digest_is_of_the_content_and_the_place(tmp_path, file):
    other = tmp_path / "other.png"
    other.write_bytes(file.read_bytes())
    assert image_digest(f"{file}#tile=2x2:1") == image_digest(f"{other}#tile=2x2:1")
    marks = {image_digest(f"{file}{tile}") for tile in (*grid("2x2"), *grid("2x2", 4), *grid("1x1"), "")}
    assert len(marks) == 4 + 4 + 1 + 1
    assert image_digest(file) == hashlib.sha256(file.read_bytes()).hexdigest()
