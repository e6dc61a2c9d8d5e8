"""compare: finished runs into one Comparison, from run.json and samples.parquet alone.

Every metric gets its best set by paired intervals against the best system, never one bold cell; controls are measured
and shown, but take no part in it. Numbers of unlike protocol are refused, or with `force` put into columns of their
own.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.aliases import title as alias_title
from bench.errors import UsageError, did_you_mean
from bench.reports.comparison.checks import identity, refuse_few, refuse_unlike
from bench.reports.comparison.differences import Refused, Tables, adjusted, cell, difference
from bench.reports.comparison.family import Kin, declared
from bench.reports.comparison.nouns import Cell, Comparison, Difference, Family, Row, System
from bench.reports.comparison.opening import named, opened
from bench.reports.privacy import ROWS_PRIVATE, extent, rows_withheld, told
from bench.spec import canonical, parse
from bench.types import Run, Score

__all__ = ["Comparison", "compare", "named"]


def compare(
    runs: Sequence[str | Path | Run], *, baseline: str | None = None, force: bool = False, tables: Tables | None = None
) -> Comparison:
    """Compare run folders (or loaded runs).

    baseline: title (or folder) of the run that all differences are against; by default each metric's best system.
    NotComparable when datasets or protocols differ, unless `force`; StoreError when fewer than two of several runs
    can be read (others are told of in `broken`). tables: of runs that lie nowhere, already named and read.
    """
    refuse_few(runs)
    broken: tuple[str, ...] = ()
    if tables is None:
        tables, broken = opened(runs)
    systems = tables.systems
    if not force:
        refuse_unlike(systems)
    base = None if baseline is None else _find(systems, baseline)
    contestants = [i for i, s in enumerate(systems) if not s.control] or list(range(len(systems)))
    kinds = _kinds(systems, _worlds(systems) if force else ("",) * len(systems))
    family = declared(tables, kinds, contestants, base)
    refused: list[str] = []
    asked = _Asked(tables, contestants, base, family, refused)
    rows = told_apart([_row(asked, kind) for kind in kinds])
    common = tables.common()
    images, prompts = extent([s.run for s in systems], len(common), common.get_level_values(0).nunique())
    return Comparison(
        systems=tuple(systems), rows=rows, baseline=base, dataset=systems[0].run.dataset,
        common=images, prompts=prompts, refused=tuple(dict.fromkeys(refused)),
        notes=tuple(_notes(systems, tables, len(common), force, family)), broken=broken, forced=force, family=family,
        tables=tables,
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


def _worlds(systems: Sequence[System]) -> tuple[str, ...]:
    """Of each system: '' when all were asked the same, else the digest of what it was asked."""
    told = [canonical(identity(s.run)).encode("utf-8", "surrogatepass") for s in systems]
    marks = [hashlib.sha256(one).hexdigest()[:8] for one in told]
    return ("",) * len(systems) if len(set(marks)) == 1 else tuple(marks)


def _kinds(systems: Sequence[System], worlds: Sequence[str]) -> list[Kin]:
    """The rows to be, in the order in which the runs first name them: a metric's output under one protocol."""
    found: dict[tuple[str, str, str, str], Kin] = {}
    for system, world in zip(systems, worlds, strict=True):
        for score in system.run.scores:
            key = (score.metric, score.output, score.protocol, world)
            card = system.run.cards[score.metric]
            output = next((o for o in card.outputs if o.name == score.output), None)
            if output is not None and key not in found:
                scores = [None if w != world else _score(s.run, *key[:3]) for s, w in zip(systems, worlds, strict=True)]
                found[key] = Kin(score.metric, card, output, score.protocol, world, tuple(scores))
    order = {metric: i for i, metric in enumerate(dict.fromkeys(k[0] for k in found))}
    return sorted(found.values(), key=lambda kind: order[kind.metric])


def _score(run: Run, metric: str, output: str, protocol: str) -> Score | None:
    wanted = (metric, output, protocol)
    return next((s for s in run.scores if (s.metric, s.output, s.protocol) == wanted), None)


@dataclass(frozen=True)
class _Asked:
    """What all rows of a comparison have in common."""

    tables: Tables
    contestants: Sequence[int]
    base: int | None
    family: Family
    refused: list[str]

    def against(self, kind: Kin, target: int) -> tuple[tuple[Difference | None, ...], tuple[str, ...]]:
        """Differences of the others to one target, adjusted together, and the reason where there is none."""
        found: list[Difference | None] = [None] * len(kind.scores)
        reasons = [""] * len(kind.scores)
        for i in self.contestants:
            if i != target and kind.scores[i] is not None:
                try:
                    p = self.family.single.get((kind.key, min(i, target), max(i, target)))
                    found[i] = difference(self.tables, kind.card, kind.output, kind.scores, i, target, p)
                except Refused as reason:
                    reasons[i] = str(reason)
        wide = [self.family.p.get((kind.key, min(i, target), max(i, target))) for i in range(len(found))]
        whole = all(d is None or p is not None for d, p in zip(found, wide, strict=True))
        return adjusted(found, kind.output.direction, wide if whole else ()), tuple(reasons)


def _row(asked: _Asked, kind: Kin) -> Row:
    systems, base, contestants, output = asked.tables.systems, asked.base, asked.contestants, kind.output
    cells = [None if s is None else cell(s) for s in kind.scores]
    best = _best(cells, contestants, kind)
    reference = base if base is not None and cells[base] is not None else best
    if reference is None:
        reference = next(iter(_valued(cells, contestants)), None)
    nothing: tuple[Difference | None, ...] = tuple(None for _ in cells)
    differences, reasons = asked.against(kind, reference) if reference is not None else (nothing, ())
    title = alias_title(kind.metric)
    asked.refused.extend(_told(systems, f"{title} ({output.label})", reference, reasons))
    if best is not None:
        rivals = differences if best == reference else asked.against(kind, best)[0]
        cells = _marked(cells, contestants, best, rivals)
    return Row(
        kind.metric, kind.card, output, kind.protocol, title, tuple(cells), best, reference, differences, reasons,
        _apart(systems, kind), kind.world,
    )  # fmt: skip


def _apart(systems: Sequence[System], kind: Kin) -> str:
    """What tells rows of one metric apart that stand beside each other by force."""
    several = len({s.protocol for system in systems for s in system.run.scores if s.metric == kind.metric}) > 1
    told = [f"protocol {kind.protocol[:8]}"] * several + [f"prompts {kind.world}"] * bool(kind.world)
    return ", ".join(told)


def _valued(cells: Sequence[Cell | None], members: Sequence[int]) -> list[int]:
    """The members that have a number."""
    return [i for i in members if (c := cells[i]) is not None and c.value is not None]


def _best(cells: Sequence[Cell | None], contestants: Sequence[int], kind: Kin) -> int | None:
    """The contestant with the best value, if the numbers may be ranked at all."""
    valued = [(c.value, i) for i in contestants if (c := cells[i]) is not None and c.value is not None]
    if not valued or kind.output.direction == "none":
        return None
    if kind.output.estimator is None:  # set metrics depend on n: the best of those that share the commonest one
        sizes = [cells[i].n for _, i in valued]  # type: ignore[union-attr]
        usual = max(sizes, key=lambda n: (sizes.count(n), n))
        valued = [v for v, n in zip(valued, sizes, strict=True) if n == usual]
    sign = 1 if kind.output.direction == "higher" else -1
    return max(valued, key=lambda v: (sign * v[0], -v[1]))[1]


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


def _notes(systems: Sequence[System], tables: Tables, common: int, force: bool, family: Family) -> list[str]:
    notes = [family.note] if family.note else []
    if force:
        notes.append("Unlike runs were forced side by side; numbers of unlike protocol stand in columns of their own.")
    bare = [s.title for s in systems if rows_withheld(s.run)]
    if bare:
        notes.append(f"{', '.join(bare)}: {ROWS_PRIVATE}: scores are shown, and no differences of single images.")
    sizes = {len(tables.frame(i)) for i, s in enumerate(systems) if not rows_withheld(s.run)}
    if sizes - {common}:
        notes.append(
            f"Differences are on common images only: {common} are common to all, the runs have {_range(sizes)}."
        )
    for text in dict.fromkeys(n for s in systems for n in s.run.notes):
        holders = [s.title for s in systems if text in s.run.notes]
        text = told(systems[0].run, text)
        notes.append(text if len(holders) == len(systems) else f"{', '.join(holders)}: {text}")
    for row in dict.fromkeys((c.metric, c.caveat) for s in systems for c in s.run.cards.values() if c.caveat):
        notes.append(f"{alias_title(row[0])}: {row[1]}.".replace("..", "."))
    return list(dict.fromkeys(notes))


def _range(sizes: Iterable[int]) -> str:
    ordered = sorted(sizes)
    return str(ordered[0]) if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
