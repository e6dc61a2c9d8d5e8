"""The group of verbs, imported lazily: `bench --help` reads this table and no verb's module."""

from __future__ import annotations

import importlib

import click

from bench import __version__

VERBS: dict[str, tuple[str, str]] = {
    "list": (
        "bench.cli.listing:listing",
        "List metrics, generators, extractors, datasets, fusion strategies, panels or aliases.",
    ),
    "show": ("bench.cli.showing:show", "Show a run's scores, or what a plug-in is and takes."),
    "run": ("bench.cli.running:run", "Generate or read images, score them, and compare the systems."),
    "score": ("bench.cli.scoring:score", "Add metrics to finished runs; nothing is generated again."),
    "compare": ("bench.cli.scoring:compare", "Compare finished runs and write the report."),
    "leaderboard": ("bench.cli.boarding:leaderboard", "Rank runs by a board's file; say what moved since."),
    "plot": ("bench.cli.plotting:plot", "Draw a figure for a paper, from runs, a board or a table of scores."),
    "baseline": ("bench.cli.gating:baseline", "Set, show and compare the baselines that a gate holds runs against."),
    "gate": ("bench.cli.gating:gate", "Say whether a run is worse than its baseline by more than a margin."),
    "pack": ("bench.cli.keeping:pack", "Make a light copy of runs, without their images."),
    "submit": ("bench.cli.submitting:submit", "Make one archive of runs and their system's card, for a board."),
    "verify": ("bench.cli.keeping:verify", "Say whether runs are whole, and what the numbers of others are worth."),
    "cache": ("bench.cli.caching:cache", "Show what a root holds, or remove what can be made again."),
    "statistics": ("bench.cli.statistics:statistics", "Write mean and covariance of features as an .npz."),
    "data": ("bench.cli.data:data", "Link, fetch, verify and preview data sets."),
    "fetch": ("bench.cli.bundling:fetch", "Collect all that a study needs in a bundle, or install one."),
    "agree": ("bench.cli.agreeing:agree", "Hold metrics against people, people against each other."),
    "check": ("bench.cli.checking:check", "Hold plug-ins to their contract: the conformance suite."),
    "train": ("bench.cli.training:train", "Train a judge of scenes by its recipe."),
    "probe": ("bench.cli.probing:probe", "Probe fusion strategies by themselves, without a generator."),
    "doctor": ("bench.cli.examining:doctor", "Say what this machine has and what a study lacks, file by file."),
}
"""Verb -> where its command is, and its line in `bench --help`."""

EXITS = (
    "0 fine; 1 regressed; 2 usage or configuration; 3 inconclusive; 4 not comparable; 5 incomplete; 70 internal error; "
    "74 disk or pipe; 130 interrupted."
)


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from bench.errors import did_you_mean

            raise click.UsageError(f"'{args[0]}' is no command.{did_you_mean(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"text-image-bench {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=f"Exit codes: {EXITS}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print it.")
@click.option("--traceback", is_flag=True, expose_value=False, help="Show the traceback of an internal error.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Score any text-to-image system against standard datasets, with intervals and stated protocols."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)
