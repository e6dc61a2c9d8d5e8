"""`bench list`: names and summaries, read from source and entry points without importing a plug-in."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import json_option, print_json, table
from bench.registry import KINDS, Entry, entries

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
    """List the plug-ins of a kind, or of all kinds; or the panels, or the aliases.

    Built-in plug-ins are read from their source and others from their entry points, so nothing is imported. Of data
    sets it says what each provides and whether it is on this machine. `bench show NAME` tells more.
    """
    if what in ("panels", "aliases"):
        _names(what, as_json)
        return
    kinds = [_PLURALS[what]] if what else list(KINDS)
    rows = [_row(entry) for kind in kinds for entry in entries(kind).values()]
    if as_json:
        print_json(rows)
        return
    tables = [_table(kind, [r for r in rows if r["kind"] == kind]) for kind in kinds]
    titles = [f"{KINDS[kind]}\n" if len(kinds) > 1 else "" for kind in kinds]
    click.echo("\n\n".join(f"{title}{body}" for title, body in zip(titles, tables, strict=True)))


def _row(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": entry.kind, "name": entry.name, "summary": entry.summary, "origin": entry.origin}
    if entry.kind == "metric":
        found |= {"scope": entry.meta.get("scope"), "direction": entry.meta.get("direction")}
    if entry.kind == "dataset":
        from bench.cards import card
        from bench.formats.places import state

        what, where = state(entry.name)
        found |= {"provides": list(card(entry.name).get("provides", ())), "on disk": what, "where": where}
    return found


def _table(kind: str, rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "(none is installed)"
    if kind == "metric":
        body = [
            [r["name"], r["scope"] or "", _MARKS[r["direction"] or "none"], r["origin"], r["summary"]] for r in rows
        ]
        return table(body, ["name", "scope", "", "origin", "summary"])
    if kind == "dataset":
        body = [[r["name"], r["on disk"], ", ".join(r["provides"]), r["summary"]] for r in rows]
        return table(body, ["name", "on disk", "provides", "summary"])
    return table([[r["name"], r["origin"], r["summary"]] for r in rows], ["name", "origin", "summary"])


def _names(what: str, as_json: bool) -> None:
    from bench.aliases import ALIASES, PANELS

    if as_json:
        print_json(ALIASES if what == "aliases" else PANELS)
        return
    named = ALIASES if what == "aliases" else {name: ", ".join(texts) for name, texts in PANELS.items()}
    click.echo(table([[name, text] for name, text in named.items()], ["name", "stands for"]))
