"""What set metrics share: features of both sides kept as rows, and the checks that there are enough of them and that
they fit.

Rows are kept as they came (a batch is not copied, so that metrics of one view share its memory) because kernel,
neighbour and small-sample Fréchet distances need them; half precision is widened to float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bench.errors import DataError, UsageError
from bench.functional import Moments, checks
from bench.metrics.base import Metric
from bench.types import View


class TwoSided(Metric):
    """A set metric of generated against reference features; states are the rows of each side, mergeable by `cat`."""

    scope = "set"
    minimum = 2

    def __init__(self, extractor: str, *parameters: object) -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.states = {side: self.add_rows(side, extractor, *parameters) for side in ("generated", "reference")}

    def views(self) -> Mapping[str, View]:
        return {
            "generated": View("generated", "features", self.extractor),
            "reference": View("reference", "features", self.extractor),
        }

    def update(
        self,
        *,
        generated: torch.Tensor | None = None,
        reference: torch.Tensor | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Rows (b, d) of either side; lengths may differ."""
        for side, rows, names in (("generated", generated, ids), ("reference", reference, None)):
            if rows is not None:
                self._keep(side, rows, names)

    def _keep(self, side: str, rows: torch.Tensor, names: Sequence[str] | None) -> None:
        checks.features(rows, f"{side} features", ids=names)
        held = getattr(self, self.states[side])
        if held and rows.shape[1] != held[0].shape[1]:
            raise UsageError(
                f"The {side} features had {held[0].shape[1]} columns and now have {rows.shape[1]}; use one extractor."
            )
        held.append(rows.detach().to(torch.promote_types(rows.dtype, torch.float32)))

    def rows(self, side: str) -> torch.Tensor:
        """All rows (n, d) of a side; TooFew when there are not enough."""
        found = self.joined(self.states[side])
        self.need(len(found), f"{side} images")
        return found

    def both(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows of both sides in one precision."""
        generated, reference = self.rows("generated"), self.rows("reference")
        dtype = torch.promote_types(generated.dtype, reference.dtype)
        return generated.to(dtype), reference.to(dtype)


def as_replicates(**values: torch.Tensor) -> dict[str, np.ndarray]:
    """Output -> (B,) float64 replicates, as the engine wants them."""
    return {name: column.double().cpu().numpy() for name, column in values.items()}


def statistics_of(path: str) -> Moments:
    """An .npz with mu (d,) and sigma (d, d) (pytorch-fid's names) as Moments; n is unknown and taken as 2."""
    try:
        with np.load(path, allow_pickle=False) as data:
            mu, sigma = (torch.from_numpy(np.asarray(data[k], dtype=np.float64)) for k in ("mu", "sigma"))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"'{path}' must be an .npz with the arrays mu (d,) and sigma (d, d): {error}.") from error
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise DataError(
            f"'{path}' must hold mu (d,) and sigma (d, d); it holds {tuple(mu.shape)} and {tuple(sigma.shape)}."
        )
    checks.finite(mu, f"mu of '{path}'")
    checks.finite(sigma, f"sigma of '{path}'")
    return Moments(2, mu, (sigma + sigma.T) / 2)
