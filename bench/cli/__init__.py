"""The command line: `entry` runs it and turns every end into a documented exit code.

Start-up imports click and nothing heavy; each verb lives in a module of its own that is imported when it is called.
stdout is data, stderr is log.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from types import FrameType
from typing import Any

from bench.errors import (
    EXIT_DISK,
    EXIT_FINE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    BenchError,
)


def entry() -> None:
    """The console script `bench`."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run one command line and give its exit code; nothing escapes."""
    import click

    from bench.cli.group import cli

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = cli.main(arguments, prog_name="bench", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else EXIT_FINE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        error.show(file=sys.stderr)
        return EXIT_USAGE
    except BenchError as error:
        for message in error.messages:
            click.echo(f"error: {message}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: what is finished is kept; the same command goes on from there.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:
        return _unexpected(error)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _closed_pipe() -> int:
    """The reader went away (`| head`): say nothing more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_DISK


def _unexpected(error: Exception) -> int:
    """An internal error: one sentence, with the traceback in a file (or shown, with BENCH_TRACEBACK=1)."""
    import click

    if isinstance(error, OSError) and error.errno in _DISK:
        click.echo(f"error: {error.strerror}: {error.filename or 'the output'}; what is finished is kept.", err=True)
        return EXIT_DISK
    if os.environ.get("BENCH_TRACEBACK"):
        traceback.print_exc()
    where = _record(error)
    click.echo(
        f"internal error: {type(error).__name__}: {error}. This is a defect of text-image-bench; what is finished is kept"
        f"{f', and the traceback is in {where}: please report it' if where else ''}.",
        err=True,
    )
    return EXIT_INTERNAL


def _record(error: Exception) -> str:
    from bench.store import home

    path = home() / "crash" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return ""
    return str(path)


def _disk_errors() -> frozenset[int]:
    import errno

    return frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EPIPE})


_DISK: Any = _disk_errors()
