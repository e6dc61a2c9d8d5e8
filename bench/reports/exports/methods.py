"""The paragraph for a paper: what was measured or compared, how, with which intervals; then the references in BibTeX.

Entries of the built-in metrics' papers are complete (`bibliography`); a paper that is not there (an outside metric's)
gives what its card says and no more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.reports.comparison.differences import ALPHA
from bench.reports.comparison.nouns import Comparison, Difference, Row
from bench.reports.exports.bibliography import EXTRACTORS, METHODS, PAPERS
from bench.reports.exports.one_run import data_name, main_rows, printed
from bench.reports.numbers import thousands
from bench.reports.words import clean
from bench.stats.paired import PERMUTATIONS
from bench.types import Run, Score

_NAMED = 8
"""Systems that a sentence names."""


# ---- one run --------------------------------------------------------------------------------------------------------


def run_methods(run: Run, citation: str = "") -> str:
    """What was measured, on what, by which extractor, with which intervals; then the papers of the metrics.

    citation: of the dataset, from its card.
    """
    scored = [_scored(run, label, score) for label, score, _ in main_rows(run)]
    sentences = [_what(run, citation), *_missing(run), *scored]
    used = {s.metric for _, s, _ in main_rows(run)}
    papers = {card.paper for text, card in run.cards.items() if card.paper and text in used}
    papers |= {p for _, s, _ in main_rows(run) for p in _networks(run, s.protocol)}
    methods = [score.method for _, score, _ in main_rows(run)]
    return "\n\n".join([" ".join(sentences), *map(bibtex, sorted(papers)), *_statistics(methods)])


def _what(run: Run, citation: str) -> str:
    data, n = run.dataset, sum(run.counts.values())
    whole = f"all {data['samples']}" if data.get("whole") else f"{data['samples']} of {data.get('declared', 'the')}"
    repeats = run.spec.repeats or 1
    cited = f" Prompts: {citation.rstrip('.')}." if citation else ""
    return (
        f"We evaluated {clean(run.label)} with text-image-bench {run.provenance.suite} on {whole} prompts of "
        f"{data_name(run)} ({n} images, {repeats} per prompt, run seed {run.spec.seed}, prompt list "
        f"sha256 {data['prompts'][:12]}).{cited} Square brackets and ± give 95 % intervals."
    )


def _missing(run: Run) -> list[str]:
    missing = sum(run.counts.values()) - run.counts.get("ok", 0)
    if not missing:
        return []
    were = "image was" if missing == 1 else "images were"
    return [f"{missing} {were} missing, refused or unreadable and count as each metric's policy states."]


def _scored(run: Run, label: str, score: Score) -> str:
    lost = f", missing images: {score.policy}" if score.n_missing else ""
    how = f"{score.method or 'no interval'}, n = {score.n}{lost}, protocol {score.protocol[:12]}"
    return f"{label}{_by(run, score.protocol)}: {' '.join(printed(score)).rstrip()} ({how})."


def _by(run: Run, protocol: str) -> str:
    used = [extractor(e) for e in run.protocols.get(protocol, {}).get("extractors", ())]
    return f" on {' and '.join(used)}" if used else ""


def _networks(run: Run, protocol: str) -> list[str]:
    """The papers of the networks that a score rests on."""
    names = [str(e.get("name")) for e in run.protocols.get(protocol, {}).get("extractors", ())]
    return [EXTRACTORS[name] for name in names if name in EXTRACTORS]


def extractor(protocol: Mapping[str, Any]) -> str:
    """'inception-v3 (weights sha256 6726825d0af5, float32)'; analytic extractors have no weights."""
    weights = str(protocol.get("weights") or "")
    if weights.startswith("random:"):
        weights = f"random weights, {weights.removeprefix('random:').partition(',')[0].replace('=', ' ')}"
    elif weights:
        weights = f"weights sha256 {weights.removeprefix('sha256:')[:12]}"
    told = ", ".join(str(x) for x in (weights, protocol.get("dtype")) if x)
    name = str(protocol.get("name", "an extractor"))
    return f"{name} ({told})" if told else name


# ---- a comparison ---------------------------------------------------------------------------------------------------


def comparison_methods(comparison: Comparison) -> str:
    """What was compared, how it was paired, corrected and called, with its intervals; then the papers."""
    rows = comparison.primary or comparison.rows
    told = [d for row in rows for d in row.differences if d is not None]
    sentences = [
        _compared(comparison), _controls(comparison), _measured(comparison, rows), _paired(comparison, rows, told),
        _corrected(comparison, told), _lost(comparison, rows), _apart(comparison),
    ]  # fmt: skip
    papers = sorted({row.card.paper for row in rows if row.card.paper} | {
        p for row in rows for s in comparison.systems for p in _networks(s.run, row.protocol)
    })  # fmt: skip
    methods = [*(d.method for d in told), *(c.method for r in rows for c in r.cells if c is not None)]
    corrections = ["Holm"] if told else []
    corrections += ["max-T"] if comparison.family is not None and comparison.family.p else []
    paragraph = " ".join(s for s in sentences if s)
    return "\n\n".join([paragraph, *map(bibtex, papers), *_statistics([*methods, *corrections])])


def _compared(comparison: Comparison) -> str:
    ranked = [clean(comparison.systems[i].title) for i in comparison.ranked]
    names = ", ".join(ranked[:_NAMED]) + (f" and {len(ranked) - _NAMED} more" if len(ranked) > _NAMED else "")
    suites = " and ".join(sorted({s.run.provenance.suite for s in comparison.systems}))
    dataset = comparison.dataset
    lists = sorted({str(s.run.dataset.get("prompts", ""))[:12] for s in comparison.systems})
    return (
        f"We compared {len(ranked)} system{'s' * (len(ranked) != 1)} ({names}) with text-image-bench {suites} on "
        f"{thousands(comparison.prompts)} prompts of {dataset.get('label') or dataset.get('name', 'a dataset')} "
        f"({thousands(comparison.common)} images a system, prompt list sha256 {' and '.join(lists)})."
    )


def _controls(comparison: Comparison) -> str:
    names = [clean(comparison.systems[i].title) for i in comparison.controls]
    return f"Controls ({', '.join(names)}) were measured alike and not ranked." if names else ""


def _measured(comparison: Comparison, rows: Sequence[Row]) -> str:
    told = []
    for row in rows:
        holder = next((s.run for s in comparison.systems if row.protocol in s.run.protocols), None)
        name = row.label if row.title.casefold() == row.label.casefold() else f"{row.label} ({row.title})"
        told.append(f"{name}{_by(holder, row.protocol) if holder else ''}, protocol {row.protocol[:12]}")
    return f"Metrics: {'; '.join(told)}."


def _paired(comparison: Comparison, rows: Sequence[Row], told: Sequence[Difference]) -> str:
    if not told:
        return "No differences were formed."
    base = comparison.baseline
    against = f"from the baseline {clean(comparison.systems[base].title)}" if base is not None else (
        "from the best system of each metric"
    )  # fmt: skip
    methods = sorted({_plain(d.method) for d in told if d.low is not None and d.low != d.high}) or ["none"]
    sets = any(r.output.estimator is None for r in rows)
    by_set = " Metrics of sets are paired by what each image contributes, or by blocks of prompts left out." * sets
    return (
        f"Differences {against} are paired: they are formed on the images that both systems have, and all images of "
        f"one prompt (or of the dataset's group of prompts) count as one observation.{by_set} Their 95 % intervals: "
        f"{' or '.join(methods)}; p is two-sided, from {thousands(PERMUTATIONS)} exchanges of the two systems "
        "within whole groups."
    )


def _plain(method: str) -> str:
    """A method without its numbers of groups and blocks."""
    return re.sub(r",? (of )?[\d,]+ (groups|blocks|images|rows)\b", "", method).strip(" ,;")


def _corrected(comparison: Comparison, told: Sequence[Difference]) -> str:
    if not told:
        return ""
    family = comparison.family
    if family is not None and family.p:
        pairs = "each system against the baseline" if family.reference is not None else "all pairs of systems"
        how = (
            f"by step-down max-T over {thousands(family.size)} comparisons ({family.rows} primary metrics, {pairs}), "
            "secondary metrics by Holm within each"
        )
    else:
        how = "by Holm over the comparisons of one metric"
    return (
        f"p is adjusted {how}; a system is called better or worse where the interval excludes 0 and the adjusted p is "
        f"below {ALPHA:g}."
    )


def _lost(comparison: Comparison, rows: Sequence[Row]) -> str:
    most = {s.title: max((c.n_missing for r in rows if (c := r.cells[i]) is not None), default=0)
            for i, s in enumerate(comparison.systems)}  # fmt: skip
    told = [f"{clean(title)} {n}" for title, n in most.items() if n]
    return f"Missing images count as each metric's policy states ({', '.join(told)})." if told else ""


def _apart(comparison: Comparison) -> str:
    return "Numbers of unlike protocol stand apart and were not subtracted." if comparison.forced else ""


# ---- references -----------------------------------------------------------------------------------------------------


def _statistics(methods: Iterable[str]) -> list[str]:
    """The references of the statistical methods whose names occur."""
    said = " ".join(methods)
    return [entry for mark, entry in METHODS.items() if mark in said]


def bibtex(paper: str) -> str:
    """'Heusel et al. 2017, arXiv:1706.08500' as an entry; a comment where neither arXiv id nor DOI is given."""
    found = re.match(r"(?P<author>\w[\w\-]*).*?(?P<year>\d{4}), (?P<where>arXiv|doi):(?P<id>\S+)", paper)
    if not found:
        return f"% {clean(paper)}"
    authors, full = PAPERS.get(found["id"], (f"{found['author']} and others", ""))
    where = {"eprint": found["id"], "archivePrefix": "arXiv"} if found["where"] == "arXiv" else {"doi": found["id"]}
    fields = {"author": authors, "title": full, "year": found["year"], **where}
    first = re.sub(r"\W", "", full.partition(" ")[0])
    plain = unicodedata.normalize("NFKD", (found["author"] + found["year"] + first).lower())
    key = plain.encode("ascii", "ignore").decode()
    body = ",\n".join(f"  {k} = {{{v}}}" for k, v in fields.items() if v)
    return f"@misc{{{key},\n{body}\n}}"
