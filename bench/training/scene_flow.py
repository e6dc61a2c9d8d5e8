"""Recipe of the reference flow: rectified flow on scenes with any fusion strategy.

A batch is fresh rows of the train split, at first mostly of one object; its noise, times and dropped captions are drawn
from its first row's number. Once several objects come in the text encoder also learns to read relations from captions
alone (see reading.py). The weights that are shipped are the running mean of the trained ones.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.errors import UsageError
from bench.generators.reference.flow_model import NOISY, TEXT_DROPPED, FlowModel, times
from bench.generators.reference.fusing import about, maker, strategy, weights_name
from bench.generators.reference.text import ids_of
from bench.generators.reference.trained import noise_of
from bench.spec import Spec, canonical
from bench.training.begun import Begun, begun
from bench.training.captioned import first_row, pixels_of
from bench.training.captured import Numbers
from bench.training.consistency import TEACHER, Consistency, asked
from bench.training.drawn import figures
from bench.training.loop import Must, Recipe, Split, descend, grouped, towards
from bench.training.muon import Muon
from bench.training.reading import Reading
from bench.training.recipes import How, Tier, Trainable, command
from bench.training.rows import BANK, Rendered, Source, floats, source
from bench.training.sheets import sheet
from bench.world.tokens import PAD

MEAN_OF = 0.999
"""Decay of the running mean of the weights."""
TIERS = {"quick": Tier(1700, 32), "": Tier(8000, 32), "full": Tier(20_000, 128, BANK)}
RATE, MUON_RATE, DECAY = 2e-3, 0.008, 0.01
OPENING = 0.3
"""Share of a training whose rows are mostly of one object."""
OPENING_ONES, ONES, QUICK_ONES = 0.9, 0.2, 0.4
"""Share of one-object rows in the opening, after it, and after that of a quick training."""
PACE = 0.4
"""Rates of a training that begins with trained weights, as a share of the others'."""
READING = 0.3
"""Weight of the captions that are read."""
PLACING, NOISIER = 0.65, 1.0
"""Who reads is shown heavier noise (this mean of the logit of times) between the opening and this share of the
training: where things stand is settled in the first steps of sampling."""


class FlowTraining(nn.Module):
    """A flow, the running mean of its weights, what teaches it to read, and a constraint on what it draws where one is
    asked for.

    kind, weight: of the constraint. reads: whether captions alone are read too. begun: weights to begin with, which
    know single objects already, so that there is no opening. ones: share of one-object rows after the opening."""

    def __init__(
        self, fusion: Spec, side: int, blind: bool, tier: Tier, kind: str = "", weight: float = 0.0,
        reads: bool = False, begun: Begun | None = None, ones: float = ONES,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model = FlowModel(maker(fusion), side)
        if begun is not None:
            begun.into(self.model)
        self.mean = copy.deepcopy(self.model).requires_grad_(False)
        self.blind, self.tier = blind, tier
        self.opening = 0 if begun is not None else round(OPENING * tier.steps)
        self.ones = ones
        self.held = Consistency(kind, weight, side) if kind else None
        self.reading = Reading(tier.steps) if reads else None
        self.rows: Source = Rendered(side, False, tier.bank)

    def ready(self, device: str) -> None:
        """Where the rows and the captions come from on this device."""
        self.rows = source(self.model.side, False, self.tier.bank, device)
        if self.reading is not None:
            self.reading.ready(device)

    @functools.cached_property
    def both(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Weights of the mean, and those that it follows."""
        return list(self.mean.parameters()), list(self.model.parameters())

    def follow(self, numbers: Numbers) -> None:
        """Take the weights that a step left into the mean."""
        towards(*self.both, numbers["share"])

    def draw(self, texts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        """What the mean draws: uint8 (n, side, side, 3)."""
        return drawn(self.mean, ["" if self.blind else text for text in texts], seeds)


def plan(training: FlowTraining, step: int, first: int, rows: int) -> Numbers:
    """Which rows and captions a step sees, in how heavy a noise, and the share of its weights in the mean."""
    ones = round(rows * (training.ones if step >= training.opening else OPENING_ONES))
    placing = training.reading is not None and training.opening <= step < PLACING * training.tier.steps
    return {
        **training.rows.plan(first, ones), **(training.reading.plan(step) if training.reading is not None else {}),
        "noisy": NOISIER if placing else NOISY, "share": 1 - min(MEAN_OF, (2 + step) / (11 + step)),
    }  # fmt: skip


def kind_of(training: FlowTraining, step: int) -> str:
    """What sort of step it is."""
    return "reading" if training.reading is not None and step >= training.opening else ""


def feed(training: FlowTraining, numbers: Numbers, rows: int, draw: torch.Generator) -> Mapping[str, torch.Tensor]:
    """Images, captions of which some are emptied, times and noise of a step."""
    taken = training.rows.take(numbers, rows)
    device = draw.device
    images, ids = floats(taken.images.to(device)), taken.ids.to(device).long()
    t, noise = times(rows, draw, numbers["noisy"]), torch.randn(images.shape, generator=draw, device=device)
    empty = torch.rand(rows, generator=draw, device=device) < (1.0 if training.blind else TEXT_DROPPED)
    read = training.reading.feed(numbers) if training.reading is not None else {}
    return {"images": images, "ids": ids.masked_fill(empty[:, None], PAD), "t": t, "noise": noise, **read}


def losses(training: FlowTraining, kind: str, given: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """The parts of the loss on what `feed` gives."""
    parts = training.model.losses(given["images"], given["ids"], given["t"], given["noise"], training.held)
    if kind:
        assert training.reading is not None
        read = training.reading(training.model.text(given["captions"]), given["places"])
        parts["reading"] = READING * read
    return parts


def act(
    training: FlowTraining, optimisers: Sequence[torch.optim.Optimizer], kind: str, given: Mapping[str, torch.Tensor]
) -> Mapping[str, torch.Tensor]:
    """A step down the losses, the gradient cut at norm 1."""
    parts = losses(training, kind, given)
    descend(optimisers, parts, [p for p in training.parameters() if p.requires_grad], 1.0)
    return parts


_SCORES = ("query", "key", "in_proj", "mixed", "affine", "time", "places")
"""Names of weights whose orthogonal steps grow without bound: scores of attention, gains of the condition."""


def optimisers(training: FlowTraining, rate: float = RATE) -> list[torch.optim.Optimizer]:
    """Muon for the kernels and matrices within the network; AdamW for its ends, embeddings, `_SCORES` and vectors."""
    model = training.model
    ends = {id(p) for module in (model.net.enter, model.net.leave, model.text.embedding) for p in module.parameters()}
    within = [
        p for name, p in model.named_parameters()
        if p.ndim > 1 and id(p) not in ends and not any(part in name for part in _SCORES)
    ]  # fmt: skip
    apart = {id(p) for p in within}
    others = (model, training.held, training.reading)
    groups = grouped(nn.ModuleList(m for m in others if m is not None), DECAY)
    for group in groups:
        group["params"] = [p for p in group["params"] if id(p) not in apart]
    return [
        Muon(within, lr=MUON_RATE * (rate / RATE), weight_decay=DECAY),
        torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True),
    ]


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
    tier, start = how.of(TIERS), begun(name, how, fusion)
    ones, rate = QUICK_ONES if how.tier == "quick" else ONES, RATE * (PACE if start else 1.0)
    reads = how.tier != "quick" and not how.blind and fusion.name != "none"
    split = Split(plan, feed, act, FlowTraining.follow, kind_of, recorded=tier.bank is not None and not kind)
    recipe = Recipe(
        weights_name(name, how.side, fusion, how.blind, seed, canonical(settings) if settings else ""),
        lambda: FlowTraining(fusion, how.side, how.blind, tier, kind, weight, reads, start, ones),
        split,
        lambda training, images: figures(training.draw, images),
        steps=tier.steps, rows=tier.rows, first=first_row(seed), seed=seed, decay=DECAY,
        rate=rate, warm=min(100, max(1, tier.steps // 10)), last=0.05,
        every=tier.every(500), held_out=120, begun=start.sha256 if start else "",
        precision=how.precision, ready=FlowTraining.ready,
        sheet=lambda training: sheet(training.draw), optimisers=lambda training: optimisers(training, rate),
        must=None if how.blind or fusion.name == "none" else Must("colour", 0.25, 2000),
    )  # fmt: skip

    def measure(network: FlowModel, split: str, images: int) -> Mapping[str, float]:
        return figures(lambda texts, seeds: drawn(network, [""] * len(texts) if how.blind else texts, seeds),
                       images, split)  # fmt: skip

    card = {**about(name, how.side, fusion, how.blind, seed), **({"settings": settings} if settings else {}),
            **(start.told() if start else {})}  # fmt: skip
    return Trainable(
        recipe, lambda training: training.mean, measure, command(name, fusion, how, settings, tier.steps),
        {**card, **({"teachers": [TEACHER]} if kind == "embedding" else {})}, half=True,
    )  # fmt: skip
