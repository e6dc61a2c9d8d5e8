"""docs/cli.md, made from the commands themselves: `python -m bench.cli.reference > docs/cli.md`.

Written from the parameters and not from click's help text, whose layout changes with click's version.
"""

from __future__ import annotations

import inspect

import click

from bench.cli.group import EXITS, VERBS, cli

HEAD = """# The command line

Made from the commands by `python -m bench.cli.reference > docs/cli.md`; a test holds the two equal.

stdout is data, stderr is log: progress, notes and errors never mix with what is piped on. `--json` prints data with
stable keys. An error is one sentence that begins with `error: `. `NO_COLOR` is honoured. Nothing touches the network
without `--allow-download`.
"""


def reference() -> str:
    """The page."""
    context = click.Context(cli, info_name="bench")
    parts = [HEAD, _exits(), _options("bench", cli)]
    for verb in VERBS:
        command = cli.get_command(context, verb)
        if isinstance(command, click.Group):
            parts += [f"## bench {verb}\n", _about(command)]
            for name, inner in command.commands.items():
                own = f"{verb} {name}"
                parts += [f"### bench {own}\n", _usage(own, inner), _about(inner), _options(f"bench {own}", inner)]
        elif command is not None:
            parts += [f"## bench {verb}\n", _usage(verb, command), _about(command), _options(f"bench {verb}", command)]
    return "\n".join(part for part in parts if part)


def _exits() -> str:
    rows = [entry.strip(" .").partition(" ") for entry in EXITS.split(";")]
    return "\n".join(["| exit code | means |", "|---|---|", *(f"| {code} | {text} |" for code, _, text in rows)]) + "\n"


def _usage(verb: str, command: click.Command) -> str:
    names = [_argument(p) for p in command.params if isinstance(p, click.Argument)]
    return f"    bench {' '.join([verb, *names])} [OPTIONS]\n"


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or (argument.name or "").upper()).strip("[]")
    if isinstance(argument.type, click.Choice):
        name = "|".join(argument.type.choices)
    dots = "..." if argument.nargs == -1 else ""
    return f"{name}{dots}" if argument.required else f"[{name}{dots}]"


def _about(command: click.Command) -> str:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(_literal(p) if "\b" in p else p for p in paragraphs) + "\n"


def _literal(paragraph: str) -> str:
    return "\n".join(f"    {line.strip()}" for line in paragraph.splitlines() if line.strip(" \b"))


def _options(title: str, command: click.Command) -> str:
    rows = [_row(p) for p in command.params if isinstance(p, click.Option)]
    return "\n".join([f"| option of `{title}` | |", "|---|---|", *rows]) + "\n"


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    kind = "" if option.is_flag else f" {_kind(option)}"
    default = f" Default: {option.default}." if option.show_default and option.default else ""
    return f"| {names}{kind} | {(option.help or '').replace('|', chr(92) + '|')}{default} |"


def _kind(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return " \\| ".join(option.type.choices)
    return "N" if isinstance(option.type, click.types.IntParamType) else "TEXT"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
