"""Detections that other tools computed: COCO's results, GenEval's results.jsonl, VISOR's json, SOA's pickles.

Sources: cocodataset.org (results format), djghosh13/geneval evaluation/evaluate_images.py, microsoft/VISOR,
tohinz/semantic-object-accuracy-for-generative-text-to-image-synthesis SOA/calculate_soa.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.errors import DataError
from bench.formats.class_names import COCO, canonical
from bench.formats.evidence import SIDECAR, Evidence, Ref
from bench.formats.pickles import Damaged, Hostile, read_pickle
from bench.formats.textfiles import read_bytes
from bench.types import Detections

OUTSIDE = ("clip", "keep", "refuse")
"""What is done about a box that reaches beyond its image: cut it at the edge, leave it, or refuse the file."""
MOST = 100
"""Boxes whose colours a complaint of GenEval can tell (it keeps 16 a class)."""
_COCO_IDS = [n for n in range(1, 91) if n not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]
_COLOURS = re.compile(r"expected (\w+) (.+?)>=(\d+), found (\d+) \1; and ?(.*)")


@dataclass(frozen=True)
class Boxes:
    """Detections of many images in columns: those of image i are rows bounds[i][0] to bounds[i][1] - 1."""

    file: Path
    refs: Sequence[Ref]
    boxes: np.ndarray
    """(N, 4) xyxy in pixels, or in shares of the image's sides where `shares`."""
    scores: np.ndarray
    labels: Sequence[str]
    bounds: Sequence[tuple[int, int]]
    attributes: Sequence[Mapping[str, str]] | None = None
    readable: Sequence[bool] | None = None
    shares: bool = False

    def checked(self) -> Boxes:
        """Refuses NaN, scores that are none, and boxes turned inside out: a sentence with count and first."""
        for wrong, what in (
            (~np.isfinite(self.boxes).all(axis=1), "boxes hold NaN or infinities"),
            (~np.isfinite(self.scores), "scores are NaN or infinite"),
            ((self.scores < 0) | (self.scores > 1), "scores lie outside 0 to 1 (divide percent by 100)"),
            ((self.boxes[:, 2:] < self.boxes[:, :2]).any(axis=1), "boxes have a negative width or height"),
        ):
            if wrong.any():
                first = int(np.flatnonzero(wrong)[0])
                of = next(r for r, (a, b) in zip(self.refs, self.bounds, strict=True) if a <= first < b)
                raise DataError(f"'{self.file}': {int(wrong.sum())} {what}, the first is of image {of}.")
        return self

    def row(self, i: int, size: tuple[int, int], name: Callable[[str], str], outside: str) -> Detections:
        """The detections of image i; size: (width, height) where known; name: a label as the data set writes it."""
        a, b = self.bounds[i]
        size = size if size != (0, 0) else self.refs[i].size
        boxes = self.boxes[a:b]
        if self.shares:
            size = size if size != (0, 0) else (1, 1)
            boxes = boxes * np.tile(np.array(size, dtype=np.float64), 2)
        boxes = self._inside(boxes, size, outside, self.refs[i])
        labels = tuple(name(n) for n in self.labels[a:b])
        told = tuple(self.attributes[a:b]) if self.attributes is not None else ()
        seen = self.readable is None or bool(self.readable[i])
        return Detections(boxes, labels, self.scores[a:b], told, size, readable=seen)

    def _inside(self, boxes: np.ndarray, size: tuple[int, int], outside: str, ref: Ref) -> np.ndarray:
        if not len(boxes) or size == (0, 0) or outside == "keep":
            return boxes
        if boxes.min() >= 0 and boxes[:, 2].max() <= size[0] and boxes[:, 3].max() <= size[1]:
            return boxes
        edge = np.array(size, dtype=np.float64)
        gone = (boxes[:, :2] >= edge).any(axis=1) | (boxes[:, 2:] <= 0).any(axis=1)
        if outside == "refuse" or gone.any():
            how = "lies wholly outside" if gone.any() else "reaches outside"
            at = int(np.flatnonzero(gone)[0]) if gone.any() else 0
            raise DataError(
                f"'{self.file}': a box of image {ref} {how} its {size[0]} x {size[1]} pixels "
                f"({', '.join(f'{v:g}' for v in boxes[at])}): the detector saw another size, or this is another image."
            )
        return np.clip(boxes, 0, np.tile(edge, 2))

    def evidence(self, stated: Mapping[str, Any], notes: Sequence[str] = (), caveat: str = "") -> Evidence:
        """As evidence, after `checked`."""
        return Evidence(
            self.file, "", "detections", self.refs, self.checked().row, dict(stated), notes=tuple(notes), caveat=caveat
        )


def naming(names: Mapping[str, str]) -> Callable[[str], str]:
    """Label -> the data set's own name of that class, else COCO's, else the label as it is. names: see `labels_of`."""
    own = set(names.values())

    @cache
    def name(label: str) -> str:
        common = canonical(label)
        return label if label in own else names.get(common, common)

    return name


def decode(file: Path, kind: Any, what: str, data: bytes | None = None) -> Any:
    """JSON as records; DataError in one sentence."""
    data = read_bytes(file) if data is None else data
    try:
        return msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=kind)
    except msgspec.ValidationError as error:
        raise DataError(f"'{file}' is no file of {what}: {str(error).rstrip('.')}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if b"NaN" in data or b"Infinity" in data:
            raise DataError(f"'{file}' holds NaN or an infinity, which JSON has no number for.") from None
        raise DataError(f"'{file}' is truncated or no JSON ({str(error).rstrip('.')}).") from None


# ---- COCO ------------------------------------------------------------------------------------------------------------


class _Result(msgspec.Struct, gc=False):
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float
    attributes: dict[str, str] = {}


class _Image(msgspec.Struct, gc=False):
    id: int | str
    file_name: str = ""
    width: int = 0
    height: int = 0
    sample: str = ""
    k: int = 0
    digest: str = ""
    readable: bool = True


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str


class _Info(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category] = []
    info: dict[str, Any] = {}


def read_json_file(file: Path) -> list[Evidence]:
    """COCO's results (a list) or VISOR's json (an object)."""
    data = read_bytes(file).lstrip(b"\xef\xbb\xbf \t\r\n")
    return [_visor(file, data) if data[:1] == b"{" else _coco(file, data)]


def _coco(file: Path, data: bytes) -> Evidence:
    """[{image_id, category_id, bbox xywh, score}]; images of the sidecar that have no result were looked at."""
    results = decode(file, list[_Result], "COCO results ([{image_id, category_id, bbox, score}])", data)
    beside = file.with_name(file.stem + SIDECAR)
    info = decode(beside, _Info, "COCO's image_info ({images, categories})") if beside.is_file() else None
    names = {c.id: c.name for c in info.categories} if info else {}
    names = names or dict(zip(_COCO_IDS, COCO, strict=True))
    twice = [r for r, n in Counter((r.image_id, r.category_id, r.bbox, r.score) for r in results).items() if n > 1]
    if twice:
        raise DataError(f"'{file}': {len(twice)} results occur twice, the first is of image {twice[0][0]}.")
    strange = [r.category_id for r in results if r.category_id not in names]
    if strange:
        raise DataError(
            f"'{file}': {len(strange)} results are of unknown categories, the first is {strange[0]}; put the "
            f"categories into '{beside.name}'."
        )
    of: dict[str, list[int]] = {str(i.id): [] for i in info.images} if info else {}
    for at, one in enumerate(results):
        of.setdefault(str(one.image_id), []).append(at)
    if info and len(of) > len(info.images):
        known = {str(i.id) for i in info.images}
        odd = next(name for name in of if name not in known)
        raise DataError(f"'{file}': {len(of) - len(known)} images are not listed in '{beside.name}', first {odd}.")
    listed = {str(i.id): i for i in info.images} if info else {}
    refs = [_ref(name, listed.get(name)) for name in of]
    order = [at for some in of.values() for at in some]
    xywh = np.array([results[at].bbox for at in order], dtype=np.float64).reshape(-1, 4)
    found = Boxes(
        file, refs, _corners(xywh), np.array([results[at].score for at in order], dtype=np.float64),
        [names[results[at].category_id] for at in order], bounds_of([len(some) for some in of.values()]),
        [results[at].attributes for at in order] if any(r.attributes for r in results) else None,
        [listed[name].readable for name in of] if info else None,
    )  # fmt: skip
    told = {k: str(v) for k, v in info.info.items() if k in ("by", "threshold")} if info else {}
    return found.evidence(told, () if info else (f"{file.name} lists no images: one without a result is missing.",))


def _ref(name: str, image: _Image | None) -> Ref:
    if image is None:
        return Ref(id=name)
    return Ref(image.sample, image.k, 0, image.file_name, image.digest, name, (image.width, image.height))


def _corners(xywh: np.ndarray) -> np.ndarray:
    """x, y, width, height -> xyxy."""
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def bounds_of(counts: Sequence[int]) -> list[tuple[int, int]]:
    ends = np.cumsum([0, *counts]).tolist()
    return list(pairwise(ends))


# ---- GenEval ---------------------------------------------------------------------------------------------------------


class _Line(msgspec.Struct, gc=False):
    filename: str
    details: str
    metadata: str = "{}"
    reason: str = ""
    colours: dict[str, list[str]] | None = None
    """Class -> colour of each box; this and what follows are keys that exports of this suite add."""
    digest: str = ""
    width: int = 0
    height: int = 0
    readable: bool = True
    by: str = ""
    sample: str = ""
    k: int = 0


_DETAILS = msgspec.json.Decoder(dict[str, list[tuple[float, float, float, float, float]]])


def read_geneval(file: Path) -> Evidence:
    """A line an image; `details` is a JSON text {class: [[x1, y1, x2, y2, score], ...]}.

    GenEval keeps no colours of boxes. What its verdict asked is told by `reason`: no complaint means that the first
    boxes have the colour that the prompt names; a complaint counts the colours that they have.
    """
    rows: list[tuple[str, tuple[float, ...], str]] = []
    refs, counts, seen, by = list[Ref](), list[int](), list[bool](), ""
    lines = [line for line in read_bytes(file).removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    for number, text in enumerate(lines, 1):
        line = decode_line(file, number, text)
        try:
            details = _DETAILS.decode(line.details)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            nan = "NaN" in line.details or "Infinity" in line.details
            why = "they hold NaN or an infinity" if nan else str(error).rstrip(".")
            raise DataError(f"'{file}', line {number}: the details are no boxes of classes: {why}.") from None
        colours = line.colours if line.colours is not None else _colours(line)
        before = len(rows)
        for name, some in details.items():
            told = colours.get(name, [])
            rows += [(name, box, told[i] if i < len(told) else "") for i, box in enumerate(some)]
        counts.append(len(rows) - before)
        by = by or line.by
        seen.append(line.readable)
        refs.append(Ref(line.sample, line.k, 0, line.filename, line.digest, "", (line.width, line.height)))
    values = np.array([box for _, box, _ in rows], dtype=np.float64).reshape(-1, 5)
    found = Boxes(
        file, refs, values[:, :4], values[:, 4], [name for name, _, _ in rows], bounds_of(counts),
        [{"colour": colour} if colour else {} for _, _, colour in rows], seen,
    )  # fmt: skip
    return found.evidence({"by": by} if by else {})


def decode_line(file: Path, number: int, text: bytes) -> _Line:
    """One line of results.jsonl."""
    try:
        return msgspec.json.decode(text, type=_Line)
    except msgspec.ValidationError as error:
        raise DataError(f"'{file}', line {number}: no line of GenEval's results: {str(error).rstrip('.')}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"'{file}', line {number}: truncated or no JSON ({str(error).rstrip('.')}).") from None


def _colours(line: _Line) -> dict[str, list[str]]:
    """Class -> colours of its first boxes, from what the verdict says."""
    asked = {
        str(c.get("class")): (str(c["color"]), int(c.get("count", 1)))
        for c in _clauses(line.metadata)
        if isinstance(c, dict) and c.get("color")
    }
    found = {name: [colour] * count for name, (colour, count) in asked.items()}
    for part in line.reason.split("\n"):
        if told := _COLOURS.match(part):
            right, others = int(told[4]), [o.split() for o in told[5].split(", ") if o]
            wrong = [w for w in others if len(w) == 2 and w[0].isdecimal() and w[1] != told[1]]
            found[told[2]] = [told[1]] * right + [w[1] for w in wrong for _ in range(min(int(w[0]), MOST))]
    return found


def _clauses(metadata: str) -> list[Any]:
    try:
        value = msgspec.json.decode(metadata)
        return list(value.get("include", [])) if isinstance(value, dict) else []
    except msgspec.DecodeError:
        return []


# ---- VISOR and SOA ---------------------------------------------------------------------------------------------------


class _Seen(msgspec.Struct):
    classes: list[str]
    centroid: list[tuple[float, float]]


def _visor(file: Path, data: bytes) -> Evidence:
    """{"id_k": {classes, centroid, ...}}; the name `results_<model>_<dataset>_<detector>_<threshold>.json` states."""
    seen = decode(file, dict[str, _Seen], 'VISOR\'s detector output ({"id_k": {classes, centroid}})', data)
    for name, one in seen.items():
        if len(one.classes) != len(one.centroid):
            raise DataError(f"'{file}': '{name}' has {len(one.classes)} classes and {len(one.centroid)} centroids.")
    points = np.array([c for one in seen.values() for c in one.centroid], dtype=np.float64).reshape(-1, 2)
    found = Boxes(
        file, [Ref(id=name) for name in seen], np.tile(points, 2), np.ones(len(points)),
        [c for one in seen.values() for c in one.classes], bounds_of([len(one.classes) for one in seen.values()]),
    )  # fmt: skip
    parts = file.stem.split("_")
    told = {"by": parts[-2], "threshold": parts[-1]} if parts[0] == "results" and len(parts) >= 5 else {}
    return found.evidence(told, caveat="boxes are points: VISOR's file has centroids alone, and no confidences")


def read_soa(file: Path) -> Evidence:
    """detected_label_NN_name.pkl: {image file: [[class names], [class ids], [[x, y, w, h] in shares of the side]]}.

    YOLOv3's confidences are not in it; every box counts as sure. Read without executing.
    """
    data = read_bytes(file)
    try:
        value, _ = read_pickle(data)
    except Hostile as error:
        raise DataError(f"'{file}' is a pickle that {error}: it is refused unread.") from None
    except Damaged as error:
        raise DataError(f"'{file}' is no whole pickle: {error}") from None
    rows, counts = list[tuple[str, list[float]]](), list[int]()
    if not isinstance(value, dict) or not value:
        raise DataError(f"'{file}' is no output of SOA's detector ({{image: [names, ids, boxes]}}).")
    for name, told in value.items():
        try:
            names, _, boxes = told
            these = [(str(n), [float(v) for v in box]) for n, box in zip(names, boxes, strict=True)]
        except (TypeError, ValueError):
            raise DataError(f"'{file}': the entry of '{name}' is not [names, ids, boxes] of one length.") from None
        if any(len(box) != 4 for _, box in these):
            raise DataError(f"'{file}': a box of '{name}' has not four numbers.")
        rows += these
        counts.append(len(these))
    xywh = np.array([box for _, box in rows], dtype=np.float64).reshape(-1, 4)
    folder = file.stem.removeprefix("detected_")
    found = Boxes(
        file, [Ref(file=f"{folder}/{name}") for name in value], _corners(xywh), np.ones(len(rows)),
        [n for n, _ in rows], bounds_of(counts), shares=True,
    )  # fmt: skip
    return found.evidence({})
