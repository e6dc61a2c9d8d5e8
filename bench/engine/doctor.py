"""What this machine has: versions, cores, memory, disk, devices, and the weights and data that a study needs.

Nothing is downloaded and no network is loaded; each check is one line with where was looked and what helps.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import aliases, registry, store
from bench.engine.needs import needs, study_of
from bench.engine.resolve import build, open_dataset, resolve
from bench.errors import BenchError
from bench.formats.needs import refused
from bench.spec import parse
from bench.study import Study, run_specs

EXTRAS = {
    "ray": "ray", "diffusers": "diffusers", "http": "httpx", "hub": "datasets", "evidence": "transformers",
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    status: Literal["present", "missing", "wrong"]
    where: str
    help: str = ""


def doctor(spec: Study | str | None = None, root: Path = Path("runs")) -> list[Check]:
    """The machine's checks, then those of a spec (all it needs) or of the aliases' weights."""
    found = [*_python(), *_machine(root), *_extras()]
    if spec is None:
        return [*found, *_of_aliases()]
    study = study_of(spec) if isinstance(spec, str) else spec
    return [*found, *_of_needs(study or spec), *(_of_study(study) if study else ())]


def _of_needs(spec: Study | str) -> Iterator[Check]:
    """A line a file: present, missing or of another digest, and where it was looked for."""
    every = needs(spec)
    for one in every:
        optional = " (optional)" if one.optional else ""
        told = f"{one.where()}; licence: {one.licence}" if one.kind != "own" else one.where()
        yield Check(f"{one.kind} {one.name}{optional}", one.status, told, one.help())
    allowed = spec.allow_licences if isinstance(spec, Study) else ()
    for one in refused(every, allowed) if allowed else ():
        yield Check(f"licence of {one.name}", "wrong", one.licence, "allow_licences does not name it")


def _python() -> Iterator[Check]:
    fine = sys.version_info >= (3, 11)
    yield Check(
        "python", "present" if fine else "wrong", platform.python_version(), "" if fine else "use 3.11 or newer"
    )
    for name in (
        "torch",
        "torchvision",
        "torchmetrics",
        "open_clip_torch",
        "timm",
        "torch-fidelity",
        "scipy",
        "pandas",
    ):
        try:
            yield Check(name, "present", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "missing", "", "pip install text-image-bench brings it")
    yield _pair()


def _pair() -> Check:
    try:
        import torch
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception as error:
        return Check("torch with torchvision", "wrong", str(error).splitlines()[0], "install a pair of one release")
    return Check("torch with torchvision", "present", f"{torch.get_num_threads()} threads; {_devices()}")


def _devices() -> str:
    import torch

    names = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return ", ".join(names) or "no accelerator: --device cpu"


def _machine(root: Path) -> Iterator[Check]:
    yield Check("cores", "present", str(os.cpu_count()))
    base = next(p for p in (root.absolute(), *root.absolute().parents) if p.exists())
    free = shutil.disk_usage(base).free
    low = free < 2_000_000_000
    yield Check(
        "disk", "wrong" if low else "present", f"{free / 1e9:.1f} GB free at {base}", "make room" if low else ""
    )
    yield Check("BENCH_HOME", "present", str(store.home()), "weights are looked for in its folder weights/ first")


def _extras() -> Iterator[Check]:
    for extra, package in EXTRAS.items():
        found = importlib.util.find_spec(package)
        there = found is not None and found.origin is not None  # a folder called datasets is no package
        yield Check(
            f"extra [{extra}]", "present" if there else "missing", package, "" if there else f"pip install {package}"
        )
    reader = shutil.which("tesseract")
    help_ = "" if reader else "apt install tesseract-ocr, for metrics of writing in images"
    yield Check("tesseract", "present" if reader else "missing", reader or "", help_)


def _of_study(study: Study) -> Iterator[Check]:
    for spec in run_specs(study):
        try:
            resolved = resolve(spec, open_dataset(spec.dataset))
        except BenchError as error:
            yield from (Check(spec.label, "missing", "", message) for message in error.messages)
            continue
        yield Check(
            spec.label, "present", f"{len(resolved.samples)} samples of {spec.dataset}, {len(resolved.metrics)} metrics"
        )
        yield from (Check(f"{spec.label}, note", "present", note) for note in resolved.notes)


def _of_aliases() -> Iterator[Check]:
    texts = {str(parse(v)): None for full in [*aliases.ALIASES, "clipscore"] for v in _extractors(full)}
    for text in texts:
        problems = build("extractor", parse(text)).problems()
        yield Check(text, "missing" if problems else "present", "", " ".join(problems))


def _extractors(metric: str) -> list[str]:
    spec = aliases.expand(metric)
    try:
        full = registry.resolved("metric", spec.name, spec.params)
    except BenchError:
        return []
    return [str(v) for k, v in full.items() if k.endswith("extractor") and v is not None]


def as_dicts(checks: list[Check]) -> list[dict[str, str]]:
    """Plain values, for JSON."""
    return [dataclasses.asdict(c) for c in checks]
