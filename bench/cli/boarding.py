"""`bench leaderboard`: the board of runs by a board's file, what changed between two boards, and pinning a file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bench.cli.options import json_option, print_json, root_option, unicode_out
from bench.cli.say import say

_FORMS = ("text", "markdown", "latex", "csv", "json")


@click.command()
@click.argument("board")
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", default="", help="Folder of the site: page, CSV, Parquet, Markdown, LaTeX, JSON.")
@root_option
@click.option("--print", "form", type=click.Choice(_FORMS), default="text", help="Form in which the board is printed.")
@json_option
def leaderboard(board: str, runs: tuple[str, ...], out: str, root: str, form: str, as_json: bool) -> None:
    """Rank runs by the rules of BOARD, a TOML file: rank intervals, tie groups, and who is not ranked and why.

    \b
        bench leaderboard board.toml runs/* --out site
        bench leaderboard diff OLD NEW          what moved between two boards (board.json or site folders), and why
        bench leaderboard pin board.toml runs/* write the runs' prompt lists and protocols into the file

    RUN is a run's folder, a folder of runs, or a label. A run that cannot be read or does not fit is listed with the
    reason; no run is averaged over what it lacks.
    """
    if board == "diff":
        _diff(runs, as_json)
    elif board == "pin":
        _pin(runs, root, as_json)
    else:
        _make(board, runs, out, root, "json" if as_json else form)


def _make(board: str, runs: tuple[str, ...], out: str, root: str, form: str) -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: products this small cost more in two threads
    from bench import api
    from bench.cli.naming import run_folders
    from bench.reports.exports.board_forms import PRINTED
    from bench.reports.exports.board_text import board_table

    made = api.leaderboard(board, run_folders(runs, root), out=out or None)
    page = str(Path(out) / "index.html") if out else ""
    if form == "text":
        say(board_table(made, ascii_only=not unicode_out()).rstrip("\n"))
    else:
        say(PRINTED[form](made).rstrip("\n"))
    if page:
        say(f"board: {page}", err=form != "text")


def _diff(boards: tuple[str, ...], as_json: bool) -> None:
    from bench.errors import UsageError
    from bench.reports.board.diff import diff, diff_text, read

    if len(boards) != 2:
        raise UsageError(f"`bench leaderboard diff` takes two boards, OLD and NEW; {len(boards)} were given.")
    found = diff(read(boards[0]), read(boards[1]))
    print_json(found) if as_json else say(diff_text(found))


def _pin(given: tuple[str, ...], root: str, as_json: bool) -> None:
    from bench.cli.naming import run_folders
    from bench.errors import UsageError
    from bench.reports.board.pin import pin

    if len(given) < 2:
        raise UsageError("`bench leaderboard pin` takes a board's file and the runs whose lists and protocols it gets.")
    found = pin(given[0], run_folders(given[1:], root))
    if as_json:
        print_json({"board": given[0], "pinned": found})
        return
    say(f"pinned in {given[0]}: {len(found['prompts'])} prompt lists, {len(found['protocols'])} protocols")
