"""Prompts out of a folder of images: from its manifest, from a text file beside each image, or from the file names.

Samples are made so that the same folder meets them again by one of the rules of `matching.py`: sidecar samples are
named after their file (rule stem), manifest samples by id or prompt (rule manifest), file-name samples by their prompt
(rule caption, several images `<prompt>_<number>` being repeats of one prompt).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError
from bench.formats.folders import Listing, few, list_images
from bench.formats.manifests import find_manifest, read_manifest
from bench.formats.match_rules import stem_of
from bench.formats.textfiles import lines, read_text
from bench.spec import safe_id
from bench.types import Sample

SOURCES = ("manifest", "sidecar", "names")
_NUMBER = re.compile(r"(.+?)[_\-][0-9]+")


@dataclass(frozen=True)
class Captioned:
    """A folder's images with their captions."""

    samples: tuple[Sample, ...]
    """In the order of the manifest or the natural order of the files; `reference` is None."""
    images: dict[str, str]
    """Sample id -> absolute path of its (first) image."""
    source: str
    """'manifest', 'sidecar' or 'names'."""


def read_captioned(path: str | Path, source: str = "auto") -> Captioned:
    """Samples of a folder. `auto`: the manifest if it has prompts, else sidecars if there is any, else file names.

    Raises DataError for a folder without images, images without sidecar, empty captions, and names without letters.
    """
    listing = list_images(path)
    if not listing.files:
        raise DataError(f"The folder '{path}' holds no images.")
    chosen = _source(listing) if source == "auto" else source
    if chosen not in SOURCES:
        raise DataError(f"captions={source} is no source of captions; give auto, {', '.join(SOURCES)}.")
    found = list({"manifest": _manifest, "sidecar": _sidecar, "names": _names}[chosen](listing))
    samples: dict[str, Sample] = {}
    images: dict[str, str] = {}
    for name, caption, file in found:
        if samples.setdefault(name, _sample(name, caption, len(samples))).prompt != caption:
            raise DataError(f"In '{path}' the sample '{name}' has two prompts: '{samples[name].prompt}', '{caption}'.")
        images.setdefault(name, listing.path(file))
    return Captioned(tuple(samples.values()), images, chosen)


def _sample(name: str, caption: str, at: int) -> Sample:
    return Sample(id=name, prompt=caption, tags={"line": str(at + 1)})


def _source(listing: Listing) -> str:
    table = find_manifest(listing.root)
    if table is not None and any(entry.prompt for entry in read_manifest(table)):
        return "manifest"
    return "sidecar" if any(os.path.isfile(_beside(listing, file)) for file in listing.files) else "names"


def _beside(listing: Listing, file: str) -> str:
    return os.path.splitext(listing.path(file))[0] + ".txt"


_Found = Iterator[tuple[str, str, str]]
"""(sample id, caption, file)"""


def _manifest(listing: Listing) -> _Found:
    table = find_manifest(listing.root)
    if table is None:
        raise DataError(f"'{listing.root}' has no manifest.csv or metadata.jsonl.")
    there = set(listing.files)
    for entry in read_manifest(table):
        if not entry.prompt:
            raise DataError(f"'{table}' gives no prompt for '{entry.file}'; captions need the column prompt.")
        if entry.file in there:
            yield entry.sample or safe_id(entry.prompt), entry.prompt, entry.file


def _sidecar(listing: Listing) -> _Found:
    bare = [file for file in listing.files if not os.path.isfile(_beside(listing, file))]
    if bare:
        counts = f"{len(bare)} of {len(listing.files)} images in '{listing.root}'"
        raise DataError(
            f"{counts} lack a text file beside them: {few(bare)}. "
            "Give each image a .txt of the same name, or a manifest.csv with columns file and prompt."
        )
    for file in listing.files:
        beside = _beside(listing, file)
        caption = " ".join(line.strip() for line in lines(read_text(beside))).strip()
        yield os.path.dirname(file) + "/" * ("/" in file) + stem_of(file), caption, file


def _names(listing: Listing) -> _Found:
    for file in listing.files:
        stem = stem_of(file)
        cut = _NUMBER.fullmatch(stem)
        caption = " ".join((cut[1] if cut else stem).replace("_", " ").split())
        if not re.search(r"[^\W\d_]", caption):
            raise DataError(
                f"The file name '{file}' is no caption. Give the prompts by --prompts FILE, a .txt beside each image, "
                "or a manifest.csv with columns file and prompt."
            )
        yield safe_id(caption), caption, file
