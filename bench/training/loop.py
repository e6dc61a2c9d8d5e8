"""The loop of `bench train`: a recipe, its steps, checkpoints that resume to the last bit, and a log.

A batch is a function of its step's number, and nothing else is random, so that a checkpoint is weights, optimisers and
step. The log is JSON lines, cut at the checkpoint's step when a run goes on. Rates follow one warm-up and a cosine.
A training that cannot end well says so early: a loss that is no number or many times what it began with, or a held-out
figure that is still at chance when the recipe says it must not be.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from bench.errors import Diverged, StoreError, UsageError
from bench.formats.images import encode_png
from bench.store import lock, write_atomic
from bench.training.journal import LOG, Journal

_log = logging.getLogger("bench")
CHECKPOINT, SAMPLES = "checkpoint.pt", "samples"
_LOOK = 20
"""On an accelerator the loss is read every 20 steps: each look waits for it."""

Parts = Mapping[str, torch.Tensor]
Losses = Callable[[Any, int, int, int], Parts]
"""(model, step, first data row, rows) -> the parts of the loss, whose sum is made smaller."""
Learn = Callable[[Any, Sequence[Optimizer], int, int, int], Parts]
"""(model, optimisers, step, first data row, rows) -> parts of the losses, for the log and to be watched; takes the step
with those optimisers."""


@dataclass(frozen=True)
class Must:
    """A held-out figure that must have reached a value from some step on, or the training has failed."""

    figure: str
    least: float
    step: int


@dataclass(frozen=True)
class Recipe:
    """All that fixes a training but the machine."""

    name: str
    build: Callable[[], nn.Module]
    """The network and what trains with it; called under the recipe's seed."""
    learn: Learn
    """A step; `down(losses)` for one player."""
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
    last: float | None = None
    """Share of the rate at the end of the cosine; None: 0."""
    precision: str | None = None
    """'bfloat16': products in it, on an accelerator or where the processor has it; None: float32."""
    after: Callable[[Any, int], None] | None = None
    """(model, steps done): what follows the step, a running mean of the weights for instance."""
    sheet: Callable[[Any], np.ndarray] | None = None
    """model -> uint8 (h, w, 3): what it draws now, kept as a picture at every checkpoint."""
    must: Must | None = None
    warn: Callable[[Mapping[str, float]], Sequence[str]] = lambda figures: ()
    """Held-out figures -> a sentence for each that is worrying; the training goes on."""
    exploded: float | None = 4.0
    """A part of the loss whose mean over 50 steps is this many times that of the first 50 (at least 1) has left for
    good; None: not watched."""
    optimisers: Callable[[Any], Sequence[Optimizer]] | None = None
    """For several players: their optimisers, whose rates all follow the warm-up and the cosine; None: one AdamW."""


class Listener(Protocol):
    """Who is told of progress."""

    def __call__(self, step: int, row: Mapping[str, Any]) -> None: ...


def rate(recipe: Recipe, step: int) -> float:
    """Learning rate of a step counted from 0: linear warm-up, then a cosine to `last`."""
    if step < recipe.warm:
        return recipe.rate * (step + 1) / recipe.warm
    part = (step - recipe.warm) / max(1, recipe.steps - recipe.warm)
    low = recipe.last or 0.0
    return recipe.rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, part))))


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
    recipe; NotFinite when the loss leaves the numbers; Diverged when it explodes or learns nothing.
    """
    training = Training(recipe, folder, resume=resume, device=device, tell=tell, stop_at=stop_at)
    for _ in training:
        pass
    return training.model.eval()


class Training:
    """One training, a step each time it is asked for the next: several take turns on one device."""

    model: nn.Module

    def __init__(
        self, recipe: Recipe, folder: Path, *, resume: bool = False, device: str = "cpu",
        tell: Listener = lambda step, row: None, stop_at: int | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.folder, self.resume, self.device, self.tell = recipe, folder, resume, device, tell
        self.end = recipe.steps if stop_at is None else stop_at

    def __iter__(self) -> Iterator[int]:
        """Yields the number of steps done after each of them."""
        recipe = self.recipe
        with lock(self.folder, "training"):
            first = self._begin(_started(recipe, self.folder, self.resume))
            for step in range(first, self.end):
                self.journal.step(self._step(step))
                done = step + 1
                if done % _LOOK == 0 or done == self.end or self.device == "cpu":
                    self.journal.check(recipe.name, done)
                if done % recipe.every == 0 or done == recipe.steps:
                    self._look(done)
                else:
                    self.tell(done, {})
                yield done

    def _begin(self, state: dict[str, Any] | None) -> int:
        recipe = self.recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = recipe.build()
        self.model.to(device=self.device, memory_format=torch.channels_last)
        if recipe.optimisers is not None:
            self.optimisers = list(recipe.optimisers(self.model))
        else:
            groups = grouped(self.model, recipe.decay)
            self.optimisers = [torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), eps=1e-8)]
        for group in (g for o in self.optimisers for g in o.param_groups):
            group["initial_lr"] = group["lr"]
        first = 0
        if state is not None:
            self.model.load_state_dict(state["model"])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            first = state["step"]
        self.journal = Journal(self.folder / LOG, first, recipe.exploded)
        return first

    def _step(self, step: int) -> Parts:
        recipe, model = self.recipe, self.model
        for group in (g for o in self.optimisers for g in o.param_groups):
            group["lr"] = rate(recipe, step) * (group["initial_lr"] / recipe.rate)
        model.train()
        row = recipe.first + step * recipe.rows
        with cast(recipe, self.device):
            parts = recipe.learn(model, self.optimisers, step, row, recipe.rows)
        if recipe.after is not None:
            recipe.after(model, step + 1)
        return {name: value.detach() for name, value in parts.items()}

    def _look(self, done: int) -> None:
        """Held-out figures, a picture, a checkpoint, the log; Diverged when a figure is not where it must be."""
        recipe = self.recipe
        figures = dict(recipe.evaluate(self.model, recipe.held_out))
        for sentence in recipe.warn(figures):
            _log.warning("%s: %s", recipe.name, sentence)
        row = self.journal.line(done, rate(recipe, done - 1), figures)
        if recipe.sheet is not None:
            write_atomic(self.folder / SAMPLES / f"{done:06d}.png", encode_png(recipe.sheet(self.model)))
        self.tell(done, row)
        _save(recipe, self.folder, self.model, self.optimisers, done)
        self.journal.write()
        must = recipe.must
        if must is not None and done >= must.step and not figures[must.figure] >= must.least:
            raise Diverged(
                f"{recipe.name} learns nothing: held-out {must.figure} is {figures[must.figure]:.3f} after {done} "
                f"steps, where {must.least:g} is expected from step {must.step} on; lower the rate or try another seed."
            )


def down(losses: Losses) -> Learn:
    """A step of one player, down its losses; its gradient is cut at norm 1."""

    def learn(model: nn.Module, optimisers: Sequence[Optimizer], step: int, first: int, rows: int) -> Parts:
        parts = losses(model, step, first, rows)
        (optimiser,) = optimisers
        descend(optimiser, parts, [p for p in model.parameters() if p.requires_grad], 1.0)
        return parts

    return learn


def descend(optimiser: Optimizer, parts: Parts, learned: Iterable[nn.Parameter], cut: float) -> torch.Tensor:
    """A step down the sum of the parts, the gradient of what is learned cut at a norm; the norm before the cut."""
    total = torch.stack(list(parts.values())).sum()
    optimiser.zero_grad()
    with torch.autocast(total.device.type, enabled=False):  # a backward pass has the precision of its forward pass
        total.backward()
    norm = nn.utils.clip_grad_norm_(learned, cut)
    optimiser.step()
    return norm


def cast(recipe: Recipe, device: str) -> contextlib.AbstractContextManager[Any]:
    """The recipe's precision as a context."""
    if recipe.precision is None:
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, getattr(torch, recipe.precision))


def _started(recipe: Recipe, folder: Path, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to go on from."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    if not resume:
        raise UsageError(f"{folder} holds a training already; --resume goes on with it, or give another --out.")
    state = checkpoint(folder)
    if state.get("recipe") != described(recipe) or "optimisers" not in state:
        raise StoreError(f"{path} is of another recipe (steps, seed or rates differ); give another --out.")
    return state


def checkpoint(folder: Path) -> dict[str, Any]:
    """What a training left: recipe, step, model, optimisers; StoreError when it cannot be read."""
    path = folder / CHECKPOINT
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise StoreError(f"{path} cannot be read ({type(error).__name__}); delete it to begin anew.") from error


def described(recipe: Recipe) -> str:
    """What must be equal for a training to go on."""
    plain = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
    for name in ("every", "held_out", "exploded"):  # looking changes no weight
        del plain[name]
    return json.dumps({k: v for k, v in plain.items() if isinstance(v, (int, float, str))}, sort_keys=True)


def grouped(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay; gains, biases, embeddings of positions and the scale do not. What needs no gradient is left
    alone."""
    trained = [p for p in model.parameters() if p.requires_grad]
    wide = [p for p in trained if p.ndim >= 2]
    thin = [p for p in trained if p.ndim < 2]
    return [{"params": wide, "weight_decay": decay}, {"params": thin, "weight_decay": 0.0}]


def _save(recipe: Recipe, folder: Path, model: nn.Module, optimisers: Sequence[Optimizer], step: int) -> None:
    buffer = io.BytesIO()
    state = {
        "recipe": described(recipe), "step": step, "model": model.state_dict(),
        "optimisers": [o.state_dict() for o in optimisers],
    }  # fmt: skip
    torch.save(state, buffer)
    write_atomic(folder / CHECKPOINT, buffer.getvalue())
