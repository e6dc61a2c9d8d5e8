"""CSV, TSV and Parquet of recorded evidence: one schema for boxes, answers and features (docs/recorded-evidence.md).

Which image: `sample` (and `k`, `frame`), or `image` (its file), or `digest` (sha256 of the decoded pixels).
Boxes: `label, x1, y1, x2, y2, score`, a row a box; an empty label says that the image was looked at and nothing found.
Answers: `question` (its id, or its words), `answer`, and `probability` of the right answer, a row a question; DSG's
columns `item_id, question_id` are read too. Features: `features`, a list a row (Parquet). `by` and `threshold` state
who computed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import DataError
from bench.formats.evidence import Evidence, Ref, stated_in
from bench.formats.evidence_boxes import Boxes, bounds_of
from bench.formats.evidence_told import Told, as_evidence
from bench.formats.tables import read_table
from bench.types import normalised

SAMPLES = ("sample", "sample_id", "item_id")
IMAGES = ("image", "file", "file_name", "filename", "image_path")
CORNERS = ("x1", "y1", "x2", "y2")
_STATED = ("by", "threshold")

Columns = dict[str, Any]
"""Name -> a list, or an array of numbers."""


def read(file: Path) -> list[Evidence]:
    """The evidence of a table, by its columns."""
    columns, stated = _parquet(file) if file.suffix.casefold() == ".parquet" else _text(file)
    stated = {**stated, **{n: _single(file, columns, n) for n in _STATED if n in columns}}
    if "features" in columns or "logits" in columns:
        return [_features(file, columns, stated, name) for name in ("features", "logits") if name in columns]
    if "label" in columns:
        return [_boxes(file, columns, stated)]
    if "answer" in columns and ("question" in columns or "question_id" in columns):
        return [_answers(file, columns, stated)]
    raise DataError(
        f"'{file}' has the columns {', '.join(columns) or 'none'}; boxes need label, x1, y1, x2, y2, score, answers "
        "need question and answer, features need features, and all of them sample (and k), image or digest."
    )


def _parquet(file: Path) -> tuple[Columns, dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"'{file}' is truncated or no Parquet ({why}).") from None
    told = stated_in(file, (table.schema.metadata or {}).get(b"evidence", b"{}"))
    columns: Columns = {}
    for name in table.column_names:
        column = table.column(name)
        nested = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
        numbers = not nested and not column.null_count and pa.types.is_primitive(column.type)
        columns[name] = _nested(file, name, column) if nested else column.to_numpy() if numbers else column.to_pylist()
    return columns, told


def _nested(file: Path, name: str, column: Any) -> Any:
    """Lists of one length as an array (n, d)."""
    flat = column.combine_chunks()
    if len(flat) == 0 or flat.null_count:
        raise DataError(f"'{file}': {flat.null_count or 'all'} rows of {name} are empty.")
    values = flat.flatten().to_numpy(zero_copy_only=False)
    lengths = {len(row) for row in column}
    if len(lengths) > 1:
        raise DataError(f"'{file}': rows of {name} have {len(lengths)} different lengths, {sorted(lengths)[:3]}.")
    return values.reshape(len(flat), -1)


def _text(file: Path) -> tuple[Columns, dict[str, Any]]:
    header, rows = read_table(file)
    return {name: [row[name] for _, row in rows] for name in header}, {}


def _single(file: Path, columns: Columns, name: str) -> str:
    """The one value of a column that states something of the whole file."""
    found = {str(v) for v in columns[name] if v not in ("", None)}
    if len(found) > 1:
        some = ", ".join(sorted(found)[:3])
        raise DataError(f"'{file}' states {len(found)} values of {name}, {some}; split the file.")
    return next(iter(found), "")


# ---- which image -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Images:
    """The images of a table in the order in which they are first met, and which of them each row is of."""

    refs: list[Ref]
    of: np.ndarray
    """(rows,) number of the image."""

    def rows(self) -> list[np.ndarray]:
        """The rows of each image, in the order of the table."""
        order = np.argsort(self.of, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.of, minlength=len(self.refs)))[:-1])


def _images(file: Path, columns: Columns) -> _Images:
    sample = next((columns[n] for n in SAMPLES if n in columns), None)
    image = next((columns[n] for n in IMAGES if n in columns), None)
    digest = columns.get("digest")
    if sample is None and image is None and digest is None:
        raise DataError(f"'{file}' does not say which image a row is of; add sample (and k), image or digest.")
    count = len(next(iter(columns.values())))
    texts = {"sample": sample, "image": image, "digest": digest}
    blanks = [""] * count
    said = {n: blanks if c is None else ["" if v is None else str(v).strip() for v in c] for n, c in texts.items()}
    keys = pd.DataFrame({**said, **{n: _whole(file, columns, n, count) for n in ("k", "frame", "width", "height")}})
    blank = (keys["sample"] == "") & (keys["image"] == "") & (keys["digest"] == "")
    if blank.any():
        raise DataError(f"'{file}', row {int(blank.argmax()) + 1}: neither sample nor image nor digest is given.")
    of = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
    first = keys.iloc[np.unique(of, return_index=True)[1]]
    refs = [
        Ref(sample, k, frame, image.replace("\\", "/"), digest, "", (width, height))
        for sample, image, digest, k, frame, width, height in zip(*(first[c].tolist() for c in keys), strict=True)
    ]
    return _Images(refs, of)


def _whole(file: Path, columns: Columns, name: str, count: int) -> Any:
    values = columns.get(name)
    if values is None:
        return np.zeros(count, dtype=np.int64)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu" and (not len(values) or values.min() >= 0):
        return values.astype(np.int64)
    found = []
    for at, value in enumerate(values):
        text = "0" if value in ("", None) else str(value).strip()
        if not text.isdecimal():
            raise DataError(f"'{file}', row {at + 1}: {name} is '{value}'; give a whole number from 0.")
        found.append(int(text))
    return found


def _number(file: Path, name: str, at: int, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"'{file}', row {at + 1}: {name} is '{value}', which is no number.") from None


def _numbers(file: Path, columns: Columns, name: str, rows: np.ndarray) -> np.ndarray:
    """The numbers of a column in these rows, float64."""
    values = columns[name]
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return values[rows].astype(np.float64)
    return np.array([_number(file, name, at, values[at]) for at in rows.tolist()], dtype=np.float64)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _boxes(file: Path, columns: Columns, stated: Mapping[str, Any]) -> Evidence:
    lacking = [n for n in (*CORNERS, "score") if n not in columns]
    if lacking:
        raise DataError(f"'{file}' has labels and lacks {', '.join(lacking)}; a box is label, x1, y1, x2, y2, score.")
    images = _images(file, columns)
    count = len(images.refs)
    labels = np.array(["" if v is None else str(v).strip() for v in columns["label"]], dtype=object)
    boxed = labels != ""
    held = np.bincount(images.of[boxed], minlength=count)
    mixed = (held > 0) & (np.bincount(images.of[~boxed], minlength=count) > 0)
    if mixed.any():
        some, first = int(mixed.sum()), images.refs[int(mixed.argmax())]
        raise DataError(f"'{file}': {some} images have boxes and a row that says none, the first is {first}.")
    order = np.argsort(images.of, kind="stable")
    order = order[boxed[order]]
    values = np.stack([_numbers(file, columns, n, order) for n in (*CORNERS, "score")], axis=1)
    twins = pd.DataFrame(values).assign(of=images.of[order], label=labels[order]).duplicated()
    if twins.any():  # a detector gives no box twice: it was copied
        twice = np.unique(images.of[order][twins])
        raise DataError(f"'{file}': {len(twice)} images have a box twice, the first is {images.refs[twice[0]]}.")
    found = Boxes(
        file, images.refs, values[:, :4], values[:, 4], labels[order].tolist(), bounds_of(held.tolist()),
        _attributes(columns, order.tolist()), _readable(columns, images),
    )  # fmt: skip
    return found.evidence(stated)


def _attributes(columns: Columns, rows: Sequence[int]) -> list[Mapping[str, str]] | None:
    told = [n for n in columns if n.startswith("attribute:") or n in ("colour", "color")]
    if not told:
        return None
    names = {n: "colour" if n in ("colour", "color") else n.removeprefix("attribute:") for n in told}
    return [{names[n]: str(columns[n][at]) for n in told if columns[n][at] not in ("", None)} for at in rows]


def _readable(columns: Columns, images: _Images) -> list[bool] | None:
    """Whether the detector could make something of an image: no row of it says otherwise."""
    if "readable" not in columns:
        return None
    unread = np.array([str(v).casefold() in ("false", "0") for v in columns["readable"]])
    return (np.bincount(images.of[unread], minlength=len(images.refs)) == 0).tolist()


def _answers(file: Path, columns: Columns, stated: Mapping[str, Any]) -> Evidence:
    if "t2i_model" in columns:
        _single(file, columns, "t2i_model")
    images = _images(file, columns)
    words: Sequence[Any] = columns.get("question", ())
    ids: Sequence[Any] = columns.get("question_id", words)
    found = []
    for ref, some in zip(images.refs, images.rows(), strict=True):
        told = Told()
        for at in some.tolist():
            name = str(ids[at]).strip()
            if name in told.ids:
                raise DataError(f"'{file}', row {at + 1}: question '{name}' of image {ref} is answered twice.")
            told.ids[name] = "" if columns["answer"][at] is None else str(columns["answer"][at]).strip()
            if len(words):
                told.words[normalised(str(words[at]))] = told.ids[name]
            sure = columns["probability"][at] if "probability" in columns else ""
            if sure not in ("", None):
                told.probabilities[name] = _number(file, "probability", at, sure)
                if not 0 <= told.probabilities[name] <= 1:
                    raise DataError(f"'{file}', row {at + 1}: probability is {sure}; it lies in 0 to 1.")
        found.append(told)
    return as_evidence(file, images.refs, found, stated)


def _features(file: Path, columns: Columns, stated: Mapping[str, Any], name: str) -> Evidence:
    values = np.asarray(columns[name])
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"'{file}': {name} must be a list of numbers in each row.")
    from bench.formats.evidence_arrays import evidence_of

    rest = {n: c for n, c in columns.items() if n not in ("features", "logits", "text")}
    texts = [("" if v is None else str(v)) for v in columns.get("text", [""] * len(values))]
    images = [at for at, text in enumerate(texts) if not text]
    refs = _images(file, {n: [c[at] for at in images] for n, c in rest.items()}).refs if images else []
    spoken = {text: values[at] for at, text in enumerate(texts) if text}
    return evidence_of(file, name, refs, values[images], spoken, stated)
