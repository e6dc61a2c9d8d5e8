"""Rules look at the boxes of many images at once: the verdict on an image is that of the image alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from bench.functional import relation_holds
from bench.functional.rules import Clause, geneval_verdict, geneval_verdicts
from bench.registry import create
from bench.types import Detections, Relation, Sample, Thing

WORDS = ("left of", "right of", "above", "below")


def drawn(count: int, seed: int = 0) -> tuple[list[Detections], list[Sample]]:
    """Random boxes of three classes, and prompts with one relation or two."""
    draw = np.random.default_rng(seed)
    found, asked = [], []
    for i in range(count):
        n = int(draw.integers(0, 7))
        corners = np.sort(draw.random((n, 2, 2)) * 100, 1).reshape(n, 4)
        labels = tuple(("dog", "cat", "cup")[j] for j in draw.integers(0, 3, n))
        found.append(Detections(corners, labels, 0.2 + 0.8 * draw.random(n)))
        relations = [Relation(0, WORDS[i % 4], 1), Relation(2, WORDS[i // 4 % 4], 0)][: 1 + i % 2]
        things = (Thing("dog"), Thing("cat"), Thing("cup"))
        asked.append(Sample(str(i), "x", objects=things, relations=tuple(relations)))
    return found, asked


@pytest.mark.parametrize(
    "name", ["geneval", "visor", "spatial-relation", "t2i-compbench-spatial", "paintskills-spatial", "hrs-spatial"]
)
def test_a_batch_is_its_images_one_by_one(name):
    found, truth = drawn(200)
    whole, single = create("metric", name, {}), create("metric", name, {})
    whole.update(found=found, truth=truth)
    for one, sample in zip(found, truth, strict=True):
        single.update(found=[one], truth=[sample])
    for column, values in whole.table().items():
        assert np.array_equal(values, single.table()[column], equal_nan=True), column
    (column, *_) = (c for c in ("right", *whole.table()) if c in whole.table())
    assert 0 < np.nanmean(whole.table()[column]) < 1


def test_the_share_of_relations_is_that_of_every_pair_looked_at_alone():
    found, truth = drawn(120, seed=1)
    metric = create("metric", "spatial-relation", {"rule": "geneval"})
    metric.update(found=found, truth=truth)

    def holds(one, sample, relation):
        names = [sample.objects[i].label for i in (relation.subject, relation.object)]
        places = [[i for i, label in enumerate(one.labels) if label == name] for name in names]
        boxes = torch.as_tensor(one.boxes)
        return any(
            bool(relation_holds(boxes[[a]], boxes[[b]], relation.predicate, rule="geneval"))
            for a, b in itertools.product(*places)
        )

    expected = [np.mean([holds(f, s, r) for r in s.relations]) for f, s in zip(found, truth, strict=True)]
    assert metric.table()["right"].tolist() == expected


def test_a_relation_is_asked_of_the_surest_boxes_of_its_own_image():
    """The other image of the batch has the boxes the other way round."""
    include = [Clause("cat"), Clause("dog", position=("left of", 0))]
    left, right = [0.0, 0, 10, 10], [80.0, 0, 90, 10]
    images = [
        Detections(np.array([dog, cat, other]), ("dog", "cat", "dog"), np.array([0.9, 0.9, 0.4]))
        for dog, cat, other in ((left, right, right), (right, left, left))
    ]
    asked = [(include, [], False)] * 2
    assert [right for right, _ in geneval_verdicts(images, asked)] == [True, False]
    assert geneval_verdicts(images, asked)[1] == geneval_verdict(images[1], include)
    assert geneval_verdict(images[1], include)[1] == ("expected dog left of target",)


@pytest.mark.parametrize("name", ["hrs-spatial", "t2i-compbench-spatial"])
def test_the_surest_box_of_a_class_is_looked_at(name):
    """A dog that is surely left of the cat, and one that may be right of it; then the other way round."""
    left, right, cat = [0.0, 0, 10, 10], [80.0, 0, 90, 10], [40.0, 0, 50, 10]
    sample = Sample("s", "x", objects=(Thing("dog"), Thing("cat")), relations=(Relation(0, "left of", 1),))
    images = [
        Detections(np.array([left, cat, right]), ("dog", "cat", "dog"), np.array(scores))
        for scores in ((0.9, 0.9, 0.5), (0.5, 0.9, 0.9), (0.7, 0.9, 0.7))
    ]
    metric = create("metric", name, {})
    metric.update(found=images, truth=[sample] * 3)
    (column,) = metric.table().values()
    assert (column > 0.5).tolist() == [True, False, True], "of equally sure ones the first"
