"""What `bench agree` reads: the table of ratings, joined with the columns of runs, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import DataError, UsageError
from bench.formats.ratings import need, numbers, read_ratings

KEYS = ("sample", "k", "system")


@dataclass(frozen=True)
class Rated:
    """Ratings with scores beside them."""

    frame: pd.DataFrame
    scores: tuple[str, ...] = ()
    """Columns that are scores of runs; empty: any column of numbers may be one."""
    lower: tuple[str, ...] = ()
    """Those of which less is better, as their metrics' cards say."""


@dataclass(frozen=True)
class RunScores:
    """Columns of runs, a row an image: sample, k, system (the run's label) and a column a metric."""

    frame: pd.DataFrame
    scores: tuple[str, ...]
    lower: tuple[str, ...]
    runs: int


def run_scores(runs: Sequence[str], root: str) -> RunScores:
    """The columns of these runs that are scores, by what their cards say."""
    from bench import store
    from bench.cli.naming import run_folders

    tables: list[pd.DataFrame] = []
    directions: dict[str, str] = {}
    for folder in run_folders(runs, root):
        run = store.load(folder)
        tables.append(store.samples(folder).assign(system=run.label))
        for text, card in run.cards.items():
            known = [o for o in card.outputs if o.estimator is not None]
            directions |= {f"{text}:{o.estimator.columns[0]}": o.direction for o in known if o.estimator}
    joined = pd.concat(tables, ignore_index=True)
    scores = tuple(c for c in directions if c in joined.columns)
    for key in KEYS:
        joined[key] = joined[key].astype(str)
    return RunScores(joined, scores, tuple(c for c in scores if directions[c] == "lower"), len(tables))


def rated(path: str, runs: Sequence[str], root: str, given: pd.DataFrame | None = None) -> Rated:
    """The ratings (of the file, or `given`), joined with the columns of these runs; a column `system` says of which run
    a row is."""
    frame = read_ratings(path) if given is None else given
    if not runs:
        return Rated(frame)
    need(frame, "sample", path)
    found = run_scores(runs, root)
    keys = [c for c in KEYS if c in frame.columns]
    if "system" not in keys and found.runs > 1:
        raise DataError(f"'{path}' rates several runs and says not which; add a column system with their labels.")
    for key in keys:
        frame[key] = frame[key].astype(str)
    met = frame.merge(found.frame, on=keys, how="inner", suffixes=("", " (run)"))
    if not len(met):
        raise DataError(f"No row of '{path}' meets an image of the runs; its columns {', '.join(keys)} must be theirs.")
    return Rated(met, found.scores, found.lower)


def columns_of(
    given: Rated,
    path: str,
    human: Sequence[str],
    metrics: Sequence[str],
    group: str,
    lower: Sequence[str],
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """(ratings (n,), metric -> (n,) oriented so that more is better, groups (n,))."""
    frame, lower = given.frame, [*lower, *given.lower]
    truth = np.mean([numbers(frame, c, path).to_numpy() for c in human], axis=0)
    names = list(metrics) or list(given.scores) or _numeric(frame, {*human, group})
    if not names:
        raise UsageError(f"'{path}' has no other column of numbers that differ; name the metrics with --metric.")
    unknown = [name for name in lower if name not in names and name not in given.lower]
    if unknown:
        raise UsageError(f"--lower names '{unknown[0]}', which is none of the metrics: {', '.join(names)}.")
    scores = {n: numbers(frame, n, path).to_numpy() * (-1 if n in lower else 1) for n in names}
    groups = frame[need(frame, group, path)].astype(str).to_numpy() if group else np.arange(len(frame)).astype(str)
    return truth, scores, groups


def raters_of(given: Rated, path: str, human: Sequence[str], group: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(units, ratings, groups) of columns of ratings, a rater a column, as `stats.raters.krippendorff` takes them."""
    frame = given.frame
    ratings = np.stack([numbers(frame, c, path).to_numpy() for c in human], axis=1)
    units = np.repeat(np.arange(len(frame)), len(human))
    groups = frame[need(frame, group, path)].astype(str).to_numpy() if group else np.arange(len(frame)).astype(str)
    return units, ratings.ravel(), np.repeat(groups, len(human))


def _numeric(frame: pd.DataFrame, taken: set[str]) -> list[str]:
    found = []
    for name in frame.columns:
        if str(name) in taken or str(name) in ("k", "group", "status"):
            continue
        values = pd.to_numeric(frame[name].map(lambda v: None if isinstance(v, list | dict) else v), errors="coerce")
        if values.notna().sum() > 0.5 * len(frame) and values.nunique() > 1:
            found.append(str(name))
    return found
