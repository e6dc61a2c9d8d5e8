"""`bench plot`: a figure by name, or all that the data allow, as files that go into papers untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import json_option, print_json, root_option, table
from bench.cli.say import say


@click.command()
@click.argument("name", required=False, default="")
@click.argument("runs", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="List the figures with what they need.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric by name, alias or label; repeat for several.")
@click.option("--style", default="column", show_default=True, help="column (3.3 in), wide (6.9 in), slide (10 in).")
@click.option("--format", "formats", default="pdf,svg,png", show_default=True, help="Any of pdf, svg, png.")
@click.option("--out", default="", help="Folder, or a file that ends in a format; default: ROOT/figures.")
@click.option("--board", default="", help="Rank RUNS by this board.toml and draw the board.")
@click.option("--from", "table_file", default="", help="Draw a file of scores (system, metric, value, ...), not runs.")
@click.option("--baseline", help="Label of the system that the others are compared with.")
@click.option("--system", "systems", multiple=True, help="Only these, in this order; pairs take the first two.")
@click.option("--colour", "colours", multiple=True, metavar="SYSTEM=COLOUR", help="Over the palette's.")
@click.option("--by", default="", help="slices, conditions: a tag of the prompts.")
@click.option("--against", default="", help="curve: the numeric factor.")
@click.option("--margin", default=0.0, help="forest, slices: half of the band that does not matter, in SD.")
@click.option("--prompts", default=0, help="samples: number of prompts.")
@click.option("--dpi", default=200, show_default=True, help="Of PNG, and of pictures in the others.")
@click.option("--force", is_flag=True, help="Draw runs that are not comparable.")
@root_option
@json_option
def plot(name: str, runs: tuple[str, ...], listed: bool, as_json: bool, **values: Any) -> None:
    """Draw a figure of runs, of a board, or of anybody's table of scores.

    NAME is a figure (`bench plot --list`), or `all`. RUN is a run's folder, a folder of runs, or a label.

    \b
        bench plot scores runs/coco --style wide --out figures
        bench plot forest ours sdxl -m clipscore -m fid --format pdf
        bench plot ranks runs/coco --board board.toml
        bench plot scores --from scores.csv --out scores.svg
    """
    if listed or not name:
        _listing(as_json)
        return
    from bench.errors import UsageError
    from bench.reports.figures.catalog import entry, figure, possible, told
    from bench.reports.figures.files import formats_of, targets, write_figures
    from bench.reports.figures.sources import EVERY

    if name != EVERY:
        entry(name)
    formats = formats_of(values["formats"])
    out = values["out"] or str(Path(values["root"]) / "figures")
    targets([name], out, formats)
    given = {key: values[key] for key in ("style", "systems", "baseline", "by", "against", "margin", "prompts")}
    given |= {"metric": values["metrics"], "colours": _colours(values["colours"])}
    source = _source(name, runs, values)
    left: dict[str, str] = {}
    if name == EVERY:
        made, left = possible(source, **given)
        if not made:
            raise UsageError(*told(left))
    else:
        made = {name.replace("_", "-"): figure(name, source, **given)}
    written = [str(p) for p in write_figures(made, out, formats=formats, dpi=values["dpi"])]
    if as_json:
        print_json({"written": written, "left_out": left})
        return
    say("\n".join(written))
    for line in told(left):
        say(f"not drawn: {line}", err=True)


def _source(name: str, runs: tuple[str, ...], values: dict[str, Any]) -> Any:
    """What the figure is drawn from: a file of scores, or runs."""
    from bench.cli.naming import run_folders
    from bench.errors import UsageError
    from bench.reports.figures.catalog import materialised
    from bench.reports.figures.sources import source_of

    if values["table_file"]:
        if runs or values["board"]:
            raise UsageError("Give either --from FILE or runs, not both.")
        from bench.reports.figures.frames import read_frame

        file = values["table_file"]
        return materialised(read_frame(file), baseline=values["baseline"], where=f"'{file}'")
    if not runs:
        raise UsageError(f"Name the runs to draw {name} from, or a file of scores by --from.")
    return source_of(
        run_folders(runs, values["root"]), name=name, metric=values["metrics"], board=values["board"] or None,
        baseline=values["baseline"], by=values["by"], force=values["force"],
    )  # fmt: skip


def _colours(given: tuple[str, ...]) -> dict[str, str]:
    from bench.errors import UsageError

    found = {}
    for text in given:
        name, mark, colour = text.rpartition("=")
        if not mark or not name or not colour:
            raise UsageError(f"--colour takes SYSTEM=COLOUR, e.g. ours=#0072B2; '{text}' was given.")
        found[name] = colour
    return found


def _listing(as_json: bool) -> None:
    from bench.reports.figures.catalog import CATALOG

    if as_json:
        print_json({name: {"shows": e.shows, "needs": e.needs, "board": e.board} for name, e in CATALOG.items()})
        return
    rows = [[name, e.shows, e.needs] for name, e in CATALOG.items()]
    say(table(rows, ["figure", "shows", "needs"]))
