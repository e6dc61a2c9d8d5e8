"""What a gate says: data only, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import (
    EXIT_FINE,
    EXIT_INCOMPLETE,
    EXIT_INCONCLUSIVE,
    EXIT_NOT_COMPARABLE,
    EXIT_REGRESSED,
    BenchError,
)
from bench.regression.policy import Policy

Outcome = Literal["pass", "regressed", "inconclusive", "not comparable", "incomplete"]
EXITS: dict[str, int] = {
    "pass": EXIT_FINE, "regressed": EXIT_REGRESSED, "inconclusive": EXIT_INCONCLUSIVE,
    "not comparable": EXIT_NOT_COMPARABLE, "incomplete": EXIT_INCOMPLETE,
}  # fmt: skip
_GRAVEST: Sequence[Outcome] = ("not comparable", "incomplete", "regressed", "inconclusive", "pass")


@dataclass(frozen=True)
class Fall:
    """One prompt of the run that is worse than in the baseline."""

    sample: str
    prompt: str
    before: float
    after: float
    images: tuple[str, str]
    """Files of baseline and run, '' where there is none."""


@dataclass(frozen=True)
class Item:
    """One comparison: a metric's output (or a slice of it) against one baseline."""

    baseline: str
    metric: str
    output: str
    label: str
    slice: str
    """'tag=value', '' for all prompts."""
    outcome: Outcome
    blocking: bool
    reason: str
    """Why it was judged so, in a sentence."""
    before: float | None
    after: float | None
    delta: float | None
    """Run less baseline, turned so that more is better; None where there is none."""
    low: float | None
    high: float | None
    margin: float | None
    p: float | None
    """One-sided, adjusted over the blocking comparisons; for others its own."""
    detectable: float | None
    """The smallest true drop that this comparison calls a regression with 80 % power."""
    needed: int | None
    """Prompts at which an unchanged run passes with 95 %."""
    prompts: int
    """Resampling units of both; images where a set metric is known by blocks alone."""
    noise: float | None
    """Standard deviation of an unchanged model's scores, where it was measured."""
    method: str
    falls: tuple[Fall, ...] = ()
    """Worst first."""

    @property
    def name(self) -> str:
        """As tests and reports call it."""
        return f"{self.label}[{self.slice}]" if self.slice else self.label


@dataclass(frozen=True)
class Finding:
    """What was found before any statistic: a collapse, missing images, broken prompts."""

    kind: str
    """collapse, failures, coverage, severity, same images, note; baseline, where one could not be read."""
    outcome: Outcome
    text: str
    falls: tuple[Fall, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a run."""

    run: str
    """Its title."""
    path: str
    digest: str
    dataset: str
    baselines: tuple[str, ...]
    items: tuple[Item, ...]
    findings: tuple[Finding, ...]
    changes: tuple[str, ...]
    """What differs beside the images, e.g. 'torch is 2.8 in the baseline, 2.9 in the run'."""
    alpha: float
    inconclusive: str
    """fail or warn."""
    differences: tuple[str, ...] = ()
    """Why the two are not comparable."""
    options: tuple[str, ...] = ()
    """What `bench gate run` was told beside run and baselines, and has a bearing on the verdict."""

    @property
    def outcome(self) -> Outcome:
        """The gravest of what blocks."""
        told = {f.outcome for f in self.findings} | {i.outcome for i in self.items if i.blocking}
        if self.differences:
            return "not comparable"
        return next(o for o in _GRAVEST if o in told or o == "pass")

    @property
    def exit_code(self) -> int:
        """What the shell sees."""
        outcome = self.outcome
        return EXIT_FINE if outcome == "inconclusive" and self.inconclusive == "warn" else EXITS[outcome]


def unjudged(run: Path, baselines: Sequence[str], policy: Policy, error: BenchError) -> Verdict:
    """What is written where a failure ends a gate before it judged anything: its sentences."""
    apart = error.exit_code == EXIT_NOT_COMPARABLE
    findings = () if apart else tuple(Finding("baseline", "incomplete", text) for text in error.messages)
    return Verdict(
        run.name, str(run), "", "", tuple(baselines), (), findings, (), policy.alpha, policy.inconclusive,
        error.messages if apart else (),
    )  # fmt: skip


def options(*, policy: str = "", baselines: str = "baselines", strict: bool = False) -> tuple[str, ...]:
    """Words of the command line for what is not as by default."""
    found = ["--policy", policy] if policy else []
    found += ["--baselines", baselines] if baselines != "baselines" else []
    return (*found, *(["--strict"] if strict else []))


def plain(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON."""
    import dataclasses

    found = dataclasses.asdict(verdict)
    return {"gate": 1, "outcome": verdict.outcome, "exit_code": verdict.exit_code, **found}
