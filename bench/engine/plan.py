"""The plan of a run: its rows in fixed order, cut into fixed shards, and the digest that names its folder.

Order, shards, seeds and folder depend on the run digest's fields alone: not on metrics, workers, devices or what is
already on disk.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import registry
from bench.engine import judging
from bench.engine.resolve import Resolved
from bench.spec import digest, order_key, safe_id, seed_for
from bench.types import Request, Sample

SHARD_ROWS = 128
"""Rows (images) a shard; a multiple of the extractors' batch sizes, so that only the last batch of a run is padded."""

BLOCKS = 10
"""Blocks of the delete-a-block jackknife of set metrics."""


@dataclass(frozen=True)
class Row:
    """One (sample, k) of the plan."""

    sample: Sample
    request: Request

    @property
    def key(self) -> str:
        """'sample#k': the id that metrics see."""
        return f"{self.sample.id}#{self.request.k}"

    def frame_keys(self) -> list[str]:
        """One key a frame; the row's own key when it is a single image."""
        frames = self.sample.frames
        return [self.key] if frames == 1 else [f"{self.key}#{f}" for f in range(frames)]

    def file_names(self) -> list[str]:
        """Names of the images in `images/`: `<safe id>_<k>[_<f>].png`."""
        stem = f"{safe_id(self.sample.id)}_{self.request.k}"
        return [f"{stem}.png"] if self.sample.frames == 1 else [f"{stem}_{f}.png" for f in range(self.sample.frames)]


@dataclass(frozen=True)
class Plan:
    """What to do, in order."""

    resolved: Resolved
    folder: Path
    digest: str
    shards: tuple[tuple[Row, ...], ...]

    @property
    def rows(self) -> int:
        """Number of (sample, k)."""
        return sum(len(s) for s in self.shards)

    def mine(self, shard: tuple[int, int] | None) -> list[int]:
        """Indices of the shards that `--shard i/n` does; all without it."""
        i, n = shard or (0, 1)
        return list(range(i, len(self.shards), n))


def make(resolved: Resolved, root: Path) -> Plan:
    """The plan of a resolved run below `root`."""
    rows = _rows(resolved)
    identity = run_digest(resolved)
    name = safe_id(resolved.spec.label or str(resolved.system))[:-11] or "system"
    folder = root / dataset_folder(resolved) / f"{name}-{identity[:8]}"
    return Plan(resolved, folder, identity, tuple(_cut(rows)))


def _rows(resolved: Resolved) -> list[Row]:
    spec = resolved.spec
    return [
        Row(s, Request(s.id, k, s.prompt, seed_for(spec.seed, s.id, k), s.frames, spec.size))
        for s in resolved.samples
        for k in range(resolved.repeats)
    ]


def _cut(rows: Sequence[Row]) -> list[tuple[Row, ...]]:
    return [tuple(rows[i : i + SHARD_ROWS]) for i in range(0, len(rows), SHARD_ROWS)]


def run_digest(resolved: Resolved) -> str:
    """Digest of dataset version, prompt list, slice, system, run seed, repeats and image size."""
    return digest(
        {
            "dataset": dataset_identity(resolved.dataset),
            "prompts": resolved.prompts,
            "system": system_identity(resolved),
            "seed": resolved.spec.seed,
            "repeats": resolved.repeats,
            "size": resolved.spec.size,
        }
    )


def dataset_identity(dataset: Any) -> dict[str, Any]:
    """What a dataset says fixes its samples, with the plug-in's name and version. The reference is no part of it."""
    fixed = {k: v for k, v in dataset.identity().items() if k != "reference"}
    return {"name": getattr(dataset, "plugin_name", "custom"), "version": dataset.version, **fixed}


def own_identity(dataset: Any) -> Any:
    """What fixes the samples' own reference images, beyond what fixes the dataset; None where nothing does."""
    return dataset.own_identity()


def reference_identity(dataset: Any) -> Any:
    """What fixes a dataset's reference set: what it says of it, else what fixes the dataset."""
    return dataset.identity().get("reference") or dataset_identity(dataset)


def system_identity(resolved: Resolved) -> dict[str, Any]:
    """Generator (and fusion) with resolved parameters, less those that it says do not matter, plus its own identity."""
    generator, spec = resolved.generator, resolved.system
    params = dict(spec.generator.params)
    if getattr(generator, "plugin_kind", ""):
        params = registry.resolved("generator", spec.generator.name, params)
    skip = generator.not_identity
    found: dict[str, Any] = {
        "name": spec.generator.name,
        "params": {k: v for k, v in params.items() if k not in skip},
        "identity": dict(generator.identity()),
    }
    if judges := judging.recorded(generator):
        found["judges"] = judges
    if spec.fusion is not None:
        found["fusion"] = {
            "name": spec.fusion.name,
            "params": registry.resolved("fusion", spec.fusion.name, spec.fusion.params),
        }
    return found


def dataset_folder(resolved: Resolved) -> str:
    """Folder of a dataset's runs: its name and the digest of its identity, so that namesakes never mix."""
    identity = dataset_identity(resolved.dataset)
    label = str(identity.get("label") or identity["name"])
    return f"{safe_id(label)[:-11] or 'dataset'}-{digest(identity)[:8]}"


def blocks(samples: Sequence[Sample]) -> dict[str, int]:
    """Sample id -> jackknife block, the same in every run of these samples.

    Groups in digest order are dealt out in turn: equal blocks, because distances depend on the number of images, and
    unequal ones would count that as spread.
    """
    groups = sorted({s.group for s in samples}, key=order_key)
    block = {group: i % BLOCKS for i, group in enumerate(groups)}
    return {s.id: block[s.group] for s in samples}


def with_spec(plan: Plan, resolved: Resolved) -> Plan:
    """The same plan for the same run with other metrics."""
    return dataclasses.replace(plan, resolved=resolved)
