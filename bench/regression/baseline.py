"""Baselines: what a run was worth, as a text file that is committed and that later runs are held against.

A file is sorted JSON with a row a line, so that a change of one score is a change of one line: the record of the run
(system, data set, protocols, scores with intervals and block replicates), the noise floor where it was measured, every
change of it with its reason, and the scores of single images by sample id and repeat, exact to the last bit. Rows
beyond `LARGE` bytes go into a compressed side file, named with its sha256. The file states its own sha256: one that was
edited or cut is refused. It holds no image and no path outside of its own tree.
"""

from __future__ import annotations

import datetime
import gzip
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import discretion, store
from bench.errors import NotComparable, StoreError, UsageError, did_you_mean
from bench.spec import canonical
from bench.types import Run, contribution

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
LARGE = 200_000
"""Bytes of rows that a diff is still read in."""
ENDING, SIDE = ".json", ".rows.gz"
_RESTORE = "Restore it; or delete it and set it again, which begins its history anew."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEYS = ("sample", "k", "group", "prompt", "status", "digest")
_KEPT = ("format", "spec", "digest", "label", "scores", "cards", "protocols", "dataset", "counts", "notes")
"""Of run.json; of its provenance only what a number can depend on."""
_MADE_WITH = ("suite", "packages", "python", "platform", "device", "dtype")


@dataclass(frozen=True)
class Baseline:
    """A baseline as read from its file."""

    name: str
    run: Mapping[str, Any]
    """run.json without commands and paths."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """One (sample, k) each, in that order; None where there is no number."""
    history: tuple[Mapping[str, str], ...]
    """Oldest first: date, run (digest), system, reason."""
    noise: Mapping[str, Mapping[str, float]]
    """'metric|output' -> {'sd': of an unchanged model's scores, 'runs': how many they were}."""
    images: str = ""
    """The run's folder, relative to the file's, where its pictures may still lie; '' elsewhere."""


def path_of(folder: str | Path, name: str) -> Path:
    """The file of a name; UsageError for one that is no file name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no name of a baseline; letters, digits, '.', '-' and '_' make one.")
    return Path(folder) / f"{name}{ENDING}"


def names(folder: str | Path) -> list[str]:
    """All baselines of a folder."""
    return sorted(p.name.removesuffix(ENDING) for p in Path(folder).glob(f"*{ENDING}"))


# ---- from a run ----------------------------------------------------------------------------------------------------


def made(run: Path, name: str, reason: str, folder: Path, *, rows: str = discretion.NONE) -> Baseline:
    """The baseline that a finished run gives. rows: of a private run, 'none' or 'blinded'.

    UsageError without a reason; StoreError for a run that is damaged.
    """
    import tempfile

    from bench.engine.packing import light

    if not reason.strip():
        raise UsageError("A baseline is set with a --reason: who reads the file later asks for it.")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "run"
        light(run, copy, thumbnails=0, rows=rows)
        record, data, frame = store.load(copy), store.read_json(copy / "run.json"), store.samples(copy)
    columns = (*_KEYS, *_needed(record, list(frame.columns)))
    frame = frame[list(columns)].sort_values(["sample", "k"], kind="stable")
    kept = {key: data[key] for key in _KEPT if key in data}
    kept["provenance"] = {key: data["provenance"][key] for key in _MADE_WITH if key in data["provenance"]}
    kept["spec"] = {**kept["spec"], "system": _plain_system(kept["spec"]["system"]), "reference": ""}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    entry = {"date": today, "run": record.digest, "system": record.label or kept["spec"]["system"], "reason": reason}
    values = zip(*(_column(frame[c]) for c in columns), strict=True)
    return Baseline(name, kept, columns, tuple(values), (entry,), {}, _relative(run, folder))


def candidate(run: Path, name: str, reason: str, folder: Path) -> Baseline:
    """The baseline of a run that somebody is still to decide about: of a private one with blinded rows, without which
    it could never be held against anything."""
    closed = discretion.is_private(store.load(run).dataset.get("visibility"))
    return made(run, name, reason, folder, rows=discretion.BLINDED if closed else discretion.NONE)


def _needed(run: Run, there: Sequence[str]) -> list[str]:
    """Columns that the scores are made of, and the tags that slices go by, in their order."""
    wanted = set()
    for card in run.cards.values():
        for output in card.outputs:
            names_of = output.estimator.columns if output.estimator else (contribution(output.name),)
            wanted |= {f"{card.metric}:{column}" for column in names_of}
    return [c for c in there if c in wanted or c.startswith("tag:")]


def _column(values: pd.Series) -> list[Any]:
    """Plain numbers and texts; None for what is none."""
    found = values.tolist()
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in found]


def _plain_system(text: str) -> str:
    """The system without the folder that its images lay in."""
    return text if "path=" not in text else re.sub(r"path=(\"[^\"]*\"|[^,)]*)", "path=...", text)


def _relative(run: Path, folder: Path) -> str:
    """Where the run lies as seen from the baseline's folder, if both are below the current one."""
    here, run, folder = Path.cwd().resolve(), run.resolve(), folder.resolve()
    return os.path.relpath(run, folder) if run.is_relative_to(here) and folder.is_relative_to(here) else ""


# ---- the file ------------------------------------------------------------------------------------------------------


def write(baseline: Baseline, folder: Path, *, replace_it: bool = False) -> list[Path]:
    """Write a baseline; the files that are to be committed. UsageError where one stands and `replace_it` is off."""
    path = path_of(folder, baseline.name)
    if path.exists() and not replace_it:
        raise UsageError(f"{path} is there already; --update replaces it and keeps its history.")
    lines = [_line(row) for row in baseline.rows]
    text = "\n".join(lines)
    side = path.with_name(baseline.name + SIDE)
    head: dict[str, Any] = {
        "baseline": FORMAT, "name": baseline.name, "history": list(baseline.history), "noise": dict(baseline.noise),
        "images": baseline.images, "columns": list(baseline.columns), "run": dict(baseline.run),
    }  # fmt: skip
    written = [path]
    if len(text.encode()) > LARGE:
        packed = gzip.compress(text.encode() + b"\n", mtime=0)
        head["rows"] = {"file": side.name, "sha256": hashlib.sha256(packed).hexdigest(), "rows": len(lines)}
        store.write_atomic(side, packed)
        written.append(side)
    head["sha256"] = _sum(head, lines if "rows" not in head else [])
    store.write_atomic(path, (_text(head, lines) + "\n").encode("utf-8", "replace"))
    if "rows" not in head:
        side.unlink(missing_ok=True)
    return written


def _line(row: Sequence[Any]) -> str:
    return json.dumps(list(row), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _sum(head: Mapping[str, Any], lines: Sequence[str]) -> str:
    """sha256 of what the file says, however it is laid out."""
    said = canonical({k: v for k, v in head.items() if k != "sha256"})
    return hashlib.sha256("\n".join([said, *lines]).encode("utf-8", "surrogatepass")).hexdigest()


def _text(head: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Sorted, indented JSON whose rows have a line each."""
    text = json.dumps(json.loads(canonical(head)), indent=1, sort_keys=True, ensure_ascii=False)
    if "rows" in head:
        return text
    body = ",\n  ".join(lines)
    return text.removesuffix("\n}") + f',\n "table": [\n  {body}\n ]\n}}'


def read(folder: str | Path, name: str) -> Baseline:
    """A baseline; UsageError where there is none, StoreError for one that was edited or cut, NotComparable for one of a
    newer version."""
    path = path_of(folder, name)
    if not path.is_file():
        there = names(folder)
        raise UsageError(f"There is no baseline '{name}' in {folder}.{did_you_mean(name, there) if there else ''}")
    try:
        data = store.read_json(path)
    except StoreError as error:
        raise StoreError(f"{path} cannot be read ({error.__cause__}). {_RESTORE}") from error
    version = data.get("baseline") if isinstance(data, dict) else None
    if not isinstance(version, int):
        raise StoreError(f"{path} is no baseline: it states no version.")
    if version > FORMAT:
        raise NotComparable(
            f"{path} is of baseline format {version} and this version reads up to {FORMAT}; update text-image-bench, "
            "or set the baseline again with this version."
        )
    try:
        inside = data.pop("table", None)
        lines = _side_lines(path, data["rows"]) if inside is None else [_line(row) for row in inside]
        if _sum(data, [] if inside is None else lines) != data["sha256"]:
            raise StoreError(
                f"{path} was edited or damaged: it does not have the sha256 that it states. {_RESTORE}"
            )
        rows = tuple(tuple(json.loads(line)) for line in lines)
        if any(len(row) != len(data["columns"]) for row in rows):
            raise ValueError("a row has more or fewer values than there are columns")
        return Baseline(
            data["name"], data["run"], tuple(data["columns"]), rows, tuple(data["history"]), data["noise"],
            data["images"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} lacks or misnames a field ({error}); it was edited or damaged. {_RESTORE}") from error


def _side_lines(path: Path, said: Mapping[str, Any]) -> list[str]:
    side = path.with_name(path.name.removesuffix(ENDING) + SIDE)
    if said["file"] != side.name:
        raise StoreError(f"{path} names a side file '{said['file']}', and its own is {side.name}.")
    try:
        packed = side.read_bytes()
    except OSError:
        raise StoreError(f"{side}, which holds the rows of {path.name}, is missing; commit both files.") from None
    if hashlib.sha256(packed).hexdigest() != said["sha256"]:
        raise StoreError(f"{side} is not the file that {path.name} names (another sha256); restore both together.")
    return gzip.decompress(packed).decode("utf-8").splitlines()


# ---- as a run ------------------------------------------------------------------------------------------------------


def as_run(baseline: Baseline, to: Path, folder: Path | None = None, *, label: str = "") -> Run:
    """The light run that a baseline holds, written to the empty folder `to`: what reports and figures read.

    folder: of the baseline's file; where its run still lies beside it, pictures are those of that run. label: another
    than the run's own.
    """
    import pandas as pd

    frame = pd.DataFrame.from_records(list(baseline.rows), columns=list(baseline.columns))
    for name in frame.columns:
        if ":" in name and not name.startswith("tag:"):
            frame[name] = frame[name].astype("float64")
    frame["reason"], frame["reference"] = "", ""
    known = {} if folder is None or not baseline.images else _pictures(folder / baseline.images, baseline)
    frame["image"] = [known.get(key, "") for key in zip(frame["sample"], frame["k"], strict=True)]
    store.write_parquet(to / "samples.parquet", frame)
    record = {**baseline.run, "label": label or baseline.run["label"], "packed": {"thumbnails": 0, "views": False}}
    store.write_json(to / "run.json", record)
    return store.load(to)


def _pictures(run: Path, baseline: Baseline) -> dict[tuple[str, int], str]:
    """(sample, k) -> file, where the baseline's own run lies at `run` still."""
    if not store.is_run(run) or store.load(run).digest != baseline.run["digest"]:
        return {}
    frame = store.samples(run)
    rows = zip(frame["sample"], frame["k"], frame["image"].astype(str), strict=True)
    return {(sample, k): str(store.image_path(run, image).resolve()) for sample, k, image in rows if image}


def renewed(old: Baseline, new: Baseline) -> Baseline:
    """`new` in the place of `old`: with the history of both; the noise floor stays while the system is of one name."""
    same = {k: v for k, v in old.noise.items() if k in set(_outputs(new.run))}
    return replace(new, history=(*old.history, *new.history), noise=same)


def _outputs(run: Mapping[str, Any]) -> list[str]:
    return [f"{s['metric']}|{s['output']}" for s in run["scores"]]
