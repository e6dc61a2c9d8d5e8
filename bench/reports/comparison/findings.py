"""What is found out about a comparison beyond its scores: effects, slices, prompts, flips, agreement, cost, provenance,
rankings by condition. Data only; the files beside this one make it, `explain.findings` all at once.

Two senses of direction stand side by side. `delta`, `low`, `high` and values are in units of the metric and run as the
metric runs. `effect...`, `gain` and `contribution` are turned so that more is better for the system of the pair: right
of zero is better whatever the metric. Numbers that do not exist are None (NaN in arrays), never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.reports.comparison.nouns import Comparison, Kind, Row

Pair = tuple[int, int]
"""(system, reference): places in `Comparison.systems`; everything is the system less the reference."""


# ---- forest --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """A line of the forest plot: one row of the comparison for one pair."""

    row: Row
    pair: Pair
    delta: float | None
    """None with a `refusal` that says why."""
    low: float | None = None
    high: float | None = None
    effect: float | None = None
    """delta / sd of the paired differences of prompts; None where these do not vary or there is no unit."""
    effect_low: float | None = None
    effect_high: float | None = None
    detectable: float | None = None
    """Smallest true difference seen with 80 % power, in units of the metric."""
    p: float | None = None
    p_adjusted: float | None = None
    """By max-T over the declared family for primary rows, by Holm over the row's comparisons for the others."""
    better: float | None = None
    """P(system better) on a prompt, ties counting half."""
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    n: int = 0
    """Images that enter."""
    groups: int = 0
    """Prompts; 0 for set metrics without contributions, which pair blocks."""
    method: str = ""
    kind: Kind = "unknown"
    refusal: str = ""


# ---- slices --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slice:
    """The paired difference on the prompts that share a tag's value."""

    value: str
    """'' : prompts without the tag."""
    groups: int
    """Prompts (resampling units)."""
    n: int
    """Images."""
    delta: float
    low: float | None
    high: float | None
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    p: float | None
    q: float | None
    """Benjamini-Hochberg over all slices of the pair, every tag and metric: for looking around, never a verdict."""
    kind: Kind
    """better or worse where q < 0.05 and the interval leaves out 0."""
    share: float
    """Of the images that enter the whole difference."""
    contribution: float | None
    """share x delta, turned; over the slices of a tag these sum to the whole difference. None unless it is a mean."""
    faint: bool
    """Fewer than 20 prompts: read with care, show pale."""


@dataclass(frozen=True)
class SliceTable:
    """One metric by the values of one tag."""

    tag: str
    row: Row
    pair: Pair
    delta: float
    """On all prompts of the table: what the contributions sum to (turned)."""
    slices: tuple[Slice, ...]
    """In the order of the values."""


# ---- prompts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PromptValues:
    """One metric of both runs for each common prompt (mean over its images)."""

    row: Row
    system: np.ndarray
    """(P,) in units of the metric, NaN where one of the two has no value; P as `Prompts.samples`."""
    reference: np.ndarray
    gain: np.ndarray
    """(P,) system less reference, turned."""


@dataclass(frozen=True)
class PromptLine:
    """A prompt in a list of extremes."""

    place: int
    """In `Prompts.samples`."""
    sample: str
    """Id, for looking things up; what is shown is the `name`."""
    name: str
    """The id as it may be shown (blinded where the run is private)."""
    prompt: str
    """As it may be shown."""
    size: float
    """What the list is ordered by: the gain, or the disagreement in standard deviations."""
    high: int | None = None
    """Lists of disagreement: places in `Prompts.values` of the metrics that see the system best and worst."""
    low: int | None = None


@dataclass(frozen=True)
class Prompts:
    """The prompts of a pair with all per-image metrics, and what stands out."""

    pair: Pair
    samples: tuple[str, ...]
    """(P,) ids in the order of the plan, for looking things up."""
    texts: tuple[str, ...]
    """(P,) prompts as they may be shown."""
    images: tuple[tuple[int, ...], ...]
    """(P,) the k of the common images of each prompt."""
    values: tuple[PromptValues, ...]
    """Primary metrics first."""
    order: int | None
    """Place in `values` of the metric that best and worst go by."""
    best: tuple[PromptLine, ...]
    """Largest gains first; only gains above 0."""
    worst: tuple[PromptLine, ...]
    """Largest losses first; only losses."""
    disagreements: tuple[PromptLine, ...]
    """Prompts on which two metrics differ most in their judgement of the pair, in z-scores."""


@dataclass(frozen=True)
class Flip:
    """An image (or prompt) that passes in one run and fails in the other."""

    sample: str
    """Id, for looking things up; what is shown is the `name`."""
    name: str
    k: int
    prompt: str
    """As it may be shown."""


@dataclass(frozen=True)
class Flips:
    """A metric of zeros and ones: who passes where."""

    row: Row
    pair: Pair
    gained: tuple[Flip, ...]
    """Reference fails, system passes."""
    lost: tuple[Flip, ...]
    """Reference passes, system fails."""
    both_pass: int
    both_fail: int
    p: float | None
    """Exact McNemar; None where images of one prompt are several and so not independent."""
    note: str = ""


# ---- agreement -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """Rank correlation between metrics."""

    rows: tuple[Row, ...]
    rho: np.ndarray
    """(m, m) Spearman, both metrics turned so that more is better; 1 on the diagonal, NaN where it is undefined."""
    n: np.ndarray
    """(m, m) prompts (or prompts x systems) behind each."""
    basis: str
    """'differences': of systems to the reference on each prompt, so that means of systems cannot make an agreement;
    'values': of the one system."""
    shared: tuple[tuple[int, int, str], ...] = ()
    """(row, row, extractor): two metrics that look through the same weights agree for that reason alone."""
    notes: tuple[str, ...] = ()
    """Sentences: shared extractors, metrics that are not independent of a generator."""


# ---- cost ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What one system's images cost, as far as it was measured."""

    system: int
    seconds: float | None = None
    """Median seconds an image; None: nothing was measured (a folder's images were made elsewhere)."""
    low: float | None = None
    """Quartiles of the seconds of single images (or passes), where there are several."""
    high: float | None = None
    rate: float | None = None
    """Images a second."""
    images: int = 0
    """Measured ones."""
    memory: float | None = None
    """Peak, bytes."""
    device: str = ""
    basis: str = ""
    """What the time covers, e.g. 'generation alone' or 'generation and extraction together'."""
    note: str = ""
    """Why there is no number."""


@dataclass(frozen=True)
class FrontPoint:
    """One system in the plane of cost and quality."""

    system: int
    seconds: float
    value: float
    low: float | None
    high: float | None
    efficient: bool
    """Nobody is both as cheap and as good, and better in one of the two."""


@dataclass(frozen=True)
class Costs:
    """Cost of all systems and the front of quality against cost."""

    lines: tuple[Cost, ...]
    """One a system, in the comparison's order."""
    row: Row | None = None
    """The quality axis: the first primary row with a direction."""
    front: tuple[FrontPoint, ...] = ()
    """Cheapest first; systems with both numbers."""
    note: str = ""
    """Why there is no front, or what to mind (other devices)."""


# ---- provenance ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A field in which the runs differ beside the system."""

    name: str
    hard: bool
    """Hard fields make numbers incomparable (shown only where the comparison was forced)."""
    values: tuple[str, ...]
    """One a system, in the comparison's order; '' where the run does not have it."""


# ---- conditions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """One system in the ranking of one group."""

    system: str
    """Title, the same in all groups."""
    value: float
    low: float | None
    high: float | None
    rank: int
    """1 is best, by value."""
    first: int
    """Best rank that the intervals of differences allow."""
    last: int


@dataclass(frozen=True)
class Group:
    """A condition (or a tag's value) with its own ranking."""

    name: str
    datasets: tuple[str, ...]
    label: str
    """Of the metric that ranks."""
    metric: str
    direction: str
    places: tuple[Place, ...]
    """Best first."""
    prompts: int
    why: str = ""
    """Why this metric, e.g. 'responds to wrong-side'."""
    unranked: tuple[tuple[str, str], ...] = ()
    """(system, reason)."""


@dataclass(frozen=True)
class Move:
    """A system whose place differs between two groups."""

    system: str
    ranks: tuple[int, ...]
    """Its rank in each group, among the systems that all groups have."""
    reach: tuple[tuple[int, int], ...]
    """Best and worst rank in each group that chance allows, among the same systems."""
    sure: bool
    """Its rank intervals in two groups do not overlap."""


@dataclass(frozen=True)
class Rankings:
    """How the ranking changes with the condition."""

    by: str
    """'dataset-group' or the tag's name."""
    groups: tuple[Group, ...]
    common: tuple[str, ...]
    """Systems that all groups rank, in the comparison's order."""
    tau: np.ndarray
    """(g, g) Kendall's tau-b between the groups' values over `common`; NaN where undefined."""
    moves: tuple[Move, ...]
    """Largest change first."""
    sentences: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """Runs of several data sets: the rankings, and a comparison for each data set."""

    rankings: Rankings
    comparisons: tuple[Comparison, ...]
    broken: tuple[str, ...] = ()
    """Runs that were asked for and cannot be read, with the reason."""


# ---- everything ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Findings:
    """All of it for one pair of a comparison; agreement, costs and changes are of all its systems."""

    pair: Pair | None
    """None: there are no two systems, and the parts that need a pair are empty."""
    forest: tuple[Effect, ...]
    """Primary rows first."""
    slices: tuple[SliceTable, ...]
    prompts: Prompts | None
    flips: tuple[Flips, ...]
    agreement: Agreement | None
    """None: fewer than two metrics of single images."""
    costs: Costs
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def by_tag(self) -> dict[str, Sequence[SliceTable]]:
        """Tag -> its tables, in their order."""
        found: dict[str, list[SliceTable]] = {}
        for table in self.slices:
            found.setdefault(table.tag, []).append(table)
        return {tag: tuple(tables) for tag, tables in found.items()}
