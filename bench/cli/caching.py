"""`bench cache`: the index of stored views."""

from __future__ import annotations

import click

from bench.cli.options import json_option, print_json, root_option


@click.command()
@click.argument("action", type=click.Choice(["show", "rebuild"]), default="show")
@root_option
@json_option
def cache(action: str, root: str, as_json: bool) -> None:
    """Show the index of stored views below --root, or make it anew from the view files."""
    from bench import api

    found = api.cache_show(root) if action == "show" else api.cache_rebuild(root)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{found['rows']} rows of {found['files']} view files, {found['bytes'] / 1e6:.1f} MB; index {found['index']}"
    )
