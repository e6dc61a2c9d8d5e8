"""Text, JSON and JSON-lines files read strictly: encodings detected or refused, errors with their line.

UTF-8 (with or without BOM) and UTF-16 with BOM are read; anything else is refused rather than guessed at, because a
wrong guess changes prompts silently. Lines end at LF, CRLF or CR alone: str.splitlines would also cut at form feeds and
U+2028.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import DataError

_LINE_END = re.compile(r"\r\n|\n|\r")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_bytes(path: str | Path) -> bytes:
    """The file's bytes, or a DataError that says why not."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"The file '{os.fspath(path)}' does not exist.") from None
    except IsADirectoryError:
        raise DataError(f"'{os.fspath(path)}' is a folder; give a file.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"'{os.fspath(path)}' cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def read_text(path: str | Path) -> str:
    """The whole text without BOM. Raises DataError for an empty file, a NUL byte or bytes that are no UTF-8."""
    return decoded(read_bytes(path), path)


def decoded(data: bytes, path: str | Path) -> str:
    """As `read_text`, of bytes that were read from `path`."""
    try:
        text = data.decode("utf-16") if data.startswith(_UTF16) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"'{path}', line {line}: the byte 0x{data[error.start]:02x} is no UTF-8 text; save the file as UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"'{path}', line {line}: a NUL byte; this is no text file (or UTF-16 without its BOM).")
    if not text.strip():
        raise DataError(f"'{path}' is empty; it must hold at least one prompt.")
    return text


def lines(text: str) -> list[str]:
    """Lines without their ends; blank lines at the end of the text are dropped."""
    found = _LINE_END.split(text)
    while found and not found[-1].strip():
        found.pop()
    return found


def read_json(path: str | Path) -> Any:
    """One JSON value; an object that has a key twice is refused, because one of its values would be lost."""
    return parse_json(read_text(path), f"'{path}'")


def read_jsonl(path: str | Path) -> Iterator[tuple[int, Any]]:
    """(line from 1, value) of a JSON-lines file. A blank line in the middle is an error."""
    yield from parse_jsonl(read_text(path), path)


def parse_jsonl(text: str, path: str | Path) -> Iterator[tuple[int, Any]]:
    """As `read_jsonl`, of a text that was read from `path`."""
    for number, line in enumerate(lines(text), 1):
        if not line.strip():
            raise DataError(f"'{path}', line {number}: an empty line; remove it.")
        yield number, parse_json(line, f"'{path}', line {number}")


def parse_json(text: str, where: str) -> Any:
    """The value of a JSON text; `where` begins the sentence of an error."""
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, where))
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise DataError(f"{where} is nested too deeply to be read.") from None
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise DataError(f"{where} holds {half}, half of a character; write both halves or the character.") from None
    except ValueError:  # Python reads whole numbers of a few thousand digits at most
        raise DataError(f"{where} holds a number of too many digits; give it as a text in quotes.") from None


def kind_of(value: Any) -> str:
    """What a JSON value is, in words of people: 'a number', 'a list', ..."""
    named = {bool: "true or false", str: "a text", list: "a list", dict: "an object", type(None): "null"}
    return named.get(type(value), "a number")


def _unique(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DataError(f"{where} has the key '{twice}' twice in one object; keep one of them.")
    return found
