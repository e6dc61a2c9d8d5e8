"""Options that several verbs share, and what they become."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

root_option = click.option("--root", default="runs", show_default=True, help="Folder of the runs.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
out_option = click.option("--report", "--out", "report", default="", help="Folder of the comparison report.")


def execution(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how work is carried out, never what its result is."""
    for option in reversed(
        [
            root_option,
            click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ..."),
            click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True),
            click.option("--workers", type=click.IntRange(min=1), help="Threads that decode; default: the cores."),
            click.option("--batch-size", type=click.IntRange(min=1), help="Overrides every extractor's own."),
            click.option("--allow-download", is_flag=True, help="Weights may be fetched; default: no network at all."),
            click.option("--quiet", "-q", is_flag=True, help="No progress."),
        ]
    ):
        command = option(command)
    return command


def online(allow_download: bool) -> None:
    """Put the hub libraries offline before any is imported, unless downloads are allowed."""
    if allow_download:
        os.environ["BENCH_ALLOW_DOWNLOAD"] = "1"
        return
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[name] = "1"


def options_of(values: dict[str, Any], shard: str = "") -> Any:
    """engine.options.Options of the `execution` options, which are taken out of `values`."""
    from bench.cli.progress import progress
    from bench.engine.options import Options, parse_shard

    online(values.pop("allow_download"))
    return Options(
        root=Path(values.pop("root")), device=values.pop("device"), dtype=values.pop("dtype"),
        workers=values.pop("workers"), batch_size=values.pop("batch_size"),
        shard=parse_shard(shard) if shard else None, progress=progress(values.pop("quiet")),
    )  # fmt: skip


def print_json(value: Any) -> None:
    """Sorted, indented JSON on stdout."""
    click.echo(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=str))


def table(rows: list[list[str]], head: list[str]) -> str:
    """Plain aligned columns; the last one is not padded."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head) - 1)]
    lines = [[f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)] + [str(row[-1])] for row in [head, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in lines)
