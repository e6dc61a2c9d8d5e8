"""What becomes of a finished training: weights, card, log, report.

The weights are safetensors with nothing in them but tensors, so that equal weights are equal bytes; the card beside
them says by which recipe they came about, their sha256 and their figures on the test split.
"""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import torch
from torch import nn

from bench.formats.large_files import sha256
from bench.store import disk_errors, write_atomic
from bench.training import report
from bench.training.journal import LOG
from bench.training.loop import described
from bench.training.recipes import Trainable


def finish(trained: Trainable, model: nn.Module, folder: Path, images: int) -> Path:
    """Write NAME.safetensors, NAME.json (the card), NAME.jsonl (the log) and a generator's report; the path of the
    weights."""
    from safetensors.torch import save

    recipe = trained.recipe
    network = trained.shipped(model).to("cpu").eval()
    weights = folder / f"{recipe.name}.safetensors"
    state = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    if trained.half:
        state = {name: v.half() if v.is_floating_point() else v for name, v in state.items()}
        network.load_state_dict(state)  # measured as it is shipped
    write_atomic(weights, save(state))
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
        "made with": {"torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads()},
    }
    write_atomic(folder / f"{recipe.name}.json", (json.dumps(card, indent=1) + "\n").encode())
    with disk_errors(folder):
        shutil.copyfile(folder / LOG, folder / f"{recipe.name}.jsonl")
    if trained.about:
        lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        report.write(folder, recipe.name, card, lines)
    return weights
