"""How often the gate is wrong: repeats of one model held against each other, resampled, as they are and with a drop.

A trial takes two different repeats (all pairs in turn), draws prompts with replacement, exchanges the two on each of
them by a coin, so that nothing but noise is between them whatever these two repeats happen to differ by, and judges one
against the other by the policy's margins. Without a drop every 'regressed' is a false alarm. With one, planted into a
single blocking metric, the share of trials that do not pass and the share that are called regressed are the power. A
drop of zeros and ones turns so many successes into failures; other scores are lowered. Where it is the drop that the
gate prints, each pair has the one that is printed of it.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import UsageError
from bench.regression.baseline import Baseline, as_run
from bench.regression.evidence import Absent, asked, compared, matched
from bench.regression.gate import rules_of
from bench.regression.policy import BLOCKING, MARGIN_SD, Policy, Rule
from bench.reports.comparison.differences import Refused
from bench.reports.comparison.nouns import System
from bench.stats.kernels import Cells
from bench.stats.noninferiority import Exchanged, bounds, loses, seen_from, worse
from bench.stats.trials import INCONCLUSIVE, PASS, REGRESSED, Drawn, outcomes
from bench.types import Run

TRIALS = 2000
BATCH = 50
"""Trials that are judged at once."""
DROPS = (0.5, 1.0, 2.0)
"""Of the margin."""


@dataclass(frozen=True)
class Rate:
    """A share of trials with its Wilson interval at 95 %."""

    share: float
    low: float
    high: float
    trials: int


@dataclass(frozen=True)
class Power:
    """What a planted drop of one metric ends as."""

    metric: str
    label: str
    drop: float
    """In units of the metric; mean over the pairs."""
    margins: float
    """The same in margins; 0 where it is the drop that the gate says it sees."""
    not_passed: Rate
    regressed: Rate


@dataclass(frozen=True)
class Audit:
    """How a policy does on repeats of one model."""

    runs: int
    prompts: int
    blocking: tuple[str, ...]
    false_alarms: Rate
    unsure: Rate
    """Unchanged trials that neither passed nor were called regressed."""
    power: tuple[Power, ...]
    left_out: tuple[str, ...]
    """Blocking metrics that cannot be resampled, and why."""


@dataclass(frozen=True)
class _Judge:
    """One blocking metric of one pair of repeats."""

    label: str
    metric: str
    both: Cells
    sign: int
    margin: float

    @property
    def names(self) -> np.ndarray:
        """(G,) labels of its prompts."""
        return np.arange(self.both.groups) if self.both.labels is None else np.asarray(self.both.labels, dtype=str)


def audited(
    repeats: Sequence[Run | Baseline], policy: Policy, *, drops: Sequence[float] = DROPS, trials: int = TRIALS,
    seed: int = 0, advance: Callable[[], None] = lambda: None,
) -> Audit:  # fmt: skip
    """Audit a policy on two or more repeats of one model. UsageError for fewer, or where nothing blocks.

    advance is called after each of the `work` trials.
    """
    if len(repeats) < 2:
        raise UsageError(f"An audit holds repeats against each other and needs two or more; got {len(repeats)}.")
    with tempfile.TemporaryDirectory() as scratch:
        runs = [r if isinstance(r, Run) else as_run(r, Path(scratch) / str(i)) for i, r in enumerate(repeats)]
        left_out: list[str] = []
        pairs = [_judges(a, b, policy, left_out) for a, b in itertools.permutations(runs, 2)]
    pairs = [pair for pair in pairs if pair]
    if not pairs:
        raise UsageError(f"Nothing that blocks can be resampled: {'; '.join(dict.fromkeys(left_out)) or 'no metric'}.")
    rng = np.random.default_rng(seed)
    told = _trials(pairs, policy, rng, trials, advance)
    alarms = _rate((told == REGRESSED).any(1))
    unsure = _rate((told == INCONCLUSIVE).any(1) & (told != REGRESSED).all(1))
    power = []
    for at, margins in itertools.product(range(len(pairs[0])), (*drops, 0.0)):
        one = _power(pairs, policy, rng, at, margins, trials, advance)
        if one is None:
            left_out.append(f"{pairs[0][at].label}: so few prompts call no drop a regression in 80 %")
        else:
            power.append(one)
    first = pairs[0]
    return Audit(
        len(runs), first[0].both.groups, tuple(j.label for j in first), alarms, unsure, tuple(power),
        tuple(dict.fromkeys(left_out)),
    )  # fmt: skip


def work(policy: Policy, drops: Sequence[float] = DROPS, trials: int = TRIALS) -> int:
    """Trials that an audit takes in all, at most."""
    blocking = sum(rule.blocking for rule in policy.rules) or BLOCKING
    return trials * (1 + blocking * (len(drops) + 1))


def _judges(run: Run, baseline: Run, policy: Policy, left_out: list[str]) -> list[_Judge]:
    match = matched(System("run", run), System("baseline", baseline))
    if match.differences or not match.whole:
        told = match.differences[0] if match.differences else "one has a part of the other's prompts"
        raise UsageError(f"{run.label or run.path} and {baseline.label or baseline.path} are no repeats: {told}.")
    found = []
    for rule, metric, output in rules_of(match, policy):
        if not rule.blocking:
            continue
        try:
            one = asked(match, metric, output)
            both = compared(match, one)
        except (Absent, Refused) as reason:
            left_out.append(f"{metric}: {reason}")
            continue
        if not isinstance(both, Cells):
            left_out.append(f"{metric}: it has no values of single images that could be drawn again")
            continue
        found.append(_Judge(one.name, metric, both, one.sign, _margin(rule, both, one.sign)))
    return found


def _margin(rule: Rule, both: Cells, sign: int) -> float:
    return rule.margin if rule.margin is not None else (rule.margin_sd or MARGIN_SD) * bounds(both, sign).sd


def _power(
    pairs: Sequence[Sequence[_Judge]], policy: Policy, rng: np.random.Generator, at: int, margins: float, trials: int,
    advance: Callable[[], None],
) -> Power | None:  # fmt: skip
    """margins: 0 for the drop that the gate itself says it sees; None where it sees none."""
    if margins:
        drops = [margins * pair[at].margin for pair in pairs]
    else:
        drops = [_seen(pair, at, policy.alpha) for pair in pairs]
        pairs = [pair for pair, drop in zip(pairs, drops, strict=True) if np.isfinite(drop)]
        drops = [drop for drop in drops if np.isfinite(drop)]
    if not pairs:
        return None
    told = _trials(pairs, policy, rng, trials, advance, at, drops)[:, at]
    one = pairs[0][at]
    return Power(one.metric, one.label, float(np.mean(drops)), margins, _rate(told != PASS), _rate(told == REGRESSED))


def _seen(judges: Sequence[_Judge], at: int, alpha: float) -> float:
    """The drop that the gate prints as detectable of one pair."""
    labels = _labels(judges)
    _, reach = worse([Exchanged(j.both, j.sign, np.searchsorted(labels, j.names)) for j in judges], alpha=alpha)
    return seen_from(judges[at].both, judges[at].sign, judges[at].margin, reach, alpha=alpha)


def _trials(
    pairs: Sequence[Sequence[_Judge]], policy: Policy, rng: np.random.Generator, trials: int,
    advance: Callable[[], None], at: int | None = None, drops: Sequence[float] = (),
) -> np.ndarray:  # fmt: skip
    """(trials, m) outcomes of each blocking metric; the pairs have equally many, the first ones one more."""
    found = []
    for i, judges in enumerate(pairs):
        left = trials // len(pairs) + (i < trials % len(pairs))
        while left > 0:
            count = min(left, BATCH)
            family = _drawn(judges, count, rng, at, drops[i] if at is not None else 0.0)
            found.append(outcomes(family, rng, alpha=policy.alpha)[0])
            left -= count
            for _ in range(count):
                advance()
    return np.concatenate(found)


def _drawn(
    judges: Sequence[_Judge], count: int, rng: np.random.Generator, at: int | None, drop: float
) -> list[Drawn]:  # fmt: skip
    """The metrics of one pair on prompts drawn again, the two exchanged by a coin on each; `at` worse by the drop."""
    labels = _labels(judges)
    rows, coins = rng.integers(len(labels), size=(count, len(labels))), rng.random((count, len(labels))) < 0.5
    family = []
    for i, judge in enumerate(judges):
        place = np.searchsorted(labels, judge.names)
        there = np.zeros(len(labels), dtype=bool)
        there[place] = True
        sums = []
        for part in (judge.both.numerators, judge.both.denominators):
            whole = np.zeros((len(labels), *part.shape[1:]))
            whole[place] = part
            sums.append(np.where(coins[:, :, None, None], whole[rows][..., ::-1], whole[rows]))
        above, below = sums
        if i == at:
            above[..., 0] = _lowered(judge, above[..., 0], below[..., 0], drop, rng)
        family.append(Drawn(above, below, there[rows].sum(1), judge.sign, judge.margin))
    return family


def _labels(judges: Sequence[_Judge]) -> np.ndarray:
    """All prompts of a pair, sorted."""
    return np.unique(np.concatenate([j.names for j in judges]))


def _lowered(judge: _Judge, above: np.ndarray, below: np.ndarray, drop: float, rng: np.random.Generator) -> np.ndarray:
    """(T, G, C) numerators of a run that is worse by `drop` on average."""
    if not loses(judge.both, judge.sign):
        return above - judge.sign * drop * below
    hits = above if judge.sign > 0 else below - above
    share = hits.sum((1, 2)) / np.maximum(below.sum((1, 2)), 1)
    lost = np.minimum(1.0, drop / np.maximum(share, 1e-12))
    kept = rng.binomial(hits.astype(int), 1 - lost[:, None, None]).astype(np.float64)
    return kept if judge.sign > 0 else below - kept


def _rate(hits: np.ndarray) -> Rate:
    from bench.stats.bootstrap import wilson

    low, high = wilson(int(np.sum(hits)), len(hits))
    return Rate(float(np.mean(hits)), float(low), float(high), len(hits))
