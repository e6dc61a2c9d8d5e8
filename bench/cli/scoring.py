"""`bench score` and `bench compare`: finished runs, nothing generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import execution, json_option, options_of, out_option, print_json


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric or alias; repeat for several.")
@click.option("--panel", default="", help="Named list of metrics.")
@click.option("--extractor", "extractors", multiple=True, help="Replace an extractor by name.")
@execution
@json_option
def score(
    runs: tuple[str, ...],
    metrics: tuple[str, ...],
    panel: str,
    extractors: tuple[str, ...],
    as_json: bool,
    **values: Any,
) -> None:
    """Add metrics to runs (or join runs made in --shard parts) from their stored views."""
    options = options_of(values)
    from bench import api
    from bench.cli.showing import run_dict, run_text

    found = api.score(runs, metrics=metrics, panel=panel, extractors=extractors, options=options)
    if as_json:
        print_json([run_dict(r) for r in found])
        return
    click.echo("\n\n".join(run_text(r) for r in found))


@click.command()
@click.argument("runs", nargs=-1, required=True)
@out_option
@click.option("--baseline", help="Label of the system that the others are compared with.")
@click.option("--force", is_flag=True, help="Compare what is not comparable, marked as such.")
@json_option
def compare(runs: tuple[str, ...], report: str, baseline: str | None, force: bool, as_json: bool) -> None:
    """Compare runs (folders, or a folder of runs) and print the table; --report DIR writes the page."""
    from bench import api, store
    from bench.reports.text import as_dict, terminal

    paths = [p for r in runs for p in (store.find_runs(r) if not store.is_run(r) else [Path(r)]) or [Path(r)]]
    comparison = api.compare(paths, out=report or None, baseline=baseline, force=force)
    if as_json:
        print_json(as_dict(comparison))
        return
    click.echo(terminal(comparison))
    if report:
        click.echo(f"report: {Path(report) / 'index.html'}")
