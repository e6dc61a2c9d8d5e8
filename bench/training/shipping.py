"""What becomes of a finished training: weights, card, log, report.

The weights are safetensors with nothing in them but tensors, so that equal weights are equal bytes; the card beside
them says by which recipe they came about, their sha256 and their figures on the test split.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.formats.large_files import sha256
from bench.store import disk_errors, write_atomic
from bench.training import report
from bench.training.journal import LOG
from bench.training.loop import described
from bench.training.recipes import Trainable


def finish(trained: Trainable, model: nn.Module, folder: Path, images: int, device: str = "cpu") -> Path:
    """Write NAME.safetensors, NAME.json (the card), NAME.jsonl (the log) and a generator's report; the path of the
    weights."""
    weights = ship(trained, model, folder)
    with disk_errors(folder):
        shutil.copyfile(folder / LOG, weights.with_suffix(".jsonl"))
    describe(trained, weights, images, made_with(device))
    return weights


def ship(trained: Trainable, model: nn.Module, folder: Path) -> Path:
    """Write NAME.safetensors, what is shipped of a trained model; its path."""
    from safetensors.torch import save

    network = trained.shipped(model).to("cpu").eval()
    state = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    if trained.half:
        state = {name: v.half() if v.is_floating_point() else v for name, v in state.items()}
    weights = folder / f"{trained.recipe.name}.safetensors"
    write_atomic(weights, save(state))
    return weights


def made_with(device: str) -> dict[str, Any]:
    """What the bits of the weights may depend on beside the recipe."""
    gpu = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else None
    return {
        "torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads(),
        **({"device": gpu} if gpu else {}),
    }  # fmt: skip


def describe(trained: Trainable, weights: Path, images: int, made: Mapping[str, Any]) -> None:
    """Measure weights as they lie on disk, and write their card and, of a generator, their report; the log lies beside
    them."""
    from safetensors.torch import load_file

    recipe = trained.recipe
    with torch.random.fork_rng(devices=[]):
        network = trained.shipped(recipe.build()).eval()
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(weights).items()})
    with torch.inference_mode():
        figures = trained.measure(network, "test", images)
    card = {
        "name": recipe.name,
        **trained.about,
        "sha256": sha256(weights),
        "bytes": weights.stat().st_size,
        "parameters": sum(p.numel() for p in network.parameters()),
        "recipe": json.loads(described(recipe)),
        "command": trained.command,
        "figures": {"split": "test", "images": images, **{k: round(v, 6) for k, v in figures.items() if v == v}},
        "made with": dict(made),
    }
    write_atomic(weights.with_suffix(".json"), (json.dumps(card, indent=1) + "\n").encode())
    if trained.about:
        lines = [json.loads(line) for line in weights.with_suffix(".jsonl").read_text().splitlines()]
        report.write(weights.parent, recipe.name, card, lines)
