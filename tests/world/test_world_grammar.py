"""Captions and their understanding: what is written is read back, equal meanings are interchangeable, layouts obey."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.world.defects import DEFECTS, plant
from bench.world.grammar import Described, Understanding, caption, captions, layout, meaning, parse, understand
from bench.world.palette import CELLS, COLOURS, RELATIONS, SHAPES
from bench.world.scene import Scene, SceneObject, holds, problems
from bench.world.split import split

A = SceneObject("circle", "red", "small", 16, 32)
B = SceneObject("square", "blue", "large", 45, 32)
C = SceneObject("star", "orange", "small", 30, 10)


@pytest.fixture(scope="module")
def scenes():
    return [entry.scene for name in ("test", "stories-test") for entry in split(name, 400)]


def test_every_variant_is_read_back(scenes):
    """About 15,000 sentences."""
    for scene in scenes:
        told = understand(scene)
        for text in captions(scene, 1000):
            read = parse(text)
            assert meaning(read) == meaning(scene), text
            assert sum(d.count for d in read.objects) == len(scene.objects)
            assert read.frames == told.frames


def test_defective_scenes_are_described_and_read_back_too(scenes):
    for at, scene in enumerate(scenes[::5]):
        for kind in DEFECTS:
            wrong = plant(scene, kind, 1.0, at)
            assert all(meaning(parse(text)) == meaning(wrong) for text in captions(wrong, 8))


def test_captions_are_distinct_short_and_of_few_words(scenes):
    words, longest = set(), 0
    for scene in scenes:
        texts = captions(scene, 1000)
        assert len(set(texts)) == len(texts) >= 5
        longest = max(longest, *(len(text.split()) for text in texts))
        words |= {word for text in texts for word in text.replace(",", "").split()}
    assert longest <= 24 and len(words) < 80


def test_variants_count_through_the_paraphrases():
    scene = Scene((A, B), ((0, "left of", 1),))
    texts = captions(scene, 1000)
    assert [caption(scene, k) for k in range(len(texts))] == list(texts)
    assert caption(scene, len(texts)) == texts[0] == "a red circle left of a blue square"
    assert "a blue square to the right of a red circle" in {t.removeprefix("a picture of ") for t in texts}


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        (Scene((C,)), "an orange star"),
        (Scene((C,), stated=("size",)), "a small orange star"),
        (Scene((C,), stated=("cell",)), "an orange star at the top"),
        (Scene((A, dataclasses.replace(A, x=45))), "two red circles"),
        (Scene((A, B, C)), "a red circle, a blue square and an orange star"),
        (Scene((A, B, C), ((2, "above", 0),)), "an orange star above a red circle, and also a blue square"),
        (
            Scene((A, B), frames=6, spans=((3, 5), (0, 5))),
            "first a blue square appears, then a red circle appears",
        ),
        (
            Scene((A, B), frames=6, spans=((0, 2), (1, 5)), stated=("span",)),
            "first a red circle appears in frames 1 to 3, then a blue square appears in frames 2 to 6",
        ),
    ],
)
def test_plain_captions(scene, text):
    assert caption(scene) == text


def test_meaning_is_what_captions_say_and_no_more():
    left = Scene((A, B), ((0, "left of", 1),))
    told_from_b = Scene((B, A), ((0, "right of", 1),))
    assert meaning(left) == meaning(told_from_b)
    assert set(captions(left, 1000)) == set(captions(told_from_b, 1000))
    swapped = Scene((dataclasses.replace(A, colour="blue"), dataclasses.replace(B, colour="red")), ((0, "left of", 1),))
    assert meaning(left) != meaning(swapped) != meaning(Scene((A, B))) != meaning(left)
    moved = Scene((dataclasses.replace(A, x=18.5), B), ((0, "left of", 1),))
    assert meaning(left) == meaning(moved)
    assert meaning(dataclasses.replace(left, stated=("size",))) != meaning(left)
    assert meaning(Scene((A, B))) == meaning(Scene((B, A)))


def test_equal_meaning_is_equal_set_of_captions():
    """Interchangeable both ways: one meaning, one set of sentences; two meanings share none."""
    owner: dict[str, str] = {}
    sentences: dict[str, frozenset[str]] = {}
    for entry in split("test", 1500):
        texts = frozenset(captions(entry.scene, 1000))
        assert sentences.setdefault(meaning(entry.scene), texts) == texts
        for text in texts:
            assert owner.setdefault(text, meaning(entry.scene)) == meaning(entry.scene)


def test_order_of_a_story_is_its_meaning():
    first = Scene((A, B), frames=6, spans=((0, 5), (3, 5)))
    assert meaning(first) != meaning(Scene((A, B), frames=6, spans=((3, 5), (0, 5))))
    assert parse("a blue square appears after a red circle") == parse("a red circle appears before a blue square")


@pytest.mark.parametrize(
    "text", ["A red circle left of a blue square.", "  a  RED circle to the left of a blue square  "]
)
def test_case_spaces_and_full_stop_are_free(text):
    assert meaning(parse(text)) == meaning(Scene((A, B), ((0, "left of", 1),)))


@pytest.mark.parametrize(
    "text",
    [
        "", "a dog", "a red circle beside a blue square", "a red circle and", "red circle",
        "a red circle a blue square",        "a shiny red circle", "a red circle left of",
        "first a red circle appears", "not a red circle",
        "a red circle in frames 1 to 9, then a blue square in frames 2 to 3",
    ],
)  # fmt: skip
def test_what_is_not_of_the_grammar_is_refused(text):
    with pytest.raises(UsageError, match=r"grammar|frames"):
        parse(text)


def test_an_empty_scene_and_two_relations_have_no_caption():
    with pytest.raises(UsageError, match="1 to 5"):
        caption(Scene(()))
    with pytest.raises(UsageError, match="one"):
        caption(Scene((A, B, C), ((0, "left of", 1), (2, "above", 0))))


nouns = st.tuples(st.sampled_from(list(COLOURS)), st.sampled_from(SHAPES))


@given(st.lists(nouns, min_size=2, max_size=3, unique=True), st.sampled_from(RELATIONS), st.integers(0, 2**62))
def test_a_layout_satisfies_its_relation(pairs, word, seed):
    told = Understanding(tuple(Described(s, c) for c, s in pairs), ((0, word, 1),))
    scene = layout(told, seed)
    assert problems(scene) == [] and meaning(scene) == meaning(told)
    assert holds(scene.objects[0], word, scene.objects[1], 4 - 1e-9)


@given(nouns, st.sampled_from(CELLS), st.sampled_from(["", "small", "large"]), st.integers(0, 2**62))
def test_a_layout_satisfies_its_cell_and_size(pair, cell, size, seed):
    told = Understanding((Described(pair[1], pair[0], size, cell),))
    scene = layout(told, seed)
    assert scene.objects[0].cell == cell and scene.objects[0].size == (size or scene.objects[0].size)
    assert meaning(scene) == meaning(told) and problems(scene) == []


@given(nouns, st.integers(1, 5), st.integers(0, 2**62), st.integers(0, 99))
def test_a_count_is_drawn_and_read_back(pair, count, seed, variant):
    scene = layout(Understanding((Described(pair[1], pair[0], count=count),)), seed)
    assert len(scene.objects) == count
    assert parse(caption(scene, variant)).objects == (Described(pair[1], pair[0], count=count),)


def test_captions_become_scenes_that_satisfy_them(scenes):
    for at, scene in enumerate(scenes):
        again = layout(parse(caption(scene, at)), at)
        assert meaning(again) == meaning(scene) and problems(again) == []


def test_seeds_give_different_layouts_and_the_same_one_again():
    told = parse("a red circle above a blue square")
    assert layout(told, 1) == layout(told, 1) != layout(told, 2)


def test_the_impossible_is_refused():
    crowd = Understanding((Described("circle", "red", "large", "centre", 2),))
    with pytest.raises(UsageError, match="do not fit"):
        layout(crowd, 0)
