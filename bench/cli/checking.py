"""`bench check`: the conformance suite on one plug-in, one's own too."""

from __future__ import annotations

import click

from bench.cli.options import json_option, print_json, table
from bench.cli.say import say
from bench.errors import EXIT_USAGE


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--kind", type=click.Choice(["metric", "extractor", "generator", "dataset"]), help="Where names are shared."
)
@click.option("--processes", is_flag=True, help="A metric in two processes by torch.distributed (gloo).")
@click.option("--controls", is_flag=True, help="A metric on scenes with the defects that its card names.")
@json_option
def check(names: tuple[str, ...], kind: str | None, processes: bool, controls: bool, as_json: bool) -> int:
    """Hold plug-ins to their contract, built-in ones and those of other packages.

    NAME is a metric, alias, extractor, generator or dataset, with parameters where it needs them. Metrics are fed with
    synthetic rows, so that no weights are needed. Ends with 2 when a check is not passed.

    \b
        bench check my-metric
        bench check 'fd(extractor=scene-classifier)' --processes --controls
    """
    from bench.conformance.suite import findings

    found = {name: list(findings(name, kind or "", processes=processes, controls=controls)) for name in names}
    failed = sum(f.passed is False for some in found.values() for f in some)
    if as_json:
        print_json(found)
    else:
        marks = {True: "passed", False: "FAILED", None: "skipped"}
        for name, some in found.items():
            say(table([[marks[f.passed], f.check, f.told] for f in some], [name, "", ""]))
        say(f"{failed} checks are not passed." if failed else "All checks that apply are passed.")
    return EXIT_USAGE if failed else 0
