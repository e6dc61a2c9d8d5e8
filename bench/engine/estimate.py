"""The dry run: what a study would do and cost, and what it could tell apart, before it is begun."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench.engine.cache import Cache
from bench.engine.extract import outstanding
from bench.engine.looks import Eye, forward
from bench.engine.options import Options
from bench.engine.plan import Plan
from bench.engine.session import Session
from bench.types import Outcome

PROBE = 16
"""Images of the probe that times a network."""


@dataclass(frozen=True)
class DryRun:
    """The cost of a study."""

    systems: list[str]
    images: int
    """Rows that are still to be made or looked at."""
    forward_passes: dict[str, int]
    """Extractor -> images it must see at most (what the cache knows is not seen again)."""
    seconds: float | None
    """Extraction time by the probe; generation is not probed."""
    memory_bytes: int
    """Features that scoring holds at once."""
    disk_bytes: int
    missing: dict[str, list[str]]
    """System -> what it lacks, for systems of existing images."""
    left_out: list[str] = field(default_factory=list)
    detectable: dict[str, float] = field(default_factory=dict)
    """Smallest paired difference that is found with 80 % power at a one-sided level of 5 %."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The same for people."""
        found = [f"{len(self.systems)} systems, {self.images} images to do: {', '.join(self.systems)}"]
        found += [f"  {n} forward passes of {name}" for name, n in self.forward_passes.items()]
        took = "not probed" if self.seconds is None else f"about {_duration(self.seconds)}"
        found.append(
            f"extraction {took}; features {_size(self.memory_bytes)} in memory, {_size(self.disk_bytes)} on disk"
        )
        for system, lacking in self.missing.items():
            if lacking:
                found.append(f"{system} lacks {len(lacking)} images, e.g. {lacking[0]}")
        found += self.left_out
        d = self.detectable
        found.append(
            f"two systems can be told apart from a paired difference of {d['sd']:.3f} standard deviations, or of "
            f"{100 * d['share']:.1f} points for a yes/no metric on which they disagree at a fifth of the prompts"
        )
        return found


def dry_run(found: Sequence[Plan], options: Options) -> DryRun:
    """Count what is outstanding and time 16 images through each network."""
    session = Session(options, Cache(options.root))
    passes: dict[str, int] = {}
    used: dict[str, Eye] = {}
    images = 0
    for plan in found:
        eyes = session.eyes_of(plan.resolved, plan.resolved.metrics, ("generated",))
        todos = outstanding(plan, list(eyes.values()), options)
        images += sum(len(t.rows) for t in todos)
        for text, eye in eyes.items():
            if eye.extractor.of_rows:  # reads a file: no network to time
                continue
            passes[text] = passes.get(text, 0) + sum(len(t.rows) for t in todos if eye in t.eyes)
            used[text] = eye
    speed, width = _probe(used, passes)
    seconds = sum(n * speed[text] for text, n in passes.items())
    features = sum(max(p.rows for p in found) * 2 * width[text] * 4 for text in passes)
    return DryRun(
        [p.resolved.spec.label for p in found], images, passes, round(seconds, 1), features,
        sum(n * width[text] * 4 for text, n in passes.items()), {p.resolved.spec.label: _missing(p) for p in found},
        list(dict.fromkeys(n for p in found for n in p.resolved.notes)), detectable(found[0]),
    )  # fmt: skip


def _probe(used: Mapping[str, Eye], passes: dict[str, int]) -> tuple[dict[str, float], dict[str, int]]:
    """Extractor -> seconds an image and floats a row."""
    speed, width = {}, {}
    for text, n in passes.items():
        eye = used[text]
        eye.load() if n else None
        speed[text], width[text] = _time(eye) if n else (0.0, 0)
    return speed, width


def _time(eye: Eye) -> tuple[float, int]:
    noise = np.random.default_rng(0).integers(0, 256, (min(PROBE, eye.batch_size), 256, 256, 3), dtype=np.uint8)

    def once() -> dict[str, Any]:
        rows = [eye.extractor.prepare_image(image) for image in noise]
        return forward(lambda batch, asked: eye.extractor.extract_images(batch, None), rows, rows, eye)

    once()
    began = time.perf_counter()
    outputs = once()
    seconds = (time.perf_counter() - began) / eye.batch_size
    return seconds, sum(int(v[0].numel()) if hasattr(v, "numel") else 64 for v in outputs.values())


def _missing(plan: Plan) -> list[str]:
    generator = plan.resolved.generator
    if not generator.existing:
        return []
    rows = [row for shard in plan.shards for row in shard]
    outcomes = generator.generate([r.request for r in rows])
    return [r.key for r, o in zip(rows, outcomes, strict=True) if isinstance(o, Outcome) and o.status != "ok"]


def detectable(plan: Plan) -> dict[str, float]:
    """In units of the paired difference's sd, and as a share for yes/no metrics with 20 % discordant prompts."""
    groups = len({s.group for s in plan.resolved.samples})
    factor = (1.6449 + 0.8416) / max(groups, 1) ** 0.5
    return {"sd": round(factor, 4), "share": round(factor * 0.2**0.5, 4)}


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
