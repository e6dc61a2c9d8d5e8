"""What a run and a baseline say of the same prompts: which of their numbers may be subtracted, and on which images.

Equal data set and prompt list: everything of equal protocol. A run of a part of the baseline's prompts (`--only`) is
held against the same part of the baseline, in metrics of single images and prompts alone: what depends on the whole
list (galleries, set metrics) has another number there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.aliases import expand, title
from bench.errors import BenchError, UsageError, did_you_mean
from bench.regression.policy import Rule
from bench.regression.verdict import Outcome
from bench.reports.comparison.checks import differing, identity
from bench.reports.comparison.differences import Tables, columns, contributions
from bench.reports.comparison.nouns import System
from bench.reports.privacy import ROWS_PRIVATE, rows_withheld
from bench.stats.kernels import Kernel, kernel
from bench.stats.paired import complete
from bench.types import Estimator, MetricCard, OutputCard, Run, Score

RUN, BASELINE = 0, 1
"""Places of the two in their tables."""
_OF_THE_LIST = ("gallery", "set")


@dataclass(frozen=True)
class Match:
    """A run and a baseline that were asked the same, or a part of it."""

    tables: Tables
    whole: bool
    """Equal lists of prompts; else the run has a part of the baseline's."""
    differences: tuple[str, ...]
    """Why they are not comparable at all."""

    @property
    def run(self) -> Run:
        return self.tables.systems[RUN].run

    @property
    def baseline(self) -> Run:
        return self.tables.systems[BASELINE].run


def matched(run: System, baseline: System) -> Match:
    """The two, with the reasons where they do not belong together."""
    pair = [run, baseline]
    tables = Tables(pair)
    bare = [s.title for s in pair if rows_withheld(s.run)]
    if bare:
        told = "private runs keep their rows; set the baseline again with --rows blinded"
        return Match(tables, False, (f"{' and '.join(bare)}: {ROWS_PRIVATE}, and nothing can be paired: {told}",))
    asked = [identity(s.run) for s in pair]
    whole = asked[0] == asked[1]
    if whole:
        return Match(tables, True, ())
    lines = differing([{k: v for k, v in a.items() if k != "prompts"} for a in asked], [s.title for s in pair])
    if lines:
        return Match(tables, False, tuple(f"data set: {line}" for line in lines))
    return Match(tables, False, _not_a_part(tables))


def _not_a_part(tables: Tables) -> tuple[str, ...]:
    """Why the run's prompts are no part of the baseline's; () where they are."""
    here, there = (tables.frame(i).drop_duplicates("sample").set_index("sample")["prompt"] for i in (RUN, BASELINE))
    common = here.index.intersection(there.index)
    if not len(common):
        return ("they have no prompt in common",)
    if len(common) < len(here):
        return (f"{len(here) - len(common)} of the run's {len(here)} prompts are not among the baseline's",)
    other = here[common] != there[common]
    return (f"{int(other.sum())} prompts of equal id have other words",) if other.any() else ()


@dataclass(frozen=True)
class Asked:
    """One output of one metric, as both have it."""

    card: MetricCard
    output: OutputCard
    before: Score
    after: Score

    @property
    def sign(self) -> int:
        """What turns a difference so that more is better."""
        return -1 if self.output.direction == "lower" else 1

    @property
    def name(self) -> str:
        """The metric's field name, with the output where it has several."""
        several = len(self.card.outputs) > 1
        return f"{title(self.card.metric)}.{self.output.name}" if several else title(self.card.metric)


class Absent(BenchError):
    """A metric that one of the two lacks, or has under another protocol; `outcome` says which."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


def asked(match: Match, metric: str, output: str) -> Asked:
    """The two scores of a metric's output; Absent with the reason where they cannot be held against each other."""
    before, after = (_score(run, metric, output) for run in (match.baseline, match.run))
    shown = title(metric)
    if (after is None) != (before is None):
        _of_another_protocol(match, metric, output)
    if after is None:
        raise Absent("incomplete", f"The run has no score of {shown}: `bench score RUN -m '{metric}'` adds it.")
    if before is None:
        raise Absent("not comparable", f"The baseline has no score of {shown}; set it again from a run that has.")
    card = match.run.cards[metric]
    found = next(o for o in card.outputs if o.name == output)
    if not match.whole and card.scope in _OF_THE_LIST:
        raise Absent("pass", f"{shown} depends on the whole list of prompts and is not judged on a part of it.")
    lines = _protocols_apart(match, before, after)
    if lines:
        raise Absent("not comparable", f"{shown}: {'; '.join(lines)}.")
    for score, whose in ((after, "run"), (before, "baseline")):
        if score.value is None:
            raise Absent("incomplete", f"The {whose} has no number of {shown}: {score.note or score.method}.")
    return Asked(card, found, before, after)


def _of_another_protocol(match: Match, metric: str, output: str) -> None:
    """Absent where one of the two has the same metric by another extractor or with other parameters instead."""
    cards = [r.cards for r in (match.baseline, match.run)]
    name = next(c[metric].name for c in cards if metric in c)
    own = [
        [t for t, card in c.items() if card.name == name and (t == metric or t not in other)]
        for c, other in (cards, cards[::-1])
    ]
    if all(len(texts) == 1 for texts in own):
        (old,), (new,) = own
        told = f"The baseline has {old} and the run {new}, which may not be subtracted"
        raise Absent("not comparable", f"{told}: `bench score RUN -m '{old}'` scores the run as the baseline was.")


def _score(run: Run, metric: str, output: str) -> Score | None:
    return next((s for s in run.scores if (s.metric, s.output) == (metric, output)), None)


def _protocols_apart(match: Match, before: Score, after: Score) -> list[str]:
    def fields(run: Run, score: Score) -> Mapping[str, Any]:
        told = run.protocols.get(score.protocol, {"protocol": score.protocol})
        return told if match.whole else {k: v for k, v in told.items() if k != "prompts"}

    both = [fields(match.baseline, before), fields(match.run, after)]
    return [] if both[0] == both[1] else differing(both, ["the baseline", "the run"])


# ---- images --------------------------------------------------------------------------------------------------------


def compared(match: Match, one: Asked, keep: np.ndarray | None = None) -> Kernel | None:
    """Both on their common images, the run first; None for a set metric known by blocks alone. keep: (n,) bool of the
    common images in the run's order."""
    estimator = estimator_of(match, one)
    if estimator is None:
        return None
    here, there = match.tables.pair(RUN, BASELINE)
    if keep is not None:
        here, there = here[keep], there[keep]
    a = columns(match.tables.frame(RUN), one.card, estimator, here)
    b = columns(match.tables.frame(BASELINE), one.card, estimator, there)
    groups = match.tables.frame(RUN)["group"].to_numpy(dtype=object)[here].astype(str)
    return kernel(estimator, complete(estimator, a, b), groups)


def estimator_of(match: Match, one: Asked) -> Estimator | None:
    """How the images make the number; of a set metric what they contribute, where both have that."""
    return one.output.estimator or contributions(match.tables, one.card, one.output, (RUN, BASELINE))


def by_prompt(match: Match, one: Asked) -> pd.DataFrame:
    """sample -> before, after: means over the common images of a prompt that have a value in both; none for what has
    no value of single images."""
    estimator = estimator_of(match, one)
    if estimator is None:
        return pd.DataFrame({"before": [], "after": []})
    here, there = match.tables.pair(RUN, BASELINE)
    frames = [(match.tables.frame(BASELINE), there), (match.tables.frame(RUN), here)]
    parts = []
    for frame, at in frames:
        found = columns(frame, one.card, estimator, at)
        top = found[estimator.columns[0]].astype(np.float64)
        below = found[estimator.columns[1]].astype(np.float64) if estimator.kind == "ratio" else np.ones(len(top))
        parts.append((top, below))
    fine = np.all([np.isfinite(top) & np.isfinite(below) for top, below in parts], axis=0)
    samples = match.tables.frame(RUN)["sample"].to_numpy()[here]
    table = pd.DataFrame({"sample": samples, **{f"{n}{i}": v for i, part in enumerate(parts) for n, v in
                                                zip("ab", part, strict=True)}})  # fmt: skip
    sums = table[fine].groupby("sample", sort=True).sum()
    made = pd.DataFrame({"before": sums["a0"] / sums["b0"], "after": sums["a1"] / sums["b1"]})
    return made[np.isfinite(made).all(axis=1)]


# ---- names ---------------------------------------------------------------------------------------------------------


def named(match: Match, rule: Rule) -> tuple[str, str]:
    """(metric text, output) that a rule is about. UsageError for a name that neither of the two knows, or that several
    metrics have."""
    cards = {**match.baseline.cards, **match.run.cards}
    texts = {str(expand(rule.metric))} & set(cards) or {
        text for text, card in cards.items()
        if rule.metric in (card.name, title(text), *(o.label for o in card.outputs if len(card.outputs) == 1))
    }  # fmt: skip
    if not texts:
        known = sorted({*cards, *(c.name for c in cards.values()), *(title(t) for t in cards)})
        raise UsageError(f"No metric of run or baseline is called '{rule.metric}'.{did_you_mean(rule.metric, known)}")
    if len(texts & set(match.baseline.cards)) == 1:
        texts &= set(match.baseline.cards)  # what the run has instead is told when the two are held against each other
    if len(texts) > 1:
        raise UsageError(f"'{rule.metric}' may be {' or '.join(sorted(texts))}; give one of these.")
    (text,) = texts
    outputs = {o.name: o for o in cards[text].outputs}
    if rule.output:
        if rule.output not in outputs:
            raise UsageError(f"{text} has no output '{rule.output}'.{did_you_mean(rule.output, outputs)}")
        return text, rule.output
    primary = [name for name, o in outputs.items() if o.primary and o.direction != "none"]
    if len(primary) != 1:
        raise UsageError(f"{text} has several outputs; give output = one of {', '.join(outputs)}.")
    return text, primary[0]
