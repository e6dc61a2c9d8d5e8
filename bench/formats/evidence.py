"""Recorded evidence: what other tools saw in images, read from their files so that rules run without models.

A file becomes one `Evidence` an output: a reference a row (which image is meant, in whatever words the format has) and
the rows themselves. `Index` joins them with the images of a run. What has no row is missing, which is not the same as
an image in which nothing was found: no reader makes an empty row of an absent one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import DataError
from bench.formats.matching import match
from bench.types import ImageRow, Sample

ENDINGS = (".json", ".jsonl", ".csv", ".tsv", ".parquet", ".npz", ".npy", ".safetensors", ".pkl", ".pickle")
SIDECAR = ".images.json"
"""Ending of the file beside COCO results that lists the images that were looked at, as COCO's image_info does."""
BESIDE = (SIDECAR, ".ids.txt")
"""Endings of files beside a file of evidence that are a part of it."""
_LAST_NUMBER = re.compile(r"(\d+)$")


class Ref(NamedTuple):
    """Which image a row is of. Empty fields are not stated."""

    sample: str = ""
    k: int = 0
    frame: int = 0
    file: str = ""
    """Path of the image, '/' between parts, as the tool saw it."""
    digest: str = ""
    """sha256 of the decoded pixels."""
    id: str = ""
    """The format's own name of the image."""
    size: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return f"{self.sample}#{self.k}" if self.sample else self.file or self.id or self.digest


@dataclass(frozen=True)
class Evidence:
    """The rows of one output in one file."""

    path: Path
    sha256: str
    output: str
    """detections, answers, features or logits."""
    refs: Sequence[Ref]
    row: Callable[..., Any]
    """Number of a row -> what a metric reads (boxes: see `evidence_boxes.Boxes.row`)."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of who computed it: `by`, `threshold`, ...; empty where it says nothing."""
    texts: Mapping[str, Any] = field(default_factory=dict)
    """Text -> its row, where the file has texts beside images."""
    notes: tuple[str, ...] = ()
    caveat: str = ""
    """What a reader of every number made from it must know."""


def files_of(path: str | Path) -> list[Path]:
    """The evidence files that a path names: itself, or those that lie in the folder. DataError where there are none."""
    place = Path(path).expanduser()
    if not place.is_dir():
        if not place.is_file():
            raise DataError(f"The evidence '{place}' does not exist.")
        return [place]
    found = [p for p in sorted(place.iterdir()) if p.is_file() and p.name.endswith(ENDINGS)]
    found = [p for p in found if not p.name.endswith(SIDECAR)]
    if not found:
        raise DataError(f"The folder '{place}' holds no evidence ({', '.join(ENDINGS)}).")
    return found


def read_all(path: str | Path) -> list[Evidence]:
    """All evidence of a file or folder. DataError with what is wrong; a file is read once in a process."""
    found: list[Evidence] = []
    for file in files_of(path):
        about = file.stat()
        found += _read(file, about.st_mtime_ns, about.st_size)
    return _joined(found)


@lru_cache(maxsize=16)
def _read(file: Path, changed: int, size: int) -> tuple[Evidence, ...]:
    from bench.formats import evidence_arrays, evidence_boxes, evidence_tables, evidence_told

    kind = file.suffix.casefold()
    if kind not in ENDINGS:
        raise DataError(f"'{file}' is no evidence by its ending; known are {', '.join(ENDINGS)}.")
    if not size:
        raise DataError(f"The evidence '{file}' is empty.")
    if kind in (".npz", ".npy", ".safetensors"):
        found = evidence_arrays.read(file)
    elif kind in (".csv", ".tsv", ".parquet"):
        found = evidence_tables.read(file)
    elif kind == ".json":
        found = evidence_told.read_json_file(file) or evidence_boxes.read_json_file(file)
    elif kind == ".jsonl":
        found = [evidence_boxes.read_geneval(file)]
    else:
        found = [evidence_boxes.read_soa(file)]
    digest = _sha256(file)
    for one in found:
        _once(one)
    return tuple(replace(one, sha256=digest) for one in found)


def stated_in(file: Path, metadata: str | bytes, name: str = "evidence") -> dict[str, Any]:
    """What the metadata of a Parquet or safetensors file say, which must be a JSON object; name: whose they are."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        what = "object" if name == "evidence" else "list"
        raise DataError(f"'{file}' has metadata `{name}` that are no JSON {what}; write them again.")
    return found


def _sha256(file: Path) -> str:
    total = hashlib.sha256()
    for part in (file, *(file.with_name(file.stem + end) for end in BESIDE)):
        if part.is_file():
            with part.open("rb") as stream:
                while block := stream.read(1 << 20):
                    total.update(block)
    return total.hexdigest()


def _once(one: Evidence) -> None:
    """An image has one row; of two, nobody knows which is meant."""
    if one.refs and len(set(one.refs)) < len(one.refs):
        twice = [ref for ref, count in Counter(one.refs).items() if count > 1]
        raise DataError(f"'{one.path}': {len(twice)} images have several rows, the first is {twice[0]}; keep one each.")


def _joined(found: Sequence[Evidence]) -> list[Evidence]:
    """SOA's detections come in a file a class: files of one kind that state the same are one evidence."""
    grouped: dict[tuple[Any, ...], list[Evidence]] = {}
    for one in found:
        stated = tuple(sorted((k, str(v)) for k, v in one.stated.items()))
        grouped.setdefault((one.output, stated, one.path.suffix), []).append(one)
    return [_one_of(some) for some in grouped.values()]


def _one_of(parts: Sequence[Evidence]) -> Evidence:
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    starts = [0]
    for one in parts:
        starts.append(starts[-1] + len(one.refs))
    where = [(part, i) for part, one in enumerate(parts) for i in range(len(one.refs))]

    def row(at: int, *more: Any) -> Any:
        part, i = where[at]
        return parts[part].row(i, *more)

    whole = Evidence(
        first.path.parent, hashlib.sha256("".join(p.sha256 for p in parts).encode()).hexdigest(), first.output,
        [ref for one in parts for ref in one.refs], row, first.stated,
        {text: value for one in parts for text, value in one.texts.items()},
        tuple(note for one in parts for note in one.notes), first.caveat,
    )  # fmt: skip
    _once(whole)
    return whole


# ---- joining with the images of a run ------------------------------------------------------------------------------


class Index:
    """Finds the row of an image: by sample and k, by the digest of its pixels, by its file's name, by the format's id.

    File names are compared by as many of their last parts as tell the file's own rows apart.
    """

    def __init__(self, refs: Sequence[Ref]) -> None:
        self.refs = refs
        self._samples = {(r.sample, r.k, r.frame): i for i, r in enumerate(refs) if r.sample}
        self._digests = {r.digest: i for i, r in enumerate(refs) if r.digest}
        self._ids = {r.id: i for i, r in enumerate(refs) if r.id}
        named = [(i, r.file) for i, r in enumerate(refs) if r.file]
        self.depth = _telling([file for _, file in named])
        self._files = {_last(file, self.depth): i for i, file in named}

    def find(self, row: ImageRow) -> int | None:
        """The number of the row's evidence, or None."""
        found = self._samples.get((row.sample, row.k, row.frame))
        if found is None and row.digest:
            found = self._digests.get(row.digest)
        if found is None and row.path and self._files:
            found = self._files.get(_last(row.path, self.depth))
        if found is None and self._ids:
            found = next((self._ids[name] for name in _names(row) if name in self._ids), None)
        return found


def _names(row: ImageRow) -> Iterable[str]:
    """What formats call an image, the plainest last: 'sample_k', 'sample#k', its file's stem, a number."""
    yield f"{row.sample}_{row.k}"
    yield f"{row.sample}#{row.k}"
    stem = os.path.splitext(os.path.basename(row.path))[0]
    if stem:
        yield stem
    if row.k == 0 and row.frame == 0:
        yield row.sample
    for text in (stem, row.sample if row.k == 0 else ""):
        if number := _LAST_NUMBER.search(text):
            yield str(int(number[1]))


def _telling(files: Sequence[str]) -> int:
    """The fewest last parts of paths by which all differ."""
    most = max((f.count("/") for f in files), default=0) + 1
    return next((d for d in range(1, most) if len({_last(f, d) for f in files}) == len(files)), most)


def _last(file: str, depth: int) -> str:
    return "/".join(file.replace("\\", "/").rsplit("/", depth)[-depth:])


def by_names(one: Evidence, samples: Sequence[Sample]) -> Evidence:
    """Evidence of files that are not here: their names say which prompt each belongs to, as `bench run DIR` reads them.

    Rows that state their sample stay as they are. DataError where no rule of matching fits.
    """
    known = {s.id for s in samples}
    names = [r.file or r.id for r in one.refs]
    if not all(names) or any(r.sample for r in one.refs):
        return one
    ids = {name: pair for name in names if (pair := _sample_k(name, known)) is not None}
    if len(ids) < len(names):
        pairs = match([n.lstrip("/") for n in names], samples).pairs
        by_file = {file: key for key, files in pairs.items() for file in files.split("\n")}
        ids = {name: by_file[name.lstrip("/")] for name in names if name.lstrip("/") in by_file}
    refs = [r._replace(sample=ids[n][0], k=ids[n][1]) if n in ids else r for r, n in zip(one.refs, names, strict=True)]
    return replace(one, refs=refs)


def _sample_k(name: str, known: set[str]) -> tuple[str, int] | None:
    """'id', 'id_k' and 'id#k' of a known id."""
    if name in known:
        return name, 0
    sample, mark, k = name.rpartition("_" if "#" not in name else "#")
    return (sample, int(k)) if mark and sample in known and k.isdecimal() else None


def labels_of(samples: Iterable[Sample]) -> dict[str, str]:
    """COCO's name of a class -> the name that a data set itself gives it."""
    from bench.formats.class_names import canonical

    return {canonical(label): label for label in sorted({thing.label for s in samples for thing in s.objects})}
