"""A verdict as text for a terminal, Markdown for a pull request or a step's summary, JUnit XML, and JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from bench.regression.verdict import Fall, Finding, Item, Verdict, plain
from bench.reports.numbers import decimals, number
from bench.reports.words import escaped

SUMMARY_LIMIT = 900_000
"""Bytes; GitHub drops a step's summary silently just under 1 MiB (actions/runner#4337)."""
_WORDS = {
    "pass": "pass", "regressed": "REGRESSED", "inconclusive": "inconclusive", "not comparable": "NOT COMPARABLE",
    "incomplete": "INCOMPLETE",
}  # fmt: skip
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def as_json(verdict: Verdict) -> str:
    """Sorted, indented JSON."""
    return json.dumps(plain(verdict), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def headline(verdict: Verdict) -> str:
    """One sentence: the outcome, and what it is because of."""
    held = " and ".join(verdict.baselines)
    text = f"{_WORDS[verdict.outcome]}: {verdict.run} against baseline {held}"
    if verdict.differences:
        return f"{text}: {verdict.differences[0]}."
    because = [f.text for f in verdict.findings if f.outcome == verdict.outcome and verdict.outcome != "pass"]
    because += [sentence(i) for i in verdict.items if i.blocking and i.outcome == verdict.outcome != "pass"]
    if because:
        return f"{text}: {because[0]}" + (f" (and {len(because) - 1} more)" if len(because) > 1 else "")
    count = sum(i.blocking for i in verdict.items)
    return f"{text}: {count} blocking comparison{'s' * (count != 1)}, none worse by its margin."


def sentence(item: Item) -> str:
    """'clipscore is worse by 0.021, 90 % interval [-0.030, -0.012], margin 0.010: worse beyond chance, ...'."""
    digits = _digits(item)
    if item.delta is None:
        return f"{item.name}: {item.reason}."
    moved = f"is {'better' if item.delta > 0 else 'worse'} by {number(abs(item.delta), digits)}"
    held = f", 90 % interval {_interval(item)}, margin {number(item.margin, digits)}"
    return f"{item.name} {moved if item.delta else 'is unchanged'}{held}: {item.reason}."


def _digits(item: Item) -> int:
    half = None if item.low is None or item.high is None else (item.high - item.low) / 2
    return decimals([half], [item.delta, item.margin])


def _interval(item: Item) -> str:
    digits = _digits(item)
    return f"[{number(item.low, digits, signed=True)}, {number(item.high, digits, signed=True)}]"


def reproduce(verdict: Verdict) -> str:
    """The command that judges the same run again."""
    held = [word for b in verdict.baselines for word in ("--baseline", b)]
    return shlex.join(["bench", "gate", "run", verdict.path, *held, *verdict.options])


# ---- text ----------------------------------------------------------------------------------------------------------

LEGEND = (
    "Change: above 0 is better, whatever the metric's direction. Seen from: the smallest true drop that is called a "
    "regression with 80 % power. In brackets: advisory."
)
HEAD = ("", "metric", "baseline", "run", "change", "90 % interval", "margin", "seen from", "prompts", "why")


def ordered(verdict: Verdict) -> list[Item]:
    """What blocks first, slices last."""
    return sorted(verdict.items, key=lambda i: (not i.blocking, bool(i.slice)))


def rows(verdict: Verdict) -> list[list[str]]:
    """A row an item under `HEAD`."""
    return [row(item, len(verdict.baselines) > 1) for item in ordered(verdict)]


def row(item: Item, several: bool) -> list[str]:
    """One item under `HEAD`; several: the baseline is named."""
    digits = _digits(item)
    name = f"{item.name} ({item.baseline})" if several else item.name
    return [
        _WORDS[item.outcome] if item.blocking else f"({item.outcome})", name, number(item.before, digits),
        number(item.after, digits), number(item.delta, digits, signed=True), _interval(item),
        number(item.margin, digits), number(item.detectable, digits), str(item.prompts), item.reason,
    ]  # fmt: skip


def falls(verdict: Verdict) -> list[tuple[str, Sequence[Fall]]]:
    """The worst prompts of what blocks and did not pass, by what they are of."""
    told: list[tuple[str, Sequence[Fall]]] = [(f.text, f.falls) for f in verdict.findings if f.outcome != "pass"]
    told += [(i.name, i.falls) for i in verdict.items if i.blocking and i.outcome != "pass"]
    return [(name, some) for name, some in told if some]


# ---- Markdown ------------------------------------------------------------------------------------------------------


def summary(verdict: Verdict, limit: int = SUMMARY_LIMIT) -> str:
    """The verdict first, details after, within `limit` bytes of UTF-8."""
    head = [f"### {escaped(headline(verdict))}", ""]
    parts = [*head, *_findings(verdict.findings), "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    parts += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows(verdict)]
    parts += ["", LEGEND]
    for name, worst in falls(verdict):
        parts += ["", f"<details><summary>Prompts that lost most: {escaped(name)}</summary>", ""]
        parts += ["| prompt | before | after | image before | image after |", "|---|---|---|---|---|"]
        for f in worst:
            cells = [f.prompt, f"{f.before:.4g}", f"{f.after:.4g}", *f.images]
            parts += ["| " + " | ".join(escaped(cell) for cell in cells) + " |"]
        parts += ["", "</details>"]
    if verdict.changes:
        parts += ["", "<details><summary>What else changed</summary>", ""]
        parts += [f"- {escaped(line)}" for line in verdict.changes] + ["", "</details>"]
    parts += ["", f"    {reproduce(verdict)}", ""]
    text = "\n".join(parts)
    if len(text.encode("utf-8", "replace")) <= limit:
        return text
    short = "\n".join([*head, f"The details are longer than {limit} bytes; the verdict file has them.", ""])
    return short.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _findings(found: Sequence[Finding]) -> list[str]:
    lines = [f"- {'' if f.outcome == 'pass' else f'**{_WORDS[f.outcome]}** '}{escaped(f.text)}" for f in found]
    return [*lines, ""] if lines else []


# ---- JUnit ---------------------------------------------------------------------------------------------------------


def junit(verdict: Verdict, *, strict: bool = False) -> str:
    """JUnit XML: failure = regressed, error = not comparable or incomplete, skipped = inconclusive (failure if strict);
    what does not block is always a pass, with its outcome among the properties."""
    suite = ElementTree.Element("testsuite", name=_clean(f"gate {' '.join(verdict.baselines)}"))
    for line in verdict.differences:
        _case(suite, verdict, "comparable", "not comparable", line, strict)
    for finding in verdict.findings:
        if finding.outcome != "pass":
            _case(suite, verdict, finding.kind, finding.outcome, finding.text, strict)
    for item in verdict.items:
        told = "\n".join([sentence(item), *_lines(item.falls), f"again: {reproduce(verdict)}"])
        name = item.name if len(verdict.baselines) == 1 else f"{item.name} ({item.baseline})"
        case = _case(suite, verdict, name, item.outcome if item.blocking else "pass", told, strict)
        properties = ElementTree.SubElement(case, "properties")
        for key in ("outcome", "delta", "low", "high", "margin", "prompts", "detectable", "p"):
            value = getattr(item, key)
            if value is not None:
                ElementTree.SubElement(properties, "property", name=key, value=str(value))
    kinds = [child.tag for case in suite for child in case]
    suite.set("tests", str(len(suite)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(name, str(kinds.count(tag)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(
    suite: ElementTree.Element, verdict: Verdict, name: str, outcome: str, text: str, strict: bool
) -> ElementTree.Element:
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(verdict.dataset or "gate"), name=_clean(name))
    tags = {"regressed": "failure", "not comparable": "error", "incomplete": "error"}
    tag = tags.get(outcome, ("failure" if strict else "skipped") if outcome == "inconclusive" else "")
    if tag:
        found = ElementTree.SubElement(case, tag, message=_clean(text.splitlines()[0]))
        found.text = _clean(text)
    return case


def _clean(text: str) -> str:
    """Without the signs that XML cannot hold."""
    return _NO_XML.sub("?", text)


def _lines(worst: Sequence[Fall]) -> list[str]:
    return [line(fall) for fall in worst]


def line(fall: Fall) -> str:
    """'0.91 -> 0.12  a red circle  (old/x.png -> new/x.png)'."""
    files = " -> ".join(image for image in fall.images if image)
    return f"{fall.before:.3g} -> {fall.after:.3g}  {fall.prompt}{f'  ({files})' if files else ''}"


def write(verdict: Verdict, path: Path, text: str) -> None:
    """A form of the verdict as an atomic file."""
    from bench import store

    store.write_atomic(path, text.encode("utf-8", "replace"))
