"""`bench cache`: the index of stored views."""

from __future__ import annotations

import click

from bench.cli.options import json_option, print_json, root_option


@click.command()
@click.argument("action", type=click.Choice(["show", "rebuild", "path"]), default="show")
@root_option
@json_option
def cache(action: str, root: str, as_json: bool) -> None:
    """Show the index of stored views below --root, make it anew from the view files, or print where it is.

    Views are the outputs of extractors, kept in each run's folder; the index only finds them and can always be
    deleted.
    """
    from bench import api

    found = api.cache_rebuild(root) if action == "rebuild" else api.cache_show(root)
    if as_json:
        print_json(found)
    elif action == "path":
        click.echo(found["index"])
    else:
        click.echo(
            f"{found['rows']} rows of {found['files']} view files, {found['bytes'] / 1e6:.1f} MB; "
            f"index {found['index']}"
        )
