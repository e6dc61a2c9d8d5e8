"""Samples are drawable, true, of every kind, and training never sees what is held out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bench.errors import UsageError
from bench.world.draws import Draw, unit_lanes
from bench.world.grammar import caption, meaning
from bench.world.palette import COLOURS, OPPOSITE, RELATIONS, SHAPES
from bench.world.sampling import (
    HELD_OUT_PAIRS,
    HELD_OUT_TRIPLES,
    KINDS,
    STORY_KINDS,
    held_out_pair,
    held_out_triple,
    kind_of,
    sample_scene,
    tags,
)  # fmt: skip
from bench.world.scene import Scene, SceneObject, offset_along, problems
from bench.world.split import split


@pytest.fixture(scope="module")
def rows():
    return {name: [entry.scene for entry in split(name, 2000)] for name in ("train", "val", "test")}


@pytest.mark.parametrize("kind", [*KINDS, *STORY_KINDS])
@pytest.mark.parametrize("part", ["train", "test"])
def test_every_kind_is_drawable_and_true(kind, part):
    for seed in range(150):
        scene = sample_scene(seed, split=part, kind=kind)
        assert problems(scene) == []
        assert kind_of(scene) == kind
        assert 1 <= len(scene.objects) <= 4
        assert sample_scene(seed, split=part, kind=kind) == scene


def test_all_words_and_kinds_occur(rows):
    things = [o for scene in rows["train"] for o in scene.objects]
    assert {(o.colour, o.shape) for o in things} == {(c, s) for c in COLOURS for s in SHAPES} - HELD_OUT_PAIRS
    assert {o.size for o in things} == {"small", "large"}
    assert {o.cell for scene in rows["test"] if "cell" in scene.stated for o in scene.objects} == {
        o.cell for o in things
    } and len({o.cell for o in things}) == 9
    assert {word for scene in rows["train"] for _, word, _ in scene.relations} == set(RELATIONS)
    assert set(map(kind_of, rows["test"])) == set(KINDS)
    assert {len(scene.objects) for scene in rows["test"]} == {1, 2, 3, 4}


@pytest.mark.parametrize("part", ["train", "val"])
def test_held_out_never_in_training(rows, part):
    assert not any(held_out_pair(scene) or held_out_triple(scene) for scene in rows[part])


def test_held_out_never_in_training_stories():
    assert not any(held_out_pair(entry.scene) for entry in split("stories-train", 1000))


def test_held_out_in_test_and_tagged(rows):
    found = Counter((tags(s)["pair"], tags(s)["triple"]) for s in rows["test"])
    assert found["held-out", "seen"] > 200 and found["seen", "held-out"] > 50 and found["seen", "seen"] > 1000
    for scene in rows["test"][:200]:
        pairs = {(o.colour, o.shape) for o in scene.objects}
        assert (tags(scene)["pair"] == "held-out") == bool(pairs & HELD_OUT_PAIRS)
    seen = {(o.colour, o.shape) for scene in rows["test"] for o in scene.objects}
    assert HELD_OUT_PAIRS <= seen
    stated = {(s.objects[i].shape, w, s.objects[j].shape) for s in rows["test"] for i, w, j in s.relations}
    assert len(HELD_OUT_TRIPLES & stated) > 20


def test_held_out_triples_are_closed_under_the_other_direction():
    assert len(HELD_OUT_TRIPLES) == 24
    assert all((b, OPPOSITE[word], a) in HELD_OUT_TRIPLES for a, word, b in HELD_OUT_TRIPLES)
    assert not any((a, OPPOSITE[word], b) in HELD_OUT_TRIPLES for a, word, b in HELD_OUT_TRIPLES if a == b)


def test_what_is_held_out_has_parts_that_training_knows():
    assert {c for c, _ in HELD_OUT_PAIRS} < set(COLOURS) and len({s for _, s in HELD_OUT_PAIRS}) == len(SHAPES)


def test_test_has_three_thousand_meanings():
    assert len({meaning(entry.scene) for entry in split("test")}) >= 3000


def test_relations_hold_with_margin_and_near_misses_come_close(rows):
    related = [s for s in rows["test"] if s.relations]
    ratios = []
    for scene in related:
        i, word, j = scene.relations[0]
        along, aside = offset_along(scene.objects[i], word, scene.objects[j])
        assert along >= 4 and along - aside >= 1.5
        ratios.append(aside / along)
    near = sum(tags(s)["near-miss"] == "yes" for s in related)
    assert 0.15 < near / len(related) < 0.5
    assert max(ratios) <= 0.9 and min(ratios) < 0.05


def test_a_near_miss_is_told_by_its_layout_alone():
    a = SceneObject("circle", "red", "small", 20, 20)
    far, close = (SceneObject("star", "blue", "small", 45, y) for y in (22, 40))
    assert tags(Scene((a, far), ((0, "left of", 1),)))["near-miss"] == "no"
    assert tags(Scene((a, close), ((0, "left of", 1),)))["near-miss"] == "yes"


def test_seeds_and_splits_differ():
    texts = {caption(sample_scene(seed, split=part)) for seed in range(30) for part in ("train", "test")}
    assert len(texts) > 50


def test_unknown_split_or_kind_is_refused():
    with pytest.raises(UsageError, match="Did you mean test"):
        sample_scene(0, split="tets")
    with pytest.raises(UsageError, match="two-relation"):
        sample_scene(0, split="test", kind="two-relations")


def test_draws_are_pinned():
    """The published splitmix64 stream of state 0, and the array form beside the scalar one."""
    draw = Draw("x")
    draw.state = 0
    assert [draw.bits() for _ in range(2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    lane = unit_lanes(np.array([0], np.uint64), 0)
    assert lane[0] == (0xE220A8397B1DCDAF >> 11) * 2.0**-53


def test_draws_are_even():
    draw = Draw("even")
    counts = Counter(draw.below(6) for _ in range(6000))
    assert max(counts.values()) - min(counts.values()) < 200
    assert Counter(Draw(k).weighted({"a": 1, "b": 3}) for k in range(2000))["b"] == pytest.approx(1500, abs=80)
