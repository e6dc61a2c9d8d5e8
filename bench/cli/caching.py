"""`bench cache`: what a root holds, the index of stored views, and the removal of what nobody needs."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import json_option, print_json, root_option, table
from bench.cli.say import say


@click.command()
@click.argument("action", type=click.Choice(["show", "rebuild", "path", "gc"]), default="show")
@root_option
@click.option("--kind", "kinds", multiple=True, help="gc: what to remove; default: what is always safe. Repeatable.")
@click.option(
    "--older", type=click.FloatRange(min=0), default=0.0, help="gc: only what was untouched for so many days."
)
@click.option("--dry-run", is_flag=True, help="gc: say what would be removed.")
@click.option("--yes", "-y", is_flag=True, help="gc: do not ask.")
@json_option
def cache(
    action: str, root: str, kinds: tuple[str, ...], older: float, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Show what lies below --root, make the index of views anew, print where it is, or remove what can be made again.

    \b
    Kinds of gc; the first three are removed unless kinds are named:
      temporary        files that a killed process left half-written
      reference-views  views of references and texts that no run was scored with
      packs            unpacked archives
      unfinished       runs that were never finished, with their images
      views            views of runs that none of their scores used
    Tables, scores, and images of finished runs are never removed. Views are the outputs of extractors, kept in each
    run's folder; the index only finds them and can always be deleted.
    """
    if action == "gc":
        _gc(Path(root), kinds, older, dry_run, yes, as_json)
        return
    from bench import api
    from bench.engine.collecting import held

    found = api.cache_rebuild(root) if action == "rebuild" else api.cache_show(root)
    if action == "show":
        found["holds"] = held(Path(root)) if Path(root).is_dir() else {}
    if as_json:
        print_json(found)
    elif action == "path":
        say(found["index"])
    else:
        for kind, size in sorted(found.get("holds", {}).items(), key=lambda item: -item[1]):
            if size:
                say(f"{size / 1e6:10.1f} MB  {kind}")
        say(
            f"{found['rows']} rows of {found['files']} view files, {found['bytes'] / 1e6:.1f} MB; "
            f"index {found['index']}"
        )


def _gc(root: Path, kinds: tuple[str, ...], older: float, dry_run: bool, yes: bool, as_json: bool) -> None:
    from bench.engine import collecting
    from bench.errors import UsageError, did_you_mean

    for kind in kinds:
        if kind not in collecting.KINDS:
            raise UsageError(f"--kind {kind} is unknown.{did_you_mean(kind, collecting.KINDS)}")
    if as_json and not yes and not dry_run:
        raise UsageError("--json asks nothing: say --yes to remove, or --dry-run to look.")
    chosen = collecting.removable(root, kinds or collecting.SAFE, older)
    size = sum(one.bytes for one in chosen)
    if as_json:
        print_json({"removed": [] if dry_run else chosen, "would remove": chosen if dry_run else [], "bytes": size})
    elif chosen:
        say(table([[one.kind, f"{one.bytes / 1e6:.1f} MB", str(one.path)] for one in chosen], ["kind", "size", "path"]))
    if not chosen or dry_run:
        if not as_json:
            say(f"{'would free' if chosen else 'nothing to remove:'} {size / 1e6:.1f} MB", err=True)
        return
    if not yes and not as_json:
        click.confirm(f"Remove {len(chosen)} of these, {size / 1e6:.1f} MB?", abort=True, err=True)
    freed = collecting.remove(root, chosen)
    if not as_json:
        say(f"freed {freed / 1e6:.1f} MB", err=True)
