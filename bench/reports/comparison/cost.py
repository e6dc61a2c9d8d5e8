"""What images cost, as far as runs say it, and the front of quality against cost. Never one blended number.

`measured.json` of a run lists its passes: the seconds of each and, where a generator made the images, those of the
generator alone. Images of a folder were made elsewhere, so that nothing is known of them and nothing is shown.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.errors import StoreError
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Cost, Costs, FrontPoint
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.values import sign

ALONE, TOGETHER = "generation alone", "generation and extraction together"


def costs(comparison: Comparison, tables: Tables) -> Costs:
    """Cost of every system; the front over those of the ranked ones that were measured alike."""
    lines = tuple(cost(tables, i) for i in range(len(comparison.systems)))
    row = next((r for r in comparison.primary if r.direction != "none"), None)
    measured = [lines[i] for i in comparison.ranked if lines[i].seconds is not None]
    if row is None or len(measured) < 2:
        told = "" if row is None else "fewer than two systems were timed, so that there is no front"
        return Costs(lines, row, (), told)
    usual = ALONE if any(c.basis == ALONE for c in measured) else TOGETHER
    alike = [c for c in measured if c.basis == usual]
    return Costs(lines, row, front(row, alike), _note(comparison, alike, len(measured) - len(alike)))


def cost(tables: Tables, system: int) -> Cost:
    """One system's cost."""
    passes = _passes(Path(tables.systems[system].path))
    timed = [p for p in passes if _number(p.get("generation"), "median") and _number(p.get("generation"), "images")]
    if timed:
        return _generated(system, max(timed, key=lambda p: _number(p["generation"], "images") or 0))
    if _made_elsewhere(tables, system):
        return Cost(system, note="the images were made elsewhere, so that nothing was measured")
    whole = next((p for p in passes if _number(p, "rows") and _number(p, "seconds")), None)
    if whole is None:
        return Cost(system, note="the run holds no measurement")
    seconds, rows = _number(whole, "seconds") or 0.0, _number(whole, "rows") or 1.0
    return Cost(
        system, seconds / rows, rate=rows / seconds, images=int(rows), memory=_number(whole, "memory"),
        device=str(whole.get("device", "")), basis=TOGETHER,
    )  # fmt: skip


def _generated(system: int, one: Mapping[str, Any]) -> Cost:
    made = one["generation"]
    images, seconds = _number(made, "images") or 0.0, _number(made, "seconds")
    return Cost(
        system, _number(made, "median"), _number(made, "low"), _number(made, "high"),
        images / seconds if seconds else None, int(images), _number(one, "memory"), str(one.get("device", "")), ALONE,
    )  # fmt: skip


def _passes(folder: Path) -> list[Mapping[str, Any]]:
    """Of measured.json and of the files of --shard parts; a damaged file is no reason to stop."""
    found: list[Mapping[str, Any]] = []
    for path in sorted(folder.glob("measured*.json")):
        try:
            read = store.read_json(path)
        except (StoreError, OSError):
            continue
        listed = read.get("passes") if isinstance(read, Mapping) else None
        found += [p for p in listed if isinstance(p, Mapping)] if isinstance(listed, list) else []
    return found


def _number(holder: Any, name: str) -> float | None:
    """A positive finite number of a mapping, else None."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def _made_elsewhere(tables: Tables, system: int) -> bool:
    """Existing images are recorded by their full path, generated ones relative to the run."""
    images = [i for i in tables.frame(system)["image"].tolist() if i]
    return bool(images) and all(os.path.isabs(str(i).split("\n")[0]) for i in images)


def front(row: Row, lines: Sequence[Cost]) -> tuple[FrontPoint, ...]:
    """Systems with a cost and a value, cheapest first, and whether each is on the front."""
    known = [
        (c, cell) for c in lines if c.seconds is not None and (cell := row.cells[c.system]) and cell.value is not None
    ]
    places = [(c.seconds or 0.0, -sign(row) * (cell.value or 0.0)) for c, cell in known]
    found = []
    for (line, cell), own in zip(known, places, strict=True):
        beaten = any(o[0] <= own[0] and o[1] <= own[1] and o != own for o in places)
        assert cell.value is not None and line.seconds is not None
        found.append(FrontPoint(line.system, line.seconds, cell.value, cell.low, cell.high, not beaten))
    return tuple(sorted(found, key=lambda p: (p.seconds, p.system)))


def _note(comparison: Comparison, alike: Sequence[Cost], left: int) -> str:
    devices = sorted({c.device for c in alike})
    told = [f"measured on {' and '.join(devices)}: compare with care"] if len(devices) > 1 else []
    told += [f"{left} systems were measured otherwise and are left out"] if left else []
    untimed = [comparison.systems[i].title for i in comparison.ranked if i not in {c.system for c in alike}]
    told += [f"not timed: {', '.join(untimed)}"] if untimed and not left else []
    return "; ".join(told)
