"""`bench doctor`: what is here, what is missing, what helps."""

from __future__ import annotations

import click

from bench.cli.options import json_option, online, print_json, root_option, table


@click.command()
@click.argument("study", required=False)
@root_option
@json_option
def doctor(study: str | None, root: str, as_json: bool) -> None:
    """Check this machine, and whether it has all that a study (FILE.toml) needs. Exit code 5 when a study lacks
    something."""
    online(False)
    from bench import api
    from bench.engine.doctor import as_dicts
    from bench.study import read_study

    found = api.doctor(read_study(study) if study else None, root=root)
    if as_json:
        print_json(as_dicts(found))
    else:
        click.echo(
            table(
                [[c.name, c.status, " ".join(x for x in (c.where, c.help) if x)] for c in found], ["what", "status", ""]
            )
        )
    if study and any(c.status != "present" and not c.name.startswith("extra") for c in found):
        raise click.exceptions.Exit(5)
