"""What shows before any statistic that a run is broken: missing and failed images, a collapse, exchanged captions."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.regression.evidence import BASELINE, RUN, Match
from bench.regression.policy import Policy
from bench.regression.verdict import Finding
from bench.types import Score

_AT_CHANCE = 0.25
"""Of what the baseline is above chance, at most so much is left where captions were exchanged."""
_SHOWN = {
    "constant": "are of one colour", "black": "are black", "duplicates": "are those of another prompt too",
    "seeds-ignored": "are equal to another seed's of the same prompt",
}  # fmt: skip


def findings(match: Match, policy: Policy) -> list[Finding]:
    """All that is found, gravest kinds first."""
    here, there = match.tables.frame(RUN), match.tables.frame(BASELINE)
    if not match.whole:
        there = there[there["sample"].isin(set(here["sample"]))]
    return [*_coverage(here, there, policy), *_collapsed(here, there, policy), *_at_chance(match)]


def _coverage(here: pd.DataFrame, there: pd.DataFrame, policy: Policy) -> Iterator[Finding]:
    wanted = pd.MultiIndex.from_frame(there[["sample", "k"]])
    share = float(wanted.isin(pd.MultiIndex.from_frame(here[["sample", "k"]])).mean())
    if share < policy.coverage:
        lacking = round((1 - share) * len(wanted))
        yield Finding("coverage", "incomplete", f"{lacking} of the baseline's {len(wanted)} images are not in the run.")
    failed = [float((frame["status"] != "ok").mean()) for frame in (here, there)]
    if failed[0] - failed[1] > policy.failures:
        counts = here["status"].value_counts()
        told = ", ".join(f"{n} {status}" for status, n in counts.items() if status != "ok")
        yield Finding(
            "failures", "incomplete",
            f"{failed[0]:.1%} of the run's images were not made ({told}); the baseline has {failed[1]:.1%}.",
        )  # fmt: skip


def _collapsed(here: pd.DataFrame, there: pd.DataFrame, policy: Policy) -> Iterator[Finding]:
    now, before = shares(here), shares(there)
    for name, told in _SHOWN.items():
        if name in now and now[name] - before.get(name, 0.0) > policy.collapse:
            text = f"{now[name]:.1%} of the images {told}; the baseline has {before.get(name, 0.0):.1%}."
            yield Finding("collapse", "regressed", text)


def shares(frame: pd.DataFrame) -> dict[str, float]:
    """Shares of constant, black, repeated images and of ignored seeds, as metric `collapse` has them; the first two
    only where that was scored."""
    made = frame[frame["status"] == "ok"]
    found: dict[str, float] = {}
    for name in ("constant", "black"):
        column = f"collapse:{name}"
        if column in frame and len(made):
            found[name] = float(made[column].mean())
    if not len(made) or not (made["digest"].astype(str) != "").all():
        return found
    owners = made.groupby("digest")["sample"].transform("nunique")
    found["duplicates"] = float((owners > 1).mean())
    repeats = made.groupby("sample")["k"].transform("count")
    if (repeats > 1).any():
        same = made.groupby(["sample", "digest"])["k"].transform("count")
        found["seeds-ignored"] = float((same[repeats > 1] > 1).mean())
    return found


def _at_chance(match: Match) -> Iterator[Finding]:
    """Own captions must do better than others' where they did so before."""
    lost: list[str] = []
    kept = 0
    for after in match.run.scores:
        card = match.run.cards[after.metric]
        output = next((o for o in card.outputs if o.name == after.output and o.primary), None)
        before = next((s for s in match.baseline.scores if (s.metric, s.output) == (after.metric, after.output)), None)
        if output is None or output.direction == "none" or before is None:
            continue
        sign = -1 if output.direction == "lower" else 1
        was, now = _above_chance(before, sign), _above_chance(after, sign)
        if was is None or now is None or was <= 0.05 * abs(before.value or 0.0):
            continue
        lost, kept = ([*lost, output.label], kept) if now < _AT_CHANCE * was else (lost, kept + 1)
    if lost and not kept:
        told = f"Captions do no better than those of other prompts ({', '.join(lost)})"
        yield Finding("collapse", "regressed", f"{told}: they were exchanged, or ignored.")


def _above_chance(score: Score, sign: int) -> float | None:
    return None if score.value is None or score.chance is None else sign * (score.value - score.chance)


def unchanged(match: Match) -> bool:
    """Whether all common images are the same, pixel by pixel."""
    here, there = match.tables.pair(RUN, BASELINE)
    a, b = (match.tables.frame(i)["digest"].astype(str).to_numpy()[at] for i, at in ((RUN, here), (BASELINE, there)))
    return bool(len(a)) and bool((a == b).all()) and bool((a != "").all())
