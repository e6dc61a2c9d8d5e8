"""`bench train`: from the command to weights that an extractor reads, resumed, and refused where it must be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from itertools import pairwise

import pytest
import torch

from bench.cli import main
from bench.errors import UsageError
from bench.extractors.scene_judges import SHIPPED, SceneClassifierJudge
from bench.extractors.scene_nets import SceneClassifier, pixels
from bench.training import scene_classes
from bench.training.loop import described
from bench.training.recipes import TRAINABLE, How, trainable
from bench.world.render import render
from bench.world.split import scene_at

CLASSIFIER = "extractor:scene-classifier"


@pytest.fixture
def small(monkeypatch):
    """The classifier's recipe with few rows, and checkpoints every two steps."""
    one = TRAINABLE[CLASSIFIER]
    recipe = dataclasses.replace(one.recipe, rows=8, every=2, held_out=20)
    monkeypatch.setitem(TRAINABLE, CLASSIFIER, dataclasses.replace(one, recipe=recipe))


def command(out, *options):
    return main(["train", CLASSIFIER, "--out", str(out), "--images", "100", "-q", *options])


def test_a_training_ends_with_weights_card_and_log(tmp_path, small, capsys):
    assert command(tmp_path, "--steps", "4") == 0
    path = tmp_path / "scene-classifier.safetensors"
    assert str(path) in capsys.readouterr().out
    card = json.loads((tmp_path / "scene-classifier.json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() and card["bytes"] == path.stat().st_size
    assert card["command"] == "bench train extractor:scene-classifier --steps 4"
    assert 0 <= card["figures"]["accuracy"] <= 1 and card["recipe"]["steps"] == 4
    assert len((tmp_path / "scene-classifier.jsonl").read_text().splitlines()) == 2
    judge = SceneClassifierJudge(weights=str(path))
    judge.load()
    assert judge.identity()["weights"] == f"sha256:{card['sha256']}"


def test_the_same_command_gives_the_same_bytes_also_when_resumed(tmp_path, small):
    assert command(tmp_path / "a", "--steps", "4") == 0
    assert command(tmp_path / "b", "--steps", "4", "--resume") == 0  # nothing there yet: begins
    a, b = ((tmp_path / n / "scene-classifier.safetensors").read_bytes() for n in "ab")
    assert a == b
    (tmp_path / "b" / "scene-classifier.safetensors").unlink()
    assert command(tmp_path / "b", "--steps", "4", "--resume") == 0  # all done: writes them again
    assert (tmp_path / "b" / "scene-classifier.safetensors").read_bytes() == a
    assert command(tmp_path / "c", "--steps", "4", "--seed", "9") == 0
    assert (tmp_path / "c" / "scene-classifier.safetensors").read_bytes() != a


def test_what_cannot_be_trained_is_said(tmp_path, small, capsys):
    assert main(["train", "extractor:scene-clp"]) == 2
    assert "Did you mean extractor:scene-clip" in capsys.readouterr().err
    assert command(tmp_path, "--device", "nowhere") == 2
    assert "There is no device 'nowhere'" in capsys.readouterr().err
    assert command(tmp_path, "--steps", "2") == 0
    assert command(tmp_path, "--steps", "2") == 2
    assert "--resume" in capsys.readouterr().err


def test_data_of_different_seeds_and_judges_never_overlap():
    ranges = []
    for name in TRAINABLE:
        for recipe in (trainable(name, How(seed=seed)).recipe for seed in (None, 1, 2)):
            if "classifier" in recipe.name and recipe.seed in (1, 2):
                continue  # one-object scenes are another family than pairs
            ranges.append((recipe.first, recipe.first + recipe.steps * recipe.rows, recipe.name))
    default = sorted(r for r in ranges if r[0] < 10_000_000)
    assert all(a[1] <= b[0] for a, b in pairwise(default))
    assert all(first > 20_000 for first, _, _ in ranges)


def test_fewer_steps_warm_up_for_a_tenth():
    recipe = trainable(CLASSIFIER, How(steps=50)).recipe
    assert (recipe.steps, recipe.warm) == (50, 5)
    with pytest.raises(UsageError):
        trainable("scene-clip")


def test_calibrated_features_have_variance_1_and_the_same_logits():
    torch.manual_seed(0)
    model = SceneClassifier().eval()
    found = scene_classes.calibrated(model)
    images = torch.randn(8, 3, 64, 64)
    before, after = model(images), found(images)
    assert torch.allclose(before["logits"], after["logits"], atol=1e-4)
    ratio = after["features"] / before["features"]
    assert float(ratio.detach().std()) < 1e-3 * float(ratio.detach().mean())
    scenes = render([scene_at("train", i).scene for i in range(500)], list(range(500)))
    features = found(torch.from_numpy(pixels(scenes)).permute(0, 3, 1, 2))["features"]
    assert float(features.var(0).mean()) == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("name", TRAINABLE)
def test_what_is_shipped_is_what_its_card_says(name):
    recipe = trainable(name).recipe
    weights, card = SHIPPED / f"{recipe.name}.safetensors", json.loads((SHIPPED / f"{recipe.name}.json").read_text())
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == card["sha256"]
    assert weights.stat().st_size == card["bytes"] <= 5_000_000
    assert card["recipe"] == json.loads(described(recipe)), "the recipe has changed since these were trained"
    log = [json.loads(line) for line in (SHIPPED / f"{recipe.name}.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == recipe.steps


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_step_of_each_recipe_makes_its_own_batch_easier(name):
    recipe = trainable(name).recipe
    torch.manual_seed(0)
    model = recipe.build()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    values = []
    for _ in range(6):
        parts = recipe.learn(model, [optimiser], recipe.steps, recipe.first, 4)
        values.append(sum(float(value.detach()) for value in parts.values()))
    assert values[-1] < values[0]
