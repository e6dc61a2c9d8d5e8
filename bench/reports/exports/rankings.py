"""How the ranking changes with the condition, as text for the terminal, Markdown, CSV and plain data."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from bench.errors import UsageError
from bench.reports.comparison.findings import Conditions, Group, Place, Rankings
from bench.reports.comparison.nouns import Cell
from bench.reports.exports.tables import side_by_side
from bench.reports.numbers import ABSENT, ARROWS, decimals, number, spread
from bench.reports.words import cell_word, clean, display_width, escaped, wrapped

WIDTH = 100
_NAME, _HEAD = 28, 22
ASCII = str.maketrans(
    {"↑": "^", "↓": "v", "±": "~", "\u2212": "-", "\u2013": "-", "…": "..", "≥": ">=", "\N{NO-BREAK SPACE}": " "}
)
"""What a terminal without Unicode gets."""
_LEGEND = "Rank (best and worst that chance allows), value ± half its 95 % interval, [low, high] a lopsided one."


def printed(found: Conditions, form: str = "text", *, ascii_only: bool = False) -> str:
    """The rankings of several data sets as text, markdown, csv or json; UsageError for a form of one comparison."""
    if form == "text":
        text = rankings_text(found.rankings)
        return (text.translate(ASCII) if ascii_only else text).rstrip("\n")
    if form in ("markdown", "csv"):
        return (rankings_markdown if form == "markdown" else rankings_csv)(found.rankings).rstrip("\n")
    if form == "json":
        return json.dumps(conditions_data(found), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    raise UsageError(
        f"Rankings by condition have no form '{form}'; --print takes text, markdown, csv or json for them."
    )


def rankings_text(found: Rankings, *, width: int = WIDTH) -> str:
    """A table (systems down, groups across in as many blocks as the width asks for), then what it says."""
    names = {s: wrapped(clean(s), _NAME) for s in systems(found)}
    first = max((display_width(line) for lines in names.values() for line in lines), default=0)
    columns = [_column(group, list(names)) for group in found.groups]
    blocks = side_by_side(columns, lambda column: 2 + max(display_width(t) for t in column), first, width)
    parts = [_block(names, first, block) for block in blocks if block]
    for lines in ((_LEGEND,), found.sentences, found.notes):
        if lines:
            parts.append("\n".join(w for line in lines for w in wrapped(clean(line), width, " ")))
    return "\n\n".join(parts) + "\n"


def systems(found: Rankings) -> list[str]:
    """Those that all groups rank, then the others."""
    placed = [p.system for g in found.groups for p in g.places]
    return list(dict.fromkeys([*found.common, *placed, *(t for g in found.groups for t, _ in g.unranked)]))


def _column(group: Group, names: Sequence[str]) -> list[str]:
    head = wrapped(clean(group.name), _HEAD)[:2] + [""] * 2
    label = wrapped(f"{clean(group.label)} {ARROWS.get(group.direction, '')}".rstrip(), _HEAD)[:2] + [""] * 2
    return [*head[:2], *label[:2], f"P = {group.prompts:,}", *(_cell(group, name) for name in names)]


def _cell(group: Group, name: str) -> str:
    place = next((p for p in group.places if p.system == name), None)
    return ABSENT if place is None else f"{reach(place)}  {value(group, place)}"


def reach(place: Place) -> str:
    """'2 (1–3)', or the rank alone where chance allows no other."""
    return str(place.rank) if place.first == place.last else f"{place.rank} ({place.first}\N{EN DASH}{place.last})"


def value(group: Group, place: Place) -> str:
    """'0.812 ±0.013' in the group's precision."""
    halves = [(p.high - p.low) / 2 for p in group.places if p.low is not None and p.high is not None]
    digits = decimals(halves, [p.value for p in group.places])
    return f"{number(place.value, digits)} {spread(Cell(place.value, place.low, place.high), digits)}".rstrip()


def _block(names: dict[str, list[str]], first: int, columns: Sequence[list[str]]) -> str:
    widths = [max(display_width(t) for t in column) for column in columns]

    def line(name: str, at: int) -> str:
        cells = [" " * (w - display_width(c[at])) + c[at] for c, w in zip(columns, widths, strict=True)]
        return "  ".join([name + " " * (first - display_width(name)), *cells]).rstrip()

    head = len(columns[0]) - len(names)
    lines = [text for at in range(head) if (text := line("", at))]
    lines.append("-" * (first + sum(w + 2 for w in widths)))
    for at, wrapped_name in enumerate(names.values()):
        lines += [line(wrapped_name[0], head + at), *wrapped_name[1:]]
    return "\n".join(lines)


# ---- Markdown, CSV, data --------------------------------------------------------------------------------------------


def rankings_markdown(found: Rankings, *, level: int = 2) -> str:
    """A section: sentences, table, notes."""
    heads = [escaped(f"{g.name}: {g.label} {ARROWS.get(g.direction, '')} (P = {g.prompts:,})") for g in found.groups]
    lines = [_piped(["System", *heads]), _piped(["---", *("---:" for _ in heads)])]
    for name in systems(found):
        lines.append(_piped([escaped(name), *(_cell(g, name) for g in found.groups)]))
    parts = [f"{'#' * level} Rankings by {escaped(found.by)}", "\n".join(f"- {escaped(s)}" for s in found.sentences)]
    parts += ["\n".join(lines), _LEGEND]
    parts += ["\n".join(f"- {escaped(n)}" for n in found.notes)] if found.notes else []
    return "\n\n".join(p for p in parts if p) + "\n"


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


FIELDS = (
    "group", "datasets", "metric", "label", "direction", "system", "value", "low", "high", "rank", "first", "last",
    "prompts", "not_ranked",
)  # fmt: skip


def rankings_csv(found: Rankings) -> str:
    """A line for each group and system, full precision."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for g in found.groups:
        head = [cell_word(t) for t in (g.name, ", ".join(g.datasets), g.metric, g.label, g.direction)]
        for p in g.places:
            numbers = ["" if v is None else repr(v) for v in (p.value, p.low, p.high)]
            writer.writerow([*head, cell_word(p.system), *numbers, p.rank, p.first, p.last, g.prompts, ""])
        for title, reason in g.unranked:
            writer.writerow([*head, cell_word(title), "", "", "", "", "", "", g.prompts, cell_word(reason)])
    return stream.getvalue()


def rankings_data(found: Rankings) -> dict[str, Any]:
    """JSON-ready; a tau that is undefined is null."""
    return {
        "by": found.by, "common": list(found.common),
        "groups": [
            {**{k: v for k, v in vars(g).items() if k not in ("places", "unranked", "datasets")},
             "datasets": list(g.datasets), "places": [dict(vars(p)) for p in g.places],
             "unranked": [{"system": t, "reason": r} for t, r in g.unranked]}
            for g in found.groups
        ],
        "tau": [[float(t) if math.isfinite(t) else None for t in row] for row in found.tau],
        "moves": [{"system": m.system, "ranks": list(m.ranks), "reach": [list(r) for r in m.reach], "sure": m.sure}
                  for m in found.moves],
        "sentences": list(found.sentences), "notes": list(found.notes),
    }  # fmt: skip


def conditions_data(found: Conditions) -> dict[str, Any]:
    """The rankings, and which runs each data set has."""
    datasets = [
        {"dataset": str(c.dataset.get("label") or c.dataset.get("name", "")),
         "prompts": str(c.dataset.get("prompts", "")), "runs": [s.path for s in c.systems]}
        for c in found.comparisons
    ]  # fmt: skip
    return {"rankings": rankings_data(found.rankings), "datasets": datasets}
