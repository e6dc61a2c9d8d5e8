"""A run for a paper: the methods paragraph with its references, and the table in LaTeX or Markdown.

BibTeX entries of the built-in metrics' papers are complete (`bibliography`); a paper that is not there (an outside
metric's) gives what its card says and no more.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from bench.cli.bibliography import PAPERS
from bench.cli.texts import label_of, output_of, printed

_ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$ ",
    "\N{EN DASH}": "--",
}
_ARROWS = {"higher": ("↑", r"$\uparrow$"), "lower": ("↓", r"$\downarrow$"), "none": ("", "")}


def escaped(text: str) -> str:
    """Plain text for LaTeX."""
    return "".join(_ESCAPES.get(c, c) for c in text)


def _rows(run: Any) -> list[tuple[str, Any, Any]]:
    """(label, score, output card) of the primary outputs that have a value."""
    pairs = [(s, output_of(run, s)) for s in run.scores]
    return [(label_of(run, s), s, o) for s, o in pairs if o.primary and s.value is not None]


# ---- tables --------------------------------------------------------------------------------------------------------


def markdown(run: Any) -> str:
    """A table of metric, score with its 95 % interval, and n."""
    from bench.reports.words import escaped as literal

    lines = ["| metric | score [95 %] | n |", "|---|---:|---:|"]
    for label, score, output in _rows(run):
        name = f"{literal(label)} {_ARROWS[output.direction][0]}".rstrip()
        lines.append(f"| {name} | {' '.join(printed(score)).rstrip()} | {score.n} |")
    return "\n".join(lines)


def latex(run: Any) -> str:
    """The same as a booktabs tabular."""
    lines = [r"\begin{tabular}{lrr}", r"\toprule", r"metric & score [95\,\%] & $n$ \\", r"\midrule"]
    for label, score, output in _rows(run):
        name = f"{escaped(label)} {_ARROWS[output.direction][1]}".rstrip()
        lines.append(rf"{name} & {escaped(' '.join(printed(score)).rstrip())} & {score.n} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


# ---- the paragraph -------------------------------------------------------------------------------------------------


def methods(run: Any) -> str:
    """What was measured, on what, by which extractor, with which intervals; then the papers of the metrics."""
    sentences = [_what(run), *_missing(run), *(_scored(run, *row) for row in _rows(run))]
    used = {s.metric for _, s, _ in _rows(run)}
    papers = sorted({card.paper for text, card in run.cards.items() if card.paper and text in used})
    return "\n\n".join([" ".join(sentences), *(bibtex(p) for p in papers)])


def _what(run: Any) -> str:
    data, n = run.dataset, sum(run.counts.values())
    whole = f"all {data['samples']}" if data.get("whole") else f"{data['samples']} of {data['declared']}"
    repeats = run.spec.repeats or 1
    return (
        f"We evaluated {run.label} with text-image-bench {run.provenance.suite} on {whole} prompts of "
        f"{data.get('label') or data['name']} ({n} images, {repeats} per prompt, run seed {run.spec.seed}, prompt list "
        f"sha256 {data['prompts'][:12]}). Square brackets and ± give 95 % intervals."
    )


def _missing(run: Any) -> list[str]:
    missing = sum(run.counts.values()) - run.counts.get("ok", 0)
    if not missing:
        return []
    were = "image was" if missing == 1 else "images were"
    return [f"{missing} {were} missing, refused or unreadable and count as each metric's policy states."]


def _scored(run: Any, label: str, score: Any, _: Any) -> str:
    protocol = run.protocols[score.protocol]
    used = [_extractor(e) for e in protocol["extractors"]]
    by = f" on {' and '.join(used)}" if used else ""
    lost = f", missing images: {score.policy}" if score.n_missing else ""
    how = f"{score.method or 'no interval'}, n = {score.n}{lost}, protocol {score.protocol[:12]}"
    return f"{label}{by}: {' '.join(printed(score)).rstrip()} ({how})."


def _extractor(protocol: dict[str, Any]) -> str:
    """'inception-v3 (weights sha256 6726825d0af5, float32)'; analytic extractors have no weights."""
    weights = str(protocol.get("weights") or "")
    if weights.startswith("random:"):
        weights = f"random weights, {weights.removeprefix('random:').partition(',')[0].replace('=', ' ')}"
    elif weights:
        weights = f"weights {weights[:12]}"
    return f"{protocol['name']} ({', '.join(x for x in (weights, protocol['dtype']) if x)})"


def bibtex(paper: str) -> str:
    """'Heusel et al. 2017, arXiv:1706.08500' as an entry; a comment where neither arXiv id nor DOI is given."""
    found = re.match(r"(?P<author>\w[\w\-]*).*?(?P<year>\d{4}), (?P<where>arXiv|doi):(?P<id>\S+)", paper)
    if not found:
        return f"% {paper}"
    authors, title = PAPERS.get(found["id"], (f"{found['author']} and others", ""))
    where = {"eprint": found["id"], "archivePrefix": "arXiv"} if found["where"] == "arXiv" else {"doi": found["id"]}
    fields = {"author": authors, "title": title, "year": found["year"], **where}
    first = re.sub(r"\W", "", title.partition(" ")[0])
    plain = unicodedata.normalize("NFKD", (found["author"] + found["year"] + first).lower())
    key = plain.encode("ascii", "ignore").decode()
    body = ",\n".join(f"  {k} = {{{v}}}" for k, v in fields.items() if v)
    return f"@misc{{{key},\n{body}\n}}"
