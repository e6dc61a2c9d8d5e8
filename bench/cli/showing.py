"""`bench show`: a run (what it scored, how, from what) or a plug-in, alias or panel (what it is and takes)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.cli.options import json_option, online, print_json, root_option
from bench.cli.say import say


@click.command()
@click.argument("name")
@click.option("--methods", "form", flag_value="methods", help="RUN: a paragraph for a paper, and BibTeX.")
@click.option("--latex", "form", flag_value="latex", help="RUN: the table in LaTeX (booktabs).")
@click.option("--markdown", "form", flag_value="markdown", help="RUN: the table in Markdown.")
@click.option(
    "--model-index", "form", flag_value="model-index", help="RUN: YAML for the head of a Hugging Face model card."
)
@click.option(
    "--ledger", default="", help="With --model-index: `bench verify` wrote it; for the level of verification."
)
@root_option
@json_option
def show(name: str, form: str | None, ledger: str, root: str, as_json: bool) -> None:
    """Show a run (its folder or label) or a plug-in, alias or panel (its name, parameters allowed).

    A name that both a run and a plug-in have means the plug-in; give the run's folder, or --methods, --latex,
    --markdown or --model-index, to mean the run.
    """
    online(False)
    if form is None and _known(name):
        _plugin(name, as_json)
        _namesakes(name, root)
    else:
        _run(_folder(name, root), form, ledger, as_json)


# ---- runs ----------------------------------------------------------------------------------------------------------


def _folder(name: str, root: str) -> Path:
    from bench.cli import naming
    from bench.errors import UsageError, did_you_mean

    if naming.looks_like_path(name):
        return Path(name)
    known = naming.labels(root)
    if name not in known:
        raise UsageError(f"'{name}' is no run, plug-in, alias or panel.{did_you_mean(name, {*known, *_names()})}")
    return naming.labelled(name, root)


def _run(folder: Path, form: str | None, ledger: str, as_json: bool) -> None:
    from bench import api
    from bench.cli.texts import run_text
    from bench.reports.exports import latex, markdown, methods
    from bench.reports.exports.model_index import model_index

    found = api.load_run(folder)
    if as_json:
        print_json(found)
        return
    forms: dict[str | None, Callable[[Any], str]] = {
        None: run_text, "latex": latex.run_table, "markdown": markdown.run_table,
        "methods": lambda run: methods.run_methods(run, _citation(run)),
        "model-index": lambda run: model_index(run, _level(folder, ledger)),
    }  # fmt: skip
    say(forms[form](found).rstrip("\n"))


def _citation(run: Any) -> str:
    """Of the run's dataset, from its card."""
    from bench.cards import card

    return str(card(str(run.dataset.get("name", ""))).get("citation", ""))


def _level(folder: Path, ledger: str) -> str:
    """How far a ledger says that the run was checked; '' without one."""
    if not ledger:
        return ""
    from bench.ledger import level_of, read_ledger

    return level_of(read_ledger(ledger), folder)[0]


def _namesakes(name: str, root: str) -> None:
    """Say on stderr that runs bear the name of the plug-in that was shown."""
    from bench.cli.naming import labels

    for folder in labels(root).get(name, ()):
        say(f"a run is called {name} too: bench show {folder}", err=True)


# ---- plug-ins ------------------------------------------------------------------------------------------------------


def _names() -> list[str]:
    from bench import aliases, registry

    return [*aliases.ALIASES, *aliases.PANELS, *(n for kind in registry.KINDS for n in registry.entries(kind))]


def _known(name: str) -> bool:
    """Whether a name, with or without parameters, is a plug-in's, an alias or a panel."""
    from bench.cli.naming import looks_like_path
    from bench.errors import UsageError
    from bench.spec import parse

    if looks_like_path(name):
        return False
    try:
        return parse(name).name in _names()
    except UsageError:
        return False


def _plugin(name: str, as_json: bool) -> None:
    from bench.cli.plugins import about, text

    found = about(name)
    print_json(found) if as_json else say("\n\n".join(text(one) for one in found))
