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
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
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
from bench.training.captured import LOOK, Captured, Numbers
from bench.training.journal import LOG, Journal

_log = logging.getLogger("bench")
CHECKPOINT, SAMPLES = "checkpoint.pt", "samples"

Inputs = Mapping[str, torch.Tensor]
Parts = Mapping[str, torch.Tensor]
Losses = Callable[[Any, int, int, int], Parts]
"""(model, step, first data row, rows) -> the parts of the loss, whose sum is made smaller."""
Learn = Callable[[Any, Sequence[Optimizer], int, int, int], Parts]
"""(model, optimisers, step, first data row, rows) -> parts of the losses, for the log and to be watched; takes the step
with those optimisers."""


@dataclass(frozen=True)
class Split:
    """A Learn in parts: what differs from step to step, what a step is given, and what then happens. `feed`, `act` and
    `follow` never look at a value where they are to be recorded on a GPU."""

    plan: Callable[[Any, int, int, int], Numbers]
    """(model, step, first data row, rows) -> numbers of the step; the same names at every step."""
    feed: Callable[[Any, Numbers, int, torch.Generator], Inputs]
    """(model, numbers, rows, generator) -> tensors on the model's device, of the same shapes at every step."""
    act: Callable[[Any, Sequence[Optimizer], Any, Inputs], Parts]
    """(model, optimisers, kind, inputs): the step down the losses."""
    follow: Callable[[Any, Numbers], None] = lambda model, numbers: None
    """(model, numbers): what comes after it, a running mean of the weights for instance."""
    kind: Callable[[Any, int], Hashable] = lambda model, step: ""
    """(model, step) -> what sort of step it is."""
    recorded: bool = False
    """Whether a GPU records it."""

    def __call__(self, model: Any, optimisers: Sequence[Optimizer], step: int, first: int, rows: int) -> Parts:
        draw = torch.Generator(next(model.parameters()).device).manual_seed(first)
        return self.take(model, optimisers, self.kind(model, step), self.plan(model, step, first, rows), rows, draw)

    def take(
        self, model: Any, optimisers: Sequence[Optimizer], kind: Hashable, numbers: Numbers, rows: int,
        draw: torch.Generator,
    ) -> Parts:  # fmt: skip
        """A step of a kind by its numbers."""
        parts = self.act(model, optimisers, kind, self.feed(model, numbers, rows, draw))
        self.follow(model, numbers)
        return parts


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
    """A step; `down(losses)` for one player. A `Split` is recorded on a GPU."""
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
    sheet: Callable[[Any], np.ndarray] | None = None
    """model -> uint8 (h, w, 3): what it draws now, kept as a picture at every checkpoint."""
    ready: Callable[[Any, str], None] | None = None
    """(model, device): called before the first step."""
    must: Must | None = None
    warn: Callable[[Mapping[str, float]], Sequence[str]] = lambda figures: ()
    """Held-out figures -> a sentence for each that is worrying; the training goes on."""
    exploded: float | None = 4.0
    """A part of the loss whose mean over 50 steps is this many times that of the first 50 (at least 1) has left for
    good; None: not watched."""
    begun: str = ""
    """sha256 of the weights that `build` begins with; '': of none."""
    optimisers: Callable[[Any], Sequence[Optimizer]] | None = None
    """Those of several players or of several kinds of weights, whose rates all follow the warm-up and the cosine; None:
    one AdamW."""


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
    captured: Captured | None = None

    def __init__(
        self, recipe: Recipe, folder: Path, *, resume: bool = False, device: str = "cpu",
        tell: Listener = lambda step, row: None, stop_at: int | None = None,
    ) -> None:  # fmt: skip
        self.recipe, self.folder, self.resume, self.device, self.tell = recipe, folder, resume, device, tell
        self.end = recipe.steps if stop_at is None else stop_at
        self.stream = torch.cuda.Stream(device) if torch.device(device).type == "cuda" else None

    def __iter__(self) -> Iterator[int]:
        """Yields the number of steps done after each of them."""
        recipe = self.recipe
        with lock(self.folder, "training"):
            with self._lane():
                first = self._begin(_started(recipe, self.folder, self.resume))
            for step in range(first, self.end):
                with self._lane():
                    self._on(step)
                yield step + 1

    def _on(self, step: int) -> None:
        recipe, done = self.recipe, step + 1
        look = done % recipe.every == 0 or done == recipe.steps
        self._step(step)
        if look or done % LOOK == 0 or done == self.end or self.device == "cpu":
            if self.captured is not None:
                self.journal.take(self.captured.read())
            self.journal.check(recipe.name, done)
        if look:
            self._look(done)
        else:
            self.tell(done, {})

    def _lane(self) -> contextlib.AbstractContextManager[Any]:
        """On a GPU a stream of this training's own: trainings in turns then run side by side."""
        return torch.cuda.stream(self.stream) if self.stream is not None else contextlib.nullcontext()

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
        self.rates = [float(g["lr"]) / recipe.rate for g in self._groups()]
        first = 0
        if state is not None:
            self.model.load_state_dict(state["model"])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(fitted(saved, optimiser))
            first = state["step"]
        if recipe.ready is not None:
            recipe.ready(self.model, self.device)
        self.captured = self._recording(first) if self.stream is not None else None
        self.journal = Journal(self.folder / LOG, first, recipe.exploded)
        return first

    def _step(self, step: int) -> None:
        recipe = self.recipe
        row = recipe.first + step * recipe.rows
        if not self.model.training:
            self.model.train()
        if self.captured is not None:
            assert isinstance(recipe.learn, Split)
            self.captured.step(recipe.learn.kind(self.model, step), row)
            return
        for group, share in zip(self._groups(), self.rates, strict=True):
            group["lr"] = rate(recipe, step) * share
        with cast(recipe, self.device):
            parts = recipe.learn(self.model, self.optimisers, step, row, recipe.rows)
        self.journal.step({name: value.detach() for name, value in parts.items()})

    def _groups(self) -> list[dict[str, Any]]:
        return [g for o in self.optimisers for g in o.param_groups]

    def _recording(self, first: int) -> Captured | None:
        """What takes steps from `first` on by recordings, if the recipe can be recorded: rates become tensors, and are
        read where they lie."""
        recipe, split = self.recipe, self.recipe.learn
        if not isinstance(split, Split) or not split.recorded:
            return None
        for group in self._groups():
            group["lr"] = torch.tensor(float(group["lr"]), device=self.device)
            if "capturable" in group and self.stream is not None:
                group["capturable"] = True
        for state in (s for o in self.optimisers for s in o.state.values() if "step" in s):
            state["step"] = torch.as_tensor(state["step"], dtype=torch.float32, device=self.device)

        def take(kind: Hashable, numbers: Numbers, draw: torch.Generator) -> Parts:
            for group, share in zip(self._groups(), self.rates, strict=True):
                group["lr"].copy_(numbers["rate"] * share)
            with cast(recipe, self.device):
                return split.take(self.model, self.optimisers, kind, numbers, recipe.rows, draw)

        numbers = [
            {"rate": rate(recipe, n), **split.plan(self.model, n, recipe.first + n * recipe.rows, recipe.rows)}
            for n in range(first, self.end)
        ]  # fmt: skip
        return Captured(take, numbers, self.device)

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
        descend(optimisers, parts, [p for p in model.parameters() if p.requires_grad], 1.0)
        return parts

    return learn


def descend(
    optimisers: Sequence[Optimizer], parts: Parts, learned: Iterable[nn.Parameter], cut: float
) -> torch.Tensor:
    """A step down the sum of the parts, the gradient of what is learned cut at a norm; the norm before the cut."""
    total = torch.stack(list(parts.values())).sum()
    for optimiser in optimisers:
        optimiser.zero_grad()
    with torch.autocast(total.device.type, enabled=False):  # a backward pass has the precision of its forward pass
        total.backward()
    norm = nn.utils.clip_grad_norm_(learned, cut)
    for optimiser in optimisers:
        optimiser.step()
    return norm


@torch.no_grad()
def towards(followers: Sequence[torch.Tensor], leaders: Sequence[torch.Tensor], share: Any) -> None:
    """Move each follower towards its leader by a share of the way, a number or a tensor ()."""
    if not isinstance(share, torch.Tensor):
        torch._foreach_lerp_(followers, leaders, share)
        return
    way = torch._foreach_sub(leaders, followers)
    torch._foreach_mul_(way, share)
    torch._foreach_add_(followers, way)


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
    for name in ("every", "held_out", "exploded", *(() if recipe.begun else ("begun",))):  # looking changes no weight
        del plain[name]
    return json.dumps({k: v for k, v in plain.items() if isinstance(v, (int, float, str))}, sort_keys=True)


def fitted(saved: dict[str, Any], optimiser: Optimizer) -> dict[str, Any]:
    """An optimiser's state with the settings that this device asks for, which need not be those it was saved with."""
    groups = [{**old, "lr": float(new["lr"]), **{k: new[k] for k in ("capturable", "fused") if k in new}}
              for old, new in zip(saved["param_groups"], optimiser.param_groups, strict=True)]  # fmt: skip
    return {**saved, "param_groups": groups}


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
