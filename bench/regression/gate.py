"""The gate: a run against one or two baselines under a policy, into one verdict.

First what needs no statistics (`collapse`), then every comparison by paired non-inferiority (`bench.stats`). The
family that false alarms are counted over is declared before anything is computed: all blocking metrics times all
baselines. Slices and what does not block are judged by themselves and never decide.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from bench import discretion, store
from bench.errors import UsageError
from bench.regression import collapse
from bench.regression.baseline import Baseline, as_run
from bench.regression.evidence import (
    BASELINE,
    RUN,
    Absent,
    Asked,
    Match,
    asked,
    by_prompt,
    compared,
    matched,
    named,
)
from bench.regression.policy import BLOCKING, MARGIN_SD, Policy, Rule
from bench.regression.verdict import Fall, Finding, Item, Outcome, Verdict
from bench.reports.comparison.differences import Refused
from bench.reports.comparison.nouns import System
from bench.reports.privacy import private, prompt_text, sample_name
from bench.stats.families import holm
from bench.stats.kernels import Kernel
from bench.stats.noninferiority import (
    Bounds,
    Exchanged,
    block_bounds,
    bounds,
    detectable,
    judged,
    required,
    seen_from,
    worse,
)
from bench.types import Run

WORST = 5
"""Prompts that a message names."""
_LEAST_SLICE = 10
"""Prompts of a slice that is judged."""
_SOFT = ("suite", "device", "dtype", "python", "platform")


@dataclass(frozen=True)
class _Case:
    """A comparison before it is judged."""

    match: Match
    baseline: Baseline
    rule: Rule
    one: Asked
    slice: str
    both: Kernel | None
    """None: a set metric known by blocks alone."""
    bounds: Bounds
    margin: float

    @property
    def blocking(self) -> bool:
        return self.rule.blocking and not self.slice


def gate(run: str | Path | Run, baselines: Sequence[Baseline], policy: Policy, *, home: Path | None = None) -> Verdict:
    """Hold a finished run against baselines. home: the folder of their files, where pictures are looked for.

    UsageError for a policy that names what neither has; StoreError for a run that is damaged.
    """
    if not baselines:
        raise UsageError("A gate needs a baseline.")
    record = run if isinstance(run, Run) else store.load(run)
    with tempfile.TemporaryDirectory() as scratch:
        matches = []
        new = _readable(record, baselines, Path(scratch) / "run")
        for i, baseline in enumerate(baselines):
            old = as_run(baseline, Path(scratch) / str(i), home)
            title = record.label or record.spec.system
            matches.append(matched(System(title, new), System(f"baseline {baseline.name}", old)))
        return _verdict(record, list(zip(matches, baselines, strict=True)), policy)


def _readable(record: Run, baselines: Sequence[Baseline], scratch: Path) -> Run:
    """The run as its baselines name its samples: a private one by the blinded names that left it."""
    if not private(record) or not any(b.run["dataset"].get("rows") == discretion.BLINDED for b in baselines):
        return record
    from bench.engine.packing import light

    light(Path(record.path), scratch, rows=discretion.BLINDED)
    return store.load(scratch)


def _verdict(record: Run, pairs: Sequence[tuple[Match, Baseline]], policy: Policy) -> Verdict:
    apart = [f"{b.name}: {line}" for m, b in pairs for line in m.differences]
    items: list[Item] = []
    findings: list[Finding] = []
    if not apart:
        cases: list[_Case] = []
        for match, baseline in pairs:
            found, absent = _cases(match, baseline, policy)
            cases += found
            findings += [*collapse.findings(match, policy), *absent, *_broken(match, baseline, policy)]
            if collapse.unchanged(match):
                findings.append(Finding("same images", "pass", f"All images are those of baseline {baseline.name}."))
        findings = list(dict.fromkeys(findings))
        items = _judged(cases, policy)
        findings += _too_few(items, policy)
    return Verdict(
        record.label or record.spec.system, str(record.path), record.digest,
        str(record.dataset.get("label", record.dataset.get("name", ""))), tuple(b.name for _, b in pairs),
        tuple(items), tuple(findings), tuple(dict.fromkeys(line for m, _ in pairs for line in _changes(m))),
        policy.alpha, policy.inconclusive, tuple(apart),
    )  # fmt: skip


def _too_few(items: Sequence[Item], policy: Policy) -> list[Finding]:
    few = [i for i in items if i.blocking and i.prompts < policy.min_prompts and i.outcome == "pass"]
    if not few:
        return []
    least = min(i.prompts for i in few)
    told = f"{least} prompts are fewer than min_prompts = {policy.min_prompts}: nothing passes on so few."
    return [Finding("coverage", "inconclusive", told)]


# ---- what is compared ----------------------------------------------------------------------------------------------


def rules_of(match: Match, policy: Policy) -> list[tuple[Rule, str, str]]:
    """(rule, metric, output) of the policy, or of the primary metrics where it names none."""
    if policy.rules:
        return [(rule, *named(match, rule)) for rule in policy.rules]
    known = [
        (s.metric, o.name) for s in match.baseline.scores for o in match.baseline.cards[s.metric].outputs
        if o.name == s.output and o.primary and o.direction != "none" and s.metric != "collapse"
    ]  # fmt: skip
    sample = [k for k in known if match.baseline.cards[k[0]].scope == "sample"]
    order = [*sample, *(k for k in known if k not in sample)]
    return [
        (Rule(metric, output, blocking=i < BLOCKING), metric, output) for i, (metric, output) in enumerate(order)
    ]  # fmt: skip


def _cases(match: Match, baseline: Baseline, policy: Policy) -> tuple[list[_Case], list[Finding]]:
    cases: list[_Case] = []
    findings: list[Finding] = []
    for rule, metric, output in rules_of(match, policy):
        try:
            one = asked(match, metric, output)
            cases += _of(match, baseline, rule, one)
        except Absent as absent:
            findings.append(Finding("note", absent.outcome if rule.blocking else "pass", f"{baseline.name}: {absent}"))
        except Refused as reason:
            outcome: Outcome = "not comparable" if rule.blocking else "pass"
            findings.append(Finding("note", outcome, f"{baseline.name}, {metric}: {reason}."))
    return cases, findings


def _of(match: Match, baseline: Baseline, rule: Rule, one: Asked) -> list[_Case]:
    """A rule's comparison over all prompts and, where it names tags, over their values."""
    both = compared(match, one)
    if both is None:
        return [_blocks(match, baseline, rule, one)]
    found = bounds(both, one.sign)
    cases = [_Case(match, baseline, rule, one, "", both, found, _margin(rule, found))]
    here, _ = match.tables.pair(RUN, BASELINE)
    frame = match.tables.frame(RUN)
    for tag in rule.slices:
        if f"tag:{tag}" not in frame:
            tags = [c.removeprefix("tag:") for c in frame.columns if c.startswith("tag:")]
            raise UsageError(f"The run has no tag '{tag}' to slice by; it has {', '.join(tags) or 'none'}.")
        values = frame[f"tag:{tag}"].astype(str).to_numpy()[here]
        for value in sorted(set(values) - {"", "nan", "None"}):
            part = compared(match, one, values == value)
            if part is not None and part.groups >= _LEAST_SLICE:
                own = bounds(part, one.sign)
                cases.append(_Case(match, baseline, rule, one, f"{tag}={value}", part, own, cases[0].margin))
    return cases


def _blocks(match: Match, baseline: Baseline, rule: Rule, one: Asked) -> _Case:
    a, b = one.after, one.before
    if a.n != b.n:
        raise Refused(f"set metrics depend on the number of images, and there are {a.n} and {b.n}")
    if not a.replicates or len(a.replicates) != len(b.replicates):
        raise Refused("no paired jackknife blocks are stored")
    assert a.value is not None and b.value is not None
    found = block_bounds(a.value - b.value, np.subtract(a.replicates, b.replicates), one.sign)
    if rule.margin is None:
        raise Refused("it has no values of single images, so that only a margin in its own units can be held; give one")
    return _Case(match, baseline, rule, one, "", None, found, rule.margin)


def _margin(rule: Rule, found: Bounds) -> float:
    """In units of the metric; 0 where nothing differs and the margin is in standard deviations."""
    if rule.margin is not None:
        return rule.margin
    return (rule.margin_sd or MARGIN_SD) * (found.sd if np.isfinite(found.sd) else 0.0)


# ---- judgement -----------------------------------------------------------------------------------------------------


def _judged(cases: Sequence[_Case], policy: Policy) -> list[Item]:
    family = [c for c in cases if c.blocking]
    together = _family(family, policy.alpha)
    items = []
    for case in cases:
        p, reach = together.get(id(case)) or _family([case], policy.alpha)[id(case)]
        items.append(_item(case, p, reach, policy))
    return items


def _family(cases: Sequence[_Case], alpha: float) -> dict[int, tuple[float, float]]:
    """Case -> (adjusted p of being worse, reach). Comparisons by exchange are corrected over the maximum, those by
    blocks by Holm, and each part has its share of the error by its size (as in comparisons)."""
    rows = [c for c in cases if c.both is not None and np.isfinite(c.bounds.error)]
    blocks = [c for c in cases if c.both is None]
    size = len(rows) + len(blocks)
    found: dict[int, tuple[float, float]] = {id(c): (1.0, np.inf) for c in cases}
    if rows:
        groups = pd.Index(np.unique(np.concatenate([c.both.labels for c in rows if c.both is not None])))
        family = [Exchanged(c.both, c.one.sign, groups.get_indexer(c.both.labels)) for c in rows if c.both]
        p, reach = worse(family, alpha=alpha)
        found |= {id(c): (min(1.0, v * size / len(rows)), reach) for c, v in zip(rows, p, strict=True)}
    if blocks:
        own = [_block_p(c.bounds) for c in blocks]
        adjusted = holm(own) * size / len(blocks)
        for case, p_block in zip(blocks, adjusted, strict=True):
            reach = float(special.stdtrit(max(case.bounds.groups - 1, 1), 1 - alpha / size))
            found[id(case)] = (min(1.0, float(p_block)), reach)
    return found


def _block_p(found: Bounds) -> float:
    if not found.error > 0:
        return float(found.delta >= 0)
    return float(special.stdtr(found.groups - 1, found.delta / found.error))


def _item(case: _Case, p: float, reach: float, policy: Policy) -> Item:
    one, found = case.one, case.bounds
    same = case.both is not None and found.delta == 0 and found.error == 0
    outcome: Outcome
    if same:
        outcome, reason = "pass", "no prompt has another score"
    elif not np.isfinite(found.error):
        outcome, reason = "inconclusive", found.method
    else:
        outcome = judged(found.low, case.margin, p, alpha=policy.alpha)
        reason = _reason(outcome, found, case.margin)
    values = by_prompt(case.match, one) if not case.slice else pd.DataFrame()
    noise = case.baseline.noise.get(f"{one.card.metric}|{one.output.name}", {}).get("sd")
    if noise is not None and case.margin < 2.8 * noise:
        reason += f"; the margin is below 2.8 times the noise floor ({noise:.3g}), so that repeats alone may exceed it"
    sd = found.sd if np.isfinite(found.sd) else None
    return Item(
        case.baseline.name, one.card.metric, one.output.name, one.name, case.slice, outcome, case.blocking, reason,
        _plain(one.before.value), _plain(one.after.value), _plain(found.delta), _plain(found.low), _plain(found.high),
        _plain(case.margin) or None, None if same else _plain(p), _plain(_seen_from(case, reach, policy.alpha)),
        required(sd, case.margin) if sd and case.margin > 0 else None,
        found.groups if case.both is not None else one.after.n, noise, found.method,
        _falls(case.match, values, one.sign, WORST),
    )  # fmt: skip


def _seen_from(case: _Case, reach: float, alpha: float) -> float:
    if case.both is None:
        blocks = case.bounds.groups
        return detectable(case.bounds.error, case.margin, reach, freedom=blocks - 1, alpha=alpha) if blocks else np.nan
    return seen_from(case.both, case.one.sign, case.margin, reach, alpha=alpha)


def _reason(outcome: str, found: Bounds, margin: float) -> str:
    if outcome == "pass":
        if found.low > 0:
            return "better beyond chance"
        return "worse beyond chance, but within the margin" if found.high < 0 else "not worse by the margin"
    if outcome == "regressed":
        return "worse beyond chance, and the margin cannot be excluded"
    return "the margin cannot be excluded, and neither can chance: more prompts or seeds would tell"


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value) + 0.0


# ---- single prompts ------------------------------------------------------------------------------------------------


def _falls(match: Match, values: pd.DataFrame, sign: int, count: int, beyond: float = 0.0) -> tuple[Fall, ...]:
    """The prompts that lost most, worst first."""
    if not len(values):
        return ()
    lost = sign * (values["before"] - values["after"])
    worst = lost[lost > beyond + 1e-12].sort_values(ascending=False, kind="stable").index[:count]
    run, old = match.tables.frame(RUN), match.tables.frame(BASELINE)
    first = {id(f): f.drop_duplicates("sample").set_index("sample") for f in (run, old)}

    def file(frame: pd.DataFrame, record: Run, sample: str) -> str:
        image = str(first[id(frame)].loc[sample, "image"])
        return str(store.image_path(record.path, image)) if image else ""

    return tuple(
        Fall(
            sample_name(match.run, sample), prompt_text(match.run, sample, str(first[id(run)].loc[sample, "prompt"])),
            float(values.loc[sample, "before"]), float(values.loc[sample, "after"]),
            (file(old, match.baseline, sample), file(run, match.run, sample)),
        )
        for sample in worst
    )  # fmt: skip


def _broken(match: Match, baseline: Baseline, policy: Policy) -> list[Finding]:
    """Prompts that fell by more than a rule's severity, which blocks even where the mean is advisory."""
    found = []
    for rule in policy.rules:
        if rule.severity is None:
            continue
        try:
            one = asked(match, *named(match, rule))
            values = by_prompt(match, one)
        except (Absent, Refused):
            continue  # told already
        lost = one.sign * (values["before"] - values["after"])
        count = int((lost > rule.severity).sum())
        if count > rule.most:
            falls = _falls(match, values, one.sign, WORST, rule.severity)
            told = f"{count} prompts lost more than {rule.severity:g} in {one.name} against {baseline.name}"
            found.append(Finding("severity", "regressed", f"{told}; {rule.most} may.", falls))
    return found


# ---- what else differs ---------------------------------------------------------------------------------------------


def _changes(match: Match) -> list[str]:
    """Versions and machines that differ: what changed besides the model."""
    old, new = (dataclasses.asdict(r.provenance) for r in (match.baseline, match.run))
    pairs = [(name, old[name], new[name]) for name in _SOFT]
    packages = sorted({*old["packages"], *new["packages"]})
    pairs += [(p, old["packages"].get(p, "absent"), new["packages"].get(p, "absent")) for p in packages]
    pairs += [("run seed", match.baseline.spec.seed, match.run.spec.seed)]
    return [f"{name} is {a} in the baseline, {b} in the run" for name, a, b in pairs if a != b]
