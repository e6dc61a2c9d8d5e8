"""Rows of a board from systems and runs: what stands beside the scores."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bench.reports.board.collect import Member
from bench.reports.board.intake import Entry, Unreadable, parts_of
from bench.reports.board.nouns import LEVELS, BoardRow, Role
from bench.reports.comparison.nouns import Cell
from bench.spec import digest


def ranked_row(member: Member, cells: tuple[Cell, ...], role: Role, reason: str = "") -> BoardRow:
    """A system with all its runs."""
    entries = member.entries
    generator, fusion = member.parts
    declared = sum(e.declared for e in entries)
    return BoardRow(
        member.id, member.title, role, cells, system=member.system, generator=generator, fusion=fusion,
        runs=tuple(e.run.digest for e in entries), seeds=max(len(group) for group in member.runs.values()),
        images=declared, failed=_failed(entries), coverage=min(e.coverage for e in entries),
        level=min((e.level for e in entries), key=LEVELS.index), card=_card(entries), reason=reason,
        latency=_latency(entries), paths=tuple(e.run.path for e in entries), factors=_factors(entries),
    )  # fmt: skip


def unranked_row(entry: Entry | Unreadable, cells: tuple[Cell | None, ...], taken: Collection[str]) -> BoardRow:
    """A run that does not fit, under an id that no other row has."""
    if isinstance(entry, Unreadable):
        name = Path(entry.path).name
        return BoardRow(
            _free(digest(["unreadable", name])[:12], taken), name, "unranked", cells, reason=entry.reason,
            paths=(entry.path,),
        )  # fmt: skip
    run = entry.run
    generator, fusion = parts_of(run.spec.system)
    return BoardRow(
        _free(run.digest[:12], taken), run.label, "unranked", cells, system=run.spec.system, generator=generator,
        fusion=fusion, runs=(run.digest,), images=entry.declared, failed=entry.failed, coverage=entry.coverage,
        level=entry.level, card=_card([entry]), reason=entry.reason, paths=(run.path,), factors=_factors([entry]),
    )  # fmt: skip


def _free(name: str, taken: Collection[str]) -> str:
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name}-{number}"
    return made


def _failed(entries: list[Entry]) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in entries:
        for kind, count in entry.failed.items():
            found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items()))


def _card(entries: list[Entry]) -> dict[str, Any]:
    """The first run's card that there is, with `size` as a reader says it: '860 M'."""
    card = dict(next((e.card for e in entries if e.card), {}))
    weights = card.get("parameters")
    if isinstance(weights, int) and not isinstance(weights, bool):
        card["size"] = _size(weights)
    return card


def _size(weights: int) -> str:
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if weights >= unit:
            return f"{weights / unit:.3g} {name}"
    return str(weights)


def _factors(entries: list[Entry]) -> dict[str, tuple[str, ...]]:
    """Factor -> its values over the runs; the seed where it is not the same in all."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        for name, value in (("seed", str(entry.run.spec.seed)), *entry.run.spec.factors.items()):
            found.setdefault(name, set()).add(value)
    kept = {k: tuple(sorted(v)) for k, v in sorted(found.items()) if k != "control"}
    return {k: v for k, v in kept.items() if k != "seed" or len(v) > 1 or v != ("0",)}


def _latency(entries: list[Entry]) -> float | None:
    """Median seconds an image of the generator alone, where a run's measured.json has it; the slowest of several."""
    found = [seconds for e in entries if (seconds := _seconds(Path(e.run.path))) is not None]
    return max(found) if found else None


def _seconds(folder: Path) -> float | None:
    """Of the pass that made the most images."""
    passes: list[tuple[float, float]] = []
    for path in sorted(folder.glob("measured*.json")):
        try:
            made = [p["generation"] for p in json.loads(path.read_bytes())["passes"] if "generation" in p]
            passes += [(float(g["images"]), float(g["median"])) for g in made]
        except (OSError, ValueError, KeyError, TypeError):  # times are no reason to stop
            continue
    fine = [p for p in passes if math.isfinite(p[1]) and p[1] > 0]
    return max(fine)[1] if fine else None
