"""CSV, TSV and Parquet of recorded evidence: one schema for boxes, answers and features (docs/recorded-evidence.md).

Which image: `sample` (and `k`, `frame`), or `image` (its file), or `digest` (sha256 of the decoded pixels).
Boxes: `label, x1, y1, x2, y2, score`, a row a box; an empty label says that the image was looked at and nothing found.
Answers: `question` (its id, or its words), `answer`, and `probability` of the right answer, a row a question; DSG's
columns `item_id, question_id` are read too. Features: `features`, a list a row (Parquet). `by` and `threshold` state
who computed them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import DataError
from bench.formats.evidence import Evidence, Ref
from bench.formats.evidence_boxes import Boxes, bounds_of
from bench.formats.evidence_told import Told, as_evidence
from bench.formats.tables import read_table
from bench.types import normalised

SAMPLES = ("sample", "sample_id", "item_id")
IMAGES = ("image", "file", "file_name", "filename", "image_path")
CORNERS = ("x1", "y1", "x2", "y2")
_STATED = ("by", "threshold")

Columns = dict[str, Sequence[Any]]


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
    told = json.loads((table.schema.metadata or {}).get(b"evidence", b"{}"))
    columns: Columns = {}
    for name in table.column_names:
        column = table.column(name)
        nested = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
        columns[name] = _nested(file, name, column) if nested else column.to_pylist()
    return columns, dict(told)


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


def _refs(file: Path, columns: Columns) -> list[Ref]:
    """The image of each row."""
    sample = next((columns[n] for n in SAMPLES if n in columns), None)
    image = next((columns[n] for n in IMAGES if n in columns), None)
    digest = columns.get("digest")
    if sample is None and image is None and digest is None:
        raise DataError(f"'{file}' does not say which image a row is of; add sample (and k), image or digest.")
    count = len(next(iter(columns.values())))

    def texts(given: Sequence[Any] | None) -> list[str]:
        return [""] * count if given is None else ["" if v is None else str(v).strip() for v in given]

    k, frame, width, height = (_whole(file, columns, name, count) for name in ("k", "frame", "width", "height"))
    found = [
        Ref(s, a, f, i.replace("\\", "/"), d, "", (w, h))
        for s, a, f, i, d, w, h in zip(
            texts(sample), k, frame, texts(image), texts(digest), width, height, strict=True
        )
    ]  # fmt: skip
    if (blank := next((at for at, r in enumerate(found) if not (r.sample or r.file or r.digest)), None)) is not None:
        raise DataError(f"'{file}', row {blank + 1}: neither sample nor image nor digest is given.")
    return found


def _whole(file: Path, columns: Columns, name: str, count: int) -> list[int]:
    if name not in columns:
        return [0] * count
    found = []
    for at, value in enumerate(columns[name]):
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


def _grouped(refs: Sequence[Ref]) -> tuple[list[Ref], list[list[int]]]:
    """Images in the order in which they are first met, and the rows of each."""
    rows: dict[Ref, list[int]] = {}
    for at, ref in enumerate(refs):
        rows.setdefault(ref, []).append(at)
    return list(rows), list(rows.values())


# ---- rows ------------------------------------------------------------------------------------------------------------


def _boxes(file: Path, columns: Columns, stated: Mapping[str, Any]) -> Evidence:
    lacking = [n for n in (*CORNERS, "score") if n not in columns]
    if lacking:
        raise DataError(f"'{file}' has labels and lacks {', '.join(lacking)}; a box is label, x1, y1, x2, y2, score.")
    refs, rows = _grouped(_refs(file, columns))
    labels = ["" if v is None else str(v).strip() for v in columns["label"]]
    kept = [[at for at in some if labels[at]] for some in rows]
    mixed = [ref for ref, some, of in zip(refs, rows, kept, strict=True) if of and len(of) < len(some)]
    if mixed:
        raise DataError(f"'{file}': {len(mixed)} images have boxes and a row that says none, the first is {mixed[0]}.")
    order = [at for some in kept for at in some]
    values = np.array(
        [[_number(file, n, at, columns[n][at]) for n in (*CORNERS, "score")] for at in order], dtype=np.float64
    ).reshape(-1, 5)
    told = [n for n in columns if n.startswith("attribute:") or n in ("colour", "color")]
    names = {n: "colour" if n in ("colour", "color") else n.removeprefix("attribute:") for n in told}
    attributes = [{names[n]: str(columns[n][at]) for n in told if columns[n][at] not in ("", None)} for at in order]
    _no_twins(file, refs, kept, labels, values)
    seen = columns.get("readable")
    readable = None if seen is None else [str(seen[some[0]]).casefold() not in ("false", "0") for some in rows]
    found = Boxes(
        file, refs, values[:, :4], values[:, 4], [labels[at] for at in order], bounds_of([len(k) for k in kept]),
        attributes if told else None, readable,
    )  # fmt: skip
    return found.evidence(stated)


def _no_twins(
    file: Path, refs: Sequence[Ref], kept: Sequence[Sequence[int]], labels: Sequence[str], values: np.ndarray
) -> None:
    """A detector gives no box twice: a row that is there twice was copied."""
    at, twice = 0, []
    for ref, some in zip(refs, kept, strict=True):
        these = [(labels[row], *map(float, values[at + i])) for i, row in enumerate(some)]
        if len(set(these)) < len(these):
            twice.append(ref)
        at += len(some)
    if twice:
        raise DataError(f"'{file}': {len(twice)} images have a box twice, the first is {twice[0]}; keep one of them.")


def _answers(file: Path, columns: Columns, stated: Mapping[str, Any]) -> Evidence:
    if "t2i_model" in columns:
        _single(file, columns, "t2i_model")
    refs, rows = _grouped(_refs(file, columns))
    ids, words = columns.get("question_id", ()), columns.get("question", ())
    found = []
    for ref, some in zip(refs, rows, strict=True):
        told = Told()
        for at in some:
            name = str(ids[at]).strip() if ids else str(words[at]).strip()
            if name in told.ids:
                raise DataError(f"'{file}', row {at + 1}: question '{name}' of image {ref} is answered twice.")
            told.ids[name] = "" if columns["answer"][at] is None else str(columns["answer"][at]).strip()
            if words:
                told.words[normalised(str(words[at]))] = told.ids[name]
            sure = columns["probability"][at] if "probability" in columns else ""
            if sure not in ("", None):
                told.probabilities[name] = _number(file, "probability", at, sure)
                if not 0 <= told.probabilities[name] <= 1:
                    raise DataError(f"'{file}', row {at + 1}: probability is {sure}; it lies in 0 to 1.")
        found.append(told)
    return as_evidence(file, refs, found, stated)


def _features(file: Path, columns: Columns, stated: Mapping[str, Any], name: str) -> Evidence:
    values = np.asarray(columns[name])
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"'{file}': {name} must be a list of numbers in each row.")
    from bench.formats.evidence_arrays import evidence_of

    rest = {n: c for n, c in columns.items() if n not in ("features", "logits", "text")}
    texts = [("" if v is None else str(v)) for v in columns.get("text", [""] * len(values))]
    images = [at for at, text in enumerate(texts) if not text]
    refs = _refs(file, {n: [c[at] for at in images] for n, c in rest.items()}) if images else []
    spoken = {text: values[at] for at, text in enumerate(texts) if text}
    return evidence_of(file, name, refs, values[images], spoken, stated)
