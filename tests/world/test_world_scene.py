"""Scenes are true of themselves, survive JSON, and refuse what is no scene."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.world.palette import CELLS, COLOURS, DIRECTION, OPPOSITE, RELATIONS, SHAPES, SIZES
from bench.world.scene import Scene, SceneObject, gap, holds, problems, scene_from_dict, to_dict
from bench.world.split import scene_at

RED = SceneObject("circle", "red", "small", 16, 32)
BLUE = SceneObject("square", "blue", "large", 45, 32)

objects = st.builds(
    SceneObject,
    st.sampled_from(SHAPES),
    st.sampled_from(list(COLOURS)),
    st.sampled_from(list(SIZES)),
    st.integers(80, 432).map(lambda v: v / 8),
    st.integers(80, 432).map(lambda v: v / 8),
)


def test_there_are_as_many_words_as_promised():
    assert len(SHAPES) >= 6 and len(COLOURS) >= 8 and len(SIZES) == 2 and len(CELLS) == 9 and len(RELATIONS) == 4


def test_box_is_centre_and_half_extent():
    assert RED.box == (10, 26, 22, 38)
    assert BLUE.box == (45 - 7.875, 32 - 7.875, 45 + 7.875, 32 + 7.875)


@pytest.mark.parametrize("at", range(9))
def test_cells_are_thirds_in_reading_order(at):
    x, y = 64 * (at % 3 + 0.5) / 3, 64 * (at // 3 + 0.5) / 3
    assert SceneObject("star", "red", "small", x, y).cell == CELLS[at]


def test_a_relation_and_its_opposite():
    """y grows downwards: what has the smaller y is above."""
    assert holds(RED, "left of", BLUE) and not holds(BLUE, "left of", RED)
    high = SceneObject("circle", "red", "small", 32, 10)
    assert holds(high, "above", RED) and holds(RED, "below", high) and not holds(high, "below", RED)


@given(objects, objects, st.sampled_from(RELATIONS))
def test_a_relation_told_from_the_other_side_is_its_opposite(a, b, word):
    assert holds(a, word, b) == holds(b, OPPOSITE[word], a)
    assert not (holds(a, word, b) and holds(a, OPPOSITE[word], b))


@given(objects, objects)
def test_gap_is_the_distance_of_boxes_along_an_axis(a, b):
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    assert gap(a, b) == pytest.approx(max(bx0 - ax1, ax0 - bx1, by0 - ay1, ay0 - by1))
    assert gap(a, b) == pytest.approx(gap(b, a))


@pytest.mark.parametrize("split", ["train", "test", "stories-test"])
def test_json_round_trip(split):
    for index in range(50):
        scene = scene_at(split, index).scene
        assert scene_from_dict(json.loads(json.dumps(to_dict(scene)))) == scene


@given(st.lists(objects, min_size=2, max_size=4), st.data())
def test_json_round_trip_of_any_scene(things, data):
    frames = data.draw(st.integers(2, 8))
    spans = [tuple(sorted(data.draw(st.tuples(*[st.integers(0, frames - 1)] * 2)))) for _ in things]
    relation = (0, data.draw(st.sampled_from(RELATIONS)), 1)
    scene = Scene(tuple(things), (relation,), frames, tuple(spans), ("span", "size"))
    assert scene_from_dict(json.loads(json.dumps(to_dict(scene)))) == scene


def test_problems_name_what_is_wrong():
    assert problems(Scene((RED, BLUE), ((0, "left of", 1),))) == []
    assert "not clearly" in problems(Scene((RED, BLUE), ((0, "right of", 1),)))[0]
    assert "not clearly" in problems(Scene((RED, BLUE), ((0, "above", 1),)))[0]
    outside = SceneObject("circle", "red", "large", 5, 32)
    assert "leaves" in problems(Scene((outside,)))[0]
    assert "too close" in problems(Scene((RED, SceneObject("star", "red", "small", 28, 32))))[0]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda: Scene((SceneObject("circel", "red", "small", 9, 9),)), "circle"),
        (lambda: Scene((SceneObject("circle", "magenta", "small", 9, 9),)), "colour"),
        (lambda: Scene((SceneObject("circle", "red", "huge", 9, 9),)), "large"),
        (lambda: Scene((RED, BLUE), ((0, "beside", 1),)), "relation"),
        (lambda: Scene((RED, BLUE), ((0, "above", 2),)), "two of the objects"),
        (lambda: Scene((RED,), frames=3), "one for each object"),
        (lambda: Scene((RED,), spans=((0, 0),)), "one for each object"),
        (lambda: Scene((RED,), frames=3, spans=((2, 1),)), "start before end"),
        (lambda: Scene((RED,), frames=3, spans=((0, 3),)), "frames 0 to 2"),
        (lambda: Scene((RED,), stated=("colour",)), "statement"),
        (lambda: scene_from_dict({}), "objects"),
        (lambda: scene_from_dict({"objects": [{"shape": "circle"}]}), "colour"),
        (lambda: scene_from_dict({"objects": "circle"}), "not a scene"),
    ],
)
def test_what_is_no_scene_is_refused_with_a_sentence(bad, says):
    with pytest.raises(UsageError, match=says):
        bad()


def test_relations_and_opposites_agree_with_directions():
    for word in RELATIONS:
        axis, sign = DIRECTION[word]
        assert DIRECTION[OPPOSITE[word]] == (axis, -sign)
