"""What reference generators share with their training: strategies made for a site of the backbone, names of weights."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench import registry
from bench.fusion.base import BUDGET, Fusion
from bench.spec import Spec, digest, parse
from bench.world.tokens import WORDS

MakeFusion = Callable[[int, int, int, int], Fusion]
"""(channels, text_dim, cond_dim, budget) -> a strategy."""

WORDS_DIGEST = digest(list(WORDS))[:12]
"""Weights belong to the list of words that their tokens number."""


def maker(fusion: Spec) -> MakeFusion:
    """What makes a backbone's strategies: a registered one with its own parameters and those that the site sets."""
    known = registry.parameters(registry.load("fusion", fusion.name))

    def make(channels: int, text_dim: int, cond_dim: int, budget: int) -> Fusion:
        site = {"channels": channels, "text_dim": text_dim, "cond_dim": cond_dim, "budget": budget}
        made = registry.create(
            "fusion", fusion.name, {**{k: v for k, v in site.items() if k in known}, **fusion.params}
        )
        assert isinstance(made, Fusion)
        return made

    return make


def strategy(text: str) -> Spec:
    """The Spec of a strategy's text; UsageError for one that does not exist or does not take its parameters."""
    fusion = parse(text)
    with torch.device("meta"):
        maker(fusion)(32, 64, 128, BUDGET)
    return fusion


def weights_name(generator: str, side: int, fusion: Spec, blind: bool, train_seed: int, settings: str = "") -> str:
    """Name of the files of a training: `flow-32-attention`, `flow-64-film-blind-seed-2`; parameters of the strategy and
    settings of the training as a short digest."""
    parts = [generator, str(side), fusion.name]
    parts += [digest([str(fusion), settings])[:6]] if fusion.params or settings else []
    parts += ["blind"] if blind else []
    return "-".join([*parts, *([f"seed-{train_seed}"] if train_seed else [])])


def about(generator: str, side: int, fusion: Spec, blind: bool, train_seed: int) -> dict[str, object]:
    """What a card of weights must say for them to be used: all that the name stands for, and the list of words."""
    return {
        "generator": generator, "side": side, "fusion": str(fusion), "blind": blind, "train_seed": train_seed,
        "words": WORDS_DIGEST,
    }  # fmt: skip
