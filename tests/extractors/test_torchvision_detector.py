"""torchvision's detectors with random weights from a file: the library's boxes, named by its own classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_hub import picture
from torchvision import models

from bench.errors import UsageError
from bench.extractors.torchvision_detector import TorchvisionDetector
from bench.types import Sample, Thing

pytestmark = pytest.mark.usefixtures("one_thread")
SSD = "ssdlite320_mobilenet_v3_large"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    model = models.get_model(SSD, weights=None, weights_backbone=None)
    with torch.no_grad():
        for name, value in model.head.named_parameters():
            value.copy_(torch.randn(value.shape) * (0.3 if value.dim() > 1 else 0.1)), name
    path = tmp_path_factory.mktemp("ssd") / "ssd.pth"
    torch.save(model.state_dict(), path)
    return path


def detector(weights, **given):
    made = TorchvisionDetector(SSD, str(weights), **given)
    assert made.problems() == []
    return made


def boxes(made, images):
    return made.extract_images([made.prepare_image(i) for i in images])["detections"]


def test_boxes_are_the_librarys_with_its_names(weights):
    enum = models.get_model_weights(SSD).DEFAULT
    theirs = models.get_model(SSD, weights=None, weights_backbone=None, score_thresh=0.02, detections_per_img=100)
    theirs.load_state_dict(torch.load(weights, weights_only=True))
    image = picture(1, (60, 90))
    from PIL import Image

    with torch.no_grad():
        (told,) = theirs.eval()([enum.transforms()(Image.fromarray(image))])
    (found,) = boxes(detector(weights, threshold=0.02), [image])
    names = [enum.meta["categories"][i] for i in told["labels"]]
    rows = zip(names, told["boxes"].tolist(), told["scores"].tolist(), strict=True)
    wanted = sorted((round(s, 4), n, [round(v, 1) for v in box]) for n, box, s in rows if n != "N/A")
    got = zip(found.labels, found.boxes.tolist(), found.scores.tolist(), strict=True)
    assert len(wanted) > 3 and sorted((round(s, 4), n, [round(v, 1) for v in box]) for n, box, s in got) == wanted
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.size == (90, 60) and "__background__" not in found.labels


def test_no_neighbour_changes_a_bit(weights):
    images = [picture(i, (60, 80 + 20 * (i % 2))) for i in range(3)]
    made = detector(weights)
    every = boxes(made, images)
    for image, one in zip(images, every, strict=True):
        (alone,) = boxes(made, [image])
        assert np.array_equal(alone.boxes, one.boxes) and alone.labels == one.labels


def test_thresholds_and_names_are_the_identity(weights):
    made = [detector(weights, **g) for g in ({}, {"threshold": 0.2}, {"nms": 0.3}, {"most": 5})]
    assert len({str(m.identity()) for m in made}) == 4
    sure = boxes(detector(weights, threshold=0.2), [picture()])[0]
    assert (sure.scores >= 0.2).all() and len(sure.labels) < len(boxes(made[0], [picture()])[0].labels)
    assert len(boxes(made[3], [picture()])[0].labels) == 5
    named = detector(weights)
    before = named.identity()
    named.attach("", "", [Sample("a", "x", objects=(Thing("television"),))])
    assert named.identity() != before


def test_masks_of_mask_rcnn(monkeypatch):
    """What the network says of masks is kept, at one half, in the order of the scores."""
    made = TorchvisionDetector("maskrcnn_resnet50_fpn_v2", "x.pth", threshold=0.5)
    soft = torch.zeros(3, 1, 4, 6)
    soft[0, 0, 0, 0], soft[1, 0, 1], soft[2] = 0.9, 0.6, 0.4
    told = {
        "boxes": torch.tensor([[0.0, 0, 1, 1], [0, 1, 6, 2], [0, 0, 6, 4]]),
        "scores": torch.tensor([0.7, 0.9, 0.2]), "labels": torch.tensor([1, 18, 3]), "masks": soft,
    }  # fmt: skip
    found = made._kept(told, (4, 6, 3))
    assert found.labels == ("dog", "person") and found.size == (6, 4)
    assert [int(m.sum()) for m in found.masks] == [6, 1] and found.masks[0].dtype == bool


def test_sentences(tmp_path):
    assert "Did you mean" in TorchvisionDetector("fasterrcnn_resnet50").problems()[0]
    (said,) = TorchvisionDetector(SSD).problems()
    assert "--allow-download fetches them, or give weights=PATH" in said and "random" not in said
    (said,) = TorchvisionDetector(SSD, str(tmp_path / "no.pth")).problems()
    assert "does not exist" in said and "random" not in said
    assert "no weights 'X'" in TorchvisionDetector(SSD, "X").problems()[0]
    with pytest.raises(UsageError, match=r"lie in 0\.\.1"):
        TorchvisionDetector(SSD, threshold=3)
    with pytest.raises(UsageError, match="allowed: float32"):
        TorchvisionDetector(SSD).load(dtype="bfloat16")
