"""TISE's ranking score as text for the terminal, Markdown, CSV and plain data."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from bench.errors import UsageError
from bench.reports.comparison.ranking_score import Measure, RankingScores
from bench.reports.exports.rankings import ASCII
from bench.reports.exports.tables import WIDTH, Table, aligned, marked_down
from bench.reports.numbers import ARROWS, decimals, number
from bench.reports.words import cell_word, clean, escaped, wrapped

FORMS = ("text", "markdown", "csv", "json")
FIELDS = (
    "system", "aspect", "metric", "label", "dataset", "direction", "value", "points", "fewest", "most", "prompts",
)  # fmt: skip


def printed(found: RankingScores, form: str = "text", *, ascii_only: bool = False) -> str:
    """The table in one of `FORMS`; UsageError for another."""
    if form == "text":
        text = "\n\n".join([_lines(found), *(aligned(t) for t in _tables(found))])
        return text.translate(ASCII) if ascii_only else text
    if form == "markdown":
        parts = ["## Ranking score (TISE)", "\n".join(f"- {escaped(s)}" for s in sentences(found))]
        return "\n\n".join([*parts, *(part for t in _tables(found) for part in marked_down(t))])
    if form == "csv":
        return _csv(found).rstrip("\n")
    if form == "json":
        data = ranking_score_data(found)
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    raise UsageError(f"A ranking score has no form '{form}'; --print takes {', '.join(FORMS)} for it.")


def files(found: RankingScores) -> dict[str, bytes]:
    """The report's files: ranking-score.md, ranking-score.csv, ranking-score.json."""
    return {f"ranking-score.{end}": f"{printed(found, form)}\n".encode()
            for end, form in (("csv", "csv"), ("json", "json"), ("md", "markdown"))}  # fmt: skip


def sentences(found: RankingScores) -> list[str]:
    """What the numbers are, and what is missing."""
    k, n = len(found.systems), len(found.aspects)
    told = [
        f"Points: {k} for the best of {k} systems of a measure, 1 for the last, ties their mean. The score is the sum "
        f"over {n} aspect{'s' * (n != 1)} ({', '.join(found.aspects)}) of the mean points of their measures: from {n} "
        f"to {n * k}, more is better. It orders these systems alone; another table has another scale.",
        "In brackets: the fewest and most points that chance allows (95 % intervals of the differences); of a score, "
        "all measures at that end at once.",
    ]
    if found.absent:
        names = ", ".join(f"{name} ({aspect})" for aspect, name in found.absent)
        told.append(f"Without TISE's {names}, which these runs do not have: this is not the score of a paper.")
    told += [f"{title} has no score: {why}." for title, why in found.left]
    return told


def _lines(found: RankingScores) -> str:
    return "\n".join(w for line in sentences(found) for w in wrapped(clean(line), WIDTH, " "))


def _tables(found: RankingScores) -> list[Table]:
    aspects = found.aspects
    rows = [
        [s, _reach(found.scores[i], *found.ends[i]), *(number(_mean(found, a, i), 2) for a in aspects)]
        for i, s in enumerate(found.systems)
    ]  # fmt: skip
    values = [[s, *(_cell(m, i) for m in found.measures)] for i, s in enumerate(found.systems)]
    heads = [f"{_name(found, m)} {ARROWS.get(m.direction, '')}".rstrip() for m in found.measures]
    return [
        ("Ranking score and the points of each aspect", ["system", "score", *aspects], rows),
        ("Each measure: value, points", ["system", *heads], values),
    ]


def _mean(found: RankingScores, aspect: str, system: int) -> float:
    own = [m.points[system] for m in found.measures if m.aspect == aspect]
    return sum(own) / len(own)


def _name(found: RankingScores, one: Measure) -> str:
    alike = [m for m in found.measures if m.label == one.label]
    return one.label if len(alike) == 1 else f"{one.label} on {one.dataset}"


def _cell(one: Measure, system: int) -> str:
    digits = decimals([], one.values)
    return f"{number(one.values[system], digits)}, {_reach(one.points[system], *one.reach[system])}"


def _reach(value: float, low: float, high: float) -> str:
    shown = f"{value:g}"
    return shown if low == high == value else f"{shown} ({low:g}\N{EN DASH}{high:g})"


def _csv(found: RankingScores) -> str:
    """A line for each system and measure, and one for its score (aspect 'sum'); full precision."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for i, system in enumerate(map(cell_word, found.systems)):
        low, high = found.ends[i]
        writer.writerow({"system": system, "aspect": "sum", "points": found.scores[i], "fewest": low, "most": high})
        for m in found.measures:
            words = {n: cell_word(getattr(m, n)) for n in ("aspect", "metric", "label", "dataset", "direction")}
            fewest, most = m.reach[i]
            writer.writerow({"system": system, **words, "value": m.values[i], "points": m.points[i], "fewest": fewest,
                             "most": most, "prompts": m.prompts})  # fmt: skip
    return stream.getvalue()


def ranking_score_data(found: RankingScores) -> dict[str, Any]:
    """JSON-ready, best system first."""
    return {
        "systems": list(found.systems), "scores": list(found.scores), "ends": [list(e) for e in found.ends],
        "aspects": list(found.aspects),
        "measures": [{**vars(m), "reach": [list(r) for r in m.reach]} for m in found.measures],
        "absent": [{"aspect": a, "measure": n} for a, n in found.absent],
        "unranked": [{"system": t, "reason": r} for t, r in found.left], "sentences": sentences(found),
    }  # fmt: skip
