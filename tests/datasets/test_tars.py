"""Captioned images in tars: neighbours of one name are a sample, images are read where they lie."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

from bench.cli import main
from bench.datasets.tars import WebDataset
from bench.errors import BadImage
from bench.formats.images import encode_png


def kinds(dataset):
    """Kind -> (count, refused) of everything that was met."""
    return {f.kind: (f.count, f.refused) for f in dataset.findings()}


def shard(path, *files):
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            one = tarfile.TarInfo(name)
            one.size = len(content)
            tar.addfile(one, io.BytesIO(content))


def image(value):
    return encode_png(np.full((6, 8, 3), value, np.uint8))


@pytest.fixture
def root(tmp_path):
    shard(
        tmp_path / "shard-2.tar",
        ("000017.png", image(10)),
        ("000017.txt", b"a red cup"),
        ("a/b.c.txt", b"x"),
        ("README", b"?"),
    )
    shard(
        tmp_path / "shard-10.tar", ("000017.json", json.dumps({"caption": "a dog"}).encode()), ("000017.png", image(20))
    )
    return tmp_path


def test_samples_and_their_images(root):
    dataset = WebDataset(str(root))
    assert [(s.id, s.prompt) for s in dataset] == [("000017", "a red cup"), ("shard-10/000017", "a dog")]
    assert [dataset.load_image(s.reference)[0, 0, 0] for s in dataset] == [10, 20], "each its own image"
    assert kinds(dataset) == {"left-out": (1, False)} and "a/b" in dataset.notes()[0]
    assert [s.prompt for s in WebDataset(str(root / "shard-10.tar"))] == ["a dog"]
    assert not dataset.problems() and len(list(dataset.references())) == 2


def test_identity_follows_contents_and_not_places(root):
    first = WebDataset(str(root)).identity()
    elsewhere = root.parent / "elsewhere"
    root.rename(elsewhere)
    assert WebDataset(str(elsewhere)).identity() == first
    shard(elsewhere / "shard-10.tar", ("000017.txt", b"a dog"), ("000017.png", image(21)))
    assert WebDataset(str(elsewhere)).identity() != first


def test_a_run_on_it(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert main(["run", "noise", "--dataset", "webdataset(root=.)", "-m", "collapse", "-q"]) == 0
    assert "2 prompts" in capsys.readouterr().out


def test_tars_that_cannot_be_meant(tmp_path):
    assert "*.tar" in WebDataset(str(tmp_path)).problems()[0]
    shard(tmp_path / "a.tar", ("1.txt", b"a cup"))
    assert kinds(WebDataset(str(tmp_path))) == {"missing-image": (1, True)}
    assert (
        "images=none" in WebDataset(str(tmp_path)).problems()[0]
        and not WebDataset(str(tmp_path), images=None).problems()
    )
    shard(tmp_path / "a.tar", ("1.txt", b"a cup"), ("../2.txt", b"x"))
    assert "'../2.txt' is not safe" in WebDataset(str(tmp_path)).problems()[0]
    shard(tmp_path / "a.tar", ("1.txt", b"\xff\xfe\xfa"), ("2.json", b"{"), ("3.json", b"[1]"))
    assert kinds(WebDataset(str(tmp_path), images=None))["unreadable"] == (1, True)
    (tmp_path / "a.tar").write_bytes(b"<html>")
    assert kinds(WebDataset(str(tmp_path))) == {"unreadable": (1, True)}


def test_an_image_that_is_gone(root):
    dataset = WebDataset(str(root))
    one = dataset.samples[0]
    shard(root / "shard-2.tar", ("x.txt", b"0" * 5000))
    with pytest.raises(BadImage):
        dataset.load_image(one.reference)
    (root / "shard-2.tar").unlink()
    with pytest.raises(BadImage, match="cannot be read"):
        dataset.load_image(one.reference)
