"""`bench train generator:NAME` from the command line: what it says, where things lie, and its exit codes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bench.cli import main
from bench.training import scene_flow
from bench.training.loop import Must


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """The flow's recipe with few rows, no pictures and figures that cost nothing; in a folder of its own."""
    whole = scene_flow.trainable

    def made(name, how):
        one = whole(name, how)
        recipe = dataclasses.replace(
            one.recipe, rows=4, every=1, sheet=None, evaluate=lambda training, images: {"colour": 0.125}
        )
        return dataclasses.replace(one, recipe=recipe, measure=lambda network, split, images: {"colour": 0.125})

    monkeypatch.setattr(scene_flow, "trainable", made)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_a_training_says_where_things_are_and_its_system_runs(tmp_path, tiny, capsys):
    assert main(["train", "generator:flow", "--fusion", "film", "--seed", "0,2", "--steps", "1", "--install"]) == 0
    out, err = capsys.readouterr()
    kept = tmp_path / "home" / "weights" / "flow-32-film-seed-2.safetensors"
    assert f"weights: {kept} (found by name)" in out and "report:  trained/flow-32-film-seed-2/flow-32-film" in out
    assert "flow-32-film step 1/1: loss:velocity" in err and "flow-32-film-seed-2 step 1/1" in err
    card = json.loads(kept.with_suffix(".json").read_text())
    assert card["command"] == "bench train generator:flow --fusion film --side 32 --seed 2 --steps 1"
    systems = ["flow:steps=1+film", "flow:steps=1,train_seed=2+film"]
    assert main(["run", *systems, "--dataset", "scenes(size=20)", "--metric", "attribute-binding", "-q"]) == 0
    records = [json.loads(p.read_text()) for p in sorted((tmp_path / "runs").glob("*/*/run.json"))]
    assert {r["spec"]["system"] for r in records} == {"flow(steps=1)+film"}
    assert sorted(r["spec"]["factors"]["train_seed"] for r in records) == ["0", "2"]
    assert main(["train", "generator:flow", "--fusion", "film", "--seed", "0", "--steps", "1"]) == 2
    assert "--resume goes on with it" in capsys.readouterr().err


def test_a_strategy_without_weights_names_the_command(tiny, capsys):
    assert main(["run", "flow+gated", "--dataset", "scenes(size=20)", "-q"]) == 2
    assert "bench train generator:flow --fusion 'gated' --side 32 --seed 0 --install" in capsys.readouterr().err


def test_a_training_that_learns_nothing_ends_with_5(tiny, monkeypatch, capsys):
    whole = scene_flow.trainable

    def doomed(name, how):
        one = whole(name, how)
        return dataclasses.replace(one, recipe=dataclasses.replace(one.recipe, must=Must("colour", 0.25, 1)))

    monkeypatch.setattr(scene_flow, "trainable", doomed)
    assert main(["train", "generator:flow", "--steps", "2", "-q"]) == 5
    err = capsys.readouterr().err
    assert "learns nothing: held-out colour is 0.125 after 1 steps" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["generator:flow", "--seed", "1,x"], "--seed takes different whole numbers"),
        (["generator:flow", "--seed", "2,02"], "--seed takes different whole numbers"),
        (["generator:flow", "--seed", "-1"], "--seed takes different whole numbers"),
        (["generator:flow", "--seed", "99999999999999999999"], "--seed takes different whole numbers below a million"),
        (["generator:flow", "--option", "penalty"], "--option takes KEY=VALUE; got 'penalty'"),
        (["generator:flow", "--option", "penalty=r1"], "has no setting 'penalty'"),
        (["generator:flow", "--fusion", "atention"], "Did you mean attention"),
        (["generator:flow", "--steps", "3", "--minutes", "2"], "--minutes or --steps"),
        (["generator:flow", "--device", "nowhere"], "There is no device 'nowhere'"),
        (["generator:oracle"], "Nothing that can be trained is called 'generator:oracle'"),
        (["extractor:scene-clip", "--fusion", "film"], "are for generators"),
        (["extractor:scene-clip", "--from", "x.safetensors"], "are for generators"),
        (["generator:flow", "--side", "48"], "48"),
    ],
)
def test_what_a_command_gets_wrong_is_said(tiny, capsys, options, told):
    assert main(["train", *options]) == 2
    err = capsys.readouterr().err
    assert told in err and "Traceback" not in err
