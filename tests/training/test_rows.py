"""Rows of the train split: the same ones wherever they are taken from, each once before any comes again."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from bench.training import scene_flow, scene_gans
from bench.training.captioned import FIRST, first_row
from bench.training.gan_batches import gan_batch
from bench.training.recipes import How, Tier, trainable
from bench.training.rows import Kept, Rendered, order, ordered, source
from bench.world.tokens import PAD


def take(source, first, rows, ones):
    return source.take(source.plan(first, ones), rows)


def order_of(first):
    return ordered(order(first, 64), torch.arange(8), 64)


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_a_bank_that_is_kept_gives_what_is_rendered():
    there, now = Kept(32, 64, "cpu"), Rendered(32, True, 64)
    for first, ones in ((FIRST, 4), (FIRST + 40, 0), (first_row(2) + 8, 8)):
        assert equal(take(there, first, 8, ones), take(now, first, 8, ones))


def test_a_bank_is_rendered_in_several_processes_to_the_same_rows(monkeypatch):
    from bench.training import rows

    monkeypatch.setattr(rows, "_CHUNK", 4)
    several = Kept(32, 16, "cpu").table  # 8 chunks
    monkeypatch.setattr(rows, "_CHUNK", 64)
    assert equal(several, Kept(32, 16, "cpu").table)


def test_each_row_of_a_bank_comes_once_in_each_turn_and_turns_differ():
    turns = [torch.cat([order_of(FIRST + 64 * turn + at) for at in range(0, 64, 8)]) for turn in range(3)]
    assert all(turn.sort().values.tolist() == list(range(64)) for turn in turns)
    assert turns[0].tolist() != turns[1].tolist() != turns[2].tolist()
    assert order_of(first_row(1)).tolist() != order_of(first_row(0)).tolist(), "seeds have other orders"


def test_without_a_bank_no_row_comes_again_and_the_first_show_one_object():
    one, other = (take(Rendered(32, True), FIRST + at, 16, 8) for at in (0, 16))
    assert not set(one.images.flatten(1).sum(1).tolist()) & set(other.images.flatten(1).sum(1).tolist())
    assert (one.shown[:8].sum(1) == 2).all() and (one.shown[8:].sum(1) > 2).any()


def test_a_bank_is_rendered_as_it_goes_on_a_processor_and_kept_elsewhere():
    assert source(32, True, 64, "cpu") == Rendered(32, True, 64)
    assert source(32, True, None, "cuda") == Rendered(32, True)


def test_a_caption_of_a_row_that_says_the_same_is_not_false():
    rows = take(Rendered(32, True), FIRST, 6, 6)
    same = dataclasses.replace(rows, meaning=torch.tensor([1, 2, 3, 3, 4, 4]))
    same = dataclasses.replace(same, meaning=same.meaning.roll(1))  # now rows 3 and 4, and 5 and 0
    batch = gan_batch(same)
    own = (batch.wrong == batch.swapped).all(1).tolist()
    assert own == [True, True, False, True, True, True], "odd rows, and even ones whose neighbour says the same"
    assert torch.equal(batch.wrong[2], batch.ids[1])


def test_captions_are_cut_at_the_longest_and_lose_no_word():
    rows = take(Rendered(32, True), FIRST, 16, 16)
    batch = gan_batch(rows)
    assert batch.ids.shape[1] < rows.ids.shape[1]
    for cut, whole in ((batch.ids, rows.ids), (batch.swapped, rows.swapped)):
        assert torch.equal(cut.byte(), whole[:, : cut.shape[1]]) and (whole[:, cut.shape[1] :] == PAD).all()


@pytest.mark.parametrize("name", ["flow", "cgan", "iten", "cman", "wirn", "titan"])
def test_numbers_that_lie_on_a_device_give_the_step_that_plain_ones_give(name, monkeypatch):
    """As a GPU has them: a row of a float32 table, and rows from a bank that is kept."""
    for family in (scene_flow, scene_gans):
        monkeypatch.setitem(family.TIERS, "full", Tier(10, 4, 64))
    options = {} if name == "flow" else {"pool": "0.5", "seeking": "0.1"}
    recipe = trainable(f"generator:{name}", How(tier="full", options=options)).recipe
    assert recipe.learn.recorded
    ends = []
    for on_device in (False, True):
        torch.manual_seed(0)
        model = recipe.build()
        optimisers = recipe.optimisers(model)
        recipe.ready(model, "cpu")
        if on_device:
            model.rows = Kept(32, 64, "cpu")
        for step in range(5):
            first = recipe.first + 4 * step
            numbers = recipe.learn.plan(model, step, first, 4)
            if on_device:
                numbers = dict(zip(numbers, torch.tensor([float(v) for v in numbers.values()]).unbind(), strict=True))
            draw = torch.Generator().manual_seed(first)
            parts = recipe.learn.take(model, optimisers, recipe.learn.kind(model, step), numbers, 4, draw)
        ends.append((parts, model.state_dict()))
    (parts, state), (others, same) = ends
    assert all(float(parts[k]) == pytest.approx(float(others[k]), rel=1e-3, abs=1e-5) for k in parts)
    assert all(torch.allclose(v, same[k], atol=1e-4) for k, v in state.items())
