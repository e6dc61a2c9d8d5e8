"""Colours of boxes as GenEval judges them: the crop, the grey around its mask, and the mean of three sentences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bench.errors import UsageError
from bench.extractors import coloured
from bench.extractors.base import Extractor
from bench.extractors.coloured import COLOURS, Coloured
from bench.metrics.benchmarks import GenEval
from bench.types import Detections, Sample, Thing

RGB = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "white": (255, 255, 255), "black": (0, 0, 0)}


class Boxes(Extractor):
    """Two halves of every picture, with masks if told."""

    plugin_name, image_outputs, masked = "boxes", ("detections",), False

    def identity(self):
        return {"masked": self.masked}

    def extract_images(self, batch, queries=None):
        halves, size = np.array([[0.0, 0, 4, 8], [4, 0, 8, 8]]), (8, 8)
        found = Detections(halves, ("dog", "cat"), np.array([0.9, 0.8]), size=size)
        masks = tuple(np.zeros((8, 8), bool) for _ in range(2))
        masks[0][:, 1], masks[1][:, 6] = True, True
        return {"detections": [dataclasses.replace(found, masks=masks if self.masked else ()) for _ in batch]}


class Mean(Extractor):
    """A picture is its mean colour; a text is the colour that it names, but for 'object', which is always white."""

    plugin_name, image_outputs, text_outputs, batch_size = "mean", ("features",), ("features",), 3

    def identity(self):
        return {}

    def extract_images(self, batch, queries=None):
        assert len(batch) == 3, "batches have one size"
        return {"features": torch.stack([torch.from_numpy(i.reshape(-1, 3).mean(0)).float() - 128 for i in batch])}

    def extract_texts(self, texts):
        rows = [next((RGB[c] for c in RGB if f"a {c}" in t), (120, 130, 140)) for t in texts]
        return {"features": torch.tensor(rows).float() - 128}


@pytest.fixture
def made(monkeypatch):
    parts = {"boxes": Boxes, "mean": Mean}
    monkeypatch.setattr(coloured, "_made", lambda text: parts[text]())

    def make(masked=False, **given):
        one = Coloured("boxes", "mean", **given)
        one.detector.masked = masked
        return one

    return make


def picture(left, right):
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4], image[:, 4:] = RGB[left], RGB[right]
    return image


def colours(made, *images):
    rows = made.extract_images([made.prepare_image(i) for i in images])["detections"]
    return [[a["colour"] for a in one.attributes] for one in rows]


def test_each_box_has_the_colour_of_its_own_pixels(made):
    images = [picture("red", "blue"), picture("blue", "green"), picture("white", "black")]
    assert colours(made(), *images) == [["red", "blue"], ["blue", "green"], ["white", "black"]]
    assert colours(made(), images[1]) == [["blue", "green"]]


def test_what_a_mask_leaves_out_is_painted(made):
    image = picture("red", "blue")
    assert colours(made(masked=True, background="#00ff00"), image) == [["green", "green"]]
    assert colours(made(masked=True, background="original"), image) == [["red", "blue"]]
    assert made(masked=True).identity() != made(masked=True, background="original").identity()


def test_geneval_sees_the_colours(made):
    (found,) = made().extract_images([made().prepare_image(picture("red", "blue"))])["detections"]
    metric = GenEval("coloured")
    samples = [Sample(c, "x", objects=(Thing("dog", {"colour": c}),), tags={"kind": "colors"}) for c in ("red", "blue")]
    metric.update(found=[found, found], truth=samples)
    assert metric.table()["right"].tolist() == [1.0, 0.0]


def test_parameters(made):
    assert len(COLOURS) == 10
    with pytest.raises(UsageError, match="no colour"):
        made(background="greyish")
    with pytest.raises(UsageError, match="gives no detections"):
        Coloured("mean", "mean")
    with pytest.raises(UsageError, match="images and texts"):
        Coloured("boxes", "boxes")
