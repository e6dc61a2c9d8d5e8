"""`bench show`: a run (what it scored, how, from what) or a plug-in, alias or panel (what it is and takes)."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import json_option, online, print_json, root_option
from bench.cli.say import say


@click.command()
@click.argument("name")
@click.option("--methods", "form", flag_value="methods", help="RUN: a paragraph for a paper, and BibTeX.")
@click.option("--latex", "form", flag_value="latex", help="RUN: the table in LaTeX (booktabs).")
@click.option("--markdown", "form", flag_value="markdown", help="RUN: the table in Markdown.")
@root_option
@json_option
def show(name: str, form: str | None, root: str, as_json: bool) -> None:
    """Show a run (its folder or label) or a plug-in, alias or panel (its name, parameters allowed).

    A name that both a run and a plug-in have means the plug-in; give the run's folder, or --methods, --latex or
    --markdown, to mean the run.
    """
    online(False)
    if form is None and _known(name):
        _plugin(name, as_json)
        _namesakes(name, root)
    else:
        _run(_folder(name, root), form, as_json)


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


def _run(folder: Path, form: str | None, as_json: bool) -> None:
    from bench import api
    from bench.cli import papers
    from bench.cli.texts import run_text

    found = api.load_run(folder)
    if as_json:
        print_json(found)
        return
    forms = {"methods": papers.methods, "latex": papers.latex, "markdown": papers.markdown}
    say(forms.get(form or "", run_text)(found))


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
