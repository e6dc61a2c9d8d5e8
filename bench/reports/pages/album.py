"""The images of a report: which prompts are shown, with whose images, and why these.

The prompts of the grid are the first of the plan's digest order, so that nobody has chosen them; lists of best and
worst prompts stand beside each other, never one alone; and a prompt shows all its images up to a few, not the one that
suits. What a private run keeps to itself is asked of `privacy`, here and nowhere else on the page.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from bench import store
from bench.formats.tiles import file_of
from bench.reports import privacy
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.pages.thumbs import Picture, Stock
from bench.reports.words import clean
from bench.types import contribution

PROMPTS = 12
EXTREMES = 4
REPEATS = 4
"""Images of one prompt and system that are shown."""
LONGEST = 2000
"""Characters of a prompt that are shown."""
_LINE = ("prompt", "status", "reason", "image", "reference", "tag:sensitive")
"""Columns of samples.parquet that pictures are made from."""

Line = dict[str, Any]


@dataclass(frozen=True)
class Shot:
    """The k-th image of a prompt, of every system that a row shows."""

    k: int
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class PromptRow:
    """One prompt with its pictures."""

    sample: str
    """As it may be named: the id, or a blinded name."""
    prompt: str
    shots: tuple[Shot, ...]
    reference: Picture | None = None
    value: float | None = None
    repeats: int = 1
    """Images that each system has of the prompt; `shots` may be fewer."""

    @property
    def all(self) -> tuple[Picture | None, ...]:
        return (self.reference, *(p for s in self.shots for p in s.pictures))


@dataclass(frozen=True)
class Extremes:
    """Best and worst prompts of one system by one metric."""

    system: int
    row: Row
    best: tuple[PromptRow, ...]
    worst: tuple[PromptRow, ...]


class Album:
    """Rows of pictures of one comparison, from a stock of thumbnails. `beside`: the page's folder, for links to images.

    Samples go by their true ids here; what a row calls them is what may be shown.
    """

    def __init__(self, comparison: Comparison, tables: Tables, stock: Stock, beside: Path | None = None) -> None:
        self.comparison, self.tables, self.stock, self.beside = comparison, tables, stock, beside
        runs = [s.run for s in comparison.systems]
        self._keeper = next((r for r in runs if privacy.private(r)), None)
        self.pictured = stock.form != "none" and self._keeper is None
        """Whether any image may be shown."""
        self.systems = tuple(range(len(comparison.systems)))
        self._places: dict[int, dict[str, dict[int, int]]] = {}
        self._columns: dict[int, dict[str, list[Any]]] = {}

    @property
    def private(self) -> bool:
        """A run that keeps its rows to itself makes all that is shown beside it private."""
        return self._keeper is not None

    def name(self, sample: str) -> str:
        """What a sample is called on the page."""
        return str(sample) if self._keeper is None else privacy.sample_name(self._keeper, str(sample))

    def text(self, sample: str, prompt: str) -> str:
        """A prompt as the page shows it: whole, unless it is a file's worth of text."""
        told = str(prompt) if self._keeper is None else privacy.prompt_text(self._keeper, str(sample), str(prompt))
        if not told.strip():
            return clean(told)
        return told if len(told) <= LONGEST else f"{told[:LONGEST]}… ({len(told)} characters)"

    def repeats(self, sample: str) -> list[int]:
        """The k of a sample that every system has, else those of any."""
        found = [set(self.places(i).get(sample, {})) for i in self.systems]
        return sorted(set.intersection(*found) or set.union(*found))

    def places(self, system: int) -> dict[str, dict[int, int]]:
        """Sample -> k -> place in a system's table."""
        if system not in self._places:
            found: dict[str, dict[int, int]] = {}
            frame = self.tables.frame(system)
            for at, (sample, k) in enumerate(zip(frame["sample"].tolist(), frame["k"].tolist(), strict=True)):
                found.setdefault(sample, {})[int(k)] = at
            self._places[system] = found
        return self._places[system]

    def rows(self, wanted: Sequence[tuple[str, Sequence[int], Sequence[int]]]) -> list[PromptRow]:
        """A row for each (sample, ks, systems), decoded together and not yet admitted."""
        if self.pictured:
            self.stock.prepare(self._paths(wanted))
        return [self._made(*one) for one in wanted]

    def admitted(self, wanted: Sequence[tuple[str, Sequence[int], Sequence[int]]]) -> list[PromptRow]:
        """The rows that the stock takes."""
        return [row for row in self.rows(wanted) if self.stock.admit(row.all)]

    def _made(self, sample: str, ks: Sequence[int], systems: Sequence[int]) -> PromptRow:
        found = {(i, k): self._line(i, sample, k) for k in ks[:REPEATS] for i in systems}
        first = next((line for line in found.values() if line is not None), None)
        prompt = "" if first is None else str(first["prompt"])
        shots = tuple(Shot(k, tuple(self._picture(i, found[i, k]) for i in systems)) for k in ks[:REPEATS])
        reference = self._reference(sample, found) if self.pictured else None
        return PromptRow(self.name(sample), self.text(sample, prompt), shots, reference, None, len(ks))

    def _line(self, system: int, sample: str, k: int) -> Line | None:
        """What the table says of an image; None where the run was not asked for it."""
        at = self.places(system).get(sample, {}).get(k)
        if system not in self._columns:
            frame = self.tables.frame(system)
            self._columns[system] = {name: frame[name].tolist() for name in _LINE if name in frame}
        return None if at is None else {name: column[at] for name, column in self._columns[system].items()}

    def _picture(self, system: int, line: Line | None) -> Picture:
        run = self.comparison.systems[system].run
        if line is None:
            return Picture(None, "not asked for in this run")
        if line["status"] != "ok":
            reason = privacy.told(run, str(line["reason"] or ""))
            return Picture(None, f"{line['status']}: {reason}" if reason else str(line["status"]))
        if not line["image"]:
            return Picture(None, "no image is kept")
        if not self.pictured:
            return Picture(None, "images stay with the run" if self.private else "without images")
        path = self._path(system, line)
        return self.stock.picture(path, full=self._link(path), veiled=privacy.sensitive(run, line))

    def _path(self, system: int, line: Line) -> str:
        """Of the first frame."""
        return str(store.image_path(self.comparison.systems[system].path, str(line["image"]).split("\n")[0]))

    def _link(self, path: str) -> str:
        """Address of the file, of a tile's whole file."""
        if self.beside is None:
            return ""
        try:
            return quote(os.path.relpath(file_of(path), self.beside).replace(os.sep, "/"))
        except ValueError:  # another drive
            return ""

    def _reference(self, sample: str, lines: dict[Any, Line | None]) -> Picture | None:
        """The reference where its locator is a file that lies there; datasets' own locators cannot be opened here."""
        for (system, _), line in lines.items():
            path = self._reference_path(system, line)
            if line is not None and path:
                run = self.comparison.systems[system].run
                return self.stock.picture(path, full=self._link(path), veiled=privacy.sensitive(run, line))
        return None

    def _reference_path(self, system: int, line: Line | None) -> str:
        locator = "" if line is None else str(line["reference"] or "")
        path = str(store.image_path(self.comparison.systems[system].path, locator)) if locator else ""
        return path if path and os.path.isfile(path) else ""

    def _paths(self, wanted: Sequence[tuple[str, Sequence[int], Sequence[int]]]) -> list[str]:
        found = []
        for sample, ks, systems in wanted:
            lines = [(i, self._line(i, sample, k)) for k in ks[:REPEATS] for i in systems]
            found += [self._path(i, a) for i, a in lines if a is not None and a["status"] == "ok" and a["image"]]
            found += [path for i, a in lines[:1] if (path := self._reference_path(i, a))]
        return found


# ---- which prompts --------------------------------------------------------------------------------------------------


def prompt_grid(album: Album, *, prompts: int = PROMPTS) -> list[tuple[str, PromptRow]]:
    """The first common prompts by their true ids, each with its first common image of every system."""
    keys = album.tables.common()
    firsts = keys[~keys.get_level_values(0).duplicated()][:prompts]
    rows = album.rows([(sample, [int(k)], album.systems) for sample, k in firsts])
    pairs = zip(firsts.get_level_values(0), rows, strict=True)
    return [(str(sample), row) for sample, row in pairs if album.stock.admit(row.all)]


def column(row: Row) -> str:
    """Column of samples.parquet with one value an image."""
    estimator = row.output.estimator
    return f"{row.metric}:{estimator.columns[0] if estimator is not None else contribution(row.output.name)}"


def extremes(album: Album, row: Row, *, count: int = EXTREMES) -> list[tuple[Extremes, tuple[str, ...]]]:
    """Best and worst prompts of every ranked system by their mean over repeats, with the true ids of the prompts; none
    of a system whose prompts are all equal."""
    found = (_extremes(album, row, i, count) for i in album.comparison.ranked)
    return [one for one in found if one is not None]


def _extremes(album: Album, row: Row, system: int, count: int) -> tuple[Extremes, tuple[str, ...]] | None:
    frame, name = album.tables.frame(system), column(row)
    if name not in frame or row.cells[system] is None:
        return None
    known = frame[np.isfinite(frame[name].to_numpy(dtype=float)) & (frame["status"] == "ok")]
    means = known.groupby("sample", sort=False)[name].mean()
    sign = -1 if row.direction == "higher" else 1
    order = [str(means.index[i]) for i in np.argsort(sign * means.to_numpy(), kind="stable")]
    count = min(count, len(order) // 2)
    if not count or means.min() == means.max():
        return None
    wanted = [*order[:count], *order[::-1][:count]]
    made = album.rows([(s, sorted(album.places(system)[s]), (system,)) for s in wanted])
    rows = [
        (replace(r, value=None if album.private else float(means[s])), at < count, s)
        for at, (r, s) in enumerate(zip(made, wanted, strict=True)) if album.stock.admit(r.all)
    ]  # fmt: skip
    sides = (tuple(r for r, first, _ in rows if first is side) for side in (True, False))
    return Extremes(system, row, *sides), tuple(s for _, _, s in rows)
