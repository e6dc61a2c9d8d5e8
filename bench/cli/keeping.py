"""`bench pack` and `bench verify`: a light copy of runs to hand on, and whether a copy is whole."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import json_option, print_json, root_option, table
from bench.cli.say import say
from bench.errors import EXIT_INCOMPLETE


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", required=True, help="A new folder, or one archive: NAME.tar.gz.")
@click.option(
    "--thumbnails",
    type=click.IntRange(0, 1024),
    default=96,
    show_default=True,
    help="Longer side of the images that reports show; 0: none.",
)
@click.option("--views", is_flag=True, help="Keep the outputs of the extractors too.")
@root_option
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def pack(runs: tuple[str, ...], out: str, thumbnails: int, views: bool, root: str, quiet: bool) -> None:  # fmt: skip
    """Make a light copy of runs without their images, which show and compare read like the full ones.

    RUN is a run's folder, a folder of runs, or a label.
    """
    from bench import store
    from bench.cli.naming import run_folders
    from bench.cli.progress import progress
    from bench.engine import packing

    found = run_folders(runs, root)
    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    shown.phase("", "pack", sum(len(store.samples(run)) for run in found))
    path = packing.pack(found, Path(out), thumbnails=thumbnails, views=views, advance=shown.advance)
    shown.close()
    size = sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())
    say(f"{path}: {len(found)} runs, {size / 1e6:.1f} MB (bench compare {path})")


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--images", is_flag=True, help="Decode each image and compare its pixels with those recorded.")
@root_option
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@json_option
def verify(runs: tuple[str, ...], images: bool, root: str, quiet: bool, as_json: bool) -> int:
    """Say whether runs are whole: records, checksums, tables, views, images. Ends with 5 when something is damaged.

    RUN is a run's folder, a folder of runs, a pack's archive, or a label. Runs may have been moved or copied.
    """
    from bench.cli.naming import run_folders
    from bench.cli.progress import progress
    from bench.engine import verifying

    found = run_folders(runs, root)
    shown = progress(quiet or not images)
    click.get_current_context().call_on_close(shown.close)
    results = {}
    for number, run in enumerate(found, 1):
        shown.phase(run.name, f"images ({number}/{len(found)})", verifying.images_of(run) if images else 0)
        results[str(run)] = verifying.verify(run, images=images, advance=shown.advance)
    shown.close()
    words = {True: "fine", False: "DAMAGED", None: "cannot be told"}
    if as_json:
        print_json(results)
    else:
        for name, findings in results.items():
            say(f"{name}\n{table([[f.what, words[f.fine], f.told] for f in findings], ['what', 'state', 'found'])}")
    return EXIT_INCOMPLETE if any(f.fine is False for r in results.values() for f in r) else 0
