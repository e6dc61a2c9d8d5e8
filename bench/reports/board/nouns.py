"""What a leaderboard consists of: its file's content, columns, rows, pairs. Data only, no files and no mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from bench.reports.comparison.nouns import Cell
from bench.types import Direction, Run

Level = Literal["self-reported", "re-scored", "regenerated"]
LEVELS: tuple[Level, ...] = ("self-reported", "re-scored", "regenerated")
"""How far a stranger's numbers were checked, from least to most."""

Role = Literal["system", "control", "external", "unranked"]
"""external: scores without evidence (a CSV's row); unranked: a run that does not fit, with the reason."""


@dataclass(frozen=True)
class DatasetSpec:
    """A data set of a board; runs of another prompt list are not ranked."""

    name: str
    """Name or label, e.g. 'scenes-test'."""
    prompts: str = ""
    """Digest of the prompt list ('' in a file that is not pinned yet: `bench leaderboard pin` writes it)."""
    samples: int = 0
    """Number of declared samples; 0: not pinned."""


@dataclass(frozen=True)
class MetricSpec:
    """A column that the board asks for."""

    metric: str
    """Text form or alias."""
    output: str = ""
    """Name of the output; '': every primary one."""
    dataset: str = ""
    """'': every data set of the board that has it."""
    protocol: str = ""
    """Digest of the protocol; '' in a file that is not pinned."""
    label: str = ""
    primary: bool = True
    """In the family for which simultaneous intervals and ranks are made."""


@dataclass(frozen=True)
class OrderSpec:
    """What orders the board: one column, or the mean of several columns between fixed anchors."""

    metric: str = ""
    output: str = ""
    dataset: str = ""
    anchors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Column id -> (value that counts 0, value that counts 1); fixed in the file, never taken from the pool."""


@dataclass(frozen=True)
class BoardSpec:
    """board.toml."""

    title: str
    version: str
    datasets: tuple[DatasetSpec, ...]
    metrics: tuple[MetricSpec, ...]
    order: OrderSpec
    error: float = 0.05
    """Chance that any rank interval of a column misses, for all rows' own comparisons."""
    coverage: float = 1.0
    """Required share of declared images that were made (status ok), per data set."""
    level: Level = "self-reported"
    """Required level of verification."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Label, digest (its first 8 digits or more) or system -> reason."""
    entries: tuple[str, ...] = ()
    """CSV files of scores without evidence, relative to the board file."""
    ledger: str = ""
    """File of verification levels that `bench verify --record` writes, relative to the board file."""
    notes: tuple[str, ...] = ()
    rank_controls: bool = False
    """Controls compete as systems do: a board of controls, whose true order is known."""
    digest: str = ""
    """Of the file's resolved content."""


@dataclass(frozen=True)
class Column:
    """One number of every row."""

    id: str
    """'<dataset>/<metric name>.<output>', unique in the board."""
    dataset: str
    metric: str
    output: str
    protocol: str
    label: str
    direction: Direction
    title: str = ""
    """The metric's own or field's name, where it says more than the label."""
    unit: str = ""
    meaning: str = ""
    decimals: int = 2
    primary: bool = True
    shown: bool = True
    """Whether the column is there when the page opens."""
    caveat: str = ""


@dataclass(frozen=True)
class BoardRow:
    """A system with all its runs (one a data set and replicate), or an external or unranked entry."""

    id: str
    """Stable and short, for addresses and for `diff`: digest of the system's text."""
    title: str
    role: Role
    cells: tuple[Cell | None, ...]
    """One a column."""
    system: str = ""
    """Text form, 'flow(steps=16)+attention(heads=4)'; '' for external rows."""
    generator: str = ""
    fusion: str = ""
    runs: tuple[str, ...] = ()
    """Digests of the runs."""
    seeds: int = 1
    """Replicates (training or run seeds) whose mean the cells are."""
    images: int = 0
    """Declared."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """Status -> images, without ok."""
    coverage: float | None = None
    level: Level = "self-reported"
    card: Mapping[str, Any] = field(default_factory=dict)
    """From the submission's system card: size, licence, training_data, contact, ... ; empty without one."""
    source: str = ""
    """Of external rows: where the numbers were read."""
    reason: str = ""
    """Why it is not ranked."""
    latency: float | None = None
    """Median seconds an image, where measured."""
    paths: tuple[str, ...] = ()
    """Folders of the runs, as they were given, in the order of `runs`."""
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Factor (label, seed, revision, ...) -> its values over the runs, where any is stated."""


@dataclass(frozen=True)
class Pairs:
    """All pairwise differences of one column among the ranked systems, in the order of `Board.ranked`.

    Oriented as the metric runs (not turned): delta[i, j] = score[i] - score[j]. NaN: not comparable. A column whose
    direction is 'none' has no Pairs.
    """

    delta: np.ndarray
    error: np.ndarray
    """(S, S) standard errors; 0 where the difference does not vary."""
    reach: np.ndarray
    """(S,) factor on the error for simultaneous intervals of row i against all others (max-T at the board's level);
    where `exploratory`, the t quantile of a single comparison."""
    ranks: tuple[tuple[int, int], ...]
    """(best, worst) rank of each system by this column; (0, 0) for a system that has no number in it."""
    rank_shares: np.ndarray
    """(S, S) share of resamples in which system i has rank j + 1."""
    groups: int = 0
    """Resampling units."""
    exploratory: bool = False
    """True for columns that are not primary: each comparison stands alone, nothing is adjusted for the others."""
    method: str = ""
    """How the errors were made, e.g. 'paired by prompt, max-T over each row's own comparisons'."""
    freedom: int = 0
    """Degrees of freedom of the t quantiles."""


@dataclass(frozen=True)
class Effect:
    """One cell of the generator x fusion table, in the ordering column's units, + being better."""

    generator: str
    fusion: str
    value: float
    delta: float | None
    """Against the same generator without fusion; None for that one itself or where there is none."""
    low: float | None = None
    high: float | None = None
    interaction: float | None = None
    """delta less the fusion's mean delta over generators."""
    interaction_low: float | None = None
    interaction_high: float | None = None


@dataclass(frozen=True)
class Factorial:
    """Generators x fusion strategies of the ranked systems."""

    column: str
    generators: tuple[str, ...]
    fusions: tuple[str, ...]
    effects: tuple[Effect, ...]
    main: tuple[tuple[str, float, float | None, float | None], ...]
    """(fusion, mean delta over generators, low, high), simultaneous over fusions."""


@dataclass(frozen=True)
class Board:
    """Everything that the page, the texts and `diff` need."""

    spec: BoardSpec
    columns: tuple[Column, ...]
    rows: tuple[BoardRow, ...]
    """Ranked systems in order, then controls, external and unranked ones."""
    order: str
    """Id of the ordering column; an anchored mean is a column of its own with dataset ''."""
    pairs: Mapping[str, Pairs]
    """Column id -> pairs, for every column that allows them; `reach` and `ranks` are simultaneous for primary ones."""
    letters: tuple[str, ...] = ()
    """Compact letter display of the ordering column, one a ranked row: two rows that share a letter are tied."""
    factorial: Factorial | None = None
    notes: tuple[str, ...] = ()
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Digest -> fields of every protocol that a column pins."""
    private: tuple[Run, ...] = field(default=(), repr=False, compare=False)
    """The private runs among those given, for the last look before a site is written."""

    @cached_property
    def ranked(self) -> tuple[BoardRow, ...]:
        return tuple(r for r in self.rows if r.role == "system")

    @cached_property
    def unranked(self) -> tuple[BoardRow, ...]:
        return tuple(r for r in self.rows if r.role == "unranked")
