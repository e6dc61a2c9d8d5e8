"""compare: finished runs into one Comparison, from run.json and samples.parquet alone.

Every metric gets its best set by paired intervals against the best system, never one bold cell; controls are measured
and shown, but take no part in it. Numbers of unlike protocol are refused, or with `force` put into columns of their
own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench import store
from bench.aliases import title as alias_title
from bench.errors import UsageError, did_you_mean
from bench.reports.comparison.checks import refuse_few, refuse_unlike
from bench.reports.comparison.differences import Refused, Tables, adjusted, cell, difference
from bench.reports.comparison.nouns import Cell, Comparison, Difference, Row, System
from bench.spec import parse
from bench.types import MetricCard, OutputCard, Run, Score

__all__ = ["Comparison", "compare"]


def compare(runs: Sequence[str | Path | Run], *, baseline: str | None = None, force: bool = False) -> Comparison:
    """Compare run folders (or loaded runs).

    baseline: title (or folder) of the run that all differences are against; by default each metric's best system.
    NotComparable when datasets or protocols differ, unless `force`; StoreError when a folder holds no finished run.
    """
    refuse_few(runs)
    systems = named([r if isinstance(r, Run) else store.load(r) for r in runs])
    if not force:
        refuse_unlike(systems)
    tables = Tables(systems)
    base = None if baseline is None else _find(systems, baseline)
    contestants = [i for i, s in enumerate(systems) if not s.control] or list(range(len(systems)))
    refused: list[str] = []
    rows = [
        _row(tables, contestants, base, metric, card, output, protocol, refused)
        for metric, card, output, protocol in _kinds(systems)
    ]
    common = tables.common()
    return Comparison(
        systems=tuple(systems), rows=told_apart(rows), baseline=base, dataset=systems[0].run.dataset,
        common=len(common), prompts=common.get_level_values(0).nunique(), refused=tuple(dict.fromkeys(refused)),
        notes=tuple(_notes(systems, tables, len(common), force)),
    )  # fmt: skip


def told_apart(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows of one label and different metrics are noted with the parameters in which these differ."""
    found = []
    for row in rows:
        others = {r.metric for r in rows if r.label == row.label} - {row.metric}
        if others and not row.note:
            own, theirs = parse(row.metric).params, [parse(metric).params for metric in sorted(others)]
            names = {n for other in theirs for n in {*own, *other} if own.get(n) != other.get(n)}
            told = [str(own[n]) if n == "extractor" else f"{n}={own[n]}" for n in sorted(names) if n in own]
            row = dataclasses.replace(row, note=", ".join(told))
        found.append(row)
    return tuple(found)


def named(runs: Iterable[Run]) -> list[System]:
    """Runs under unique titles: label or text form, with the run's digest where two are called alike."""
    found = list(runs)
    titles = [r.label or r.spec.system for r in found]
    systems, used = [], set()
    for run, title in zip(found, titles, strict=True):
        shown = title if titles.count(title) == 1 else f"{title} [{run.digest[:8]}]"
        count = 1
        while shown in used:
            count += 1
            shown = f"{title} [{run.digest[:8]}, {count}]"
        used.add(shown)
        systems.append(System(shown, run, run.spec.factors.get("control") == "true"))
    return systems


def _find(systems: Sequence[System], wanted: str) -> int:
    for i, system in enumerate(systems):
        names = (system.title, system.run.label, system.run.spec.system, Path(system.path).name, system.path)
        if wanted in names:
            return i
    raise UsageError(
        f"No run is called '{wanted}', so it cannot be the baseline.{did_you_mean(wanted, _titles(systems))}"
    )


def _titles(systems: Sequence[System]) -> list[str]:
    return [s.title for s in systems]


def _kinds(systems: Sequence[System]) -> list[tuple[str, MetricCard, OutputCard, str]]:
    """(metric, card, output, protocol) in the order in which the runs first name them."""
    found: dict[tuple[str, str, str], tuple[str, MetricCard, OutputCard, str]] = {}
    for system in systems:
        for score in system.run.scores:
            card = system.run.cards[score.metric]
            output = next((o for o in card.outputs if o.name == score.output), None)
            if output is not None:
                found.setdefault(
                    (score.metric, score.output, score.protocol), (score.metric, card, output, score.protocol)
                )
    order = {metric: i for i, metric in enumerate(dict.fromkeys(k[0] for k in found))}
    return sorted(found.values(), key=lambda kind: order[kind[0]])


def _row(
    tables: Tables,
    contestants: Sequence[int],
    base: int | None,
    metric: str,
    card: MetricCard,
    output: OutputCard,
    protocol: str,
    refused: list[str],
) -> Row:
    scores = [_score(s.run, metric, output.name, protocol) for s in tables.systems]
    cells = [None if s is None else cell(s) for s in scores]
    best = _best(cells, contestants, output)
    reference = base if base is not None and cells[base] is not None else best
    if reference is None:
        reference = next(iter(_valued(cells, contestants)), None)

    def against(target: int) -> tuple[tuple[Difference | None, ...], tuple[str, ...]]:
        others = [i for i in contestants if i != target and scores[i] is not None]
        return _against(len(cells), others, lambda i: difference(tables, card, output, scores, i, target), output)

    nothing: tuple[Difference | None, ...] = tuple(None for _ in cells)
    differences, reasons = against(reference) if reference is not None else (nothing, ())
    title = alias_title(metric)
    refused += _told(tables.systems, f"{title} ({output.label})", reference, reasons)
    if best is not None:
        rivals = differences if best == reference else against(best)[0]
        cells = _marked(cells, contestants, best, rivals)
    note = f"protocol {protocol[:8]}" if _several(tables.systems, metric) else ""
    return Row(metric, card, output, protocol, title, tuple(cells), best, reference, differences, reasons, note)


def _score(run: Run, metric: str, output: str, protocol: str) -> Score | None:
    wanted = (metric, output, protocol)
    return next((s for s in run.scores if (s.metric, s.output, s.protocol) == wanted), None)


def _several(systems: Sequence[System], metric: str) -> bool:
    return len({s.protocol for system in systems for s in system.run.scores if s.metric == metric}) > 1


def _valued(cells: Sequence[Cell | None], members: Sequence[int]) -> list[int]:
    """The members that have a number."""
    return [i for i in members if (c := cells[i]) is not None and c.value is not None]


def _best(cells: Sequence[Cell | None], contestants: Sequence[int], output: OutputCard) -> int | None:
    """The contestant with the best value, if the numbers may be ranked at all."""
    valued = [(c.value, i) for i in contestants if (c := cells[i]) is not None and c.value is not None]
    if not valued or output.direction == "none":
        return None
    if output.estimator is None:  # set metrics depend on n: the best of those that share the commonest one
        sizes = [cells[i].n for _, i in valued]  # type: ignore[union-attr]
        usual = max(sizes, key=lambda n: (sizes.count(n), n))
        valued = [v for v, n in zip(valued, sizes, strict=True) if n == usual]
    sign = 1 if output.direction == "higher" else -1
    return max(valued, key=lambda v: (sign * v[0], -v[1]))[1]


def _against(
    count: int, others: Sequence[int], make: Callable[[int], Difference], output: OutputCard
) -> tuple[tuple[Difference | None, ...], tuple[str, ...]]:
    """Differences of the others to one target, adjusted together, and the reason where there is none."""
    found: list[Difference | None] = [None] * count
    reasons = [""] * count
    for i in others:
        try:
            found[i] = make(i)
        except Refused as reason:
            reasons[i] = str(reason)
    return adjusted(found, output.direction), tuple(reasons)


def _told(systems: Sequence[System], head: str, reference: int | None, reasons: Sequence[str]) -> list[str]:
    """One sentence a reason, with all systems that it holds for."""
    told = []
    for reason in dict.fromkeys(r for r in reasons if r):
        names = ", ".join(s.title for s, r in zip(systems, reasons, strict=True) if r == reason)
        told.append(f"{head}: {names} and {systems[reference or 0].title} are not subtracted: {reason}.")
    return told


def _marked(
    cells: Sequence[Cell | None], contestants: Sequence[int], best: int, rivals: Sequence[Difference | None]
) -> list[Cell | None]:
    """The best set: the best, and whoever is not surely worse than it; nobody where nothing could be tested."""
    told = [rivals[i] for i in _valued(cells, contestants) if i != best]
    if all(d is None or d.kind == "unknown" for d in told):
        return list(cells)
    alike = {best} | {i for i in contestants if (d := rivals[i]) is not None and d.kind != "worse"}
    marked = [i in alike and c is not None and c.value is not None for i, c in enumerate(cells)]
    return [dataclasses.replace(c, best=True) if m and c else c for c, m in zip(cells, marked, strict=True)]


def _notes(systems: Sequence[System], tables: Tables, common: int, force: bool) -> list[str]:
    notes = []
    if force:
        notes.append("Unlike runs were forced side by side; numbers of unlike protocol stand in columns of their own.")
    sizes = {len(tables.frame(i)) for i in range(len(systems))}
    if sizes != {common}:
        notes.append(
            f"Differences are on common images only: {common} are common to all, the runs have {_range(sizes)}."
        )
    for text in dict.fromkeys(n for s in systems for n in s.run.notes):
        holders = [s.title for s in systems if text in s.run.notes]
        notes.append(text if len(holders) == len(systems) else f"{', '.join(holders)}: {text}")
    for row in dict.fromkeys((c.metric, c.caveat) for s in systems for c in s.run.cards.values() if c.caveat):
        notes.append(f"{alias_title(row[0])}: {row[1]}.".replace("..", "."))
    return list(dict.fromkeys(notes))


def _range(sizes: Iterable[int]) -> str:
    ordered = sorted(sizes)
    return str(ordered[0]) if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
