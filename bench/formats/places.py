"""Where data sets lie on this machine: linked by the user, or fetched below BENCH_HOME/datasets.

A link is one small file a data set; nothing is copied, nothing is searched for. Digests that were noted at the first
use of a file lie beside the links.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cards import card
from bench.errors import DataError, UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9+_.-]*")


def home() -> Path:
    """As bench.store.home, which would bring numpy into `bench list` (a test holds the two equal)."""
    return Path(os.environ.get("BENCH_HOME") or Path.home() / ".cache" / "text-image-bench")


def own_folder(name: str) -> Path:
    """Where `fetch` puts a data set."""
    return home() / "datasets" / _shared(name)


def link(name: str, path: str | Path) -> Path:
    """Remember that the data set lies there; the absolute path is given back."""
    place = Path(path).expanduser().absolute()
    if not place.exists():
        raise UsageError(f"'{path}' does not exist; give the folder (or file) that holds {name}.")
    _write(_note(name, "link"), {"path": str(place)})
    return place


def unlink(name: str) -> bool:
    """Forget the link; the data stay. Whether there was one."""
    note = _note(name, "link")
    there = note.is_file()
    note.unlink(missing_ok=True)
    return there


def linked(name: str) -> Path | None:
    """The linked place, whether or not it still exists."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return Path(json.loads(_note(name, "link").read_text(encoding="utf-8"))["path"])
    return None


def located(name: str) -> Path | None:
    """The linked place, else the fetched one; None when there is neither."""
    there = linked(name)
    if there is not None:
        return there
    own = own_folder(name)
    return own if own.is_dir() else None


def root_of(name: str, given: str | None) -> Path:
    """The folder of a data set: as given, else as linked or fetched. DataError says how to bring it."""
    if given not in (None, "", "none"):
        return Path(str(given)).expanduser()
    there = located(name)
    if there is None:
        able = any(one.get("url") for one in card(name).get("files", ()))
        fetch = f", or `bench data fetch {name} --allow-download`" if able else ""
        raise DataError(
            f"{name} is not on this machine: `bench data link {name} PATH` says where it lies{fetch}; "
            "or give root=PATH."
        )
    if not there.exists():
        raise DataError(f"{name} is linked to {there}, which is gone: link it again by `bench data link {name} PATH`.")
    return there


def state(name: str) -> tuple[str, str]:
    """(what, where): 'yes', 'no', '3 of 5 files', 'gone', 'made here' or 'your files', and the place, '' where none."""
    files = [one for one in card(name).get("files", ()) if not one.get("optional")]
    if not files:
        told = str(card(name).get("layout", ""))
        return ("made here" if told.startswith("none") else "your files"), ""
    place = located(name)
    if place is None:
        return "no", ""
    if not place.exists():
        return "gone", str(place)
    if place.is_file():
        return "yes", str(place)
    there = sum(present(place, one) for one in files)
    return ("yes" if there == len(files) else f"{there} of {len(files)} files"), str(place)


def present(place: Path, one: Mapping[str, Any]) -> bool:
    """Whether a file of the card (or one of its other places) is below a folder."""
    return any(any(place.glob(p)) if "*" in p else (place / p).exists() for p in (one["path"], *one.get("also", ())))


# ---- digests noted at first use ------------------------------------------------------------------------------------


def pins(name: str) -> dict[str, str]:
    """File -> sha256 as it was at the first use."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(_note(name, "pins").read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {str(k): str(v) for k, v in found.items()}
    return {}


def pin(name: str, file: str, digest: str) -> None:
    """Note a digest; one that is noted already stays."""
    _write(_note(name, "pins"), {file: digest, **pins(name)})


def _write(note: Path, content: Mapping[str, str]) -> None:
    from bench.store import write_atomic

    write_atomic(note, f"{json.dumps(content, indent=1, sort_keys=True)}\n".encode())


def _note(name: str, kind: str) -> Path:
    return home() / "datasets" / f"{_shared(name)}.{kind}.json"


def _shared(name: str) -> str:
    """The name under which a data set lies: a variant (coco-30k) lies where its card's `place` says (coco)."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no name of a data set.")
    return str(card(name).get("place", name))
