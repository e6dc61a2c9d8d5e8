"""What people are told: text on stdout or stderr in which names and prompts cannot steer the terminal.

A prompt or a label may hold control sequences that clear the screen, rename the window or turn the reading direction;
they are printed as visible escapes. Data (`--json`) is escaped by JSON itself.
"""

from __future__ import annotations

import re

import click

from bench.discretion import discreet

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""All control characters but tab and line feed, and the marks that turn the reading direction."""


def visible(text: str) -> str:
    """The text without what is private, and with control characters as escapes such as \\x1b."""
    text = discreet(text)
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str, *, err: bool = False) -> None:
    """Print a text for people."""
    click.echo(visible(text), err=err)
