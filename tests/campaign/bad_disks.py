"""Disks that are full or read-only, clocks that jump, two commands at once, kill -9, and runs that were damaged since.

What is finished is never lost and nothing half-written is read as whole: after each accident the same command goes on,
and what it ends with is what an undisturbed command gives.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import resource
import shlex
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

from bad_case import FD, RUN, TINY, Case, Ended, Stage, carry_out, case

from bench import store
from bench.cli import main

NOISES = "run noise --prompts captions.txt --reference photos -m collapse -q --size 64"
MORE = f"score noise -q -m fd(extractor={TINY})"
NOISE = "run noise --prompts captions.txt -m collapse -q --size 64"
Around = Callable[[Path], AbstractContextManager[Any]]


# ---- accidents -----------------------------------------------------------------------------------------------------


def flushes(most: int, code: int) -> Around:
    """The disk takes so many files and then fails with an error."""

    @contextlib.contextmanager
    def around(_: Path) -> Iterator[None]:
        real, done = os.fsync, itertools.count(1)

        def fsync(handle: int) -> None:
            if next(done) > most:
                raise OSError(code, os.strerror(code))
            real(handle)

        with mock.patch("os.fsync", fsync):
            yield

    return around


def files_of_at_most(size: int) -> Around:
    """The kernel refuses what is written to a file beyond its first `size` bytes."""

    @contextlib.contextmanager
    def around(_: Path) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return around


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """No folder or file can be made below runs/."""
    runs = str(folder / "runs")

    def refusing(real: Any) -> Any:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            if os.path.abspath(os.fspath(path)).startswith(runs):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))
            return real(path, *args, **kwargs)

        return call

    with mock.patch("os.mkdir", refusing(os.mkdir)), mock.patch("tempfile.mkstemp", refusing(tempfile.mkstemp)):
        yield


@contextlib.contextmanager
def jumping_clock(_: Path) -> Iterator[None]:
    """Every look at the clock gives another decade."""
    years = itertools.cycle((1971, 2099, 2000, 2030))

    def seconds() -> float:
        return (next(years) - 1970) * 31_556_952.0

    with mock.patch("time.time", seconds), mock.patch("time.time_ns", lambda: int(seconds() * 1e9)):
        yield


@contextlib.contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Another command works on the same run; the folder of the run becomes known by running it once."""
    assert main(shlex.split(RUN)) == 0
    with store.lock(store.find_runs(folder / "runs")[0]):
        yield


def killed_at(point: str, line: str) -> Around:
    """A first command that dies by SIGKILL at a named point."""

    @contextlib.contextmanager
    def around(folder: Path) -> Iterator[None]:
        child = os.fork()
        if child == 0:
            os.environ["BENCH_CRASH_AT"] = point
            try:
                main(shlex.split(line))
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{point} was not reached"
        yield

    return around


def since_then(change: Callable[[Path], Any], line: str = RUN) -> Around:
    """A run that was finished, and then something happened to it (its folder is given)."""

    @contextlib.contextmanager
    def around(folder: Path) -> Iterator[None]:
        assert main(shlex.split(line)) == 0
        change(store.find_runs(folder / "runs")[0])
        yield

    return around


# ---- what must be there afterwards ---------------------------------------------------------------------------------


def results(ended: Ended) -> tuple[Any, ...]:
    """All that must not depend on accidents."""
    scores = json.loads((ended.run / "run.json").read_text())["scores"]
    images = {p.name: p.read_bytes() for p in sorted((ended.run / "images").glob("*.png"))}
    frame = store.samples(ended.run)
    frame["image"] = frame["image"].map(os.path.basename)  # existing images are recorded by their own path
    return frame.to_json(), json.dumps(scores), images


def same_as_undisturbed(line: str) -> Callable[[Ended], None]:
    """The results are those of the same command in another folder, without an accident."""

    def look(ended: Ended) -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert results(ended) == results(carry_out(Stage(line=line), Path(folder)))

    return look


def recovers(line: str, finished: bool = False) -> Callable[[Ended], None]:
    """No run calls itself finished (unless it was the report that failed); the same command then gives the results."""

    def look(ended: Ended) -> None:
        assert bool(ended.runs) == finished and not list((ended.folder / "runs").rglob("*.tmp"))
        again = carry_out(Stage(lambda _: None, line), ended.folder)
        assert again.code == 0, again.err
        same_as_undisturbed(line)(again)

    return look


def scores_stay(line: str) -> Callable[[Ended], None]:
    """Table and scores are those of an undisturbed command, though images are gone."""

    def look(ended: Ended) -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert results(ended)[:2] == results(carry_out(Stage(line=line), Path(folder)))[:2]

    return look


def nothing_there(ended: Ended) -> None:
    assert not (ended.folder / "runs").exists()


def halved(name: str) -> Callable[[Path], None]:
    """Half of every file of this name (a pattern below the run, or below runs/ with '../')."""

    def change(run: Path) -> None:
        base = run.parent if name.startswith("../") else run
        found = list(base.glob(name.removeprefix("../")))
        assert found
        for path in found:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return change


def emptied_image(run: Path) -> None:
    """As a power cut leaves it: the image is there and empty, and what was to be recorded of it is not."""
    next((run / "images").glob("*.png")).write_bytes(b"")
    shutil.rmtree(run / "shards")
    (run / "run.json").unlink()


def lost_image(run: Path) -> None:
    next((run / "images").glob("*.png")).unlink()


def swapped_image(run: Path) -> None:
    """An image of the run exchanged for another one of the run."""
    first, second = sorted((run / "images").glob("*.png"))[:2]
    shutil.copy(second, first)


def replaced_image(run: Path) -> None:
    """An image of the user's folder exchanged after it was scored."""
    ours = run.parents[2] / "ours"
    shutil.copy(ours / "2.png", ours / "1.png")


def newer_format(run: Path) -> None:
    data = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**data, "format": 99}))


def without_field(run: Path) -> None:
    data = json.loads((run / "run.json").read_text())
    del data["label"]
    (run / "run.json").write_text(json.dumps(data))


def garbage_index(run: Path) -> None:
    (run.parents[1] / "cache.sqlite").write_bytes(b"not a database" * 100)


def old_times(folder: Path) -> None:
    """Files from before 1980 and from the future."""
    for n, path in enumerate(sorted((folder / "ours").iterdir())):
        os.utime(path, (0, 0) if n % 2 else (4_102_444_800, 4_102_444_800))


_FULL = r"Cannot write \.\.\./runs/\S+: No space left on device\. What is finished is kept; make room or choose another --root, then repeat the command to go on\."
_FULL = _FULL.replace(r"\.\.\./runs", "runs")
_LARGE = _FULL.replace("No space left on device", "File too large")
_READ_ONLY = _FULL.replace("No space left on device", "Read-only file system")

_CHANGED = (
    r"The images of sample '\S+' have changed since the run \S+ was made\. {what} Restore it, or move the run away and repeat its "
    r"command\."
)

CASES: list[Case] = [
    *(
        case(f"a disk that is full {when}", 74, _FULL, line=FD, around=flushes(most, errno.ENOSPC), after=recovers(FD))
        for when, most in (("from the start", 0), ("after two files", 2), ("before the last file", 6))
    ),
    case("no room for an image that is drawn", 74, _LARGE, line=NOISE, around=files_of_at_most(4096), after=recovers(NOISE)),
    case("no room for the report", 74, _LARGE, line=RUN,
         around=files_of_at_most(20_000), after=recovers(RUN, finished=True)),
    case("a disk that is read-only", 74, _READ_ONLY, line=RUN, around=read_only, after=nothing_there),
    case("a disk that becomes read-only", 74, _READ_ONLY, line=RUN, around=flushes(1, errno.EROFS), after=recovers(RUN)),
    case("a disk that fails to read back (input/output error)", 74, _FULL.replace("No space left on device", "Input/output error"),
         line=RUN, around=flushes(1, errno.EIO), after=recovers(RUN)),
    case("a root that is a file", 74, _FULL.replace("runs/", r"captions\.txt/runs/").replace("No space left on device", "Not a directory"), line=f"{RUN} --root captions.txt/runs"),
    case("a report where a file stands", 2, r"captions\.txt is a file, and a report is a folder; give another --out\.", line=f"{RUN} --report captions.txt"),
    case("a home that cannot be written (BENCH_HOME)", 0, "", lambda f: (f / "home").write_text(""), FD,
         after=same_as_undisturbed(FD), legal="works without its small caches"),
    case("a clock that jumps by decades", 0, "", line=FD, around=jumping_clock, after=same_as_undisturbed(FD),
         legal="no result depends on the clock"),
    case("images from 1970 and from 2100", 0, "", old_times, FD, after=same_as_undisturbed(FD),
         legal="no result depends on the times of files"),
    case("two commands on one run", 5,
         r"runs/\S+ is being worked on by process 4711 on this machine; wait for it, or give each process its own --shard i/n\.",
         line=RUN, around=at_work),
    *(
        case(f"kill -9 {when}", 0, "", line=NOISE, around=killed_at(point, NOISE), after=same_as_undisturbed(NOISE),
             legal="the same command goes on; images, table and scores are those of an undisturbed run")
        for when, point in (("between two images", "image-written:2"), ("in the middle of an image", "image-temp:3"),
                            ("before the outcomes are in place", "outcomes-temp"), ("before scoring", "before-score"),
                            ("between the table and the scores", "samples-written"), ("in the middle of run.json", "run-temp"),
                            ("before the report", "run-written"))
    ),
    case("run.json cut in half, then show", 5, r"\S+/run\.json cannot be read \(\.\.\.\); delete it and run again, or restore it\.",
         line="show runs/captions-0d54ccee/ours-47dc0fe7", around=since_then(halved("run.json")), damaged=True),
    case("run.json cut in half, then the same command", 5,
         r"\S+/run\.json cannot be read \(\.\.\.\); delete it and run again, or restore it\.", line=RUN,
         around=since_then(halved("run.json")), damaged=True),
    case("run.json without a field", 5, r"\S+/run\.json lacks or misnames a field \(.*`label`\); it was edited or damaged\.",
         line="compare runs/captions-0d54ccee/ours-47dc0fe7", around=since_then(without_field), damaged=True),
    case("a run of a newer version of the suite", 5,
         r"\S+ is of run format 99 and this version of the suite reads up to [0-9]+; update text-image-bench to read it\.",
         line="compare runs/captions-0d54ccee/ours-47dc0fe7", around=since_then(newer_format), damaged=True),
    case("samples.parquet cut in half, then compare", 5, r"\S+/samples\.parquet cannot be read \(\.\.\.\); `bench score \S+` writes it again\.",
         line="compare runs/captions-0d54ccee/ours-47dc0fe7", around=since_then(halved("samples.parquet")), damaged=True),
    *(
        case(f"{what}, then the same command", 0, "", line=FD, around=since_then(change, FD), after=same_as_undisturbed(FD),
             legal=legal)
        for what, change, legal in (
            ("the table of outcomes cut in half", halved("shards/outcomes/*.parquet"), "made again"),
            ("samples.parquet cut in half", halved("samples.parquet"), "made again"),
            ("views cut in half", halved("shards/views/*/*.safetensors"), "made again"),
            ("reference views cut in half", halved("../shared/views/*/reference*.safetensors"), "made again"),
            ("measured times cut in half", halved("measured.json"), "begun afresh"),
            ("the index of the cache overwritten", garbage_index, "works without it"),
        )
    ),
    case("manifest.json cut in half, then the same command", 5,
         r"\S+/manifest\.json cannot be read \(\.\.\.\); delete it and run again, or restore it\.", line=RUN,
         around=since_then(halved("manifest.json"))),
    case("a drawn image emptied by a power cut", 0, "", line=NOISE, around=since_then(emptied_image, NOISE),
         after=same_as_undisturbed(NOISE), legal="drawn again"),
    case("a drawn image that was deleted, then the same command", 0, "", line=NOISE, around=since_then(lost_image, NOISE),
         after=scores_stay(NOISE), legal="views and scores stay, as in a run that was packed without its images"),
    case("a drawn image that was deleted, then another extractor", 5,
         _CHANGED.format(what=r"The image '\S+/images/\S+\.png' does not exist\."), line=MORE, around=since_then(lost_image, NOISES)),
    case("a drawn image exchanged, then another extractor", 5, _CHANGED.format(what=r"The image is not the one that was recorded\."),
         line=MORE, around=since_then(swapped_image, NOISES)),
    case("an image exchanged after it was scored, then another metric", 5,
         r"\S+: its images or dataset have changed since it was made \(they now belong to \S+\), or it lies below another --root than "
         r"runs; run it anew\.", line="score runs/captions-0d54ccee/ours-47dc0fe7 -m collapse -q", around=since_then(replaced_image)),
]  # fmt: skip
