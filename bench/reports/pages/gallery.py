"""The parts of the page that show images: the same prompts across systems, duels, extremes, and the sheets behind them.

What is admitted first survives a small budget: the unchosen prompts, then those that tell a pair apart, then each
system's extremes, then the other systems' images of all these prompts.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

from bench.reports.comparison.findings import Findings, Flip
from bench.reports.comparison.nouns import Row
from bench.reports.numbers import ABSENT, decimals, number
from bench.reports.pages import legends
from bench.reports.pages.album import Album, Extremes, PromptRow, extremes, prompt_grid
from bench.reports.pages.duels import duel_lists
from bench.reports.pages.effects import FLIPS, flips
from bench.reports.pages.frames import address, framed, titles
from bench.reports.pages.sheets import Scores, sheets
from bench.reports.pages.views import key

_FEW = 4
"""Systems up to which everybody's extremes are open from the start."""


def gallery(album: Album, found: Sequence[Findings], by: Row | None) -> dict[str, Any]:
    """Everything with images: grid, duels and flips a pair, extremes, sheets, and the thumbnails that they use."""
    grid = prompt_grid(album) if album.pictured else []
    duels = [duel_lists(album, f) for f in found]
    ends = extremes(album, by) if by is not None else []
    wanted = [s for lists in duels for one in lists for s in (d.sample for d in one.duels)]
    wanted += [s for s, _ in grid] + [s for _, ids in ends for s in ids]
    wanted += [f.sample for one in found for x in one.flips for f in (*x.gained[:FLIPS], *x.lost[:FLIPS])]
    samples = list(dict.fromkeys(wanted))
    scores = None if album.private else Scores(album, samples)
    in_full, missing = ([], 0) if scores is None else sheets(album, scores, samples)
    order = (*album.comparison.ranked, *album.comparison.controls)
    view = _View(album, scores, {s: one.row.sample for s, one in zip(samples, in_full, strict=False)})
    return {
        "pictured": album.pictured, "grid": [view.framed(s, _picked(row, order), order) for s, row in grid],
        "grid_titles": titles(album.comparison, order), "grid_reference": any(r.reference for _, r in grid),
        "grid_legend": legends.GRID.format(count=len(grid)), "left_out": _left_out(album),
        "extremes": [_extremes(view, one, ids) for one, ids in ends],
        "extremes_equal": _equal(album, by, {one.system for one, _ in ends}),
        "extreme_name": by.label if by is not None else "",
        "pairs": [
            {"duels": [view.duels(one, f) for one in lists], "flips": flips(album.comparison, f.flips, view.flip)}
            for lists, f in zip(duels, found, strict=True)
        ],
        "sheets": [
            {"row": view.framed(s, _picked(one.row, order), order), "lines": _reordered(one.lines, order)}
            for s, one in zip(samples, in_full, strict=False)
        ],
        "sheet_note": _sheet_note(missing), "thumbs": album.stock.ordered(), "without": _without(album),
    }  # fmt: skip


class _View:
    """Rows as the templates take them. `named`: true id -> the name under which a sheet stands on the page."""

    def __init__(self, album: Album, scores: Scores | None, named: dict[str, str]) -> None:
        self.album, self.scores, self.named = album, scores, named

    def framed(self, sample: str, row: PromptRow, systems: Sequence[int]) -> dict[str, Any]:
        made = framed(self.album.comparison, row, systems, self.scores, sample)
        return {**made, "href": made["href"] if sample in self.named else ""}

    def lines(self, sample: str, systems: Sequence[int]) -> Sequence[dict[str, Any]]:
        lines = () if self.scores is None else self.scores.lines(sample, systems)
        return [line for line in lines if any(c["text"] != ABSENT for c in line["cells"])]

    def duels(self, one: Any, found: Findings) -> dict[str, Any]:
        assert found.pair is not None
        pair = found.pair
        return {
            "who": one.who, "text": one.text,
            "duels": [
                {"row": self.framed(d.sample, d.row, pair), "told": d.told, "lines": self.lines(d.sample, pair)}
                for d in one.duels
            ],
        }  # fmt: skip

    def flip(self, one: Flip) -> dict[str, str]:
        name = self.named.get(one.sample, "")
        return {"prompt": self.album.text(one.sample, one.prompt), "href": address(name) if name else ""}


def _picked(row: PromptRow, order: Sequence[int]) -> PromptRow:
    """A row of all systems in the order in which the page shows them."""
    shots = tuple(replace(s, pictures=tuple(s.pictures[i] for i in order)) for s in row.shots)
    return replace(row, shots=shots)


def _reordered(lines: Sequence[dict[str, Any]], order: Sequence[int]) -> list[dict[str, Any]]:
    return [{**line, "cells": [line["cells"][i] for i in order]} for line in lines]


def _extremes(view: _View, one: Extremes, ids: Sequence[str]) -> dict[str, Any]:
    comparison = view.album.comparison
    digits = _digits([r.value for r in (*one.best, *one.worst)])
    rows = [
        {**view.framed(s, r, (one.system,)), "value": "" if r.value is None else number(r.value, digits)}
        for s, r in zip(ids, (*one.best, *one.worst), strict=True)
    ]  # fmt: skip
    sides = (("Best", rows[: len(one.best)]), ("Worst", rows[len(one.best) :]))
    return {
        "title": comparison.systems[one.system].title, **key(comparison, one.system),
        "open": len(comparison.ranked) <= _FEW, "sides": [{"name": n, "rows": r} for n, r in sides if r],
    }  # fmt: skip


def _equal(album: Album, by: Row | None, listed: Set[int]) -> list[str]:
    """Titles of systems without best and worst prompts, though they have a score."""
    if by is None or not listed:
        return []
    comparison = album.comparison
    return [comparison.systems[i].title for i in comparison.ranked if i not in listed and by.cells[i] is not None]


def _digits(values: Sequence[float | None]) -> int:
    known = [v for v in values if v is not None]
    if not known or all(v == int(v) and abs(v) < 1e6 for v in known):
        return 0
    return decimals([(max(known) - min(known)) / 10], known)


# ---- notes ----------------------------------------------------------------------------------------------------------


def _without(album: Album) -> str:
    """Why there are no images at all, or ''."""
    if album.private:
        return "A run of this comparison is private: prompts, images and values of single prompts stay with it."
    return "" if album.stock.form != "none" else "This report was made without images."


def _left_out(album: Album) -> str:
    count = album.stock.left_out
    if not count:
        return ""
    rows = "1 row of images does" if count == 1 else f"{count} rows of images do"
    return f"{rows} not fit into this file and {'is' if count == 1 else 'are'} left out; {legends.FILES}"


def _sheet_note(missing: int) -> str:
    return f"{missing} images of these prompts are not in this file, for its size; {legends.FILES}" if missing else ""
