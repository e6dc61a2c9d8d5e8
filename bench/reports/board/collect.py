"""From runs to systems: who takes part with which runs, and who does not, each with one plain reason.

A system is its text; its runs over data sets and seeds belong to it, and a run that does not fit is listed by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import ledger as ledgers
from bench import systemcard
from bench.errors import BenchError, NotComparable
from bench.reports import privacy
from bench.reports.board.columns import Asked, columns_of, ordering, pinned_spec
from bench.reports.board.intake import (
    Entry,
    Unreadable,
    dataset_of,
    factors_of,
    parts_of,
    pinned_datasets,
    read,
    system_key,
)
from bench.reports.board.nouns import LEVELS, BoardSpec, Column, Level
from bench.reports.numbers import thousands
from bench.reports.privacy import ROWS_PRIVATE, rows_withheld
from bench.spec import digest
from bench.types import Run

_TOLD = 3
"""Runs that a refusal names."""


@dataclass(frozen=True)
class Member:
    """A system with its runs: data set -> replicates, in a fixed order."""

    key: str
    title: str
    runs: Mapping[str, tuple[Entry, ...]]

    @property
    def id(self) -> str:
        return digest(self.key)[:12]

    @property
    def entries(self) -> list[Entry]:
        return [e for name in sorted(self.runs) for e in self.runs[name]]

    @property
    def system(self) -> str:
        return self.entries[0].run.spec.system

    @property
    def control(self) -> bool:
        return any(e.control for e in self.entries)

    @property
    def parts(self) -> tuple[str, str]:
        """Generator and fusion; a folder's generator is its label."""
        return (self.title, "") if self.key.startswith("folder ") else parts_of(self.system)


@dataclass(frozen=True)
class Collected:
    """What a board is made of."""

    spec: BoardSpec
    """With every prompt list and protocol written out."""
    asked: tuple[Asked, ...]
    order: Column
    anchors: Mapping[str, tuple[float, float]]
    members: tuple[Member, ...]
    unfit: tuple[Entry | Unreadable, ...]
    entries: tuple[Entry, ...] = ()
    """Of the board's data sets, whether they take part or not."""
    notes: tuple[str, ...] = field(default=())


def collect(spec: BoardSpec, given: Sequence[str | Path | Run]) -> Collected:
    """Read the runs and sort them into systems and what does not fit.

    NotComparable when no run is of the board's data sets, UsageError when a rule of the board cannot be carried out.
    """
    runs, lost = read(given)
    allowed = [r for r in runs if not _excluded(spec, r)]
    datasets, notes = pinned_datasets(spec, allowed)
    spec = replace(spec, datasets=datasets)
    ledger = ledgers.read_ledger(spec.ledger) if spec.ledger else None
    entries = [_entry(spec, run, ledger) for run in _without_copies(runs)]
    copies = [Entry(r, reason=told) for r, told in _copies(runs)]
    _refuse_all_unfit(entries, lost)
    asked, metrics, more = columns_of(spec, [e for e in entries if e.dataset and not _excluded(spec, e.run)])
    notes += [*more, *_unused(spec, runs)]
    order, anchors = ordering(spec.order, [a.column for a in asked])
    members, odd = _members([e for e in entries if not e.reason])
    unfit = [*(e for e in entries if e.reason), *odd, *copies]
    return Collected(
        pinned_spec(spec, datasets, metrics), tuple(asked), order, anchors, tuple(members),
        (*sorted(unfit, key=lambda e: (e.run.digest, e.run.path)), *lost),
        tuple(e for e in entries if e.dataset), tuple(notes),
    )  # fmt: skip


def _refuse_all_unfit(entries: Sequence[Entry], lost: Sequence[Unreadable]) -> None:
    """NotComparable when not one run is of the board's data sets: there is not even an empty column then."""
    if any(e.dataset for e in entries):
        return
    told = [*(f"{e.run.label}: {e.reason}" for e in entries), *(f"{Path(u.path).name}: {u.reason}" for u in lost)]
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    raise NotComparable(f"None of the {len(told)} runs fits the board. {'; '.join(told[:_TOLD])}{more}.")


# ---- one run --------------------------------------------------------------------------------------------------------


def _entry(spec: BoardSpec, run: Run, ledger: Mapping[str, Any] | None) -> Entry:
    """A run with its data set, level and card, and the first reason that keeps it out."""
    dataset, told = dataset_of(run, spec.datasets)
    level: Level = LEVELS[0]
    why = ""
    if ledger is not None:
        try:
            level, why = ledgers.level_of(ledger, run.path)
        except (BenchError, OSError) as error:
            why = str(error)
    card, card_told = _card(run)
    made = Entry(run, dataset, level, card)
    excluded = _excluded(spec, run)
    withheld = f"{privacy.ROWS_PRIVATE}, so that it cannot be compared" if privacy.rows_withheld(run) else ""
    reasons = (
        f"excluded by the board: {excluded}" if excluded else "", told, card_told, withheld,
        f"{ROWS_PRIVATE}: its scores are shown, and nothing pairs it with others" if rows_withheld(run) else "",
        "" if made.control else _coverage(spec, made), "" if made.control else _level(spec, level, why),
    )  # fmt: skip
    return replace(made, reason=next((r for r in reasons if r), ""))


def _excluded(spec: BoardSpec, run: Run) -> str:
    return next((reason for key, reason in spec.excluded.items() if _names(key, run)), "")


def _names(key: str, run: Run) -> bool:
    """Whether an exclusion means this run."""
    return key in (run.label, run.spec.system) or (len(key) >= 8 and run.digest.startswith(key))


def _unused(spec: BoardSpec, runs: Sequence[Run]) -> list[str]:
    """Exclusions that name no run, which a changed label leaves without effect."""
    left = [key for key in spec.excluded if not any(_names(key, run) for run in runs)]
    return [f"The exclusion of '{key}' names none of the runs." for key in left]


def _card(run: Run) -> tuple[Mapping[str, Any], str]:
    try:
        return systemcard.load_card(run.path), ""
    except (BenchError, OSError) as error:
        return {}, f"its card cannot be read: {error}"


def _coverage(spec: BoardSpec, entry: Entry) -> str:
    if entry.coverage >= spec.coverage:
        return ""
    lost = entry.declared - entry.run.counts.get("ok", 0)
    kinds = ", ".join(f"{thousands(n)} {kind}" for kind, n in entry.failed.items())
    return (
        f"{thousands(lost)} of {thousands(entry.declared)} images were not made{f' ({kinds})' if kinds else ''}: "
        f"{100 * entry.coverage:.4g} % of the images asked for, and the board asks for {100 * spec.coverage:.4g} %"
    )


def _level(spec: BoardSpec, level: Level, why: str) -> str:
    if LEVELS.index(level) >= LEVELS.index(spec.level):
        return ""
    return f"its scores are {level}{f' ({why})' if why else ''}, and the board asks for {spec.level}"


def _without_copies(runs: Sequence[Run]) -> list[Run]:
    """Each digest once: the copy with the most scores."""
    found: dict[str, Run] = {}
    for run in runs:
        found.setdefault(run.digest, run)
    return list(found.values())


def _copies(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    kept = {r.digest: r for r in reversed(runs)}
    return [
        (r, f"it is the same run as {Path(kept[r.digest].path).name}, which is on the board already")
        for r in runs if kept[r.digest] is not r
    ]  # fmt: skip


# ---- systems --------------------------------------------------------------------------------------------------------


def _members(entries: Sequence[Entry]) -> tuple[list[Member], list[Entry]]:
    """Systems with their runs, and runs that cannot be told from others of their system."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[system_key(entry.run)].append(entry)
    for key in [k for k, found in groups.items() if k.startswith("folder ") and _clashing(found)]:
        for entry in groups.pop(key):  # folders of one name on one data set are different systems
            groups[entry.run.spec.system].append(entry)
    odd: list[Entry] = []
    found: dict[str, list[Entry]] = {}
    for key, group in sorted(groups.items()):
        clashing = _clashing(group)
        odd += [replace(e, reason=_told_of_clash(e, clashing)) for e in clashing]
        kept = [e for e in group if e not in clashing]
        if kept:
            found[key] = kept
    return _titled(found), odd


def _clashing(group: Sequence[Entry]) -> list[Entry]:
    """Runs of one system and data set with equal seeds and factors: nothing says which of them is meant."""
    kinds: dict[Any, list[Entry]] = defaultdict(list)
    for entry in group:
        kinds[entry.dataset, factors_of(entry.run)].append(entry)
    return [e for same in kinds.values() if len(same) > 1 for e in same]


def _told_of_clash(entry: Entry, clashing: Sequence[Entry]) -> str:
    others = [e for e in clashing if e is not entry and e.dataset == entry.dataset]
    return (
        f"its system, seed and factors are those of {', '.join(Path(e.run.path).name for e in others)}, but its images "
        "are others; exclude one of them, or run them with factors that tell them apart"
    )


def _titled(groups: Mapping[str, Sequence[Entry]]) -> list[Member]:
    """Systems under their label, or their text where labels differ; namesakes get their id."""
    made = []
    for key, group in groups.items():
        labels = {e.run.label for e in group}
        runs: dict[str, list[Entry]] = defaultdict(list)
        for entry in sorted(group, key=lambda e: (factors_of(e.run), e.run.digest)):
            runs[entry.dataset].append(entry)
        title = labels.pop() if len(labels) == 1 else group[0].run.spec.system
        made.append(Member(key, title, {name: tuple(members) for name, members in sorted(runs.items())}))
    titles = [m.title for m in made]
    unique = [replace(m, title=f"{m.title} [{m.id}]") if titles.count(m.title) > 1 else m for m in made]
    return sorted(unique, key=lambda m: m.id)


def without(members: Sequence[Member], lost: Mapping[str, str]) -> tuple[list[Member], list[Entry]]:
    """Members without the runs (by digest) whose tables cannot be used, and those runs."""
    gone = [replace(e, reason=lost[e.run.digest]) for m in members for e in m.entries if e.run.digest in lost]
    kept = []
    for member in members:
        runs = {name: tuple(e for e in group if e.run.digest not in lost) for name, group in member.runs.items()}
        runs = {name: group for name, group in runs.items() if group}
        if runs:
            kept.append(replace(member, runs=runs))
    return kept, gone
