"""What the judges are trained on: false captions are false, twins differ, nothing held out is shown or said."""

from __future__ import annotations

import numpy as np
import pytest

from bench.extractors.scene_nets import CLASSES
from bench.training.scene_batches import class_batch, disturbed, grids, pair_batch
from bench.world.description import meaning, understand
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import KINDS, held_out, mismatch
from bench.world.palette import COLOURS, OPPOSITE, SHAPES
from bench.world.parsing import parse
from bench.world.split import scene_at

TOLD = [understand(scene_at("train", i).scene) for i in range(400)]


def edits(kind):
    found = [(told, mismatch(told, kind, Draw("test", kind, i))) for i, told in enumerate(TOLD)]
    return [(told, edited) for told, edited in found if edited is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mismatch_is_false_and_can_be_said(kind):
    pairs = edits(kind)
    assert len(pairs) >= 40
    for told, edited in pairs:
        assert meaning(edited) != meaning(told)
        assert meaning(parse(paraphrases(edited)[0])) == meaning(edited)


@pytest.mark.parametrize("kind", ["colour", "shape", "count", "size", "cell"])
def test_a_mismatch_changes_one_word_of_one_thing(kind):
    for told, edited in edits(kind):
        changed = [(a, b) for a, b in zip(told.objects, edited.objects, strict=True) if a != b]
        assert len(changed) == 1 and edited.relations == told.relations
        (a, b), names = changed[0], ("shape", "colour", "size", "cell", "count")
        assert [n for n in names if getattr(a, n) != getattr(b, n)] == [kind]
        if kind == "count":
            assert abs(a.count - b.count) == 1


def test_a_relation_is_turned_round_and_nothing_else():
    for told, edited in edits("relation"):
        ((i, word, j),), ((k, new, m),) = told.relations, edited.relations
        assert (i, j) == (k, m) and new == OPPOSITE[word] and edited.objects == told.objects


def test_a_binding_mismatch_keeps_the_words():
    for told, edited in edits("binding"):
        for part in ("colour", "shape"):
            assert sorted(getattr(d, part) for d in told.objects) == sorted(getattr(d, part) for d in edited.objects)


def test_a_batch_is_a_function_of_its_first_row():
    one, again, other = pair_batch(7_000_000, 16), pair_batch(7_000_000, 16), pair_batch(7_000_016, 16)
    assert np.array_equal(one.images, again.images) and one.texts == again.texts
    assert not np.array_equal(one.images, other.images)


def test_a_batch_has_twins_and_false_captions_and_nothing_held_out():
    batch = pair_batch(7_000_000, 64)
    b = 128
    assert batch.images.shape == (b, 64, 64, 3) and len(batch.texts) == len(batch.meanings) == 2 * b
    own, wrong = batch.meanings[:b], batch.meanings[b:]
    assert all(x != y for x, y in zip(own, wrong, strict=True))
    assert sum(x != y for x, y in zip(own[:64], own[64:], strict=True)) >= 60  # a twin may change what is unsaid
    told = [parse(text) for text in batch.texts]
    assert tuple(meaning(t) for t in told) == batch.meanings
    assert not any(held_out(t) for t in told)


def test_the_grid_says_where_things_are():
    scenes = [scene_at("train", i).scene for i in range(50)]
    shapes, colours = grids(scenes)
    for scene, shape, colour in zip(scenes, shapes, colours, strict=True):
        for thing in scene.objects:
            at = int(thing.y // 8), int(thing.x // 8)
            assert SHAPES[shape[at] - 1] == thing.shape and tuple(COLOURS)[colour[at]] == thing.colour
        assert (shape > 0).sum() == (colour >= 0).sum() == len({(t.x // 8, t.y // 8) for t in scene.objects})


def test_one_object_batches_show_their_class_and_no_held_out_pair():
    batch = class_batch(9_000_000, 400)
    seen = {CLASSES[i] for i in batch.classes}
    assert len(seen) == 42 and "red star" not in seen and "red circle" in seen


def test_disturbed_images_are_near_and_half_of_them_changed():
    images = pair_batch(7_000_000, 16).images
    new = disturbed(images, 3)
    same = (new == images).all((1, 2, 3))
    assert 0.1 < same.mean() < 0.5 and np.abs(new.astype(int) - images)[1::2].mean() < 12
