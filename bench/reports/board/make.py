"""leaderboard: runs and a board's rules into a Board.

Read, sort into systems, load the columns that the board needs, make a sheet a column, order, and pair. Everything is
brought into one order before anything is computed, so that the same runs give the same bytes however they are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.reports import privacy
from bench.reports.board.collect import Collected, Member, collect, without
from bench.reports.board.columns import Asked, protocols_of
from bench.reports.board.external import external
from bench.reports.board.factorial import factorial
from bench.reports.board.intake import Entry, system_key
from bench.reports.board.nouns import Board, BoardRow, BoardSpec, Column, Pairs, Role
from bench.reports.board.pairs import Field, anchored, different, field_of, pairs
from bench.reports.board.rows import ranked_row, unranked_row
from bench.reports.board.sheets import Sheet, sheet, wanted
from bench.reports.board.spec import read_board, with_digest
from bench.reports.board.tables import Shelf, shelf
from bench.reports.comparison.differences import cell
from bench.reports.comparison.nouns import Cell
from bench.reports.numbers import decimals
from bench.stats.letters import letters
from bench.types import Run

_ROLES: tuple[Role, ...] = ("system", "control", "external", "unranked")


def leaderboard(spec: BoardSpec | str | Path, runs: Sequence[str | Path | Run]) -> Board:
    """The board of these runs (folders or loaded ones) by the rules of a board file.

    UsageError when the rules cannot be carried out; a run that cannot be read or does not fit is listed with a reason.
    """
    rules = spec if isinstance(spec, BoardSpec) else read_board(spec)
    collected = collect(rules, runs)
    shelves, members, lost = _loaded(collected)
    sheets = _sheets(collected, members, shelves)
    columns, cells, fields = _columns(collected, sheets, len(members))
    order = next(i for i, c in enumerate(columns) if c.id == collected.order.id)
    ranked, reasons = _ranked(members, columns[order], cells, order, fields[order], rules.rank_controls)
    ids = [members[i].id for i in ranked]
    found = {c.id: p for c, f in zip(columns, fields, strict=True) if (p := pairs(f, ranked, ids, rules.error))}
    columns, rows = _rows(collected, members, columns, cells, ranked, reasons, found, lost)
    bounds = {a.column.id: (a.output.low, a.output.high) for a in collected.asked}
    entries, notes = external(rules.entries, columns, bounds)
    rows = sorted([*rows, *entries], key=lambda r: _ROLES.index(r.role))
    return Board(
        with_digest(collected.spec), tuple(columns), tuple(rows), collected.order.id, found,
        _letters(found.get(collected.order.id), len(ranked)),
        _factorial(fields[order], members, ranked, rules.error), _notes(collected, sheets, members, notes),
        protocols_of(columns, [e.run for e in collected.entries]),
        tuple(e.run for e in collected.entries if privacy.private(e.run)),
    )  # fmt: skip


# ---- what is read ---------------------------------------------------------------------------------------------------


def _loaded(collected: Collected) -> tuple[dict[str, Shelf], list[Member], list[Entry]]:
    """The tables of each data set, the members whose tables hold, and the runs that are lost with theirs."""
    shelves = {}
    for dataset in collected.spec.datasets:
        entries = {e.run.digest: e for m in collected.members for e in m.runs.get(dataset.name, ())}
        rows = {d: int(e.run.dataset.get("samples", 0)) * (e.run.spec.repeats or 1) for d, e in entries.items()}
        shelves[dataset.name] = shelf(
            {d: e.run.path for d, e in entries.items()},
            {d: wanted(collected.asked, e) for d, e in entries.items()}, rows,
        )  # fmt: skip
    members, lost = without(collected.members, {d: told for s in shelves.values() for d, told in s.lost.items()})
    return shelves, members, lost


def _sheets(collected: Collected, members: Sequence[Member], shelves: Mapping[str, Shelf]) -> list[Sheet]:
    runs = [e.run for e in collected.entries]
    protocols = protocols_of([a.column for a in collected.asked], runs)
    missing = {
        (system_key(e.run), e.dataset): f"its run on {e.dataset} does not count: {e.reason}"
        for e in collected.unfit if isinstance(e, Entry) and e.dataset
    }  # fmt: skip
    return [
        sheet(a, members, shelves[a.column.dataset], missing, protocols.get(a.column.protocol)) for a in collected.asked
    ]


def _columns(
    collected: Collected, sheets: Sequence[Sheet], count: int
) -> tuple[list[Column], list[list[Cell]], list[Field | None]]:
    """Columns with their precision, cells by column and member, and fields; an anchored mean comes first."""
    columns = [s.asked.column for s in sheets]
    cells = [list(s.cells) for s in sheets]
    fields = [field_of(s) for s in sheets]
    if collected.anchors:
        by_id = {s.asked.column.id: s for s in sheets}
        mean, field = anchored(collected.order, collected.anchors, by_id, count)
        columns, cells, fields = [collected.order, *columns], [mean, *cells], [field, *fields]
    exact = [
        replace(c, decimals=decimals([x.half for x in own], [x.value for x in own]))
        for c, own in zip(columns, cells, strict=True)
    ]
    return exact, cells, fields


# ---- rows -----------------------------------------------------------------------------------------------------------


def _ranked(
    members: Sequence[Member], column: Column, cells: Sequence[Sequence[Cell]], order: int, field: Field | None,
    rank_controls: bool,
) -> tuple[list[int], dict[int, str]]:  # fmt: skip
    """Places of the ranked members, best first, and why others are not."""
    compared = set() if field is None else {int(m) for m in field.members}
    ranked, reasons = [], {}
    for i, member in enumerate(members):
        cell = cells[order][i]
        if member.control and not rank_controls:
            continue
        if cell.value is None:
            reasons[i] = f"it has no number in the ordering column, {column.label}: {cell.note}"
        elif i not in compared:
            reasons[i] = f"its number in the ordering column, {column.label}, cannot be ranked: {cell.note}"
        else:
            ranked.append(i)
    sign = -1.0 if column.direction == "lower" else 1.0
    values = {i: float(cells[order][i].value or 0.0) for i in ranked}
    return sorted(ranked, key=lambda i: (-sign * values[i], members[i].title, members[i].id)), reasons


def _rows(
    collected: Collected, members: Sequence[Member], columns: Sequence[Column], cells: Sequence[Sequence[Cell]],
    ranked: Sequence[int], reasons: Mapping[int, str], found: Mapping[str, Pairs], lost: Sequence[Entry],
) -> tuple[list[Column], list[BoardRow]]:  # fmt: skip
    """Ranked systems, controls, then what is not ranked."""

    def own(i: int, place: int | None) -> tuple[Cell, ...]:
        made = []
        for at, column in enumerate(columns):
            its = found.get(column.id)
            best = place is not None and its is not None and len(ranked) > 1 and its.ranks[place][0] == 1
            made.append(replace(cells[at][i], best=best and cells[at][i].value is not None))
        return tuple(made)

    rows = [ranked_row(members[i], own(i, place), "system") for place, i in enumerate(ranked)]
    shown = (i for i, m in enumerate(members) if m.control and i not in ranked and i not in reasons)
    controls = sorted(shown, key=lambda i: (members[i].title, members[i].id))
    rows += [ranked_row(members[i], own(i, None), "control") for i in controls]
    left = [ranked_row(members[i], own(i, None), "unranked", reason) for i, reason in reasons.items()]
    names = {r.id for r in rows} | {r.id for r in left}
    for entry in (*lost, *collected.unfit):
        left.append(unranked_row(entry, _own_cells(entry, columns, collected.asked), names))
        names.add(left[-1].id)
    return list(columns), [*rows, *sorted(left, key=lambda r: (r.title, r.id))]


def _own_cells(entry: Any, columns: Sequence[Column], asked: Sequence[Asked]) -> tuple[Cell | None, ...]:
    """What an unranked run's own record says under the board's protocols; nothing of an excluded one."""
    by_id = {a.column.id: a for a in asked}
    made: list[Cell | None] = []
    for column in columns:
        one = by_id.get(column.id)
        fits = isinstance(entry, Entry) and one is not None and entry.dataset == column.dataset
        score = one.score(entry) if fits and one and not entry.reason.startswith("excluded") else None
        made.append(None if score is None or one is None or one.rules(entry.run, score) else cell(score))
    return tuple(made)


# ---- the rest -------------------------------------------------------------------------------------------------------


def _letters(found: Pairs | None, count: int) -> tuple[str, ...]:
    return tuple(letters(different(found))) if found is not None and count else ()


def _factorial(field: Field | None, members: Sequence[Member], ranked: Sequence[int], error: float) -> Any:
    if field is None or len(ranked) < 2:
        return None
    some = field.among(ranked)
    return factorial(some, [members[i].id for i in some.members], [members[i].parts for i in some.members], error)


def _notes(
    collected: Collected, sheets: Sequence[Sheet], members: Sequence[Member], more: Sequence[str]
) -> tuple[str, ...]:
    notes = list(collected.notes)
    if any(len(group) > 1 for m in members for group in m.runs.values()):
        notes.append(
            "A system with several runs of one data set is their mean; its error is that over prompts plus the "
            "variance between its runs divided by their number, which few runs know only roughly."
        )
    kinds = [(s.asked.column.label, s.asked.output.estimator) for s in sheets]
    medians = [label for label, estimator in kinds if estimator and estimator.kind == "median"]
    if medians:
        notes.append(f"Errors of differences of medians ({', '.join(medians)}) are those of resamples.")
    unlabelled = collected.anchors and {s.found is not None and not s.found.rows for s in sheets} == {True, False}
    if unlabelled:
        notes.append("Columns with jackknife blocks count as independent of the others in the mean between anchors.")
    return tuple(dict.fromkeys([*notes, *more]))
