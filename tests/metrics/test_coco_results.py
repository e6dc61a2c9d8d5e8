"""COCO result files under the suite's rules and under COCOeval, where both say the same thing.

Detections are COCO's own example of a result file (cocoapi's fakebbox100) where it is at hand, and drawn ones always;
the truth is drawn around them. Equal are the IoU of every pair of one class, the overlap under the best matching, and
the share of wanted classes that were found.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from bench.formats.class_names import COCO
from bench.formats.evidence import read_all
from bench.functional import box_iou
from bench.types import Sample, Thing

GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)  # ids that COCO's categories leave out
NAMES = dict(zip((n for n in range(1, 91) if n not in GAPS), COCO, strict=True))


def drawn():
    """Results of 30 images: up to four boxes of few classes, so that classes meet several boxes."""
    dice = np.random.default_rng(3)
    return [
        {
            "image_id": image, "category_id": int(dice.choice([1, 3, 18, 90])),
            "bbox": [*(dice.random(2) * 60).tolist(), *(5 + dice.random(2) * 40).tolist()],
            "score": float(dice.random()),
        }
        for image in range(1, 31)
        for _ in range(dice.integers(1, 5))
    ]  # fmt: skip


@pytest.fixture(params=["drawn", "cocoapi"])
def judged(request, tmp_path):
    """(COCOeval that has looked, found by image, samples by image)."""
    coco, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    file = tmp_path / "results.json"
    if request.param == "drawn":
        file.write_text(json.dumps(drawn()))
    else:
        file = request.getfixturevalue("shared_data") / "coco" / "instances_val2014_fakebbox100_results.json"
    results = json.loads(file.read_text())
    dice = np.random.default_rng(5)
    rows = []
    for one in results:
        if dice.random() < 0.2:  # an object that is not there
            continue
        x, y, w, h = one["bbox"]
        box = [x + w * dice.normal(0, 0.1), y + h * dice.normal(0, 0.1), w * dice.uniform(0.7, 1.3), h]
        label = one["category_id"] if dice.random() < 0.9 else 90  # or another one
        rows.append({"id": len(rows) + 1, "image_id": one["image_id"], "category_id": label, "bbox": box,
                     "area": box[2] * box[3], "iscrowd": 0})  # fmt: skip
    images = sorted({row["image_id"] for row in rows})
    truth = coco.COCO()
    truth.dataset = {"info": {}, "images": [{"id": i, "width": 1000, "height": 1000} for i in images],
                     "annotations": rows, "categories": [{"id": i, "name": n} for i, n in NAMES.items()]}  # fmt: skip
    truth.createIndex()
    (tmp_path / "there.json").write_text(json.dumps([one for one in results if one["image_id"] in images]))
    theirs = cocoeval.COCOeval(truth, truth.loadRes(str(tmp_path / "there.json")), "bbox")
    theirs.evaluate()
    (own,) = read_all(file)
    found = {int(ref.id): own.row(at, (0, 0), str, "keep") for at, ref in enumerate(own.refs)}
    samples = {}
    for image in images:
        things = [
            Thing(NAMES[r["category_id"]], box=(x, y, x + w, y + h))
            for r in rows if r["image_id"] == image for x, y, w, h in [r["bbox"]]
        ]  # fmt: skip
        samples[image] = Sample(str(image), "a photo", objects=tuple(things))
    return theirs, found, samples


def of_class(found, sample, name):
    """(boxes found in COCOeval's order: the surest first, boxes wanted) of a class."""
    order = np.argsort(-np.asarray(found.scores), kind="mergesort")
    boxes = np.asarray(found.boxes, dtype=float).reshape(-1, 4)
    return boxes[[i for i in order if found.labels[i] == name]], [t.box for t in sample.objects if t.label == name]


def test_each_pair_overlaps_as_cocoeval_says(judged):
    theirs, found, samples = judged
    looked = 0
    for (image, category), ious in theirs.ious.items():
        if len(ious) == 0:
            continue
        boxes, wanted = of_class(found[image], samples[image], NAMES[category])
        np.testing.assert_allclose(box_iou(boxes, wanted).numpy(), np.asarray(ious), atol=1e-9)
        looked += np.asarray(ious).size
    assert looked > 50


def test_overlap_and_presence_are_those_of_cocoeval_s_own_matrices(judged, kit):
    theirs, found, samples = judged
    overlap, soa = kit.make("box-overlap", extractor="judge"), kit.make("soa", extractor="judge")
    images = sorted(samples)
    for metric in (overlap, soa):
        metric.update(found=[found[i] for i in images], truth=[samples[i] for i in images])
    means, seen, wanted = [], 0, 0
    for image in images:
        matched = 0.0
        for name in {t.label for t in samples[image].objects}:
            category = next(i for i, n in NAMES.items() if n == name)
            ious = np.asarray(theirs.ious[image, category])
            matched += ious[linear_sum_assignment(-ious)].sum() if ious.size else 0.0
            seen += len(theirs.cocoDt.getAnnIds(imgIds=[image], catIds=[category])) > 0
            wanted += 1
        means.append(matched / len(samples[image].objects))
    np.testing.assert_allclose(next(iter(overlap.table().values())), means, atol=1e-9)
    assert kit.values(overlap)["value"] == pytest.approx(np.mean(means)) and 0.2 < np.mean(means) < 0.9
    assert kit.values(soa)["SOA-I"] == pytest.approx(seen / wanted) and 0 < seen < wanted
