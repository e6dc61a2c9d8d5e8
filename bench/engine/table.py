"""The rows of a run as a table: every (sample, k), scored or missing, with its group and tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.types import Sample


@dataclass(frozen=True)
class Rows:
    """All (sample, k) of a run in plan order, and which of them a metric was fed."""

    keys: list[str]
    """(N,) 'sample#k'."""
    missing: np.ndarray
    """(N,) bool: some frame has no image that can be read."""
    groups: np.ndarray
    """(N,) group of each sample."""
    tags: Mapping[str, np.ndarray]
    """Tag -> (N,) values, '' where a sample has none."""
    where: np.ndarray
    """(n,) row of each entry that the metric was fed."""

    @classmethod
    def of(
        cls, outcomes: pd.DataFrame, fed: Sequence[tuple[str, Sample]], samples: Sequence[Sample],
        lacking: Collection[str] = (),
    ) -> Rows:  # fmt: skip
        """From a run's outcomes (one a frame) and the entries ('sample#k', sample) fed to a metric; lacking: keys of
        rows that have an image and no evidence, which are missing too."""
        known = {s.id: s for s in samples}
        keys = [f"{s}#{k}" for s, k in zip(outcomes["sample"], outcomes["k"], strict=True)]
        bad = (outcomes["status"] != "ok").groupby(pd.Series(keys, index=outcomes.index), sort=False).any()
        first = (outcomes["frame"] == 0).to_numpy()
        of = [known[i] for i in outcomes["sample"][first]]
        kept = [key for key, is_first in zip(keys, first, strict=True) if is_first]
        place = {key: i for i, key in enumerate(kept)}
        names = sorted({name for s in samples for name in s.tags})
        return cls(
            keys=kept,
            missing=bad.loc[kept].to_numpy() | np.array([key in lacking for key in kept], dtype=bool),
            groups=np.array([s.group for s in of], dtype=object),
            tags={name: np.array([s.tags.get(name, "") for s in of], dtype=object) for name in names},
            where=np.array([place[key] for key, _ in fed], dtype=int),
        )

    def spread(self, table: Mapping[str, np.ndarray], worst: Mapping[str, float]) -> dict[str, np.ndarray]:
        """Columns (n,) of what was fed -> columns (N,): the worst score where an image is missing, else NaN."""
        found = {}
        for column, values in table.items():
            full = np.full(len(self.keys), np.nan)
            full[self.missing] = worst.get(column, np.nan)
            full[self.where] = np.asarray(values, dtype=np.float64)
            found[column] = full
        return found

    def shared(self, value: float, influence: np.ndarray) -> np.ndarray:
        """(n,) influences of what was fed -> (N,) contributions with mean `value`; NaN where nothing was fed.

        An influence says what an image does to a mean over n images; the frames of a story are added up.
        """
        fed = np.bincount(self.where, minlength=len(self.keys)) > 0
        total = np.bincount(self.where, influence, minlength=len(self.keys))
        return np.where(fed, value + total * (fed.sum() / len(self.where)), np.nan)
