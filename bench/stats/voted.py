"""How well a metric foresees votes on pairs of images: the share of votes that its difference has right.

accuracy: a tie of people is right where the metric ties too. calibrated: differences up to the threshold that makes
accuracy largest are called ties. untied: votes that chose one, a tie of the metric being half right. Groups (prompts)
are resampled, all metrics alike; the threshold is fitted to these very votes and held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.errors import TooFew
from bench.stats.agreement import Agreement, best_tie
from bench.stats.bootstrap import LEVEL, RESAMPLES, drawn_weights

STATISTICS = ("accuracy", "calibrated", "untied")


def vote_agreement(
    outcome: np.ndarray,
    gaps: Mapping[str, np.ndarray],
    groups: Sequence[Any] | np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> list[Agreement]:
    """outcome (n,): 1 first won, 0.5 tie, 0; gaps: metric -> (n,) score of the first less that of the second.

    Votes with a NaN anywhere are left out; TooFew with fewer than 2 groups.
    """
    fine = np.all([np.isfinite(outcome), *(np.isfinite(g) for g in gaps.values())], axis=0)
    vote = np.sign(np.asarray(outcome, float)[fine] - 0.5)
    labels, of = np.unique(np.asarray(groups, dtype=object).astype(str)[fine], return_inverse=True)
    if len(labels) < 2:
        raise TooFew(f"Agreement with votes needs votes on 2 prompts; there are {len(labels)}.")
    weights = np.concatenate([np.ones((1, len(labels))), drawn_weights(len(labels), resamples, seed)])
    edges, found = [(1 - level) / 2, (1 + level) / 2], []
    for name, column in gaps.items():
        gap = np.asarray(column, float)[fine]
        threshold = best_tie(vote, gap)[0]
        calls = {
            "accuracy": ((np.sign(gap) == vote).astype(float), np.ones(len(gap))),
            "calibrated": ((np.sign(gap) * (np.abs(gap) > threshold) == vote).astype(float), np.ones(len(gap))),
            "untied": ((vote != 0) * (np.sign(gap) * vote + 1) / 2, (vote != 0).astype(float)),
        }
        for statistic, (right, counted) in calls.items():
            top, below = (weights @ np.bincount(of, part, len(labels)) for part in (right, counted))
            draws = np.divide(top, below, out=np.full(len(top), np.nan), where=below > 0)
            known = draws[1:][np.isfinite(draws[1:])]
            low, high = np.quantile(known, edges) if len(known) > 1 else (np.nan, np.nan)
            at = threshold if statistic == "calibrated" else None
            found.append(Agreement(name, statistic, float(draws[0]), float(low), float(high), draws[1:], at))
    return found
