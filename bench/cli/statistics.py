"""`bench statistics`: mean and covariance of features as one .npz, for `--reference FILE.npz` and for other tools."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import execution, options_of
from bench.cli.say import say


@click.command()
@click.argument("source")
@click.option("--extractor", "-e", default="fid", show_default=True, help="Extractor, or an alias: fid, fd-dinov2, ...")
@click.option("--out", required=True, help="FILE.npz; arrays mu, sigma (pytorch-fid's names), n, protocol.")
@execution
def statistics(source: str, extractor: str, out: str, **values: Any) -> None:
    """Write the statistics of images, so that Fréchet distances need no reference images.

    SOURCE is a folder of images, a run, or a dataset (its reference set). `bench run ... --reference FILE.npz` reads
    such files, from pytorch-fid, ADM and their like too.
    """
    options = options_of(values)
    from bench.engine.statistics import export

    n, d = export(source, extractor, out, options)
    say(f"{out}: {n} images, {d} features")
