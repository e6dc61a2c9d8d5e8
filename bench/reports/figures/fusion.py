"""Generators x fusion strategies: the score of each, what the fusion adds to the same generator without one, and the
interaction, which is how far that differs from what the fusion adds on average.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.reports.board.nouns import Effect, Factorial
from bench.reports.comparison.differences import Refused
from bench.reports.comparison.forest import between
from bench.reports.figures.heat import BLANK, Cell, Table, diverging, table
from bench.reports.figures.material import Ask, Lacking, Material, Panel, need_systems, the_panel, value_of
from bench.reports.figures.sheet import pencil, shown
from bench.reports.numbers import decimals, number
from bench.spec import parse_system

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fusion(material: Material, ask: Ask) -> Figure:
    """Of a board as it holds it; of runs or a table by their systems' names, without intervals of the interaction."""
    board = material.board
    if board is not None and board.factorial is not None and not ask.metrics:
        at = next(i for i, c in enumerate(board.columns) if c.id == board.factorial.column)
        panel, found = material.panels[at], board.factorial
    else:
        panel = the_panel(material, ask.metric)
        found = crossed(material, panel)
    return drawn(found, panel, ask)


def drawn(found: Factorial, panel: Panel, ask: Ask) -> Figure:
    """Colour: what the fusion adds, better being blue."""
    by = {(e.generator, e.fusion): e for e in found.effects}
    most = max((abs(e.delta) for e in found.effects if e.delta is not None), default=0.0) or 1.0
    digits = decimals([(e.high - e.low) / 2 for e in found.effects if e.low is not None and e.high is not None],
                      [e.value for e in found.effects])  # fmt: skip
    cells = tuple(tuple(_cell(by.get((g, f)), most, digits) for f in found.fusions) for g in found.generators)
    mean = "; ".join(
        f"{shown(f, ask.literal)} {number(d, digits, signed=True)}" + ("" if low is None or high is None else
        f" [{number(low, digits, signed=True)}, {number(high, digits, signed=True)}]")
        for f, d, low, high in found.main
    )
    note = "Score; in brackets what the fusion adds to the generator alone (+ better)"
    note += ", marked ▲ ▼ where its interval leaves out 0" if any(e.low is not None for e in found.effects) else ""
    note += "; × how far that differs from the fusion's mean." + (f" Means: {mean}." if mean else "")
    with pencil():
        given = Table(
            tuple(shown(g, ask.literal) for g in found.generators),
            tuple(shown(f, ask.literal) if f else "no fusion" for f in found.fusions), cells,
            panel.head(ask.literal), panel.under(ask.literal), note,
        )  # fmt: skip
        return table(ask.style, given, least=0.3)[0].figure


def _cell(one: Effect | None, most: float, digits: int) -> Cell:
    if one is None:
        return Cell(BLANK, ())
    value = number(one.value, digits)
    if one.delta is None:
        return Cell("#ffffff", (value,), bold=True)
    sure = one.low is not None and one.high is not None and not one.low <= 0 <= one.high
    sign = (" ▲" if one.delta > 0 else " ▼") if sure else ""
    delta = f"({number(one.delta, digits, signed=True)}{sign})"
    lines = [value, delta]
    if one.interaction is not None:
        lines.append(f"× {number(one.interaction, digits, signed=True)}")
    return Cell(diverging(one.delta / most), ("\n".join(lines), f"{value}\n{delta}", value))


def crossed(material: Material, panel: Panel) -> Factorial:
    """The table of systems whose text forms are generator+fusion. Lacking unless one stands with and without."""
    parts: dict[tuple[str, str], int] = {}
    for i in need_systems(material, 2):
        if value_of(panel, i) is not None and (part := _parts(material, i)) is not None:
            parts.setdefault(part, i)
    alone = {g: i for (g, f), i in parts.items() if not f}
    found = {
        (g, f): _contrast(material, panel, i, alone[g]) for (g, f), i in parts.items() if f and g in alone
    }
    if not found:
        raise Lacking("It needs a generator with a fusion strategy and the same one without, and there is none.")
    mean = {f: [d for (_, o), (d, _, _) in found.items() if o == f] for _, f in found}
    effects = []
    for (generator, name), i in parts.items():
        delta, low, high = found.get((generator, name), (None, None, None))
        apart = None if delta is None or len(mean[name]) < 2 else delta - sum(mean[name]) / len(mean[name])
        effects.append(Effect(generator, name, value_of(panel, i) or 0.0, delta, low, high, apart))
    main = tuple((f, sum(d) / len(d), None, None) for f, d in sorted(mean.items()))
    generators, fusions = (tuple(sorted({p[at] for p in parts})) for at in (0, 1))
    return Factorial(panel.label, generators, fusions, tuple(effects), main)


def _parts(material: Material, system: int) -> tuple[str, str] | None:
    """(generator, fusion or '')."""
    if material.board is not None:
        row = [r for r in material.board.rows if r.role != "unranked"][system]
        return (row.generator, row.fusion) if row.generator else None
    assert material.comparison is not None
    text = material.comparison.systems[system].run.spec.system
    if material.bare:
        generator, _, name = text.partition("+")
        return generator.strip(), name.strip()
    try:
        parsed = parse_system(text)
    except UsageError:
        return None
    return str(parsed.generator), "" if parsed.fusion is None else str(parsed.fusion)


def _contrast(material: Material, panel: Panel, system: int, alone: int) -> tuple[float, float | None, float | None]:
    """What a fusion adds, turned, with its interval: paired where prompts pair, else the difference of the scores."""
    comparison, tables = material.comparison, material.tables
    apart = panel.sign * ((value_of(panel, system) or 0.0) - (value_of(panel, alone) or 0.0))
    if comparison is None or tables is None or panel.row is None:
        return apart, None, None
    try:
        one = between(comparison, tables, panel.row, (system, alone))
    except Refused:
        return apart, None, None
    if one.low is None or one.high is None:
        return panel.sign * one.delta, None, None
    low, high = sorted((panel.sign * one.low, panel.sign * one.high))
    return panel.sign * one.delta, low, high
