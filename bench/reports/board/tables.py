"""The samples tables of many runs: only the columns that a board needs, read side by side, with their rows aligned.

Runs of one prompt list have the same rows; most have them in the same order, which is checked without making Python
objects of the ids. A table that does not hold what its prompt list declares is told apart from one that does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

KEYS = ("sample", "k", "group")
_THREADS = 4


@dataclass(frozen=True)
class Table:
    """What was read of a run."""

    keys: pa.Table
    columns: Mapping[str, np.ndarray]
    """Stored name -> (n,) numbers, or texts for tags."""


@dataclass(frozen=True)
class Shelf:
    """The tables of one data set, all in the order of rows of the first."""

    groups: np.ndarray
    """(n,) whole numbers of the resampling units, in the order of their labels."""
    tables: Mapping[str, Mapping[str, np.ndarray]]
    """Run digest -> stored name -> (n,) column."""
    lost: Mapping[str, str]
    """Run digest -> why its table cannot be used."""


def shelf(paths: Mapping[str, str], wanted: Mapping[str, Sequence[str]], rows: Mapping[str, int]) -> Shelf:
    """Read the tables of one data set's runs.

    paths: run digest -> folder; wanted: run digest -> stored names; rows: run digest -> declared rows.
    """
    marks = sorted(paths)
    with ThreadPoolExecutor(_THREADS) as pool:
        read = list(pool.map(lambda m: _read(Path(paths[m]) / "samples.parquet", wanted[m], rows[m]), marks))
    found = {m: t for m, t in zip(marks, read, strict=True) if isinstance(t, Table)}
    lost = {m: t for m, t in zip(marks, read, strict=True) if isinstance(t, str)}
    if not found:
        return Shelf(np.empty(0, dtype=int), {}, lost)
    kinds = _kinds({m: t.keys for m, t in found.items()})
    usual = _usual(kinds)
    first = found[min(m for m, kind in kinds.items() if kind == usual)].keys
    tables: dict[str, Mapping[str, np.ndarray]] = {}
    orders: dict[int, np.ndarray | None] = {}
    for mark, table in found.items():
        if kinds[mark] not in orders:
            orders[kinds[mark]] = _order(first, table.keys)
        order = orders[kinds[mark]]
        if order is None:
            lost[mark] = "its table of samples does not hold the rows that the other runs of this prompt list have"
        else:
            tables[mark] = table.columns if kinds[mark] == usual else {n: c[order] for n, c in table.columns.items()}
    groups = pd.factorize(np.asarray(first["group"].to_pandas()), sort=True)[0]
    return Shelf(np.asarray(groups), tables, lost)


def _read(file: Path, names: Sequence[str], rows: int) -> Table | str:
    """The table, or why there is none."""
    try:
        with pq.ParquetFile(file, memory_map=True) as source:
            if source.metadata.num_rows != rows:
                return f"its table has {source.metadata.num_rows} rows and {rows} images were asked for"
            schema = source.schema_arrow
            kept = [n for n in dict.fromkeys([*KEYS, *names]) if n in schema.names]
            absent = [n for n in KEYS if n not in kept]
            if absent:
                return f"its table of samples has no column '{absent[0]}'"
            data = source.read(columns=kept, use_threads=False)
            return Table(_keys(data), {n: _column(data[n]) for n in kept if n not in KEYS})
    except FileNotFoundError:
        return "its samples.parquet is missing"
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        return f"its samples.parquet cannot be read ({str(error).splitlines()[0][:200] if str(error) else 'damaged'})"


def _keys(data: pa.Table) -> pa.Table:
    table = data.select(list(KEYS)).cast(pa.schema({"sample": pa.string(), "k": pa.int64(), "group": pa.string()}))
    return table.combine_chunks()


def _column(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers as float64 with NaN for what is absent; other things as texts."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.asarray(column.cast(pa.string()).to_pandas().fillna(""), dtype=object)


def _kinds(keys: Mapping[str, pa.Table]) -> dict[str, int]:
    """Run -> number of its kind of keys; equal keys have equal numbers."""
    seen: list[pa.Table] = []
    found = {}
    for mark in sorted(keys):
        at = next((i for i, known in enumerate(seen) if known.equals(keys[mark])), len(seen))
        if at == len(seen):
            seen.append(keys[mark])
        found[mark] = at
    return found


def _usual(kinds: Mapping[str, int]) -> int:
    """The commonest kind; among equals the one of the first run."""
    votes = Counter(kinds.values())
    return max(votes, key=lambda kind: (votes[kind], -kind))


def _order(first: pa.Table, other: pa.Table) -> np.ndarray | None:
    """Rows of `other` in the order of `first`; None where they are not the same rows in the same groups."""
    if first.equals(other):
        return np.arange(len(first))
    left, right = (pd.MultiIndex.from_arrays([t["sample"].to_pandas(), t["k"].to_pandas()]) for t in (first, other))
    if len(left) != len(right) or not right.is_unique or not left.is_unique:
        return None
    at = right.get_indexer(left)
    same: Any = other["group"].to_pandas().to_numpy()[at] == first["group"].to_pandas().to_numpy()
    return np.asarray(at) if (at >= 0).all() and bool(np.all(same)) else None
