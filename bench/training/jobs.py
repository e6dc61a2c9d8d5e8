"""From a command to trainings: one for each seed, in one process; on an accelerator side by side, else one by one."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.errors import BenchError, UsageError
from bench.store import disk_errors, home
from bench.training import recipes
from bench.training.loop import CHECKPOINT, Listener, Recipe, Training, checkpoint
from bench.training.recipes import How, Trainable
from bench.training.shipping import finish

_WARM, _TIMED = 3, 8
"""Steps before, and of, the measurement that turns minutes into steps."""

Tell = Callable[[str, int, int, Mapping[str, Any]], None]
"""(name, step, steps, line of the log or {})."""


@dataclass(frozen=True)
class Asked:
    """What a command asks for."""

    what: str
    how: How
    seeds: tuple[int, ...]
    minutes: float | None
    out: str
    resume: bool
    device: str
    images: int


@dataclass(frozen=True)
class Job:
    """One training."""

    trained: Trainable
    folder: Path

    @property
    def recipe(self) -> Recipe:
        return self.trained.recipe


def jobs(asked: Asked) -> list[Job]:
    """The trainings of a command. UsageError for names and settings that do not exist."""
    if asked.minutes is not None and asked.how.steps is not None:
        raise UsageError("Give --minutes or --steps, not both.")
    found = _of_seeds(asked, asked.how)
    if asked.minutes is not None:
        found = _of_seeds(asked, dataclasses.replace(asked.how, steps=_steps_of(asked, found[0])))
    return found


def _of_seeds(asked: Asked, how: How) -> list[Job]:
    seeds = asked.seeds or (None,)
    found = [recipes.trainable(asked.what, dataclasses.replace(how, seed=seed)) for seed in seeds]
    names = [one.recipe.name for one in found]
    if len(set(names)) < len(names):  # judges are called the same whatever the seed
        names = [f"{name}-{seed}" for name, seed in zip(names, seeds, strict=True)]
    if asked.out and len(seeds) == 1:
        return [Job(found[0], Path(asked.out))]
    return [Job(one, Path(asked.out or "trained") / name) for one, name in zip(found, names, strict=True)]


# ---- minutes -------------------------------------------------------------------------------------------------------


def _steps_of(asked: Asked, one: Job) -> int:
    """How many steps fit into the minutes on this machine; those of the checkpoint where one is gone on with."""
    assert asked.minutes is not None
    if asked.resume and (one.folder / CHECKPOINT).is_file():
        return int(json.loads(checkpoint(one.folder)["recipe"])["steps"])
    step, look = _seconds(one.recipe, asked.device)
    together = len(asked.seeds or (0,))
    steps = math.floor(asked.minutes * 60 / together / (step + look / one.recipe.every))
    if steps < 2 * one.recipe.every:  # too few for the recipe's rhythm of looks
        steps = math.floor((asked.minutes * 60 / together - 2 * look) / step)
    if steps < 1:
        raise UsageError(f"{asked.minutes:g} minutes are less than a step takes here; give more.")
    return steps


def _seconds(recipe: Recipe, device: str) -> tuple[float, float]:
    """Seconds of a step, and of the held-out figures."""
    with tempfile.TemporaryDirectory(prefix="bench-train-") as scratch:
        probe = dataclasses.replace(recipe, steps=10**9, every=10**9)
        training = Training(probe, Path(scratch), device=device, stop_at=_WARM + _TIMED)
        began = 0.0
        for done in training:
            began = time.perf_counter() if done == _WARM else began
        step = (time.perf_counter() - began) / _TIMED
        began = time.perf_counter()
        recipe.evaluate(training.model, recipe.held_out)
        return step, time.perf_counter() - began


# ---- carrying out --------------------------------------------------------------------------------------------------


def carry_out(found: Sequence[Job], asked: Asked, tell: Tell) -> list[Path]:
    """Train all and write what is shipped of each; the paths of the weights.

    A training that fails does not stop the others; its error is raised at the end.
    """
    trainings = [
        Training(job.recipe, job.folder, resume=asked.resume, device=asked.device, tell=_told(job, tell))
        for job in found
    ]
    errors = together(trainings, asked.device)
    paths = [
        finish(job.trained, training.model, job.folder, asked.images, asked.device)
        for job, training in zip(found, trainings, strict=True) if training not in errors
    ]  # fmt: skip
    if errors:
        first = next(iter(errors.values()))
        raise type(first)(*(message for error in errors.values() for message in error.messages))
    return paths


def _told(job: Job, tell: Tell) -> Listener:
    return lambda step, row: tell(job.folder.name, step, job.recipe.steps, row)


def together(trainings: Sequence[Training], device: str) -> dict[Training, BenchError]:
    """Run all to their end; the errors of those that failed.

    On the CPU one after another. On an accelerator a step of each in turn: small networks leave most of it idle.
    """
    errors: dict[Training, BenchError] = {}
    cuda = torch.device(device).type == "cuda"
    if cuda:
        torch.backends.cuda.matmul.allow_tf32 = True
    groups = [list(trainings)] if cuda else [[one] for one in trainings]
    for group in groups:
        lanes = [(one, iter(one)) for one in group]
        while lanes:
            lanes = [lane for lane in lanes if _on(*lane, errors)]
    return errors


def _on(one: Training, steps: Iterator[int], errors: dict[Training, BenchError]) -> bool:
    """One step more; whether there may be another."""
    try:
        return next(steps, None) is not None
    except BenchError as error:
        errors[one] = error
        return False


def install(weights: Path) -> Path:
    """Copy weights and card to BENCH_HOME/weights, where generators look for them by name."""
    target = home() / "weights" / weights.name
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(weights, target)
        shutil.copyfile(weights.with_suffix(".json"), target.with_suffix(".json"))
    return target
