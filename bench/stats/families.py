"""Corrections for having looked more than once: Holm and Benjamini-Hochberg on p-values, max-T on joint permutations.

A family is declared before anything is computed. Where the comparisons share prompts, max-T (Westfall & Young 1993,
step-down) uses their correlation and loses less than Holm; Holm serves where only p-values exist; BH bounds the share
of false finds among the finds and is for looking around, never for a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bench.errors import UsageError
from bench.stats.bootstrap import flips
from bench.stats.kernels import Kernel
from bench.stats.paired import PERMUTATIONS


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm (1979) adjusted p of a family; NaN entries stay NaN and are no part of the family."""
    return _stepped(p, lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1)))


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Benjamini & Hochberg (1995) q-values; NaN entries stay NaN and are no part of the family."""

    def step_up(ordered: np.ndarray) -> np.ndarray:
        scaled = ordered * len(ordered) / np.arange(1, len(ordered) + 1)
        return np.minimum.accumulate(scaled[::-1])[::-1]

    return _stepped(p, step_up)


def _stepped(p: Sequence[float] | np.ndarray, rule: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The rule applied to the family's p in ascending order, put back in place and cut at 1."""
    given = np.asarray(p, dtype=np.float64)
    adjusted = np.full(given.shape, np.nan)
    family = np.flatnonzero(np.isfinite(given))
    if len(family):
        order = family[np.argsort(given[family], kind="stable")]
        adjusted[order] = np.minimum(rule(given[order]), 1.0)
    return adjusted


def max_t(pairs: Sequence[Kernel], *, permutations: int = PERMUTATIONS, seed: int = 0) -> np.ndarray:
    """(m,) adjusted two-sided p of m comparisons, each a kernel of two systems, under joint exchange within groups.

    Comparisons with equally many groups are exchanged by the same coins, which is right when they are over the same
    prompts; others are independent. Each difference is measured in units of its own permutation spread, so that metrics
    of any scale stand in one family. A comparison that never differs has p = 1. UsageError for an empty family.
    """
    if not pairs:
        raise UsageError("A family needs at least one comparison.")
    observed = np.empty(len(pairs))
    drawn = np.empty((permutations, len(pairs)))
    for i, both in enumerate(pairs):
        observed[i], drawn[:, i] = _differences(both, permutations, seed)
    spread = np.sqrt(np.square(drawn).mean(0))
    scale = np.where(spread > 0, spread, np.inf)
    return step_down(np.abs(observed) / scale, np.abs(drawn) / scale)


def _differences(both: Kernel, permutations: int, seed: int) -> tuple[float, np.ndarray]:
    """The difference as it is, and (B,) under exchange."""
    as_it_is = float(both.swapped(np.zeros((1, both.groups)))[0])
    return as_it_is, np.concatenate([both.swapped(f) for f in flips(both.groups, permutations, seed)])


def step_down(observed: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(..., m) statistics and (..., B, m) draws under the null, large being extreme -> (..., m) adjusted p.

    Westfall & Young (1993), algorithm 4.1: each hypothesis is held against the maximum over those not yet rejected;
    p = (b + 1) / (B + 1), made monotone.
    """
    order = np.argsort(-observed, axis=-1, kind="stable")
    ordered = np.take_along_axis(observed, order, -1)
    # maxima over this and all less extreme hypotheses
    backwards = np.take_along_axis(drawn, order[..., None, ::-1], -1)
    most = np.maximum.accumulate(backwards, axis=-1)[..., ::-1]
    extreme = (most >= (ordered * (1 - 1e-9) - 1e-15)[..., None, :]).sum(-2)
    adjusted = np.empty(observed.shape)
    raised = np.maximum.accumulate((extreme + 1) / (drawn.shape[-2] + 1), axis=-1)
    np.put_along_axis(adjusted, order, raised, -1)
    return adjusted
