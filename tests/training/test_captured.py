"""Steps that a GPU records end where those end that are taken one kernel at a time."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from bench.training import jobs, scene_flow, scene_gans
from bench.training.loop import LOG, Training, train
from bench.training.recipes import How, Tier, trainable

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for family in (scene_flow, scene_gans):
        monkeypatch.setitem(family.TIERS, "full", Tier(10, 8, 64))


def recipe_of(name, **options):
    how = How(tier="full", options={k: str(v) for k, v in options.items()})
    recipe = trainable(f"generator:{name}", how).recipe
    return dataclasses.replace(recipe, every=10, sheet=None, must=None, evaluate=lambda *_: {"colour": 0.5})


@pytest.mark.parametrize(
    ("name", "options"),
    [("flow", {}), ("cgan", {"lazy": 2, "pool": 0.5, "history": 0.001, "spectral": True, "seeking": 0.1}),
     ("cgan", {"matching": 2.0, "between": 0.5}),
     *((name, {"lazy": 2}) for name in ("iten", "cman", "wirn", "titan"))],
)  # fmt: skip
def test_recorded_steps_end_as_others_do(name, options, tmp_path):
    recipe = recipe_of(name, **options)
    weights, told = {}, {}
    for way in ("recorded", "taken"):
        learn = dataclasses.replace(recipe.learn, recorded=way == "recorded")
        training = Training(dataclasses.replace(recipe, learn=learn), tmp_path / way, device="cuda")
        for _ in training:
            pass
        assert (training.captured is not None) == (way == "recorded")
        weights[way] = dict(training.model.named_parameters())
        told[way] = json.loads((tmp_path / way / LOG).read_text())
    assert told["recorded"].keys() == told["taken"].keys()
    for part, value in told["recorded"].items():
        if part != "seconds":
            assert value == pytest.approx(told["taken"][part], rel=0.05, abs=0.02), part
    worst = max(float((v - weights["taken"][k]).detach().abs().max()) for k, v in weights["recorded"].items())
    assert worst < 0.05, worst


def test_a_recorded_training_goes_on_where_it_was_cut(tmp_path):
    recipe = dataclasses.replace(recipe_of("flow"), every=5)
    whole = train(recipe, tmp_path / "whole", device="cuda").state_dict()
    train(recipe, tmp_path / "cut", device="cuda", stop_at=7)
    cut = train(recipe, tmp_path / "cut", device="cuda", resume=True).state_dict()
    assert max(float((whole[k] - cut[k]).abs().max()) for k in whole) < 0.02
    train(recipe, tmp_path / "moved", device="cuda", stop_at=5)
    train(recipe, tmp_path / "moved", device="cpu", resume=True)  # a checkpoint is of no device


def test_several_side_by_side(tmp_path):
    trainings = [Training(recipe_of(name), tmp_path / name, device="cuda") for name in ("flow", "iten")]
    assert jobs.together(trainings, "cuda") == {}
    assert all(torch.isfinite(p).all() for one in trainings for p in one.model.parameters())
