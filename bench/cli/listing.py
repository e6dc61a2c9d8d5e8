"""`bench list`: names and summaries, read from source and entry points without importing a plug-in."""

from __future__ import annotations

import click

from bench.cli.options import json_option, print_json, table
from bench.registry import KINDS, entries

_PLURALS = {
    "metrics": "metric",
    "generators": "generator",
    "extractors": "extractor",
    "datasets": "dataset",
    "fusion": "fusion",
}
_MARKS = {"higher": "↑", "lower": "↓", "none": ""}


@click.command("list")
@click.argument("what", type=click.Choice([*_PLURALS, "panels", "aliases"]), required=False)
@json_option
def listing(what: str | None, as_json: bool) -> None:
    """List the plug-ins of a kind, or of all kinds."""
    if what in ("panels", "aliases"):
        _names(what, as_json)
        return
    kinds = [_PLURALS[what]] if what else list(KINDS)
    rows = [
        {"kind": kind, "name": e.name, "summary": e.summary, "origin": e.origin, **e.meta}
        for kind in kinds
        for e in entries(kind).values()
    ]
    if as_json:
        print_json(rows)
        return
    for kind in kinds:
        if len(kinds) > 1:
            click.echo(f"{KINDS[kind]}:")
        click.echo(_table(kind, [r for r in rows if r["kind"] == kind]))


def _table(kind: str, rows: list[dict[str, str]]) -> str:
    if kind == "metric":
        head = ["name", "scope", "", "summary"]
        body = [[r["name"], r.get("scope", ""), _MARKS[r.get("direction", "none")], _summary(r)] for r in rows]
    else:
        head, body = ["name", "summary"], [[r["name"], _summary(r)] for r in rows]
    return table(body, head) if rows else "  (none)"


def _summary(row: dict[str, str]) -> str:
    return row["summary"] if row["origin"] == "built-in" else f"{row['summary']} [{row['origin']}]".strip()


def _names(what: str, as_json: bool) -> None:
    from bench.aliases import ALIASES, PANELS

    named = dict(ALIASES) if what == "aliases" else {name: ", ".join(texts) for name, texts in PANELS.items()}
    if as_json:
        print_json(ALIASES if what == "aliases" else {name: list(texts) for name, texts in PANELS.items()})
        return
    click.echo(table([[name, text] for name, text in named.items()], ["name", "stands for"]))
