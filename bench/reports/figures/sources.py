"""From what a user names to what a figure is drawn from: runs, a board over runs, or a file of scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import store
from bench.aliases import title as alias_title
from bench.errors import UsageError
from bench.reports.figures.catalog import Source, entry, materialised
from bench.types import OutputCard, Run

if TYPE_CHECKING:
    from bench.reports.board.nouns import BoardSpec

EVERY = "all"
"""In the place of a figure's name: all that the data allow."""


def source_of(
    what: Any, *, name: str = EVERY, metric: str | Sequence[str] = (), board: str | Path | BoardSpec | None = None,
    baseline: str | None = None, colours: Mapping[str, str] | None = None, by: str = "", force: bool = False,
) -> Source:  # fmt: skip
    """What `figure` draws from.

    what: folders of runs or loaded runs, one or several; a comparison, board, data frame or Material is taken as it is.
    board: rank the runs by this file's rules. name: of the figure, so that no more is compared than it shows.
    """
    runs = _runs(what)
    if runs is None:
        if board is not None:
            raise UsageError("A board is made over runs; name their folders.")
        return what if dataclasses.is_dataclass(what) else materialised(what, baseline=baseline, colours=colours)
    if board is not None:
        from bench.reports.board.make import leaderboard

        return leaderboard(board, runs)
    metrics = (metric,) if isinstance(metric, str) and metric else tuple(metric)
    return _compared(runs, name, metrics, baseline, by, force)


def _runs(what: Any) -> list[str | Path | Run] | None:
    """Folders and runs; None where something else is given."""
    if isinstance(what, str | Path | Run):
        return [what]
    if isinstance(what, Sequence) and all(isinstance(w, str | Path | Run) for w in what):
        if not what:
            raise UsageError("A figure is drawn from runs, and none was given.")
        return list(what)
    return None


def _compared(
    runs: Sequence[str | Path | Run], name: str, metrics: tuple[str, ...], baseline: str | None, by: str, force: bool
) -> Source:
    from bench.reports.comparison.checks import identity
    from bench.reports.comparison.compare import compare
    from bench.spec import canonical

    loaded = [r if isinstance(r, Run) else store.load(r) for r in runs]
    if not by and name in (EVERY, "conditions") and len({canonical(identity(r)) for r in loaded}) > 1:
        from bench.reports.comparison.conditions import conditions

        return conditions(loaded, rank_by=metrics[0] if metrics else "", force=force).rankings
    if name != EVERY and entry(name).alone:
        loaded = narrowed(loaded, metrics)
    return materialised(compare(loaded, baseline=baseline, force=force))


def narrowed(runs: Sequence[Run], metrics: Sequence[str]) -> list[Run]:
    """The runs with the scores of the metrics asked for alone; whole where none is asked for, or nothing has the name.

    Comparing thirty metrics to draw one of them would take thirty times as long.
    """
    kept = [
        dataclasses.replace(r, scores=tuple(s for s in r.scores if set(_names(r, s)) & set(metrics))) for r in runs
    ]
    return kept if metrics and any(r.scores for r in kept) else list(runs)


def _names(run: Run, score: Any) -> tuple[str, ...]:
    card = run.cards.get(score.metric)
    if card is None:
        return (score.metric,)
    output: OutputCard | None = next((o for o in card.outputs if o.name == score.output), None)
    label = output.label if output is not None else ""
    title = alias_title(score.metric)
    return (score.metric, title, card.name, label, f"{score.metric}.{score.output}", f"{title}.{score.output}")
