"""How the ranking changes with the condition: semantic, spatial, temporal data sets, or the values of a tag.

A condition is ranked by the metric that sees its defect: the first primary row whose card says that it responds to it.
Systems are matched between data sets by their titles. Nothing is averaged over conditions: a system that is good at
colours and bad at sides has no one place, and that is what the tables say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import NotComparable, UsageError, did_you_mean
from bench.reports.comparison.checks import identity
from bench.reports.comparison.compare import compare
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Conditions, Rankings
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.opening import opened
from bench.reports.comparison.ranked import Part, ranked
from bench.reports.comparison.rankings import Member, compared, group_of
from bench.reports.comparison.slices import VALUES
from bench.reports.comparison.values import per_image, row_called
from bench.spec import canonical
from bench.types import Run

BY_GROUP = "dataset-group"
DEFECTS: Mapping[str, tuple[str, ...]] = {
    "semantic": ("wrong-colour", "shuffled"), "spatial": ("wrong-side",), "temporal": ("wrong-order", "wrong-span"),
}  # fmt: skip
"""Condition -> defects whose metrics rank it, the most telling first."""


# ---- groups of data sets -------------------------------------------------------------------------------------------


def conditions(runs: Sequence[str | Path | Run], *, rank_by: str = "", force: bool = False) -> Conditions:
    """Runs of several data sets, grouped by the data sets' conditions.

    rank_by: the metric that ranks every group (by name, alias, text or label) instead of each condition's own.
    NotComparable when all runs are of one data set; UsageError when a group has no metric to rank by.
    """
    tables, broken = opened(runs)
    by_list: dict[str, list[Run]] = {}
    for system in tables.systems:
        by_list.setdefault(canonical(identity(system.run)), []).append(system.run)
    if len(by_list) < 2:
        raise NotComparable(
            "All runs are of one data set and prompt list, so that there are no groups of data sets to compare. Give "
            "runs of several, or --by TAG for the values of a tag."
        )
    made = tuple(compare(members, force=force) for members in by_list.values())
    groups = [_group(name, those, rank_by) for name, those in _sorted(made).items()]
    return Conditions(compared(BY_GROUP, groups, _order(made)), made, broken)


def _sorted(made: Sequence[Comparison]) -> dict[str, list[Comparison]]:
    """Condition (or the data set's label) -> comparisons; the known conditions first."""
    found: dict[str, list[Comparison]] = {}
    for one in made:
        found.setdefault(str(one.dataset.get("condition") or _label(one)), []).append(one)
    found = {
        name: found[name] for name in [*(d for d in DEFECTS if d in found), *(n for n in found if n not in DEFECTS)]
    }
    apart: dict[str, list[Comparison]] = {}
    for name, members in found.items():
        if len(members) == 1 or _shared(members):
            apart[name] = members
        else:  # nothing in common to rank by
            apart |= {f"{name}: {_label(m)} {str(m.dataset.get('prompts', ''))[:8]}".rstrip(): [m] for m in members}
    return apart


def _label(one: Comparison) -> str:
    return str(one.dataset.get("label") or one.dataset.get("name") or "data set")


def _shared(members: Sequence[Comparison]) -> list[tuple[str, str]]:
    """(metric, output) of primary rows with a direction that all members have."""
    each = [[(r.metric, r.output.name) for r in m.primary if r.direction != "none"] for m in members]
    return [pair for pair in each[0] if all(pair in other for other in each[1:])]


def _group(name: str, members: Sequence[Comparison], rank_by: str) -> Member:
    allowed = _shared(members)
    rows = [r for r in members[0].primary if (r.metric, r.output.name) in allowed]
    if rank_by:
        rows = [r for r in members[0].rows if r.direction != "none"]
    row, why = _ranking_row(name.partition(":")[0], rows, rank_by, f"the group '{name}'")
    parts_rows = [_same(m, row, name) for m in members]
    titles, left = _titles(members, parts_rows)
    parts = [Part(_tables(m), r, tuple(_place(m, t) for t in titles)) for m, r in zip(members, parts_rows, strict=True)]
    found = ranked(parts, titles) if titles else None
    return group_of(name, tuple(dict.fromkeys(map(_label, members))), row, why, found, titles, left)


def _ranking_row(condition: str, rows: Sequence[Row], rank_by: str, where: str) -> tuple[Row, str]:
    """The row that ranks a group, and why this one."""
    if rank_by:
        return row_called(rank_by, rows), "asked for"
    for defect in DEFECTS.get(condition, ()):
        fit = next((r for r in rows if defect in r.card.responds_to), None)
        if fit is not None:
            return fit, f"responds to {defect}"
    first = next((r for r in rows if per_image(r)), next(iter(rows), None))
    if first is None:
        raise UsageError(f"There is no metric to rank {where} by: its runs share no primary metric with a direction.")
    return first, "the first primary metric" + (f", for none responds to {condition} defects" * (condition in DEFECTS))


def _same(member: Comparison, row: Row, name: str) -> Row:
    found = next((r for r in member.rows if (r.metric, r.output.name) == (row.metric, row.output.name)), None)
    if found is None:
        raise UsageError(f"The runs of {_label(member)} in the group '{name}' have no {row.title}; score them with it.")
    return found


def _titles(members: Sequence[Comparison], rows: Sequence[Row]) -> tuple[list[str], list[tuple[str, str]]]:
    """Systems that have a value on every data set of a group, and the others with the reason."""
    order = _order(members)
    kept, left = [], []
    for title in order:
        reason = ""
        for member, row in zip(members, rows, strict=True):
            at = next((i for i in member.ranked if member.systems[i].title == title), None)
            cell = None if at is None else row.cells[at]
            if at is None:
                reason = f"not run on {_label(member)}"
            elif cell is None or cell.value is None:
                reason = f"no {row.title} on {_label(member)}"
        if reason:
            left.append((title, reason))
        else:
            kept.append(title)
    return kept, left


def _order(members: Sequence[Comparison]) -> list[str]:
    return list(dict.fromkeys(m.systems[i].title for m in members for i in m.ranked))


def _place(member: Comparison, title: str) -> int:
    return next(i for i in member.ranked if member.systems[i].title == title)


def _tables(member: Comparison) -> Tables:
    return member.tables or Tables(member.systems)


# ---- values of a tag -----------------------------------------------------------------------------------------------


def by_tag(comparison: Comparison, tag: str, *, rank_by: str = "") -> Rankings:
    """The ranking on the prompts of each value of a tag, by one metric: `rank_by` or the first primary per-image one.

    UsageError when there is no such tag, or it has one value or more than two dozen.
    """
    tables = _tables(comparison)
    values = _values(comparison, tables, tag)
    rows = [r for r in (comparison.rows if rank_by else comparison.primary) if r.direction != "none"]
    row, why = _ranking_row("", rows, rank_by, f"the values of '{tag}'")
    titles, left = _titles([comparison], [row])
    systems = tuple(_place(comparison, t) for t in titles)
    groups, empty = [], []
    for value in values:
        found = ranked([Part(tables, row, systems, (tag, value))], titles) if titles else None
        if found is None:
            empty.append(value)
        else:
            groups.append(group_of(value, (_label(comparison),), row, why, found, titles, left))
    made = compared(tag, groups, _order([comparison]))
    told = f"{row.title} has no value of all systems on prompts with {tag} {', '.join(empty)}."
    return dataclasses.replace(made, notes=(*made.notes, told)) if empty else made


def _values(comparison: Comparison, tables: Tables, tag: str) -> list[str]:
    frame = tables.frame(comparison.ranked[0])
    known = sorted(str(c).removeprefix("tag:") for c in frame.columns if str(c).startswith("tag:"))
    if tag not in known:
        told = f" The prompts' tags: {', '.join(known)}." if known else " These prompts have no tags."
        raise UsageError(
            f"--by takes {BY_GROUP} or a tag, and no tag is called '{tag}'."
            f"{did_you_mean(tag, [BY_GROUP, *known])}{told} The metric that best and worst prompts go by is given by "
            "--prompts-by."
        )
    values = sorted({str(v) for v in frame[f"tag:{tag}"].tolist() if v is not None and v == v and str(v)})
    if len(values) not in VALUES:
        raise UsageError(
            f"The tag '{tag}' has {len(values)} values; a ranking by tag takes {VALUES[0]} to {VALUES[-1]} of them."
        )
    return values
