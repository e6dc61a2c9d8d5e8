"""The group of verbs, imported lazily: `bench --help` reads this table and no verb's module."""

from __future__ import annotations

import importlib
from typing import Any

import click

from bench import __version__

VERBS: dict[str, tuple[str, str]] = {
    "list": (
        "bench.cli.listing:listing",
        "List metrics, generators, extractors, datasets, fusions, panels or aliases.",
    ),
    "show": ("bench.cli.showing:show", "Show a plug-in, or the scores of a run."),
    "run": ("bench.cli.running:run", "Generate or read images, score them, and compare the systems."),
    "score": ("bench.cli.scoring:score", "Add metrics to runs from their stored views."),
    "compare": ("bench.cli.scoring:compare", "Compare runs and write the report."),
    "cache": ("bench.cli.caching:cache", "Show or rebuild the index of stored views."),
    "doctor": ("bench.cli.examining:doctor", "Say what this machine has and what a study needs."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module, _, attribute = VERBS[name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from bench.errors import did_you_mean

            raise click.UsageError(f"'{args[0]}' is no command.{did_you_mean(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="text-image-bench")
def cli() -> None:
    """Score any text-to-image system, with intervals and protocols.

    Exit codes: 0 fine, 1 regressed, 2 usage, 3 inconclusive, 4 not comparable, 5 incomplete, 70 internal error, 74 disk
    or pipe, 130 interrupted.
    """
