"""`coco-30k`: the same captions for everybody, another digest for every other choice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from bench.datasets.coco30k import Coco30k, fitted
from bench.errors import DataError, UsageError


def _release(root, split: str, photos: int, captions: int) -> None:
    names = [{"id": n, "file_name": f"COCO_{split}_{n:012d}.jpg", "width": 40, "height": 24} for n in range(photos)]
    said = [
        {"id": 10 * n + c, "image_id": n, "caption": f"caption {c} of {split} {n}"}
        for n in range(photos) for c in range(captions)
    ]  # fmt: skip
    (root / "annotations").mkdir(exist_ok=True)
    (root / split).mkdir()
    for p in names:
        Image.fromarray(np.full((24, 40, 3), p["id"], np.uint8)).save(root / split / p["file_name"])
    content = {"images": names, "annotations": said}
    (root / "annotations" / f"captions_{split}.json").write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path):
    _release(tmp_path, "val2014", 12, 5)
    _release(tmp_path, "train2014", 7, 1)
    return tmp_path


def make(root, **options) -> Coco30k:
    return Coco30k(str(root), count=8, **options)


def test_one_caption_a_photograph_the_same_each_time(root):
    samples = list(make(root))
    assert [(s.id, s.prompt) for s in samples] == [(s.id, s.prompt) for s in make(root)]
    assert len(samples) == 8 == len({s.group for s in samples})
    assert {s.id for s in samples} != {s.id for s in make(root, seed=1)}
    assert not make(root).problems()


def test_every_choice_has_its_own_digest(root):
    variants = [
        make(root), make(root, seed=1), make(root, against="val"), make(root, against="train"),
        make(root, fit="squash"), make(root, fit="none"),
    ]  # fmt: skip
    identities = [json.dumps(v.identity(), sort_keys=True) for v in variants]
    assert len(set(identities)) == len(variants)
    assert "photographs" in variants[0].identity()["reference"] and variants[0].notes()[0].startswith(
        "COCO-30k variant"
    )
    sizes = [len(list(v.references())) for v in variants[:4]]
    assert sizes == [8, 8, 12, 7]


def test_a_published_list_is_taken_in_its_order(root, tmp_path):
    chosen = tmp_path / "ids.txt"
    chosen.write_text("31\n4\n\n110\n")
    found = make(root, captions=str(chosen))
    assert [s.id for s in found] == ["31", "4", "110"] and found.samples[0].prompt == "caption 1 of val2014 3"
    for bad, why in (("31\nmany\n", "'many', which is no caption"), ("\n", "is empty")):
        chosen.write_text(bad)
        assert why in make(root, captions=str(chosen)).problems()[0]


def test_squares(root):
    locator = next(iter(make(root).references()))
    assert make(root).load_image(locator).shape == (256, 256, 3)
    assert make(root, fit="none").load_image(locator).shape == (24, 40, 3)
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert fitted(wide, "crop").min() == 255, "only the middle square is left"
    assert 0.2 < (fitted(wide, "squash") > 127).mean() < 0.45, "the whole is squeezed"


def test_what_is_missing_is_named(root):
    (root / "train2014" / "COCO_train2014_000000000003.jpg").unlink()
    assert "COCO_train2014_000000000003.jpg" in make(root, against="train").problems()[0]
    (root / "annotations" / "captions_train2014.json").unlink()
    assert "captions_train2014.json" in make(root, against="train").problems()[0]
    assert "needs 50 photographs" in Coco30k(str(root), count=50).problems()[0]
    for wrong in ({"against": "test"}, {"fit": "stretch"}):
        with pytest.raises(UsageError, match="unknown"):
            make(root, **wrong)
    with pytest.raises(DataError):
        list(make(root, captions="absent.txt"))
