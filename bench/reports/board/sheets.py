"""Sheets: one column's numbers of all systems, checked against their samples, with influences and all differences.

A score that does not follow from its own samples is emptied, with the reason: what is compared is what is shown. Set
metrics have rows where every run holds what its images contribute, else delete-a-block values; they are compared at
equal numbers of images only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from bench import systemcard
from bench.reports.board.collect import Member
from bench.reports.board.columns import Asked
from bench.reports.board.intake import Entry, finite, unlike
from bench.reports.board.tables import Shelf
from bench.reports.comparison.differences import cell
from bench.reports.comparison.nouns import Cell
from bench.reports.numbers import thousands
from bench.stats.bootstrap import LEVEL
from bench.stats.pairwise import Differences, block_differences, differences
from bench.types import Estimator, Score, contribution

_ROUNDING = 1e-5
"""Relative difference up to which a stated score follows from its samples (other machines round otherwise)."""


@dataclass(frozen=True)
class Sheet:
    """One column over all members."""

    asked: Asked
    cells: tuple[Cell, ...]
    """One a member; without a value, the note says why."""
    at: np.ndarray
    """(S,) members that have differences."""
    found: Differences | None
    """Of these; None where nobody has any."""
    source: tuple[str, ...]
    """What is resampled: columns of one source are resampled together."""
    influence: np.ndarray
    """(units of the source, S)."""
    between: np.ndarray
    """(S,) variance that the spread between replicates adds to a system's mean."""
    parts: tuple[np.ndarray, ...]
    """The replicates' values of each."""
    notes: tuple[str, ...] = ()

    @property
    def freedom(self) -> int:
        return max(self.found.groups - 1, 0) if self.found else 0


def wanted(asked: Sequence[Asked], entry: Entry) -> list[str]:
    """Stored columns that a run's sheet needs."""
    names = []
    for one in asked:
        score = one.score(entry) if one.column.dataset == entry.dataset else None
        if score is not None:
            names += [stored for _, stored in _stored(one, score)]
    return list(dict.fromkeys(names))


def _stored(asked: Asked, score: Score) -> list[tuple[str, str]]:
    """(name in the estimator, name in samples.parquet)."""
    estimator = _estimator(asked)
    tag = 1 if estimator.kind == "macro" else -1
    return [(n, f"tag:{n}" if at == tag else f"{score.metric}:{n}") for at, n in enumerate(estimator.columns)]


def _estimator(asked: Asked) -> Estimator:
    return asked.output.estimator or Estimator("mean", (contribution(asked.output.name),))


# ---- one column -----------------------------------------------------------------------------------------------------


def sheet(
    asked: Asked, members: Sequence[Member], shelf: Shelf, missing: Mapping[tuple[str, str], str], protocol: Any
) -> Sheet:
    """The column of all members.

    shelf: tables of the column's data set; missing: (system, data set) -> why its run is not there; protocol: fields of
    the pinned one, or None where no run has it.
    """
    held: list[list[tuple[Entry, Score]]] = []
    cells: list[Cell] = []
    for member in members:
        scores, told = _scores(asked, member, missing, protocol)
        held.append([] if told else scores)
        cells.append(Cell(None, note=told) if told else cell(scores[0][1]))
    used, reasons, found = _differences(asked, held, shelf)
    cells = [Cell(None, note=reasons[i]) if reasons.get(i) and not held[i] else c for i, c in enumerate(cells)]
    at = np.array(used, dtype=int)
    parts = tuple(np.array([s.value for _, s in held[i]], dtype=float) for i in used)
    between = np.array([np.var(p, ddof=1) / len(p) if len(p) > 1 else 0.0 for p in parts])
    for place, i in enumerate(used):
        if len(parts[place]) > 1 and found is not None:
            cells[i] = _mean_cell([s for _, s in held[i]], found, place, float(between[place]))
    cells = [_noted(c, asked, held[i], reasons.get(i, "")) for i, c in enumerate(cells)]
    kind, influence = _spread_out(found, shelf)
    return Sheet(asked, tuple(cells), at, found, (asked.column.dataset, *kind), influence, between, parts)


def _scores(
    asked: Asked, member: Member, missing: Mapping[tuple[str, str], str], protocol: Any
) -> tuple[list[tuple[Entry, Score]], str]:
    """The score of every replicate, or why there is none: a mean over some of them would be over missing cells."""
    dataset = asked.column.dataset
    entries = member.runs.get(dataset, ())
    if not entries:
        return [], missing.get((member.key, dataset), "") or f"it has no run on {dataset}"
    found, told = [], ""
    for entry in entries:
        score = asked.score(entry)
        reason = _unscored(asked, entry, protocol) if score is None else asked.rules(entry.run, score)
        if score is not None and not reason and not finite(score.value):
            reason = score.note or score.method or "its score has no value"
        if reason or score is None:
            told = told or (reason if len(entries) == 1 else f"one of its {len(entries)} replicates: {reason}")
        else:
            found.append((entry, score))
    if not told and asked.scope == "set" and len({s.n for _, s in found}) > 1:
        told = "its replicates have different numbers of images, on which a set metric depends"
    return found, told


def _unscored(asked: Asked, entry: Entry, protocol: Any) -> str:
    others = [s for s in entry.run.scores if (s.metric, s.output) == (asked.column.metric, asked.column.output)]
    if not others:
        return "not scored"
    return f"scored by another protocol: {unlike(entry.run, others[0].protocol, protocol)}"


def _noted(one: Cell, asked: Asked, held: Sequence[tuple[Entry, Score]], reason: str) -> Cell:
    """The cell with what must be known of it: not compared and why, or a judge that is not independent."""
    notes = [one.note, reason if one.value is not None else ""]
    for entry, score in held[:1] if one.value is not None else ():
        notes.append(score.note)  # a judge that was asked while the images were made
        if entry.card:
            notes.append(systemcard.not_independent(entry.card, entry.run).get(score.metric, ""))
    return replace(one, note="; ".join(dict.fromkeys(n for n in notes if n)))


# ---- differences ----------------------------------------------------------------------------------------------------


def _differences(
    asked: Asked, held: list[list[tuple[Entry, Score]]], shelf: Shelf
) -> tuple[list[int], dict[int, str], Differences | None]:
    """Members with differences, why others have none, and the differences. Members whose score does not follow from
    their samples lose it (their list in `held` is emptied)."""
    reasons: dict[int, str] = {}
    used = [i for i, scores in enumerate(held) if scores]
    if asked.scope == "set":
        used = _of_usual_size(used, held, reasons)
    by_rows = [i for i in used if all(_has_rows(asked, one, shelf) for one in held[i])]
    if asked.output.estimator is None and len(by_rows) < len(used):
        return _by_blocks(held, used, reasons)
    for i in set(used) - set(by_rows):
        reasons[i] = "its rows are not there, so that it cannot be compared"
    while by_rows:
        columns, owner = _matrix(asked, held, by_rows, shelf)
        found = differences(_estimator(asked), columns, shelf.groups, owner)
        true = _true(held, by_rows, columns[_estimator(asked).columns[0]], owner, found.runs, reasons)
        if true == by_rows:
            return true, reasons, found
        by_rows = true
    return [], reasons, None


def _of_usual_size(used: Sequence[int], held: Sequence[Any], reasons: dict[int, str]) -> list[int]:
    """Those over the commonest number of images, the larger one among equals."""
    sizes = Counter(held[i][0][1].n for i in used)
    usual = max(sizes, key=lambda n: (sizes[n], n), default=0)
    for i in used:
        n = held[i][0][1].n
        if n != usual:
            reasons[i] = f"over {thousands(n)} images where the others are over {thousands(usual)}: not compared"
    return [i for i in used if i not in reasons]


def _has_rows(asked: Asked, one: tuple[Entry, Score], shelf: Shelf) -> bool:
    entry, score = one
    table = shelf.tables.get(entry.run.digest, {})
    return all(s in table and (s.startswith("tag:") or table[s].dtype == np.float64) for _, s in _stored(asked, score))


def _matrix(
    asked: Asked, held: Sequence[Any], used: Sequence[int], shelf: Shelf
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns (n, P) of the estimator, and the place of each run's member in `used`."""
    runs = [(place, entry, score) for place, i in enumerate(used) for entry, score in held[i]]
    columns: dict[str, np.ndarray] = {}
    for at, (name, _) in enumerate(_stored(asked, runs[0][2])):
        stored = [shelf.tables[e.run.digest][_stored(asked, s)[at][1]] for _, e, s in runs]
        columns[name] = stored[0] if stored[0].dtype == object else np.stack(stored, axis=1)
    return columns, np.array([place for place, _, _ in runs])


def _true(
    held: list[list[tuple[Entry, Score]]],
    used: Sequence[int],
    column: np.ndarray,
    owner: np.ndarray,
    values: np.ndarray,
    reasons: dict[int, str],
) -> list[int]:
    """Those whose every score follows from its samples; the others' scores are taken away."""
    stated = np.array([s.value for i in used for _, s in held[i]], dtype=float)
    scale = np.maximum(np.abs(np.where(np.isfinite(column), column, 0.0)).max(0, initial=0.0), np.abs(stated))
    for run in np.flatnonzero(~(np.abs(values - stated) <= _ROUNDING * scale)):
        i = used[owner[run]]
        told = f"{values[run]:.6g}" if np.isfinite(values[run]) else "no value"
        reasons[i] = f"its score ({stated[run]:.6g}) does not follow from its samples, which give {told}"
        held[i] = []
    return [i for i in used if held[i]]


def _by_blocks(
    held: Sequence[list[tuple[Entry, Score]]], used: Sequence[int], reasons: dict[int, str]
) -> tuple[list[int], dict[int, str], Differences | None]:
    """Differences by delete-a-block values, among those that have the commonest number of blocks."""
    sizes = {i: {len(s.replicates) for _, s in held[i]} for i in used}
    votes = Counter(next(iter(n)) for n in sizes.values() if len(n) == 1 and min(n) > 1)
    usual = max(votes, key=lambda n: (votes[n], n), default=0)
    for i in used:
        if sizes[i] != {usual} or not all(np.isfinite(s.replicates).all() for _, s in held[i]):
            reasons[i] = "it has no jackknife blocks that pair with the others', so that it cannot be compared"
    used = [i for i in used if i not in reasons]
    if not used:
        return [], reasons, None
    scores = [(place, s) for place, i in enumerate(used) for _, s in held[i]]
    blocks = np.array([s.replicates for _, s in scores], dtype=float).T
    values = np.array([s.value for _, s in scores], dtype=float)
    return used, reasons, block_differences(values, blocks, [place for place, _ in scores])


def _spread_out(found: Differences | None, shelf: Shelf) -> tuple[tuple[str, ...], np.ndarray]:
    """Kind of source, and the influences over all its units: all groups of the data set, so that columns align."""
    if found is None:
        return (), np.zeros((0, 0))
    size = int(shelf.groups.max(initial=-1)) + 1
    if found.rows:
        full = np.zeros((size, found.influence.shape[1]))
        full[found.units] = found.influence
        return (), full
    return (f"{len(found.influence)} blocks" if found.groups == len(found.influence) else "draws",), found.influence


# ---- means of replicates --------------------------------------------------------------------------------------------


def _mean_cell(scores: Sequence[Score], found: Differences, place: int, between: float) -> Cell:
    """The mean over replicates; its error is that of their mean over prompts and, beside it, their own spread."""
    values = [float(s.value) for s in scores if s.value is not None]
    mean, m = float(np.mean(values)), len(values)
    own = found.influence[:, place]
    within = float(np.square(own).sum()) * found.factor
    half = float(special.stdtrit(max(found.groups - 1, 1), (1 + LEVEL) / 2)) * float(np.sqrt(within + between))
    fine = np.isfinite(half)
    first = scores[0]
    return Cell(
        mean, mean - half if fine else None, mean + half if fine else None,
        f"t interval of the mean of {m} replicates, their spread included" if fine else "no interval",
        n=first.n, n_missing=max(s.n_missing for s in scores), policy=first.policy, protocol=first.protocol,
        note=f"mean of {m} replicates",
    )  # fmt: skip
