"""`bench data export` and `bench data import`: recorded evidence out of a run, and a run of recorded evidence alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import execution, json_option, options_of, print_json, table
from bench.cli.say import say

FORMS = ("parquet", "csv", "coco", "geneval", "visor", "soa", "npz", "safetensors", "npy")


@click.command("export")
@click.argument("run")
@click.option("--to", "target", required=True, help="Folder to write into.")
@click.option("--form", "forms", multiple=True, type=click.Choice(FORMS), default=("parquet",), show_default=True,
              help="Boxes: parquet, csv, coco, geneval, visor, soa; answers: parquet, csv; features: parquet, npz, "
              "safetensors, npy. Repeatable.")  # fmt: skip
@execution
@json_option
def export_run(run: str, target: str, forms: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Write what the extractors of RUN saw: boxes, answers, features and logits, each with the image that it is of.

    Other tools read these files, and so does `recorded(path=FILE)`: rules then run without models and images.
    """
    options = options_of(values)
    from bench.cli.naming import run_folders
    from bench.engine import exporting

    (folder,) = run_folders([run], options.root)
    found, notes = exporting.export(folder, Path(target).expanduser(), forms, options)
    for line in notes:
        say(line, err=True)
    if as_json:
        print_json({"folder": target, "files": found, "notes": notes})
        return
    say(table([[f.file, f.output, f.by, str(f.rows)] for f in found], ["file", "output", "by", "images"]))


@click.command("import")
@click.argument("evidence", nargs=-1, required=True)
@click.option("--dataset", required=True, help="Data set whose prompts the images are of.")
@click.option("--label", default="", help="Name of the system; default: the file's or folder's.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric with extractor=recorded; default: all that fit.")
@click.option("--repeats", type=click.IntRange(min=1), help="Images a prompt; default: as many as the evidence has.")
@click.option("--only", default="", help="first:N, or a file of sample ids.")
@click.option("--missing", type=click.Choice(["worst", "exclude"]), default=None, help="How missing images count.")
@execution
@json_option
def import_run(
    evidence: tuple[str, ...], dataset: str, label: str, metrics: tuple[str, ...], repeats: int | None, only: str,
    missing: str | None, as_json: bool, **values: Any,
) -> int:  # fmt: skip
    """Make a run of EVIDENCE alone (files, or folders of them): its images need not be here.

    The files are copied below ROOT/evidence and read into the run, which `bench score` and `bench compare` then take as
    any other. Exit code 5 when the evidence lacks images of the data set.
    """
    options = options_of(values)
    from bench import aliases
    from bench.cli.running import holes
    from bench.cli.texts import run_text
    from bench.engine import exporting
    from bench.spec import Spec
    from bench.types import RunSpec

    folder = exporting.keep([Path(e).expanduser() for e in evidence], options.root)
    asked = tuple(str(aliases.expand(m)) for m in metrics)
    spec = RunSpec(
        system=str(Spec("evidence", {"path": str(folder.resolve())})), dataset=dataset,
        label=label or Path(evidence[0]).stem, metrics=asked or tuple(exporting.candidates(folder)),
        repeats=repeats, only=only, missing=missing or "",
    )  # fmt: skip
    run, left = exporting.brought(spec, options, bool(asked))
    for line in left:
        say(line, err=True)
    print_json(run) if as_json else say(f"{run_text(run)}\nrun: {run.path}")
    return holes([run])
