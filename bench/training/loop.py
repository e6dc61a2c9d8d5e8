"""The loop of `bench train`: a recipe, its steps, checkpoints that resume to the last bit, and a log.

A batch is a function of its step's number, and nothing else is random, so that a checkpoint is weights, optimiser and
step. The log is JSON lines, cut at the checkpoint's step when a run goes on. Rates follow one warm-up and a cosine.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from bench.errors import NotFinite, StoreError, UsageError
from bench.store import lock, write_atomic

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"


@dataclass(frozen=True)
class Recipe:
    """All that fixes a training but the machine."""

    name: str
    build: Callable[[], nn.Module]
    """The network and what trains with it; called under the recipe's seed."""
    losses: Callable[[Any, int, int, int], Mapping[str, torch.Tensor]]
    """(model, step, first data row, rows) -> the parts of the loss, whose sum is made smaller."""
    evaluate: Callable[[Any, int], Mapping[str, float]]
    """(model, images) -> held-out figures."""
    steps: int
    rows: int
    """Data rows a step."""
    first: int
    """First data row: recipes whose rows do not overlap share no data."""
    seed: int
    rate: float
    decay: float = 0.05
    warm: int = 200
    every: int = 250
    """Steps from one checkpoint, with its held-out figures, to the next."""
    held_out: int = 500
    """Images of the figures in between."""


class Listener(Protocol):
    """Who is told of progress."""

    def __call__(self, step: int, row: Mapping[str, Any]) -> None: ...


def rate(recipe: Recipe, step: int) -> float:
    """Learning rate of a step counted from 0: linear warm-up, then a cosine to 0."""
    if step < recipe.warm:
        return recipe.rate * (step + 1) / recipe.warm
    part = (step - recipe.warm) / max(1, recipe.steps - recipe.warm)
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, part)))


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    tell: Listener = lambda step, row: None,
    stop_at: int | None = None,
) -> nn.Module:
    """Train to the recipe's last step (or `stop_at`, as if interrupted there) and return the model.

    UsageError when `folder` holds a training already and `resume` is off; StoreError when that one is of another
    recipe; NotFinite when the loss leaves the numbers.
    """
    with lock(folder, "training"):
        state = _started(recipe, folder, resume)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = recipe.build()
        optimiser = torch.optim.AdamW(_grouped(model, recipe.decay), lr=recipe.rate, betas=(0.9, 0.98), eps=1e-8)
        model.to(device=device, memory_format=torch.channels_last)
        first = 0
        if state is not None:
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            first = state["step"]
        log = _Log(folder / LOG, first)
        for step in range(first, recipe.steps if stop_at is None else stop_at):
            log.step(_step(recipe, model, optimiser, step))
            if (step + 1) % recipe.every == 0 or step + 1 == recipe.steps:
                figures = dict(recipe.evaluate(model, recipe.held_out))
                tell(step + 1, log.line(step + 1, rate(recipe, step), figures))
                _save(recipe, folder, model, optimiser, step + 1)
                log.write()
            else:
                tell(step + 1, {})
        return model.eval()


def _started(recipe: Recipe, folder: Path, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to go on from."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    if not resume:
        raise UsageError(f"{folder} holds a training already; --resume goes on with it, or give another --out.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise StoreError(f"{path} cannot be read ({type(error).__name__}); delete it to begin anew.") from error
    if state.get("recipe") != described(recipe):
        raise StoreError(f"{path} is of another recipe (steps, seed or rates differ); give another --out.")
    return state


def described(recipe: Recipe) -> str:
    """What must be equal for a training to go on."""
    plain = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
    for name in ("every", "held_out"):  # when to look changes no weight
        del plain[name]
    return json.dumps({k: v for k, v in plain.items() if isinstance(v, (int, float, str))}, sort_keys=True)


def _grouped(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay; gains, biases, embeddings of positions and the scale do not."""
    wide = [p for p in model.parameters() if p.ndim >= 2]
    thin = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": wide, "weight_decay": decay}, {"params": thin, "weight_decay": 0.0}]


def _step(recipe: Recipe, model: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> dict[str, float]:
    for group in optimiser.param_groups:
        group["lr"] = rate(recipe, step)
    model.train()
    parts = recipe.losses(model, step, recipe.first + step * recipe.rows, recipe.rows)
    total = torch.stack(list(parts.values())).sum()
    if not torch.isfinite(total):
        raise NotFinite(f"The loss of {recipe.name} is not finite at step {step + 1}; lower the rate.")
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return {name: float(value.detach()) for name, value in parts.items()}


def _save(recipe: Recipe, folder: Path, model: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> None:
    buffer = io.BytesIO()
    state = {
        "recipe": described(recipe), "step": step, "model": model.state_dict(), "optimiser": optimiser.state_dict()
    }  # fmt: skip
    torch.save(state, buffer)
    write_atomic(folder / CHECKPOINT, buffer.getvalue())


class _Log:
    """Mean losses since the last line, and the lines so far."""

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.begun, self.parts = path, time.perf_counter(), dict[str, list[float]]()
        old = path.read_text().splitlines() if path.is_file() else []
        self.lines = [line for line in old if json.loads(line)["step"] <= step]

    def step(self, parts: Mapping[str, float]) -> None:
        for name, value in parts.items():
            self.parts.setdefault(name, []).append(value)

    def line(self, step: int, now: float, figures: Mapping[str, float]) -> dict[str, Any]:
        seconds = time.perf_counter() - self.begun
        row = {
            "step": step, "rate": now, **{f"loss:{k}": sum(v) / len(v) for k, v in self.parts.items()},
            **figures, "seconds": round(seconds, 1),
        }  # fmt: skip
        self.begun, self.parts = time.perf_counter(), {}
        self.lines.append(json.dumps(row))
        return row

    def write(self) -> None:
        write_atomic(self.path, "".join(line + "\n" for line in self.lines).encode())
