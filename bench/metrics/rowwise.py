"""What metrics with a table share: one float64 tensor of columns a row, kept as a single mergeable state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from bench.metrics.base import Metric


class Rowwise(Metric):
    """A metric whose score is an estimator over columns that each `update` appends at once."""

    columns: ClassVar[tuple[str, ...]] = ("score",)

    def __init__(self, *parameters: object) -> None:
        """parameters: all that changes the rows."""
        super().__init__()
        self.state = self.add_rows("columns", *parameters)

    def append(self, *columns: torch.Tensor) -> None:
        """One (b,) tensor a column."""
        getattr(self, self.state).append(torch.stack([c.double() for c in columns], 1))

    def held(self) -> torch.Tensor:
        """(n, columns) float64; TooFew when there are not enough rows."""
        found = self.joined(self.state)
        self.need(len(found))
        return found

    def table(self) -> dict[str, np.ndarray]:
        rows = self.held()
        return {name: rows[:, i].cpu().numpy() for i, name in enumerate(self.columns)}

    def tags(self) -> dict[str, np.ndarray]:
        """Tag -> (n,) a value of any kind for each tag that a macro estimator names: for `compute` alone, as the engine
        takes the samples' own."""
        return {}

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        return estimates(self, {**self.table(), **self.tags()})


def mark(text: str) -> int:
    """A text as 64 bits of its sha256, so that ids and meanings are numeric states, which torchmetrics can merge."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def estimates(metric: Metric, table: Mapping[str, np.ndarray]) -> torch.Tensor | dict[str, torch.Tensor]:
    """Each output's estimator applied to a table (with the tags of macro estimators), bare where 'value' is the only
    one. NaN where no row counts."""
    from bench.stats.bootstrap import estimate

    found = {}
    for output in metric.outputs:
        assert output.estimator is not None
        found[output.name] = torch.tensor(estimate(output.estimator, table), dtype=torch.float64)
    return found["value"] if list(found) == ["value"] else found
