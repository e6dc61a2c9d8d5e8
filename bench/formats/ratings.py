"""Tables of ratings by people, with metrics' scores beside them: CSV, TSV, JSON (a list or a mapping of records), JSON
lines or Parquet, as one data frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import DataError, did_you_mean
from bench.formats.tables import read_table
from bench.formats.textfiles import read_bytes, read_text

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def read_ratings(path: str | Path) -> pd.DataFrame:
    """One row an item; DataError when the file is none of these or holds no records. Column names are kept (in CSV and
    TSV they are lower case with underscores)."""
    kind = Path(path).suffix.casefold()
    if kind not in ENDINGS:
        raise DataError(f"'{path}' is no table of ratings; give a file that ends in {', '.join(ENDINGS)}.")
    if kind == ".parquet":
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            raise DataError(f"'{path}' cannot be read as Parquet: {str(error).rstrip('.')}.") from None
    if not read_bytes(path).strip():
        raise DataError(f"'{path}' is empty; a table of ratings has a row for each rated image.")
    if kind in (".csv", ".tsv"):
        columns, rows = read_table(path)
        return pd.DataFrame([cells for _, cells in rows], columns=columns)
    return _records(path, kind)


def _records(path: str | Path, kind: str) -> pd.DataFrame:
    text = read_text(path)
    try:
        found: Any = [json.loads(line) for line in text.splitlines() if line.strip()] if kind == ".jsonl" else None
        found = json.loads(text) if found is None else found
    except json.JSONDecodeError as error:
        raise DataError(f"'{path}' is no valid JSON: {error}.") from None
    if isinstance(found, dict):
        found = [{"id": key, **row} if isinstance(row, dict) else row for key, row in found.items()]
    if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
        raise DataError(f"'{path}' must hold a list or a mapping of records, each with the same fields.")
    return pd.DataFrame(found)


def numbers(table: pd.DataFrame, column: str, path: str | Path) -> pd.Series:
    """A column as float64, empty cells as NaN; DataError naming the first cell that is no number."""
    given = table[need(table, column, path)].replace("", None)
    found = pd.to_numeric(given, errors="coerce")
    bad = found.isna() & given.notna()
    if bad.any():
        raise DataError(
            f"'{path}', column {column}: '{given[bad].iloc[0]}' in row {int(bad.argmax()) + 1} is no number."
        )
    return found.astype(float)


def need(table: pd.DataFrame, column: str, path: str | Path) -> str:
    """The column's name, or DataError with the nearest names."""
    if column not in table.columns:
        raise DataError(f"'{path}' has no column '{column}'.{did_you_mean(column, map(str, table.columns))}")
    return column
