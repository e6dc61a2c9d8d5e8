"""Splits are stable lists with random access."""

from __future__ import annotations

from itertools import islice

import pytest

from bench.errors import UsageError
from bench.world.grammar import meaning
from bench.world.sampling import STORY_KINDS, kind_of
from bench.world.split import DEFAULT_SIZES, scene_at, split


@pytest.mark.parametrize("name", DEFAULT_SIZES)
def test_random_access_equals_iteration(name):
    rows = list(split(name, 20))
    assert rows == [scene_at(name, index) for index in range(20)]
    assert [row.id for row in rows][17] == f"{name}-000017"
    assert list(islice(split(name), 20)) == rows


def test_a_larger_split_begins_with_the_smaller():
    assert list(split("val", 30))[:10] == list(split("val", 10))


def test_default_sizes():
    assert (DEFAULT_SIZES["train"], DEFAULT_SIZES["val"], DEFAULT_SIZES["test"]) == (20000, 2000, 5000)
    assert sum(1 for _ in split("stories-test")) == DEFAULT_SIZES["stories-test"] == 500


def test_stories_are_stories_and_stills_are_not():
    assert {kind_of(row.scene) for row in split("stories-test", 60)} == set(STORY_KINDS)
    assert all(row.scene.frames == 1 for row in split("test", 60))
    assert all(len({o.colour + o.shape for o in row.scene.objects}) == len(row.scene.objects) >= 2
               for row in split("stories-test", 60))  # fmt: skip


def test_splits_share_no_scene():
    stories = [{meaning(r.scene) + str(r.scene.objects) for r in split(n, 500)} for n in ("train", "val", "test")]
    assert not (stories[0] & stories[1]) and not (stories[0] & stories[2]) and not (stories[1] & stories[2])


def test_wrong_names_and_rows_are_refused_at_once():
    with pytest.raises(UsageError, match="stories-test"):
        split("story-test")
    with pytest.raises(UsageError, match="negative"):
        scene_at("test", -1)
