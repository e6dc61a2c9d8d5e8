"""COCO's files: what they say, masks as pycocotools' own reader gives them, and files that cannot be meant."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from bench.errors import DataError
from bench.formats.coco import read_captions, read_instances

mask_tools = pytest.importorskip("pycocotools.mask")

PHOTOS = [
    {"id": 42, "file_name": "COCO_val2014_000000000042.jpg", "width": 12, "height": 10, "license": 3},
    {"id": 7, "file_name": "COCO_val2014_000000000007.jpg", "width": 6, "height": 8},
]
CAPTIONS = {
    "info": {"year": 2014},
    "images": PHOTOS,
    "annotations": [
        {"image_id": 42, "id": 3, "caption": "A dog  on a\nmat."},
        {"image_id": 42, "id": 1, "caption": "a brown dog"},
        {"image_id": 7, "id": 2, "caption": "Two cups é"},
    ],
}
POLYGON = [[1.0, 1.0, 9.0, 1.0, 9.0, 6.0, 1.0, 6.0], [0.5, 7, 4, 7, 4, 9.5]]
PIXELS = np.zeros((10, 12), np.uint8, order="F")
PIXELS[2:5, 3:8] = 1
COMPRESSED = mask_tools.encode(PIXELS)["counts"].decode()
RUNS = [32, 3, 7, 3, 7, 3, 7, 3, 7, 3, 45]  # columns first: the same pixels
INSTANCES = {
    "images": PHOTOS,
    "annotations": [
        {"id": 11, "image_id": 42, "category_id": 18, "bbox": [1, 1, 8, 5.5], "iscrowd": 0, "segmentation": POLYGON},
        {"id": 12, "image_id": 42, "category_id": 47, "bbox": [3, 2, 5, 3], "iscrowd": 1,
         "segmentation": {"counts": RUNS, "size": [10, 12]}},
        {"id": 13, "image_id": 42, "category_id": 47, "bbox": [3, 2, 5, 3], "iscrowd": 0,
         "segmentation": {"counts": COMPRESSED, "size": [10, 12]}},
    ],
    "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 47, "name": "cup"}],
}  # fmt: skip


def written(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_captions_by_photograph_in_the_order_of_ids(tmp_path):
    found = read_captions(written(tmp_path, CAPTIONS))
    assert list(found.photos) == [7, 42] and found.photos[42].width == 12
    assert [(c.id, c.caption) for c in found.captions[42]] == [(1, "a brown dog"), (3, "A dog  on a\nmat.")]


def test_boxes_and_crowds(tmp_path):
    found = read_instances(written(tmp_path, INSTANCES))
    assert [(i.id, i.box, i.iscrowd) for i in found.instances[42]][:2] == [
        (11, (1, 1, 9, 6.5), 0),
        (12, (3, 2, 8, 5), 1),
    ]
    assert 7 not in found.instances and found.categories[18] == "dog"


def test_masks_are_those_of_pycocotools_own_reader(tmp_path):
    from pycocotools.coco import COCO

    path = written(tmp_path, INSTANCES)
    theirs, ours = COCO(str(path)), read_instances(path)
    for one in ours.instances[42]:
        assert np.array_equal(ours.mask(one), theirs.annToMask(theirs.anns[one.id]).astype(bool))
    assert np.array_equal(ours.mask(ours.instances[42][1]), PIXELS.astype(bool))  # rows are rows, columns are columns


def broken(change, base=CAPTIONS):
    content = copy.deepcopy(base)
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "truncated or no JSON"),
        (json.dumps(CAPTIONS)[:-30], "truncated or no JSON"),
        ("[]", "no file of COCO captions"),
        ({"images": []}, "missing required field `annotations`"),
        (broken(lambda c: c["annotations"][0].pop("caption")), "no file of COCO captions.*`caption`"),
        (broken(lambda c: c["annotations"][0].update(image_id="x")), "no file of COCO captions.*image_id"),
        (broken(lambda c: c["annotations"][0].update(caption=" ")), "the caption 3 is empty"),
        (broken(lambda c: c["annotations"][0].update(image_id=5)), "annotation 3 is of photograph 5, which is absent"),
        (broken(lambda c: c["annotations"][0].update(id=1)), "1 ids of captions repeat, the first is 1"),
        (broken(lambda c: c["images"].append(PHOTOS[0])), "1 ids of photographs repeat, the first is 42"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_meant(tmp_path, content, says):
    with pytest.raises(DataError, match=says):
        read_captions(written(tmp_path, content))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["annotations"][0].update(category_id=1), "category 1, which is not listed"),
        (lambda c: c["annotations"][0].update(bbox=[1, 1, -2, 3]), "negative size"),
        (lambda c: c["annotations"][0].update(bbox=[1, 1, 2]), "no file of COCO instances"),
    ],
)
def test_instances_that_cannot_be_meant(tmp_path, change, says):
    with pytest.raises(DataError, match=says):
        read_instances(written(tmp_path, broken(change, INSTANCES)))


def test_an_outline_that_is_none(tmp_path):
    found = read_instances(
        written(tmp_path, broken(lambda c: c["annotations"][0].update(segmentation={"no": 1}), INSTANCES))
    )
    with pytest.raises(DataError, match="instance 11 is no polygon"):
        found.mask(found.instances[42][0])
