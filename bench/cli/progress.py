"""Progress: a live line on a terminal, plain lines elsewhere. It implements `bench.engine.options.Progress`."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

EVERY = 10.0
"""Seconds between plain lines."""


def progress(quiet: bool) -> Any:
    """What fits this stderr."""
    if quiet:
        from bench.engine.options import Silent

        return Silent()
    return Live() if sys.stderr.isatty() else Plain()


def rate(done: int, total: int, seconds: float) -> str:
    """'120/500  34.1/s  11 s left'."""
    speed = done / seconds if seconds > 0 else 0.0
    left = f"  {_duration((total - done) / speed)} left" if speed and done < total else ""
    return f"{done}/{total}  {speed:.1f}/s{left}"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )


class Plain:
    """One line when a phase ends, and every ten seconds within one."""

    def __init__(self) -> None:
        self.title, self.total, self.done, self.began, self.said = "", 0, 0, 0.0, 0.0

    def phase(self, system: str, name: str, total: int) -> None:
        self.title, self.total, self.done = f"{system}: {name}" if system else name, total, 0
        self.began = self.said = time.monotonic()

    def advance(self, n: int = 1) -> None:
        self.done += n
        now = time.monotonic()
        if self.done >= self.total or now - self.said >= EVERY:
            self.said = now
            click.echo(f"{self.title}  {rate(self.done, self.total, now - self.began)}", err=True)

    def line(self, text: str) -> None:
        click.echo(text, err=True)


class Live(Plain):
    """A rich progress bar; it is drawn only while a phase runs."""

    def __init__(self) -> None:
        super().__init__()
        self.bar: Any = None

    def phase(self, system: str, name: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._end()
        super().phase(system, name, total)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.task = self.bar.add_task(self.title, total=total, speed="")
        self.bar.start()

    def advance(self, n: int = 1) -> None:
        self.done += n
        seconds = time.monotonic() - self.began
        if self.bar is not None:
            self.bar.update(self.task, advance=n, speed=f"{self.done / max(seconds, 1e-9):.1f}/s")
        if self.done >= self.total:
            self._end()
            click.echo(f"{self.title}  {rate(self.done, self.total, seconds)}", err=True)

    def line(self, text: str) -> None:
        self._end()
        click.echo(text, err=True)

    def _end(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
