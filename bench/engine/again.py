"""A random part of a run once more, in a folder that is thrown away: the engine's own way through data set, images,
extractors and metrics.

Which prompts are looked at follows from the archive and from a seed of the one who verifies, so that nobody can know
beforehand which rows must be true.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench import store
from bench.engine import life
from bench.engine import plan as plans
from bench.engine.cache import Cache
from bench.engine.consistency import Content
from bench.engine.options import Options
from bench.engine.pool import member
from bench.engine.resolve import Opened, resolve
from bench.engine.rows import outcomes as outcomes_of
from bench.engine.session import Session
from bench.engine.verifying import Files
from bench.generators.base import Generator
from bench.spec import canonical
from bench.types import Outcome, Request, Run


@dataclass(frozen=True)
class Again:
    """What the engine made of a part of a run."""

    run: Run
    samples: pd.DataFrame
    outcomes: pd.DataFrame


def drawn(content: Content, count: int, seed: str) -> list[str]:
    """The ids of `count` random prompts that have an image (all, where there are no more), in the table's order."""
    held = list(dict.fromkeys(content.samples["sample"][content.ok].astype(str)))
    chosen = sorted(held, key=lambda i: hashlib.sha256(canonical([seed, i]).encode()).digest())[:count]
    wanted = set(chosen)
    return [i for i in held if i in wanted]


# ---- the engine's way ----------------------------------------------------------------------------------------------


class Recorded(Generator):
    """The images of a run as files, with the outcomes that it recorded."""

    existing = True

    def __init__(self, content: Content, files: Files) -> None:
        rows = content.samples
        self.status = {
            (str(s), int(k)): (status, str(reason))
            for s, k, status, reason in zip(rows["sample"], rows["k"], rows["status"], rows["reason"], strict=True)
        }
        self.files = files

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            status, reason = self.status[request.sample_id, request.k]
            paths = [self.files.get((request.sample_id, request.k, f)) for f in range(request.frames)]
            if status != "ok":
                yield Outcome(status=status, reason=reason)
            elif any(p is None for p in paths):
                yield Outcome(status="missing", reason="the image is not among those that were given")
            else:
                yield Outcome(path="\n".join(str(p.resolve()) for p in paths if p is not None))


def again(
    content: Content, opened: Opened, ids: Sequence[str], metrics: Sequence[str], options: Options,
    generator: Any = None, shards: Path | None = None,
) -> Again:  # fmt: skip
    """These prompts of a run through the engine.

    generator: None for the run's own. shards: outcomes and views of all prompts, which are then not made again.
    """
    run = content.run
    with tempfile.TemporaryDirectory(prefix="bench-again-") as scratch:
        only = run.spec.only
        if list(ids) != content.ids() or (only and not only.startswith("first:")):
            only = str(Path(scratch) / "ids.txt")
            Path(only).write_text("".join(f"{i}\n" for i in ids), encoding="utf-8")
        spec = dataclasses.replace(run.spec, only=only, metrics=tuple(metrics), panel="", extractors=(), label="again")
        chosen = dataclasses.replace(options, root=Path(scratch) / "runs", dtype=_dtype(run), shard=None)
        plan = plans.make(resolve(spec, opened, generator=generator, device=chosen.device), chosen.root)
        if shards is not None:
            shutil.copytree(shards, plan.folder / "shards")
            (made,) = life.score_all([(plan, [member(plan)])], Session(chosen, Cache(chosen.root)))
        else:
            (made,) = life.carry_out([plan], chosen)
        return Again(made, store.samples(made.path), outcomes_of(plan))


def _dtype(run: Run) -> str:
    """The precision that the run's extractors were used in."""
    used = {str(e.get("dtype")) for p in run.protocols.values() for e in p.get("extractors", ())}
    return next(iter(used)) if len(used) == 1 and used <= {"float32", "bfloat16"} else "float32"
