"""The run folder: its layout, atomic writes, reading, verification and versions.

One writer a file: a file is written beside its place, flushed to disk and renamed, so that it is whole or absent.
`run.json` is written last; until then the folder is a run in progress. Nothing here knows torch or a plug-in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import math
import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import discretion
from bench.errors import DiskError, StoreError
from bench.spec import canonical
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score, View

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Version of the run folder; `_MIGRATIONS[v]` lifts run.json of version v to v + 1."""

CRASH_POINTS = (
    "planned", "locked", "manifest-written", "before-generate", "image-temp", "image-written", "outcomes-temp",
    "outcomes-written", "before-extract", "view-temp", "view-written", "texts-written", "reference-written",
    "shared-done", "before-score", "metric-scored", "samples-temp", "samples-written", "run-temp", "run-written",
)  # fmt: skip
"""Named points at which BENCH_CRASH_AT=<name>[:n] kills the process (the n-th passing): resume is tested at each."""

_passed: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Die here, as by kill -9, if the environment asks for it."""
    wanted = os.environ.get("BENCH_CRASH_AT")
    if not wanted:
        return
    if name not in CRASH_POINTS:
        raise AssertionError(f"unknown crash point {name}")
    point, _, count = wanted.partition(":")
    if point == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)


_UNWRITABLE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG, errno.ENOTDIR,
     errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)  # fmt: skip
"""What a disk, or the place that was chosen on it, can have against a new file."""


# ---- atomic writes -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """A full or read-only disk becomes one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in _UNWRITABLE:
            raise DiskError(
                f"Cannot write {path}: {error.strerror}. What is finished is kept; make room or choose another "
                "--root, then repeat the command to go on."
            ) from error
        raise


def write_atomic(path: Path, data: bytes, *, temp_point: str = "", done_point: str = "") -> None:
    """Write `data` so that `path` is whole or untouched, also after a power cut."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            if temp_point:
                crash_point(temp_point)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    if done_point:
        crash_point(done_point)


def write_json(path: Path, value: Any, **points: str) -> None:
    """Sorted, indented JSON (it is read by people and diffed); NaN is refused."""
    text = json.dumps(json.loads(canonical(value)), indent=1, sort_keys=True, ensure_ascii=False)
    write_atomic(path, text.encode() + b"\n", **points)


def read_json(path: Path) -> Any:
    """The value, or a StoreError when the file is no JSON (NaN is none either). Half a surrogate pair becomes '?'."""
    try:
        data = path.read_bytes()
        value = json.loads(data, parse_constant=_no_number)
        if b"\\ud" in data.lower():  # JSON can spell what no file, table or terminal can hold
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        return value
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read ({error}); delete it and run again, or restore it.") from error


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """One call, one row group policy: equal frames give equal bytes on one kind of machine."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def write_parquet(path: Path, frame: pd.DataFrame, **points: str) -> None:
    """A DataFrame as an atomic parquet file."""
    write_atomic(path, parquet_bytes(frame), **points)


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed process left behind; the caller holds the folder's lock."""
    for left in folder.rglob(".*.tmp"):
        with contextlib.suppress(OSError):
            left.unlink()


# ---- one process a run ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def lock(folder: Path, name: str = "run") -> Iterator[None]:
    """Hold `folder/.NAME.lock`; a StoreError when a living process of this machine has it.

    The kernel drops the lock with its holder, however that one dies, so that no stale lock ever needs a human.
    """
    import fcntl

    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = open(folder / f".{name}.lock", "a+")
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            owner = handle.read().strip() or "another process"
            raise StoreError(
                f"{folder} is being worked on by {owner}; wait for it, or give each process its own --shard i/n."
            ) from error
        handle.seek(0)
        handle.truncate()
        handle.write(f"process {os.getpid()} on {socket.gethostname()}")
        handle.flush()
        yield
    finally:
        handle.close()


@contextlib.contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold this lock file; who comes second waits."""
    import fcntl

    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path, "a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        handle.close()


# ---- reading a run -------------------------------------------------------------------------------------------------


def is_run(path: str | Path) -> bool:
    """Whether a folder holds a finished run."""
    return (Path(path) / "run.json").is_file()


def packed(path: str | Path) -> bool:
    """Whether a folder holds a light run that `bench pack` made."""
    return is_run(path) and "packed" in read_json(Path(path) / "run.json")


def load(path: str | Path) -> Run:
    """A finished run; StoreError when it is unfinished, damaged or of a newer version."""
    folder = Path(path)
    try:
        data = read_json(folder / "run.json")
    except FileNotFoundError:
        hint = (
            "it was interrupted: repeat its command to finish it"
            if (folder / "manifest.json").exists()
            else ("give a folder that `bench run` made (it holds a run.json)")
        )
        raise StoreError(f"{folder} holds no finished run; {hint}.") from None
    run = _run_from(_migrated(data, folder), folder)
    if discretion.is_private(run.dataset.get("visibility")):
        _keep_back(run)
    return run


def _keep_back(run: Run) -> None:
    """Have the captions, ids and files of a private run said in no message of this process."""

    def texts() -> dict[str, str]:
        frame = samples(run.path)[["sample", "group", "prompt", "reference", "image"]].astype(str)
        key = discretion.list_key(zip(frame["sample"], frame["prompt"], strict=True))
        found: dict[str, str] = {}
        for row in frame.itertuples(index=False):
            called = discretion.blinded_name(key, row.sample)
            files = (Path(p).stem for p in (*row.reference.split("\n"), *row.image.split("\n")) if p)
            for text in (row.sample, row.prompt, row.group, *files):
                found.setdefault(text, called)
        return found

    if run.dataset.get("rows") is None:
        spec = run.spec
        discretion.keep(f"run {run.path} {run.digest}", texts, (run.label, spec.system, spec.dataset, *run.cards))


def _migrated(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    version = data.get("format") if isinstance(data, dict) else None
    if not isinstance(version, int) or version < 1:
        raise StoreError(f"{folder}/run.json states no format version; it is not a run of this suite.")
    if version > FORMAT:
        raise StoreError(
            f"{folder} is of run format {version} and this version of the suite reads up to {FORMAT}; update "
            "text-image-bench to read it."
        )
    for step in range(version, FORMAT):
        data = _MIGRATIONS[step](data)
    return data


_MIGRATIONS: dict[int, Any] = {}


def _run_from(data: Mapping[str, Any], folder: Path) -> Run:
    """The record with every field there and of its type: who edits a run by hand is told here, not by a traceback."""
    import msgspec

    try:
        msgspec.convert({**data, "path": str(folder)}, Run)
        numbers = (x for s in data["scores"] for x in (s["value"], s["low"], s["high"], s["chance"], *s["replicates"]))
        if not all(x is None or math.isfinite(x) for x in numbers):
            raise ValueError("a score holds a number that is too large")
        return Run(
            path=str(folder),
            spec=spec_from(data["spec"]),
            digest=data["digest"],
            label=data["label"],
            scores=tuple(Score(**{**s, "replicates": tuple(s["replicates"])}) for s in data["scores"]),
            cards={text: _card_from(card) for text, card in data["cards"].items()},
            protocols=data["protocols"],
            provenance=Provenance(**data["provenance"]),
            dataset=data["dataset"],
            counts=data["counts"],
            notes=tuple(data["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:  # msgspec.ValidationError is a ValueError
        raise StoreError(f"{folder}/run.json lacks or misnames a field ({error}); it was edited or damaged.") from error


def spec_from(data: Mapping[str, Any]) -> RunSpec:
    """A RunSpec from its JSON."""
    size = tuple(data["size"]) if data["size"] else None
    return RunSpec(**{**data, "metrics": tuple(data["metrics"]), "extractors": tuple(data["extractors"]), "size": size})


def _card_from(data: Mapping[str, Any]) -> MetricCard:
    outputs = tuple(OutputCard(**{**o, "estimator": _estimator_from(o["estimator"])}) for o in data["outputs"])
    views = {name: View(**view) for name, view in data["views"].items()}
    return MetricCard(**{**data, "outputs": outputs, "responds_to": tuple(data["responds_to"]), "views": views})


def _estimator_from(data: Mapping[str, Any] | None) -> Estimator | None:
    return None if data is None else Estimator(data["kind"], tuple(data["columns"]))


def save(run: Run) -> None:
    """Write run.json, the last file of a run."""
    data = {"format": FORMAT, **dataclasses.asdict(run)}
    del data["path"]
    write_json(Path(run.path) / "run.json", data, temp_point="run-temp", done_point="run-written")


def samples(path: str | Path) -> pd.DataFrame:
    """samples.parquet of a run: a row for each (sample, k), in the order of the plan."""
    import pandas as pd

    file = Path(path) / "samples.parquet"
    try:
        return pd.read_parquet(file)
    except FileNotFoundError:
        raise StoreError(f"{file} is missing; `bench score {path}` writes it again.") from None
    except Exception as error:
        raise StoreError(f"{file} cannot be read ({error}); `bench score {path}` writes it again.") from error


def image_path(run_path: str | Path, recorded: str) -> Path:
    """Where an image of samples.parquet lies: generated ones relative to the run, existing ones as recorded."""
    return Path(recorded) if os.path.isabs(recorded) else Path(run_path) / recorded


def find_runs(root: str | Path) -> list[Path]:
    """All finished runs below a folder (the folder itself included), sorted by path."""
    base = Path(root)
    return sorted({p.parent for p in [*base.glob("run.json"), *base.glob("*/run.json"), *base.glob("*/*/run.json")]})


def home() -> Path:
    """BENCH_HOME: weights, the cache index and small caches; default ~/.cache/text-image-bench."""
    return Path(os.environ.get("BENCH_HOME") or Path.home() / ".cache" / "text-image-bench")
