"""Writes evidence in the forms that `bench.formats.evidence` reads: what is written and read again is equal bit by bit.

COCO's boxes are x, y, width, height: the width is chosen so that x + width is the right edge exactly. GenEval's lines
get a few keys beside its own (the image's sample, colours of boxes); GenEval's scripts ignore them. The forms of VISOR
(centroids), SOA (boxes without confidences) and .npy (no texts, no maker) hold less than what is
written: each is enough for the rule that it is published with.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import DataError
from bench.formats.class_names import COCO, canonical
from bench.formats.evidence import SIDECAR
from bench.types import Answers, Detections, ImageRow, Sample

BOXES = ("parquet", "csv", "coco", "geneval", "visor", "soa")
ANSWERS = ("parquet", "csv")
ARRAYS = ("parquet", "npz", "safetensors", "npy")
FORMS = tuple(dict.fromkeys((*BOXES, *ARRAYS)))


@dataclass(frozen=True)
class Content:
    """The rows of one output by one extractor."""

    output: str
    by: str
    rows: Sequence[ImageRow]
    values: Sequence[Any]
    """Detections, Answers or arrays (d,), aligned with rows."""
    texts: Mapping[str, Any] = field(default_factory=dict)
    """Text -> array (d,)."""
    samples: Mapping[str, Sample] = field(default_factory=dict)
    """Samples by id, in the data set's order."""
    right: Mapping[str, tuple[bool, str]] = field(default_factory=dict)
    """'sample#k' -> GenEval's verdict and a reason, for its form."""


def forms_of(output: str) -> tuple[str, ...]:
    """The forms that can hold an output."""
    return {"detections": BOXES, "answers": ANSWERS, "features": ARRAYS}.get(output, ARRAYS[:-1])


def files(content: Content, form: str, stem: str) -> dict[str, bytes]:
    """File name -> bytes."""
    if content.output == "detections":
        if form == "coco":
            return _coco(content, stem)
        if form == "geneval":
            return {f"{stem}.jsonl": _geneval(content)}
        if form == "visor":
            maker = content.by.replace(" ", "-").replace("_", "-")
            return {f"results_run_all_{maker}_0.json": _visor(content)}
        if form == "soa":
            return _soa(content, stem)
        return _table(_box_columns(content), content.by, form, stem)
    if content.output == "answers":
        return _table(_answer_columns(content), content.by, form, stem)
    return _arrays(content, form, stem)


# ---- tables ----------------------------------------------------------------------------------------------------------


def _attributes(one: Detections) -> Sequence[Mapping[str, str]]:
    return one.attributes or [{} for _ in one.labels]


def _where(row: ImageRow) -> list[Any]:
    return [row.sample, row.k, row.frame, row.digest, row.size[0], row.size[1]]


_WHERE = ("sample", "k", "frame", "digest", "width", "height")


def _box_columns(content: Content) -> dict[str, list[Any]]:
    found: list[Detections] = list(content.values)
    told = sorted({name for one in found for a in one.attributes for name in a})
    names = [*_WHERE, "readable", "label", "x1", "y1", "x2", "y2", "score", *(f"attribute:{n}" for n in told)]
    lines: list[list[Any]] = []
    for row, one in zip(content.rows, found, strict=True):
        head = [*_where(row), bool(one.readable)]
        if not one.labels:
            lines.append([*head, "", None, None, None, None, None, *[None] * len(told)])
        boxes = zip(one.labels, one.boxes.tolist(), one.scores.tolist(), _attributes(one), strict=True)
        for label, box, score, a in boxes:
            lines.append([*head, label, *box, score, *(a.get(n) for n in told)])
    return {name: [line[i] for line in lines] for i, name in enumerate(names)}


def _answer_columns(content: Content) -> dict[str, list[Any]]:
    found: list[Answers] = list(content.values)
    names = [*_WHERE, "question", "answer", "probability"]
    lines = [
        [*_where(row), question, one.texts.get(question, ""), one.probabilities.get(question)]
        for row, one in zip(content.rows, found, strict=True)
        for question in dict.fromkeys([*one.texts, *one.probabilities])
    ]
    return {name: [line[i] for line in lines] for i, name in enumerate(names)}


def _table(columns: Mapping[str, Sequence[Any]], by: str, form: str, stem: str) -> dict[str, bytes]:
    if form == "csv":
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*columns, "by"])
        for line in zip(*columns.values(), strict=True):
            writer.writerow(["" if v is None else repr(v) if isinstance(v, float) else v for v in line] + [by])
        return {f"{stem}.csv": stream.getvalue().encode()}
    return {f"{stem}.parquet": _parquet(dict(columns), by)}


def _parquet(columns: dict[str, Any], by: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns).replace_schema_metadata({"evidence": json.dumps({"by": by})})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


# ---- COCO and GenEval ------------------------------------------------------------------------------------------------


def width(left: float, right: float) -> float:
    """The width for which left + width is right, bit by bit: a rounding away from right - left."""
    size = right - left
    for _ in range(4):
        if left + size == right:
            break
        size = float(np.nextafter(size, np.inf if left + size < right else -np.inf))
    return size


def _coco(content: Content, stem: str) -> dict[str, bytes]:
    found: list[Detections] = list(content.values)
    names = sorted({label for one in found for label in one.labels})
    number = {name: i for i, name in enumerate(names, 1)}
    results = [
        {
            "image_id": at, "category_id": number[label],
            "bbox": [x1, y1, width(x1, x2), width(y1, y2)], "score": score, **({"attributes": dict(a)} if a else {}),
        }
        for at, one in enumerate(found, 1)
        for label, (x1, y1, x2, y2), score, a in zip(
            one.labels, one.boxes.tolist(), one.scores.tolist(), _attributes(one), strict=True
        )
    ]  # fmt: skip
    images = [
        {
            "id": at, "file_name": row.path or f"{row.sample}_{row.k}.png", "width": row.size[0], "height": row.size[1],
            "sample": row.sample, "k": row.k, "digest": row.digest, "readable": bool(one.readable),
        }
        for at, (row, one) in enumerate(zip(content.rows, found, strict=True), 1)
    ]  # fmt: skip
    info = {
        "info": {"by": content.by}, "images": images, "categories": [{"id": i, "name": n} for n, i in number.items()]
    }  # fmt: skip
    return {f"{stem}.json": json.dumps(results).encode(), f"{stem}{SIDECAR}": json.dumps(info).encode()}


def _geneval(content: Content) -> bytes:
    place = {name: at for at, name in enumerate(content.samples)}
    lines = []
    for row, one in zip(content.rows, content.values, strict=True):
        sample = content.samples[row.sample]
        told = {k: json.loads(sample.tags[k]) for k in ("include", "exclude") if k in sample.tags}
        right, reason = content.right.get(f"{row.sample}#{row.k}", (False, "the prompt asks for no object"))
        details: dict[str, list[Any]] = {}
        colours: dict[str, list[str]] = {}
        boxes = zip(one.labels, one.boxes.tolist(), one.scores.tolist(), _attributes(one), strict=True)
        for label, box, score, a in boxes:
            details.setdefault(label, []).append([*box, score])
            colours.setdefault(label, []).append(a.get("colour", ""))
        line = {
            "filename": f"{place[row.sample]:05d}/samples/{row.k:04d}.png", "tag": sample.tags.get("kind", ""),
            "prompt": sample.prompt, "correct": right, "reason": reason,
            "metadata": json.dumps({**told, "prompt": sample.prompt}), "details": json.dumps(details),
            "colours": colours, "sample": row.sample, "k": row.k, "digest": row.digest, "width": row.size[0],
            "height": row.size[1], "readable": bool(one.readable), "by": content.by,
        }  # fmt: skip
        lines.append(json.dumps(line))
    return "".join(line + "\n" for line in lines).encode()


# ---- VISOR and SOA ---------------------------------------------------------------------------------------------------

_SIDES = {"left of": (0, 1), "right of": (0, -1), "above": (1, 1), "below": (1, -1)}
"""Relation -> (axis, sign of object less subject)."""


def _visor(content: Content) -> bytes:
    """{"id_k": {classes, centroid, recall, sra, text}} of all boxes: what the detector left out is out already."""
    seen: dict[str, Any] = {}
    for row, one in zip(content.rows, content.values, strict=True):
        sample = content.samples[row.sample]
        middle = ((one.boxes[:, :2] + one.boxes[:, 2:]) / 2).tolist()
        places: dict[str, list[Any]] = {}
        for label, place in zip(one.labels, middle, strict=True):
            places.setdefault(label, []).append(place)
        wanted = [thing.label for thing in sample.objects]
        seen[f"{row.sample}_{row.k}"] = {
            "classes": list(one.labels), "centroid": middle,
            "recall": sum(name in places for name in wanted) / len(wanted) if wanted else 0.0,
            "sra": any(_apart(places, wanted, r.subject, r.predicate, r.object) for r in sample.relations[:1]),
            "text": sample.prompt,
        }  # fmt: skip
    return json.dumps(seen).encode()


def _apart(places: Mapping[str, list[Any]], names: Sequence[str], subject: int, predicate: str, other: int) -> bool:
    """VISOR's rule: any two centroids of the right classes on the right sides."""
    if predicate not in _SIDES:
        return False
    axis, sign = _SIDES[predicate]
    return any(
        sign * (b[axis] - a[axis]) > 0 for a in places.get(names[subject], ()) for b in places.get(names[other], ())
    )


def _soa(content: Content, stem: str) -> dict[str, bytes]:
    """detected_<folder>.pkl for each of SOA's labels, or one file of another data set: {image: [names, ids, boxes]}."""
    known = {name: number for number, name in enumerate(COCO)}
    found: dict[str, dict[str, Any]] = {}
    for row, one in zip(content.rows, content.values, strict=True):
        if not all(row.size):
            told = f"SOA's form has boxes in shares of the side, and the size of the image of '{row.sample}' is unknown"
            raise DataError(f"{told}; choose another form.")
        boxes = np.concatenate([one.boxes[:, :2], one.boxes[:, 2:] - one.boxes[:, :2]], axis=1) / np.tile(row.size, 2)
        folder = content.samples[row.sample].tags.get("folder", "")
        found.setdefault(f"detected_{folder}" if folder else stem, {})[f"{row.sample}_{row.k}.png"] = [
            list(one.labels), [known.get(canonical(name), -1) for name in one.labels], boxes.tolist()
        ]  # fmt: skip
    return {f"{name}.pkl": pickle.dumps(value, 2) for name, value in found.items()}


# ---- arrays ----------------------------------------------------------------------------------------------------------


def _arrays(content: Content, form: str, stem: str) -> dict[str, bytes]:
    values = np.stack([np.asarray(v) for v in content.values])
    texts = list(content.texts)
    spoken = np.stack([np.asarray(content.texts[t]) for t in texts]) if texts else np.zeros((0, values.shape[1]))
    if form == "parquet":
        blank = ["", 0, 0, "", 0, 0]
        where = [_where(row) for row in content.rows] + [blank] * len(texts)
        columns: dict[str, Any] = {name: [line[i] for line in where] for i, name in enumerate(_WHERE)}
        columns["text"] = [""] * len(content.rows) + texts
        both = np.concatenate([values, spoken.astype(values.dtype)])
        return {f"{stem}.parquet": _parquet({**columns, content.output: list(both)}, content.by)}
    ids = [f"{r.sample}#{r.k}#{r.frame}" for r in content.rows]
    if form == "npy":
        stream = io.BytesIO()
        np.save(stream, values)
        return {f"{stem}.npy": stream.getvalue(), f"{stem}.ids.txt": "".join(f"{name}\n" for name in ids).encode()}
    held = {content.output: values, **({"text_features": spoken} if texts else {})}
    if form == "safetensors":
        from safetensors.numpy import save

        about = json.dumps({"ids": ids, "texts": texts, "by": content.by})
        return {f"{stem}.safetensors": save({n: np.ascontiguousarray(v) for n, v in held.items()}, {"evidence": about})}
    stream = io.BytesIO()
    named = {"ids": np.array(ids), "by": np.array(content.by), **({"texts": np.array(texts)} if texts else {})}
    np.savez(stream, **held, **named)  # type: ignore[arg-type]
    return {f"{stem}.npz": stream.getvalue()}


def write(content: Content, form: str, folder: Path, stem: str) -> list[Path]:
    """The files of one output in a form."""
    from bench import store

    written = []
    for name, data in files(content, form, stem).items():
        store.write_atomic(folder / name, data)
        written.append(folder / name)
    return written
