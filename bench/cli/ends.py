"""How a command ends when it does not end well: one sentence on stderr and the exit code that belongs to it.

Exit code 1 is never given here: it says that a model regressed and nothing else. An unexpected error is one sentence
too; its traceback goes to a file below BENCH_HOME/crash/, because a page of frames is what users paste without reading.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import traceback

import click

from bench.cli.say import say
from bench.discretion import discreet
from bench.errors import (
    EXIT_DISK,
    EXIT_INCOMPLETE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    BenchError,
)

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
_LONGEST = 500
"""Characters of a foreign error that are shown."""


def end(error: BaseException, traced: bool = False) -> int:
    """Say what happened and give the exit code."""
    code, lines = _judged(error, traced)
    if isinstance(error, OSError):
        _let_go_of_stdout()
    with contextlib.suppress(OSError):
        for line in lines:
            say(line, err=True)
    return code


def _judged(error: BaseException, traced: bool) -> tuple[int, list[str]]:
    if isinstance(error, BenchError):
        return error.exit_code, [f"error: {message}" for message in error.messages or (str(error),)]
    if isinstance(error, click.ClickException):
        return EXIT_USAGE, [f"error: {error.format_message()}{_where_to_look(error)}"]
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return EXIT_INTERRUPTED, ["interrupted: what is finished is kept; the same command goes on from there."]
    if isinstance(error, BrokenPipeError):
        return EXIT_DISK, []
    if isinstance(error, OSError) and error.errno in _DISK:
        return EXIT_DISK, [f"error: {error.strerror}: {error.filename or 'the output'}; what is finished is kept."]
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return EXIT_INCOMPLETE, [
            f"error: There is not enough memory ({_short(error)}); what is finished is kept: repeat the command with a "
            "smaller --batch-size or fewer --workers."
        ]
    return EXIT_INTERNAL, _internal(error, traced)


def _where_to_look(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f" See `{context.command_path} --help`." if context else ""


def _let_go_of_stdout() -> None:
    """Nobody reads it, or it is full: the interpreter must not fail on it once more at exit (that is code 120)."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal(error: BaseException, traced: bool) -> list[str]:
    text = "".join(traceback.format_exception(error))
    said = f"internal error: {type(error).__name__}: {_short(error)}; what is finished is kept."
    where = "" if traced else _record(text)
    if not where:
        return [text.rstrip(), f"{said} This is a defect: please report it with the traceback above."]
    return [f"{said} This is a defect: please report it with {where} (--traceback shows it)."]


def _short(error: BaseException) -> str:
    first = next((line for line in str(error).splitlines() if line.strip()), "no message")
    return first.strip().rstrip(".")[:_LONGEST]


def _record(text: str) -> str:
    """The traceback as a file; '' when it cannot be written."""
    from bench.store import home

    path = home() / "crash" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        told = discreet(f"bench {' '.join(sys.argv[1:])}\n\n{text}")
        path.write_text(told, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return ""
    return str(path)
