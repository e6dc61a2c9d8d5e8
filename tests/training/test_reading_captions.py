"""Reading as a task of its own beside the flow's loss."""

from __future__ import annotations

import pytest
import torch

from bench.generators.reference.text import TextEncoder
from bench.training import scene_flow
from bench.training.captioned import FIRST
from bench.training.reading import CAPTIONS, KIND, Reading, captions
from bench.training.recipes import How, trainable
from bench.world.palette import COLOURS, DIRECTION
from bench.world.sampling import sample_scene

NAMES = list(COLOURS)


def test_captions_of_a_step_are_those_of_its_number_and_no_caption_is_left_out():
    read = Reading(steps=4)
    read.ready("cpu")
    assert read.bank == 4 * CAPTIONS
    given = [read.feed(read.plan(step)) for step in range(4)]
    assert torch.equal(given[1]["captions"], read.feed(read.plan(1))["captions"])
    seen = torch.cat([one["captions"] for one in given])
    assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, captions(read.bank, "cpu").ids.tolist()))


def test_places_stand_as_the_caption_says():
    table, told = captions(64, "cpu"), 0
    for row in range(64):
        scene = sample_scene(FIRST + row, split="train", kind=KIND)
        first, word, second = scene.relations[0]
        a, b = scene.objects[first], scene.objects[second]
        if a.colour == b.colour:
            assert table.places[row, NAMES.index(a.colour)].isnan().all()
            continue
        axis, sign = DIRECTION[word]
        apart = table.places[row, NAMES.index(a.colour)] - table.places[row, NAMES.index(b.colour)]
        assert sign * apart[axis] > 0
        told += 1
    assert told > 40


def test_what_is_nowhere_or_twice_costs_nothing_and_what_is_elsewhere_does():
    torch.manual_seed(0)
    read, encoder = Reading(steps=1), TextEncoder()
    read.ready("cpu")
    given = read.feed(read.plan(0))
    context = encoder(given["captions"])
    loss = read(context, given["places"])
    assert 0.3 < loss.item() < 3
    there = given["places"].isnan().logical_not()
    nothing = torch.where(there, given["places"], torch.full_like(given["places"], 1e6))
    assert read(context, nothing).item() > 1e6  # unknown places are left out by being NaN alone
    mirrored = given["places"] * torch.tensor([-1.0, 1, 1, 1])
    assert read(context, mirrored).item() != pytest.approx(loss.item())
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.layers.parameters())


def training(how: How):
    built = trainable("generator:flow", how).recipe.build()
    built.ready("cpu")
    return built


def parts_at(built, step):
    numbers, draw = scene_flow.plan(built, step, FIRST, 4), torch.Generator().manual_seed(0)
    return scene_flow.losses(built, scene_flow.kind_of(built, step), scene_flow.feed(built, numbers, 4, draw))


def test_reading_begins_when_several_objects_come_in():
    built = training(How(steps=10))
    assert "reading" not in parts_at(built, 2) and "reading" in parts_at(built, 3)
    ones = [scene_flow.plan(built, step, FIRST, 10)["ones"] for step in (2, 3)]
    assert ones == [9, 2]
    assert scene_flow.plan(training(How(steps=10, tier="quick")), 3, FIRST, 10)["ones"] == 4


@pytest.mark.parametrize("how", [How(steps=10, tier="quick"), How(steps=10, blind=True), How(steps=10, fusion="none")])
def test_who_has_no_time_or_no_text_does_not_read(how):
    assert set(parts_at(training(how), 9)) == {"velocity", "fusion"}


def test_the_readout_is_trained_and_not_shipped():
    built = training(How(steps=10))
    trained = {id(p) for o in scene_flow.optimisers(built) for g in o.param_groups for p in g["params"]}
    assert {id(p) for p in built.reading.parameters()} <= trained
    assert not [name for name in built.mean.state_dict() if "reading" in name]
