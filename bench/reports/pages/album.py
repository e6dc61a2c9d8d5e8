"""The images of a report: the same prompts across systems, and each system's best and worst prompts.

The prompts of the grid are the first of the plan's digest order, so that nobody has chosen them. Thumbnails are kept
once a content and within a budget of bytes; rows that no longer fit are left out whole and the album says how many.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bench import store
from bench.errors import BenchError, UsageError, did_you_mean
from bench.formats.images import decode, mime, thumbnail
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.nouns import Comparison, Row
from bench.types import contribution

SIZE = 192
"""Longest side of a thumbnail in pixels; smaller images are kept as they are."""
BUDGET = 12_000_000
"""Bytes of all thumbnails as text in the page."""
PROMPTS = 12
EXTREMES = 4
LONGEST = 2000
"""Characters of a prompt that are shown."""
PIXEL_ART = 96
"""Images up to this side are enlarged without smoothing."""


@dataclass(frozen=True)
class Thumbnail:
    """One distinct picture of the page."""

    key: str
    uri: str
    width: int
    height: int

    @property
    def pixelated(self) -> bool:
        return max(self.width, self.height) <= PIXEL_ART


@dataclass(frozen=True)
class Picture:
    """One place in a grid: a thumbnail, or the reason why there is none."""

    thumb: Thumbnail | None
    reason: str = ""
    value: float | None = None


@dataclass(frozen=True)
class PromptRow:
    """One prompt with its pictures."""

    sample: str
    prompt: str
    k: int
    reference: Picture | None
    pictures: tuple[Picture, ...]
    value: float | None = None


@dataclass(frozen=True)
class Extremes:
    """Best and worst prompts of one system by one metric."""

    system: int
    row: Row
    best: tuple[PromptRow, ...]
    worst: tuple[PromptRow, ...]


@dataclass
class Album:
    """Thumbnails by content, within a budget."""

    budget: int = BUDGET
    thumbs: dict[str, Thumbnail] = field(default_factory=dict)
    spent: int = 0
    left_out: int = 0
    _by_file: dict[str, Thumbnail | str] = field(default_factory=dict)

    def picture(self, path: str, value: float | None = None) -> Picture:
        """The picture of a file; a missing or damaged file becomes a reason, never an error."""
        found = self._by_file.get(path)
        if found is None:
            found = self._by_file[path] = _made(path)
        if isinstance(found, str):
            return Picture(None, found, value)
        return Picture(found, "", value)

    def admit(self, row: PromptRow) -> bool:
        """Take a row's thumbnails if they fit together; else count the row as left out."""
        shown = [p.thumb for p in (row.reference, *row.pictures) if p is not None and p.thumb is not None]
        fresh = {t.key: t for t in shown if t.key not in self.thumbs}
        cost = sum(len(t.uri) for t in fresh.values())
        if self.spent + cost > self.budget:
            self.left_out += 1
            return False
        self.thumbs |= fresh
        self.spent += cost
        return True


def _made(path: str) -> Thumbnail | str:
    """A thumbnail, or why there is none. The picture's size comes from the pixels, for the layout."""
    try:
        pixels = decode(path)
    except (BenchError, OSError) as error:
        return "file missing" if not os.path.exists(path) else f"unreadable ({type(error).__name__})"
    data = thumbnail(pixels, SIZE)
    height, width = pixels.shape[:2]
    scale = min(1.0, SIZE / max(width, height))
    uri = f"data:{mime(data)};base64,{base64.b64encode(data).decode()}"
    key = hashlib.sha256(data).hexdigest()[:12]
    return Thumbnail(key, uri, max(1, round(width * scale)), max(1, round(height * scale)))


def words(prompt: str) -> str:
    """A prompt as the page shows it: whole, unless it is a file's worth of text."""
    return prompt if len(prompt) <= LONGEST else f"{prompt[:LONGEST]}… ({len(prompt)} characters)"


def prompt_grid(comparison: Comparison, tables: Tables, album: Album, *, prompts: int = PROMPTS) -> list[PromptRow]:
    """The first common prompts, each with its first common image of every system (in the comparison's order)."""
    keys = tables.common()
    firsts = keys[~keys.get_level_values(0).duplicated()][:prompts]
    found = []
    for sample, k in firsts:
        pictures = [
            _picture(comparison, tables, i, _row(tables, i, sample, k), album) for i in range(len(comparison.systems))
        ]
        first = _row(tables, 0, sample, k)
        row = PromptRow(
            str(sample), words(str(first["prompt"])), int(k), _reference(comparison, 0, first, album), tuple(pictures)
        )
        if album.admit(row):
            found.append(row)
    return found


def chosen_row(comparison: Comparison, metric: str = "") -> Row | None:
    """The row that best and worst prompts go by: the metric asked for (by name, alias, text or label), else the first
    primary per-sample mean.

    A set metric goes by what images contribute to it, where the runs have that. UsageError for an unknown name.
    """
    fit = [
        r for r in comparison.rows
        if r.output.estimator is not None and r.output.estimator.kind in ("mean", "macro", "median")
        and r.card.scope == "sample" and r.direction != "none"
    ]  # fmt: skip
    if not metric:
        return next(iter([*(r for r in fit if r.primary), *fit]), None)
    sets = [r for r in comparison.rows if r.card.scope == "set"]
    names = {name: r for r in reversed([*fit, *sets]) for name in _names(r)}
    if metric not in names:
        raise UsageError(
            f"No metric of these runs is called '{metric}' and says something of single prompts."
            f"{did_you_mean(metric, names)}"
        )
    return names[metric]


def _names(row: Row) -> tuple[str, ...]:
    return (row.metric, row.title, row.card.name, row.label, f"{row.metric}.{row.output.name}")


def _column(row: Row) -> str:
    """Column of samples.parquet with one value an image."""
    estimator = row.output.estimator
    return f"{row.metric}:{estimator.columns[0] if estimator is not None else contribution(row.output.name)}"


def extremes(
    comparison: Comparison, tables: Tables, album: Album, row: Row, *, count: int = EXTREMES
) -> list[Extremes]:
    """Best and worst prompts of every ranked system by their mean over repeats; each shows its own extreme image."""
    return [
        made for i in comparison.ranked if (made := _extremes(comparison, tables, album, row, i, count)) is not None
    ]


def _extremes(
    comparison: Comparison, tables: Tables, album: Album, row: Row, system: int, count: int
) -> Extremes | None:
    frame = tables.frame(system)
    column = _column(row)
    if column not in frame or row.cells[system] is None:
        return None
    known = frame[np.isfinite(frame[column].to_numpy(dtype=float)) & (frame["status"] == "ok")]
    means = known.groupby("sample", sort=False)[column].mean()
    sign = -1 if row.direction == "higher" else 1
    order = [means.index[i] for i in np.argsort(sign * means.to_numpy(), kind="stable")]
    count = min(count, len(order) // 2)
    if not count:
        return None

    def rows(samples: Sequence[str], best: bool) -> tuple[PromptRow, ...]:
        made = (
            _extreme(comparison, tables, album, system, known[known["sample"] == s], column, sign, best)
            for s in samples
        )
        return tuple(r for r in made if album.admit(r))

    return Extremes(system, row, rows(order[:count], True), rows(order[::-1][:count], False))


def _extreme(
    comparison: Comparison,
    tables: Tables,
    album: Album,
    system: int,
    images: pd.DataFrame,
    column: str,
    sign: int,
    best: bool,
) -> PromptRow:
    """One prompt: its best image among the best, its worst among the worst, with the prompt's mean."""
    place = int(np.argmin(sign * images[column].to_numpy() * (1 if best else -1)))
    shown = images.iloc[place]
    picture = _picture(comparison, tables, system, shown, album, float(shown[column]))
    reference = _reference(comparison, system, shown, album)
    mean = float(images[column].mean())
    return PromptRow(str(shown["sample"]), words(str(shown["prompt"])), int(shown["k"]), reference, (picture,), mean)


def _row(tables: Tables, system: int, sample: str, k: int) -> pd.Series:
    frame = tables.frame(system)
    return frame.iloc[tables.position(system, sample, k)]


def _picture(
    comparison: Comparison, tables: Tables, system: int, row: pd.Series, album: Album, value: float | None = None
) -> Picture:
    if row["status"] != "ok" or not row["image"]:
        reason = f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])
        return Picture(None, reason, value)
    first_frame = str(row["image"]).split("\n")[0]
    return album.picture(str(store.image_path(comparison.systems[system].path, first_frame)), value)


def _reference(comparison: Comparison, system: int, row: pd.Series, album: Album) -> Picture | None:
    """The reference where its locator is a file that lies there; datasets' own locators cannot be opened here."""
    locator = str(row["reference"] or "")
    if not locator:
        return None
    path = str(store.image_path(comparison.systems[system].path, locator))
    return album.picture(path) if os.path.isfile(path) else None
