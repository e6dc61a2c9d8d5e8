"""What figures are drawn from: systems with their marks, and panels of numbers, from a comparison or from a board.

A figure that needs more than its material holds raises `Lacking`: one sentence that says what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from bench.errors import UsageError, did_you_mean
from bench.reports.board.nouns import Board, Column
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.nouns import Cell, Comparison, Row
from bench.reports.figures.sheet import shown
from bench.reports.figures.style import Mark, Style, marks
from bench.reports.numbers import ARROWS
from bench.types import Direction


class Lacking(UsageError):
    """The data do not allow this figure; the text says what it needs."""


@dataclass(frozen=True)
class Panel:
    """One number of every system: a row of a comparison or a column of a board."""

    label: str
    direction: Direction
    cells: tuple[Cell | None, ...]
    """One a system of the material."""
    note: str = ""
    """What the label does not say: parameters, protocol."""
    condition: str = ""
    """Data set (or other condition) where there are several."""
    unit: str = ""
    primary: bool = True
    row: Row | None = None
    column: Column | None = None
    names: tuple[str, ...] = ()
    """What a user may call it."""

    def head(self, literal: bool = False) -> str:
        """'CLIPScore ↑', the arrow kept beside the last word."""
        return f"{shown(self.label, literal)}\N{NO-BREAK SPACE}{ARROWS[self.direction]}".rstrip()

    def under(self, literal: bool = False) -> str:
        """The note and the condition, '' where they say nothing new."""
        told = [t for t in (self.note, self.condition) if t and t.casefold() != self.label.casefold()]
        return shown(", ".join(told), literal) if told else ""

    @property
    def sign(self) -> int:
        """-1 where less is better."""
        return -1 if self.direction == "lower" else 1


@dataclass(frozen=True)
class Material:
    """A comparison with its tables, or a board. `systems` picks some; marks stay those of the whole."""

    comparison: Comparison | None = None
    tables: Tables | None = None
    board: Board | None = None
    colours: Mapping[str, str] = field(default_factory=dict)
    systems: tuple[str, ...] = ()
    bare: bool = False
    """From a data frame: metrics have labels and nothing else."""
    seconds: Mapping[int, tuple[float, float | None, float | None]] = field(default_factory=dict)
    """From a data frame: system -> seconds an image, with its interval."""

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """One a system; a board's ranked rows first."""
        if self.comparison is not None:
            return tuple(s.title for s in self.comparison.systems)
        assert self.board is not None
        shown = [r for r in self.board.rows if r.role != "unranked"]
        names = [r.title for r in shown]
        return tuple(r.title if names.count(r.title) == 1 else f"{r.title} [{r.id}]" for r in shown)

    @cached_property
    def controls(self) -> tuple[int, ...]:
        """Shown apart, in grey: controls, and a board's rows without evidence."""
        if self.comparison is not None:
            return self.comparison.controls
        assert self.board is not None
        return tuple(range(len(self.board.ranked), len(self.titles)))

    @cached_property
    def marks(self) -> list[Mark]:
        return marks(self.titles, self.controls, self.colours)

    @cached_property
    def picked(self) -> tuple[int, ...]:
        """The systems asked for in the order asked for, else all: those that compete first."""
        if not self.systems:
            return tuple(i for i in range(len(self.titles)) if i not in self.controls) + self.controls
        found = []
        for name in self.systems:
            if name not in self.titles:
                raise UsageError(f"No system is called '{name}'.{did_you_mean(name, self.titles)}")
            found.append(self.titles.index(name))
        return tuple(dict.fromkeys(found))

    @cached_property
    def ranked(self) -> tuple[int, ...]:
        """Of the picked ones, those that compete (or all, where only controls were asked for)."""
        return tuple(i for i in self.picked if i not in self.controls) or self.picked

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        """Every row or column, in its order."""
        if self.comparison is not None:
            return tuple(_of_row(r, self.bare) for r in self.comparison.rows)
        assert self.board is not None
        several = len({c.dataset for c in self.board.columns if c.dataset}) > 1
        return tuple(_of_column(self.board, i, several) for i in range(len(self.board.columns)))


def _of_row(row: Row, bare: bool) -> Panel:
    dataset = ""
    note = row.note or ("" if row.title == row.label else row.title)
    if bare:
        note, dataset = "", row.card.summary
        called = (row.label, f"{row.label} ({dataset})") if dataset else (row.label,)
        return Panel(row.label, row.direction, row.cells, note, dataset, row.output.unit, True, row, None, called)
    names = (row.label, row.title, row.metric, row.card.name, f"{row.title}.{row.output.name}", row.key.split("|")[0])
    full = (f"{row.metric}.{row.output.name}", *names)
    return Panel(row.label, row.direction, row.cells, note, dataset, row.output.unit, row.primary, row, None, full)


def _of_column(board: Board, at: int, several: bool) -> Panel:
    column = board.columns[at]
    cells = tuple(r.cells[at] for r in board.rows if r.role != "unranked")
    names = (column.id, column.label, column.title, column.metric, f"{column.metric}.{column.output}")
    note = "" if column.title == column.label else column.title
    return Panel(
        column.label, column.direction, cells, note, column.dataset if several else "", column.unit, column.primary,
        None, column, names,
    )  # fmt: skip


# ---- choosing ------------------------------------------------------------------------------------------------------


def known_names(panels: Sequence[Panel]) -> list[str]:
    """Every name that means a panel."""
    return list(dict.fromkeys(n for p in panels for n in p.names if n))


def named_panels(material: Material, metrics: Sequence[str]) -> list[Panel]:
    """The panels that the names mean, in the order of the names; the primary ones where a name means several outputs.

    UsageError for a name that means none.
    """
    found: list[Panel] = []
    for name in metrics:
        fit = [p for p in material.panels if name in p.names or name.casefold() == p.label.casefold()]
        if not fit:
            names = known_names(material.panels)
            near = get_close_matches(name.casefold(), [n.casefold() for n in names], n=1)
            alike = next((n for n in names if near and n.casefold() == near[0]), name)
            raise UsageError(f"There is no metric '{name}' here.{did_you_mean(alike, names)}")
        chosen = [p for p in fit if p.primary] or fit
        found += [p for p in chosen if p not in found]
    return found


def drawable(material: Material, panel: Panel) -> bool:
    """Whether any picked system has a number."""
    return any(value_of(panel, i) is not None for i in material.picked)


def value_of(panel: Panel, system: int) -> float | None:
    cell = panel.cells[system]
    return None if cell is None else cell.value


def the_panel(
    material: Material, metric: str = "", *, paired: bool = False, directed: bool = True,
    also: Callable[[Panel], str] = lambda _: "",
) -> Panel:  # fmt: skip
    """The one panel of a figure: the metric asked for, else the first primary one that fits.

    paired: it must have a value for each prompt, directed: better must be defined; also: what else must be ('' when it
    is). Lacking says which is not.
    """

    def unfit(panel: Panel) -> str:
        return ("" if drawable(material, panel) else "no system has a number") or _unfit(panel, paired, directed)

    def fits(panel: Panel) -> bool:
        return not unfit(panel) and not also(panel)

    if metric:
        found = named_panels(material, [metric])
        chosen = next((p for p in found if fits(p)), found[0])
        if reason := unfit(chosen) or also(chosen):
            raise Lacking(f"{chosen.label}: {reason}.")
        return chosen
    ordered = [p for p in material.panels if p.primary] + [p for p in material.panels if not p.primary]
    board = material.board
    if board is not None:
        ordered.sort(key=lambda p: p.column is None or p.column.id != board.order)
    for panel in ordered:
        if fits(panel):
            return panel
    wanted = ["with a direction"] * directed + ["with a value for each prompt"] * paired
    raise Lacking(f"It needs a metric{' '.join(['', *wanted])}, and there is none.")


def _unfit(panel: Panel, paired: bool, directed: bool) -> str:
    if directed and panel.direction == "none":
        return "neither direction of it is better, so nothing can be ranked"
    if paired and (panel.row is None or panel.row.output.estimator is None):
        return "it has no value for each prompt"
    return ""


def need_systems(material: Material, least: int, *, ranked: bool = True) -> tuple[int, ...]:
    """The systems to draw; Lacking when they are fewer."""
    found = material.ranked if ranked else material.picked
    if len(found) < least:
        word = {1: "a system", 2: "two systems", 3: "three systems"}[least]
        there = {0: "none", 1: "one"}[len(found)] if len(found) < 2 else str(len(found))
        verb = "are" if len(found) > 1 else "is"
        raise Lacking(f"It needs {word} or more, and there {verb} {there}.")
    return found


def need_comparison(material: Material) -> tuple[Comparison, Tables]:
    """Lacking when the material is a board, which holds no prompts' scores."""
    if material.comparison is None or material.tables is None:
        raise Lacking("It needs the scores of single prompts, which runs have and boards have not: name the runs.")
    return material.comparison, material.tables


def both_of(material: Material) -> tuple[int, int]:
    """(system, reference): the two asked for, else the baseline as reference and the first other system."""
    found = need_systems(material, 2)
    if material.systems:
        return found[0], found[1]
    base = material.comparison.baseline if material.comparison is not None else None
    if base is not None and base in found:
        return next(i for i in found if i != base), base
    return found[0], found[1]


def title_of(material: Material, system: int, ask: Ask) -> str:
    """A system's name as it is drawn."""
    return shown(material.titles[system], ask.literal)


@dataclass(frozen=True)
class Ask:
    """What a figure is asked for, beside its material."""

    style: Style
    literal: bool = False
    """Keep glyphs that the files' font lacks: for a page that has other fonts."""
    metrics: tuple[str, ...] = ()
    margin: float = 0.0
    """forest: half-width of the band of differences that do not matter, in standard deviations."""
    by: str = ""
    """slices, conditions: tag whose values are told apart; '' all, or the data set."""
    against: str = ""
    """curve: the numeric factor."""
    prompts: int = 0
    """samples: rows; 0 what suits."""

    @property
    def metric(self) -> str:
        """For figures of one metric. UsageError for several."""
        if len(self.metrics) > 1:
            raise UsageError(f"This figure shows one metric, and {len(self.metrics)} are given; draw it once for each.")
        return self.metrics[0] if self.metrics else ""
