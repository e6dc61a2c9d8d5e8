"""From run folders to the systems of a comparison: unique titles, tables read once, damaged runs told and left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import store
from bench.errors import StoreError
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.nouns import System
from bench.reports.privacy import together
from bench.types import Run


def opened(runs: Sequence[str | Path | Run]) -> tuple[Tables, tuple[str, ...]]:
    """The systems with their samples tables, and a sentence for each run that cannot be read.

    StoreError (of the first damaged run) when that leaves fewer than two of several, or nothing of one.
    """
    found: list[Run] = []
    damage: list[StoreError] = []
    for one in runs:
        try:
            found.append(one if isinstance(one, Run) else store.load(one))
        except StoreError as error:
            damage.append(error)
    found = together(found)
    tables = Tables(named(found))
    whole = [i for i in range(len(found)) if _whole(tables, i, damage)]
    if damage and len(whole) < 2:
        raise damage[0]
    if len(whole) < len(found):
        frames = {new: tables.frame(old) for new, old in enumerate(whole)}
        tables = Tables(named(found[i] for i in whole), frames)
    return tables, tuple(dict.fromkeys(m for error in damage for m in error.messages))


def _whole(tables: Tables, system: int, damage: list[StoreError]) -> bool:
    run = tables.systems[system].run
    bare = next((s.metric for s in run.scores if s.metric not in run.cards), None)
    try:
        if bare is not None:
            raise StoreError(
                f"{run.path}/run.json has a score of '{bare}' and no card of it; it was edited or damaged."
            )
        tables.keys(system)
    except StoreError as error:
        damage.append(error)
        return False
    return True


def named(runs: Iterable[Run]) -> list[System]:
    """Runs under unique titles: label or text form, with the run's digest where two are called alike."""
    found = list(runs)
    titles = [r.label or r.spec.system for r in found]
    systems, used = [], set()
    for run, title in zip(found, titles, strict=True):
        shown = title if titles.count(title) == 1 else f"{title} [{run.digest[:8]}]"
        count = 1
        while shown in used:
            count += 1
            shown = f"{title} [{run.digest[:8]}, {count}]"
        used.add(shown)
        systems.append(System(shown, run, run.spec.factors.get("control") == "true"))
    return systems
