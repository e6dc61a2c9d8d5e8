"""What every function demands of its input: shape, finiteness, enough rows; the message names the offending row."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.errors import NotFinite, TooFew, UsageError


def features(x: torch.Tensor, name: str, *, least: int = 1, ids: Sequence[str] | None = None) -> torch.Tensor:
    """`x` as it is, once it is known to be a finite (n, d) float tensor with n >= least."""
    if not isinstance(x, torch.Tensor) or x.ndim != 2 or not x.is_floating_point():
        what = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise UsageError(f"{name} must be a float tensor of shape (n, d); got {what}.")
    if len(x) < least:
        raise TooFew(f"{name} must have at least {least} rows; it has {len(x)}.")
    finite(x, name, ids)
    return x


def finite(x: torch.Tensor, name: str, ids: Sequence[str] | None = None) -> None:
    """NotFinite naming the first row with a NaN or an infinity."""
    if not torch.isfinite(x).all():
        row = int((~torch.isfinite(x).flatten(1).all(1) if x.ndim > 1 else ~torch.isfinite(x)).nonzero()[0])
        who = f"'{ids[row]}'" if ids is not None else f"row {row}"
        raise NotFinite(f"{name} holds NaN or an infinity at {who}; check that image and the extractor's weights.")


def same_width(a: torch.Tensor, b: torch.Tensor, names: str = "generated and reference") -> None:
    """UsageError unless both have the same number of columns."""
    if a.shape[1] != b.shape[1]:
        raise UsageError(f"{names} must have equally many features; got {a.shape[1]} and {b.shape[1]}.")


def unit(x: torch.Tensor, name: str, ids: Sequence[str] | None = None) -> torch.Tensor:
    """Rows scaled to length one, in float64; NotFinite for a row of length zero."""
    wide = x.double()
    length = wide.norm(dim=1, keepdim=True)
    if (length == 0).any():
        row = int((length[:, 0] == 0).nonzero()[0])
        who = f"'{ids[row]}'" if ids is not None else f"row {row}"
        raise NotFinite(f"{name} is all zero at {who}, so its direction is undefined; check that input.")
    return wide / length
