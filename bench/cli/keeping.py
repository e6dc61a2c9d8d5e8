"""`bench pack` and `bench verify`: a light copy of runs to hand on, and what the copies of others are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench import ledger
from bench.cli.options import json_option, online, print_json, root_option, table
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
@click.option("--no-images", is_flag=True, help="The same as --thumbnails 0.")
@click.option(
    "--rows",
    type=click.Choice(["none", "blinded"]),
    default="none",
    show_default=True,
    help="Of private runs: their numbers sample by sample, under names that only the owner of the prompts can read.",
)
@click.option("--views", is_flag=True, help="Keep the outputs of the extractors too.")
@root_option
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def pack(
    runs: tuple[str, ...], out: str, thumbnails: int, no_images: bool, rows: str, views: bool, root: str, quiet: bool
) -> None:
    """Make a light copy of runs without their images, which show and compare read like the full ones.

    RUN is a run's folder, a folder of runs, or a label. Of a private run the scores leave, and neither its captions
    nor its images.
    """
    from bench import store
    from bench.cli.naming import run_folders
    from bench.cli.progress import progress
    from bench.engine import packing

    found = run_folders(runs, root)
    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    shown.phase("", "pack", sum(len(store.samples(run)) for run in found))
    path = packing.pack(
        found, Path(out), thumbnails=0 if no_images else thumbnails, views=views, rows=rows, advance=shown.advance
    )
    shown.close()
    size = sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())
    say(f"{path}: {len(found)} runs, {size / 1e6:.1f} MB (bench compare {path})")


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--images",
    "images",
    is_flag=False,
    flag_value="",
    help="Compare pixels with those recorded: of the "
    "images in this folder; at the end of the line without one, of a run's own images.",
)
@click.option("--part", type=click.IntRange(min=1), default=None, help="Compare the pixels of so many random prompts.")
@click.option(
    "--rescore",
    type=click.IntRange(min=1),
    default=None,
    help="Score so many random prompts again, from the images; all of them: set metrics too.",
)
@click.option(
    "--regenerate",
    type=click.IntRange(min=1),
    default=None,
    help="Generate the images of so many random prompts again with the run's system.",
)
@click.option("--seed", default="", help="Your own part of the draw, which nobody can know beforehand.")
@click.option(
    "--metric", "-m", "metrics", multiple=True, help="What --rescore scores; default: all metrics of single images."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-5,
    show_default=True,
    help="Share of a column's size by which a value may differ.",
)
@click.option("--dataset", "datasets", multiple=True, help="A data set that the run may be of, where it names a path.")
@click.option(
    "--trust-command", is_flag=True, help="--regenerate may start programs and open paths that the run names."
)
@click.option("--record", default="", help="Write the levels of runs that held to this ledger, which boards read.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ...")
@click.option("--allow-download", is_flag=True, envvar="BENCH_ALLOW_DOWNLOAD", help="Weights may be fetched.")
@root_option
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@json_option
def verify(runs: tuple[str, ...], record: str, as_json: bool, **values: Any) -> int:
    """Say whether runs are whole and what the numbers of submissions are worth. Ends with 5 when something is wrong.

    \b
      bench verify RUN --images
      bench verify theirs.tar.gz --images DIR --rescore 50 --seed "$(date)" --record verified.json

    RUN is a run's folder, a folder of runs, an archive, or a label. Archives are read as hostile. The levels: a
    self-reported run agrees with itself; the scores of random prompts of a re-scored one follow from its images; a
    regenerated one's system makes those images again.
    """
    from bench.engine import admission

    asked, shown = _asked(values, bool(record))
    known = ledger.read_ledger(record) if record and Path(record).exists() else ledger.empty()
    found = [source for name in runs for source in _sources(name, asked.options.root)]
    shown.phase("", "verify", sum(_images_of(source.folder) for source in found))
    made = admission.verdicts(found, asked, known, shown.advance)
    shown.close()
    if record:
        for verdict in made:
            known = ledger.joined(known, verdict.digest, verdict.entry) if verdict.held else known
        ledger.write_ledger(record, known)
    if as_json:
        print_json({v.name: v for v in made})
    else:
        say("\n\n".join(_told(v, bool(asked.rescore or asked.regenerate or record)) for v in made))
    return 0 if all(v.held for v in made) else EXIT_INCOMPLETE


def _asked(values: dict[str, Any], record: bool) -> Any:
    """The Asked of the options, and the progress."""
    from bench.cli.progress import progress
    from bench.engine.admission import Asked
    from bench.engine.options import Options, check_device

    images = values["images"]
    if images and not Path(images).is_dir():
        raise click.UsageError(f"--images takes the folder of a submitter's images; '{images}' is none.")
    online(values["allow_download"])
    check_device(values["device"])
    shown = progress(values["quiet"] or images is None)
    click.get_current_context().call_on_close(shown.close)
    asked = Asked(
        images=Path(images) if images else None, own=images == "", part=values["part"] or 0,
        rescore=values["rescore"] or 0, regenerate=values["regenerate"] or 0, seed=values["seed"],
        trust=values["trust_command"], datasets=values["datasets"], metrics=tuple(map(_metric, values["metrics"])),
        tolerance=values["tolerance"], record=record,
        options=Options(root=Path(values["root"]), device=values["device"]),
    )  # fmt: skip
    return asked, shown


def _metric(text: str) -> str:
    from bench.aliases import expand

    return str(expand(text))


def _sources(name: str, root: Path) -> list[Any]:
    from bench.cli.naming import run_folders
    from bench.engine.admission import Source, sources
    from bench.engine.archives import ENDINGS

    if name.endswith(ENDINGS) and Path(name).is_file():
        return sources(Path(name), root)
    return [Source(str(run), run) for run in run_folders([name], root)]


def _images_of(folder: Path | None) -> int:
    from bench.engine.verifying import images_of

    return images_of(folder) if folder is not None else 0


def _told(verdict: Any, level: bool) -> str:
    rows = [[f.what, _state(f), f.told] for f in verdict.findings]
    lines = [verdict.name, table(rows, ["what", "state", "found"])]
    if verdict.archive or level:
        drawn = f" (seed {verdict.seed}{_counts(verdict.checked)})" if verdict.seed else ""
        lines.append(f"level: {verdict.level or 'none, since something is wrong'}{drawn}")
    return "\n".join(lines)


def _state(finding: Any) -> str:
    if finding.fine is None:
        return "cannot be told"
    if finding.fine:
        return "fine"
    return "DAMAGED" if finding.what in ("archive", "record", "checksums", "tables", "views") else "WRONG"


def _counts(checked: Any) -> str:
    return "".join(f", {checked[key]} prompts {key}" for key in ("rescored", "regenerated") if checked[key])
