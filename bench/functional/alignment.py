"""Agreement of image and text embeddings: CLIPScore (Hessel et al. 2021, arXiv 2104.08718) and R-precision (Xu et al.
2018, arXiv 1711.10485, sec. 5: the true caption against mismatched ones by cosine).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks
from bench.functional.retrieval import Ranks, Ties

_BLOCK = 512
_MATRIX = 50_000_000
"""Entries up to which all cosines are computed at once: one product is cheaper than gathering candidates."""


def cosine(image: torch.Tensor, text: torch.Tensor, *, ids: Sequence[str] | None = None) -> torch.Tensor:
    """Aligned embeddings (n, d), (n, d) -> (n,) float64 in [-1, 1]."""
    _paired(image, text, ids)
    return (checks.unit(image, "image", ids) * checks.unit(text, "text", ids)).sum(1)


def _paired(image: torch.Tensor, text: torch.Tensor, ids: Sequence[str] | None) -> None:
    checks.features(image, "image", ids=ids)
    checks.features(text, "text", ids=ids)
    checks.same_width(image, text, "image and text")
    if len(image) != len(text):
        raise UsageError(f"image and text must be aligned; got {len(image)} and {len(text)} rows.")


def clip_score(
    image: torch.Tensor, text: torch.Tensor, *, weight: float = 100.0, ids: Sequence[str] | None = None
) -> torch.Tensor:
    """Aligned embeddings (n, d), (n, d) -> (n,) weight * max(cosine, 0); the paper's weight is 2.5, torchmetrics'
    100."""
    return weight * cosine(image, text, ids=ids).clamp_min(0)


def ref_clip_score(
    image: torch.Tensor,
    text: torch.Tensor,
    captions: Sequence[torch.Tensor],
    *,
    weight: float = 2.5,
    ids: Sequence[str] | None = None,
) -> torch.Tensor:
    """Aligned image (n, d), candidate text (n, d) and the captions of each image (c_i, d) -> (n,) RefCLIPScore.

    Harmonic mean of weight * max(cos(image, text), 0) and the best max(cos(caption, text), 0) (Hessel et al. 2021, eq.
    2); 0 where both are 0. The published script does not cut the second at 0.
    """
    first = clip_score(image, text, weight=weight, ids=ids)
    if len(captions) != len(text):
        raise UsageError(f"There must be captions for each image; got {len(captions)} for {len(text)}.")
    own = checks.unit(text, "text", ids)
    best = [(checks.unit(c, "captions") @ own[i].to(c.device)).max() for i, c in enumerate(captions)]
    second = torch.stack(best).clamp_min(0) if best else first
    total = first + second
    return torch.where(total > 0, 2 * first * second / total.clamp_min(1e-300), 0.0)


def r_precision(
    image: torch.Tensor,
    text: torch.Tensor,
    *,
    candidates: int = 100,
    seed: int = 0,
    meaning: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    top: int = 1,
    ties: Ties = "expected",
    replace: bool = False,
) -> torch.Tensor:
    """Aligned embeddings (n, d), (n, d) -> (n,) credit in [0, 1]: is the true text among the `top` nearest of
    `candidates` texts?

    The candidates - 1 others are drawn without replacement from the texts of other meaning (`meaning`, default: each
    row its own), by a generator seeded with (seed, key of the row), so that the order of rows changes nothing. A tie
    gives the expected credit over its orders, 1 / (number tied) at the top, so that a constant scorer gets top /
    candidates, not 1; 'optimistic' counts it as right, as published scripts do that take the first of the largest.
    replace: the others are drawn with replacement, as comp-t2i's script does, so that fewer differ.
    """
    _paired(image, text, keys)
    if candidates < 2:
        raise UsageError(f"candidates counts the true text too and must be at least 2; got {candidates}.")
    if not 1 <= top < candidates:
        raise UsageError(f"top must lie in 1..{candidates - 1}; got {top}.")
    keys = [str(k) for k in keys] if keys is not None else [str(i) for i in range(len(image))]
    meaning = [str(m) for m in meaning] if meaning is not None else keys
    order, own = _pool(meaning, keys)
    if len(order) < candidates:
        raise TooFew(
            f"R-precision with {candidates} candidates needs that many texts of different meaning and there are "
            f"{len(order)}; lower candidates."
        )
    x, y = checks.unit(image, "image", keys), checks.unit(text, "text", keys)
    pool = y[torch.tensor(order, device=y.device)]
    few = len(x) * len(pool) <= _MATRIX
    every = x @ pool.T if few else None
    credit = []
    for start in range(0, len(x), _BLOCK):
        rows = range(start, min(start + _BLOCK, len(x)))
        drawn = np.stack([_others(seed, keys[i], own[i], len(order), candidates - 1, replace) for i in rows])
        some, places = x[start : rows.stop], torch.from_numpy(drawn).to(y.device)
        truth = (some * y[start : rows.stop]).sum(1, keepdim=True)
        if every is not None:
            others = every[start : rows.stop].gather(1, places)
        else:
            others = torch.einsum("bd,bcd->bc", some, pool[places])
        credit.append(_credit(truth, others, top, ties))
    return torch.cat(credit)


def _pool(meaning: Sequence[str], keys: Sequence[str]) -> tuple[list[int], list[int]]:
    """One row for each meaning (that of the smallest key), in the order of meanings, and each row's place in it."""
    first: dict[str, int] = {}
    for i, m in enumerate(meaning):
        if m not in first or keys[i] < keys[first[m]]:
            first[m] = i
    names = sorted(first)
    place = {m: i for i, m in enumerate(names)}
    return [first[m] for m in names], [place[m] for m in meaning]


def _others(seed: int, key: str, own: int, size: int, count: int, replace: bool) -> np.ndarray:
    """`count` places of the pool, different unless with replacement, none of them `own`."""
    mark = hashlib.sha256(f"{seed}\t{key}".encode()).digest()[:8]
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(mark, "big")))
    drawn = rng.choice(size - 1, count, replace=replace)
    return drawn + (drawn >= own)


def _credit(truth: torch.Tensor, others: torch.Tensor, top: int, ties: Ties) -> torch.Tensor:
    """Chance that the truth is among the first `top`; equal within rounding counts as a tie."""
    slack = 1e-12
    above = (others > truth + slack).sum(1).double()
    tied = ((others - truth).abs() <= slack).sum(1).double()
    return Ranks(above, tied, torch.ones_like(above), above, above).recall(top, ties)


def fold_summary(
    credit: torch.Tensor, *, folds: int = 10, drop_last: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Credit (n,) -> (mean, std with ddof 0) over `folds` equal parts of the rows in order, as papers report
    R-precision: the spread of folds, not a standard error.

    drop_last repeats a defect of DM-GAN's and TISE's scripts, whose slices leave out the last row of each part.
    """
    size = len(credit) // folds
    if size < (2 if drop_last else 1):
        raise TooFew(f"{folds} folds need {folds * (2 if drop_last else 1)} rows and there are {len(credit)}.")
    parts = torch.stack([credit[i * size : (i + 1) * size - drop_last].double().mean() for i in range(folds)])
    return parts.mean(), parts.std(correction=0)
