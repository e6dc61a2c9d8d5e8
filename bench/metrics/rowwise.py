"""What metrics with a table share: one float64 tensor of columns a row, kept as a single mergeable state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from bench.metrics.base import Metric


class Rowwise(Metric):
    """A metric whose score is an estimator over columns that each `update` appends at once."""

    columns: ClassVar[tuple[str, ...]] = ("score",)

    def __init__(self) -> None:
        super().__init__()
        self.state = f"{type(self).__name__.lower()}_columns"
        self.add_state(self.state, [], dist_reduce_fx="cat", persistent=True)

    def append(self, *columns: torch.Tensor) -> None:
        """One (b,) tensor a column."""
        getattr(self, self.state).append(torch.stack([c.double() for c in columns], 1))

    def held(self) -> torch.Tensor:
        """(n, columns) float64; TooFew when there are not enough rows."""
        held = getattr(self, self.state)
        found = torch.cat(held) if isinstance(held, list) and held else held
        self.need(len(found))
        return found

    def table(self) -> dict[str, np.ndarray]:
        rows = self.held()
        return {name: rows[:, i].cpu().numpy() for i, name in enumerate(self.columns)}

    def compute(self) -> torch.Tensor | dict[str, torch.Tensor]:
        found = estimates(self, self.table())
        return found["value"] if list(found) == ["value"] else found


def estimates(metric: Metric, table: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Each output's estimator applied to a table (macro: not here, its tags belong to the run)."""
    from bench.stats.bootstrap import estimate

    found = {}
    for output in metric.outputs:
        assert output.estimator is not None
        found[output.name] = torch.tensor(estimate(output.estimator, table), dtype=torch.float64)
    return found
