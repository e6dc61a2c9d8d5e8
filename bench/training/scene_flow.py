"""Recipe of the reference flow: rectified flow on scenes with any fusion strategy.

A batch is fresh rows of the train split, at first mostly of one object; its noise, times and dropped captions are drawn
from its first row's number. The weights that are shipped are the running mean of the trained ones.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.errors import UsageError
from bench.generators.reference.flow_model import FlowModel
from bench.generators.reference.fusing import about, maker, strategy, weights_name
from bench.generators.reference.text import ids_of
from bench.generators.reference.trained import noise_of
from bench.spec import Spec, canonical
from bench.training.captioned import batch, first_row, pixels_of
from bench.training.consistency import TEACHER, Consistency, asked
from bench.training.drawn import figures
from bench.training.loop import Must, Recipe, down, grouped
from bench.training.recipes import How, Trainable, command
from bench.training.sheets import sheet

MEAN_OF = 0.999
"""Decay of the running mean of the weights."""
STEPS, QUICK_STEPS = 8000, 2000
ROWS, RATE, DECAY = 32, 2e-3, 0.01


class FlowTraining(nn.Module):
    """A flow, the running mean of its weights, and a constraint on what it draws where one is asked for."""

    def __init__(self, fusion: Spec, side: int, blind: bool, steps: int, kind: str = "", weight: float = 0.0) -> None:
        super().__init__()
        self.model = FlowModel(maker(fusion), side)
        self.mean = copy.deepcopy(self.model).requires_grad_(False)
        self.blind, self.steps = blind, steps
        self.held = Consistency(kind, weight, side) if kind else None

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take the weights that a step left into the mean."""
        keep = min(MEAN_OF, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)

    def draw(self, texts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        """What the mean draws: uint8 (n, side, side, 3)."""
        return drawn(self.mean, ["" if self.blind else text for text in texts], seeds)


def losses(training: FlowTraining, step: int, first: int, rows: int) -> Mapping[str, torch.Tensor]:
    """The parts of the loss on one batch."""
    images, ids = batch(first, rows, training.model.side, ones_at(step / training.steps))
    device = next(training.parameters()).device
    draw = torch.Generator().manual_seed(first)
    given = images.to(device=device, memory_format=torch.channels_last)
    return training.model.losses(given, (ids * 0 if training.blind else ids).to(device), draw, training.held)


def ones_at(done: float) -> float:
    """Share of one-object rows after this share of the training."""
    return 0.75 if done < 0.5 else 0.5


def optimisers(training: FlowTraining) -> list[torch.optim.Optimizer]:
    """One AdamW in a single pass over the parameters; matrices decay, gains, biases and the like do not."""
    learned = nn.ModuleList(m for m in (training.model, training.held) if m is not None)
    groups = grouped(learned, DECAY)
    return [torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)]


def drawn(model: FlowModel, texts: Sequence[str], seeds: Sequence[int], **how: Any) -> np.ndarray:
    """Captions and seeds -> uint8 (n, side, side, 3), 32 at a time."""
    device = next(model.parameters()).device
    parts = []
    for at in range(0, len(texts), 32):
        noise = torch.stack([noise_of(seed, 3, model.side, model.side) for seed in seeds[at : at + 32]]).to(device)
        parts.append(pixels_of(model.eval().sample(noise, ids_of(texts[at : at + 32]).to(device), **how)))
    return np.concatenate(parts)


def trainable(name: str, how: How) -> Trainable:
    """`bench train generator:flow`."""
    kind, weight = asked(how.options)
    if kind and how.blind:
        raise UsageError("The text-blind twin sees no caption that its images could be held to; leave --blind out.")
    settings = {"consistency": kind, "weight": weight} if kind else {}
    fusion, seed = strategy(how.fusion or "attention"), how.seed or 0
    steps = how.steps or (QUICK_STEPS if how.quick else STEPS)
    recipe = Recipe(
        weights_name(name, how.side, fusion, how.blind, seed, canonical(settings) if settings else ""),
        lambda: FlowTraining(fusion, how.side, how.blind, steps, kind, weight), down(losses),
        lambda training, images: figures(training.draw, images),
        steps=steps, rows=ROWS, first=first_row(seed), seed=seed, rate=RATE, decay=DECAY,
        warm=min(100, max(1, steps // 10)), every=500, held_out=120, last=0.05, precision=how.precision,
        after=FlowTraining.follow, sheet=lambda training: sheet(training.draw), optimisers=optimisers,
        must=None if how.blind or fusion.name == "none" else Must("colour", 0.25, 2000),
    )  # fmt: skip

    def measure(network: FlowModel, split: str, images: int) -> Mapping[str, float]:
        return figures(lambda texts, seeds: drawn(network, [""] * len(texts) if how.blind else texts, seeds),
                       images, split)  # fmt: skip

    card = {**about(name, how.side, fusion, how.blind, seed), **({"settings": settings} if settings else {})}
    return Trainable(
        recipe, lambda training: training.mean, measure, command(name, fusion, how, settings, steps),
        {**card, **({"teachers": [TEACHER]} if kind == "embedding" else {})}, half=True,
    )  # fmt: skip
