"""What a comparison consists of: systems, rows (a metric's output), cells, differences, verdicts. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from bench.types import Direction, MetricCard, OutputCard, Run

if TYPE_CHECKING:
    from bench.reports.comparison.differences import Tables
    from bench.reports.comparison.findings import Rankings

Kind = Literal["better", "worse", "tied", "unknown"]
"""Of a system against its reference; 'unknown' where no interval can be given."""


@dataclass(frozen=True)
class System:
    """One column of the comparison: a run under the name that it is shown by."""

    title: str
    """Label or text form, unique in the comparison."""
    run: Run
    control: bool = False

    @property
    def path(self) -> str:
        return self.run.path


@dataclass(frozen=True)
class Cell:
    """A number of one system; `value` None comes with a note."""

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    n: int = 0
    n_missing: int = 0
    policy: str = ""
    protocol: str = ""
    chance: float | None = None
    note: str = ""
    best: bool = False
    """In the set of systems that nothing surely beats; never set for a control beside systems."""

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Difference:
    """A system less its reference on what both have, in units of the metric."""

    system: int
    reference: int
    delta: float
    low: float | None
    high: float | None
    method: str
    p: float | None
    p_holm: float | None
    """Adjusted over the comparisons of this row."""
    detectable: float | None
    """Smallest difference seen with 80 % power (one-sided 5 %)."""
    n: int
    """Common images."""
    prompts: int = 0
    """Common prompts."""
    groups: int = 0
    """Common resampling units; 0 for set metrics, which pair blocks."""
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    better: float | None = None
    """Share of groups on which the system is better, ties counting half."""
    sd: float | None = None
    """Of the groups' differences."""
    kind: Kind = "unknown"
    p_family: float | None = None
    """Adjusted over the declared family, all primary rows and all their comparisons; None outside of it."""

    @property
    def p_adjusted(self) -> float | None:
        """The p that the verdict goes by: over the family, else over the row."""
        return self.p_holm if self.p_family is None else self.p_family


@dataclass(frozen=True)
class Row:
    """One output of one metric under one protocol, across the systems."""

    metric: str
    card: MetricCard
    output: OutputCard
    protocol: str
    title: str
    """The field's name of the metric where it has one, else its text form."""
    cells: tuple[Cell | None, ...]
    """One a system; None: not scored in that run."""
    best: int | None
    reference: int | None
    """What the differences are against: the baseline, else the best."""
    differences: tuple[Difference | None, ...]
    refusals: tuple[str, ...] = ()
    """One a system: why it is not subtracted from the reference, or ''."""
    note: str = ""
    world: str = ""
    """Of forced comparisons: digest of the data set and prompt list, where these differ."""

    @property
    def key(self) -> str:
        return f"{self.metric}|{self.output.name}|{self.protocol}" + (f"|{self.world}" if self.world else "")

    @property
    def label(self) -> str:
        return self.output.label

    @property
    def direction(self) -> Direction:
        return self.output.direction

    @property
    def primary(self) -> bool:
        return self.output.primary


@dataclass(frozen=True)
class Verdict:
    """One sentence about one row."""

    row: Row
    kind: Kind
    text: str
    badge: str = ""
    """The verdict in two or three words, with a mark that needs no colour."""


@dataclass(frozen=True)
class Family:
    """The comparisons over which p-values are corrected together: declared by what is compared, not by results."""

    p: Mapping[tuple[str, int, int], float]
    """(row key, lower system, higher system) -> adjusted two-sided p."""
    single: Mapping[tuple[str, int, int], float]
    """The same unadjusted."""
    size: int
    """Comparisons in it: the family's own rows times pairs, those that could not be tested left out."""
    rows: int
    reference: int | None
    """All against this system; None: all pairs, because the best system is known by the data alone."""
    note: str = ""
    """Why there is no family where one was due: then p is adjusted within each row alone."""

    def of(self, row: Row, a: int, b: int) -> float | None:
        """The adjusted p of a pair of systems in a row, in either order; None outside of the family."""
        return self.p.get((row.key, min(a, b), max(a, b)))


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, and everything a rendering needs but the images."""

    systems: tuple[System, ...]
    rows: tuple[Row, ...]
    baseline: int | None
    dataset: Mapping[str, Any]
    common: int
    """Images that all systems were asked for."""
    prompts: int
    """Prompts among them."""
    refused: tuple[str, ...] = ()
    """Pairs that were not subtracted, with the reason."""
    notes: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    """Runs that were asked for and cannot be read, with the reason."""
    forced: bool = False
    """Unlike runs stand side by side, in rows of their own."""
    family: Family | None = None
    rankings: Rankings | None = None
    """How the ranking changes by a tag, where that was asked for."""
    tables: Tables | None = field(default=None, repr=False, compare=False)
    """The samples tables, read once; None in a comparison that was not made by `compare`."""

    @cached_property
    def ranked(self) -> tuple[int, ...]:
        """Systems that compete: those that are no controls, or all when there is nothing else."""
        return tuple(i for i, s in enumerate(self.systems) if not s.control) or tuple(range(len(self.systems)))

    @cached_property
    def controls(self) -> tuple[int, ...]:
        """Systems shown apart."""
        return tuple(i for i in range(len(self.systems)) if i not in self.ranked)

    @cached_property
    def primary(self) -> tuple[Row, ...]:
        """Rows of the main table."""
        return tuple(r for r in self.rows if r.primary)

    @cached_property
    def numbered(self) -> bool:
        """Whether the main table has any number."""
        return any(c is not None and c.value is not None for r in self.primary for c in r.cells)
