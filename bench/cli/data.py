"""`bench data`: where data sets lie, how they come here, what is wrong with them, what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.evidence import export_run, import_run
from bench.cli.options import bringing, json_option, online, print_json, table
from bench.cli.say import say
from bench.errors import EXIT_FINE, EXIT_INCOMPLETE

_root = click.option("--root", default=None, help="Folder of the data set; default: as linked or fetched.")


@click.group()
def data() -> None:
    """Link, fetch, verify and preview data sets in their official layouts.

    `bench list datasets` shows all of them, what each provides, and whether it is on this machine.
    """


@data.command()
@click.argument("name")
@click.argument("path", required=False)
@click.option("--forget", is_flag=True, help="Forget where it lies; the data stay.")
@json_option
def link(name: str, path: str | None, forget: bool, as_json: bool) -> None:
    """Note that the data set NAME lies at PATH (a folder, or its one file); without PATH say where it lies.

    Nothing is copied. The note is kept below BENCH_HOME; `root=PATH` in a data set's text form overrides it.
    """
    from bench import registry
    from bench.formats import places

    registry.lookup("dataset", name)
    if forget:
        places.unlink(name)
    elif path is not None:
        places.link(name, path)
    what, where = places.state(name)
    if as_json:
        print_json({"dataset": name, "on disk": what, "where": where})
        return
    say(f"{name}: {what}{' ' + where if where else ''}")
    if path is not None and what not in ("yes", "your files", "made here"):
        say(f"`bench data verify {name}` says what its layout expects.", err=True)


@data.command()
@click.argument("name")
@click.option("--to", "target", default=None, help="Folder to fetch into; default: BENCH_HOME/datasets/NAME.")
@bringing
@json_option
def fetch(
    name: str, target: str | None, search: tuple[str, ...], needed: bool, allow_download: bool, quiet: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Bring the official files of NAME here: found by sha256 among what is here, else downloaded.

    A broken transfer goes on where it stopped, also in a later call. A digest that nobody has published is noted at
    the first use and expected from then on. Exit code 5 when files are left that must be got by hand.
    """
    from bench import registry
    from bench.cli.progress import progress
    from bench.formats import fetching, places

    online(allow_download)
    registry.lookup("dataset", name)
    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    told = Told(shown)
    root = Path(target).expanduser() if target else None
    found = fetching.fetch(name, root, [Path(s).expanduser() for s in search], told, not needed)
    shown.close()
    if root is not None:
        places.link(name, root)
    if as_json:
        print_json(found)
    else:
        say(table([[f.file, f.how, f.sha256[:16], f.note] for f in found], ["file", "", "sha256", ""]))
    return EXIT_INCOMPLETE if any(f.how == "absent" for f in found) else EXIT_FINE


class Told:
    """Progress of one file after the other, in megabytes."""

    def __init__(self, shown: Any) -> None:
        self.shown, self.file, self.done = shown, "", 0

    def __call__(self, file: str, here: int, whole: int) -> None:
        megabytes = -(-here // 1_000_000)
        if file != self.file:
            self.file, self.done = file, 0
            self.shown.phase("", f"{file} (MB)", max(-(-whole // 1_000_000), 1))
        if megabytes != self.done:
            self.shown.advance(megabytes - self.done)
            self.done = megabytes


@data.command()
@click.argument("name")
@_root
@json_option
def verify(name: str, root: str | None, as_json: bool) -> int:
    """Say everything that is wrong with the files of NAME (parameters allowed): one sentence a kind, counted.

    Exit code 0 when a run can use it (what was mended is told), 5 when something is missing or refused, or is not the
    published file: a run reads that one all the same, and says so.
    """
    from bench.datasets.verifying import verify as verified

    online(False)
    found = verified(name, root)
    if as_json:
        rows = [{"kind": f.kind, "file": f.file, "count": f.count, "refused": f.refused, "text": f.sentence}
                for f in found.findings]  # fmt: skip
        print_json({"dataset": found.dataset, "root": found.root, "samples": found.samples, "usable": found.usable,
                    "findings": rows})  # fmt: skip
    else:
        for one in found.findings:
            say(f"{'refused' if one.refused else 'handled'}: {one.sentence}")
        say(f"{found.dataset}: {found.samples} samples{' in ' + found.root if found.root else ''}, {found.verdict}")
    return EXIT_FINE if found.usable else EXIT_INCOMPLETE


@data.command()
@click.argument("name")
@_root
@click.option("-n", "count", type=click.IntRange(min=1, max=500), default=5, show_default=True, help="Samples.")
@click.option("--sheet", default="", help="Write their images and prompts as one picture (.png or .jpg).")
@json_option
def preview(name: str, root: str | None, count: int, sheet: str, as_json: bool) -> None:
    """Print the first samples of NAME (parameters allowed): ids, prompts and what is known of them."""
    from bench.datasets.verifying import contact_sheet, first

    online(False)
    dataset, found = first(name, count, root)
    if sheet:
        shown = contact_sheet(dataset, found, sheet)
        say(f"{sheet}: {len(found)} samples, {shown} with an image", err=True)
    if as_json:
        print_json(found)
        return
    for one in found:
        say(f"{one.id}  {one.prompt}")
        for line in _known(one):
            say(f"    {line}")


data.add_command(export_run)
data.add_command(import_run)


def _known(sample: Any) -> list[str]:
    """What a sample knows beyond its prompt, a line each."""
    lines = [f"also: {text}" for text in sample.captions if text != sample.prompt][:2]
    for thing in sample.objects[:6]:
        box = f" at {', '.join(f'{v:g}' for v in thing.box)}" if thing.box else ""
        lines.append(f"object: {' '.join([*thing.attributes.values(), thing.label])}{box}")
    names = [t.label for t in sample.objects]
    lines += [f"relation: {names[r.subject]} {r.predicate} {names[r.object]}" for r in sample.relations]
    lines += [f"question: {q.text} ({q.answer})" for q in sample.questions[:3]]
    lines += [f"... {len(sample.questions) - 3} more questions"] if len(sample.questions) > 3 else []
    lines += [f"image: {sample.reference}"] if sample.reference else []
    return [*lines, *(f"{k}: {v[:100]}" for k, v in sample.tags.items())]
