"""Scores of single prompts, aligned over systems: what the figures of pairs, ranks and distributions are made of.

Systems are compared on the images that all of them have with a value, so that every number of a figure is about the
same prompts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.reports.board.nouns import Pairs
from bench.reports.comparison.differences import Tables
from bench.reports.figures.material import Lacking, Material, Panel, need_comparison, need_systems, the_panel, value_of
from bench.stats.bootstrap import RESAMPLES, replicates
from bench.stats.kernels import Cells, Kernel, Medians, kernel, matrix
from bench.stats.paired import complete
from bench.stats.ranks import rank_intervals, simultaneous_ends
from bench.types import Estimator, contribution


@dataclass(frozen=True)
class Joint:
    """One metric of several systems on the prompts that all have."""

    members: tuple[int, ...]
    """Systems of the material."""
    kernel: Kernel
    values: np.ndarray
    """(prompts, members) score of each prompt; NaN where a ratio's denominator is 0."""


def estimator_of(tables: Tables, panel: Panel, members: Sequence[int]) -> Estimator | None:
    """How a panel's score is made of rows; a set metric's of what images contribute to it, where all runs know that."""
    row = panel.row
    assert row is not None
    if row.output.estimator is not None:
        return row.output.estimator
    column = contribution(row.output.name)
    known = all(f"{row.metric}:{column}" in tables.frame(i) for i in members)
    return Estimator("mean", (column,)) if known else None


def joint(material: Material, panel: Panel, least: int = 2, members: Sequence[int] = ()) -> Joint:
    """The panel's scores of the competing systems that have one (or of `members`). Lacking when they are too few."""
    _, tables = need_comparison(material)
    wanted = tuple(members) or need_systems(material, least)
    found = tuple(i for i in wanted if value_of(panel, i) is not None)
    if len(found) < least:
        raise Lacking(f"{panel.label}: it needs {least} systems with a score, and there are {len(found)}.")
    estimator = estimator_of(tables, panel, found)
    if estimator is None:
        raise Lacking(f"{panel.label} has no value for each prompt or image.")
    columns, groups = _columns(tables, panel, estimator, found)
    made = kernel(estimator, columns, groups)
    if not made.groups:
        raise Lacking(f"{panel.label}: there is no prompt on which all systems have a value.")
    return Joint(found, made, _prompt_values(made, estimator, columns, groups))


def _columns(
    tables: Tables, panel: Panel, estimator: Estimator, members: Sequence[int]
) -> tuple[dict[str, Any], np.ndarray]:
    """Columns (n, members) over the common images, NaN in all where one is NaN, and the images' groups."""
    assert panel.row is not None
    keys = [tables.keys(i) for i in members]
    common = keys[0]
    for other in keys[1:]:
        common = common[common.isin(other)]
    places = [k.get_indexer(common) for k in keys]
    parts: list[dict[str, Any]] = []
    for system, at in zip(members, places, strict=True):
        frame, own = tables.frame(system), {}
        for index, name in enumerate(estimator.columns):
            tag = estimator.kind == "macro" and index == 1
            stored = f"tag:{name}" if tag else f"{panel.row.metric}:{name}"
            if stored not in frame:
                title = tables.systems[system].title
                raise Lacking(f"{panel.label}: the table of {title} has no column '{stored}'.")
            own[name] = frame[stored].to_numpy()[at]
        parts.append(own)
    return _side_by_side(estimator, parts), tables.frame(members[0])["group"].to_numpy()[places[0]]


def _side_by_side(estimator: Estimator, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(parts) == 2:
        return complete(estimator, parts[0], parts[1])
    numeric = range(2 if estimator.kind == "ratio" else 1)
    stacked = [np.hstack([matrix(estimator, p, i) for p in parts]) for i in numeric]
    fine = np.all([np.isfinite(s).all(1) for s in stacked], axis=0)
    joined: dict[str, Any] = {
        estimator.columns[i]: np.where(fine[:, None], s, np.nan) for i, s in zip(numeric, stacked, strict=True)
    }
    if estimator.kind == "macro":
        joined[estimator.columns[1]] = parts[0][estimator.columns[1]]
    return joined


def _prompt_values(made: Kernel, estimator: Estimator, columns: dict[str, Any], groups: np.ndarray) -> np.ndarray:
    """(groups, members)."""
    if isinstance(made, Cells):
        above, below = made.numerators.sum(1), made.denominators.sum(1)
        return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
    main = pd.DataFrame(matrix(estimator, columns, 0)).groupby(np.asarray(groups), sort=True).median()
    return main.dropna(how="all").to_numpy()


def two_of(made: Kernel, a: int, b: int) -> Kernel:
    """A kernel of two of the systems of another."""
    if isinstance(made, Cells):
        return Cells(made.numerators[..., [a, b]], made.denominators[..., [a, b]], made.rows)
    assert isinstance(made, Medians)
    return Medians(made.columns[:, [a, b]], made.codes, made.groups)


# ---- all pairs -----------------------------------------------------------------------------------------------------


def pair_panel(material: Material, metric: str = "") -> Panel:
    """The metric asked for, or the first primary one whose scores pair."""

    def reason(panel: Panel) -> str:
        if material.board is not None:
            known = panel.column is not None and panel.column.id in material.board.pairs
            return "" if known else "the board holds no pairs of it"
        tables = need_comparison(material)[1]
        scored = [i for i in material.ranked if value_of(panel, i) is not None]
        return "" if estimator_of(tables, panel, scored) is not None else "no value for each prompt or image is known"

    return the_panel(material, metric, also=reason)


def all_pairs(material: Material, panel: Panel) -> tuple[tuple[int, ...], Pairs]:
    """(members, their pairs), best first: of a board as it holds them, of runs by joint resampling of prompts."""
    members, found = _of_board(material, panel) if material.board is not None else _of_runs(material, panel)
    values = [panel.sign * (value_of(panel, i) or 0.0) for i in members]
    order = sorted(range(len(members)), key=lambda i: (-values[i], i))
    return tuple(members[i] for i in order), taken(found, order)


def taken(given: Pairs, order: Sequence[int]) -> Pairs:
    """Pairs in another order (or of fewer systems, whose ranks and shares stay those of the whole)."""
    at = np.asarray(order, dtype=int)
    return dataclasses.replace(
        given, delta=given.delta[np.ix_(at, at)], error=given.error[np.ix_(at, at)], reach=given.reach[at],
        ranks=tuple(given.ranks[i] for i in at), rank_shares=given.rank_shares[at],
    )  # fmt: skip


def _of_board(material: Material, panel: Panel) -> tuple[tuple[int, ...], Pairs]:
    assert material.board is not None and panel.column is not None
    found = material.board.pairs.get(panel.column.id)
    if found is None:
        raise Lacking(f"{panel.label}: the board holds no pairs of this column.")
    ranked = [i for i in material.ranked if i < len(material.board.ranked) and found.ranks[i][0] > 0]
    members = [i for i in ranked if value_of(panel, i) is not None]
    if len(members) < 2:
        raise Lacking(f"{panel.label}: it needs two ranked systems with a score, and there are {len(members)}.")
    return tuple(members), taken(found, members)


def _of_runs(material: Material, panel: Panel) -> tuple[tuple[int, ...], Pairs]:
    both = joint(material, panel)
    draws = replicates(both.kernel, RESAMPLES, 0)
    draws = draws[np.isfinite(draws).all(1)]
    if both.kernel.groups < 2 or len(draws) < 2:
        raise Lacking(f"{panel.label}: ranks have intervals from two prompts on, and there is {both.kernel.groups}.")
    point = both.kernel.values(np.ones((1, both.kernel.groups)))[0]
    low, high = simultaneous_ends(panel.sign * point, panel.sign * draws)
    error = np.std(draws[:, :, None] - draws[:, None], axis=0, ddof=1) if draws.size <= 4e6 else _errors(draws)
    half = (high - low) / 2
    reach = np.nanmax(np.divide(half, error, out=np.zeros_like(half), where=error > 0), axis=1, initial=0.0)
    return both.members, Pairs(
        point[:, None] - point, error, reach, tuple(rank_intervals(low, high)), shares(panel.sign * draws),
        both.kernel.groups,
    )  # fmt: skip


def _errors(draws: np.ndarray) -> np.ndarray:
    return np.array([(column[:, None] - draws).std(0, ddof=1) for column in draws.T])


def shares(draws: np.ndarray) -> np.ndarray:
    """(R, S) draws, higher being better -> (S, S) share of draws in which system i has rank j + 1; ties share."""
    count = draws.shape[1]
    above = (draws[:, None, :] > draws[:, :, None]).sum(2)
    equal = (draws[:, None, :] == draws[:, :, None]).sum(2)
    found = np.zeros((count, count))
    for place in range(count):
        here = (above <= place) & (place < above + equal)
        found[:, place] = np.where(here, 1 / equal, 0.0).mean(0)
    return found


def verdicts(given: Pairs, sign: int) -> np.ndarray:
    """(S, S) of 1 (row surely better than column), -1 (surely worse), 0 (not told apart), by each row's own reach."""
    apart, room = sign * given.delta, given.reach[:, None] * given.error
    known = np.isfinite(apart) & np.isfinite(room)
    found = np.where(apart > room, 1, np.where(apart < -room, -1, 0))
    np.fill_diagonal(found, 0)
    return np.where(known, found, 0)
