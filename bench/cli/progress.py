"""Progress on stderr: a live line on a terminal, plain lines elsewhere. Implements `bench.engine.options.Progress`.

The engine names each phase ('ours (1/7): images') and counts its steps. A finished phase leaves one line in both forms,
so that a log and a terminal's history read the same.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from bench.cli.say import say, visible

EVERY = 10.0
"""Seconds between plain lines within a phase."""


def progress(quiet: bool) -> Quiet | Plain:
    """What fits this stderr."""
    if quiet:
        return Quiet()
    return Live() if sys.stderr is not None and sys.stderr.isatty() else Plain()


def rate(done: int, total: int, seconds: float, before: int = 0) -> str:
    """'120/500  34.1/s  11 s left'; a finished phase says how long it took. before: what was done when it began."""
    speed = (done - before) / seconds if seconds > 0 else 0.0
    if done >= total:
        return f"{done}/{total}  {speed:.1f}/s  {duration(seconds)}"
    left = f"  {duration((total - done) / speed)} left" if speed else ""
    return f"{done}/{total}  {speed:.1f}/s{left}"


def duration(seconds: float) -> str:
    """'0.4 s', '75 s', '12 min', '3.5 h'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class Quiet:
    """No progress."""

    def phase(self, system: str, name: str, total: int, before: int = 0) -> None: ...

    def advance(self, n: int = 1) -> None: ...

    def line(self, text: str) -> None: ...

    def close(self) -> None: ...


class Plain:
    """One line when a phase ends, and every ten seconds within one.

    A phase ends with the next one (or a note), not with its last step: images are counted when they are decoded, and
    the last batch still goes through the networks then.
    """

    def __init__(self) -> None:
        self.title, self.total, self.before, self.done, self.began, self.said = "", 0, 0, 0, 0.0, 0.0

    def phase(self, system: str, name: str, total: int, before: int = 0) -> None:
        """before: steps that an earlier process has done."""
        self.close()
        self.title, self.total = f"{system}: {name}" if system else name, total
        self.before = self.done = before
        self.began = self.said = time.monotonic()

    def advance(self, n: int = 1) -> None:
        if not self.title:
            return
        self.done += n
        now = time.monotonic()
        if self.done < self.total and now - self.said >= EVERY:
            self.said = now
            self._tell(now)

    def line(self, text: str) -> None:
        if self.done >= self.total:
            self.close()
        self._say(text)

    def _say(self, text: str) -> None:
        say(text, err=True)

    def close(self) -> None:
        """End the phase, finished or not, with its line."""
        if self.title and self.done > self.before:
            self._tell(time.monotonic())
        self.title = ""

    def _tell(self, now: float) -> None:
        self._say(f"{self.title}  {rate(self.done, self.total, now - self.began, self.before)}")


class Live(Plain):
    """A bar of rich, shown only while a phase runs, so that a traceback or a prompt never meets a hidden cursor."""

    def __init__(self) -> None:
        super().__init__()
        self.bar: Any = None

    def phase(self, system: str, name: str, total: int, before: int = 0) -> None:
        super().phase(system, name, total, before)
        self.bar = _bar()
        self.task = self.bar.add_task(self.title, total=total, completed=before, told="")
        self.bar.start()

    def advance(self, n: int = 1) -> None:
        super().advance(n)
        if self.bar is not None:
            told = rate(self.done, self.total, time.monotonic() - self.began, self.before)
            self.bar.update(self.task, completed=self.done, told=told)

    def _say(self, text: str) -> None:
        if self.bar is None:
            super()._say(text)
        else:
            self.bar.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        super().close()


def _bar() -> Any:
    """Title, bar, 'done/total  images/s  time left'; rich itself honours NO_COLOR and dumb terminals."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    title, told = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[told]"))
    return Progress(title, BarColumn(), told, console=Console(stderr=True), transient=True)
