"""`bench train generator:flow`: resumed after a kill to the same bits, seeds apart, twins, early divergence, report."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.errors import Diverged, NotFinite, UsageError
from bench.formats.images import decode
from bench.training import jobs, scene_flow
from bench.training.captioned import entries_of, first_row
from bench.training.drawn import figures
from bench.training.jobs import Asked
from bench.training.loop import CHECKPOINT, LOG, SAMPLES, Must, Training, train
from bench.training.recipes import How, trainable
from bench.training.rows import Rendered, floats
from bench.world.palette import COLOURS
from bench.world.parsing import parse
from bench.world.render import render

ROOT = Path(__file__).resolve().parents[2]
FLOW = "generator:flow"


def small(recipe, **more):
    """Few rows, no pictures, and held-out figures that cost nothing."""
    quick = {"rows": 4, "every": 2, "sheet": None, "evaluate": lambda training, images: {"colour": 0.0}}
    return dataclasses.replace(recipe, **{**quick, **more})


@pytest.fixture
def tiny(monkeypatch):
    """The flow's recipe with few rows and quick looks, for commands."""
    whole = scene_flow.trainable

    def made(name, how):
        one = whole(name, how)
        measure = lambda network, split, images: {"colour": 0.5}  # noqa: E731
        return dataclasses.replace(one, recipe=small(one.recipe), measure=measure)

    monkeypatch.setattr(scene_flow, "trainable", made)


def asked(out, **more):
    return Asked(**{"what": FLOW, "how": How(steps=2), "seeds": (0,), "minutes": None, "out": str(out), "resume": False,
                    "device": "cpu", "images": 100, **more})  # fmt: skip


def carry_out(one):
    told = []
    found = jobs.jobs(one)
    return jobs.carry_out(found, one, lambda *line: told.append(line)), told


# ---- data ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_a_function_of_its_row_and_captions_are_true():
    source = Rendered(32, False)
    one, again = (source.take(source.plan(first_row(0), 4), 8) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(vars(one).values(), vars(again).values(), strict=True))
    images = floats(one.images)
    assert images.shape == (8, 3, 32, 32) and -1 <= float(images.min()) < 0.9 < float(images.max()) <= 1
    entries = entries_of(range(first_row(0), first_row(0) + 8), 4)
    assert [len(e.scene.objects) == 1 for e in entries[:4]] == [True] * 4
    assert torch.equal(one.images[5], torch.from_numpy(render([entries[5].scene], [first_row(0) + 5], 32)[0]))


def test_seeds_share_no_rows_with_each_other_or_with_judges():
    assert first_row(0) >= 10**9 and all(
        first_row(1) - first_row(0) >= 2 * tier.steps * tier.rows for tier in scene_flow.TIERS.values()
    )


def test_figures_are_1_for_the_truth_and_fall_with_what_is_wrong():
    """The 'generator' parses its caption and draws it, right or with the colours turned round."""

    def draw(turn):
        def one(text, seed):
            told = parse(text)
            scene = next(e.scene for e in known if e.scene is not None and parse(said[e.id]) == told)
            things = tuple(dataclasses.replace(o, colour=turn[o.colour]) for o in scene.objects)
            return dataclasses.replace(scene, objects=things)

        return lambda texts, seeds: render([one(t, s) for t, s in zip(texts, seeds, strict=True)], list(seeds))

    from bench.training.drawn import prompts
    from bench.world.grammar import caption

    known = [e for some in prompts("val", 40) for e in some]
    said = {e.id: caption(e.scene, e.variant) for e in known}
    right = figures(draw({c: c for c in COLOURS}), 40)
    assert right == {"colour": 1, "shape": 1, "binding": 1, "relation": 1, "unreadable": 0}
    names = list(COLOURS)
    wrong = figures(draw(dict(zip(names, names[1:] + names[:1], strict=True))), 40)
    assert wrong["colour"] == 0 and wrong["binding"] == 0 and wrong["shape"] == 1


def test_blank_images_score_nothing():
    blank = figures(lambda texts, seeds: np.full((len(texts), 32, 32, 3), 230, np.uint8), 20)
    assert blank["colour"] == blank["shape"] == blank["binding"] == blank["relation"] == 0


# ---- training ------------------------------------------------------------------------------------------------------


def test_some_steps_make_the_loss_smaller_and_the_mean_follows(tmp_path):
    recipe = small(trainable(FLOW, How(steps=20)).recipe, every=10)
    training = train(recipe, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines[-1]["loss:velocity"] < 0.8 * lines[0]["loss:velocity"]
    gap = [(a - b).abs().max() for a, b in zip(training.mean.parameters(), training.model.parameters(), strict=True)]
    assert 0 < float(torch.stack(gap).detach().max()) < 1


KILLED = """
import dataclasses, sys, torch
from pathlib import Path
torch.set_num_threads(1)
from bench.training.loop import train
from bench.training.recipes import How, trainable
from bench.training.rows import Rendered, floats
recipe = dataclasses.replace(trainable("generator:flow", How(steps=10)).recipe, rows=4, every=3, sheet=None,
    evaluate=lambda training, images: {"colour": 0.5})
tell = lambda step, row: print(step, flush=True)
model = train(recipe, Path(sys.argv[1]), resume=True, tell=tell)
import hashlib
print(hashlib.sha256(b"".join(v.numpy().tobytes() for v in model.state_dict().values())).hexdigest())
"""


def test_a_killed_training_ends_with_the_same_bits(tmp_path):
    """A real SIGKILL between two checkpoints, in another process."""

    def start(folder):
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True,
                                env=variables)  # fmt: skip

    process = start(tmp_path / "cut")
    for line in process.stdout:
        if int(line) == 5:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert torch.load(tmp_path / "cut" / CHECKPOINT, weights_only=True)["step"] == 3
    ends = []
    for folder in ("cut", "whole"):
        lines = start(tmp_path / folder).communicate()[0].split()
        ends.append((lines[0], lines[-1]))
    assert ends[0][0] == "4" and ends[1][0] == "1"  # one goes on, the other begins
    assert ends[0][1] == ends[1][1]


def test_the_command_ships_weights_card_log_and_report(tmp_path, tiny):
    (weights,), told = carry_out(asked(tmp_path / "a"))
    card = json.loads(weights.with_suffix(".json").read_text())
    assert weights.name == "flow-32-attention.safetensors"
    assert card["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card["command"] == "bench train generator:flow --fusion attention --side 32 --seed 0 --steps 2"
    assert (card["generator"], card["fusion"], card["side"], card["blind"]) == ("flow", "attention", 32, False)
    assert weights.stat().st_size < 3_000_000
    assert [line[1] for line in told] == [1, 2] and told[-1][3]["step"] == 2
    page = weights.with_suffix(".md").read_text()
    assert card["sha256"] in page and card["command"] in page and "| colour | 0.5000 |" in page
    assert decode(weights.with_suffix(".png")).shape[1] > 500
    (again,), _ = carry_out(asked(tmp_path / "b"))
    assert again.read_bytes() == weights.read_bytes()


def test_seeds_one_after_another_each_in_its_folder(tmp_path, tiny):
    paths, _ = carry_out(asked(tmp_path, seeds=(0, 3)))
    assert [p.relative_to(tmp_path).as_posix() for p in paths] == [
        "flow-32-attention/flow-32-attention.safetensors",
        "flow-32-attention-seed-3/flow-32-attention-seed-3.safetensors",
    ]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    alone, _ = carry_out(asked(tmp_path / "alone", seeds=(3,)))
    assert alone[0].read_bytes() == paths[1].read_bytes()  # company changes nothing


def test_trainings_in_turns_end_as_they_do_alone(tmp_path):
    """What a GPU does with several seeds, on the CPU: a step of each in turn."""
    recipes = [small(trainable(FLOW, How(steps=3, seed=seed)).recipe) for seed in (0, 1)]
    both = [Training(r, tmp_path / f"both{n}") for n, r in enumerate(recipes)]
    steps = [iter(one) for one in both]
    for _ in range(3):
        for one in steps:
            next(one)
    assert all(next(one, None) is None for one in steps)
    for n, recipe in enumerate(recipes):
        alone = train(recipe, tmp_path / f"alone{n}").state_dict()
        assert all(torch.equal(v, alone[k]) for k, v in both[n].model.state_dict().items())


def test_one_that_fails_does_not_stop_the_others(tmp_path, tiny, monkeypatch):
    whole = scene_flow.losses

    def broken(training, kind, given):
        found = whole(training, kind, given)
        return {k: v * float("nan") for k, v in found.items()} if training is first[0] else found

    first = []
    made = scene_flow.FlowTraining.__init__
    monkeypatch.setattr(scene_flow.FlowTraining, "__init__", lambda self, *a: (made(self, *a), first.append(self))[0])
    monkeypatch.setattr(scene_flow, "losses", broken)
    with pytest.raises(NotFinite, match="flow-32-attention is not finite at step 1") as caught:
        carry_out(asked(tmp_path, seeds=(0, 1)))
    assert caught.value.exit_code == 5
    assert (tmp_path / "flow-32-attention-seed-1" / "flow-32-attention-seed-1.safetensors").is_file()


def test_the_twin_never_reads_a_caption_and_has_equal_parameters(tmp_path, monkeypatch):
    seen = []
    read = scene_flow.FlowModel.losses

    def watched(self, images, ids, *others):
        seen.append(ids)
        return read(self, images, ids, *others)

    monkeypatch.setattr(scene_flow.FlowModel, "losses", watched)
    blind = train(small(trainable(FLOW, How(steps=2, blind=True)).recipe), tmp_path / "blind")
    assert not any(int(ids.sum()) for ids in seen)
    other = train(small(trainable(FLOW, How(steps=2)).recipe), tmp_path / "other")
    assert all(int(ids.sum()) for ids in seen[2:])
    assert sum(p.numel() for p in blind.model.parameters()) == sum(p.numel() for p in other.model.parameters())
    texts = ["a red circle", "two blue stars"]
    a, b = (blind.draw([text], [4]) for text in texts)
    assert (a == b).all()


@pytest.mark.parametrize("fusion", sorted(registry.entries("fusion")))
def test_every_strategy_trains_at_equal_size(tmp_path, fusion):
    recipe = small(trainable(FLOW, How(steps=1, fusion=fusion)).recipe)
    training = train(recipe, tmp_path)
    assert recipe.name == f"flow-32-{fusion}"
    plain = trainable(FLOW, How(fusion="none")).recipe.build().model
    count, other = (sum(p.numel() for p in model.parameters()) for model in (training.model, plain))
    assert count == pytest.approx(other, rel=0.002)


def test_64_pixels_from_the_same_code(tmp_path):
    training = train(small(trainable(FLOW, How(steps=1, side=64)).recipe), tmp_path)
    assert training.draw(["a red circle"], [0]).shape == (1, 64, 64, 3)


# ---- early ends ----------------------------------------------------------------------------------------------------


def test_a_figure_at_chance_ends_the_training_and_keeps_its_checkpoint(tmp_path):
    recipe = small(trainable(FLOW, How(steps=6)).recipe, must=Must("colour", 0.25, 4))
    with pytest.raises(Diverged, match=r"learns nothing: held-out colour is 0\.000 after 4 steps") as caught:
        train(recipe, tmp_path)
    assert caught.value.exit_code == 5
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 4


def test_twins_need_not_learn_colour():
    assert all(trainable(FLOW, how).recipe.must is None for how in (How(blind=True), How(fusion="none")))
    assert trainable(FLOW, How()).recipe.must is not None


# ---- commands ------------------------------------------------------------------------------------------------------


def test_minutes_become_steps_and_stay_when_resumed(tmp_path, tiny):
    one = asked(tmp_path, how=How(), minutes=0.05)
    began = time.perf_counter()
    (job,) = jobs.jobs(one)
    assert 1 <= job.recipe.steps < 60
    train(job.recipe, job.folder, stop_at=2)
    (again,) = jobs.jobs(dataclasses.replace(one, resume=True, minutes=50))
    assert again.recipe.steps == job.recipe.steps and time.perf_counter() - began < 60


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"minutes": 1.0}, "--minutes or --steps"),
        ({"what": "generator:flwo"}, "Did you mean generator:flow"),
        ({"how": How(fusion="atention")}, "Did you mean attention"),
        ({"how": How(fusion="attention(head=2)")}, "no parameter 'head'"),
        ({"how": How(options={"penalty": "r1"})}, "no setting 'penalty'"),
    ],
)
def test_what_cannot_be_trained_is_said(tmp_path, more, told):
    with pytest.raises(UsageError, match=told):
        jobs.jobs(asked(tmp_path, **more))


def test_figures_and_a_picture_at_every_checkpoint(tmp_path):
    recipe = trainable(FLOW, How(steps=1)).recipe
    train(dataclasses.replace(recipe, rows=4, every=1, held_out=4), tmp_path)
    assert decode(tmp_path / SAMPLES / "000001.png").shape[0] > 700
    (line,) = (json.loads(line) for line in (tmp_path / LOG).read_text().splitlines())
    assert {"colour", "shape", "binding", "relation", "unreadable", "loss:velocity"} <= set(line)
