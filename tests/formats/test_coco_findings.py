"""Everything that is wrong with COCO's files at once, each kind counted."""

from __future__ import annotations

import json

import pytest

from bench.formats.coco_findings import look_at_captions, look_at_instances
from bench.formats.findings import Findings

PHOTOS = [{"id": n, "file_name": f"{n}.jpg", "width": 10, "height": 8} for n in (1, 2, 3)]


def found(tmp_path, look, **content):
    path = tmp_path / "file.json"
    path.write_text(json.dumps({"images": PHOTOS, **content}))
    log = Findings()
    look(path, log)
    return {f.kind: f.count for f in log.all()}


def caption(n, photo, text="a cup"):
    return {"id": n, "image_id": photo, "caption": text}


def test_captions(tmp_path):
    good = [caption(1, 1), caption(2, 2), caption(3, 3)]
    assert found(tmp_path, look_at_captions, annotations=good) == {}
    bad = [*good[:2], caption(2, 2), caption(4, 9), caption(5, 8, " "), caption(6, 1, ""), {"id": 7, "image_id": 1}]
    assert found(tmp_path, look_at_captions, annotations=bad) == {
        "duplicate-id": 1, "unknown-image": 2, "empty-prompt": 2, "bad-value": 1, "left-out": 1,
    }  # fmt: skip
    assert found(tmp_path, look_at_captions, annotations=good, images=[*PHOTOS, PHOTOS[0]]) == {"duplicate-id": 1}


def thing(n, box, photo=1, category=18):
    return {"id": n, "image_id": photo, "category_id": category, "bbox": box, "segmentation": []}


def test_instances(tmp_path):
    names = [{"id": 18, "name": "dog"}]
    good = [thing(1, [0, 0, 10, 8]), thing(2, [-1, 0, 3, 3]), thing(3, [9, 7, 1.5, 1.5])]
    assert found(tmp_path, look_at_instances, annotations=good, categories=names) == {}, "a pixel is no defect"
    bad = [thing(1, [0, 0, 12, 8]), thing(2, [5, 5, 2, 9]), thing(3, [0, 0, -2, 1]), thing(4, [0, 0, 1, 1], category=5),
           thing(5, [0, 0, 1, 1], photo=7), thing(6, [0, 0, 1])]  # fmt: skip
    assert found(tmp_path, look_at_instances, annotations=bad, categories=names) == {
        "box-outside": 2, "bad-box": 1, "bad-value": 2, "unknown-image": 1,
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"[]", b'{"images": [', b"\xff", b'{"images": [], "annotations": 3}'])
@pytest.mark.parametrize("look", [look_at_captions, look_at_instances])
def test_files_that_are_none(tmp_path, look, content):
    (tmp_path / "file.json").write_bytes(content)
    log = Findings()
    look(tmp_path / "file.json", log)
    assert [(f.kind, f.count) for f in log.all()] == [("unreadable", 1)] and log.refused[0].endswith(".")
