"""Systems ranked on one group of prompts: values on the images that all of them have, with intervals of ranks.

A group is one or more parts (a data set, or the prompts of a tag's value); over several data sets the value is the
mean, each resampled by itself while the data sets stay fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from bench.reports.comparison.differences import Tables, columns, contributions, finite
from bench.reports.comparison.findings import Place
from bench.reports.comparison.nouns import Row
from bench.reports.comparison.values import sign
from bench.stats.bootstrap import RESAMPLES, interval, replicates
from bench.stats.kernels import kernel
from bench.stats.ranks import rank_intervals, simultaneous_ends
from bench.types import Estimator


@dataclass(frozen=True)
class Part:
    """Where a group's values come from."""

    tables: Tables
    row: Row
    systems: tuple[int, ...]
    """Of each title of the group its place in the tables."""
    tag: tuple[str, str] | None = None
    """(name, value): only prompts with it."""


@dataclass(frozen=True)
class Ranked:
    """Values of a group's systems, turned so that more is better, with joint resamples."""

    titles: tuple[str, ...]
    turned: np.ndarray
    """(S,)"""
    draws: np.ndarray | None
    """(R, S), or None where the metric has no rows."""
    ends: tuple[tuple[float | None, float | None], ...]
    """95 % interval of each value, not turned."""
    sign: int
    prompts: int

    def only(self, titles: Sequence[str]) -> Ranked:
        """The same of some of the systems."""
        at = [self.titles.index(t) for t in titles]
        draws = None if self.draws is None else self.draws[:, at]
        ends = tuple(self.ends[i] for i in at)
        return Ranked(tuple(titles), self.turned[at], draws, ends, self.sign, self.prompts)

    @property
    def ranks(self) -> np.ndarray:
        """(S,) 1 is best; systems that are equal share the better rank."""
        size = np.abs(self.turned).max(initial=0.0)
        return rankdata(-np.round(self.turned / (size or 1.0), 12), method="min").astype(int)

    def intervals(self) -> list[tuple[int, int]]:
        """(best, worst) rank of each that the differences allow; all ranks where nothing can be resampled."""
        if self.draws is None or len(self.titles) < 2:
            return [(1, len(self.titles))] * len(self.titles)
        return rank_intervals(*simultaneous_ends(self.turned, self.draws))

    def places(self) -> tuple[Place, ...]:
        """Best first."""
        found = [
            Place(title, float(self.sign * value), *ends, int(rank), *reach)
            for title, value, ends, rank, reach in zip(
                self.titles, self.turned, self.ends, self.ranks, self.intervals(), strict=True
            )
        ]
        return tuple(sorted(found, key=lambda p: (p.rank, self.titles.index(p.system))))


def ranked(parts: Sequence[Part], titles: Sequence[str]) -> Ranked | None:
    """The systems of a group; None when they have no image with a value in common."""
    made = [_of_part(part, seed) for seed, part in enumerate(parts)]
    known = [m for m in made if m is not None]
    if len(known) < len(made) or not known:
        return None
    values = np.mean([v for v, *_ in known], axis=0)
    turned = sign(parts[0].row)
    drawn = [d for _, d, *_ in known if d is not None]
    least = min(map(len, drawn), default=0)  # a resample on which a part has no value is left out of that part
    draws = np.mean([d[:least] for d in drawn], axis=0) if len(drawn) == len(known) else None
    ends = known[0][2]
    if len(known) > 1:
        none: tuple[float | None, float | None] = (None, None)
        edges = None if draws is None else np.quantile(draws, [0.025, 0.975], axis=0)
        ends = [none if edges is None else (float(edges[0, i]), float(edges[1, i])) for i in range(len(titles))]
    prompts = sum(p for *_, p in known)
    return Ranked(
        tuple(titles), turned * values, None if draws is None else turned * draws, tuple(ends), turned, prompts
    )


Made = tuple[np.ndarray, np.ndarray | None, list[tuple[float | None, float | None]], int]


def _of_part(part: Part, seed: int) -> Made | None:
    """(S,) values, (R, S) resamples, ends, prompts."""
    estimator = part.row.output.estimator or contributions(part.tables, part.row.card, part.row.output, part.systems)
    if estimator is None:
        return _of_cells(part)
    joint, groups, samples = _joint(part, estimator)
    both = kernel(estimator, joint, groups)
    if not both.groups:
        return None
    values = both.values(np.ones((1, both.groups)))[0]
    if not np.isfinite(values).all():
        return None
    draws = replicates(both, RESAMPLES, seed)
    draws = draws[np.isfinite(draws).all(1)]
    ends, bounds = [], (part.row.output.low, part.row.output.high)
    for i in range(len(part.systems)):
        one = {n: c[:, i] if c.ndim == 2 else c for n, c in joint.items()}
        low, high, _ = interval(estimator, one, groups, proportion=bounds == (0.0, 1.0))
        ends.append((finite(low), finite(high)))
    main = joint[estimator.columns[0]]
    prompts = len(pd.unique(samples[np.isfinite(main).all(1)]))
    return values, draws if len(draws) > 1 else None, ends, prompts


def _joint(part: Part, estimator: Estimator) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Columns (n, S) on the common images, NaN in all where one has none; groups and samples (n,)."""
    tables, first = part.tables, part.systems[0]
    keys = tables.keys(first)
    for i in part.systems[1:]:
        keys = keys[keys.isin(tables.keys(i))]
    if part.tag is not None:
        name, value = part.tag
        tags = tables.frame(first)[f"tag:{name}"].to_numpy(dtype=object)[tables.keys(first).get_indexer(keys)]
        keys = keys[[str(t) == value for t in tags]]
    at = [tables.keys(i).get_indexer(keys) for i in part.systems]
    read = [columns(tables.frame(i), part.row.card, estimator, a) for i, a in zip(part.systems, at, strict=True)]
    numeric = estimator.columns[: 2 if estimator.kind == "ratio" else 1]
    joint = {n: np.stack([r[n].astype(np.float64) for r in read], axis=1) for n in numeric}
    fine = np.all([np.isfinite(c).all(1) for c in joint.values()], axis=0)
    joint = {n: np.where(fine[:, None], c, np.nan) for n, c in joint.items()}
    if estimator.kind == "macro":
        joint[estimator.columns[1]] = read[0][estimator.columns[1]]
    samples = tables.frame(first)["sample"].to_numpy(dtype=object)[at[0]]
    return joint, tables.codes(first)[at[0]], samples


def _of_cells(part: Part) -> Made | None:
    """Values of a set metric that cannot be resampled, where all have equally many images."""
    cells = [part.row.cells[i] for i in part.systems]
    known = [c for c in cells if c is not None and c.value is not None]
    if len(known) < len(cells) or len({c.n for c in known}) > 1 or part.tag is not None:
        return None
    values = np.array([c.value for c in known], dtype=np.float64)
    samples = part.tables.frame(part.systems[0])["sample"].nunique()
    return values, None, [(c.low, c.high) for c in known], int(samples)
