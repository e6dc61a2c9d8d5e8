"""The loop: a training that was interrupted ends with the very bits of one that was not."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from torch import nn

from bench.errors import Diverged, NotFinite, StoreError, UsageError
from bench.store import lock
from bench.training.journal import Journal
from bench.training.loop import CHECKPOINT, LOG, Must, Recipe, Split, down, rate, train


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def square(model, x):
    return (model(x) - x[:, :1] * x[:, 1:2]).square().mean()


def losses(model, step, first, rows):
    g = torch.Generator().manual_seed(first)
    return {"square": square(model, torch.randn(rows, 4, generator=g))}


def evaluate(model, images):
    model.eval()
    with torch.inference_mode():
        return {"square": float(losses(model, 0, 10**9, images)["square"])}


TOY = Recipe("toy", build, down(losses), evaluate, steps=60, rows=32, first=1000, seed=5, rate=1e-2, warm=10, every=20)


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def test_an_interrupted_training_ends_with_the_same_bits(tmp_path):
    whole = weights(train(TOY, tmp_path / "whole"))
    train(TOY, tmp_path / "cut", stop_at=47)  # the last seven steps are lost with the process
    cut = weights(train(TOY, tmp_path / "cut", resume=True))
    assert all(torch.equal(whole[k], cut[k]) for k in whole)
    rows = [[json.loads(x) for x in (tmp_path / n / LOG).read_text().splitlines()] for n in ("whole", "cut")]
    for one in (*rows[0], *rows[1]):
        del one["seconds"]
    assert rows[0] == rows[1] and [r["step"] for r in rows[0]] == [20, 40, 60]


def test_another_seed_gives_other_weights_and_the_global_generator_is_left_alone(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one = weights(train(TOY, tmp_path / "a", stop_at=1))
    assert torch.equal(torch.rand(1), expected)
    other = weights(train(dataclasses.replace(TOY, seed=6), tmp_path / "b", stop_at=1))
    assert not torch.equal(one["0.weight"], other["0.weight"])


def test_it_learns(tmp_path):
    before = evaluate(build(), 500)["square"]
    assert evaluate(train(dataclasses.replace(TOY, steps=400), tmp_path), 500)["square"] < before / 2


def test_the_log_says_mean_losses_and_held_out_figures(tmp_path):
    told = []
    train(TOY, tmp_path, tell=lambda step, row: told.append((step, dict(row))))
    assert [step for step, _ in told] == list(range(1, 61))
    assert [step for step, row in told if row] == [20, 40, 60]
    last = told[-1][1]
    assert last["rate"] == rate(TOY, 59) and last["square"] > 0 and last["loss:square"] > 0


def test_warm_up_and_cosine():
    rates = [rate(TOY, s) for s in range(TOY.steps + 1)]
    assert rates[0] == pytest.approx(1e-3) and rates[9] == pytest.approx(1e-2) and rates[10] == pytest.approx(1e-2)
    assert rates[35] == pytest.approx(5e-3) and rates[60] == pytest.approx(0) and rates[10:] == sorted(rates[10:])[::-1]


def test_a_training_is_not_overwritten_and_not_mixed(tmp_path):
    train(TOY, tmp_path, stop_at=20)
    with pytest.raises(UsageError, match="--resume"):
        train(TOY, tmp_path)
    with pytest.raises(StoreError, match="another recipe"):
        train(dataclasses.replace(TOY, rate=2e-2), tmp_path, resume=True)
    train(dataclasses.replace(TOY, every=30), tmp_path, resume=True)  # when to look is not part of it


def test_a_damaged_checkpoint_is_said(tmp_path):
    train(TOY, tmp_path, stop_at=20)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="delete it to begin anew"):
        train(TOY, tmp_path, resume=True)


def test_a_second_process_on_the_same_folder_is_refused(tmp_path):
    tmp_path.joinpath("x").mkdir()
    with lock(tmp_path / "x", "training"), pytest.raises(StoreError):
        train(TOY, tmp_path / "x")


def test_a_loss_that_leaves_the_numbers_ends_the_training_and_keeps_the_checkpoint(tmp_path):
    def broken(model, step, first, rows):
        found = losses(model, step, first, rows)
        return {"square": found["square"] * (math.nan if step >= 30 else 1)}

    with pytest.raises(NotFinite, match="step 31"):
        train(dataclasses.replace(TOY, learn=down(broken)), tmp_path)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 20


def test_the_step_is_named_also_where_losses_are_read_later(tmp_path):
    """An accelerator's are read every 20 steps."""
    journal = Journal(tmp_path / LOG, 0)
    for value in (1.0, math.inf, 1.0):
        journal.step({"square": torch.tensor(value)})
    with pytest.raises(NotFinite, match=r"'square' of toy is not finite at step 39"):
        journal.check("toy", 40)


def test_a_loss_that_explodes_is_told_early_and_may_be_left_unwatched(tmp_path):
    def grown(model, step, first, rows):
        return {"square": losses(model, step, first, rows)["square"] + (0 if step < 60 else 9)}

    recipe = dataclasses.replace(TOY, learn=down(grown), steps=200)
    with pytest.raises(Diverged, match=r"'square' of toy has grown from 1 to .* at step 100; lower the rate") as caught:
        train(recipe, tmp_path / "a")
    assert caught.value.exit_code == 5
    train(dataclasses.replace(recipe, exploded=None), tmp_path / "b")


def test_a_figure_that_must_rise_ends_the_training_and_keeps_its_checkpoint(tmp_path):
    recipe = dataclasses.replace(TOY, must=Must("square", 1e9, 40))
    with pytest.raises(Diverged, match=r"learns nothing: held-out square is .* after 40 steps"):
        train(recipe, tmp_path)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 40
    train(dataclasses.replace(TOY, must=Must("square", 0.0, 20)), tmp_path / "fine")


def two(model):
    return [torch.optim.Adam(model[0].parameters(), lr=2e-2), torch.optim.Adam(model[3].parameters(), lr=5e-3)]


def play(model, optimisers, step, first, rows):
    """Two players on one loss: each takes its own step."""
    total = losses(model, step, first, rows)["square"]
    for optimiser in optimisers:
        optimiser.zero_grad()
    total.backward()
    for optimiser in optimisers:
        optimiser.step()
    return {"square": total, "rate": torch.tensor(optimisers[1].param_groups[0]["lr"])}


def test_several_players_resume_to_the_same_bits_and_share_the_cosine(tmp_path):
    recipe = dataclasses.replace(TOY, optimisers=two, learn=play, last=0.1)
    told = []
    whole = weights(train(recipe, tmp_path / "whole", tell=lambda step, row: told.append(row)))
    train(recipe, tmp_path / "cut", stop_at=33)
    cut = weights(train(recipe, tmp_path / "cut", resume=True))
    assert all(torch.equal(whole[k], cut[k]) for k in whole)
    assert rate(recipe, 60) == pytest.approx(1e-3)
    means = [sum(rate(recipe, s) for s in range(a, a + 20)) / 20 / 2 for a in (0, 20, 40)]
    assert [row["loss:rate"] for row in told if row] == pytest.approx(means)


def test_a_step_in_parts_is_the_step_and_is_followed(tmp_path):
    followed = []
    split = Split(
        plan=lambda model, step, first, rows: {"row": first, "step": step},
        feed=lambda model, numbers, rows, draw: {"x": torch.randn(rows, 4, generator=draw)},
        act=lambda model, optimisers, kind, given: down(lambda model, *_: {"square": square(model, given["x"])})(
            model, optimisers, 0, 0, 0
        ),
        follow=lambda model, numbers: followed.append((numbers["row"], numbers["step"])),
    )
    parts = weights(train(dataclasses.replace(TOY, learn=split), tmp_path / "parts", stop_at=3))
    whole = weights(train(TOY, tmp_path / "whole", stop_at=3))
    assert all(torch.equal(whole[k], parts[k]) for k in whole)
    assert followed == [(1000, 0), (1032, 1), (1064, 2)]


def test_what_needs_no_gradient_is_left_alone(tmp_path):
    def half():
        model = build()
        model[0].requires_grad_(False)
        return model

    torch.manual_seed(TOY.seed)
    first = weights(half())
    last = weights(train(dataclasses.replace(TOY, build=half), tmp_path, stop_at=5))
    assert torch.equal(first["0.weight"], last["0.weight"]) and not torch.equal(first["3.weight"], last["3.weight"])


def test_a_checkpoint_of_an_older_layout_is_refused(tmp_path):
    train(TOY, tmp_path, stop_at=20)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    state["optimiser"] = state.pop("optimisers")[0]
    torch.save(state, tmp_path / CHECKPOINT)
    with pytest.raises(StoreError, match="another recipe"):
        train(TOY, tmp_path, resume=True)
