"""How often the gate is wrong: repeats of one model held against each other, resampled, as they are and with a drop.

A trial takes two different repeats, draws prompts with replacement, exchanges the two on each of them by a coin, so
that nothing but noise is between them whatever these two repeats happen to differ by, and judges one against the other
by the policy's margins. Without a drop every 'regressed' is a false alarm. With one, planted into a single blocking
metric, the share of trials that do not pass and the share that are called regressed are the power. A drop of zeros and
ones turns so many successes into failures; other scores are lowered.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
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
from bench.stats.noninferiority import Exchanged, bounds, judged, seen_from, worse
from bench.types import Run

TRIALS, PERMUTATIONS = 400, 500
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
    """In units of the metric."""
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
    told = [_trial(pairs, policy, rng, None, 0.0, advance) for _ in range(trials)]
    alarms = _rate(["regressed" in t for t in told])
    unsure = _rate(["regressed" not in t and "inconclusive" in t for t in told])
    power = [_power(pairs, policy, rng, at, drop, trials, advance) for at, drop in _planned(pairs, drops)]
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


def _planned(pairs: Sequence[Sequence[_Judge]], drops: Sequence[float]) -> Iterator[tuple[int, float]]:
    """(metric, drop in margins), 0 for the drop that the gate itself says it sees."""
    for at in range(len(pairs[0])):
        yield from ((at, drop) for drop in (*drops, 0.0))


def _power(
    pairs: Sequence[Sequence[_Judge]], policy: Policy, rng: np.random.Generator, at: int, margins: float, trials: int,
    advance: Callable[[], None],
) -> Power:  # fmt: skip
    one = pairs[0][at]
    drop = margins * one.margin if margins else float(np.mean([_seen(pair, at, policy.alpha) for pair in pairs]))
    told = [_trial(pairs, policy, rng, at, drop, advance)[at] for _ in range(trials)]
    passed, found = _rate([t != "pass" for t in told]), _rate([t == "regressed" for t in told])
    return Power(one.metric, one.label, drop, margins, passed, found)


def _seen(judges: Sequence[_Judge], at: int, alpha: float) -> float:
    """The drop that the gate prints as detectable of one pair."""
    _, reach = worse([Exchanged(j.both, j.sign, np.arange(j.both.groups)) for j in judges], alpha=alpha)
    return seen_from(judges[at].both, judges[at].sign, judges[at].margin, reach, alpha=alpha)


def _trial(
    pairs: Sequence[Sequence[_Judge]], policy: Policy, rng: np.random.Generator, at: int | None, drop: float,
    advance: Callable[[], None],
) -> list[str]:  # fmt: skip
    """The outcome of each blocking metric in one trial."""
    judges = pairs[int(rng.integers(len(pairs)))]
    labels = sorted({label for j in judges for label in (j.both.labels if j.both.labels is not None else ())})
    drawn, coins = rng.integers(len(labels), size=len(labels)), rng.random(len(labels)) < 0.5
    place = {label: i for i, label in enumerate(labels)}
    family, found = [], []
    for i, judge in enumerate(judges):
        own = np.full(len(labels), -1)
        own[[place[label] for label in judge.both.labels]] = np.arange(judge.both.groups)  # type: ignore[union-attr]
        rows = own[drawn]
        there = np.flatnonzero(rows >= 0)
        above, below = (_exchanged(part[rows[there]], coins[there])
                        for part in (judge.both.numerators, judge.both.denominators))  # fmt: skip
        both = Cells(above, below, len(there), there)
        family.append(Exchanged(_lowered(both, judge.sign, drop, rng) if i == at else both, judge.sign, there))
    p, _ = worse(family, permutations=PERMUTATIONS, seed=int(rng.integers(1 << 30)))
    for judge, one, value in zip(judges, family, p, strict=True):
        found.append(judged(bounds(one.both, one.sign).low, judge.margin, float(value), alpha=policy.alpha))
    advance()
    return list(found)


def _exchanged(sums: np.ndarray, coins: np.ndarray) -> np.ndarray:
    """(G, C, 2) with the two systems in each other's place where the coin says so."""
    return np.where(coins[:, None, None], sums[..., ::-1], sums)


def _lowered(both: Cells, sign: int, drop: float, rng: np.random.Generator) -> Cells:
    """The run (system 0) worse by `drop` on average."""
    above, below = both.numerators.copy(), both.denominators
    hits = above[..., 0]
    share = hits.sum() / max(below[..., 0].sum(), 1)
    if np.isin(hits, (0.0, 1.0)).all() and (below == 1).all() and sign > 0 and share > 0:
        above[..., 0] = hits * (rng.random(hits.shape) >= min(1.0, drop / share))
    else:
        above[..., 0] = hits - sign * drop * below[..., 0]
    return Cells(above, below, both.rows, both.labels)


def _rate(hits: Sequence[bool]) -> Rate:
    from bench.stats.bootstrap import wilson

    low, high = wilson(int(np.sum(hits)), len(hits))
    return Rate(float(np.mean(hits)), float(low), float(high), len(hits))
