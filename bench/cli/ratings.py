"""What `bench agree` reads: the table of ratings, joined with the columns of runs, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.errors import DataError, UsageError
from bench.formats.ratings import need, numbers, read_ratings


def rated(path: str, runs: Sequence[str], root: str) -> pd.DataFrame:
    """The ratings, joined with the columns of these runs; a column `system` says of which run a row is."""
    frame = read_ratings(path)
    if not runs:
        return frame
    from bench import store
    from bench.cli.naming import run_folders

    need(frame, "sample", path)
    tables = []
    for folder in run_folders(runs, root):
        samples = store.samples(folder)
        tables.append(samples.assign(system=store.load(folder).label))
    keys = [c for c in ("sample", "k", "system") if c in frame.columns]
    if "system" not in keys and len(tables) > 1:
        raise DataError(f"'{path}' rates several runs and says not which; add a column system with their labels.")
    joined = pd.concat(tables, ignore_index=True)
    for key in keys:
        frame[key], joined[key] = frame[key].astype(str), joined[key].astype(str)
    found = frame.merge(joined, on=keys, how="inner", suffixes=("", " (run)"))
    if not len(found):
        raise DataError(f"No row of '{path}' meets an image of the runs; its columns {', '.join(keys)} must be theirs.")
    return found


def columns_of(
    frame: pd.DataFrame,
    path: str,
    human: Sequence[str],
    metrics: Sequence[str],
    group: str,
    lower: Sequence[str],
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """(ratings (n,), metric -> (n,) oriented so that more is better, groups (n,))."""
    truth = np.mean([numbers(frame, c, path).to_numpy() for c in human], axis=0)
    names = list(metrics) or _numeric(frame, {*human, group})
    if not names:
        raise UsageError(f"'{path}' has no other column of numbers; name the metrics with --metric.")
    unknown = [name for name in lower if name not in names]
    if unknown:
        raise UsageError(f"--lower names '{unknown[0]}', which is none of the metrics: {', '.join(names)}.")
    scores = {n: numbers(frame, n, path).to_numpy() * (-1 if n in lower else 1) for n in names}
    groups = frame[need(frame, group, path)].astype(str).to_numpy() if group else np.arange(len(frame)).astype(str)
    return truth, scores, groups


def _numeric(frame: pd.DataFrame, taken: set[str]) -> list[str]:
    found = []
    for name in frame.columns:
        if str(name) in taken or str(name) in ("k", "group", "status"):
            continue
        values = pd.to_numeric(frame[name].map(lambda v: None if isinstance(v, list | dict) else v), errors="coerce")
        if values.notna().sum() > 0.5 * len(frame) and values.nunique() > 1:
            found.append(str(name))
    return found
