"""Recipes of the adversarial generators: `bench train generator:cgan --fusion F --seed S`, and iten, cman, wirn, titan.

The first part of a training shows single objects, the rest half of them. What is shipped is the running mean of the
painter and the critic as it stands. Held-out figures, the count of modes and what the players watch are logged at every
checkpoint, and a sentence says when the game has gone wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bench import registry
from bench.generators.reference.fusing import about, weights_name
from bench.generators.reference.gan_nets import Pair, latents
from bench.generators.reference.text import ids_of
from bench.spec import canonical, parse
from bench.training import gan_monitors
from bench.training.begun import begun
from bench.training.captioned import first_row, pixels_of
from bench.training.drawn import figures
from bench.training.gan_losses import plain
from bench.training.gan_systems import SYSTEMS
from bench.training.loop import Recipe, Split
from bench.training.players import Play, Players, play_of
from bench.training.recipes import How, Tier, Trainable, command
from bench.training.rows import BANK
from bench.training.sheets import sheet

TIERS = {"quick": Tier(1700, 32), "": Tier(4000, 32), "full": Tier(20_000, 128, BANK)}
RATE = 1e-3
_PLAY = Play(loss="rp", r1=0.3, edge=1.0, attributes=0.5, eye=1.0, mean=0.995, grow=0.85)
PLAY: dict[str, Play] = {
    **dict.fromkeys(SYSTEMS, _PLAY),
    "titan": dataclasses.replace(_PLAY, attributes=5.0, eye=5.0),  # its game has little weight
}
"""How each system is played; found by short trials (docs/gan-family.md)."""
LONG = 10_000
"""Steps from which on a training is a long one: single objects are learned long before its end."""
PLAY_LONG: dict[str, Play] = {name: dataclasses.replace(play, grow=0.15) for name, play in PLAY.items()}
PLAY_LONG["cgan"] = dataclasses.replace(PLAY_LONG["cgan"], attributes=0.0)
"""How in a long one."""
_BATCH = 64


def drawn(painter: Any, texts: Sequence[str], seeds: Sequence[int], blind: bool = False) -> np.ndarray:
    """Captions and seeds -> uint8 (n, side, side, 3)."""
    device = next(painter.parameters()).device
    parts = []
    with torch.inference_mode():
        for at in range(0, len(texts), _BATCH):
            some = ["" if blind else text for text in texts[at : at + _BATCH]]
            z = latents(seeds[at : at + _BATCH]).to(device)
            parts.append(pixels_of(painter(z, ids_of(some).to(device)).images))
    return np.concatenate(parts)


def evaluate(players: Players, images: int) -> Mapping[str, float]:
    """Held-out figures of the running mean, its modes, and what was watched."""
    return looked_at(players.mean, "val", images, players.blind) | players.watch()


def looked_at(painter: Any, split: str, images: int, blind: bool) -> dict[str, float]:
    """Figures of a painter by the analytic detector, and its modes."""

    def draw(texts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return drawn(painter, texts, seeds, blind)

    return {**figures(draw, images, split), **gan_monitors.figures(draw)}


def warned(found: Mapping[str, float]) -> list[str]:
    """What the monitors say; nothing of a painter that has not taken a step yet (cman's opening)."""
    return gan_monitors.told(found) if "pull" in found else []


def shipped(players: Players) -> Pair:
    """The running mean of the painter, and the critic with plain weights."""
    return Pair(players.mean, plain(players.critic))


def step_of(tier: Tier) -> Split:
    """A step of any system."""
    return Split(
        lambda players, step, first, rows: players.plan(step, first, rows),
        lambda players, numbers, rows, draw: players.feed(numbers, rows, draw),
        lambda players, optimisers, kind, given: players.act(optimisers, kind, given),
        lambda players, numbers: players.follow(numbers),
        lambda players, step: players.kind(step),
        recorded=tier.bank is not None,
    )


def trainable(name: str, how: How) -> Trainable:
    """`bench train generator:NAME` for the five systems."""
    seed = how.seed or 0
    system = registry.create("generator", name, {"side": how.side, "blind": how.blind, "train_seed": seed})
    if how.fusion:
        system.fuse(parse(how.fusion))
    fusion = system.strategy
    tier, start = how.of(TIERS), begun(name, how, fusion)
    base = (PLAY_LONG if tier.steps >= LONG else PLAY)[name]
    play = play_of(how.options, base)
    settings = {k: v for k, v in vars(play).items() if v != getattr(base, k)}

    def built() -> Players:
        pair = system.build()
        if start:
            start.into(pair)
        return SYSTEMS[name](pair, play, tier, how.blind, bool(start))

    recipe = Recipe(
        weights_name(name, how.side, fusion, how.blind, seed, canonical(settings) if settings else ""),
        built, step_of(tier), evaluate,
        steps=tier.steps, rows=tier.rows, first=first_row(seed), seed=seed, rate=RATE, decay=0.0,
        warm=min(100, max(1, tier.steps // 10)), every=tier.every(300), held_out=200, last=0.1,
        begun=start.sha256 if start else "",
        exploded=None,  # how large the losses of a game are says little; the monitors watch it
        ready=Players.ready, warn=warned, optimisers=lambda players: players.optimisers(RATE),
        sheet=lambda players: sheet(lambda texts, seeds: drawn(players.mean, texts, seeds, players.blind)),
    )  # fmt: skip
    return Trainable(
        recipe, shipped, lambda pair, split, images: looked_at(pair.painter, split, images, how.blind),
        command(name, fusion, how, settings, tier.steps),
        {**about(name, how.side, fusion, how.blind, seed), "settings": dataclasses.asdict(play),
         **(start.told() if start else {})}, half=True,
    )  # fmt: skip
