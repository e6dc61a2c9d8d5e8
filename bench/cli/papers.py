"""A run for a paper: the methods paragraph with its references, and the table in LaTeX or Markdown."""

from __future__ import annotations

import re
from typing import Any

from bench.aliases import title

_ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
_ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "none": ""}


def escaped(text: str) -> str:
    """Plain text for LaTeX."""
    return "".join(_ESCAPES.get(c, c) for c in text)


def _rows(run: Any) -> list[tuple[str, Any, Any]]:
    """(label, score, output card) of the primary outputs that have a value."""
    found = []
    for s in run.scores:
        card = run.cards[s.metric]
        output = next(o for o in card.outputs if o.name == s.output)
        if output.primary and s.value is not None:
            found.append((title(s.metric) + ("" if s.output == "value" else f" {output.label}"), s, output))
    return found


def _pair(score: Any) -> tuple[str, str]:
    """Value and half width of the interval, to the digits that the interval supports."""
    if score.low is None or score.high is None or score.high <= score.low:
        return f"{score.value:.4g}", ""
    half = (score.high - score.low) / 2
    digits = max(0, 1 - int(f"{half:e}".split("e")[1]))
    return f"{score.value:.{digits}f}", f"{half:.{digits}f}"


def markdown(run: Any) -> str:
    """A table of metric, score with interval, and n."""
    lines = ["| metric | score | n |", "|---|---|---|"]
    for label, score, output in _rows(run):
        value, half = _pair(score)
        arrow = {"higher": " ↑", "lower": " ↓", "none": ""}[output.direction]
        lines.append(
            f"| {label.replace('|', chr(92) + '|')}{arrow} | {value}{f' ± {half}' if half else ''} | {score.n} |"
        )
    return "\n".join(lines)


def latex(run: Any) -> str:
    """The same as a booktabs tabular."""
    lines = [r"\begin{tabular}{lrr}", r"\toprule", r"metric & score & $n$ \\", r"\midrule"]
    for label, score, output in _rows(run):
        value, half = _pair(score)
        number = f"${value}{f' {chr(92)}pm {half}' if half else ''}$"
        lines.append(rf"{escaped(label)} {_ARROWS[output.direction]} & {number} & {score.n} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def methods(run: Any) -> str:
    """What was measured, on what, by which extractor, with which intervals; then the papers of the metrics."""
    data, n = run.dataset, sum(run.counts.values())
    missing = n - run.counts.get("ok", 0)
    whole = "all" if data.get("whole") else f"{data['samples']} of {data['declared']}"
    sentences = [
        f"We evaluated {run.label} with text-image-bench {run.provenance.suite} on {whole} prompts of {run.spec.dataset} "
        f"({n} images, {run.spec.repeats} per prompt, run seed {run.spec.seed}, prompt list sha256 {data['prompts'][:12]})."
    ]
    if missing:
        sentences.append(
            f"{missing} images were missing, refused or unreadable and are counted as each metric's policy states."
        )
    for label, score, _ in _rows(run):
        used = [_extractor(e) for e in run.protocols[score.protocol]["extractors"]]
        by = f" on {' and '.join(used)}" if used else ""
        value, half = _pair(score)
        sentences.append(
            f"{label}{by}: {value}{f' ± {half}' if half else ''} ({score.method or 'no interval'}; protocol {score.protocol[:12]})."
        )
    papers = sorted({c.paper for c in run.cards.values() if c.paper})
    return " ".join(sentences) + "\n\n" + "\n\n".join(_bibtex(p) for p in papers)


def _extractor(protocol: dict[str, Any]) -> str:
    weights = next((str(protocol[k])[:12] for k in ("sha256", "weights") if protocol.get(k)), "")
    seeded = f"random weights, seed {protocol['seed']}" if protocol.get("seed") is not None else weights
    return f"{protocol['name']} ({', '.join(x for x in (seeded, protocol['dtype']) if x)})"


def _bibtex(paper: str) -> str:
    """'Heusel et al. 2017, arXiv:1706.08500' as an entry that a bibliography manager can complete."""
    found = re.match(r"(?P<author>[\w\-]+).*?(?P<year>\d{4}), arXiv:(?P<id>[\d.]+)", paper)
    if not found:
        return f"% {paper}"
    return (
        f"@misc{{{found['author'].lower()}{found['year']},\n  author = {{{found['author']} and others}},\n"
        f"  year = {{{found['year']}}},\n  eprint = {{{found['id']}}},\n  archivePrefix = {{arXiv}}\n}}"
    )
