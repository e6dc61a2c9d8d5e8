"""One set of evidence under several rules, as text for the terminal, Markdown, CSV and plain data."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import combinations
from typing import Any

from bench.errors import UsageError
from bench.reports.exports.tables import WIDTH, Table, aligned, marked_down
from bench.reports.numbers import number
from bench.reports.words import cell_word, clean, escaped, wrapped
from bench.stats.verdicts import RuleTable

FORMS = ("text", "markdown", "csv", "json")
_SHOWN = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Thresholds of the sweep that tables show; CSV and JSON have all."""
FIELDS = (
    "table", "system", "rule", "other_rule", "threshold", "value", "low", "high", "rank", "best_rank", "worst_rank",
    "n", "prompts",
)  # fmt: skip


def printed(found: RuleTable, form: str = "text", *, ascii_only: bool = False) -> str:
    """The tables in one of `FORMS`; UsageError for another."""
    if form == "text":
        return _text(found, ascii_only)
    if form == "markdown":
        return _markdown(found)
    if form == "csv":
        return _csv(found).rstrip("\n")
    if form == "json":
        return json.dumps(rules_data(found), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    raise UsageError(f"Rules on one set of evidence have no form '{form}'; --print takes {', '.join(FORMS)} for them.")


def files(found: RuleTable) -> dict[str, bytes]:
    """The report's files: rules.md, rules.csv, rules.json."""
    return {f"rules.{end}": f"{printed(found, form)}\n".encode()
            for end, form in (("md", "markdown"), ("csv", "csv"), ("json", "json"))}  # fmt: skip


# ---- what is said --------------------------------------------------------------------------------------------------


def sentences(found: RuleTable) -> list[str]:
    """What a reader is to know: the denominator, agreement, and which systems the rules order otherwise."""
    detectors = sorted({one.detector for one in found.rows if one.detector})
    told = [
        f"{found.n:,} images of {found.prompts:,} prompts a system, boxes by {', '.join(detectors) or 'one'}; the "
        f"rules agree on {_mean(found.unanimous):.0%} of the images.",
    ]
    stated = [f"{rule} {found.own[rule]:g}" for rule in found.rules if found.own[rule] >= 0]
    told.append(f"Each rule at its benchmark's confidence ({', '.join(stated)}; the others take all that was stored).")
    for a, b in combinations(range(len(found.systems)), 2):
        ahead = [r for j, r in enumerate(found.rules) if found.scores[a, j] > found.scores[b, j]]
        behind = [r for j, r in enumerate(found.rules) if found.scores[a, j] < found.scores[b, j]]
        if ahead and behind:
            told.append(
                f"{found.systems[a]} is ahead of {found.systems[b]} by {', '.join(ahead)} and behind by "
                f"{', '.join(behind)}."
            )
    told += _left_out(found)
    if len(found.systems) > 1:
        told.append(
            "Ranks: the rank, and the best and worst over all thresholds. 'Stays first': share of resamples of the "
            "prompts in which the rule's first system is first."
        )
    return told


def _left_out(found: RuleTable) -> list[str]:
    reasons = {
        "missing": "images have no detections and are left out",
        "unjudged": "images are of prompts that not all rules can judge (no relation, another one, or one class), and "
        "are left out",
    }
    told = []
    for field, reason in reasons.items():
        counts = [getattr(one, field) for one in found.rows]
        if len(set(counts)) == 1 and counts[0]:
            told.append(f"{counts[0]:,} {reason}{', in each run' if len(counts) > 1 else ''}.")
        else:
            told += [f"{one.title}: {n:,} {reason}." for one, n in zip(found.rows, counts, strict=True) if n]
    return told


def _mean(values: Any) -> float:
    return float(values.mean())


def _tables(found: RuleTable) -> list[Table]:
    rules, digits = list(found.rules), 3
    scores = [
        [s, number(float(found.both[i]), digits), *(_cell(found, i, j) for j in range(len(rules))),
         number(float(found.unanimous[i]), digits)]
        for i, s in enumerate(found.systems)
    ]  # fmt: skip
    tables = [("Share of images that each rule is content with", ["system", "both found", *rules, "all agree"], scores)]
    agreement = [[r, *(number(float(v), 2) for v in found.agreement[i])] for i, r in enumerate(rules)]
    tables.append(("Share of images with the same verdict", ["rule", *rules], agreement))
    shown = [i for i, t in enumerate(found.thresholds) if t in _SHOWN]
    for i, s in enumerate(found.systems):
        rows = [
            [f"above {found.thresholds[t]:g}", *(number(float(v), digits) for v in found.sweep[t, i])] for t in shown
        ]
        tables.append((f"At one threshold of confidence for all rules: {s}", ["confidence", *rules], rows))
    if len(found.systems) > 1:
        ranks = [[s, *(_rank(found, i, j) for j in range(len(rules)))] for i, s in enumerate(found.systems)]
        ranks.append(["stays first", *(f"{v:.0%}" for v in found.first)])
        tables.append(("Ranks", ["system", *rules], ranks))
        tau = [[r, *(number(float(v), 2) for v in found.tau[i])] for i, r in enumerate(rules)]
        tables.append(("Order of the systems: Kendall's tau between rules", ["rule", *rules], tau))
    return tables


def _cell(found: RuleTable, i: int, j: int) -> str:
    low, high = (float(v) for v in found.ends[i, j])
    return f"{number(float(found.scores[i, j]), 3)} [{number(low, 3)}, {number(high, 3)}]"


def _rank(found: RuleTable, i: int, j: int) -> str:
    best, worst = (int(v) for v in found.reach[i, j])
    rank = int(found.ranks[i, j])
    return str(rank) if best == worst == rank else f"{rank} ({best}\N{EN DASH}{worst})"


# ---- forms ---------------------------------------------------------------------------------------------------------


def _text(found: RuleTable, ascii_only: bool) -> str:
    parts = ["\n".join(w for line in sentences(found) for w in wrapped(clean(line), WIDTH, " "))]
    parts += [aligned(table) for table in _tables(found)]
    text = "\n\n".join(parts)
    if not ascii_only:
        return text
    return text.replace("\N{EN DASH}", "-").replace("\N{MINUS SIGN}", "-")


def _markdown(found: RuleTable) -> str:
    parts = ["## One set of evidence under five position rules", "\n".join(f"- {escaped(s)}" for s in sentences(found))]
    for table in _tables(found):
        parts += marked_down(table)
    return "\n\n".join(parts)


def _csv(found: RuleTable) -> str:
    """A line a number, full precision: tables score, sweep, agreement, tau."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    size = {"n": found.n, "prompts": found.prompts}
    for i, system in enumerate(map(cell_word, found.systems)):
        for j, rule in enumerate(found.rules):
            own = found.own[rule]
            best, worst = (int(v) for v in found.reach[i, j])
            writer.writerow({
                "table": "score", "system": system, "rule": rule, "threshold": own if own >= 0 else "",
                "value": float(found.scores[i, j]), "low": float(found.ends[i, j, 0]),
                "high": float(found.ends[i, j, 1]), "rank": int(found.ranks[i, j]), "best_rank": best,
                "worst_rank": worst, **size,
            })  # fmt: skip
            for t, threshold in enumerate(found.thresholds):
                value = float(found.sweep[t, i, j])
                writer.writerow(
                    {"table": "sweep", "system": system, "rule": rule, "threshold": threshold, "value": value, **size}
                )
    for name, matrix in (("agreement", found.agreement), ("tau", found.tau)):
        for (a, one), (b, other) in combinations(enumerate(found.rules), 2):
            value = float(matrix[a, b])
            told = {"table": name, "rule": one, "other_rule": other, "value": value if math.isfinite(value) else ""}
            writer.writerow({**told, **size})
    return stream.getvalue()


def rules_data(found: RuleTable) -> dict[str, Any]:
    """JSON-ready; what is undefined is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(v) for v in value]
        return value if not isinstance(value, float) or math.isfinite(value) else None

    arrays = ("both", "scores", "ends", "agreement", "unanimous", "sweep", "tau", "ranks", "reach", "first")
    return {
        "systems": list(found.systems), "rules": list(found.rules), "n": found.n, "prompts": found.prompts,
        "thresholds": list(found.thresholds),
        "own_thresholds": {rule: t if t >= 0 else None for rule, t in found.own.items()},
        "detectors": [one.detector for one in found.rows], "missing": [one.missing for one in found.rows],
        "unjudged": [one.unjudged for one in found.rows],
        **{name: plain(getattr(found, name).tolist()) for name in arrays}, "sentences": sentences(found),
    }  # fmt: skip
