"""Captions out of folders: every source, and the same folder meets its own prompts again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.errors import DataError
from bench.formats.captioned import read_captioned
from bench.formats.folders import list_images
from bench.formats.manifests import find_manifest, read_manifest
from bench.formats.matching import match


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def meets_itself(folder: Path) -> dict[str, str]:
    """file -> prompt, by matching the folder with the samples that were read out of it."""
    found = read_captioned(folder)
    table = find_manifest(folder)
    pairs = match(list_images(folder).files, found.samples, "auto", read_manifest(table) if table else None).pairs
    texts = {s.id: s.prompt for s in found.samples}
    return {file: texts[sample_id] for (sample_id, _), file in pairs.items()}


def test_names(tmp_path):
    touch(tmp_path, "a red dog_000000.png", "a red dog_000001.png", "two_cups_000010.png", "Room 101.png")
    found = read_captioned(tmp_path)
    assert found.source == "names"
    assert [s.prompt for s in found.samples] == ["Room 101", "a red dog", "two cups"]
    assert [s.tags["line"] for s in found.samples] == ["1", "2", "3"]
    assert meets_itself(tmp_path) == {  # of three prompts one has a second image: extra, not two missing
        "a red dog_000000.png": "a red dog", "two_cups_000010.png": "two cups", "Room 101.png": "Room 101"
    }  # fmt: skip


def test_sidecars(tmp_path):
    touch(tmp_path, "10.png", "2.png", "b/1.png")
    for name, text in [("10", "a dog\r\n"), ("2", "a cat\nin a hat\n"), ("b/1", "a dog")]:
        (tmp_path / f"{name}.txt").write_text(text)
    found = read_captioned(tmp_path)
    assert found.source == "sidecar"
    assert [(s.id, s.prompt) for s in found.samples] == [("2", "a cat in a hat"), ("10", "a dog"), ("b/1", "a dog")]
    assert found.images["b/1"] == str(tmp_path / "b/1.png")
    assert found.samples[1].meaning == found.samples[2].meaning
    assert meets_itself(tmp_path) == {"2.png": "a cat in a hat", "10.png": "a dog", "b/1.png": "a dog"}


def test_manifest(tmp_path):
    touch(tmp_path, "1.png", "2.png", "3.png")
    rows = [("3.png", "a dog"), ("1.png", "a cat"), ("2.png", "a dog"), ("gone.png", "a cow")]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps({"file_name": f, "text": t}) for f, t in rows))
    found = read_captioned(tmp_path)
    assert (found.source, [s.prompt for s in found.samples]) == ("manifest", ["a dog", "a cat"])
    assert meets_itself(tmp_path) == {"3.png": "a dog", "2.png": "a dog", "1.png": "a cat"}


def test_faults(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        read_captioned(tmp_path)
    touch(tmp_path, "1.png", "2.png", "3.png")
    with pytest.raises(DataError, match=r"'1\.png' is no caption"):
        read_captioned(tmp_path)
    (tmp_path / "1.txt").write_text("a dog")
    with pytest.raises(DataError, match=r"2 of 3 images .* lack a text file beside them: 2\.png, 3\.png"):
        read_captioned(tmp_path)
    (tmp_path / "2.txt").write_text("")
    (tmp_path / "3.txt").write_text("a cat")
    with pytest.raises(DataError, match=r"2\.txt' is empty"):
        read_captioned(tmp_path)
    with pytest.raises(DataError, match="no source of captions"):
        read_captioned(tmp_path, "exif")
    (tmp_path / "manifest.csv").write_text("file,id,prompt\n1.png,a,a dog\n2.png,a,a cat\n")
    with pytest.raises(DataError, match="the sample 'a' has two prompts"):
        read_captioned(tmp_path)
