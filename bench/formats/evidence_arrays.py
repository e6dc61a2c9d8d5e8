"""Features, logits and similarities that other tools computed: .npz, .npy, safetensors.

.npz: `ids` (n,) texts that name the images ('sample#k', 'sample_k', a sample's id, a file), `features` (n, d) or
`logits` (n, c); for metrics of image and text also `texts` (m,) and `text_features` (m, d). Instead of features,
`similarity` (n, m) of ids and texts. .npy: features in the order of `<name>.ids.txt` beside it, an id a line.
safetensors: tensors of these names; its metadata hold ids and texts as JSON lists, and `by`, each under its own name or
together as an object under `evidence`, as exports have them. Nothing is unpickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import DataError
from bench.formats.evidence import Evidence, Ref, stated_in
from bench.formats.textfiles import lines, read_text

OUTPUTS = ("features", "logits")


def read(file: Path) -> list[Evidence]:
    """One evidence for each of features and logits that the file has."""
    kind = file.suffix.casefold()
    arrays = _npz(file) if kind == ".npz" else _npy(file) if kind == ".npy" else _safetensors(file)
    stated = {"by": str(arrays["by"])} if "by" in arrays and str(arrays["by"]) else {}
    if "similarity" in arrays:
        return [_similarity(file, arrays, stated)]
    names = [n for n in OUTPUTS if n in arrays]
    if not names:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(f"'{file}' holds {held}; it needs ids, and features or logits.")
    refs = [ref_of(text) for text in _texts(file, arrays, "ids")]
    spoken = _spoken(file, arrays)
    texts = {"features": spoken}
    return [evidence_of(file, n, refs, _matrix(file, arrays, n), texts.get(n, {}), stated) for n in names]


def ref_of(text: str) -> Ref:
    """'sample#k' and 'sample#k#frame' of our own exports, else a name that is looked for as file and as id."""
    parts = text.rsplit("#", 2)
    if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():
        return Ref(parts[0], int(parts[1]), int(parts[2]))
    sample, mark, k = text.rpartition("#")
    if mark and k.isdecimal():
        return Ref(sample, int(k))
    return Ref(file=text, id=text)


def evidence_of(
    file: Path, output: str, refs: Sequence[Ref], values: np.ndarray, texts: Mapping[str, np.ndarray],
    stated: Mapping[str, Any], caveat: str = "",
) -> Evidence:  # fmt: skip
    """Rows (n, d) as evidence: finite, one a reference."""
    if len(values) != len(refs):
        raise DataError(f"'{file}': {len(values)} rows of {output} and {len(refs)} ids; there must be one id a row.")
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        first = refs[int(bad.argmax())]
        raise DataError(f"'{file}': {int(bad.sum())} rows of {output} hold NaN or infinities, the first is {first}.")
    odd = [text for text, row in texts.items() if row.shape != values.shape[1:] or not np.isfinite(row).all()]
    if odd:
        raise DataError(f"'{file}': features of {len(odd)} texts have another size or are not finite ('{odd[0]}').")
    return Evidence(file, "", output, refs, lambda i: values[i], dict(stated), texts, caveat=caveat)


def _similarity(file: Path, arrays: Mapping[str, Any], stated: Mapping[str, Any]) -> Evidence:
    """Vectors whose cosine is similarity / c with one c for all: ranks and retrieval are those of the matrix."""
    values = _matrix(file, arrays, "similarity").astype(np.float64)
    refs, texts = [ref_of(t) for t in _texts(file, arrays, "ids")], _texts(file, arrays, "texts")
    if values.shape != (len(refs), len(texts)):
        raise DataError(f"'{file}': similarity is {values.shape} for {len(refs)} ids and {len(texts)} texts.")
    if not np.isfinite(values).all():
        raise DataError(f"'{file}': similarity holds NaN or infinities.")
    lengths = np.sqrt((values**2).sum(axis=1))
    rest = np.sqrt(np.maximum(lengths.max(initial=0.0) ** 2 - lengths**2, 0))
    rows = np.concatenate([values, rest[:, None]], axis=1)
    axes = np.eye(len(texts), len(texts) + 1)
    spoken = {text: axes[i] for i, text in enumerate(texts)}
    return evidence_of(
        file, "features", refs, rows, spoken, stated,
        "from a similarity matrix, scaled by one factor: ranks hold, means of cosines do not",
    )  # fmt: skip


def _matrix(file: Path, arrays: Mapping[str, Any], name: str) -> np.ndarray:
    found = np.asarray(arrays[name])
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.floating):
        raise DataError(f"'{file}': {name} is {found.dtype} {found.shape}; it must be floats (n, d).")
    return found


def _texts(file: Path, arrays: Mapping[str, Any], name: str) -> list[str]:
    found = np.asarray(arrays.get(name, ()))
    if found.ndim != 1 or (found.size and found.dtype.kind not in "USi"):
        raise DataError(f"'{file}': {name} must be a list of texts.")
    if name == "ids" and not found.size:
        where = ": a JSON list under 'ids' in its metadata" if file.suffix.casefold() == ".safetensors" else ""
        raise DataError(f"'{file}' has no ids, which say which image a row is of{where}.")
    return [t.decode() if isinstance(t, bytes) else str(t) for t in found.tolist()]


def _spoken(file: Path, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    if "text_features" not in arrays:
        return {}
    texts, values = _texts(file, arrays, "texts"), _matrix(file, arrays, "text_features")
    if len(texts) != len(values):
        raise DataError(f"'{file}': {len(values)} rows of text_features and {len(texts)} texts.")
    return dict(zip(texts, values, strict=True))


def _npz(file: Path) -> dict[str, Any]:
    if not zipfile.is_zipfile(file):  # numpy would take it for a pickle
        raise DataError(f"'{file}' is truncated or no array file (.npz is a zip).")
    try:
        with np.load(file, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise DataError(_broken(file, error)) from None


def _npy(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            values = np.lib.format.read_array(stream, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(_broken(file, error)) from None
    beside = file.with_name(file.stem + ".ids.txt")
    if not beside.is_file():
        raise DataError(f"'{file}' has no ids; write them into '{beside.name}' beside it, one a line.")
    return {"features": values, "ids": np.array(lines(read_text(beside)))}


def _broken(file: Path, error: Exception) -> str:
    if "pickle" in str(error).casefold():
        return f"'{file}' holds Python objects, which are not unpickled; save plain arrays."
    return f"'{file}' is truncated or no array file ({str(error).splitlines()[0].rstrip('.')})."


def _safetensors(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="numpy") as held:
            about = _metadata(file, held.metadata() or {})
            found: dict[str, Any] = {name: held.get_tensor(name) for name in held.keys()}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise DataError(_broken(file, error)) from None
    return {**found, **{n: np.array(v) for n, v in about.items() if n in ("ids", "texts", "by")}}


def _metadata(file: Path, told: Mapping[str, str]) -> dict[str, Any]:
    """ids, texts and by, as exports write them or each for itself."""
    single: dict[str, Any] = {"by": told["by"]} if "by" in told else {}
    for name in ("ids", "texts"):
        if name in told:
            single[name] = stated_in(file, f'{{"{name}": {told[name]}}}', name)[name]
    return {**single, **stated_in(file, told.get("evidence", "{}"))}
