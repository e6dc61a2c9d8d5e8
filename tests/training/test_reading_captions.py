"""Reading as a task of its own beside the flow's loss."""

from __future__ import annotations

import pytest
import torch

from bench.generators.reference.flow_model import NOISY
from bench.generators.reference.text import TextEncoder
from bench.training import scene_flow
from bench.training.captioned import FIRST
from bench.training.reading import CAPTIONS, KIND, Reading, captions
from bench.training.recipes import How, trainable
from bench.world.palette import COLOURS, DIRECTION
from bench.world.sampling import sample_scene
from bench.world.tokens import PAD

NAMES = list(COLOURS)


def test_captions_of_a_step_are_those_of_its_number_and_no_caption_is_left_out():
    read = Reading(steps=4)
    read.ready("cpu")
    assert read.bank == 4 * CAPTIONS
    given = [read.feed(read.plan(step)) for step in range(4)]
    assert torch.equal(given[1]["captions"], read.feed(read.plan(1))["captions"])
    table = captions(read.bank, "cpu")
    for ids, places in zip(given[1]["captions"], given[1]["places"], strict=True):
        own = [k for k in range(read.bank) if torch.equal(table.ids[k].long(), ids)]
        assert any(torch.equal(table.places[k].nan_to_num(9), places.nan_to_num(9)) for k in own)
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
    short = given["captions"][:, : int((given["captions"] != PAD).sum(1).max())]
    assert short.shape[1] < 32 and read(encoder(short), given["places"]).item() == pytest.approx(loss.item(), rel=1e-5)
    mirrored = given["places"] * torch.tensor([-1.0, 1, 1, 1])
    assert read(context, mirrored).item() != pytest.approx(loss.item())
    loss.backward()
    known = given["places"][~given["places"].isnan()]
    with torch.no_grad():  # the readout says 1 of everything
        read.out.weight.zero_()
        read.out.bias.fill_(1.0)
        assert read(context, given["places"]).item() == pytest.approx((1 - known).square().mean().item())
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
    assert "reading" not in parts_at(built, 2)
    given = built.reading.feed(built.reading.plan(3))
    read = built.reading(built.model.text(given["captions"]), given["places"])
    assert parts_at(built, 3)["reading"].item() == pytest.approx(scene_flow.READING * read.item())
    ones = [scene_flow.plan(built, step, FIRST, 10)["ones"] for step in (2, 3)]
    assert ones == [9, 2]
    assert scene_flow.plan(training(How(steps=10, tier="quick")), 3, FIRST, 10)["ones"] == 4


def test_noise_is_heavier_between_the_opening_and_the_last_third():
    built, quick = training(How(steps=20)), training(How(steps=20, tier="quick"))
    means = [scene_flow.plan(built, step, FIRST, 4)["noisy"] for step in (5, 6, 12, 13)]
    assert means == [NOISY, scene_flow.NOISIER, scene_flow.NOISIER, NOISY] and scene_flow.NOISIER > NOISY
    assert {scene_flow.plan(quick, step, FIRST, 4)["noisy"] for step in range(20)} == {NOISY}
    seen = [
        scene_flow.feed(built, {**scene_flow.plan(built, 8, FIRST, 64), "noisy": mean}, 64,
                        torch.Generator().manual_seed(0))["t"].mean() for mean in (NOISY, scene_flow.NOISIER)
    ]  # fmt: skip
    assert seen[0] < seen[1], "a time of 1 is noise"


def test_places_are_learned_from_words():
    """The same 64 captions again and again: what is read must come to depend on them."""
    torch.manual_seed(0)
    read, encoder = Reading(steps=1), TextEncoder()
    read.ready("cpu")
    given = read.feed(read.plan(0))
    optimiser = torch.optim.Adam([*read.parameters(), *encoder.parameters()], lr=3e-3)
    losses = []
    for _ in range(120):
        loss = read(encoder(given["captions"]), given["places"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    with torch.no_grad():
        mixed = read(encoder(given["captions"].roll(1, 0)), given["places"]).item()
    assert mixed > 3 * losses[-1], "other captions say other places"


@pytest.mark.parametrize("how", [How(steps=10, tier="quick"), How(steps=10, blind=True), How(steps=10, fusion="none")])
def test_who_has_no_time_or_no_text_does_not_read(how):
    assert set(parts_at(training(how), 9)) == {"velocity", "fusion"}


def test_the_readout_is_trained_and_not_shipped():
    built = training(How(steps=10))
    trained = {id(p) for o in scene_flow.optimisers(built) for g in o.param_groups for p in g["params"]}
    assert {id(p) for p in built.reading.parameters()} <= trained
    assert not [name for name in built.mean.state_dict() if "reading" in name]
