"""What `bench compare` says and writes, as a person would read it: the command in this process, page, texts, tables."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd

from bench import store
from bench.cli import main
from bench.reports.words import clean

BROKEN_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:nan|inf|infinity)(?![\w.])", re.I)


class Reader(HTMLParser):
    """Elements outside of drawings, event handlers, and the text that a reader sees (also that of images)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self._silent = ""
        self._drawn = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "svg":
            self._drawn += 1
        elif not self._drawn:
            self.elements[tag] += 1
        self.handlers += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "srcdoc"]
        if tag in ("script", "style"):
            self._silent = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self._drawn -= 1
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def flat(text: str) -> str:
    """Text without spaces and line breaks, hidden signs as the visible marks that they become."""
    return "".join(clean(text).split()).replace("\N{REPLACEMENT CHARACTER}", "")


@dataclass(frozen=True)
class Compared:
    """What a command left."""

    code: int
    out: str
    err: str
    folder: Path

    def file(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def page(self) -> Reader:
        return Reader(self.file("index.html"))

    @property
    def text(self) -> str:
        """What a reader of the page sees."""
        return flat("".join(self.page.texts))

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.file("scores.csv"))))

    @property
    def data(self) -> Any:
        def refuse(word: str) -> None:
            raise AssertionError(f"{word} in comparison.json")

        return json.loads(self.file("comparison.json"), parse_constant=refuse)


def compared(*arguments: str, folder: Path) -> Compared:
    """The command, with what it printed."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["compare", *arguments, "--out", str(folder)])
    return Compared(code, *(s.buffer.getvalue().decode() for s in (out, err) if not s.flush()), folder)


def sound(one: Compared, *, numbers: bool = True) -> None:
    """A whole report in which nothing of the input came alive. `numbers`: no text of the input is called NaN."""
    assert "Traceback" not in one.err and "internal error" not in one.err, one.err
    read = one.page
    assert read.elements["html"] == read.elements["body"] == read.elements["title"] == read.elements["main"] == 1
    assert read.handlers == [] and read.elements["iframe"] == read.elements["object"] == 0
    assert one.data["systems"] and one.rows
    if numbers:
        told = {"page": " ".join(read.texts), "terminal": one.out}
        told |= {n: one.file(n) for n in ("report.md", "scores.csv", "table.tex", "comparison.json")}
        assert {n: BROKEN_NUMBER.findall(t) for n, t in told.items() if BROKEN_NUMBER.search(t)} == {}


def refused(one: Compared, code: int, says: str) -> None:
    """One sentence, the exit code that belongs to it, and no report."""
    assert one.code == code, one.err
    (line,) = one.err.strip().splitlines()
    assert re.fullmatch(rf"error: {says}", line), line
    assert line.endswith(".") and one.out == "" and not one.folder.exists()


def edited(run: str, change: Callable[[dict[str, Any]], None]) -> str:
    """The run with its record changed by hand."""
    path = Path(run) / "run.json"
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")  # ASCII: a lone surrogate stays an escape
    return run


def retabled(run: str, change: Callable[[pd.DataFrame], Any]) -> str:
    """The run with its table of samples changed: in place, or to what comes back."""
    frame = store.samples(run)
    changed = change(frame)
    store.write_parquet(Path(run) / "samples.parquet", frame if changed is None else changed)
    return run
