"""A data set's folder being read: files found by what the layout expects, texts split, tables checked, defects counted.

Readers of layouts speak to this instead of the disk, so that each defect is met, counted and told in one way. What the
layout expects, and where each file can be had, is the card's `files`.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.cards import card
from bench.errors import DataError
from bench.formats.findings import Findings
from bench.formats.pickles import Damaged, Hostile, read_pickle
from bench.formats.tables import column_name
from bench.formats.textfiles import decoded, kind_of, lines, parse_json, parse_jsonl, read_bytes

_PATH = re.compile(r"(?:\.{0,2}[/\\]|~[/\\]|[A-Za-z]:[/\\]|file:)\S+|(?:\S*[/\\])?\.\.(?:[/\\]\S*)?")
_BOM = b"\xef\xbb\xbf"
Record = TypeVar("Record", bound=msgspec.Struct)


class Reading:
    """Files below `root` (or `root` itself, where the layout is one file) and all that was found wrong with them."""

    def __init__(self, name: str, root: str | Path) -> None:
        self.name, self.root = name, Path(root).expanduser()
        self.log = Findings()
        self.found: set[Path] = set()
        """Files and folders that a reader asked for and got."""
        self._texts: dict[Path, str] = {}
        self._described = {str(one["path"]): one for one in card(name).get("files", ())}

    # ---- where files are ----

    def find(self, *candidates: str) -> Path | None:
        """The first of these relative names that exists (patterns allowed); the root itself where it is such a file."""
        if self.root.is_file():
            fits = any(Path(c).suffix == self.root.suffix for c in candidates)
            self.found.update([self.root] if fits else [])
            return self.root if fits else None
        for one in candidates:
            found = sorted(self.root.glob(one)) if any(sign in one for sign in "*?[") else [self.root / one]
            there = next((path for path in found if path.exists()), None)
            if there is not None:
                self.found.add(there)
                return there
        return None

    def need(self, *candidates: str) -> Path | None:
        """As `find`; an absent one is a finding that says what the layout expects and where to get it."""
        found = self.find(*candidates)
        if found is None:
            self.log.add("missing-file", candidates[0], self.absent(*candidates))
        return found

    def absent(self, *candidates: str) -> str:
        """The sentence about a file that is not there."""
        known = self._described.get(candidates[0], {})
        places = " or ".join(candidates)
        where = str(known.get("url") or known.get("from") or "")
        get = f"get it from {where}" if where else f"`bench show {self.name}` says where the data set comes from"
        fetch = f", or `bench data fetch {self.name} --allow-download`" if known.get("url") else ""
        return f"{self.name} expects {places} in {self.root}, which is not there: {get}{fetch}."

    def short(self, path: Path) -> str:
        """The file as the layout names it."""
        try:
            relative = path.relative_to(self.root).as_posix()
        except ValueError:
            return path.name
        return path.name if relative == "." else relative

    # ---- texts ----

    def text(self, path: Path) -> str:
        """The whole text, its defects counted once; '' when it cannot be read."""
        if path not in self._texts:
            self._texts[path] = self._text(path)
        return self._texts[path]

    def forget(self) -> None:
        """Let the texts go; what was found wrong with them stays."""
        self._texts.clear()

    def _text(self, path: Path) -> str:
        try:
            data = read_bytes(path)
            content = decoded(data, path)
        except DataError as error:
            self.log.add("unreadable", self.short(path), error.messages[0])
            return ""
        if data.startswith(_BOM):
            self.log.add("bom", self.short(path), "")
        self.log.add("crlf", self.short(path), "", data.count(b"\r\n"))
        return content

    def lines(self, path: Path) -> list[tuple[int, str]]:
        """(line from 1, text without its end and outer blanks), blank lines left out."""
        return [(n, line.strip()) for n, line in enumerate(lines(self.text(path)), 1) if line.strip()]

    def json(self, path: Path, kind: type = list) -> Any:
        """The file's value, which must be a list or an object; an empty one of the kind when it cannot be read."""
        if not self.text(path):
            return kind()
        try:
            found = parse_json(self.text(path), f"'{path}'")
        except DataError as error:
            self.log.add("unreadable", self.short(path), error.messages[0])
            return kind()
        if not isinstance(found, kind):
            wanted = "a list" if kind is list else "an object"
            self.log.add("unreadable", self.short(path), f"'{path}' holds {kind_of(found)} where {wanted} is expected.")
            return kind()
        return found

    def records(self, path: Path, key: str, kind: type[Record]) -> Iterator[tuple[int, Record]]:
        """(place, record) of the list `key` of a file that may be large: each is decoded when it is reached, and only
        the fields of `kind`. Those of another form are counted."""
        content = self.text(path)
        try:
            whole_file = msgspec.defstruct("File", [(key, list[msgspec.Raw], [])])
            raws = getattr(msgspec.json.decode(content, type=whole_file), key) if content else []
        except (msgspec.DecodeError, RecursionError) as error:  # a ValidationError is a DecodeError
            self.log.add("unreadable", self.short(path), f"'{path}' is truncated or of another form ({error}).")
            return
        if content and not raws:
            self.log.add("bad-value", self.short(path), f"the file, which has no list '{key}'")
        decoder = msgspec.json.Decoder(kind)
        for at, raw in enumerate(raws):
            try:
                yield at, decoder.decode(raw)
            except msgspec.DecodeError as error:
                self.log.add("bad-value", self.short(path), f"entry {at} ({str(error).rstrip('.')})")

    def jsonl(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        """(line, object) of a JSON-lines file."""
        if not self.text(path):
            return
        try:
            for number, value in parse_jsonl(self.text(path), path):
                if isinstance(value, dict):
                    yield number, value
                else:
                    self.log.add("bad-value", self.short(path), f"{kind_of(value)} in line {number}")
        except DataError as error:
            self.log.add("unreadable", self.short(path), error.messages[0])

    def pickle(self, path: Path) -> Any:
        """The value of a pickle, read without executing it; None when it is refused."""
        try:
            value, mended = read_pickle(read_bytes(path))
        except Hostile as error:
            self.log.add("hostile-pickle", self.short(path), f"'{path}' {error}; nothing was executed.")
            return None
        except (Damaged, DataError) as error:
            self.log.add("unreadable", self.short(path), f"'{path}' is no pickle that can be read: {error}")
            return None
        if mended:
            self.log.add("mended-pickle", self.short(path), "")
        return value

    # ---- tables ----

    def table(
        self, path: Path, columns: Sequence[str], *, mark: str = ",", quoted: bool = True, skip_short: bool = False,
        optional: Sequence[str] = (),
    ) -> Iterator[tuple[int, dict[str, str]]]:  # fmt: skip
        """(line, {column: cell}) of a table whose header must have `columns` (names compared as `column_name` does).

        Rows with too few fields are refused or (skip_short) left out, rows with too many refused; both are counted.
        """
        file = self.short(path)
        rows = self._rows(self.text(path), file, mark, quoted)
        header = [column_name(cell) for cell in next(rows, (0, []))[1]]
        if not header:
            return
        lacking = [c for c in columns if c not in header]
        if lacking:
            told = f"the header has no column {', '.join(lacking)}; it has {', '.join(header)[:200]}."
            self.log.add("header", file, told)
            return
        needed = max(header.index(c) for c in columns) + 1
        width = len(header)
        for line, row in rows:
            if not (row and row[0].strip()) and not any(cell.strip() for cell in row):
                continue
            if len(row) == width:
                yield line, dict(zip(header, row, strict=True))
            elif len(row) > width:
                self.log.add("long-row", file, f"line {line}")
            elif len(row) < needed:
                self.log.add("left-out-row" if skip_short else "short-row", file, f"line {line}")
            else:
                yield line, dict(zip(header, row + [""] * (width - len(row)), strict=True))

    def _rows(self, text: str, file: str, mark: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
        if not text:
            return
        if not quoted:
            for line, row in enumerate(lines(text), 1):
                yield line, row.split(mark)
            return
        before = csv.field_size_limit(max(len(text), 1))
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except csv.Error as error:
            self.log.add("unreadable", file, f"{file}, line {reader.line_num}: {error}; check the quotation marks.")
        finally:
            csv.field_size_limit(before)

    # ---- checks that layouts share ----

    def said(self, text: Any, path: Path, where: str) -> str:
        """A prompt with single blanks, or '' with a finding when it is empty or no text."""
        found = " ".join(text.split()) if isinstance(text, str) else ""
        if not found:
            self.log.add("empty-prompt", self.short(path), where)
        elif _PATH.fullmatch(found):
            self.log.add("path-prompt", self.short(path), f"{where}, '{found[:60]}'")
        return found

    def captions(self, texts: Iterable[Any], path: Path, where: str) -> tuple[str, ...]:
        """The captions that are not empty, with single blanks."""
        every = [" ".join(t.split()) if isinstance(t, str) else "" for t in texts]
        self.log.add("empty-caption", self.short(path), where, sum(not t for t in every))
        return tuple(t for t in every if t)

    def unique(self, ids: Iterable[Any], path: Path) -> None:
        """Count ids that occur more than once."""
        twice = [name for name, count in Counter(ids).items() if count > 1]
        if twice:
            self.log.add("duplicate-id", self.short(path), twice[0], len(twice))

    def gaps(self, numbers: Sequence[int], path: Path) -> None:
        """Count whole numbers that are absent between the first and the last."""
        there = sorted(set(numbers))  # never walked one by one: an id may be as large as a file likes
        absent = there[-1] - there[0] + 1 - len(there) if there else 0
        if absent:
            first = next(a + 1 for a, b in pairwise(there) if b > a + 1)
            self.log.add("gap", self.short(path), first, absent)

    def repeats(self, prompts: Sequence[str], path: Path) -> None:
        """Count prompts that repeat an earlier one."""
        more = len(prompts) - len(set(prompts))
        if more:
            first = next(p for p, count in Counter(prompts).items() if count > 1)
            self.log.add("duplicate-prompt", self.short(path), f"'{first[:80]}'", more)


def whole(value: Any) -> int | None:
    """A whole number out of a number or a text; None for anything else."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    text = value.strip() if isinstance(value, str) else str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def fields(value: Any, names: Mapping[str, type]) -> bool:
    """Whether a JSON value is an object that has these fields with these types."""
    return isinstance(value, dict) and all(isinstance(value.get(n), t) for n, t in names.items())
