"""`bench data export` and `import`: a run's views as files that other tools read, and such files as a run without its
images.

An export states by whom each view was computed (the extractor and the digest of its weights, preprocessing and code),
so that scores of what is imported again are of one protocol with all other imports of that extractor.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench import aliases, store
from bench.engine import life
from bench.engine import rows as rows_of
from bench.engine.cache import Cache
from bench.engine.looks import Eye
from bench.engine.options import Options
from bench.engine.plan import Plan
from bench.engine.recorded import image_rows
from bench.engine.rescore import again
from bench.engine.session import Session, beside_of
from bench.errors import DataError, UsageError
from bench.formats import evidence, evidence_write
from bench.formats.evidence_write import Content
from bench.spec import Spec, parse
from bench.types import Run, RunSpec

OUTPUTS = ("detections", "answers", "features", "logits")


@dataclass(frozen=True)
class Exported:
    """One file of an export."""

    file: str
    output: str
    by: str
    rows: int


def export(path: Path, target: Path, forms: Sequence[str], options: Options) -> tuple[list[Exported], list[str]]:
    """Write what a run's extractors said into `target`, each output in every form that can hold it; several forms into
    a folder each, since a folder is read as one body of evidence.

    Returns the files, and lines on what cannot be exported. UsageError where nothing can.
    """
    plan, _ = again(path, {}, options)
    session = Session(options, Cache(options.root))
    metrics = plan.resolved.metrics
    eyes = session.eyes_of(plan.resolved, metrics, ("generated",))
    table = beside_of(plan, metrics, session).table
    kept, notes = list[Exported](), list[str]()
    for content, note in _contents(plan, eyes, table):
        notes += [note] if note else []
        stem = f"{content.output}.{content.by.replace(' ', '-')}"
        for form in (f for f in forms if f in evidence_write.forms_of(content.output)):
            if form == "geneval" and not content.right:
                notes.append("GenEval's form states a verdict an image: `bench score` the run by geneval first.")
                continue
            written = evidence_write.write(content, form, target / form if len(set(forms)) > 1 else target, stem)
            names = [str(file.relative_to(target)) for file in written]
            kept += [Exported(name, content.output, content.by, len(content.rows)) for name in names]
    kept += _exchanges(plan, eyes, target)
    if not kept:
        raise UsageError(f"{path} has nothing to export as {' or '.join(forms)}.", *dict.fromkeys(notes))
    return kept, list(dict.fromkeys(notes))


def _contents(
    plan: Plan, eyes: Mapping[str, Eye], table: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[tuple[Content, str]]:
    rows = image_rows(plan)
    for text, eye in eyes.items():
        held: dict[str, list[tuple[int, Any]]] = {}
        at = 0
        for slab in rows_of.slabs(plan, [eye.key]):
            seen = slab.views[eye.key]
            absent = seen.get("absent", [[]] * len(slab.keys))
            for output in (o for o in OUTPUTS if o in seen):
                some = held.setdefault(output, [])
                some += [(at + i, seen[output][i]) for i in range(len(slab.keys)) if output not in absent[i]]
            at += len(slab.keys)
        for output, some in held.items():
            if output in ("features", "logits") and some[0][1].ndim != 1:
                continue
            told = table.get(text, {}) if output == "features" else {}
            texts = {t: v[output].numpy() for t, v in told.items() if output in v}
            lost = output == "detections" and any(d.masks for _, d in some)
            values = [v.numpy() if output in ("features", "logits") else v for _, v in some]
            yield Content(
                output, _maker(eye, text, output), [rows[i] for i, _ in some], values, texts, plan.resolved.every,
                _verdicts(plan.folder) if output == "detections" else {},
            ), f"The masks of {text} are left out; the forms have boxes." if lost else ""  # fmt: skip


def _exchanges(plan: Plan, eyes: Mapping[str, Eye], target: Path) -> Iterator[Exported]:
    """What servers were asked and what they answered, an exchange a line; in a folder apart, for it is no evidence."""
    for text, eye in eyes.items():
        if "exchange" not in eye.extractor.image_outputs:
            continue
        lines = [
            json.dumps({"image": key, **one}, ensure_ascii=False)
            for slab in rows_of.slabs(plan, [eye.key])
            for key, row in zip(slab.keys, slab.views[eye.key]["exchange"], strict=True)
            for one in row or ()
        ]
        by = _maker(eye, text, "exchange")
        file = f"exchanges/{by.replace(' ', '-')}.jsonl"
        store.write_atomic(target / file, "".join(f"{line}\n" for line in lines).encode())
        yield Exported(file, "exchange", by, len(lines))


def _maker(eye: Eye, text: str, output: str) -> str:
    """The extractor's name and the key of its views, or who is stated to have made recorded evidence of an output."""
    stated = eye.extractor.protocol().get(output, {}).get("by", "") if eye.extractor.of_rows else ""
    return str(stated) if stated else f"{parse(text).name} {eye.key}"


def _verdicts(folder: Path) -> dict[str, tuple[bool, str]]:
    """'sample#k' -> (right, reason), where the run was scored by geneval."""
    frame: pd.DataFrame = store.samples(folder)
    column = next((c for c in frame.columns if c.startswith("geneval") and c.endswith(":right")), None)
    if column is None:
        return {}
    known = frame[frame[column].notna()]
    return {f"{s}#{k}": (bool(v == 1), "") for s, k, v in zip(known["sample"], known["k"], known[column], strict=True)}


# ---- import ----------------------------------------------------------------------------------------------------------


def keep(paths: Sequence[Path], root: Path) -> Path:
    """Copy evidence below the runs' root, in a folder named by its content; the folder.

    Two files of one name are refused. A folder stands for the evidence files in it.
    """
    files = [file for path in paths for file in evidence.files_of(path)]
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise DataError(f"Two files of evidence are named '{max(names, key=names.count)}'; rename one.")
    for file in files:
        evidence.read_all(file)  # refused before anything is copied
    beside = [b for f in files for end in evidence.BESIDE if (b := f.with_name(f.stem + end)).is_file()]
    total = hashlib.sha256()
    for file in sorted([*files, *beside], key=lambda f: f.name):
        total.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    folder = root / "evidence" / total.hexdigest()[:16]
    with store.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in [*files, *beside]:
            if not (folder / file.name).is_file():
                temporary = folder / f".{file.name}.tmp"
                shutil.copyfile(file, temporary)
                temporary.replace(folder / file.name)
    return folder


TRIED: dict[str, tuple[str, ...]] = {
    "detections": (
        "geneval", "visor", "t2i-compbench-spatial", "hrs-spatial", "paintskills-spatial", "t2i-compbench-numeracy",
        "hrs-counting", "paintskills-count", "counting-error", "soa", "object-presence", "counting",
        "attribute-binding", "box-overlap",
    ),
    "answers": ("tifa", "dsg", "dpg", "blip-vqa"),
    "features": ("clipscore", "r-precision", "retrieval"),
}  # fmt: skip
"""Output -> metrics that an import without --metric is scored by, as far as data set and evidence allow."""


def candidates(folder: Path) -> list[str]:
    """Metric texts of `recorded` for all that a folder of evidence holds."""
    found = []
    for one in evidence.read_all(folder):
        by = str(one.stated.get("by", "")).split(" ")[0]
        maker = str(Spec("recorded", {"by": by})) if by else "recorded"
        found += [f"{metric}(extractor={maker})" for metric in TRIED.get(one.output, ())]
    return found


def brought(spec: RunSpec, options: Options, asked: bool = False) -> tuple[Run, list[str]]:
    """A run made of evidence alone, scored by the spec's metrics, or by those of `candidates` that can be computed;
    and a line for each that cannot. asked: they were named, so that none is left out."""
    left: list[str] = []
    while True:
        try:
            (run,) = life.carry_out(life.prepare([spec], options), options)
            return run, left
        except UsageError as error:
            out = {t: m for t in spec.metrics for m in error.messages if m.startswith(_refusals(t))}
            if asked or not out or len(out) == len(spec.metrics):
                raise
            left += [m.replace("cannot be computed here", "is left out") for m in out.values()]
            spec = dataclasses.replace(spec, metrics=tuple(t for t in spec.metrics if t not in out))


def _refusals(text: str) -> tuple[str, str]:
    """How the sentences begin that say why a metric cannot be computed."""
    return f"{aliases.title(text)} cannot be computed here", f"{text} needs "
