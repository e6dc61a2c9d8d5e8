"""Two players: the same bits after a kill, what each mitigation changes, the monitors, the commands' settings."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from bench import registry
from bench.errors import UsageError
from bench.generators.reference.gan_nets import LATENT
from bench.training import gan_monitors, scene_gans
from bench.training import players as playing
from bench.training.gan_systems import SYSTEMS
from bench.training.loop import train
from bench.training.players import POOL, Kind, Play, play_of
from bench.training.recipes import How, Tier, trainable
from bench.training.report import curves
from bench.world.description import Described, Understanding, meaning
from bench.world.grammar import layout
from bench.world.parsing import parse as read
from bench.world.render import render
from bench.world.tokens import PAD, WORDS


def players(name="cgan", steps=20, blind=False, seed=0, **settings):
    torch.manual_seed(seed)
    play = dataclasses.replace(scene_gans.PLAY[name], **settings)
    return SYSTEMS[name](registry.create("generator", name, {}).build(), play, Tier(steps, 4), blind)


def moved(made, steps, rows=4, first=1_000_000_000):
    optimisers, take = made.optimisers(1e-3), scene_gans.step_of(made.tier)
    told = []
    for step in range(steps):
        parts = take(made, optimisers, step, first + step * rows, rows)
        told.append({k: float(v.detach()) for k, v in parts.items()})
    return told


def batch_of(made, step, rows):
    return made.batch(made.plan(step, 1_000_000_000, rows), rows)


def recipe_of(name, steps=6, **options):
    how = How(steps=steps, options={k: str(v) for k, v in options.items()})
    recipe = trainable(f"generator:{name}", how).recipe
    return dataclasses.replace(recipe, rows=4, every=2, held_out=8, sheet=None)


@pytest.fixture(autouse=True)
def few_modes(monkeypatch):
    monkeypatch.setattr(gan_monitors.figures, "__defaults__", (42,))


# ---- a step ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_moves_both_players_and_stays_finite(name):
    made = players(name, steps=4)
    before = {k: v.clone() for k, v in made.state_dict().items()}
    told = moved(made, 4)
    assert all(np.isfinite(v) for row in told for v in row.values())
    after = made.state_dict()
    changed = {k.split(".")[0] for k in after if not torch.equal(before[k], after[k])}
    assert {"painter", "critic", "mean"} <= changed


@pytest.mark.parametrize("name", ["cgan", "cman"])
def test_a_killed_training_ends_with_the_same_bits(name, tmp_path, monkeypatch):
    monkeypatch.setattr(SYSTEMS["cman"], "opening", 0.5)
    options = {"pool": 0.5, "history": 0.001, "spectral": True, "lazy": 2} if name == "cgan" else {}
    recipe = recipe_of(name, **options)
    whole = train(recipe, tmp_path / "whole").state_dict()
    train(recipe, tmp_path / "cut", stop_at=5)  # the fifth step is lost with the process
    cut = train(recipe, tmp_path / "cut", resume=True).state_dict()
    assert all(torch.equal(whole[k], cut[k]) for k in whole)
    rows = [[json.loads(x) for x in (tmp_path / n / "log.jsonl").read_text().splitlines()] for n in ("whole", "cut")]
    for row in (*rows[0], *rows[1]):
        del row["seconds"]
    assert rows[0] == rows[1] and {"modes", "kl", "apart", "pull", "colour"} <= set(rows[0][-1])


def test_the_text_blind_twin_never_sees_a_word():
    made = players(blind=True)
    assert int(batch_of(made, 0, 4).ids.abs().sum()) == PAD
    told = moved(made, 2)
    assert all(np.isfinite(v) for row in told for v in row.values())
    count = [sum(p.numel() for p in players(blind=b).parameters()) for b in (False, True)]
    assert count[0] == count[1]


def test_a_blind_critic_plays_the_game_without_texts():
    """As much is learned from painted images as from real ones: at first, within the margins, they cancel in a bias."""
    made = players(blind=True, loss="hinge", r1=0.0, attributes=0.0)
    batch = batch_of(made, 0, 4)
    images = made.painter(torch.randn(4, LATENT), batch.ids).images.detach()
    parts = made.critic_parts(batch, images, Kind(), {})
    (pulled,) = torch.autograd.grad(parts["game"], made.critic.out.bias)
    assert float(pulled) == pytest.approx(0, abs=1e-6)


def test_single_objects_come_first():
    made = players(steps=10, grow=0.5)
    early, late = batch_of(made, 0, 16), batch_of(made, 9, 16)
    assert (early.shown.sum(1) == 2).all() and (late.shown.sum(1) > 2).any()


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_false_captions_are_false_and_half_of_them_one_edit_away():
    batch = batch_of(players(), 0, 40)
    told = [[meaning(read(_text(row))) for row in ids] for ids in (batch.ids, batch.wrong, batch.swapped)]
    assert all(a != b and a != c for a, b, c in zip(*told, strict=True))
    same = (batch.wrong == batch.swapped).all(1)
    assert same[1::2].all() and not same[::2].all()
    assert batch.alike.diagonal().all() and (batch.alike == batch.alike.T).all()


def _text(ids):
    return " ".join(WORDS[i - 2] for i in ids.tolist() if 2 <= i < len(WORDS) + 2).replace(" ,", ",")


# ---- mitigations -----------------------------------------------------------------------------------------------------


def test_half_of_what_the_critic_sees_comes_from_a_full_pool():
    made = players(pool=0.5)
    b = 64
    draw = lambda: torch.Generator().manual_seed(0)  # noqa: E731
    shown, told = [], []
    for step in range(2 * POOL // b):  # each step's images and texts say which step's they are
        given = made._places(step * b, b, draw())
        seen, ids = made._from_pool(torch.full((b, 3, 32, 32), float(step)), torch.full((b, 5), step), given)
        assert torch.equal(seen[:, 0, 0, 0], ids[:, 0].float()), "images keep their texts"
        shown.append(float((ids[:, 0] != step).float().mean()))
        told.append(ids[:, 0].unique().tolist())
    full = POOL // b
    assert shown[:full] == [0.0] * full, "an empty pool is filled first"
    assert all(0.25 < share < 0.75 for share in shown[full:]), "then half are past ones"
    assert max(len(steps) for steps in told[full:]) > 2, "of several steps"
    late = [int(value) for value in made.pool_images[:, 0, 0, 0]]
    assert max(late) >= full and min(late) < full, "the new take the places of the old that were shown"
    none = players(pool=0.0)
    assert not hasattr(none, "pool_images")


def test_the_running_mean_draws_and_lags():
    made = players(mean=0.9)
    start = [p.clone() for p in made.painter.parameters()]
    moved(made, 3)
    for p, m, s in zip(made.painter.parameters(), made.mean.parameters(), start, strict=True):
        if not torch.equal(p, s):
            assert float((m - s).norm()) < float((p - s).norm())


def test_the_past_is_the_mean_of_all_weights():
    made = players(history=0.01)
    weights = [next(made.critic.parameters()).detach().clone()]
    optimisers, take = made.optimisers(1e-3), scene_gans.step_of(made.tier)
    for step in range(3):
        take(made, optimisers, step, 1_000_000_000 + step * 4, 4)
        weights.append(next(made.critic.parameters()).detach().clone())
    assert torch.allclose(made.past["critic"][0], torch.stack(weights).mean(0), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "part"),
    [({"matching": 2.0}, "critic matching"), ({"history": 0.1}, "painter history"), ({"seeking": 0.1}, "painter modes"),
     ({"attributes": 1.0}, "critic names"), ({"eye": 1.0}, "painter classes"),
     ({"r1": 0.1, "lazy": 1, "loss": "rp"}, "critic gradient")],
)  # fmt: skip
def test_options_add_their_part(settings, part):
    assert part in moved(players(**settings), 2)[-1]
    assert part not in moved(players(r1=0.0, matching=0.0, history=0.0, seeking=0.0, attributes=0.0, eye=0.0), 1)[-1]


def test_the_classifier_learns_from_real_images_alone_and_teaches_the_painter():
    made = players(eye=1.0, attributes=0.0, loss="hinge")
    batch = batch_of(made, 0, 4)
    z = torch.randn(4, LATENT, generator=torch.Generator().manual_seed(0))
    made.painter_parts(batch, made.painter(z, batch.ids), {"z": z})["classes"].backward()
    assert all(p.grad is None for p in made.classifier.parameters())
    assert any(float(p.grad.abs().max()) > 0 for p in made.painter.parameters() if p.grad is not None)
    one, other = (
        made.critic_parts(batch, torch.rand(4, 3, 32, 32), made.kind(1), {"z": z})["classes"] for _ in range(2)
    )
    assert torch.equal(one, other)
    before = [p.detach().clone() for p in made.classifier.parameters()]
    moved(made, 2)
    assert not any(torch.equal(p, b) for p, b in zip(made.classifier.parameters(), before, strict=True))


def test_cmans_painter_begins_to_read_as_its_matcher_does_and_learns_on():
    def weights(module):
        return [p.detach().clone() for p in module.parameters()]

    def equal(some, others):
        return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))

    def on(step):
        take(made, optimisers, step, 1_000_000_000 + step * 4, 4)
        return scene_gans.warned(scene_gans.evaluate(made, 8))

    made = players("cman", steps=40)
    assert [made.kind(step).stage for step in range(4)] == ["opening", "opening", "turn", ""]
    optimisers, take = made.optimisers(1e-3), scene_gans.step_of(made.tier)
    painter, matcher = weights(made.painter), weights(made.matcher)
    assert on(0) == on(1) == [], "who has not painted yet has not collapsed"
    assert equal(painter, weights(made.painter)) and not equal(matcher, weights(made.matcher))
    matcher = weights(made.matcher)
    assert on(2), "and now it is judged"
    for reader in (made.painter.text, made.mean.text):
        assert equal(weights(reader), weights(made.matcher.text)), "a new fusion lets no text in"
    assert on(3) and on(4)
    assert not equal(weights(made.painter.text), weights(made.matcher.text))
    assert equal(matcher, weights(made.matcher))


def test_titan_heeds_the_settings_of_the_game_from_its_middle_on():
    early, late = moved(players("titan", steps=2, seeking=0.1, attributes=1.0, history=0.1), 2)
    assert not any("names" in part for part in early)
    assert {"critic names", "painter names", "painter modes", "painter history"} <= set(late)


def test_sentences_half_way_are_for_the_game_alone(monkeypatch):
    """Mode seeking compares images of one text, real pairs are true, and only whole captions name what is shown."""
    made = players(between=0.5, seeking=1.0, attributes=1.0)
    batch = batch_of(made, 0, 4)
    z = torch.randn(4, LATENT, generator=torch.Generator().manual_seed(0))
    painted = made.painter(z, batch.ids)
    given = {"z": z, "other z": torch.randn(2, LATENT, generator=torch.Generator().manual_seed(1))}
    seen = {}
    for name in ("seeking", "painter_loss"):
        told = getattr(playing, name)
        monkeypatch.setattr(playing, name, lambda *given, n=name, f=told: (seen.update({n: given}), f(*given))[1])
    parts = made.painter_parts(batch, painted, given)
    assert torch.equal(seen["seeking"][0], painted.images[:2])
    _, fake, real = seen["painter_loss"]
    assert torch.allclose(real, made.critic(batch.images, batch.ids), atol=1e-5)
    alone = made.critic(painted.images, batch.ids)
    assert torch.allclose(fake[2:], alone[2:], atol=1e-5) and not torch.allclose(fake[:2], alone[:2], atol=1e-5)
    named = playing.named(made.naming, made.critic.see(painted.images[2:]), batch.shown[2:])
    assert torch.allclose(parts["names"], named, atol=1e-5)
    none = players(between=1.0, attributes=1.0)
    assert "names" not in none.painter_parts(batch, none.painter(z, batch.ids), given)


@pytest.mark.parametrize("loss", ["hinge", "logistic", "rp"])
def test_the_critic_learns_to_tell_apart_with_every_loss(loss):
    """Against a painter that stands still, in a few steps."""
    made = players(loss=loss, r1=0.0, attributes=0.0)
    _, critic = made.optimisers(2e-3)
    z = torch.randn(8, LATENT, generator=torch.Generator().manual_seed(0))
    batch = batch_of(made, 0, 8)
    images = made.painter(z, batch.ids).images.detach()
    for step in range(12):
        parts = made.critic_parts(batch, images, made.kind(step), {})
        critic.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        critic.step()
        apart = made.watch()["apart"]
    assert apart == 1.0


# ---- monitors --------------------------------------------------------------------------------------------------------


def drawing(collapsed):
    """A painter by hand: what is asked, or always the same place, or always one image."""

    def draw(texts, seeds):
        told = [read(text) for text in texts]
        if collapsed == "one image":
            told = [Understanding((Described("circle", "red"),))] * len(texts)
        scenes = [layout(t, 5 if collapsed else 1000 + s) for t, s in zip(told, seeds, strict=True)]
        return render(scenes, list(range(len(texts))), 32)

    return draw


def test_a_planted_collapse_is_flagged_and_an_honest_painter_is_not():
    honest = gan_monitors.figures(drawing(""), 378)
    place = gan_monitors.figures(drawing("one place"), 378)
    image = gan_monitors.figures(drawing("one image"), 378)
    assert gan_monitors.told(honest) == []
    assert place["modes"] <= 60 and image["modes"] == 1
    assert image["kl"] == pytest.approx(np.log(gan_monitors.ALL))
    for bad in (place, image):
        assert any("collapses" in sentence for sentence in gan_monitors.told(bad))


def test_modes_are_exact():
    modes = [("red", "circle", 0)] * 3 + [("blue", "square", 4)] + [None, ("red", "star", 1)]
    count, kl = gan_monitors.spread(modes)
    wanted = sum(p * np.log(p * gan_monitors.ALL) for p in (0.75, 0.25))
    assert count == 2 and kl == pytest.approx(wanted)
    every = [(c, s, k) for c, s in gan_monitors.PAIRS for k in range(9)]
    assert gan_monitors.spread(every) == (gan_monitors.ALL, pytest.approx(0, abs=1e-12))
    assert gan_monitors.spread([None]) == (0, pytest.approx(np.log(gan_monitors.ALL)))


def test_a_dominant_critic_and_a_faded_painter_are_told():
    said = gan_monitors.told({"apart": 0.999, "pull": 1e-6})
    assert len(said) == 2 and "dominates" in said[0] and "learns nothing" in said[1]
    assert gan_monitors.told({"apart": 0.8, "pull": 0.5}) == []


# ---- settings --------------------------------------------------------------------------------------------------------


def test_settings_of_a_command_are_checked():
    assert play_of({"loss": "rp", "spectral": "true", "lazy": "4", "pool": "0.5"}, Play()) == Play(
        loss="rp", spectral=True, lazy=4, pool=0.5
    )
    for wrong in ({"penalty": "r1"}, {"r1": "much"}, {"loss": "hing"}, {"pool": "2"}, {"r1": "-1"}, {"r1": "nan"},
                  {"spectral": "maybe"}, {"lazy": "0"}):  # fmt: skip
        with pytest.raises(UsageError):
            play_of(wrong, Play())


def test_names_of_trainings_differ_by_what_differs():
    base = trainable("generator:cgan", How()).recipe.name
    others = [How(fusion="film"), How(seed=1), How(side=64), How(blind=True), How(options={"pool": "0.5"})]
    names = {base, *(trainable("generator:cgan", how).recipe.name for how in others)}
    assert base == "cgan-32-concat" and len(names) == 6
    for name in ("wirn", "titan"):
        with pytest.raises(UsageError, match="no other fusion can stand there"):
            trainable(f"generator:{name}", How(fusion="film"))


@pytest.mark.parametrize(
    ("name", "own"),
    [("cgan", "critic game"), ("iten", "painter embedding"), ("cman", "matcher"), ("wirn", "critic words"),
     ("titan", "painter pixels")],
)  # fmt: skip
def test_what_bench_train_carries_out_is_the_systems_own_step(name, own):
    """cman begins with its matcher, titan with reconstruction; a step of two players alone would train neither."""
    recipe = trainable(f"generator:{name}", How(steps=40)).recipe
    torch.manual_seed(0)
    players = recipe.build()
    parts = recipe.learn(players, recipe.optimisers(players), 0, recipe.first, 4)
    assert own in parts
    assert name not in ("cman", "titan") or "critic game" not in parts


def test_what_is_watched_has_axes_of_its_own():
    """Modes and divergences are no shares: on the shares' axes, which end at 1, they would be out of sight."""
    line = {"step": 1, "loss:game": 0.5, "colour": 0.4, "seconds": 1.0}
    plain, watched = curves([line]), curves([{**line, "modes": 120.0, "kl": 1.5}])
    assert watched.shape[1] == plain.shape[1] * 3 // 2
    assert (watched[:, plain.shape[1] :] < 128).any(2).sum() > 100
