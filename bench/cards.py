"""The card of a dataset, a TOML file: what it is, where it comes from, who may see it.

Cards of built-in datasets lie in datasets/ of a checkout or bench/_cards/ of an installation; an outsider's lies beside
the module of its plug-in. `visibility` begins with the word public or private (prose may follow); `sensitive = true`
has pages blur its images until they are clicked.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError, UsageError
from bench.registry import entries, load


def card(name: str) -> dict[str, Any]:
    """The card of the dataset of this name; {} where it has none. UsageError when it is no TOML."""
    for folder in _folders(name):
        if (path := folder / f"{name}.toml").is_file():
            try:
                return tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"The card {path} is no valid TOML: {error}.") from error
    return {}


def _folders(name: str) -> Iterator[Path]:
    package = Path(__file__).resolve().parent
    yield from (package / "_cards", package.parent / "datasets")
    entry = entries("dataset").get(name)
    if entry is not None and entry.origin != "built-in":
        try:
            yield Path(inspect.getfile(load("dataset", name))).resolve().parent
        except (BenchError, TypeError, OSError):  # made in an interpreter, or cannot be imported
            return
