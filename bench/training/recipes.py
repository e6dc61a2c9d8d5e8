"""What `bench train` can train, by name and by what the command line says of it."""

from __future__ import annotations

import dataclasses
import importlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from bench.errors import UsageError, did_you_mean
from bench.spec import Spec
from bench.training import pair_figures, scene_classes, scene_pairs
from bench.training.loop import Recipe


@dataclass(frozen=True)
class Tier:
    """How long a training is."""

    steps: int
    rows: int
    """A step."""
    bank: int | None = None
    """Rows that it goes through again and again; None: no row is shown twice."""

    def every(self, usual: int) -> int:
        """Steps between looks: as usual, or a quarter of a training over a bank."""
        return usual if self.bank is None else max(1, self.steps // 4)


@dataclass(frozen=True)
class How:
    """What a command says of a training beside its name; judges have a seed and steps alone."""

    seed: int | None = None
    """Of the first weights and the data; None: the recipe's."""
    steps: int | None = None
    """Other than the recipe's; rates and curricula follow."""
    fusion: str = ""
    """Text form of the strategy; '': the generator's own."""
    side: int = 32
    blind: bool = False
    """The text-blind twin: the empty text throughout, equal parameters."""
    tier: str = ""
    """'quick' ends within ten minutes on two cores; 'full' is for a GPU; '' is between them."""
    precision: str | None = None
    """'bfloat16' or None: the recipe's `precision`."""
    begin: str = ""
    """File of weights of an earlier training of the same system to begin with; '': new ones."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the family, e.g. {'penalty': 'r1'}; it refuses those that it does not know."""

    def of(self, tiers: Mapping[str, Tier]) -> Tier:
        """The tier that is asked for, with other steps where they are."""
        found = tiers[self.tier]
        return found if self.steps is None else dataclasses.replace(found, steps=self.steps)


@dataclass(frozen=True)
class Trainable:
    """A recipe, which part of what it trains is shipped, and how that is measured at the end."""

    recipe: Recipe
    shipped: Callable[[Any], nn.Module]
    measure: Callable[[Any, str, int], Mapping[str, float]]
    """(shipped network, split, images) -> figures."""
    command: str
    """The command that makes it."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the card says beyond the recipe: for a generator all that its weights must be asked for with."""
    half: bool = False
    """Shipped as float16."""


TRAINABLE: dict[str, Trainable] = {
    "extractor:scene-clip": Trainable(
        scene_pairs.SCENE_CLIP, lambda pairs: pairs.model, pair_figures.figures, "bench train extractor:scene-clip"
    ),
    "extractor:scene-clip-independent": Trainable(
        scene_pairs.SCENE_CLIP_INDEPENDENT, lambda pairs: pairs.model, pair_figures.figures,
        "bench train extractor:scene-clip-independent",
    ),
    "extractor:scene-classifier": Trainable(
        scene_classes.SCENE_CLASSIFIER, scene_classes.calibrated, scene_classes.accuracy,
        "bench train extractor:scene-classifier",
    ),
}  # fmt: skip

GENERATORS: dict[str, str] = {
    "flow": "bench.training.scene_flow",
    **dict.fromkeys(("cgan", "iten", "cman", "wirn", "titan"), "bench.training.scene_gans"),
}
"""Generator -> the module whose `trainable(name, how)` gives its Trainable."""


def trainable(name: str, how: How | None = None) -> Trainable:
    """What is trained under a name in such a way; UsageError for a name or settings that do not exist."""
    how = how or How()
    kind, _, plain = name.partition(":")
    if kind == "generator" and plain in GENERATORS:
        return importlib.import_module(GENERATORS[plain]).trainable(plain, how)
    if name not in TRAINABLE:
        known = [*TRAINABLE, *(f"generator:{g}" for g in GENERATORS)]
        raise UsageError(f"Nothing that can be trained is called '{name}'.{did_you_mean(name, known)}")
    return _changed(TRAINABLE[name], how.steps, how.seed)


def _changed(judge: Trainable, steps: int | None, seed: int | None) -> Trainable:
    """A judge with other steps or another seed. The seed is of the first weights and, a million rows each, of the
    data, so that two seeds share none."""
    recipe, text = judge.recipe, judge.command
    if steps is not None and steps != recipe.steps:
        recipe = dataclasses.replace(recipe, steps=steps, warm=min(recipe.warm, max(1, steps // 10)))
        text += f" --steps {steps}"
    if seed is not None and seed != recipe.seed:
        recipe = dataclasses.replace(recipe, seed=seed, first=(100 + seed) * 1_000_000)
        text += f" --seed {seed}"
    return dataclasses.replace(judge, recipe=recipe, command=text)


def command(name: str, fusion: Spec, how: How, settings: Mapping[str, Any], steps: int) -> str:
    """The command of a generator's training; settings: those of its family that are not as always."""
    text = f"bench train generator:{name} --fusion {shlex.quote(str(fusion))} --side {how.side} --seed {how.seed or 0}"
    text += "".join(f" --option {k}={v}" for k, v in settings.items())
    text += " --blind" * how.blind + " --full" * (how.tier == "full") + f" --steps {steps}"
    return text + (f" --from {shlex.quote(Path(how.begin).name)}" if how.begin else "")
