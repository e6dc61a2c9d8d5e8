"""Plain sentences: who is better at what, by how much, and what the data could not tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench.reports.comparison.nouns import Comparison, Difference, Kind, Row, Verdict
from bench.reports.numbers import difference_decimals, number, percent

_NAMED = 5
BADGES: dict[Kind, str] = {
    "better": "▲ better", "worse": "▼ worse", "tied": "= no difference", "unknown": "? cannot tell"
}  # fmt: skip


def verdicts(comparison: Comparison) -> list[Verdict]:
    """A sentence for each primary row that has anything to say."""
    found = []
    for row in comparison.primary:
        made = _verdict(comparison, row)
        if made is not None:
            badge = made.badge or BADGES[made.kind]
            found.append(dataclasses.replace(made, badge=badge, text=made.text + _caveats(comparison, row)))
    return found


def _caveats(comparison: Comparison, row: Row) -> str:
    """'; B: not independent: the system asked scene-clip while it generated': what is noted beside a number."""
    noted: dict[str, list[str]] = {}
    for i in comparison.ranked:
        cell = row.cells[i]
        if cell is not None and cell.value is not None and cell.note:
            noted.setdefault(cell.note, []).append(comparison.systems[i].title)
    return "".join(f"; {', '.join(titles)}: {note}" for note, titles in noted.items())


def _verdict(comparison: Comparison, row: Row) -> Verdict | None:
    differences = [d for d in row.differences if d is not None]
    if row.direction == "none" or row.reference is None:
        return None
    left = [i for i, reason in enumerate(row.refusals) if reason]
    if not differences:
        return _of_none(comparison, row, left) if left else None
    if len(differences) == 1 and not left:
        return _of_two(comparison, row, differences[0])
    return _of_many(comparison, row, differences, left)


def _of_none(comparison: Comparison, row: Row, left: Sequence[int]) -> Verdict:
    names = ", ".join(comparison.systems[i].title for i in left)
    against = comparison.systems[row.reference or 0].title
    return Verdict(row, "unknown", f"{names} and {against}: not compared on {name(row)}: {row.refusals[left[0]]}")


def name(row: Row) -> str:
    """Head of a metric in a sentence: its label, with the metric's own name where the label alone is ambiguous."""
    return f"{row.label} ({row.note})" if row.note else row.label


def amount(row: Row, value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with its unit."""
    text = number(value, digits, signed=signed)
    return f"{text} {row.output.unit}" if row.output.unit else text


def span(one: Difference, digits: int, *, turned: bool = False, signed: bool = True) -> str:
    """'95 % CI +0.9 … +2.7'."""
    if one.low is None or one.high is None:
        return "no interval"
    low, high = (-one.high, -one.low) if turned else (one.low, one.high)
    return f"95 % CI {number(low, digits, signed=signed)} … {number(high, digits, signed=signed)}"


def _of_two(comparison: Comparison, row: Row, one: Difference) -> Verdict:
    """The sentence about a pair, told from the better one's side, or from the baseline's."""
    digits = difference_decimals(one)
    ours, theirs = (comparison.systems[i].title for i in (one.system, one.reference))
    if one.kind == "tied":
        return Verdict(
            row,
            "tied",
            f"{ours} and {theirs}: no detectable difference on {name(row)} {_seen(row, one, digits)}"
            + _holes(comparison, row),
        )
    if one.kind == "unknown":
        text = f"{ours} and {theirs}: cannot be told apart on {name(row)} ({one.method})"
        return Verdict(row, "unknown", text)
    if comparison.baseline is None and one.kind == "worse":
        ours, theirs = theirs, ours
    turned = comparison.baseline is None and one.kind == "worse"
    delta = -one.delta if turned else one.delta
    word = "better" if turned else one.kind
    share = None if one.better is None else (1 - one.better if turned else one.better)
    told = f"; better on {percent(share)} of prompts" if share is not None else ""
    text = (
        f"{ours} is {word} than {theirs} on {name(row)} by {amount(row, delta, digits, signed=True)} "
        f"({span(one, digits, turned=turned)}{told}; {asked([one])}){_holes(comparison, row)}"
    )
    return Verdict(row, word, text)


def asked(differences: Sequence[Difference]) -> str:
    """'P = 553, K = 4': the prompts and the images a prompt that differences rest on, ranges where they vary."""
    prompts = sorted({d.prompts for d in differences if d.prompts})
    if not prompts:
        return f"n = {_range(sorted({d.n for d in differences}))} images"
    each = sorted({round(d.n / d.prompts, 1) for d in differences if d.prompts})
    text = f"P = {_range(prompts)}, K = {_range(each)}"
    clusters = sorted({d.groups for d in differences if 0 < d.groups < d.prompts})
    return f"{text}, {_range(clusters)} independent groups" if clusters else text


def _range(ordered: Sequence[float]) -> str:
    ends = [f"{n:,.1f}".removesuffix(".0") for n in (ordered[0], ordered[-1])]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


_COUNTED = {"worst": "counted as the worst score", "exclude": "left out"}


def _holes(comparison: Comparison, row: Row) -> str:
    """'; B lacks 12 of 553 images (left out)': the failures that the numbers of this row leave room for."""
    told = []
    for i in comparison.ranked:
        cell = row.cells[i]
        if cell is not None and cell.n_missing:
            run = comparison.systems[i].run
            whole = sum(run.counts.values()) or cell.n + cell.n_missing
            how = _COUNTED.get(cell.policy, cell.policy)
            told.append(f"{comparison.systems[i].title} lacks {cell.n_missing:,} of {whole:,} images ({how})")
    if len(told) > _NAMED:
        told = [*told[:_NAMED], f"{len(told) - _NAMED} more lack images"]
    return "".join(f"; {t}" for t in told)


def _seen(row: Row, one: Difference, digits: int) -> str:
    told = f"({amount(row, one.delta, digits, signed=True)}, {span(one, digits)}"
    if one.low is not None and one.high is not None and not one.low <= 0 <= one.high:
        return f"{told}, not beyond the correction for all comparisons; {asked([one])})"
    if one.detectable:
        told += f"; can see ≥ {amount(row, one.detectable, digits)}"
    return f"{told}; {asked([one])})"


def _of_many(comparison: Comparison, row: Row, differences: Sequence[Difference], left: Sequence[int]) -> Verdict:
    assert row.reference is not None
    groups = {kind: [d for d in differences if d.kind == kind] for kind in ("better", "tied", "worse", "unknown")}
    reference = comparison.systems[row.reference].title
    if comparison.baseline is None or row.reference != comparison.baseline:
        return _of_best(comparison, row, reference, groups, left)
    told = [(word, groups[word]) for word in ("better", "worse") if groups[word]]
    parts = [f"{word} {_listed(comparison, row, members)}" for word, members in told]
    parts += [f"no detectable difference: {_names(comparison, groups['tied'])}"] if groups["tied"] else []
    parts += [f"cannot tell: {_names(comparison, groups['unknown'])}"] if groups["unknown"] else []
    parts += _left(comparison, left)
    mixed = "▲▼ mixed" if groups["better"] and groups["worse"] else ""
    text = f"{name(row)}: against {reference}: {'; '.join(parts)}; {asked(differences)}{_holes(comparison, row)}"
    return Verdict(row, _overall(groups), text, mixed)


def _left(comparison: Comparison, left: Sequence[int]) -> list[str]:
    return [f"not compared: {', '.join(comparison.systems[i].title for i in left)}"] if left else []


def _of_best(
    comparison: Comparison, row: Row, best: str, groups: dict[str, list[Difference]], left: Sequence[int]
) -> Verdict:
    worse, tied, unknown = groups["worse"], groups["tied"], groups["unknown"]
    parts = []
    equal = [d for d in tied if d.delta == 0 and d.low == d.high]
    if equal:
        tied = [d for d in tied if d not in equal]
        leaders = f"{best}, {_names(comparison, equal)} are equal"
        parts.append(f"{leaders}, and better than {_names(comparison, worse)}" if worse else leaders)
    elif worse and not tied and not unknown:
        parts.append(
            f"{best} is better than {_all_others(comparison, worse)}; nearest {_nearest(comparison, row, worse)}"
        )
    elif worse:
        parts.append(f"{best} leads and is better than {_names(comparison, worse)}")
    elif tied:
        parts.append(f"{best} leads, but no difference is beyond chance")
    if tied:
        parts.append(f"not told apart: {_names(comparison, tied)}{_limit(row, tied)}")
    if unknown:
        parts.append(f"no interval against {_names(comparison, unknown)}")
    parts += _left(comparison, left)
    kind: Kind = "tied" if tied or equal else "better" if worse else "unknown"
    badge = "▲ clear best" if kind == "better" and not left else "◆ shared lead" if worse else BADGES[kind]
    told = [d for members in groups.values() for d in members]
    text = f"{name(row)}: {'; '.join(parts)}; {asked(told)}{_holes(comparison, row)}"
    return Verdict(row, kind, text, badge)


def _nearest(comparison: Comparison, row: Row, worse: Sequence[Difference]) -> str:
    near = min(worse, key=lambda d: (abs(d.delta), d.system))
    digits = difference_decimals(near)
    delta = amount(row, near.delta, digits, signed=True)
    return f"{comparison.systems[near.system].title} at {delta} ({span(near, digits)})"


def _limit(row: Row, tied: Sequence[Difference]) -> str:
    known = [d for d in tied if d.detectable]
    if not known:
        return ""
    worst = max(known, key=lambda d: (d.detectable or 0, d.system))
    return f" (can see ≥ {amount(row, worst.detectable, difference_decimals(worst))})"


def _listed(comparison: Comparison, row: Row, differences: Sequence[Difference]) -> str:
    return ", ".join(
        f"{comparison.systems[d.system].title} by {amount(row, d.delta, difference_decimals(d), signed=True)} "
        f"({span(d, difference_decimals(d))})"
        for d in differences
    )


def _all_others(comparison: Comparison, worse: Sequence[Difference]) -> str:
    return f"all {len(worse)} others" if len(worse) > 1 else comparison.systems[worse[0].system].title


def _names(comparison: Comparison, differences: Sequence[Difference]) -> str:
    """Titles; beyond a handful their number, because the table of differences names each."""
    titles = [comparison.systems[d.system].title for d in differences]
    if len(titles) > _NAMED + 1:
        return f"{', '.join(titles[:_NAMED])} and {len(titles) - _NAMED} more"
    return ", ".join(titles)


def _overall(groups: dict[str, list[Difference]]) -> Kind:
    for kind in ("worse", "better", "tied"):
        if groups[kind]:
            return kind
    return "unknown"
