"""`bench show`: a plug-in (what it is and takes) or a run (what it scored, how, from what)."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import click

from bench.cli.options import json_option, print_json, table


@click.command()
@click.argument("name")
@click.option("--methods", is_flag=True, help="RUN: a paragraph and references for a paper.")
@click.option("--latex", is_flag=True, help="RUN: the table in LaTeX.")
@click.option("--markdown", is_flag=True, help="RUN: the table in Markdown.")
@json_option
def show(name: str, methods: bool, latex: bool, markdown: bool, as_json: bool) -> None:
    """Show a run (its folder) or a plug-in, alias or panel (its name)."""
    if not _is_run(name):
        _plugin(name, as_json)
        return
    from bench import store
    from bench.cli import papers

    found = store.load(name)
    if as_json:
        print_json(run_dict(found))
    elif methods:
        click.echo(papers.methods(found))
    elif latex or markdown:
        click.echo(papers.latex(found) if latex else papers.markdown(found))
    else:
        click.echo(run_text(found))


def _is_run(name: str) -> bool:
    return "/" in name or Path(name).is_dir()


# ---- runs
# --------------------------------------------------------------------------------------------------------------


def run_dict(run: Any) -> dict[str, Any]:
    """A run as plain values."""
    return dataclasses.asdict(run)


def interval_text(score: Any) -> str:
    """'0.812 [0.790, 0.833]'."""
    if score.value is None:
        return "–"
    ends = "" if score.low is None else f" [{score.low:.4g}, {score.high:.4g}]"
    return f"{score.value:.4g}{ends}"


def run_text(run: Any) -> str:
    """Scores with intervals, denominators, chance and protocol digests; counts and notes."""
    from bench.aliases import title

    rows = []
    for s in run.scores:
        label = title(s.metric) + ("" if s.output == "value" else f" {s.output}")
        missing = f"{s.n} (+{s.n_missing} missing, {s.policy})" if s.n_missing else str(s.n)
        chance = "" if s.chance is None else f"{s.chance:.4g}"
        rows.append([label, interval_text(s), missing, chance, s.protocol[:8], s.note or s.method])
    counts = ", ".join(f"{v} {k}" for k, v in run.counts.items())
    lines = [
        f"{run.label}: {run.spec.system} on {run.spec.dataset}",
        f"{counts}; run {run.digest[:8]}, seed {run.spec.seed}",
    ]
    lines.append(table(rows, ["metric", "score [95 %]", "n", "chance", "protocol", "how"]))
    lines += [f"note: {note}" for note in run.notes]
    made = run.provenance
    lines.append(f"made by text-image-bench {made.suite} on {made.device}, {made.dtype}: {made.command}")
    return "\n".join(lines)


# ---- plug-ins
# -----------------------------------------------------------------------------------------------------------


def _plugin(name: str, as_json: bool) -> None:
    from bench import aliases, registry
    from bench.errors import UsageError, did_you_mean

    if name in aliases.PANELS:
        click.echo("\n".join(aliases.PANELS[name]))
        return
    full = aliases.ALIASES.get(name)
    base = aliases.expand(name).name if full else name
    kinds = [kind for kind in registry.KINDS if base in registry.entries(kind)]
    if not kinds:
        known = [*aliases.ALIASES, *aliases.PANELS, *(n for kind in registry.KINDS for n in registry.entries(kind))]
        raise UsageError(f"'{name}' is no run, plug-in, alias or panel.{did_you_mean(name, known)}")
    for kind in kinds:
        about = _about(kind, base)
        if full:
            about["stands for"] = full
        print_json(about) if as_json else click.echo(_text(about))


def _about(kind: str, name: str) -> dict[str, Any]:
    from bench import registry

    entry, target = registry.lookup(kind, name), registry.load(kind, name)
    about: dict[str, Any] = {
        "name": name, "kind": kind, "summary": entry.summary, "origin": entry.origin,
        "about": inspect.cleandoc(target.__doc__ or ""), "version": getattr(target, "version", 1),
        "parameters": {
            p.name: "required" if p.default is p.empty else p.default for p in registry.parameters(target).values()
        },
    }  # fmt: skip
    if kind == "metric":
        about |= _metric(name)
    return about


def _metric(name: str) -> dict[str, Any]:
    from bench import registry

    metric = registry.create("metric", name, {})
    card = metric.card(name)
    return {
        "scope": card.scope,
        "outputs": [
            f"{o.name} ({o.label}, {o.direction} is better, {_bound(o.low)} to {_bound(o.high)})" for o in card.outputs
        ],
        "responds to": list(card.responds_to),
        "views": {
            k: f"{v.output} of {v.subject}" + (f" by {v.extractor}" if v.extractor else "")
            for k, v in card.views.items()
        },
        "paper": card.paper,
    }


def _bound(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:g}"


def _text(about: dict[str, Any]) -> str:
    lines = [f"{about['name']} ({about['kind']}, version {about['version']}, {about['origin']})", about["summary"], ""]
    lines += [about["about"], ""] if about["about"] else []
    for key in ("stands for", "parameters", "scope", "outputs", "views", "responds to", "paper"):
        value = about.get(key)
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {k} = {v}" for k, v in value.items())]
        elif isinstance(value, list):
            lines.append(f"{key}: {', '.join(value)}")
        elif value:
            lines.append(f"{key}: {value}")
    return "\n".join(lines)
