"""The noise floor of an unchanged model, and margins that it can be held to.

Runs of one model that change nothing (other seeds, another machine, another batch) differ by noise alone: the standard
deviation of their scores is the floor, and 2.8 of it the repeatability limit of ISO 5725, which two of them exceed in
5 %. A margin must be beyond it, and beyond what the prompts can tell apart: an unchanged run passes all of m blocking
comparisons in 95 % only where the margin is z(0.95) + z(0.95^(1/m)) errors of the difference.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from bench import store
from bench.errors import UsageError
from bench.regression.baseline import Baseline, as_run
from bench.regression.evidence import RUN, Absent, Asked, Match, asked, compared, matched
from bench.regression.gate import rules_of
from bench.regression.policy import Policy
from bench.reports.comparison.differences import Refused, columns
from bench.reports.comparison.nouns import System
from bench.stats.bootstrap import estimate
from bench.stats.kernels import kernel
from bench.stats.noninferiority import block_bounds, bounds, required
from bench.stats.paired import complete

REPEATABILITY = 2.8
"""1.96 times the square root of 2, rounded (ISO 5725-6)."""


@dataclass(frozen=True)
class Noise:
    """What repeats say of one metric's output."""

    metric: str
    output: str
    label: str
    sd: float | None
    """Of the scores of whole runs."""
    runs: int
    """Repeats behind it: runs, or seeds of one run."""
    error: float | None
    """Standard error of a difference between two runs; mean over the pairs."""
    margin: float | None
    """The smallest that is safe."""
    tighter: int | None
    """Prompts at which half of it would be."""
    why: str


def calibrated(baseline: Baseline, runs: Sequence[Path], policy: Policy, *, home: Path | None = None) -> list[Noise]:
    """The noise of each of the policy's metrics, from the baseline and repeats of it: runs, or the seeds of the
    baseline's own run where it has several images a prompt.

    UsageError when there is nothing that repeats, or a repeat is of other prompts or protocols.
    """
    with tempfile.TemporaryDirectory() as scratch:
        old = as_run(baseline, Path(scratch) / "baseline", home)
        matches = []
        for path in runs:
            record = store.load(path)
            match = matched(System(record.label or str(path), record), System(f"baseline {baseline.name}", old))
            if match.differences or not match.whole:
                told = match.differences[0] if match.differences else "it has a part of the prompts"
                raise UsageError(f"{path} is no repeat of baseline {baseline.name}: {told}.")
            matches.append(match)
        alone = matched(System("baseline", old), System("baseline", old))
        found = rules_of(alone, policy)
        blocking = max(1, sum(rule.blocking for rule, _, _ in found))
        return [_noise(metric, output, matches, alone, blocking) for _, metric, output in found]


def _noise(metric: str, output: str, matches: Sequence[Match], alone: Match, blocking: int) -> Noise:
    try:
        ones = [asked(m, metric, output) for m in matches]
        own = asked(alone, metric, output)
    except Absent as absent:
        return Noise(metric, output, metric, None, 0, None, None, None, str(absent))
    if matches:
        values = [own.before.value, *(o.after.value for o in ones)]
        sd, errors = float(np.std(values, ddof=1)), _errors(matches, ones)  # type: ignore[arg-type]
        count, why = len(values), f"{len(values)} runs"
    else:
        sd, errors, count = _of_seeds(alone, own)
        why = f"{count} seeds a prompt of one run"
        if count < 2:
            raise UsageError(
                "A noise floor needs repeats: give runs of the unchanged model, or set the baseline from a run with "
                "several images a prompt (--repeats)."
            )
    error = float(np.mean(errors)) if errors else None
    floor = REPEATABILITY * sd
    reach = 0.0 if error is None else error * _reach(blocking)
    margin = max(floor, reach) or None
    match = (matches or [alone])[0]
    both = compared(match, ones[0] if ones else own)
    groups = both.groups if both is not None else 0
    tighter = None
    if error and margin and groups:
        tighter = max(required(error * groups**0.5, margin / 2), groups)
    why += ": the noise floor decides" if floor > reach else ": the number of prompts decides"
    return Noise(metric, output, own.name, sd, count, error, margin, tighter, why)


def _reach(blocking: int) -> float:
    """Errors of the difference at which an unchanged run passes `blocking` comparisons in 95 %."""
    return float(special.ndtri(0.95) + special.ndtri(0.95 ** (1 / blocking)))


def _errors(matches: Sequence[Match], ones: Sequence[Asked]) -> list[float]:
    """Standard errors of the differences of each repeat to the baseline."""
    found = []
    for match, one in zip(matches, ones, strict=True):
        try:
            both = compared(match, one)
        except Refused:
            continue
        if both is not None:
            found.append(bounds(both, one.sign).error)
        elif one.after.replicates and len(one.after.replicates) == len(one.before.replicates):
            found.append(block_bounds(0.0, np.subtract(one.after.replicates, one.before.replicates), 1).error)
    return [e for e in found if np.isfinite(e)]


def _of_seeds(alone: Match, one: Asked) -> tuple[float, list[float], int]:
    """(noise of a run's score, errors of differences, seeds) from the repeats within one run: each seed's images are a
    run of their own, and a run of K seeds has the noise of one over the square root of K."""
    estimator = one.output.estimator
    frame = alone.tables.frame(RUN)
    seeds = sorted(frame["k"].unique())
    if estimator is None or len(seeds) < 2:
        return 0.0, [], 1
    here = [np.flatnonzero((frame["k"] == k).to_numpy()) for k in seeds]
    whole = [columns(frame, one.card, estimator, rows) for rows in here]
    values = [estimate(estimator, table) for table in whole]
    errors = []
    for a, b in itertools.combinations(range(len(seeds)), 2):
        error = _error_between(alone, one, here[a], here[b])
        errors += [error / len(seeds) ** 0.5] if error is not None else []
    return float(np.std(values, ddof=1)) / len(seeds) ** 0.5, errors, len(seeds)


def _error_between(alone: Match, one: Asked, a: np.ndarray, b: np.ndarray) -> float | None:
    """Standard error of the difference of two sets of rows of one run, paired by sample."""
    estimator = one.output.estimator
    assert estimator is not None
    frame = alone.tables.frame(RUN)
    left, right = (frame["sample"].to_numpy()[rows] for rows in (a, b))
    common, i, j = np.intersect1d(left.astype(str), right.astype(str), return_indices=True)
    if len(common) < 2:
        return None
    tables = [columns(frame, one.card, estimator, rows) for rows in (a[i], b[j])]
    groups = frame["group"].to_numpy(dtype=object)[a[i]].astype(str)
    error = bounds(kernel(estimator, complete(estimator, *tables), groups), one.sign).error
    return error if np.isfinite(error) else None


def toml(found: Sequence[Noise]) -> str:
    """The margins as a policy."""
    lines = []
    for one in found:
        if one.margin is not None:
            lines += ["[[metric]]", f'metric = "{one.metric}"', f'output = "{one.output}"',
                      f"margin = {_rounded_up(one.margin)}  # {one.why}", ""]  # fmt: skip
    return "\n".join(lines)


def _rounded_up(value: float) -> str:
    """Two significant digits, never less than the value."""
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return f"{np.ceil(value / step - 1e-9) * step:.10g}"
