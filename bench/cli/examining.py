"""`bench doctor`: what is here, what is missing, what helps."""

from __future__ import annotations

import click

from bench.cli.options import json_option, online, print_json, root_option, table
from bench.cli.say import say
from bench.errors import EXIT_INCOMPLETE


@click.command()
@click.argument("spec", required=False)
@root_option
@json_option
def doctor(spec: str | None, root: str, as_json: bool) -> int:
    """Check this machine, and whether it has all that SPEC needs: a study (FILE.toml), or the name of a data set,
    metric, alias, panel, extractor or generator, parameters allowed.

    Of each file it says present, missing or wrong (another sha256), and where it was looked for. Nothing is downloaded.
    Exit code 5 when something that is needed is wrong, or missing for SPEC.
    """
    online(False)
    from bench import api

    found = api.doctor(spec, root=root)
    if as_json:
        print_json(found)
    else:
        rows = [[c.name, c.status, "; ".join(x for x in (c.where, c.help) if x)] for c in found]
        say(table(rows, ["what", "status", "where, and what helps"]))
    bad = [c for c in found if c.status == "wrong" or (spec and c.status == "missing" and not _optional(c.name))]
    return EXIT_INCOMPLETE if bad else 0


def _optional(name: str) -> bool:
    return name.startswith(("extra ", "tesseract")) or name.endswith("(optional)")
