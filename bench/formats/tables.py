"""CSV and TSV tables as rows of named cells, read strictly.

TSV files of the field (PartiPrompts) are written without quoting, so a quotation mark there is a character; CSV files
quote. A row longer than the header is an error, because in practice it is a prompt with an unquoted comma.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from bench.errors import DataError
from bench.formats.textfiles import read_text


def column_name(text: str) -> str:
    """A column name as it is compared: lower case, underscores for spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", text.strip().casefold())


def read_table(path: str | Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """(columns, [(line, {column: cell})]); columns are lower case. Cells that a short row lacks are empty."""
    text = read_text(path)
    rows = _rows(text, path)
    header = [column_name(cell) for cell in rows[0][1]]
    if len(set(header)) != len(header):
        raise DataError(f"'{path}' has a column twice in its header ({', '.join(header)}); rename one.")
    return header, [(line, _cells(header, row, f"'{path}', line {line}")) for line, row in rows[1:]]


def _rows(text: str, path: str | Path) -> list[tuple[int, list[str]]]:
    tab = str(path).casefold().endswith(".tsv")
    # newline="" keeps line ends inside quoted cells; bare CR files would otherwise not be split
    stream = io.StringIO(text if "\n" in text else text.replace("\r", "\n"), newline="")
    options: dict[str, object] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tab else {"delimiter": _mark(text)}
    before = csv.field_size_limit(len(text))  # a cell may be as long as the file; the limit is the process's own
    reader = csv.reader(stream, strict=not tab, **options)  # type: ignore[arg-type]
    found: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            found.append((reader.line_num, row))
    except csv.Error as error:
        raise DataError(f"'{path}', line {reader.line_num}: {error}; check the quotation marks.") from None
    finally:
        csv.field_size_limit(before)
    while found and not any(cell.strip() for cell in found[-1][1]):
        found.pop()
    if not found:
        raise DataError(f"'{path}' holds empty cells only; it must have a header and rows.")
    return found


def _mark(text: str) -> str:
    """',' unless the header holds only semicolons (spreadsheets in many countries) or tabs."""
    header = text.split("\n", 1)[0]
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _cells(header: list[str], row: list[str], where: str) -> dict[str, str]:
    if len(row) > len(header):
        raise DataError(
            f"{where}: {len(row)} cells under {len(header)} columns; put cells that contain the separator in quotes "
            "(or use a .txt file with one prompt a line)."
        )
    return dict(zip(header, row + [""] * (len(header) - len(row)), strict=True))
