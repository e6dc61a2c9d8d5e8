"""`bench score` and `bench compare`: finished runs, nothing generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import (
    execution,
    json_option,
    options_of,
    out_option,
    print_comparison,
    print_json,
    root_option,
)
from bench.cli.say import say


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric or alias; repeat for several.")
@click.option("--panel", default="", help="Named list of metrics.")
@click.option("--extractor", "extractors", multiple=True, help="Replace an extractor by name.")
@click.option("--common", is_flag=True, help="Set metrics alone, on the images that all RUNS have.")
@execution
@json_option
def score(
    runs: tuple[str, ...],
    metrics: tuple[str, ...],
    panel: str,
    extractors: tuple[str, ...],
    common: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Add metrics to runs (or join runs made in --shard parts) from their stored views.

    RUN is a run's folder, a folder of runs, or a label. Without --metric and --panel each run's own metrics are
    scored again. Fréchet distance and its like depend on the number of images: where runs lack different ones,
    --common makes them comparable.
    """
    options = options_of(values)
    from bench import api
    from bench.cli.naming import run_folders
    from bench.cli.texts import run_text

    folders = run_folders(runs, options.root)
    found = api.score(folders, metrics=metrics, panel=panel, extractors=extractors, common=common, options=options)
    if as_json:
        print_json(found)
        return
    say("\n\n".join(run_text(r) for r in found))


@click.command()
@click.argument("runs", nargs=-1, required=True)
@out_option
@root_option
@click.option("--baseline", help="Label of the system that the others are compared with.")
@click.option("--by", default="", help="Metric that the best and worst prompts go by, e.g. fid: what each image adds.")
@click.option("--force", is_flag=True, help="Compare what is not comparable, marked as such.")
@json_option
def compare(
    runs: tuple[str, ...], report: str, root: str, baseline: str | None, by: str, force: bool, as_json: bool
) -> None:
    """Compare runs, print the table and write the report.

    RUN is a run's folder, a folder of runs, or a label.
    """
    from bench import api
    from bench.cli.naming import report_folder, run_folders
    from bench.reports.exports.text import as_data

    found = [api.load_run(folder) for folder in run_folders(runs, root)]
    out = Path(report) if report else report_folder(found, root)
    comparison = api.compare([r.path for r in found], out=out, baseline=baseline, force=force, by=by)
    page = str(out / "index.html")
    if as_json:
        print_json({"report": page, "runs": [r.path for r in found], "comparison": as_data(comparison)})
        return
    print_comparison(comparison)
    say(f"report: {page}")
