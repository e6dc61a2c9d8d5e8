"""How a run is carried out (never part of its identity), and how it tells of its progress."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.errors import UsageError


class Progress(Protocol):
    """What the engine tells while it works; the command line draws it, Python callers may pass their own."""

    def phase(self, system: str, name: str, total: int) -> None:
        """A phase ('generate and extract', 'reference', 'texts', 'score') of `total` steps begins."""

    def advance(self, n: int = 1) -> None:
        """`n` steps are done."""

    def line(self, text: str) -> None:
        """One line for the log."""


class Silent:
    """No progress."""

    def phase(self, system: str, name: str, total: int) -> None: ...

    def advance(self, n: int = 1) -> None: ...

    def line(self, text: str) -> None: ...


@dataclass(frozen=True)
class Options:
    """Executor settings."""

    root: Path = field(default_factory=lambda: Path("runs"))
    device: str = "cpu"
    dtype: str = "float32"
    workers: int | None = None
    """Threads that decode and prepare; None: the number of cores, at most 8."""
    batch_size: int | None = None
    """Overrides every extractor's own."""
    shard: tuple[int, int] | None = None
    """(i, n): do only every n-th shard of the plan, from the i-th (0-based)."""
    progress: Progress = field(default_factory=Silent)

    @property
    def threads(self) -> int:
        """Number of worker threads."""
        if self.workers is not None:
            return max(1, self.workers)
        return max(1, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def check_device(device: str) -> None:
    """UsageError unless torch can compute there."""
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
        raise UsageError(f"There is no device '{device}' here ({why}); use --device cpu.") from error


def parse_shard(text: str) -> tuple[int, int]:
    """'i/n' with 0 <= i < n."""
    i, _, n = text.partition("/")
    if i.isdigit() and n.isdigit() and int(i) < int(n):
        return int(i), int(n)
    raise UsageError(f"--shard takes i/n with 0 <= i < n, e.g. 0/8; got '{text}'.")
