"""Views on disk: what an extractor said of a shard's images (or of a list of texts), one safetensors file a shard.

A file holds the row keys, the digest of what each row was made from (decoded pixels or text, with the query) and one
tensor for each numeric output; detections, answers and texts travel as JSON in a byte tensor of the same file, so that
a view of a shard is one file, whole or absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from bench.errors import StoreError
from bench.spec import digest
from bench.store import write_atomic
from bench.types import Answers, Detections

TENSORS = ("features", "logits", "map")
"""Outputs kept as tensors; the others are objects."""


@dataclass(frozen=True)
class Rows:
    """Rows of one extractor in one file."""

    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    """Digest of what each row was made from."""
    outputs: Mapping[str, Any]
    """Output -> tensor (n, ...) or list of length n."""


def extractor_key(extractor: Any, dtype: str) -> str:
    """16 digits over weights, preprocessing, dtype and code version: with an input digest they name a view row."""
    return digest(extractor_protocol(extractor, dtype))[:16]


def extractor_protocol(extractor: Any, dtype: str) -> dict[str, Any]:
    """What of an extractor changes its numbers, as protocols record it."""
    name = getattr(extractor, "plugin_name", type(extractor).__name__)
    return {"name": name, "version": extractor.version, "dtype": dtype, **extractor.identity()}


def stated_protocol(extractor: Any, dtype: str) -> dict[str, Any]:
    """As `extractor_protocol`, for the protocol of scores: evidence of one detector is of one protocol, whichever file
    holds it."""
    known = extractor_protocol(extractor, dtype)
    return {**{k: known[k] for k in ("name", "version", "dtype")}, **extractor.protocol()}


def write(path: Path, rows: Rows, **points: str) -> None:
    """One view file, atomically."""
    tensors = {name: _stored(name, value) for name, value in rows.outputs.items()}
    about = {"keys": rows.keys, "inputs": rows.inputs, "outputs": [*rows.outputs]}
    # one entry only: safetensors writes several in no fixed order, and equal views should be equal files
    write_atomic(path, save(tensors, {"rows": json.dumps(about)}), **points)


def _stored(name: str, value: Any) -> torch.Tensor:
    if name in TENSORS:
        return value.contiguous()
    text = json.dumps([_plain(row) for row in value], ensure_ascii=False)
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def read(path: Path) -> Rows:
    """All rows of a file; StoreError when it is damaged."""
    try:
        with safe_open(str(path), framework="pt") as file:
            about = json.loads(file.metadata()["rows"])
            outputs = {name: _loaded(name, file.get_tensor(name)) for name in about["outputs"]}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); delete it and repeat the command to make it again.") from error
    return Rows(tuple(about["keys"]), tuple(about["inputs"]), outputs)


def read_inputs(path: Path) -> tuple[str, ...]:
    """The input digests of a file without its tensors."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return tuple(json.loads(file.metadata()["rows"])["inputs"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); delete it and repeat the command to make it again.") from error


def whole(path: Path) -> bool:
    """Whether a view file is there and not damaged (as far as its header and length tell)."""
    try:
        return path.is_file() and bool(read_inputs(path))
    except StoreError:
        return False


def _loaded(name: str, tensor: torch.Tensor) -> Any:
    if name in TENSORS:
        return tensor
    return [_object(name, row) for row in json.loads(bytes(tensor.numpy()).decode())]


# ---- objects as JSON -----------------------------------------------------------------------------------------------


def _plain(row: Any) -> Any:
    if isinstance(row, Detections):
        return {
            "boxes": np.asarray(row.boxes, dtype=np.float64).reshape(-1, 4).tolist(),
            "labels": list(row.labels),
            "scores": np.asarray(row.scores, dtype=np.float64).tolist(),
            "attributes": [dict(a) for a in row.attributes],
            "size": list(row.size),
            "readable": row.readable,
            **({"masks": [_runs(m) for m in row.masks]} if row.masks else {}),
        }
    if isinstance(row, Answers):
        return {"texts": dict(row.texts), "probabilities": dict(row.probabilities)}
    return row


def _runs(mask: np.ndarray) -> dict[str, Any]:
    """A mask as the lengths of its runs in reading order, outside first."""
    flat = np.concatenate([[False], np.asarray(mask, dtype=bool).reshape(-1)])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return {"shape": list(mask.shape), "runs": np.diff(np.concatenate([[0], edges, [mask.size]])).tolist()}


def _mask(row: Mapping[str, Any]) -> np.ndarray:
    runs = np.asarray(row["runs"], dtype=np.int64)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(row["shape"])


def _object(name: str, row: Any) -> Any:
    if row is None:  # of an absent row
        return None
    if name == "detections":
        return Detections(
            np.asarray(row["boxes"], dtype=np.float64).reshape(-1, 4), tuple(row["labels"]),
            np.asarray(row["scores"], dtype=np.float64), tuple(row["attributes"]), (row["size"][0], row["size"][1]),
            row["readable"], tuple(_mask(m) for m in row.get("masks", ())),
        )  # fmt: skip
    if name == "answers":
        return Answers(row["texts"], row["probabilities"])
    return row


# ---- joining -------------------------------------------------------------------------------------------------------


def take(rows: Rows, index: int) -> dict[str, Any]:
    """One row: output -> (1, ...) tensor or object."""
    return {name: value[index] for name, value in rows.outputs.items()}


def stack(taken: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows made by `take` or an extractor, back to output -> tensor (n, ...) or list."""
    if not taken:
        return {}
    return {
        name: torch.stack([t[name] for t in taken]) if name in TENSORS else [t[name] for t in taken]
        for name in taken[0]
    }
