"""What `bench train` can train, and what becomes of a finished training: weights, card, log.

The weights are safetensors with nothing in them but tensors, so that equal weights are equal bytes; the card beside
them says by which recipe they came about, their sha256 and their figures on the test split.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.errors import UsageError, did_you_mean
from bench.extractors.weights import sha256
from bench.store import disk_errors, write_atomic
from bench.training import pair_figures, scene_classes, scene_pairs
from bench.training.loop import LOG, Recipe, described


@dataclass(frozen=True)
class Trainable:
    """A recipe, which part of what it trains is shipped, and how that is measured at the end."""

    recipe: Recipe
    shipped: Callable[[Any], nn.Module]
    measure: Callable[[Any, str, int], Mapping[str, float]]
    """(shipped network, split, images) -> figures."""


TRAINABLE: dict[str, Trainable] = {
    "extractor:scene-clip": Trainable(scene_pairs.SCENE_CLIP, lambda pairs: pairs.model, pair_figures.figures),
    "extractor:scene-clip-independent": Trainable(
        scene_pairs.SCENE_CLIP_INDEPENDENT, lambda pairs: pairs.model, pair_figures.figures
    ),
    "extractor:scene-classifier": Trainable(
        scene_classes.SCENE_CLASSIFIER, scene_classes.calibrated, scene_classes.accuracy
    ),
}


def trainable(name: str) -> Trainable:
    """What is trained under a name; UsageError for an unknown one."""
    if name not in TRAINABLE:
        raise UsageError(f"Nothing that can be trained is called '{name}'.{did_you_mean(name, TRAINABLE)}")
    return TRAINABLE[name]


def with_changes(recipe: Recipe, steps: int | None, seed: int | None) -> Recipe:
    """The recipe with other steps or another seed. The seed is of the first weights and, a million rows each, of the
    data, so that two seeds share none."""
    if steps is not None:
        recipe = dataclasses.replace(recipe, steps=steps, warm=min(recipe.warm, max(1, steps // 10)))
    if seed is not None and seed != recipe.seed:
        recipe = dataclasses.replace(recipe, seed=seed, first=(100 + seed) * 1_000_000)
    return recipe


def finish(trained: Trainable, recipe: Recipe, model: nn.Module, folder: Path, images: int) -> Path:
    """Write NAME.safetensors, NAME.json (the card) and NAME.jsonl (the log); the path of the weights."""
    from safetensors.torch import save

    network = trained.shipped(model).to("cpu").eval()
    weights = folder / f"{recipe.name}.safetensors"
    state = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    write_atomic(weights, save(state))
    with torch.inference_mode():
        figures = trained.measure(network, "test", images)
    card = {
        "name": recipe.name,
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "parameters": sum(p.numel() for p in network.parameters()),
        "recipe": json.loads(described(recipe)),
        "command": _command(recipe, trained.recipe),
        "figures": {"split": "test", "images": images, **{k: round(v, 6) for k, v in figures.items() if v == v}},
        "made with": {"torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads()},
    }
    write_atomic(folder / f"{recipe.name}.json", (json.dumps(card, indent=1) + "\n").encode())
    with disk_errors(folder):
        shutil.copyfile(folder / LOG, folder / f"{recipe.name}.jsonl")
    return weights


def _command(recipe: Recipe, base: Recipe) -> str:
    text = f"bench train extractor:{recipe.name}"
    text += f" --steps {recipe.steps}" if recipe.steps != base.steps else ""
    return text + (f" --seed {recipe.seed}" if recipe.seed != base.seed else "")
