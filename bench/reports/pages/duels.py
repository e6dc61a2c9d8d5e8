"""Two systems head to head: the prompts on which they differ most, with the images of both and every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.reports.comparison.findings import Findings, PromptLine, Prompts
from bench.reports.comparison.verdicts import amount, name
from bench.reports.numbers import decimals, number
from bench.reports.pages.album import Album, PromptRow
from bench.reports.words import clean

MOST = 6
"""Prompts a list."""


@dataclass(frozen=True)
class Duel:
    """One prompt of a list."""

    sample: str
    """True id."""
    row: PromptRow
    """Pictures of the pair, the system first."""
    told: str
    """What it is listed for: '+0.52', or which two metrics disagree."""


@dataclass(frozen=True)
class DuelList:
    """Prompts in order under a heading: `who` is a system's title or ''."""

    who: str
    text: str
    duels: tuple[Duel, ...]


def duel_lists(album: Album, found: Findings) -> list[DuelList]:
    """Where the one is better, where the other, and where the metrics disagree; none where nothing is paired."""
    prompts = found.prompts
    if prompts is None:
        return []
    ours, theirs = (album.comparison.systems[i].title for i in prompts.pair)
    by = "" if prompts.order is None else f"by {clean(name(prompts.values[prompts.order].row))}"
    apart = _duels(album, prompts, prompts.disagreements, _apart(album, prompts))
    made = [
        DuelList(ours, f"ahead most, {by}", _duels(album, prompts, prompts.best, _gains(prompts, prompts.best))),
        DuelList(theirs, f"ahead most, {by}", _duels(album, prompts, prompts.worst, _gains(prompts, prompts.worst))),
        DuelList("", "Two metrics disagree most", apart),
    ]
    return [one for one in made if one.duels]


def _duels(album: Album, prompts: Prompts, lines: Sequence[PromptLine], told: Sequence[str]) -> tuple[Duel, ...]:
    lines = lines[:MOST]
    rows = album.rows([(line.sample, prompts.images[line.place], prompts.pair) for line in lines])
    return tuple(
        Duel(line.sample, row, "" if album.private else text)
        for line, row, text in zip(lines, rows, told, strict=False) if album.stock.admit(row.all)
    )  # fmt: skip


def _gains(prompts: Prompts, lines: Sequence[PromptLine]) -> list[str]:
    """The system less the reference on each prompt, in units of the metric, printed alike."""
    if prompts.order is None:
        return ["" for _ in lines]
    values = prompts.values[prompts.order]
    deltas = [float(values.system[line.place] - values.reference[line.place]) for line in lines[:MOST]]
    whole = all(d == int(d) and abs(d) < 1e6 for d in deltas)
    digits = 0 if whole else decimals([abs(d) / 10 for d in deltas], deltas)
    return [amount(values.row, d, digits, signed=True) for d in deltas]


def _apart(album: Album, prompts: Prompts) -> list[str]:
    ours, theirs = (clean(album.comparison.systems[i].title) for i in prompts.pair)
    told = []
    for line in prompts.disagreements[:MOST]:
        if line.high is None or line.low is None:
            told.append("")
            continue
        high, low = (clean(name(prompts.values[i].row)) for i in (line.high, line.low))
        told.append(f"{high} prefers {ours}, {low} prefers {theirs}: {number(line.size, 1)} standard deviations apart")
    return told
