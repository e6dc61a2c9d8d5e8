"""Retrieval: R@K, median and reciprocal rank, mean average precision (whole, and within R) with many-to-many positives
and a declared rule for ties.

Rows are queries, columns the gallery. Under ties the default is the expectation over all orders of the tied items, so
that a constant scorer is at chance and not at the top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch

from bench.errors import UsageError
from bench.functional import checks

Ties = Literal["expected", "optimistic", "pessimistic"]


class Ranks(NamedTuple):
    """What is known of each query; all tensors are (q,) float64."""

    above: torch.Tensor
    """Wrong items strictly above the best right one."""
    tied: torch.Tensor
    """Wrong items level with the best right one."""
    level: torch.Tensor
    """Right items at that level (1 or more)."""
    average_precision: torch.Tensor
    """Expected over all orders of tied items."""
    precision_at_r: torch.Tensor
    """Average precision within the first R places, R being the number of right items (Musgrave et al. 2020, arXiv
    2003.08505, eq. 4), expected likewise; its mean is mAP@R."""

    def recall(self, k: int, ties: Ties = "expected") -> torch.Tensor:
        """(q,) probability that a right item is among the first k."""
        slots = k - self.above
        if ties == "optimistic":
            return (slots >= 1).double()
        if ties == "pessimistic":
            return (slots > self.tied).double()
        return _hit(slots.clamp_min(0), self.tied, self.level)

    def rank(self, ties: Ties = "expected") -> torch.Tensor:
        """(q,) rank of the best right item, from 1."""
        share = {"optimistic": 0.0, "pessimistic": 1.0}
        within = self.tied * share[ties] if ties in share else self.tied / (self.level + 1)
        return self.above + within + 1

    def reciprocal(self, ties: Ties = "expected") -> torch.Tensor:
        """(q,) 1 / rank of the best right item; under ties its expectation, not that of the rank."""
        if ties != "expected":
            return 1 / self.rank(ties)
        found = 1 / (self.above + 1)
        for i in (self.tied > 0).nonzero()[:, 0].tolist():
            found[i] = _expected_reciprocal(self.above[i], self.tied[i], self.level[i])
        return found


def _hit(slots: torch.Tensor, wrong: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """1 - C(wrong, slots) / C(wrong + right, slots): a right one is among `slots` drawn from all tied items."""
    slots = torch.minimum(slots, wrong + right)
    enough = slots > wrong
    s = torch.where(enough, torch.zeros_like(slots), slots)
    log = _log_choose(wrong, s) - _log_choose(wrong + right, s)
    return torch.where(enough, 1.0, -torch.expm1(log)).clamp(0, 1)


def _expected_reciprocal(above: torch.Tensor, wrong: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Mean of 1 / (above + x), x being the first place of a right item among wrong + right in any order."""
    x = torch.arange(1, int(wrong) + 2, dtype=torch.float64, device=above.device)
    total = wrong + right
    log = _log_choose(total - x, right - 1) - _log_choose(total, right)
    return (log.exp() / (above + x)).sum()


def _log_choose(n: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)


def retrieval_ranks(similarity: torch.Tensor, positives: torch.Tensor) -> Ranks:
    """Similarity (q, g) and positives (q, g) bool -> Ranks. UsageError for a query without a right item."""
    if similarity.shape != positives.shape or similarity.ndim != 2 or positives.dtype != torch.bool:
        raise UsageError(
            f"similarity and positives must be (q, g), positives bool; got {tuple(similarity.shape)} and "
            f"{tuple(positives.shape)} {positives.dtype}."
        )
    checks.finite(similarity, "similarity")
    counts = positives.sum(1)
    if (counts == 0).any():
        raise UsageError(f"Query {int((counts == 0).nonzero()[0])} has no right item in the gallery; leave it out.")
    wrong = similarity.masked_fill(positives, -torch.inf).sort(1).values.contiguous()
    right = similarity.masked_fill(~positives, -torch.inf).topk(int(counts.max()), dim=1).values.contiguous()
    (above, tied), (earlier, level) = _place(wrong, right), _place(right.flip(1), right)
    real = torch.arange(right.shape[1], device=right.device) < counts[:, None]
    whole, start = tied + level, above + earlier
    within = torch.minimum(whole, (counts[:, None] - start).clamp_min(0))
    averages = [
        (_average_precision(start, whole, earlier, level, places) * real).sum(1) / counts for places in (whole, within)
    ]
    return Ranks(above[:, 0], tied[:, 0], level[:, 0], *averages)


def _place(rising: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(q, r), (q, r): how many of rising (q, g), in ascending order, lie above each of right (q, r), and level with
    it."""
    upto = torch.searchsorted(rising, right, right=True)
    below = torch.searchsorted(rising, right, right=False)
    return (rising.shape[1] - upto).double(), (upto - below).double()


def _average_precision(
    above: torch.Tensor, tied: torch.Tensor, earlier: torch.Tensor, level: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    """Expected precision at a right item over all orders of its ties (McSherry & Najork 2008, ECIR), as far as it is at
    one of the first `places` of its ties (0 beyond).

    Of its `tied` items, `level` of them right, each is at place p with equal chance, behind `above` items, `earlier` of
    them right, and behind (p - 1) c more right ones, where c = (level - 1) / (tied - 1):
    mean over p of (earlier + 1 + (p - 1) c) / (above + p) up to `places`, which harmonic numbers sum.
    """
    share = (level - 1) / (tied - 1).clamp_min(1)
    most = int((above + tied).max())
    harmonic = torch.arange(most + 1, dtype=torch.float64, device=above.device).clamp_min(1).reciprocal()
    harmonic[0] = 0
    harmonic = harmonic.cumsum(0)
    reach = harmonic[(above + places).long()] - harmonic[above.long()]
    return (share * places + (earlier + 1 - share * (above + 1)) * reach) / tied


def _summary(ranks: Ranks, ties: Ties) -> dict[str, torch.Tensor]:
    found = {f"R@{k}": ranks.recall(k, ties).mean() for k in (1, 5, 10)}
    return {
        **found, "median_rank": ranks.rank(ties).median(), "mAP": ranks.average_precision.mean(),
        "MRR": ranks.reciprocal(ties).mean(), "mAP@R": ranks.precision_at_r.mean(),
    }  # fmt: skip


def retrieval(
    similarity: torch.Tensor, positives: torch.Tensor, *, ties: Ties = "expected"
) -> Mapping[str, torch.Tensor]:
    """Similarity (q, g), positives (q, g) bool -> {"R@1", "R@5", "R@10", "median_rank", "mAP", "MRR", "mAP@R"},
    scalars.

    median_rank is the lower median, as torch's. mAP and mAP@R are expectations over tied orders under every rule.
    Chance of R@K with one right item in g is K / g.
    """
    return _summary(retrieval_ranks(similarity, positives), ties)


def retrieval_from_features(
    queries: torch.Tensor,
    gallery: torch.Tensor,
    positives: torch.Tensor | tuple[Sequence[str], Sequence[str]],
    *,
    block: int = 1024,
    ties: Ties = "expected",
) -> Mapping[str, torch.Tensor]:
    """Embeddings (q, d), (g, d) by cosine, in blocks of queries: the same as `retrieval` without the full matrix.

    positives: (q, g) bool, or (labels of queries, labels of gallery), where equal labels are positives.
    """
    return _summary(ranks_from_features(queries, gallery, positives, block=block), ties)


def ranks_from_features(
    queries: torch.Tensor,
    gallery: torch.Tensor,
    positives: torch.Tensor | tuple[Sequence[str], Sequence[str]],
    *,
    block: int = 1024,
) -> Ranks:
    """As `retrieval_from_features`, giving the Ranks of each query."""
    checks.features(queries, "queries")
    checks.features(gallery, "gallery")
    checks.same_width(queries, gallery, "queries and gallery")
    x, y = checks.unit(queries, "queries"), checks.unit(gallery, "gallery")
    truth = _truth(positives, len(x), len(y))
    parts = [retrieval_ranks(_rounded(x[i : i + block] @ y.T), truth(i, i + block)) for i in range(0, len(x), block)]
    return Ranks(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _rounded(similarity: torch.Tensor) -> torch.Tensor:
    """Cosines to 12 decimals, so that equal embeddings tie whatever the order of summation."""
    return similarity.mul_(1e12).round_().div_(1e12)


def _truth(positives, queries: int, gallery: int):
    if isinstance(positives, torch.Tensor):
        return lambda a, b: positives[a:b]
    mine, theirs = positives
    number = {label: i for i, label in enumerate(dict.fromkeys([*mine, *theirs]))}
    left = torch.tensor([number[label] for label in mine])
    right = torch.tensor([number[label] for label in theirs])
    if len(left) != queries or len(right) != gallery:
        raise UsageError(f"There must be a label for each query and gallery item; got {len(left)} and {len(right)}.")
    return lambda a, b: left[a:b, None] == right[None, :]
