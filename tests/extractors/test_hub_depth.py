"""Depth by DPT and Depth Anything, small and random: the library's map, brought to one size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_hub import depth_anything, dpt, picture

from bench.errors import UsageError
from bench.extractors.hub_depth import Depth
from bench.metrics.positions import Compbench3d
from bench.types import Detections, Relation, Sample, Thing

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=[dpt, depth_anything], ids=["dpt", "depth-anything"])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("depth") / "model")


def maps(made, images):
    return made.extract_images([made.prepare_image(i) for i in images])["map"]


def test_maps_are_the_librarys(folder):
    import transformers as t

    model, processor = (
        t.AutoModelForDepthEstimation.from_pretrained(folder),
        t.AutoImageProcessor.from_pretrained(folder),
    )
    image = picture(1, (60, 90))
    with torch.no_grad():
        deep = model.eval()(**processor(images=image, return_tensors="pt")).predicted_depth
    made = Depth(str(folder), side=16)
    assert made.problems() == []
    (found,) = maps(made, [image])
    assert found.shape == (16, 16) and float(found.std()) > 0
    for rows, columns in ((slice(0, 8), slice(0, 8)), (slice(8, 16), slice(0, 8)), (slice(0, 8), slice(8, 16))):
        y, x = (
            [round(n * s / 16) for s in (r.start, r.stop)]
            for n, r in zip(deep.shape[1:], (rows, columns), strict=True)
        )
        near = float(deep[0, y[0] : y[1], x[0] : x[1]].mean())
        spread = float(deep.max() - deep.min())
        assert abs(float(found[rows, columns].mean()) - near) < 0.1 * spread, "a quarter of the picture is where it was"
    assert float(found.mean()) == pytest.approx(float(deep.mean()), rel=0.05)


def test_no_neighbour_changes_a_bit(folder):
    images = [picture(i, (60, 80) if i % 2 else (80, 60)) for i in range(4)]
    made = Depth(str(folder), side=32)
    every = maps(made, images)
    for image, found in zip(images, every, strict=True):
        assert torch.equal(maps(made, [image])[0], found)
    other = Depth(str(folder), side=32, at_once=3)
    torch.testing.assert_close(maps(other, images), every, atol=1e-4, rtol=1e-4)
    assert other.identity() == made.identity() != Depth(str(folder), side=33).identity()


def test_depth_decides_what_is_in_front():
    """Both boxes overlap; the map says which is nearer, and exchanging the classes turns the verdict."""
    boxes = np.array([[0.0, 0, 60, 60], [20, 0, 80, 60]])
    near_left = torch.linspace(1, 0, 32).repeat(1, 32, 1)
    metric = Compbench3d("depth")

    def score(first, second):
        objects = (Thing(first), Thing(second))
        sample = Sample("s", "x", objects=objects, relations=(Relation(0, "in front of", 1),))
        found = Detections(boxes, ("dog", "cat"), np.ones(2), size=(80, 60))
        metric.reset()
        metric.update(found=[found], depth=near_left, truth=[sample])
        return float(metric.table()["score"][0])

    assert score("dog", "cat") == 1.0 and score("cat", "dog") == 0.5


@pytest.mark.parametrize("side", [8, 5000])
def test_sizes_of_maps(side):
    with pytest.raises(UsageError, match="16 to 1024"):
        Depth("x", side=side)
