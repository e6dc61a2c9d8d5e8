"""What set metrics share: features of both sides kept as rows, and the check that there are enough of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bench.functional import Moments
from bench.metrics.base import Metric
from bench.types import View


class TwoSided(Metric):
    """A set metric of generated against reference features; states are the rows of each side, mergeable by `cat`."""

    scope = "set"
    minimum = 2

    def __init__(self, extractor: str) -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.side = f"{type(self).__name__.lower()}_rows_"
        for side in ("generated", "reference"):
            self.add_state(self.side + side, [], dist_reduce_fx="cat", persistent=True)

    def views(self) -> Mapping[str, View]:
        return {side: View(side, "features", self.extractor) for side in ("generated", "reference")}

    def update(
        self,
        *,
        generated: torch.Tensor | None = None,
        reference: torch.Tensor | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Rows (b, d) of either side; lengths may differ."""
        from bench.functional import checks

        for side, rows, names in (("generated", generated, ids), ("reference", reference, None)):
            if rows is not None:
                checks.features(rows, f"{side} features", ids=names)
                getattr(self, self.side + side).append(rows.detach())

    def rows(self, side: str) -> torch.Tensor:
        """All rows (n, d) of a side; TooFew when there are not enough."""
        held = getattr(self, self.side + side)
        found = torch.cat(held) if isinstance(held, list) and held else held
        self.need(0 if isinstance(found, list) else len(found))
        return found

    def each(self, values: torch.Tensor, name: str = "value") -> dict[str, np.ndarray]:
        """Replicates as the engine wants them."""
        return {name: values.double().cpu().numpy()}


def statistics_of(path: str) -> Moments:
    """An .npz with mu (d,) and sigma (d, d) (pytorch-fid's names) as Moments; n is unknown and taken as 2."""
    from bench.errors import DataError

    try:
        with np.load(path, allow_pickle=False) as data:
            mu, sigma = (torch.from_numpy(np.asarray(data[k], dtype=np.float64)) for k in ("mu", "sigma"))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"'{path}' must be an .npz with the arrays mu (d,) and sigma (d, d): {error}.") from error
    return Moments(2, mu, sigma)


def number(value: Any) -> torch.Tensor:
    """A scalar float64 tensor."""
    return torch.as_tensor(value, dtype=torch.float64)
