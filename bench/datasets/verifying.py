"""What `bench data verify` and `preview` tell of a data set: all that is wrong with its files, its first samples."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError, DataError
from bench.formats import places
from bench.formats.archives import is_archive, members
from bench.formats.contact import sheet
from bench.formats.fetching import checked
from bench.formats.findings import Finding, Findings
from bench.spec import Spec, parse
from bench.types import Sample


@dataclass(frozen=True)
class Verified:
    """A data set that was looked through."""

    dataset: str
    """Text form."""
    root: str
    """Where it lies; '' where it needs no files."""
    samples: int
    """Samples that could be read."""
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether a run can use it as what it is called."""
        return not any(f.refused for f in self.findings) and self.samples > 0

    @property
    def verdict(self) -> str:
        """The end of a sentence."""
        if self.usable:
            return "usable"
        others = {f.kind for f in self.findings if f.refused} == {"wrong-digest"} and self.samples > 0
        return "readable, but not the published files" if others else "not usable as it is"


def opened(text: str, root: str | None = None) -> Any:
    """The data set of a text form, `root` put into it where given."""
    spec = parse(text)
    if root is not None:
        spec = Spec(spec.name, {**spec.params, "root": root})
    return registry.create("dataset", spec.name, spec.params)


def verify(text: str, root: str | None = None) -> Verified:
    """Everything wrong with a data set. DataError where it is not on this machine at all."""
    name = parse(text).name
    dataset = opened(text, root)
    log = Findings()
    place = _place(dataset, name)
    if hasattr(dataset, "findings"):
        log.take(dataset.findings())
        count = dataset.readable()
    else:
        for message in dataset.problems():
            log.add("unreadable", name, message)
        count = 0 if log.refused else sum(1 for _ in dataset)
    if place is not None:
        chosen = set(parse(text).params) - {"root"}
        log.take(_of_files(name, place, dataset.reading.found if chosen and hasattr(dataset, "reading") else None))
    unsafe = {f.file for f in log.all() if f.kind == "unsafe-name"}
    found = (f for f in log.all() if f.kind != "unreadable" or f.file not in unsafe)  # the same, not counted
    return Verified(text, str(place or ""), count, tuple(found))


def _place(dataset: Any, name: str) -> Path | None:
    if hasattr(dataset, "reading"):
        root = Path(dataset.reading.root)
        return None if dataset.made and dataset.given is None else root
    return Path(dataset.root) if name in ("coco", "coco-30k") else None


def _of_files(name: str, place: Path, read: Collection[Path] | None) -> Iterator[Finding]:
    """Digests of what the card names (of what was read, where a part of the data set is asked for), and names in
    archives that lie beside."""
    log = Findings()
    for file, found, expected in checked(name, place, read):
        if not found.startswith(expected):
            log.add("wrong-digest", file, f"{found[:16]}... where {expected[:16]}... is expected")
    if place.is_dir():
        for path in sorted(p for p in place.iterdir() if is_archive(p)):
            try:
                bad = [m for m in members(path) if m.unsafe]
            except DataError as error:
                log.add("unreadable", path.name, error.messages[0])
                continue
            if bad:
                log.add("unsafe-name", path.name, f"'{bad[0].name[:80]}' ({bad[0].unsafe})", len(bad))
    for file, digest in places.pins(name).items():
        log.add("pinned", file, f"sha256 {digest[:16]}...")
    yield from log.all()


def first(text: str, count: int, root: str | None = None) -> tuple[Any, list[Sample]]:
    """(data set, its first samples); DataError says what stands in the way."""
    dataset = opened(text, root)
    found = dataset.first(count) if hasattr(dataset, "first") else list(islice(iter(dataset), count))
    if not found:
        raise DataError(*(dataset.problems() or [f"{text} holds no samples."]))
    return dataset, found


def contact_sheet(dataset: Any, found: list[Sample], path: str | Path) -> int:
    """Write the samples' images with their prompts below as one picture; the number of images that could be shown."""
    tiles = []
    for one in found:
        image = None
        if one.reference is not None:
            try:
                image = dataset.load_image(one.reference)
            except BenchError:
                image = None
        tiles.append((image, f"{one.id}: {one.prompt}"))
    sheet(tiles, path)
    return sum(image is not None for image, _ in tiles)
