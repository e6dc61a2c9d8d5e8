"""Folders as they are found: numbers in names, links in circles, resource forks, names that no record can hold."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DataError
from bench.formats.folders import file_digest, list_images, manifest_digest, natural_key


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_numbers_compare_as_numbers(tmp_path):
    touch(tmp_path, "10.png", "2.png", "1.png", "a/3.png", "a/20.png", "img9_2.png", "img9_10.png", "img10_1.png")
    assert list_images(tmp_path).files == (
        "1.png", "2.png", "10.png", "a/3.png", "a/20.png", "img9_2.png", "img9_10.png", "img10_1.png",
    )  # fmt: skip


def test_folders_sort_as_units():
    names = ["b-x/1.png", "b/2.png", "b-x/0.png", "b/1.png"]
    assert sorted(names, key=natural_key) == ["b/1.png", "b/2.png", "b-x/0.png", "b-x/1.png"]


def test_thousands_of_digits():
    assert natural_key("9" * 6000) > natural_key("8" * 6000) > natural_key("1")


@given(st.lists(st.text("a0129_./-é²", max_size=6), unique=True))
def test_order_is_total_and_does_not_depend_on_the_listing(names):
    assert sorted(names, key=natural_key) == sorted(reversed(names), key=natural_key)


def test_what_is_no_image_is_counted(tmp_path):
    touch(tmp_path, "1.PNG", "2.jpeg", "notes.txt", "._1.png", ".cache/3.png", "__MACOSX/4.png", "5.png.part")
    listing = list_images(tmp_path)
    assert listing.files == ("1.PNG", "2.jpeg")
    assert set(listing.others) == {"notes.txt", "._1.png", "5.png.part"}
    assert "3 files" in listing.notes()[0]


def test_links(tmp_path):
    touch(tmp_path, "a/1.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    listing = list_images(tmp_path)
    assert listing.files == ("a/1.png",)
    assert listing.unusable == ("gone.png", "loop.png")


def test_hostile_names(tmp_path):
    touch(tmp_path, "a b'\";$(rm).png", "日本.png", "new\nline.png", "-rf.png")
    with open(os.fsencode(tmp_path) + b"/\xff.png", "wb"):
        pass
    listing = list_images(tmp_path)
    assert set(listing.files) == {"a b'\";$(rm).png", "日本.png", "-rf.png"}
    assert len(listing.unusable) == 2
    "\n".join(listing.notes()).encode()
    assert all(os.path.exists(listing.path(file)) for file in listing.files)


def test_not_a_folder(tmp_path):
    touch(tmp_path, "a.png")
    for path, said in [(tmp_path / "a.png", "is a file"), (tmp_path / "b", "does not exist")]:
        with pytest.raises(DataError, match=said):
            list_images(path)


def test_manifest_is_of_names_and_contents_and_of_nothing_else(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    touch(one, "1.png", "b/2.png")
    shutil.copytree(one, two)
    os.utime(two / "1.png", (0, 0))
    files = list_images(one).files
    assert manifest_digest(one, files) == manifest_digest(two, tuple(reversed(files)))
    (two / "1.png").write_bytes(b"2.png")
    assert manifest_digest(one, files) != manifest_digest(two, files)
    (two / "1.png").rename(two / "3.png")
    (two / "3.png").write_bytes(b"1.png")
    assert manifest_digest(two, list_images(two).files) != manifest_digest(one, files)
    assert file_digest(one / "1.png") == file_digest(two / "3.png")
