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
    quoted = [line for line, row in rows if _tabbed(path) and any(wrapped(cell) for cell in row)]
    if quoted:
        raise DataError(
            f"'{path}', line {quoted[0]}: a cell is quoted as in CSV{others(len(quoted))}, and a .tsv has no quoting: "
            "a spreadsheet has rewritten it; get the original, or save it as .csv."
        )
    long = [line for line, row in rows[1:] if len(row) > len(header)]
    if long:
        cells = len(next(row for line, row in rows if line == long[0]))
        raise DataError(
            f"'{path}', line {long[0]}: {cells} cells under {len(header)} columns{others(len(long))}; put cells that "
            "contain the separator in quotes (or use a .txt file with one prompt a line)."
        )
    return header, [(line, _cells(header, row)) for line, row in rows[1:]]


def _rows(text: str, path: str | Path) -> list[tuple[int, list[str]]]:
    tab = _tabbed(path)
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


def _cells(header: list[str], row: list[str]) -> dict[str, str]:
    return dict(zip(header, row + [""] * (len(header) - len(row)), strict=True))


def _tabbed(path: str | Path) -> bool:
    return str(path).casefold().endswith(".tsv")


def wrapped(cell: str) -> bool:
    """Whether a cell is quoted as CSV does it: in quotation marks, with each one inside doubled."""
    inner = cell.strip()[1:-1]
    return len(cell.strip()) > 2 and cell.strip()[0] == cell.strip()[-1] == '"' and (
        '""' in inner and '"' not in inner.replace('""', ""))  # fmt: skip


def others(count: int) -> str:
    """How many more lines have the defect of the first one."""
    return f" (and {count - 1} more lines)" if count > 1 else ""
