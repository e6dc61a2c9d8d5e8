"""Trainings that begin with trained weights (`bench train --from`)."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from bench.errors import DataError, StoreError, WeightsMissing
from bench.training import jobs
from bench.training.captioned import FIRST
from bench.training.gan_systems import SYSTEMS
from bench.training.jobs import Asked
from bench.training.recipes import How, trainable


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of two steps."""
    return carried_out(tmp_path_factory.mktemp("first"), How(steps=2))


def carried_out(out, how, **more):
    asked = Asked(what="generator:flow", how=how, seeds=(0,), minutes=None, out=str(out), resume=False, device="cpu",
                  images=100)  # fmt: skip
    asked = Asked(**{**vars(asked), **more})
    (path,) = jobs.carry_out(jobs.jobs(asked), asked, lambda *line: None)
    return path


def test_a_training_begins_with_weights_and_its_card_says_so(weights, tmp_path):
    how = How(steps=3, begin=str(weights))
    built = trainable("generator:flow", how).recipe.build()
    told = load_file(weights)
    for network in (built.model, built.mean):
        assert all(torch.equal(v.half(), told[k]) for k, v in network.state_dict().items())
    assert built.opening == 0  # single objects are known
    later, first = (json.loads(p.with_suffix(".json").read_text()) for p in (carried_out(tmp_path, how), weights))
    assert later["begun from"]["sha256"] == first["sha256"] == later["recipe"]["begun"]
    assert later["begun from"]["command"] == first["command"] and later["command"].endswith(f" --from {weights.name}")
    assert later["recipe"]["rate"] < first["recipe"]["rate"] and "begun" not in first["recipe"]


def test_other_systems_weights_and_what_is_missing_or_damaged_are_refused(weights, tmp_path):
    with pytest.raises(DataError, match=r"another system \(fusion attention where film"):
        trainable("generator:flow", How(fusion="film", begin=str(weights)))
    with pytest.raises(DataError, match="train_seed 0 where 1"):
        trainable("generator:flow", How(seed=1, begin=str(weights)))
    with pytest.raises(WeightsMissing, match="does not exist"):
        trainable("generator:flow", How(begin=str(tmp_path / "no.safetensors")))
    damaged = tmp_path / weights.name
    damaged.write_bytes(weights.read_bytes()[:-1] + b"x")
    damaged.with_suffix(".json").write_bytes(weights.with_suffix(".json").read_bytes())
    with pytest.raises(DataError, match="damaged"):
        trainable("generator:flow", How(begin=str(damaged)))


def test_a_training_does_not_go_on_as_one_that_began_otherwise(weights, tmp_path):
    carried_out(tmp_path, How(steps=2))
    with pytest.raises(StoreError):
        carried_out(tmp_path, How(steps=2, begin=str(weights)), resume=True)


@pytest.mark.parametrize("name", SYSTEMS)
def test_adversarial_systems_begin_with_both_players(name, tmp_path):
    what = f"generator:{name}"
    first = carried_out(tmp_path / "first", How(steps=1), what=what)
    how = How(steps=10, begin=str(first))
    one = trainable(what, how)
    players = one.recipe.build()
    told, own = load_file(first), one.shipped(players).state_dict()
    assert all(torch.equal(v.half(), told[k]) for k, v in own.items() if v.is_floating_point())
    assert torch.equal(*(p.text.embedding.weight for p in (players.painter, players.mean)))
    assert one.about["begun from"]["command"] in first.with_suffix(".json").read_text()
    assert players.kind(9).stage in ("", "game")
    if name == "titan":
        assert players.kind(0).stage == "game", "pixels are learned"
        assert players.plan(0, FIRST, 4)["kl"] == 1.0
    if name == "cman":
        read = players.matcher.text.state_dict()
        assert all(torch.equal(v, read[k]) for k, v in players.painter.text.state_dict().items())
        trained = {id(p) for o in one.recipe.optimisers(players) for g in o.param_groups for p in g["params"]}
        assert not {id(p) for p in players.matcher.text.parameters()} & trained, "it reads as the painter does"
        assert {id(p) for p in players.matcher.trunk.parameters()} <= trained
