"""The first thing that a reader sees: who wins how often, whether anything is missing, and a sentence a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.reports.comparison.nouns import Comparison, Kind, Row, Verdict
from bench.reports.comparison.verdicts import name, verdicts
from bench.reports.numbers import thousands
from bench.reports.words import clean

_WORDS: dict[str, tuple[str, str]] = {
    "tied": ("=", "no difference on"), "unknown": ("?", "cannot tell on"), "apart": ("≠", "not comparable on"),
}  # fmt: skip


def head(comparison: Comparison) -> dict[str, Any]:
    """Title, facts, tally, coverage, verdicts and notes."""
    dataset = comparison.dataset
    title = str(dataset.get("label") or dataset.get("name", "a dataset"))
    alone = "There is one system, so nothing is compared."
    none = "No metric allows a comparison of these runs."
    return {
        "title": f"Comparison on {title}", "facts": " · ".join(_facts(comparison)), "tally": tally(comparison),
        "coverage": coverage(comparison), "verdicts": [_verdict(v) for v in verdicts(comparison)],
        "no_verdict": alone if len(comparison.ranked) < 2 else none, "outcomes": _outcomes(comparison),
        "refused": [clean(t) for t in comparison.refused], "notes": [clean(t) for t in comparison.notes],
        "broken": [clean(t) for t in comparison.broken],
    }  # fmt: skip


def _facts(comparison: Comparison) -> list[str]:
    ranked, controls, prompts = len(comparison.ranked), len(comparison.controls), comparison.prompts
    systems = f"{ranked} system{'s' * (ranked != 1)}"
    systems += f" and {controls} control{'s' * (controls != 1)}" * bool(controls)
    whole = prompts and comparison.common % prompts == 0
    each = comparison.common // prompts if whole else 0
    images = f" × {each} image{'s' * (each != 1)}" if each else f", {thousands(comparison.common)} images a system"
    facts = [systems, f"{thousands(prompts)} prompt{'s' * (prompts != 1)}{images}"]
    if comparison.baseline is not None:
        facts.append(f"baseline {clean(comparison.systems[comparison.baseline].title)}")
    return facts


def _verdict(verdict: Verdict) -> dict[str, str]:
    start = f"{name(verdict.row)}: "
    begins = verdict.text.startswith(start)
    text = clean(verdict.text.removeprefix(start) if begins else verdict.text)
    return {
        "kind": verdict.kind, "badge": verdict.badge, "head": start if begins else "",
        "text": f"{text}.".replace("≥ ", "≥\N{NO-BREAK SPACE}"),
    }  # fmt: skip


# ---- tally ----------------------------------------------------------------------------------------------------------

Chip = dict[str, Any]


def tally(comparison: Comparison) -> list[Chip]:
    """How often each outcome: {kind, icon, who, text, count} in reading order, zero counts left out."""
    rows = [r for r in comparison.primary if r.direction != "none" and r.reference is not None]
    rows = [r for r in rows if any(r.differences) or any(r.refusals)]
    if not rows:
        return []
    if len(comparison.ranked) == 2 or comparison.baseline is not None:
        return _against(comparison, rows)
    return _leads(comparison, rows)


def _against(comparison: Comparison, rows: Sequence[Row]) -> list[Chip]:
    """Wins of each system of a pair, or of each against the baseline."""
    wins: dict[int, int] = {}
    rest = {"tied": 0, "unknown": 0, "apart": 0}
    for row in rows:
        for i, one in enumerate(row.differences):
            if one is not None and one.kind in ("better", "worse"):
                winner = i if one.kind == "better" else one.reference
                wins[winner] = wins.get(winner, 0) + 1
            elif one is not None:
                rest[one.kind] += 1
        rest["apart"] += sum(bool(r) for r in row.refusals)
    order = sorted(wins, key=lambda i: (-wins[i], i))
    only = comparison.baseline is not None and len(comparison.ranked) > 2
    text = "better" if len(comparison.ranked) == 2 else "better than the baseline"
    made = [
        _chip("better", "▲", comparison.systems[i].title, text if i != comparison.baseline or not only else
              "better than another system", wins[i])
        for i in order
    ]  # fmt: skip
    return made + _rest(rest)


def _leads(comparison: Comparison, rows: Sequence[Row]) -> list[Chip]:
    """Who is surely best alone, and how often the lead is shared."""
    clear: dict[int, int] = {}
    rest, shared = {"tied": 0, "unknown": 0, "apart": 0}, 0
    for row in rows:
        kinds: set[Kind] = {d.kind for d in row.differences if d is not None}
        if kinds == {"worse"} and not any(row.refusals) and row.best is not None:
            clear[row.best] = clear.get(row.best, 0) + 1
        elif "worse" in kinds:
            shared += 1
        else:
            rest["tied" if "tied" in kinds else "unknown" if kinds else "apart"] += 1
    order = sorted(clear, key=lambda i: (-clear[i], i))
    made = [_chip("better", "▲", comparison.systems[i].title, "surely best", clear[i]) for i in order]
    return made + [_chip("tied", "◆", "", "lead shared on", shared)] * bool(shared) + _rest(rest)


def _rest(counts: dict[str, int]) -> list[Chip]:
    return [_chip(kind, *_WORDS[kind][:1], "", _WORDS[kind][1], n) for kind, n in counts.items() if n]


def _chip(kind: str, icon: str, who: str, text: str, count: int) -> Chip:
    return {"kind": kind, "icon": icon, "who": who, "text": text, "count": count}


# ---- coverage -------------------------------------------------------------------------------------------------------


def coverage(comparison: Comparison) -> Chip:
    """Whether every image that was asked for is there."""
    counts = [s.run.counts for s in comparison.systems]
    lacking = sum(any(n for status, n in c.items() if status != "ok") for c in counts)
    if not lacking:
        return _chip("whole", "✓", "", "no image is missing or failed", 0)
    who = f"{lacking} of {len(counts)} systems" if len(counts) > 1 else "the system"
    return _chip("lacking", "!", "", f"{who} lack{'s' * (lacking == 1)} images", 0)


def _outcomes(comparison: Comparison) -> list[dict[str, str]]:
    """Systems of which images are missing, with how."""
    found = []
    for system in comparison.systems:
        lost = {k: v for k, v in sorted(system.run.counts.items()) if k != "ok" and v}
        if lost:
            total = sum(system.run.counts.values())
            told = ", ".join(f"{v} {k}" for k, v in lost.items())
            share = f"{100 * (1 - sum(lost.values()) / total):.1f} % covered"
            found.append({"title": system.title, "text": f"{told} of {thousands(total)} images, {share}"})
    return found
