"""What every function demands of its input: shape, finiteness, enough rows; the message names the offending row.

`ids` are optional names of the rows, used in messages only. Blocks are the numbers 0..B-1 of the delete-a-block
jackknife, one a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.errors import NotFinite, TooFew, UsageError


def features(x: torch.Tensor, name: str, *, least: int = 1, ids: Sequence[str] | None = None) -> torch.Tensor:
    """`x` once it is known to be a finite (n, d) float tensor with n >= least; half precision is widened to float32."""
    if not isinstance(x, torch.Tensor) or x.ndim != 2 or not x.is_floating_point():
        what = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise UsageError(f"{name} must be a float tensor of shape (n, d); got {what}.")
    if x.shape[1] == 0:
        raise UsageError(f"{name} must have at least one column; got shape {tuple(x.shape)}.")
    if len(x) < least:
        raise TooFew(f"{name} must have at least {least} rows; it has {len(x)}.")
    if ids is not None and len(ids) != len(x):
        raise UsageError(f"{name} has {len(x)} rows and {len(ids)} ids; give one id a row.")
    finite(x, name, ids)
    return x.detach().to(torch.promote_types(x.dtype, torch.float32))


def sides(
    generated: torch.Tensor, reference: torch.Tensor, *, least: int = 1, ids: Sequence[str] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both sides checked, of equal width and in one precision; `ids` name the generated rows."""
    x, y = features(generated, "generated", least=least, ids=ids), features(reference, "reference", least=least)
    same_width(x, y)
    dtype = torch.promote_types(x.dtype, y.dtype)
    return x.to(dtype), y.to(dtype)


def finite(x: torch.Tensor, name: str, ids: Sequence[str] | None = None) -> None:
    """NotFinite naming the first row with a NaN or an infinity."""
    if torch.isfinite(x.sum(dtype=torch.float64)):
        return  # one NaN or infinity would show in the sum
    if not torch.isfinite(x).all():
        row = int((~torch.isfinite(x).flatten(1).all(1) if x.ndim > 1 else ~torch.isfinite(x)).nonzero()[0])
        who = f"'{ids[row]}'" if ids is not None else f"row {row}"
        raise NotFinite(f"{name} holds NaN or an infinity at {who}; check that image and the extractor's weights.")


def same_width(a: torch.Tensor, b: torch.Tensor, names: str = "generated and reference") -> None:
    """UsageError unless both have the same number of columns."""
    if a.shape[1] != b.shape[1]:
        raise UsageError(
            f"{names} must have equally many features; got {a.shape[1]} and {b.shape[1]}: make both with one extractor."
        )


def unit(x: torch.Tensor, name: str, ids: Sequence[str] | None = None) -> torch.Tensor:
    """Rows scaled to length one, in float64; NotFinite for a row of length zero."""
    wide = x.detach().double()
    length = wide.norm(dim=1, keepdim=True)
    if (length == 0).any():
        row = int((length[:, 0] == 0).nonzero()[0])
        who = f"'{ids[row]}'" if ids is not None else f"row {row}"
        raise NotFinite(f"{name} is all zero at {who}, so its direction is undefined; check that input.")
    return wide / length


def blocks(given: Sequence[int] | torch.Tensor, rows: torch.Tensor, *, least: int = 1) -> tuple[torch.Tensor, int]:
    """((n,) block of each row, B). TooFew unless each replicate keeps `least` rows."""
    which = torch.as_tensor(given if isinstance(given, torch.Tensor) else list(given), device=rows.device)
    if which.shape != (len(rows),) or which.is_floating_point() or (len(which) and int(which.min()) < 0):
        raise UsageError(f"blocks must hold a number from 0 for each of {len(rows)} rows; got {tuple(which.shape)}.")
    count = int(which.max()) + 1 if len(which) else 0
    left = len(rows) - int(torch.bincount(which, minlength=1).max()) if count else 0
    if left < least:
        raise TooFew(f"Leaving out the largest block leaves {left} rows and {least} are needed; use more blocks.")
    return which.long(), count
