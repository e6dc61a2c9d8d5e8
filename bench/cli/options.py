"""Options that several verbs share, and what they become."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from bench.cli.say import say
from bench.discretion import discreet_data

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Read by the hub libraries when they are imported."""

root_option = click.option("--root", default="runs", show_default=True, help="Folder of the runs.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_images = click.option(
    "--images", type=click.Choice(["embedded", "files", "none"]), default="embedded", show_default=True,
    help="Of the report: inside index.html, up to 12 MB; any number, larger, in a folder beside it; or none.",
)  # fmt: skip
_no_images = click.option("--no-images", "images", flag_value="none", help="The same as --images none.")
out_option = click.option(
    "--report", "--out", "report", default="", help="Folder of the comparison report; default: ROOT/reports/NAME."
)


def images_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The form of a report's images, as `images`."""
    return _images(_no_images(command))


def execution(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how work is carried out, never what its result is."""
    for option in reversed(
        [
            root_option,
            click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ..."),
            click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True,
                         help="Of the extractors' networks; bfloat16 is part of the protocol."),
            click.option("--workers", type=click.IntRange(min=1), help="Threads that decode; default: the cores, at "
                         "most 8."),
            click.option("--batch-size", type=click.IntRange(min=1), help="Overrides every extractor's own."),
            click.option("--allow-download", is_flag=True, envvar="BENCH_ALLOW_DOWNLOAD",
                         help="Weights may be fetched; without it nothing touches the network."),
            click.option("--quiet", "-q", is_flag=True, help="No progress."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def bringing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what brings files here: search, needed, allow_download, quiet."""
    for option in reversed(
        [
            click.option("--search", multiple=True, help="Folder that may hold some files under any name. Repeatable."),
            click.option("--needed", is_flag=True, help="Leave out what a card calls optional, such as photographs."),
            click.option("--allow-download", is_flag=True, envvar="BENCH_ALLOW_DOWNLOAD",
                         help="What is not here may be downloaded; without it only what is here is taken."),
            click.option("--quiet", "-q", is_flag=True, help="No progress."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def online(allow_download: bool) -> None:
    """Put the hub libraries offline before any is imported, unless downloads are allowed."""
    os.environ["BENCH_ALLOW_DOWNLOAD"] = "1" if allow_download else "0"
    for name in () if allow_download else OFFLINE:
        os.environ[name] = "1"


def options_of(values: dict[str, Any], shard: str = "") -> Any:
    """engine.options.Options of the `execution` options, which are taken out of `values`."""
    from bench.cli.progress import progress
    from bench.engine.options import Options, parse_shard
    from bench.formats import transfers

    online(values.pop("allow_download"))
    shown = progress(values.pop("quiet"))
    transfers.tell = shown.line
    click.get_current_context().call_on_close(shown.close)
    return Options(
        root=Path(values.pop("root")), device=values.pop("device"), dtype=values.pop("dtype"),
        workers=values.pop("workers"), batch_size=values.pop("batch_size"),
        shard=parse_shard(shard) if shard else None, progress=shown,
    )  # fmt: skip


# ---- data on stdout ------------------------------------------------------------------------------------------------


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """'0,1,2' as numbers, each once; a usage error otherwise. They are seeds: some millions of rows belong to each."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) <= 6 for part in parts) or len(set(map(int, parts))) < len(parts):
        raise click.UsageError(f"{option} takes different whole numbers below a million, as in 0,1,2; got '{text}'.")
    return tuple(map(int, parts))


def print_json(value: Any) -> None:
    """Sorted, indented, strict JSON: a number that JSON cannot hold is null."""
    click.echo(json.dumps(discreet_data(plain(value)), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """Dataclasses, mappings, sequences and paths as what JSON knows."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if value is None or isinstance(value, bool | int | str):
        return value
    number: Any = value
    try:
        found = float(number)
    except (TypeError, ValueError):
        return str(value)
    return found if math.isfinite(found) else None


def table(rows: list[list[str]], head: list[str]) -> str:
    """Plain aligned columns; the last one is not padded."""
    lines = [head, *rows]
    widths = [max(_columns(line[i]) for line in lines) for i in range(len(head) - 1)]
    padded = [[cell + " " * (w - _columns(cell)) for cell, w in zip(x, widths, strict=False)] for x in lines]
    return "\n".join("  ".join([*p, x[-1]]).rstrip() for p, x in zip(padded, lines, strict=True))


def _columns(text: str) -> int:
    """Columns of a terminal: as bench.reports.words.display_width, which would bring numpy into `bench list`."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def print_comparison(comparison: Any, form: str = "text") -> None:
    """The comparison in a form of `exports.forms`; the table in ASCII where stdout cannot show more."""
    from bench.reports.exports.forms import PRINTED
    from bench.reports.exports.text import table as drawn

    if form != "text":
        say(PRINTED[form](comparison).rstrip("\n"))
        return
    say(drawn(comparison, ascii_only=not unicode_out()))


def unicode_out() -> bool:
    """Whether stdout can show more than ASCII."""
    return str(getattr(sys.stdout, "encoding", "")).lower().startswith("utf")
