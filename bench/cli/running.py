"""`bench run`: the main job. Options become a Study; the rest is `bench.api`."""

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
)
from bench.cli.say import say
from bench.errors import EXIT_INCOMPLETE

_STUDY = ("dataset", "prompts", "reference", "panel", "only", "match", "seed", "repeats", "missing", "report",
          "visibility")  # fmt: skip
_HOLES = ("missing", "failed", "unreadable")
"""Outcomes that leave a hole in a run; a refusal is an answer."""


@click.command()
@click.argument("systems", nargs=-1)
@click.option("--dataset", help="Dataset, e.g. scenes or 'scenes(split=val)'.")
@click.option(
    "--prompts", help="File of prompts (csv, tsv, json, jsonl, txt), or a folder whose file names are the captions."
)
@click.option("--reference", help="Reference images: folder, .npz of statistics, a dataset, or 'others'.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric or alias; repeat for several.")
@click.option("--panel", help="Named list of metrics (see `bench list panels`).")
@click.option(
    "--extractor", "extractors", multiple=True, help="Replace an extractor by name, e.g. inception-v3:seed=0."
)
@click.option("--only", help="first:N, present, or a file of sample ids.")
@click.option("--match", help="How files meet prompts: index, stem, caption, manifest or auto.")
@click.option("--seed", type=int, help="Run seed.")
@click.option("--repeats", type=click.IntRange(min=1), help="Images a prompt.")
@click.option("--size", help="Image size asked of generators: 512 or 768x512.")
@click.option("--missing", type=click.Choice(["worst", "exclude"]), help="How missing images count.")
@click.option(
    "--visibility",
    type=click.Choice(["public", "private"]),
    help="private: captions, images and rows never leave the runs; default: as the dataset's card says.",
)
@click.option("--shard", default="", help="i/n: do one part of n; `bench score` joins them.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what it costs.")
@images_option
@out_option
@execution
@json_option
def run(
    systems: tuple[str, ...], dry_run: bool, shard: str, images: str, as_json: bool, size: str | None, **values: Any
) -> int:
    """Score systems: folders of images ([LABEL=]DIR), generators (`bench list generators`), or a study (FILE.toml).

    \b
      bench run ours=DIR sdxl=DIR --prompts captions.txt --reference DIR
      bench run oracle noise --dataset scenes --only first:200
      bench run study.toml --device cuda

    What is finished is never made again: after an interruption the same command goes on. Options override a study
    file's keys.
    """
    options = options_of(values, shard)
    study = _study(systems, values, size)
    from bench import api

    if dry_run:
        found = api.plan(study, options=options)
        print_json(found.as_dict()) if as_json else say("\n".join(found.lines()))
        return 0
    runs = api.run(study, options=options)
    if options.shard is not None:
        _part(shard, as_json)
        return 0
    report = _report(runs, options.root, study.report, systems)
    options.progress.line(f"writing the report to {report}")
    comparison = api.compare([r.path for r in runs], out=report, images=images)
    _print(comparison, runs, report, as_json)
    return holes(runs)


def _is_study(systems: Sequence[str]) -> bool:
    return len(systems) == 1 and systems[0].endswith(".toml")


def _study(systems: tuple[str, ...], values: dict[str, Any], size: str | None) -> Any:
    from bench.study import Study, merged, read_study, study_from

    base = Study()
    if _is_study(systems):
        base, systems = read_study(systems[0]), ()
    over = {key: values[key] for key in _STUDY}
    over |= {"systems": systems, "metrics": values["metrics"], "extractors": values["extractors"]}
    if size:
        over["size"] = study_from({"size": _pixels(size)}, "--size").size
    return merged(base, over)


def _pixels(size: str) -> list[int]:
    parts = size.lower().split("x")
    if len(parts) > 2 or not all(p.isdecimal() for p in parts):
        raise click.UsageError(f"--size takes pixels, e.g. 512 or 768x512; got '{size}'.")
    return [int(parts[0]), int(parts[-1])]


def _part(shard: str, as_json: bool) -> None:
    click.echo(f"part {shard} is done; when all are, join them with `bench score RUN`", err=True)
    if as_json:
        print_json({"shard": shard, "runs": []})


def _report(runs: Sequence[Any], root: Path, given: str, systems: Sequence[str]) -> Path:
    from bench.cli.naming import report_folder

    return Path(given) if given else report_folder(runs, root, Path(systems[0]).stem if _is_study(systems) else "")


def _print(comparison: Any, runs: Sequence[Any], report: Path, as_json: bool) -> None:
    from bench.reports.exports.data import as_data

    page = str(report / "index.html")
    if as_json:
        print_json({"report": page, "runs": [r.path for r in runs], "comparison": as_data(comparison)})
        return
    print_comparison(comparison)
    say(f"report: {page}")


def holes(runs: Sequence[Any]) -> int:
    """5 when an image is missing, failed or unreadable in a run that did not ask for `--only present`, or has no
    recorded evidence, and say so."""
    code = 0
    for one in runs:
        lacking = {k: one.counts[k] for k in _HOLES if one.counts.get(k)}
        if lacking:
            code = EXIT_INCOMPLETE
            told = ", ".join(f"{v} {k}" for k, v in lacking.items())
            say(
                f"incomplete: {one.label} has {told} of {sum(one.counts.values())} images; --only present scores what "
                "is there.",
                err=True,
            )
        bad = sum(n for status, n in one.counts.items() if status != "ok")
        blind = max((s.n_missing for s in one.scores if "recorded" in s.metric), default=bad) - bad
        if blind > 0:
            code = EXIT_INCOMPLETE
            say(f"incomplete: {one.label} lacks recorded evidence of {blind} images, which count as missing.", err=True)
    return code
