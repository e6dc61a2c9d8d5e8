"""Weights of frozen models as files: where they are looked for, how they are checked and (if allowed) downloaded.

Order of search: BENCH_HOME/weights, torch hub's checkpoints (where torchvision and torch-fidelity put theirs too),
then the Hugging Face cache. Files are identified by their sha256, which is remembered by path, size and times,
because hashing a gigabyte at every start would cost seconds. `bench.statedict` reads and applies them.

The network is touched only when the environment says BENCH_ALLOW_DOWNLOAD=1 (the command line's --allow-download).
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError, Incomplete, WeightsMissing
from bench.formats import transfers
from bench.formats.large_files import find_weights as find
from bench.formats.large_files import hub_folder as hub_folder
from bench.formats.large_files import may_download as may_download
from bench.formats.large_files import sha256 as sha256
from bench.formats.large_files import weight_folders as folders
from bench.statedict import ENDINGS as ENDINGS
from bench.statedict import apply as apply
from bench.statedict import read as read
from bench.store import home


@dataclass(frozen=True)
class Source:
    """One published set of weights."""

    names: tuple[str, ...] = ()
    """File names that mean these weights and no others, the preferred first; a download gets the first."""
    hub: str = ""
    """Hugging Face repository 'owner/name', where the same file may be cached."""
    hub_names: tuple[str, ...] = ()
    """File names within that repository."""
    url: str = ""
    """Where it can be downloaded."""
    sha256: str = ""
    """Its digest or the first digits of it (8 or more); empty: not known, the first use pins it."""


# ---- search --------------------------------------------------------------------------------------------------------


def located(source: Source) -> Path | None:
    """The file of a source on this machine."""
    return find(source.names, source.hub, source.hub_names)


def looked_for(source: Source) -> str:
    """'NAME in FOLDER and FOLDER, and NAME in the Hugging Face cache', for messages."""
    places = f"{' or '.join(source.names)} in {' and '.join(str(folder) for folder in folders())}"
    return f"{places}, and {source.hub_names[0]} in {hub_folder(source.hub)}" if source.hub_names else places


def obtain(source: Source, who: str) -> Path:
    """The file of a source: found, or downloaded where allowed; WeightsMissing says where it was looked for."""
    path = located(source)
    if path is None:
        if not (may_download() and source.url):
            raise WeightsMissing(absent(source, who))
        return download(source.url, source.sha256, name=source.names[0])
    if not sha256(path).startswith(source.sha256):
        raise DataError(
            f"{path} is damaged or another file: its sha256 is {sha256(path)[:16]}... where {source.sha256}... is "
            f"expected; delete it, or give it by path (weights={path}) if it is meant."
        )
    return path


def absent(source: Source, who: str) -> str:
    """The sentence about missing weights."""
    fetch = "--allow-download fetches them, or " if source.url else ""
    return (
        f"{who} has no weights on this machine (looked for {looked_for(source)}): {fetch}"
        "give weights=PATH, or ask for the clearly named random network with seed=0."
    )


# ---- download ------------------------------------------------------------------------------------------------------


def download(url: str, digest: str = "", *, name: str = "") -> Path:
    """Fetch a file into BENCH_HOME/weights by `formats.transfers`: resumed, checked, with its errors.

    `digest` may be the first digits only. WeightsMissing when downloads are not allowed or the server fails for good,
    DataError when the content is not what the digest says (the partial file is deleted), DiskError without room.
    """
    if not may_download():
        raise WeightsMissing(f"{url} may not be fetched: allow it with --allow-download (BENCH_ALLOW_DOWNLOAD=1).")
    target = home() / "weights" / (name or Path(urllib.parse.urlparse(url).path).name)
    try:
        transfers.download(url, target, digest)
    except Incomplete as error:
        raise WeightsMissing(*error.messages) from error
    return target
