"""Several rules on one set of evidence: how far they agree, what a threshold changes, and whether systems keep their
order.

A rule's verdict on an image is a range of thresholds, `low <= threshold < high`, so that a sweep costs one comparison
an image. Resamples draw groups of images (prompts), the same for all systems and rules.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau, rankdata

from bench.errors import NotComparable, UsageError

SWEEP = tuple(round(0.05 * i, 2) for i in range(20))
"""Thresholds of confidence from 0 to 0.95."""
_CHUNK = 64


@dataclass(frozen=True)
class RuleRows:
    """What several rules say of one system's n images."""

    title: str
    keys: tuple[str, ...]
    """'sample#k' of each image."""
    groups: tuple[str, ...]
    both: np.ndarray
    """(n,) what the rules ask about is found at thresholds below this."""
    low: Mapping[str, np.ndarray]
    high: Mapping[str, np.ndarray]
    own: Mapping[str, float]
    """Rule -> the threshold that its benchmark states."""
    missing: int = 0
    """Images without evidence."""
    unjudged: int = 0
    """Images whose prompt asks for what not all rules know."""
    detector: str = ""

    def at(self, rule: str, threshold: float | None = None) -> np.ndarray:
        """(n,) bool verdicts; None: at the benchmark's own threshold."""
        t = self.own[rule] if threshold is None else threshold
        return (self.low[rule] <= t) & (t < self.high[rule])

    def part(self, keys: Sequence[str]) -> RuleRows:
        """These images, in this order."""
        place = {key: i for i, key in enumerate(self.keys)}
        at = np.array([place[key] for key in keys], dtype=int)
        return dataclasses.replace(
            self, keys=tuple(keys), groups=tuple(self.groups[i] for i in at), both=self.both[at],
            low={r: v[at] for r, v in self.low.items()}, high={r: v[at] for r, v in self.high.items()},
        )  # fmt: skip


@dataclass(frozen=True)
class RuleTable:
    """What `rule_table` finds for k systems, r rules, T thresholds."""

    systems: tuple[str, ...]
    rules: tuple[str, ...]
    n: int
    """Images of each system, the same prompts and repeats in all."""
    prompts: int
    own: Mapping[str, float]
    both: np.ndarray
    """(k,) share of images in which both objects are found, at any confidence."""
    scores: np.ndarray
    """(k, r) share of images that the rule is content with, at its own threshold."""
    ends: np.ndarray
    """(k, r, 2) ends of the 95 % interval over prompts."""
    agreement: np.ndarray
    """(r, r) share of images (of all systems) with the same verdict."""
    unanimous: np.ndarray
    """(k,) share of images on which all rules agree."""
    thresholds: tuple[float, ...]
    sweep: np.ndarray
    """(T, k, r) scores at one threshold for all rules."""
    tau: np.ndarray
    """(r, r) Kendall's tau-b of the systems' order; NaN where a rule orders none."""
    ranks: np.ndarray
    """(k, r), 1 the best; ties share the better rank."""
    reach: np.ndarray
    """(k, r, 2) best and worst rank over the sweep."""
    first: np.ndarray
    """(r,) share of resamples in which the rule's first system stays first (ties share)."""
    rows: tuple[RuleRows, ...]
    """What went in, cut to the common images."""


def rule_table(
    given: Sequence[RuleRows], *, thresholds: Sequence[float] = SWEEP, resamples: int = 1000, seed: int = 2026
) -> RuleTable:
    """Scores, agreement, sweep and order of systems on the images that all of them have.

    NotComparable where they have none in common or were judged by other rules; UsageError without a system.
    """
    if not given:
        raise UsageError("There is no run with evidence to judge.")
    if len({tuple(one.low) for one in given}) > 1 or len({tuple(sorted(one.own.items())) for one in given}) > 1:
        raise NotComparable("The runs were judged by other rules or thresholds.")
    shared = set(given[0].keys).intersection(*(one.keys for one in given[1:]))
    keys = [key for key in given[0].keys if key in shared]
    if not keys:
        raise NotComparable("The runs have no judged image in common: other prompts, or no evidence of the same ones.")
    rows = tuple(one.part(keys) for one in given)
    rules = tuple(rows[0].low)
    verdicts = np.array([[one.at(rule) for rule in rules] for one in rows])
    scores = verdicts.mean(2)
    sweep = np.array([[[one.at(rule, t).mean() for rule in rules] for one in rows] for t in thresholds])
    sweep = sweep.reshape(len(thresholds), len(rows), len(rules))
    draws = _draws(verdicts, rows[0].groups, resamples, seed)
    pooled = verdicts.transpose(1, 0, 2).reshape(len(rules), -1)
    swept = np.array([_ranks(one) for one in [scores, *sweep]])
    return RuleTable(
        systems=tuple(one.title for one in rows), rules=rules, n=len(keys), prompts=len(set(rows[0].groups)),
        own=rows[0].own, both=np.array([np.isfinite(one.both).mean() for one in rows]), scores=scores,
        ends=np.moveaxis(np.quantile(draws, (0.025, 0.975), axis=0), 0, -1),
        agreement=(pooled[:, None] == pooled[None]).mean(2),
        unanimous=(verdicts == verdicts[:, :1]).all(1).mean(1),
        thresholds=tuple(thresholds), sweep=sweep, tau=_tau(scores), ranks=_ranks(scores),
        reach=np.stack([swept.min(0), swept.max(0)], -1), first=_first(scores, draws), rows=rows,
    )  # fmt: skip


def _draws(verdicts: np.ndarray, groups: Sequence[str], resamples: int, seed: int) -> np.ndarray:
    """(R, k, r) scores of resampled groups."""
    k, r, _ = verdicts.shape
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    count = np.bincount(code)
    sums = np.array([np.bincount(code, weights=v) for v in verdicts.reshape(k * r, -1)])
    rng, found = np.random.default_rng(seed), []
    for start in range(0, resamples, _CHUNK):
        drawn = rng.integers(0, len(count), (min(_CHUNK, resamples - start), len(count)))
        weights = np.array([np.bincount(one, minlength=len(count)) for one in drawn], dtype=np.float64)
        found.append(weights @ sums.T / (weights @ count)[:, None])
    return np.concatenate(found).reshape(-1, k, r)


def _ranks(scores: np.ndarray) -> np.ndarray:
    return rankdata(-scores, axis=0, method="min").astype(int)


def _tau(scores: np.ndarray) -> np.ndarray:
    r = scores.shape[1]
    found = np.full((r, r), np.nan)
    orders = np.ptp(scores, axis=0) > 0 if len(scores) > 1 else np.zeros(r, dtype=bool)
    for a, b in np.argwhere(orders[:, None] & orders[None]):
        found[a, b] = kendalltau(scores[:, a], scores[:, b]).statistic
    return found


def _first(scores: np.ndarray, draws: np.ndarray) -> np.ndarray:
    best = draws == draws.max(1, keepdims=True)
    share = best / best.sum(1, keepdims=True)
    leaders = scores == scores.max(0)
    return np.array([share[:, leaders[:, j], j].sum(1).mean() for j in range(scores.shape[1])])
