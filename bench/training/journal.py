"""The log of a training: JSON lines of mean losses and held-out figures, and the watch over the losses in between."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.errors import Diverged, NotFinite
from bench.store import write_atomic

LOG = "log.jsonl"
_MEAN_OF, _SMALL = 50, 1.0
"""Steps whose mean loss is watched, and the least that it is compared with: losses that begin near 0 may grow."""


class Journal:
    """Mean losses since the last line, the lines so far, and whether the losses are still sane."""

    def __init__(self, path: Path, step: int, exploded: float | None = None) -> None:
        self.path, self.begun, self.exploded = path, time.perf_counter(), exploded
        self.waiting: list[Mapping[str, torch.Tensor]] = []
        self.numbers: list[Mapping[str, float]] = []
        self.parts: dict[str, list[float]] = {}
        self.recent: dict[str, list[float]] = {}
        self.level: dict[str, float] = {}
        old = path.read_text().splitlines() if path.is_file() else []
        self.lines = [line for line in old if json.loads(line)["step"] <= step]

    def step(self, parts: Mapping[str, torch.Tensor]) -> None:
        """Take the losses of a step, without waiting for the device."""
        self.waiting.append(parts)

    def take(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Take the losses of steps as numbers."""
        self.numbers.extend(rows)

    def check(self, name: str, step: int) -> None:
        """Look at what was taken, the last of it of `step`. NotFinite or Diverged names the step whose loss is beyond
        hope."""
        rows, self.numbers = [*self.numbers, *self._read()], []
        for at, parts in enumerate(rows, step - len(rows) + 1):
            for part, value in parts.items():
                if not math.isfinite(value):
                    raise NotFinite(f"The loss '{part}' of {name} is not finite at step {at}; lower the rate.")
                self.parts.setdefault(part, []).append(value)
                self._watch(name, part, value, at)

    def _read(self) -> list[dict[str, float]]:
        """What waits on the device as numbers, in one transfer."""
        waiting, self.waiting = self.waiting, []
        values = torch.stack([v.float() for parts in waiting for v in parts.values()]).tolist() if waiting else []
        numbers = iter(values)
        return [{part: next(numbers) for part in parts} for parts in waiting]

    def _watch(self, name: str, part: str, value: float, step: int) -> None:
        recent = self.recent.setdefault(part, [])
        recent.append(value)
        if len(recent) < _MEAN_OF:
            return
        mean = sum(recent) / len(recent)
        recent.clear()
        level = self.level.setdefault(part, max(abs(mean), _SMALL))
        if self.exploded is not None and abs(mean) > self.exploded * level:
            raise Diverged(
                f"The loss '{part}' of {name} has grown from {level:.3g} to {mean:.3g} at step {step}; lower the rate."
            )

    def line(self, step: int, now: float, figures: Mapping[str, float]) -> dict[str, Any]:
        """The line of a checkpoint, and begin the next."""
        seconds = time.perf_counter() - self.begun
        row = {
            "step": step, "rate": now, **{f"loss:{k}": sum(v) / len(v) for k, v in self.parts.items()},
            **figures, "seconds": round(seconds, 1),
        }  # fmt: skip
        self.begun, self.parts = time.perf_counter(), {}
        self.lines.append(json.dumps(row))
        return row

    def write(self) -> None:
        """The log as a file, whole or as it was."""
        write_atomic(self.path, "".join(line + "\n" for line in self.lines).encode())
