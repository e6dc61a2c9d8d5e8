"""Metrics of detections on images whose faults are known, one by one."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from bench.errors import UsageError
from bench.types import Detections, Relation, Sample, Thing

RED_LEFT_OF_BLUE = Sample(
    "a",
    "a red circle left of a blue square",
    objects=(
        Thing("circle", {"colour": "red"}, (0.0, 0.0, 10.0, 10.0)),
        Thing("square", {"colour": "blue"}, (30.0, 0.0, 40.0, 10.0)),
    ),
    relations=(Relation(0, "left of", 1),),
)
NOTHING_SAID = Sample("b", "anything at all")
FREE = Sample("c", "a circle", objects=(Thing("circle"),))


def seen(*things: tuple[str, str, float], readable: bool = True) -> Detections:
    """(label, colour, left edge) -> detections of 10 x 10 boxes."""
    boxes = np.array([[x, 0, x + 10, 10] for _, _, x in things], dtype=np.float64).reshape(-1, 4)
    colours = tuple({"colour": colour} for _, colour, _ in things)
    return Detections(boxes, tuple(t[0] for t in things), np.ones(len(things)), colours, (64, 64), readable)


RIGHT = seen(("circle", "red", 0), ("square", "blue", 30))
IMAGES = {
    "right": RIGHT,
    "wrong colour": seen(("circle", "green", 0), ("square", "blue", 30)),
    "colours exchanged": seen(("circle", "blue", 0), ("square", "red", 30)),
    "wrong shape": seen(("star", "red", 0), ("square", "blue", 30)),
    "one more": seen(("circle", "red", 0), ("square", "blue", 30), ("square", "blue", 50)),
    "one missing": seen(("circle", "red", 0)),
    "sides exchanged": seen(("circle", "red", 30), ("square", "blue", 0)),
    "nothing": seen(),
    "unreadable": seen(("circle", "red", 0), ("square", "blue", 30), readable=False),
}
EXPECTED = {
    #                    presence counting binding overlap both right
    "right": (1, 1, 1, 1, 1, 1),
    "wrong colour": (1, 1, 1 / 2, 1, 0, 0),
    "colours exchanged": (1, 1, 0, 1, 0, 0),
    "wrong shape": (1 / 2, 1 / 3, 1 / 2, 1 / 2, 0, 0),
    "one more": (1, 1 / 2, 1, 1, 1, 1),
    "one missing": (1 / 2, 1 / 2, 1 / 2, 1 / 2, 0, 0),
    "sides exchanged": (1, 1, 1, 0, 1, 0),
    "nothing": (0, 0, 0, 0, 0, 0),
    "unreadable": (0, 0, 0, 0, 0, 0),
}
METRICS = ("object-presence", "counting", "attribute-binding", "box-overlap", "spatial-relation")


def _rows(kit, name, found, truth, **params):
    metric = kit.make(name, **params)
    metric.update(found=found, truth=truth)
    return metric


def _columns(kit, found, sample):
    tables = [_rows(kit, name, [found], [sample]).table() for name in METRICS]
    return tuple(float(column[0]) for table in tables for column in table.values())


@pytest.mark.parametrize("image", IMAGES)
def test_each_fault_costs_what_it_should(image, kit):
    assert _columns(kit, IMAGES[image], RED_LEFT_OF_BLUE) == pytest.approx(EXPECTED[image])


def test_a_prompt_that_says_nothing_of_it_does_not_count(kit):
    assert all(math.isnan(v) for v in _columns(kit, RIGHT, NOTHING_SAID))
    for name in METRICS:
        metric = _rows(kit, name, [RIGHT, IMAGES["nothing"], RIGHT], [RED_LEFT_OF_BLUE, NOTHING_SAID, NOTHING_SAID])
        assert set(kit.values(metric).values()) == {1.0}, name


def test_what_a_prompt_does_not_state_is_not_tested(kit):
    presence, counting, binding, overlap, *relation = _columns(kit, seen(("circle", "pink", 3)), FREE)
    assert (presence, counting) == (1, 1)
    assert all(math.isnan(v) for v in (binding, overlap, *relation))


def test_the_conditional_score_is_over_images_with_both(kit):
    images = [RIGHT, IMAGES["sides exchanged"], IMAGES["nothing"], IMAGES["one missing"]]
    found = kit.values(_rows(kit, "spatial-relation", images, [RED_LEFT_OF_BLUE] * 4))
    assert found == {"uncond": 0.25, "cond": 0.5, "OA": 0.5}


def test_the_conditional_score_of_no_image_with_both_is_no_number(kit):
    found = kit.values(_rows(kit, "spatial-relation", [IMAGES["nothing"]] * 3, [RED_LEFT_OF_BLUE] * 3))
    assert found["uncond"] == found["OA"] == 0 and math.isnan(found["cond"])


def test_a_detector_that_judges_no_attributes_is_asked_for_labels_only(kit):
    bare = Detections(RIGHT.boxes, RIGHT.labels, RIGHT.scores, (), (64, 64))
    found = kit.values(_rows(kit, "spatial-relation", [bare], [RED_LEFT_OF_BLUE]))
    assert found["uncond"] == 1
    assert kit.values(_rows(kit, "attribute-binding", [bare], [RED_LEFT_OF_BLUE]))["value"] == 0


def test_an_object_is_not_left_of_itself(kit):
    twins = Sample(
        "t", "two circles, one left of the other", objects=(Thing("circle"), Thing("circle")),
        relations=(Relation(0, "left of", 1),),
    )  # fmt: skip
    one, two = seen(("circle", "red", 0)), seen(("circle", "red", 0), ("circle", "red", 30))
    assert kit.values(_rows(kit, "spatial-relation", [one], [twins]))["OA"] == 0
    assert kit.values(_rows(kit, "spatial-relation", [two], [twins]))["uncond"] == 1


def test_the_rule_decides(kit):
    """Mostly above and a little to the left: left by centres, not by the dominant axis."""
    boxes = np.array([[0, 0, 10, 10], [4, 40, 14, 50]], dtype=np.float64)
    found = Detections(boxes, RIGHT.labels, RIGHT.scores, RIGHT.attributes, (64, 64))
    scores = {
        rule: kit.values(_rows(kit, "spatial-relation", [found], [RED_LEFT_OF_BLUE], rule=rule))["uncond"]
        for rule in ("visor", "paintskills")
    }
    assert scores == {"visor": 1, "paintskills": 0}


def test_an_unknown_rule_is_refused_at_once(kit):
    with pytest.raises(UsageError, match="Did you mean visor"):
        kit.make("spatial-relation", rule="vizor")


def test_an_unknown_relation_is_refused(kit):
    odd = Sample("o", "odd", objects=RED_LEFT_OF_BLUE.objects, relations=(Relation(0, "astride", 1),))
    with pytest.raises(UsageError, match="astride"):
        _rows(kit, "spatial-relation", [RIGHT], [odd])


def test_each_object_is_used_once(kit):
    """Two red circles are asked for; one that is there cannot stand for both."""
    pair = Sample("p", "two red circles", objects=(Thing("circle", {"colour": "red"}),) * 2)
    assert kit.values(_rows(kit, "attribute-binding", [seen(("circle", "red", 0))], [pair]))["value"] == 0.5


def test_boxes_are_compared_at_the_size_of_the_image(kit):
    """The same picture drawn four times as wide and twice as high has the same overlap; half as far right has not."""
    drawn = Detections(RIGHT.boxes * [4, 2, 4, 2], RIGHT.labels, RIGHT.scores, RIGHT.attributes, (256, 128))
    sized = dataclasses.replace(RED_LEFT_OF_BLUE, size=(64, 64))
    assert kit.values(_rows(kit, "box-overlap", [drawn], [sized]))["value"] == pytest.approx(1)
    same_pixels = dataclasses.replace(drawn, boxes=RIGHT.boxes)
    assert kit.values(_rows(kit, "box-overlap", [same_pixels], [sized]))["value"] < 0.5
    assert kit.values(_rows(kit, "box-overlap", [RIGHT], [RED_LEFT_OF_BLUE]))["value"] == 1
