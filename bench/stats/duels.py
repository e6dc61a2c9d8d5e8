"""Strengths of systems from votes on pairs of their images: Bradley-Terry with ties, by maximum likelihood.

Davidson 1970: first wins : tie : second wins = p : nu sqrt(p q) : q. Rao and Kupper 1967: a win takes an odds of kappa
more than the other's strength. Both are concave in log strengths and the logarithm of their tie parameter, so that
Newton's method finds the one maximum. Intervals and ranks resample prompts, never single votes.

Strengths exist only where no part of the systems has neither lost nor tied against the rest (Ford 1957). Ties alone
hold nobody, because their parameter grows along: there must be a circle of votes with more wins than ties in it, too.
Both are the absence of a direction in which the likelihood never falls; otherwise it is said who is apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from bench.errors import DataError, TooFew, UsageError
from bench.stats.bootstrap import LEVEL, RESAMPLES, drawn_weights
from bench.stats.ranks import rank_intervals, simultaneous_ends

MODELS = ("davidson", "rao-kupper")
_STEPS, _NEAR = 200, 1e-10
_CELLS = 1 << 22
"""Numbers of one (r, S, S) block of resamples."""


@dataclass(frozen=True)
class Strengths:
    """Systems in order, the strongest first."""

    systems: tuple[str, ...]
    values: np.ndarray
    """(S,) log strengths, their mean 0: a difference d is odds e^d of winning, ties left out (Davidson)."""
    low: np.ndarray
    high: np.ndarray
    ranks: tuple[tuple[int, int], ...]
    """Best and worst rank of each."""
    votes: np.ndarray
    """(S,) votes that a system was in."""
    model: str
    tie: float
    """nu of Davidson (0: no ties), kappa of Rao and Kupper (1: none)."""
    draws: np.ndarray
    """(R, S) resampled values; rows without a maximum are left out."""
    undefined: int
    """Resamples without a maximum: with many of them, the intervals are too short."""
    groups: int


def bradley_terry(
    first: Sequence[str] | np.ndarray,
    second: Sequence[str] | np.ndarray,
    outcome: Sequence[float] | np.ndarray,
    groups: Sequence[Any] | np.ndarray,
    *,
    model: str = "davidson",
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Strengths:
    """first, second (n,) systems; outcome (n,): 1 first won, 0.5 tie, 0 second won; groups (n,) prompts -> Strengths.

    DataError for another outcome or a system against itself, TooFew where no maximum exists, with the reason.
    """
    if model not in MODELS:
        raise UsageError(f"'{model}' is no model of ties; allowed: {', '.join(MODELS)}.")
    names, codes = np.unique(np.concatenate([np.asarray(first, str), np.asarray(second, str)]), return_inverse=True)
    one, other = np.split(codes.reshape(-1), 2)
    result = np.asarray(outcome, dtype=np.float64)
    if not np.isin(result, (0.0, 0.5, 1.0)).all():
        raise DataError("A vote is 1 (the first won), 0.5 (a tie) or 0 (the second won).")
    if (one == other).any():
        raise DataError(f"'{names[one[one == other][0]]}' stands against itself in {int((one == other).sum())} votes.")
    labels, of = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    size = len(names)
    won = np.where(result == 1, one * size + other, other * size + one)
    wins = _table(of, won, result != 0.5, len(labels), size)
    ties = _table(of, one * size + other, result == 0.5, len(labels), size)
    ties = ties + _table(of, other * size + one, result == 0.5, len(labels), size)
    whole = np.ones((1, len(labels)))
    w, t = _weighed(wins, whole, size), _weighed(ties, whole, size)
    _connected_or_raise(w[0], t[0], names)
    theta, tie = _fit(w, t, model)
    draws = _resampled(wins, ties, len(labels), size, model, resamples, seed)
    order = np.argsort(-theta[0], kind="stable")
    fine = draws[np.isfinite(draws).all(1)]
    edges = [(1 - level) / 2, (1 + level) / 2]
    few = len(fine) < 2
    low, high = np.full((2, size), np.nan) if few else np.quantile(fine, edges, axis=0)
    ends = np.full((2, size, size), np.nan) if few else simultaneous_ends(theta[0], fine, level=level)
    ranks = rank_intervals(ends[0], ends[1])
    seen = (w + t)[0].sum(1) + w[0].sum(0)
    return Strengths(
        tuple(str(names[i]) for i in order), theta[0][order], low[order], high[order],
        tuple(ranks[i] for i in order), seen[order], model, float(tie[0]), fine[:, order],
        len(draws) - len(fine), len(labels),
    )  # fmt: skip


def _table(of: np.ndarray, cell: np.ndarray, counted: np.ndarray, groups: int, size: int) -> sparse.csr_matrix:
    """(G, S * S) counts."""
    entries = (counted[counted].astype(float), (of[counted], cell[counted]))
    return sparse.csr_matrix(entries, shape=(groups, size * size))


def _weighed(table: sparse.csr_matrix, weights: np.ndarray, size: int) -> np.ndarray:
    return np.asarray((table.T @ weights.T).T).reshape(len(weights), size, size)


def _resampled(
    wins: sparse.csr_matrix, ties: sparse.csr_matrix, groups: int, size: int, model: str, resamples: int, seed: int
) -> np.ndarray:
    """(R, S); NaN rows have no maximum."""
    if groups < 2:
        return np.empty((0, size))
    weights, found = drawn_weights(groups, resamples, seed), np.full((resamples, size), np.nan)
    step = max(1, _CELLS // size**2)
    for at in range(0, resamples, step):
        some = weights[at : at + step]
        w, t = _weighed(wins, some, size), _weighed(ties, some, size)
        fine = _bounded(w, t)
        if fine.any():
            found[at : at + step][fine] = _fit(w[fine], t[fine], model)[0]
    return found


# ---- where a maximum exists ----------------------------------------------------------------------------------------


def _reach(edges: np.ndarray) -> np.ndarray:
    """(r, S, S) whether j can be reached from i."""
    size = edges.shape[-1]
    there = (edges > 0) | np.eye(size, dtype=bool)
    for _ in range(max(1, int(np.ceil(np.log2(max(size, 2)))))):
        there = np.asarray((there.astype(np.float32) @ there.astype(np.float32)) > 0)
    return there


def _bounded(wins: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """(r,) whether a maximum exists: all are joined both ways, and some circle has more wins than ties."""
    return _reach(wins + ties).all((1, 2)) & _circle(wins, ties)


def _circle(wins: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """(r,) whether a circle of votes has more wins than ties: one of negative length, by Floyd and Warshall."""
    length = np.where(wins > 0, -1.0, np.where(ties > 0, 1.0, np.inf)).astype(np.float32)
    for via in range(length.shape[-1]):
        np.minimum(length, length[:, :, via, None] + length[:, None, via, :], out=length)
        np.maximum(length, -1e6, out=length)
    return np.asarray(length[:, range(length.shape[-1]), range(length.shape[-1])].min(1) < 0)


def _connected_or_raise(wins: np.ndarray, ties: np.ndarray, names: np.ndarray) -> None:
    if len(names) < 2:
        raise TooFew("Votes on pairs need two systems.")
    if wins.sum() == 0:
        raise TooFew(f"All {int(ties.sum()) // 2} votes are ties: they order nobody.")
    if _bounded(wins[None], ties[None])[0]:
        return
    met = _reach((wins + wins.T + ties)[None])[0]
    if not met.all():
        apart = names[~met[0]]
        raise TooFew(f"No vote, nor a chain of votes, is between {names[0]} and {_few(apart)}: they cannot be ordered.")
    beaten = ~_reach((wins + ties)[None])[0]  # (i, j): no chain of votes, i winning or tying, leads from i to j
    top = names[~(beaten.any(1))] if beaten.any() else names[wins.sum(0) == 0]
    who = f"{_few(top)} lost no vote" if len(top) else "the votes that are no ties go one way only"
    raise TooFew(f"Strengths have no bound: {who} against the other systems; get more votes, or leave systems out.")


def _few(names: np.ndarray) -> str:
    return ", ".join(map(str, names[:5])) + (" and others" if len(names) > 5 else "")


# ---- the maximum ---------------------------------------------------------------------------------------------------


def _fit(wins: np.ndarray, ties: np.ndarray, model: str) -> tuple[np.ndarray, np.ndarray]:
    """(r, S, S) counts (ties both ways) -> (log strengths (r, S), tie parameter (r,)), by Newton's method."""
    rows, size = len(wins), wins.shape[1]
    tied = ties.sum((1, 2)) / 2
    any_tie = tied > 0
    found = np.zeros((rows, size + 1))
    steps = _davidson if model == "davidson" else _rao_kupper
    found[:, -1] = 0.0 if model == "davidson" else 0.5
    for _ in range(_STEPS):
        slope, bend = steps(found, wins, ties, tied, any_tie)
        slope[:, -1] *= any_tie
        bend[~any_tie, -1, :] = bend[~any_tie, :, -1] = 0.0
        bend[~any_tie, -1, -1] = 1.0
        bend[:, :size, :size] += 1.0  # the sum of the strengths is free: hold it
        move = np.linalg.solve(bend, slope[..., None])[..., 0]
        move = np.clip(move, -1, 1)
        if model == "rao-kupper":  # the logarithm of kappa stays above 0
            move[:, -1] = np.maximum(move[:, -1], -0.5 * found[:, -1])
        found += move
        if np.abs(move).max() < _NEAR:
            break
    theta = found[:, :size] - found[:, :size].mean(1, keepdims=True)
    none = 0.0 if model == "davidson" else 1.0
    return theta, np.where(any_tie, np.exp(found[:, -1]), none)


def _davidson(
    at: np.ndarray, wins: np.ndarray, ties: np.ndarray, tied: np.ndarray, any_tie: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(gradient (r, S + 1), negative Hessian) of the likelihood, which is an exponential family."""
    size = wins.shape[1]
    half = (at[:, :size, None] - at[:, None, :size]) / 2
    nu = np.where(any_tie, np.exp(at[:, -1]), 0.0)[:, None, None]
    up, down = np.exp(half), np.exp(-half)
    total = up + down + nu
    win, tie = up / total, nu / total
    n = wins + np.swapaxes(wins, 1, 2) + ties
    share = win + tie / 2
    slope = np.concatenate([
        (wins + ties / 2 - n * share).sum(2), (tied - (n * tie).sum((1, 2)) / 2)[:, None],
    ], axis=1)  # fmt: skip
    bend = np.zeros((len(at), size + 1, size + 1))
    bend[:, :size, :size] = n * (tie / 4 - share * np.swapaxes(share, 1, 2))
    bend[:, range(size), range(size)] = (n * (win + tie / 4 - share**2)).sum(2)
    bend[:, :size, -1] = bend[:, -1, :size] = (n * (tie / 2 - share * tie)).sum(2)
    bend[:, -1, -1] = (n * (tie - tie**2)).sum((1, 2)) / 2
    return slope, bend


def _rao_kupper(
    at: np.ndarray, wins: np.ndarray, ties: np.ndarray, tied: np.ndarray, any_tie: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `_davidson`: a tie is as if both had won, and has (kappa^2 - 1) for it."""
    size = wins.shape[1]
    log_kappa = np.where(any_tie, at[:, -1], 0.0)
    lead = at[:, :size, None] - at[:, None, :size] - log_kappa[:, None, None]
    miss = 1 / (1 + np.exp(lead))
    up = wins + ties
    pull, curve = up * miss, up * miss * (1 - miss)
    slope = np.empty((len(at), size + 1))
    slope[:, :size] = pull.sum(2) - pull.sum(1)
    gap = -np.expm1(-2 * np.where(any_tie, log_kappa, 1.0))
    slope[:, -1] = -pull.sum((1, 2)) + tied * 2 / gap
    bend = np.zeros((len(at), size + 1, size + 1))
    bend[:, :size, :size] = -(curve + np.swapaxes(curve, 1, 2))
    bend[:, range(size), range(size)] = curve.sum(2) + curve.sum(1)
    bend[:, :size, -1] = bend[:, -1, :size] = curve.sum(1) - curve.sum(2)
    bend[:, -1, -1] = curve.sum((1, 2)) + tied * 4 * (1 - gap) / gap**2
    return slope, bend
