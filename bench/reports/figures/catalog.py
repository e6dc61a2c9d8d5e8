"""Every figure by name: what it shows, what it needs, and one call that draws it.

    figure("forest", comparison, style="column", metric="clipscore")

Nothing is imported before a figure is asked for.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.errors import UsageError, did_you_mean
from bench.reports.board.nouns import Board
from bench.reports.comparison.findings import Rankings
from bench.reports.comparison.nouns import Comparison
from bench.reports.figures.material import Ask, Lacking, Material
from bench.reports.figures.style import Style, style_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Source: TypeAlias = "Comparison | Board | pd.DataFrame | Material | Rankings"

__all__ = ["CATALOG", "Entry", "Lacking", "entry", "figure", "materialised", "possible", "told"]


@dataclass(frozen=True)
class Entry:
    """One figure."""

    home: str
    """'module:function' below bench.reports.figures."""
    shows: str
    needs: str
    single: bool = True
    """Of one metric; False: a panel, line or cell a metric."""
    alone: bool = False
    """Nothing in it depends on the other metrics of the runs, which need not be compared for it."""
    board: bool = False
    """A board can be drawn too."""


def _one(function: str, shows: str, needs: str, *, board: bool = False, alone: bool = True) -> Entry:
    """A figure of one metric, drawn by a function of a module's name."""
    return Entry(f"{function}:{function}", shows, needs, True, alone, board)


def _many(function: str, shows: str, needs: str, *, board: bool = False) -> Entry:
    return Entry(f"{function}:{function}", shows, needs, False, False, board)


CATALOG: dict[str, Entry] = {
    "scores": _many("scores", "Scores with intervals, a panel a metric.", "a score of any system", board=True),
    "forest": _many(
        "forest", "Paired differences of all metrics in standard deviations, right being better.",
        "two systems on common prompts",
    ),
    "slices": _one(
        "slices", "Paired differences by category of prompt.", "two systems, prompts with tags", alone=False
    ),
    "scatter": _one("scatter", "Each prompt's score by one system against another.", "two systems on common prompts"),
    "differences": _one(
        "differences", "Distribution of paired differences over prompts.", "two systems on common prompts"
    ),
    "profile": _one("profile", "Share of prompts that score at least t, for every t.", "scores of single prompts"),
    "agreement": _many("agreement", "Rank correlation between metrics.", "two metrics of single images"),
    "pareto": _one(
        "pareto", "Quality against seconds an image, with the front.", "systems that were timed", board=True
    ),
    "ranks": _one("ranks", "Ranks that simultaneous intervals allow.", "two systems on common prompts", board=True),
    "rank-shares": _one(
        "rank_shares", "How often each system has each rank when prompts are drawn anew.",
        "two systems on common prompts", board=True,
    ),
    "pairwise": _one(
        "pairwise", "Matrix of all differences, marked by verdict.", "two systems on common prompts", board=True
    ),
    "fusion": _one(
        "fusion", "Generators x fusion strategies, with the interaction.",
        "a generator with and without a fusion strategy", board=True,
    ),
    "critical-difference": _one(
        "critical_difference", "Mean ranks over prompts; bars join what is not told apart.",
        "two systems on common prompts",
    ),
    "conditions": _one(
        "conditions", "Ranks under one condition after the other.",
        "two systems under two conditions: data sets, or the values of a tag (--by)", board=True, alone=False,
    ),
    "samples": _many("samples", "Images: prompts down, systems across, the truth beside.", "images on disk"),
    "curve": _one(
        "curve", "Score against a numeric factor, with slopes.", "systems that differ in one number", board=True
    ),
    "history": _one(
        "history", "A system's runs one after the other, with the steps between them.",
        "two runs of a system, oldest first",
    ),
}  # fmt: skip


def entry(name: str) -> Entry:
    """The figure of that name (underscores allowed); UsageError names the nearest."""
    found = CATALOG.get(name.replace("_", "-"))
    if found is None:
        raise UsageError(f"There is no figure '{name}'.{did_you_mean(name, CATALOG)}")
    return found


def figure(
    name: str,
    source: Source,
    *,
    style: str | Style = "column",
    metric: str | Sequence[str] = (),
    systems: Sequence[str] = (),
    baseline: str | None = None,
    colours: Mapping[str, str] | None = None,
    literal: bool = False,
    margin: float = 0.0,
    by: str = "",
    against: str = "",
    prompts: int = 0,
) -> Figure:
    """A figure as a matplotlib Figure.

    source: a comparison, a board, rankings (for 'conditions'), or a data frame in long form
    (`bench.reports.figures.frames`). style: column (3.3 in), wide (6.9 in), slide (10 x 5.6 in) or page. metric: name,
    alias, text or label, one or several. systems: titles, in the order to draw them; figures of pairs take the first
    two, system and reference. colours: title -> colour, over the palette's. literal: keep glyphs that DejaVu lacks.
    margin (forest, slices): half-width in standard deviations of the band that does not matter. by (slices,
    conditions): a tag. against (curve): the numeric factor. prompts (samples): rows.
    UsageError for what is unknown, Lacking where the source does not hold what the figure needs.
    """
    chosen = entry(name)
    metrics = (metric,) if isinstance(metric, str) and metric else tuple(metric)
    ask = Ask(style_of(style), literal, metrics, margin, by, against, prompts)
    _sound(ask, chosen)
    if isinstance(source, Rankings):
        return _of_rankings(name, source, ask, colours)
    material = materialised(source, systems=systems, baseline=baseline, colours=colours)
    if material.board is not None and not chosen.board:
        raise Lacking(f"The figure {name} cannot be drawn. It needs single prompts' scores, which boards have not.")
    try:
        return _home(chosen)(material, ask)
    except Lacking as reason:
        raise Lacking(f"The figure {name} cannot be drawn. {reason}") from None


def _home(chosen: Entry) -> Callable[[Material, Ask], Figure]:
    module, _, function = chosen.home.partition(":")
    found: Callable[[Material, Ask], Figure] = getattr(
        importlib.import_module(f"bench.reports.figures.{module}"), function
    )
    return found


def _sound(ask: Ask, chosen: Entry) -> None:
    if chosen.single and len(ask.metrics) > 1:
        raise UsageError(f"This figure shows one metric, and {len(ask.metrics)} are given; draw it once for each.")
    if not 0 <= ask.margin < 1e6:
        raise UsageError(f"A margin is 0 or more standard deviations; {ask.margin:g} was given.")
    if not 0 <= ask.prompts <= 200:
        raise UsageError(f"A grid of images has 1 to 200 prompts; {ask.prompts} were asked for.")


def _of_rankings(name: str, source: Rankings, ask: Ask, colours: Mapping[str, str] | None) -> Figure:
    from bench.reports.figures.conditions import slopes

    if name != "conditions":
        raise Lacking(f"The figure {name} cannot be drawn. It needs runs of one data set; only conditions takes more.")
    return slopes(source, ask, colours)


def materialised(
    source: Any, *, systems: Sequence[str] = (), baseline: str | None = None,
    colours: Mapping[str, str] | None = None, where: str = "the data frame",
) -> Material:  # fmt: skip
    """What the figures draw from, made once for several of them."""
    shades, some = dict(colours or {}), tuple(systems)
    if isinstance(source, Material):
        return dataclasses.replace(source, colours=shades, systems=some) if some or shades else source
    if isinstance(source, Board):
        return Material(board=source, colours=shades, systems=some)
    if isinstance(source, Comparison):
        from bench.reports.comparison.differences import Tables

        return Material(source, source.tables or Tables(source.systems), colours=shades, systems=some)
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        from bench.reports.figures.frames import material_of

        return material_of(source, where=where, baseline=baseline, colours=shades, systems=some)
    raise UsageError(
        "A figure is drawn from runs, a comparison, a board or a data frame; what was given is of type "
        f"{type(source).__name__}."
    )


def possible(source: Source, **options: Any) -> tuple[dict[str, Figure], dict[str, str]]:
    """(every figure that the source allows, name -> the reason why not of the others); options as of `figure`."""
    made: dict[str, Figure] = {}
    left: dict[str, str] = {}
    for name in CATALOG:
        try:
            made[name] = figure(name, source, **options)
        except UsageError as reason:
            left[name] = str(reason).removeprefix(f"The figure {name} cannot be drawn. ")
    return made, left


def told(left: Mapping[str, str]) -> list[str]:
    """'scatter, profile: reason', one line a reason."""
    return [
        f"{', '.join(name for name, other in left.items() if other == reason)}: {reason}"
        for reason in dict.fromkeys(left.values())
    ]
