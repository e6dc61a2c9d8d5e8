"""`bench submit`: one archive of a system's runs and its card, for a board that others keep."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import root_option
from bench.cli.say import say


@click.command()
@click.argument("runs", nargs=-1)
@click.option("--card", help="card.toml: what the system is (see --template).")
@click.option("--template", is_flag=True, help="Print a card.toml to fill in, and do nothing else.")
@click.option("--out", help="The archive to write: NAME.tar.gz.")
@click.option(
    "--thumbnails",
    type=click.IntRange(0, 1024),
    default=0,
    show_default=True,
    help="Longer side of small copies of the images, which the board then shows; 0: none.",
)
@click.option("--no-images", is_flag=True, help="The same as --thumbnails 0.")
@click.option(
    "--views",
    "views",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Keep the outputs of the extractors where a run has at most so many megabytes of them.",
)
@click.option(
    "--rows",
    type=click.Choice(["none", "blinded"]),
    default="none",
    show_default=True,
    help="Of private runs: their numbers sample by sample, under names that only the owner of the prompts can read.",
)
@root_option
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def submit(
    runs: tuple[str, ...], card: str | None, template: bool, out: str | None, thumbnails: int, no_images: bool,
    views: float, rows: str, root: str, quiet: bool,
) -> None:  # fmt: skip
    """Make one archive of a system's finished runs and its card, to be sent to a board.

    \b
      bench submit --template > card.toml
      bench submit RUN... --card card.toml --out ours.tar.gz

    The archive holds scores, tables and the digests of all images, and no image unless --thumbnails asks for small
    ones. RUN is a run's folder, a folder of runs, or a label.
    """
    from bench import store, systemcard

    if template:
        click.echo(systemcard.TEMPLATE, nl=False)
        return
    if not runs or not card or not out:
        raise click.UsageError("A submission needs RUN..., --card card.toml and --out NAME.tar.gz.")
    described = systemcard.read_card(card)
    from bench.cli.naming import run_folders
    from bench.cli.progress import progress
    from bench.engine import submitting

    found = run_folders(runs, root)
    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    shown.phase("", "submit", sum(len(store.samples(run)) for run in found))
    path = submitting.submit(
        found, described, Path(out), thumbnails=0 if no_images else thumbnails, views=views, rows=rows,
        advance=shown.advance,
    )  # fmt: skip
    shown.close()
    say(f"{path}: {len(found)} runs of {described['name']}, {path.stat().st_size / 1e6:.1f} MB (bench verify {path})")
