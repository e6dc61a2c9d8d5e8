"""The kinds of failure and the exit code of each.

A message is one or two sentences that a user can act on: what was given, what is allowed, what to do. Anything that is
not a BenchError reaches the command line as an internal error (70).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bench.discretion import discreet

_LONGEST = 2000
"""Signs of a message; what a file or a user gave may be of any length."""


def _on_one_line(message: str) -> str:
    """Line breaks as escapes, and the middle of a message left out that quotes thousands of signs."""
    line = message.replace("\r", "\\r").replace("\n", "\\n")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 400]} [...] {line[-400:]}"


class BenchError(Exception):
    """A failure that the user can mend. `exit_code` is what the command line returns for it."""

    exit_code = 2

    def __init__(self, *messages: str) -> None:
        self.messages = tuple(_on_one_line(discreet(m)) for m in messages)
        super().__init__("\n".join(self.messages))


class UsageError(BenchError):
    """Wrong name, parameter, file or combination: nothing was computed."""


class WeightsMissing(UsageError):
    """Weights of a frozen model are not on this machine and may not be downloaded."""


class DataError(UsageError):
    """A data file is absent, unreadable or not what its layout promises."""


class BadImage(DataError):
    """An image cannot be decoded (truncated, empty, too large, not an image)."""


class NotFinite(BenchError):
    """A NaN or an infinity in pixels, features or scores; the message names the sample."""

    exit_code = 5


class Diverged(BenchError):
    """A training that cannot end well any more: its loss exploded, or it learns nothing."""

    exit_code = 5


class TooFew(BenchError):
    """Fewer rows than the metric's minimum."""

    exit_code = 5


class GenerationFailed(BenchError):
    """A generator broke as a whole (not one image, which is an Outcome with its reason)."""

    exit_code = 5


class NotComparable(BenchError):
    """Two numbers of different protocol, dataset or reference were asked to stand side by side."""

    exit_code = 4


class Incomplete(BenchError):
    """A run lacks images, views or scores that the command needs."""

    exit_code = 5


class StoreError(BenchError):
    """A run folder is damaged, in use, or of another version."""

    exit_code = 5


class DiskError(BenchError):
    """The disk is full or read-only, or the reader of the output went away."""

    exit_code = 74


EXIT_FINE, EXIT_REGRESSED, EXIT_USAGE, EXIT_INCONCLUSIVE, EXIT_NOT_COMPARABLE = 0, 1, 2, 3, 4
EXIT_INCOMPLETE, EXIT_INTERNAL, EXIT_DISK, EXIT_INTERRUPTED = 5, 70, 74, 130


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """' Did you mean X?' or the list of what is allowed, for the end of a message about an unknown name."""
    names = sorted(allowed)
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.6)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" Allowed: {', '.join(names)}." if names else " None is registered."
