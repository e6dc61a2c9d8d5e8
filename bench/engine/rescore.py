"""Score runs that are there already: with other metrics, joined from parts, or on the images that several have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import store
from bench.engine import plan as plans
from bench.engine import rows as rows_of
from bench.engine.cache import Cache
from bench.engine.life import images, score_all
from bench.engine.options import Options
from bench.engine.plan import Plan
from bench.engine.pool import Member, member
from bench.engine.resolve import open_dataset, resolve
from bench.engine.session import Session
from bench.engine.visibility import inherited
from bench.errors import BenchError, NotComparable, StoreError, UsageError
from bench.spec import digest
from bench.types import Run, RunSpec


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except BenchError as error:
        raise type(error)(*(f"{path}: {m}" for m in error.messages)) from error


def rescore(paths: Sequence[Path], changes: Mapping[str, Any], options: Options, *, common: bool = False) -> list[Run]:
    """Add metrics to runs (finished or extracted in parts) from their stored views; only new extractors look again.

    common: their set metrics alone, on the images that all of them have.
    """
    found = []
    for path in paths:
        with _explained(path):
            found.append(again(path, changes, options))
    if common:
        found = [(_set_metrics(plan), pool) for plan, pool in found]
    session = Session(options, Cache(options.root))
    for number, (plan, _) in enumerate(found, 1):
        with store.lock(plan.folder):
            images(plan, session, f"{plan.resolved.spec.label} ({number}/{len(found)})")
    return score_all(found, session, _common([plan for plan, _ in found]) if common else None)


def _set_metrics(plan: Plan) -> Plan:
    chosen = tuple(a for a in plan.resolved.metrics if a.card.scope == "set")
    if not chosen:
        raise UsageError(f"{plan.folder} has no set metric, and only set metrics depend on the number of images.")
    return plans.with_spec(plan, dataclasses.replace(plan.resolved, metrics=chosen))


def _common(found: Sequence[Plan]) -> frozenset[str]:
    """Keys of the images that all runs have."""
    if len(found) < 2:
        raise UsageError("--common needs two runs or more; name all that are to be compared.")
    lists = {(digest(plans.dataset_identity(p.resolved.dataset)), p.resolved.prompts) for p in found}
    if len(lists) > 1:
        raise NotComparable("--common needs runs of one dataset and one list of prompts, and these have several.")
    keys = frozenset.intersection(*(frozenset(rows_of.image_keys(p)) for p in found))
    if not keys:
        raise UsageError("The runs have no image in common; score them apart.")
    return keys


def again(path: Path, changes: Mapping[str, Any], options: Options) -> tuple[Plan, list[Member]]:
    old = store.load(path) if store.is_run(path) else None
    if store.packed(path):
        raise StoreError("it is a pack, without its images; score the run that it was made of.")
    spec = old.spec if old else _begun(path)
    opened = open_dataset(spec.dataset, spec.visibility)
    plan = inherited(plans.make(resolve(dataclasses.replace(spec, **changes), opened), options.root))
    if plan.folder.resolve() != path.resolve():
        raise StoreError(
            f"its images or dataset have changed since it was made (they now belong to {plan.folder.name}), or it lies "
            f"below another --root than {options.root}; run it anew."
        )
    pool = [Member(path.parent / name, mark, shards) for name, mark, shards in (old.dataset["pool"] if old else ())]
    return plan, pool or [member(plan)]


def _begun(path: Path) -> RunSpec:
    """The spec of a run that was extracted in parts and never scored."""
    manifest = path / "manifest.json"
    if not manifest.is_file():
        raise StoreError("it holds no run; give a folder that `bench run` made.")
    return store.spec_from(store.read_json(manifest)["spec"])
