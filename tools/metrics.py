"""Write docs/metrics.md: `python tools/metrics.py > docs/metrics.md`. Everything in it is what the metrics declare."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "parity")]

from parity_tables import TABLES  # noqa: E402

from bench import aliases, registry  # noqa: E402
from bench.metrics.base import Metric  # noqa: E402
from bench.spec import parse  # noqa: E402

HEAD = """# Metrics

This page is written by `python tools/metrics.py > docs/metrics.md` from what the metrics declare. `bench show NAME`
tells the same of one of them, `bench check NAME` holds it to its contract, and [parity.md](parity.md) has the figures
of the comparisons with other implementations.

A score's protocol is the metric with its version and all parameters, the extractors with the digests of their weights
and their preprocessing, the prompt list, the reference set, the repeats and the policy for missing images. Two scores
of unlike protocol are not subtracted.

Extractors whose weights are not shipped are found by path or in the caches of torch and Hugging Face, and never
downloaded without `--allow-download`. A metric that names no default extractor (`EXTRACTOR`) needs one by name.
"""
INTERVALS = {
    "influence": "influence of each image, clusters of prompts",
    "replicates": "delete-a-block jackknife",
    "none": "none",
}
ARROWS = {"higher": "higher is better", "lower": "lower is better", "none": "neither way is better"}


def page() -> str:
    """The whole page."""
    entries = {n: e for n, e in registry.entries("metric").items() if e.origin == "built-in"}
    made = {name: registry.example("metric", parse(name)) for name in entries}
    lines = [HEAD, "## Overview", "", "| metric | measures | scope | first output | parity with |"]
    lines.append("|---|---|---|---|---|")
    for name, metric in made.items():
        first = f"{metric.outputs[0].label}, {ARROWS[metric.outputs[0].direction]}"
        cells = (f"[{name}](#{name})", entries[name].summary, metric.scope, first, ", ".join(_peers(name)))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## The field's names", "", "| alias | stands for |", "|---|---|"]
    lines += [f"| `{alias}` | `{text}` |" for alias, text in aliases.ALIASES.items()]
    for name, metric in made.items():
        lines += ["", f"## {name}", "", *_about(name, metric)]
    return "\n".join(lines)


def _about(name: str, metric: Metric) -> list[str]:
    target = type(metric)
    told = " ".join(inspect.cleandoc(target.__doc__ or "").split("\n\n")[0].split())
    rest = [" ".join(p.split()) for p in inspect.cleandoc(target.__doc__ or "").split("\n\n")[1:]]
    rows: list[tuple[str, str]] = [
        ("formula", f"`{metric.formula}`"),
        ("paper", metric.paper),
        ("outputs", "; ".join(_output(o) for o in metric.outputs)),
        ("views", "; ".join(_view(k, v) for k, v in metric.views().items())),
        ("parameters", _parameters(target)),
        ("needs", ", ".join([*metric.needs, f"{metric.minimum} or more images"])),
        ("interval", _interval(metric)),
        ("missing images", _missing(metric)),
        ("responds to", ", ".join(metric.responds_to)),
        ("parity with", ", ".join(_peers(name))),
    ]
    table = [f"| {key} | {value.replace('|', chr(92) + '|')} |" for key, value in rows if value]
    return [told, *(line for p in rest for line in ("", p)), "", "| | |", "|---|---|", *table]


def _output(output: Any) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in (output.low, output.high))
    bounds = f", {low} to {high}" if low and high else f", from {low}" if low else f", up to {high}" if high else ""
    return f"{output.label} (`{output.name}`): {ARROWS[output.direction]}{bounds}"


def _view(argument: str, view: Any) -> str:
    by = f" by `{view.extractor}`" if view.extractor else ""
    asked = f", asked about its {view.query}" if view.query else ""
    return f"`{argument}`: {view.output} of {view.subject}{by}{asked}"


def _parameters(target: Any) -> str:
    known = registry.parameters(target).items()
    return ", ".join(f"`{n}`" if p.default is p.empty else f"`{n}={p.default}`" for n, p in known)


def _interval(metric: Metric) -> str:
    if metric.scope != "set":
        return "Wilson, t or cluster bootstrap (BCa) over prompts"
    kinds = [k for k in ("influence", "replicates") if getattr(type(metric), k) is not getattr(Metric, k)]
    return " or ".join(INTERVALS[k] for k in kinds) or INTERVALS["none"]


def _missing(metric: Metric) -> str:
    if metric.scope == "set":
        return "left out and counted"
    try:
        worst = metric.missing()
    except Exception:  # some bounds are known from the rows alone
        return "count as the worst"
    return "; ".join(f"{column} counts {value:g}" for column, value in worst.items()) or "left out and counted"


def _peers(name: str) -> list[str]:
    found = (c.peer for cases in TABLES.values() for c in cases if c.metric.split("(")[0].split(" ")[0] == name)
    return [p for p in dict.fromkeys(found) if not p.startswith("(")]


if __name__ == "__main__":
    print(page())
