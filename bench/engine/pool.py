"""The pooled reference `others`: for each system, the images of the other systems of its study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.engine.extract import read_outcomes, view_path
from bench.engine.looks import Eye
from bench.engine.plan import Plan
from bench.engine.score import Reference
from bench.errors import Incomplete, UsageError


@dataclass(frozen=True)
class Member:
    """A run whose images are part of a pooled reference."""

    folder: Path
    digest: str
    shards: int


def member(plan: Plan) -> Member:
    """A planned run as a member of a pool."""
    return Member(plan.folder, plan.digest, len(plan.shards))


def others(plan: Plan, pool: Sequence[Member], eyes: Sequence[Eye]) -> Reference:
    """The images of the other systems of the study, pooled: one rule for all, hence comparable among them."""
    others = [m for m in pool if m.digest != plan.digest]
    if not others:
        raise UsageError("--reference others needs at least two systems; name more, or give --reference DIR.")
    files = {e.key: [f for m in others for f in _files_of(m, e)] for e in eyes}
    return Reference({"rule": "the other systems, pooled", "pool": sorted(m.digest for m in pool)}, files)


def _files_of(one: Member, eye: Eye) -> Iterator[Path]:
    for shard in range(one.shards):
        path = view_path(one.folder, eye.key, shard)
        if path.is_file():
            yield path
        elif (read_outcomes(one.folder, shard, ["status"])["status"] == "ok").any():
            name = getattr(eye.extractor, "plugin_name", "the extractor")
            raise Incomplete(
                f"{one.folder} is part of the pooled reference and has no views of {name} yet; score all systems of "
                "the pool in one command."
            )
