"""`bench leaderboard diff OLD NEW`: every row that moved, entered or left between two boards, and why.

Reads two board.json files and nothing else. A row's causes are its own (other runs, another score, another protocol,
an exclusion) or the field's (who came or went, the rules): each is one plain sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench import store
from bench.errors import StoreError, UsageError
from bench.reports.comparison.checks import differing
from bench.reports.numbers import decimals, number
from bench.reports.words import clean

Kind = Literal["entered", "left", "moved"]
_NAMED = 4
_RULES = {
    "error": "the error level", "coverage": "the required coverage", "level": "the required level of verification",
    "order": "the rule that orders the board", "title": "the title", "version": "the version",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One row's change."""

    id: str
    title: str
    kind: Kind
    before: str
    """'2, 1–3' (place, rank interval); '' where it was not ranked."""
    after: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """What is different between two boards."""

    rules: tuple[str, ...]
    """Sentences about the boards' files."""
    changes: tuple[Change, ...]
    same: int
    """Ranked rows that stand where they stood."""


def read(path: str | Path) -> dict[str, Any]:
    """A board.json, or the one in a site's folder."""
    file = Path(path)
    file = file / "board.json" if file.is_dir() else file
    try:
        data = store.read_json(file)
    except FileNotFoundError:
        raise UsageError(f"There is no board {file}; give a board.json, or the folder of a board's site.") from None
    fields = {"spec": Mapping, "rows": list, "columns": list, "order": str}
    if not isinstance(data, Mapping) or not all(isinstance(data.get(k), kind) for k, kind in fields.items()):
        raise StoreError(f"{file} is no board.json of this suite.")
    if data.get("format") != 1:
        raise StoreError(f"{file} is of board format {data.get('format')}, and this version of the suite reads 1.")
    return dict(data)


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> Diff:
    """Two boards' data (`read`) as their difference, in the order of the new board, then what left."""
    before, after = _ranked(old), _ranked(new)
    rules = _rules(old, new)
    field = _Field(old, new, before, after, rules)
    changes, same = [], 0
    for name, row in after.items():
        if name not in before:
            changes.append(Change(name, row["title"], "entered", "", _standing(new, row), _entered(old, row)))
            continue
        why = _own(old, new, before[name], row)
        moved = _standing(old, before[name]) != _standing(new, row)
        if moved or why:
            why += field.told(before[name], row) if moved else []
            pair = _standing(old, before[name]), _standing(new, row)
            changes.append(Change(name, row["title"], "moved", *pair, tuple(why)))
        else:
            same += 1
    for name, row in before.items():
        if name not in after:
            changes.append(Change(name, row["title"], "left", _standing(old, row), "", _left(new, row)))
    return Diff(tuple(rules), tuple(changes), same)


def _ranked(board: Mapping[str, Any]) -> dict[str, Any]:
    return {r["id"]: r for r in board["rows"] if r["role"] == "system"}


def _standing(board: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """'2, 1–3': place, and the ranks that it may have."""
    ranks = _cell(board, row).get("ranks") or [None, None]
    return f"{row['place']}, {ranks[0]}\N{EN DASH}{ranks[1]}" if ranks[0] is not None else str(row["place"])


def _cell(board: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, Any]:
    return row["cells"].get(board["order"]) or {}


# ---- the boards' files ----------------------------------------------------------------------------------------------


def _rules(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    a, b = old["spec"], new["spec"]
    told = []
    for key, name in _RULES.items():
        if a.get(key) != b.get(key):
            told.append(f"{name} changed from {_said(a.get(key))} to {_said(b.get(key))}")
    told += _of_datasets(a, b)
    told += _of_columns(old, new)
    for name in sorted({*a["excluded"], *b["excluded"]}):
        was, now = a["excluded"].get(name), b["excluded"].get(name)
        if was != now:
            told.append(
                f"'{clean(name)}' is excluded: {clean(now)}" if was is None
                else f"'{clean(name)}' is not excluded any more" if now is None
                else f"the reason why '{clean(name)}' is excluded changed to: {clean(now)}"
            )  # fmt: skip
    return [_sentence(t) for t in told]


def _said(value: Any) -> str:
    """A rule's value in words."""
    if not isinstance(value, Mapping):
        return f"'{clean(value)}'" if isinstance(value, str) else f"{value:g}"
    if value.get("anchors"):
        told = [f"{clean(k)} {v[0]:g} to {v[1]:g}" for k, v in sorted(value["anchors"].items())]
        return f"a mean between anchors ({', '.join(told)})"
    return clean(" ".join(x for x in (value["metric"], value["output"], value["dataset"]) if x))


def _of_datasets(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    was, now = ({d["name"]: d for d in spec["datasets"]} for spec in (a, b))
    told = [f"the data set {clean(n)} was added" for n in now if n not in was]
    told += [f"the data set {clean(n)} was taken away" for n in was if n not in now]
    both = [n for n in now if n in was and now[n]["prompts"] != was[n]["prompts"]]
    return told + [f"the prompt list of {clean(n)} is another one: its numbers are of other prompts" for n in both]


def _of_columns(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    was, now = ({c["id"]: c for c in board["columns"]} for board in (old, new))
    told = [f"the column {clean(n)} was added" for n in now if n not in was]
    told += [f"the column {clean(n)} was taken away" for n in was if n not in now]
    for name in (n for n in now if n in was and now[n]["protocol"] != was[n]["protocol"]):
        fields = _fields(old, new, was[name]["protocol"], now[name]["protocol"])
        told.append(f"the column {clean(name)} is pinned to another protocol{f' ({fields})' if fields else ''}")
    return told


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], was: str, now: str) -> str:
    pair = [old.get("protocols", {}).get(was), new.get("protocols", {}).get(now)]
    return clean("; ".join(differing(pair, ["the old one", "the new one"])[:_NAMED])) if all(pair) else ""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


# ---- one row --------------------------------------------------------------------------------------------------------


def _own(old: Mapping[str, Any], new: Mapping[str, Any], was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed of the row itself."""
    told = []
    gone, fresh = set(was["runs"]) - set(now["runs"]), set(now["runs"]) - set(was["runs"])
    if fresh and gone:
        told.append(f"{_count(len(fresh), 'run')} in place of {len(gone)}")
    elif fresh:
        told.append(f"{_count(len(fresh), 'more run')}")
    elif gone:
        told.append(f"{_count(len(gone), 'run')} fewer")
    if was["level"] != now["level"]:
        told.append(f"its scores are {now['level']}, and were {was['level']}")
    if old["order"] == new["order"]:
        told += _of_score(old, new, was, now, bool(fresh or gone))
    return told


def _of_score(
    old: Mapping[str, Any], new: Mapping[str, Any], was: Mapping[str, Any], now: Mapping[str, Any], other_runs: bool
) -> list[str]:
    a, b = _cell(old, was), _cell(new, now)
    if a.get("value") is None or b.get("value") is None or a["value"] == b["value"]:
        return []
    halves = [(x["high"] - x["low"]) / 2 for x in (a, b) if x.get("low") is not None and x.get("high") is not None]
    digits = decimals([*halves, abs(b["value"] - a["value"])], [a["value"], b["value"]])
    label = next(clean(c["label"]) for c in new["columns"] if c["id"] == new["order"])
    told = f"its {label} went from {number(a['value'], digits)} to {number(b['value'], digits)}"
    if other_runs:
        return [told]
    protocols = {c["id"]: c["protocol"] for c in old["columns"]}, {c["id"]: c["protocol"] for c in new["columns"]}
    same = protocols[0].get(old["order"]) == protocols[1].get(new["order"])
    return [f"{told}, {'scored again by the same protocol' if same else 'by the other protocol that is pinned now'}"]


def _entered(old: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, ...]:
    before = _elsewhere(old, row)
    if before is None:
        return ("it was not on the old board",)
    if before["role"] == "unranked":
        return (f"it was not ranked before: {clean(before['reason'])}",)
    return (f"it was on the old board as {before['role']}",)


def _left(new: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, ...]:
    after = _elsewhere(new, row)
    if after is None:
        return ("none of its runs was given to the new board",)
    if after["role"] == "unranked":
        return (f"it is not ranked any more: {clean(after['reason'])}",)
    return (f"it is on the new board as {after['role']}",)


def _elsewhere(board: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Where a row's system or one of its runs stands on the other board."""
    others = [r for r in board["rows"] if r["role"] != "external"]
    same = next((r for r in others if r["id"] == row["id"]), None)
    return same or next((r for r in others if set(r["runs"]) & set(row["runs"])), None)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' if n > 1 else ''}"


# ---- the field ------------------------------------------------------------------------------------------------------


class _Field:
    """Who came and went, and what that did to the others."""

    def __init__(
        self, old: Mapping[str, Any], new: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any],
        rules: Sequence[str],
    ) -> None:  # fmt: skip
        self.old, self.new, self.before, self.after, self.rules = old, new, before, after, rules

    def told(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
        """Why a row moved beside what changed of itself."""
        came = [r for n, r in self.after.items() if n not in self.before]
        went = [r for n, r in self.before.items() if n not in self.after]
        over = [r for r in came if r["place"] < now["place"]]
        off = [r for r in went if r["place"] < was["place"]]
        passed = self._passed(was, now)
        told = [f"{_names(over)} came in above it"] if over else []
        told += [f"{_names(off)} above it went"] if off else []
        told += [f"it passed {_names(passed[0])}"] if passed[0] else []
        told += [f"{_names(passed[1])} passed it"] if passed[1] else []
        if not told and (came or went):
            parts = [f"{_names(came)} came" if came else "", f"{_names(went)} went" if went else ""]
            told.append(f"its ranks count other competitors: {' and '.join(p for p in parts if p)}")
        if not told and self._others():
            told.append(f"the scores of {_names(self._others())} changed, and with them who is surely better than whom")
        if not told and self.rules:
            told.append("the board's rules changed")
        return told

    def _passed(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
        """Rows that stood above it and stand below it now, and the other way round."""
        both = [(self.before[n], self.after[n]) for n in self.after if n in self.before and n != now["id"]]
        under = [b for a, b in both if a["place"] < was["place"] and b["place"] > now["place"]]
        above = [b for a, b in both if a["place"] > was["place"] and b["place"] < now["place"]]
        return under, above

    def _others(self) -> list[Any]:
        """Rows on both boards whose ordering value or runs changed."""
        return [
            row for name, row in self.after.items()
            if name in self.before and _own(self.old, self.new, self.before[name], row)
        ]  # fmt: skip


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    titles = [clean(r["title"]) for r in rows]
    if len(titles) > _NAMED + 1:
        return f"{', '.join(titles[:_NAMED])} and {len(titles) - _NAMED} more"
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)


# ---- as text --------------------------------------------------------------------------------------------------------


def diff_text(found: Diff) -> str:
    """A sentence a line."""
    lines = list(found.rules)
    for one in found.changes:
        why = f": {'; '.join(one.why)}" if one.why else ""
        standing = {
            "entered": f"entered at {one.after}", "left": f"left (was {one.before})",
            "moved": f"moved from {one.before} to {one.after}" if one.before != one.after else f"stays at {one.after}",
        }  # fmt: skip
        lines.append(f"{clean(one.title)} {standing[one.kind]}{why}.")
    if not lines:
        return "The two boards rank the same systems alike."
    return "\n".join([*lines, f"{found.same} ranked rows stand as they stood."])
