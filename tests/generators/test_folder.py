"""A folder's images meet their prompts, are recorded by path, and its fingerprint is of contents and pairs alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.errors import DataError
from bench.formats.images import encode_png
from bench.generators.base import Context
from bench.generators.folder import Folder
from bench.registry import create
from bench.types import Request, Sample

TEXTS = ["a red dog", "a blue cat", "two cups"]
SAMPLES = {f"s{n}": Sample(f"s{n}", text) for n, text in enumerate(TEXTS)}


def fill(folder: Path, names: list[str]) -> Path:
    for at, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encode_png(np.full((4, 4, 3), at, np.uint8)))
    return folder


def ready(path: Path, lines: list[str] | None = None, **params: str) -> Folder:
    made = create("generator", "folder", {"path": str(path), **params})
    assert made.problems() == []
    made.setup(Context(SAMPLES, "captions", notify=(lines if lines is not None else []).append))
    return made


def ask(made: Folder, ids: str, k: int = 0) -> list[object]:
    return list(made.generate([Request(f"s{n}", k, "", 0) for n in ids]))


def test_outcomes_are_existing_paths(tmp_path):
    made = ready(fill(tmp_path, ["s0_0.png", "s0_1.png", "s1_0.png", "s2_0.png", "s2_1.png"]))
    assert made.repeats() == 2
    found = ask(made, "012", 1)
    assert [o.status for o in found] == ["ok", "missing", "ok"]
    assert found[0].path == str(tmp_path / "s0_1.png") and os.path.isabs(found[0].path)
    assert "no image in" in found[1].reason
    assert all(o.image is None for o in found)


def test_three_pairs_and_counts_are_shown(tmp_path):
    lines: list[str] = []
    fill(tmp_path, ["1.png", "2.png", "3.png"])
    (tmp_path / "readme.txt").write_text("x")
    made = ready(tmp_path, lines)
    assert lines[-3:] == ["1.png <- 'a red dog'", "2.png <- 'a blue cat'", "3.png <- 'two cups'"]
    assert "matched by index: 3 images, 3 of 3 prompts" in lines[0]
    assert any("are no images" in note for note in made.notes())


def test_extra_and_duplicates_are_in_the_notes(tmp_path):
    made = ready(fill(tmp_path, ["s0.png", "s1.png", "s2.png", "s1.jpg", "other.png"]))
    said = "\n".join(made.notes())
    assert "1 extra: other.png" in said and "1 duplicate: s1.png" in said


def test_manifest_by_parameter(tmp_path):
    fill(tmp_path / "images", ["x.png", "y.png"])
    (tmp_path / "which.csv").write_text("file,prompt\ny.png,a red dog\nx.png,two cups\n")
    made = ready(tmp_path / "images", manifest=str(tmp_path / "which.csv"))
    assert [os.path.basename(o.path or "") for o in ask(made, "012")] == ["y.png", "", "x.png"]


def test_fingerprint_is_of_contents_and_pairs(tmp_path):
    one = fill(tmp_path / "one", ["1.png", "2.png", "3.png"])
    made = ready(one)
    moved = shutil.copytree(one, tmp_path / "two")
    os.utime(moved / "1.png", (0, 0))
    assert ready(moved).identity() == made.identity()
    for n in "123":
        (moved / f"{n}.png").rename(moved / f"s{int(n) - 1}.png")
    assert ready(moved).identity() == made.identity()  # the same images meet the same prompts
    (moved / "s0.png").rename(moved / "t.png")
    (moved / "s1.png").rename(moved / "s0.png")
    (moved / "t.png").rename(moved / "s1.png")
    assert ready(moved).identity() != made.identity()  # two images changed places


def test_hostile_names(tmp_path):
    names = ["s0 '\";$(x).png", "s1.png", "ünï/s2.png"]
    fill(tmp_path, names)
    (tmp_path / "manifest.csv").write_text(
        'file,sample\n"s0 \'"";$(x).png",s0\ns1.png,s1\nünï/s2.png,s2\n', encoding="utf-8"
    )
    assert [os.path.relpath(o.path, tmp_path) for o in ask(ready(tmp_path), "012")] == names


def test_problems_are_sentences(tmp_path):
    assert "does not exist" in Folder(str(tmp_path / "absent")).problems()[0]
    assert "holds no images" in Folder(str(tmp_path)).problems()[0]
    assert "no rule of matching" in Folder(str(tmp_path), match="stems").problems()[0]
    fill(tmp_path, ["1.png"])
    assert "does not exist" in Folder(str(tmp_path), manifest="no.csv").problems()[0]


def test_no_rule_names_the_folder(tmp_path):
    fill(tmp_path, ["1.png", "2.png"])
    with pytest.raises(DataError, match=r"2 numbered images and 3 prompts.*--match"):
        ready(tmp_path)


def test_unmatched_is_an_error_and_not_an_image(tmp_path):
    with pytest.raises(DataError, match="before it was matched"):
        ask(Folder(str(tmp_path)), "0")
