"""`coco` as a dataset: groups are photographs, boxes are theirs, and what is absent is named with where to get it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.datasets.coco import Coco
from bench.errors import UsageError


@pytest.fixture
def root(tmp_path):
    """Three photographs with 2, 1 and 0 captions, in the layout of the official archives."""
    photos = [{"id": n, "file_name": f"COCO_val2014_{n:012d}.jpg", "width": 32, "height": 24} for n in (5, 9, 11)]
    said = [(1, 5, "a dog"), (2, 5, "the dog sits"), (3, 9, "two cups")]
    objects = [(1, 5, 18, 0, [2, 3, 10, 8]), (2, 5, 18, 1, [0, 0, 32, 24]), (3, 9, 47, 0, [1, 1, 4, 4])]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2014").mkdir()
    for p in photos:
        Image.fromarray(np.full((24, 32, 3), p["id"], np.uint8)).save(tmp_path / "val2014" / p["file_name"])
    captions = [{"id": i, "image_id": p, "caption": c} for i, p, c in said]
    instances = [
        {"id": i, "image_id": p, "category_id": c, "iscrowd": w, "bbox": b,
         "segmentation": [[b[0], b[1], b[0] + b[2], b[1], b[0] + b[2], b[1] + b[3], b[0], b[1] + b[3]]]}
        for i, p, c, w, b in objects
    ]  # fmt: skip
    names = [{"id": 18, "name": "dog"}, {"id": 47, "name": "cup"}]
    for kind, content in (
        ("captions", {"images": photos, "annotations": captions}),
        ("instances", {"images": photos, "annotations": instances, "categories": names}),
    ):
        (tmp_path / "annotations" / f"{kind}_val2014.json").write_text(json.dumps(content))
    return tmp_path


def test_one_sample_a_photograph_or_one_a_caption(root):
    first, every = list(Coco(str(root))), list(Coco(str(root), prompts="all"))
    assert [(s.id, s.prompt, s.captions) for s in first] == [
        ("000000000005", "a dog", ("a dog", "the dog sits")), ("000000000009", "two cups", ("two cups",)),
    ]  # fmt: skip
    assert [(s.id, s.prompt, s.group, s.meaning) for s in every] == [
        ("1", "a dog", "5", "photo 5"), ("2", "the dog sits", "5", "photo 5"), ("3", "two cups", "9", "photo 9"),
    ]  # fmt: skip
    assert every[1].captions == ("the dog sits", "a dog") and first[0].group == "5"


def test_boxes_masks_and_crowds(root):
    dataset = Coco(str(root), instances=True)
    (dog,) = next(iter(dataset)).objects  # the crowd region is none of them
    assert (dog.label, dog.box) == ("dog", (2, 3, 12, 11)) and next(iter(dataset)).size == (32, 24)
    mask = dataset.load_image(dog.mask)
    assert mask.shape == (24, 32, 3) and mask[5, 5].tolist() == [255] * 3 and mask[20, 20].tolist() == [0] * 3
    assert not next(iter(Coco(str(root)))).objects


def test_photographs_are_the_references_each_once(root):
    dataset = Coco(str(root), prompts="all")
    files = list(dataset.references())
    assert [f[-6:] for f in files] == ["05.jpg", "09.jpg"] and dataset.load_image(files[0]).shape == (24, 32, 3)
    assert not dataset.problems()


def test_identity_follows_contents_and_not_places(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("x") / "coco"
    root.rename(elsewhere)
    before = Coco(str(elsewhere)).identity()
    elsewhere.rename(root)
    assert Coco(str(root)).identity() == before
    assert Coco(str(root), prompts="all").identity() != before and Coco(str(root), instances=True).identity() != before
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(root / "val2014" / "COCO_val2014_000000000005.jpg")
    assert Coco(str(root)).identity() != before


def test_what_is_absent_is_said(root, tmp_path):
    (problem,) = Coco(str(tmp_path / "none")).problems()[:1]
    assert "annotations_trainval2014.zip" in problem and "captions_val2014.json" in problem
    (root / "val2014").rename(root / "other")
    (problem,) = Coco(str(root)).problems()
    assert "val2014.zip" in problem and "images=none" in problem
    assert not Coco(str(root), images=None).problems() and not Coco(str(root), images=str(root / "other")).problems()
    assert next(iter(Coco(str(root), images=None))).reference is None
    for wrong in ({"year": 2015}, {"split": "test"}, {"prompts": "some"}):
        with pytest.raises(UsageError, match="is unknown; give"):
            Coco(str(root), **wrong)


def test_a_run_on_it(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert main(["run", "noise", "--dataset", "coco(root=.,prompts=all)", "-m", "collapse", "-q"]) == 0
    assert "3 prompts" in capsys.readouterr().out
