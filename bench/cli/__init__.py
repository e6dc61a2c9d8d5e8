"""The command line: `entry` runs it and turns every end into a documented exit code.

Start-up imports click and nothing heavy; each verb lives in a module of its own that is imported when it is called.
stdout is data, stderr is log. click's own `main` is not used: it answers a closed pipe with exit code 1, which here
means that a model got worse.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from bench.errors import EXIT_FINE, EXIT_INTERRUPTED

TRACEBACK = "--traceback"
"""Understood before and after the verb: it is added to a command that has just failed."""


def entry() -> None:
    """The console script `bench`; `python -m bench` is recorded as the same command."""
    sys.argv[0] = "bench"
    # imports make millions of objects that live on: looking through them for garbage is a sixth of the start-up
    gc.set_threshold(200_000, 20, 100)
    code = main(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, _leave)
            signal.signal(signal.SIGTERM, _leave)
        sys.exit(code)
    _finish(code)


def _finish(code: int) -> None:
    """End without taking thousands of modules apart one by one, which takes longer than most commands."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code; nothing escapes."""
    try:
        with contextlib.suppress(ValueError):  # only the main thread may set it
            signal.signal(signal.SIGTERM, _interrupt)
        _printable()
        code = _invoke([a for a in arguments if a != TRACEBACK])
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BaseException as error:
        from bench.cli.ends import end

        return end(error, traced=TRACEBACK in arguments)


def _invoke(arguments: list[str]) -> int:
    import click

    from bench.cli.group import cli

    try:
        with cli.make_context("bench", arguments) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as asked:
        code = asked.exit_code
    return code if isinstance(code, int) else EXIT_FINE


def _printable() -> None:
    """A file name that the terminal's encoding lacks must not stop a run at its last line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(_: int, __: FrameType | None) -> None:
    """A second Ctrl-C while threads are being waited for; what is finished lies on disk already."""
    os._exit(EXIT_INTERRUPTED)
