"""`bench fetch`: all that a spec needs in one bundle, for a machine without a network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from bench.cli.options import bringing, json_option, online, print_json, table
from bench.cli.say import say
from bench.errors import EXIT_FINE, EXIT_INCOMPLETE


@click.command()
@click.argument("spec", required=False)
@click.option("--to", "target", default="", help="Bundle to write: a folder, or an archive (.tar, .tar.gz, .tgz).")
@click.option("--from", "bundle", default="", help="Bundle to install on this machine.")
@click.option("--list", "listed", is_flag=True, help="Print the needs; nothing is fetched or copied.")
@bringing
@json_option
def fetch(
    spec: str | None, target: str, bundle: str, listed: bool, search: tuple[str, ...], needed: bool,
    allow_download: bool, quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """Collect all that SPEC needs (data, weights, tokenizers, statistics) with sha256 and licence into a bundle.

    SPEC is a study (FILE.toml) or the name of a data set, metric, alias, panel, extractor or generator. On a machine
    without a network, `--from BUNDLE` checks every digest and puts the files where they are looked for; of a study it
    writes BUNDLE/study.toml with the places there. Images to be judged are never carried.

    \b
        bench fetch study.toml --list
        bench fetch study.toml --to bundle.tar --allow-download
        bench fetch --from bundle.tar && bench doctor study.toml

    Exit code 5 when something is lacking that must be got by hand; what came is kept, and the next call goes on.
    """
    online(allow_download and not listed)
    if sum(map(bool, (target, bundle, listed))) != 1 or (spec is None) != bool(bundle):
        raise click.UsageError("Give SPEC with --to BUNDLE or --list, or --from BUNDLE alone.")
    if bundle:
        return _install(Path(bundle).expanduser(), as_json)
    assert spec is not None
    if listed:
        return _list(spec, needed, as_json)
    return _collect(spec, Path(target).expanduser(), search, needed, quiet, as_json)


def _list(spec: str, needed: bool, as_json: bool) -> int:
    from bench.engine.needs import needs

    found = [n for n in needs(spec) if not (needed and n.optional)]
    if as_json:
        print_json([{**dataclasses.asdict(n), "path": n.path and str(n.path), "help": n.help()} for n in found])
        return EXIT_FINE
    rows = [[n.kind, n.name, f"{n.status}{' (optional)' if n.optional else ''}", _megabytes(n.size), n.licence,
             n.sha256[:16], n.url or n.hub or n.manual, n.of] for n in found]  # fmt: skip
    say(table(rows, ["kind", "what", "", "MB", "licence", "sha256", "from", "for"]))
    return EXIT_FINE


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}" if size else ""


def _collect(spec: str, target: Path, search: tuple[str, ...], needed: bool, quiet: bool, as_json: bool) -> int:
    from bench.cli.data import Told
    from bench.cli.progress import progress
    from bench.engine import bundles

    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    found = bundles.collect(spec, target, [Path(s).expanduser() for s in search], not needed, Told(shown))
    shown.close()
    lacking = [c for c in found if c.how == "absent"]
    _print(found, as_json)
    if not as_json:
        size = sum(c.size for c in found)
        say(f"{target}: {len(found) - len(lacking)} files, {size / 1e6:.1f} MB"
            + (f"; {len(lacking)} things are lacking" if lacking else ""))  # fmt: skip
    return EXIT_INCOMPLETE if lacking else EXIT_FINE


def _install(bundle: Path, as_json: bool) -> int:
    from bench.engine import bundles

    found, study = bundles.install(bundle)
    _print(found, as_json, study)
    if not as_json and study is not None:
        say(f"study: bench run {study}")
    return EXIT_FINE


def _print(found: list[Any], as_json: bool, study: Path | None = None) -> None:
    if as_json:
        print_json({"files": found, "study": study and str(study)})
        return
    kinds: dict[tuple[str, str, str], list[Any]] = {}
    for one in found:
        kinds.setdefault((one.kind, one.name, one.how), []).append(one)
    rows = [[kind, name, how, str(len(some)) if some[0].file else "", _megabytes(sum(c.size for c in some)),
             some[0].licence, some[0].sha256[:16] if len(some) == 1 else "", some[0].note]
            for (kind, name, how), some in kinds.items()]  # fmt: skip
    say(table(rows, ["kind", "what", "", "files", "MB", "licence", "sha256", ""]))
