"""The last part of a report: what was resampled and corrected, how each run was made, and every protocol."""

from __future__ import annotations

import shlex
from typing import Any

from bench.reports.comparison.checks import flat
from bench.reports.comparison.differences import ALPHA
from bench.reports.comparison.nouns import Comparison, System
from bench.reports.words import clean
from bench.stats.bootstrap import FEW_GROUPS, RESAMPLES
from bench.stats.paired import PERMUTATIONS


def method(comparison: Comparison) -> list[str]:
    """Paragraphs about the statistics that the numbers rest on."""
    base = comparison.baseline
    against = f"the baseline {comparison.systems[base].title}" if base is not None else "the system with the best value"
    found = [
        "The unit of every statement is the prompt (or the dataset's own group of prompts): several images of one "
        "prompt are one observation. Intervals are 95 %: cluster bootstrap with "
        f"{RESAMPLES:,} resamples and seed 0 (BCa, or percentile where BCa is undefined), a t interval below "
        f"{FEW_GROUPS} groups and for differences, Wilson's interval for a proportion with one image a prompt. Each "
        "number's own method is in the table below; what the methods are worth is measured in docs/statistics.md.",
        f"Differences are between each system and {against}, on the images that both have; an image that either lacks "
        f"is left out of both. P counts the common prompts, K the images a prompt. p comes from {PERMUTATIONS:,} "
        "exchanges of the two runs within whole groups (two-sided). 'Can see' is the true difference found with 80 % "
        "power by a one-sided 5 % test; an effect size is the difference over the standard deviation of the prompts' "
        "own differences.",
        _correction(comparison),
    ]
    if any(r.output.estimator is None for r in comparison.rows):
        found.append(
            "Metrics of a whole set of images (such as a Fréchet distance) have no rows to resample. Where an image's "
            "influence on the metric is known in closed form, the score is the mean of what its images contribute, and "
            "intervals and paired differences are those of a mean; elsewhere they come from the values with one block "
            "of prompts left out at a time (jackknife, t with blocks less one degrees of freedom), the same prompts in "
            "every run. Such metrics depend on the number of images, and runs of unequal number are not subtracted."
        )
    policies = {c.policy for r in comparison.rows for c in r.cells if c is not None and c.n_missing}
    if policies:
        counted = {"worst": "as the worst possible score", "exclude": "not at all"}
        told = " or ".join(counted.get(p, p) for p in sorted(policies))
        found.append(f"Missing images count {told}, by each metric's protocol; the table of all outputs says which.")
    return found


def _correction(comparison: Comparison) -> str:
    """What the verdicts' error rate is, and over what."""
    family, level = comparison.family, f"{100 * ALPHA:g} %"
    called = f"A system is called better or worse only where its 95 % interval excludes 0 and this p is below {level}"
    if family is None or not family.p:
        return (
            f"p is adjusted by Holm over the comparisons of one metric. {called}. Nothing is corrected across metrics: "
            "with many metrics some differences are chance."
        )
    over = (
        "every pair of systems, because the best one is found in the same data"
        if family.reference is None
        else f"every system against {comparison.systems[family.reference].title}"
    )
    return (
        "p of the primary metrics is adjusted over one family, declared by what is compared and not by results: "
        f"{family.rows} outputs times {over}, {family.size:,} comparisons. The adjustment is max-T (Westfall and "
        "Young, step-down) over joint exchanges, which uses that metrics of the same images go together; set metrics "
        "known by jackknife blocks alone have no rows to exchange and are adjusted by Holm, each part having its share "
        f"of the error. {called}: where no system differs from any other, at most {level} of reports call any of them "
        "different. Secondary outputs are adjusted by Holm over their own comparisons alone, slices by Benjamini and "
        "Hochberg over all slices, tags and metrics of a pair; both are for looking around."
    )


def provenance(comparison: Comparison) -> list[dict[str, Any]]:
    """Fields of each run in reading order."""
    return [{"title": s.title, "fields": _fields(s)} for s in comparison.systems]


def _fields(system: System) -> list[tuple[str, str]]:
    run, made = system.run, system.run.provenance
    counts = ", ".join(f"{n} {status}" for status, n in sorted(run.counts.items()))
    packages = ", ".join(f"{name} {version}" for name, version in sorted(made.packages.items()))
    factors = ", ".join(f"{k} {v}" for k, v in sorted(run.spec.factors.items()) if k != "control")
    repeats = "" if run.spec.repeats is None else str(run.spec.repeats)
    fields = [
        ("system", run.spec.system), ("run digest", run.digest), ("role", "control" if system.control else "system"),
        ("images", counts), ("images a prompt", repeats), ("run seed", str(run.spec.seed)), ("factors", factors),
        ("subset", run.spec.only), ("command", made.command),
        ("device", " ".join(t for t in (made.device, made.dtype) if t)),
        ("suite", made.suite), ("packages", packages), ("Python", made.python), ("platform", made.platform),
        ("git", made.git),
    ]  # fmt: skip
    return [(name, value) for name, value in fields if value]


def protocols(comparison: Comparison) -> list[dict[str, Any]]:
    """Every protocol that a shown number has, with its fields."""
    found: dict[str, dict[str, Any]] = {}
    for row in comparison.rows:
        holder = next((s for s in comparison.systems if row.protocol in s.run.protocols), None)
        if holder is not None and row.protocol not in found:
            fields = sorted(flat(holder.run.protocols[row.protocol]).items())
            found[row.protocol] = {"mark": row.protocol[:8], "metric": row.metric, "fields": fields}
    return list(found.values())


def reproduce(comparison: Comparison, by: str = "") -> str:
    """The command that makes the same comparison, from a folder where the runs' paths mean the same."""
    parts = ["bench", "compare", *(s.path for s in comparison.systems)]
    if comparison.baseline is not None:
        parts += ["--baseline", comparison.systems[comparison.baseline].title]
    if comparison.rankings is not None:
        parts += ["--by", comparison.rankings.by]
    parts += ["--prompts-by", by] if by else []
    return clean(shlex.join([*parts, *["--force"] * comparison.forced]))
