"""One kind of bad input: how it is made, the command, the exit code, the sentence, and what must be there afterwards.

A command runs in this process through `bench.cli.main`, in a folder of its own with four images and four prompts. Cases
that share a `stage` share one run, each looking at its own image of it: images are read together or not at all.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from bench import store
from bench.cli import main

SIZE = 8
RUN = "run ours --prompts captions.txt -m collapse -q"
"""The plain command: a metric without a network, runs below ./runs."""
TINY = "timm(model=test_resnet,seed=0,size=64)"
FD = f"run ours --prompts captions.txt --reference photos -q -m fd(extractor={TINY})"

_DIGEST = re.compile(r"(?<=-)[0-9a-f]{8}\b|\b[0-9a-f]{16}(?=\.\.\.)|(?<=packs/)[0-9a-f]{16}|(?<=files/)[0-9a-f]{8}(?=-)")
_FOREIGN = (
    (re.compile(r"\b127\.0\.0\.1:[0-9]{4,5}"), "127.0.0.1:8000"),
    (re.compile(r"process [0-9]+ on \S+?;"), "process 4711 on this machine;"),
    (re.compile(r"(truncated or damaged|refused as weights|no readable safetensors file|cannot be read|bundle\.json is damaged) \((?:[^()]|\([^()]*\))*\)"),
     r"\1 (...)"),
)  # fmt: skip
"""What differs from machine to machine, or with the version of a library that speaks in the sentence."""


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    folder: Path
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines of stderr."""
        return self.err.splitlines()

    @property
    def runs(self) -> list[Path]:
        """Folders of finished runs."""
        return store.find_runs(self.folder / "runs")

    @property
    def run(self) -> Path:
        """The one finished run."""
        (run,) = self.runs
        return run

    def rows(self) -> pd.DataFrame:
        """samples.parquet of the one run, by sample id."""
        return store.samples(self.run).set_index("sample")


def nothing(_: Any) -> None:
    """No preparation, or nothing more to look at."""


def last(ended: Ended) -> str:
    """The sentence: the last line of stderr."""
    return ended.lines[-1] if ended.lines else ""


def note(word: str) -> Callable[[Ended], str]:
    """Tells the line of the run's record that holds a word."""
    return lambda ended: next((n for n in store.load(ended.run).notes if word in n), "")


@dataclass(frozen=True)
class Stage:
    """A folder and a command that several cases share."""

    make: Callable[[Path], Any] = nothing
    line: str = RUN
    around: Callable[[Path], AbstractContextManager[Any]] = field(default=lambda folder: contextlib.nullcontext())
    """What holds while the command runs: a full disk, a clock that jumps."""


@dataclass(frozen=True)
class Case:
    """A kind of bad (or odd) input."""

    given: str
    """What it is; unique, the first column of docs/bad-input.md."""
    code: int
    says: str
    """Regular expression that the whole sentence matches; '' where odd input is legal and nothing need be said."""
    stage: Stage
    after: Callable[[Ended], Any] = nothing
    """Asserts what must be there afterwards."""
    tells: Callable[[Ended], str] = last
    damaged: bool = False
    """Whether the case itself leaves a damaged run, which is then not read again."""
    legal: str = ""
    """For odd input that is right: what becomes of it, in the table's words."""


def case(given: str, code: int, says: str, make: Callable[[Path], Any] = nothing, line: str = RUN, **more: Any) -> Case:
    """A Case with a stage of its own."""
    kept = {k: v for k, v in more.items() if k not in ("around",)}
    around = {"around": more["around"]} if "around" in more else {}
    return Case(given, code, says, Stage(make, line, **around), **kept)


# ---- the ordinary folder -------------------------------------------------------------------------------------------


def picture(seed: int, size: int = SIZE) -> np.ndarray:
    """Noise: uint8 (size, size, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def images(folder: Path, count: int = 4, seed: int = 0, names: Callable[[int], str] = "{}.png".format) -> Path:
    """`count` pictures, numbered from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(1, count + 1):
        Image.fromarray(picture(seed + n)).save(folder / names(n))
    return folder


def captions(folder: Path, *texts: str, name: str = "captions.txt") -> Path:
    """A file of prompts."""
    path = folder / name
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def prepared(folder: Path) -> Path:
    """What every case finds: ours/1.png to 4.png, photos/ and captions.txt."""
    images(folder / "ours")
    images(folder / "photos", seed=100)
    captions(folder, "a red ball", "two blue cups", "a green box on a table", "a yellow bird")
    return folder


# ---- carrying out --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _surroundings(folder: Path) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Own folder, own homes, own streams; variables and signal handlers come back as they were."""
    before, there = dict(os.environ), os.getcwd()
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born ignoring it
    out, err = io.StringIO(), io.StringIO()
    os.environ.update({v: str(folder / "home") for v in ("BENCH_HOME", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME")})
    for name in ("HF_HUB_CACHE", "BENCH_ALLOW_DOWNLOAD", "BENCH_CRASH_AT"):
        os.environ.pop(name, None)
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield out, err
    finally:
        os.chdir(there)
        for name, handler in handlers.items():
            signal.signal(name, handler)
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def carry_out(stage: Stage, folder: Path) -> Ended:
    """Make the input and run the command."""
    stage.make(prepared(folder))
    with _surroundings(folder) as (out, err), stage.around(folder):
        code = main(shlex.split(stage.line))
    return Ended(folder, code, out.getvalue(), err.getvalue())


def intact(ended: Ended) -> None:
    """Whatever happened: no half-written file, and every run that calls itself finished can be read."""
    runs = ended.folder / "runs"
    if runs.is_dir():
        assert not list(runs.rglob("*.tmp"))
    for run in ended.runs if runs.is_dir() else ():
        store.load(run)
        assert len(store.samples(run))


def sentence(one: Case, ended: Ended) -> str:
    """What the case tells, without what differs from machine to machine."""
    text = one.tells(ended).replace(str(ended.folder), "...").removeprefix("error: ")
    text = _DIGEST.sub("*", text)
    for pattern, instead in _FOREIGN:
        text = pattern.sub(instead, text)
    return text.replace(socket.gethostname(), "this machine").replace(sys.executable, "python")
