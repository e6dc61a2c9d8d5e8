"""`bench score` and `bench compare`: finished runs, nothing generated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.options import (
    execution,
    images_option,
    json_option,
    options_of,
    out_option,
    print_comparison,
    print_json,
    root_option,
    unicode_out,
)
from bench.cli.say import say
from bench.errors import EXIT_INCOMPLETE


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
@click.option("--by", default="", help="How the ranking changes: dataset-group (runs of several data sets, ranked by "
              "condition: semantic, spatial, temporal), or a tag of the prompts, e.g. kind.")  # fmt: skip
@click.option("--rank-by", default="", help="With --by: the metric that ranks, instead of each condition's own.")
@click.option("--prompts-by", default="", help="Metric that the best and worst prompts go by, e.g. fid: what each "
              "image adds.")  # fmt: skip
@click.option("--force", is_flag=True, help="Compare what is not comparable, marked as such.")
@click.option("--rules", is_flag=True, help="Instead: stored detections under the position rules of GenEval, VISOR, "
              "T2I-CompBench, HRS and PaintSkills; one run will do.")  # fmt: skip
@click.option("--detector", default="", help="With --rules: whose detections, where a run holds those of several.")
@click.option("--ranking-score", "ranking", is_flag=True, help="Instead: TISE's ranking score, points for the place in "
              "each measure, summed over aspects; of runs of one or several data sets.")  # fmt: skip
@click.option("--measure", "measures", multiple=True, metavar="ASPECT=METRIC[@DATASET]",
              help="With --ranking-score: instead of TISE's measures; repeat for several.")  # fmt: skip
@images_option
@click.option(
    "--print",
    "form",
    type=click.Choice(["text", "markdown", "latex", "csv", "json", "methods"]),
    default="text",
    show_default=True,
    help="What goes to stdout; methods: a paragraph for a paper.",
)
@click.option("--methods", "form", flag_value="methods", help="The same as --print methods.")
@json_option
def compare(
    runs: tuple[str, ...], report: str, root: str, baseline: str | None, by: str, rank_by: str, prompts_by: str,
    force: bool, rules: bool, detector: str, ranking: bool, measures: tuple[str, ...], images: str, form: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Compare runs, print the table and write the report.

    RUN is a run's folder, a folder of runs, or a label. The report's folder holds the page, report.md, table.tex,
    scores.csv, scores.parquet and comparison.json; with --by dataset-group the rankings and a folder a data set. A run
    that cannot be read is told of and left out while two others remain; the exit code is 5 then.

    With --rules the table has the share of images that each rule is content with, how far the rules agree, what a
    threshold of confidence changes and whether the systems keep their order; --out writes it as rules.md, rules.csv and
    rules.json. With --ranking-score --out writes ranking-score.md, .csv and .json.
    """
    from bench import api
    from bench.cli.naming import report_folder, run_folders
    from bench.reports.exports.data import as_data

    if rules and ranking:
        raise click.UsageError("--rules and --ranking-score are two tables; give one of them.")
    if measures and not ranking:
        raise click.UsageError("--measure names what --ranking-score sums; give that, too.")
    folders = run_folders(runs, root)
    if rules:
        return _rules(folders, report, detector, form, as_json)
    if ranking:
        return _ranking_score(folders, report, measures, force, form, as_json)
    if by == _GROUPS:
        return _conditions(folders, report, root, rank_by, prompts_by, force, images, form, as_json)
    comparison = api.compare(folders, baseline=baseline, force=force, by=by, rank_by=rank_by)
    found = [s.run for s in comparison.systems]
    out = Path(report) if report else report_folder(found, root)
    page = str(api.report(comparison, out, prompts_by=prompts_by, images=images))
    if as_json:
        print_json({"report": page, "runs": [r.path for r in found], "comparison": as_data(comparison)})
    else:
        print_comparison(comparison, form)
        say(f"report: {page}", err=form != "text")
    return _not_read(comparison.broken)


_GROUPS = "dataset-group"


def _conditions(
    folders: Sequence[Path], report: str, root: str, rank_by: str, prompts_by: str, force: bool, images: str,
    form: str, as_json: bool,
) -> int:  # fmt: skip
    """Runs of several data sets, ranked by condition."""
    from bench import api
    from bench.cli.naming import report_folder
    from bench.reports.exports.rankings import conditions_data, printed

    found = api.conditions(folders, rank_by=rank_by, force=force)
    runs = [s.run for c in found.comparisons for s in c.systems]
    out = Path(report) if report else report_folder(runs, root, _GROUPS)
    page = str(api.report(found, out, prompts_by=prompts_by, images=images))
    if as_json:
        print_json({"report": page, "runs": [r.path for r in runs], **conditions_data(found)})
    else:
        say(printed(found, form, ascii_only=not unicode_out()))
        say(f"report: {page}", err=form != "text")
    return _not_read(found.broken)


def _rules(folders: Sequence[Path], report: str, detector: str, form: str, as_json: bool) -> int:
    """Stored detections under the position rules."""
    from bench import api
    from bench.reports.exports.rules import printed, rules_data

    found = api.position_rules(folders, detector=detector)
    text = "" if as_json else printed(found, form, ascii_only=not unicode_out())
    page = str(api.report(found, report)) if report else ""
    if as_json:
        print_json({"runs": [str(f) for f in folders], "report": page, **rules_data(found)})
        return 0
    say(text)
    if page:
        say(f"report: {page}", err=form != "text")
    return 0


def _ranking_score(
    folders: Sequence[Path], report: str, measures: Sequence[str], force: bool, form: str, as_json: bool
) -> int:
    """Points for the place in each measure."""
    from bench import api
    from bench.reports.exports.ranking_score import printed, ranking_score_data

    found = api.ranking_score(folders, measures=measures, force=force)
    text = "" if as_json else printed(found, form, ascii_only=not unicode_out())
    page = str(api.report(found, report)) if report else ""
    if as_json:
        print_json({"runs": [str(f) for f in folders], "report": page, **ranking_score_data(found)})
    else:
        say(text)
    if page and not as_json:
        say(f"report: {page}", err=form != "text")
    return _not_read(found.broken)


def _not_read(broken: Sequence[str]) -> int:
    for line in broken:
        say(f"not read: {line}", err=True)
    return EXIT_INCOMPLETE if broken else 0
