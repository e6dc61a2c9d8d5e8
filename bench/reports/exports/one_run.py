"""What texts, tables and model cards say of one run's scores: names, and numbers with their digits."""

from __future__ import annotations

from bench.aliases import title
from bench.reports.comparison.nouns import Cell
from bench.reports.numbers import decimals, number, spread
from bench.types import MetricCard, OutputCard, Run, Score


def output_of(run: Run, score: Score) -> OutputCard:
    """The card of the output that a score is of."""
    return next(o for o in run.cards[score.metric].outputs if o.name == score.output)


def label_of(run: Run, score: Score) -> str:
    """The field's name of a score where its protocol is exactly that, else its text form; then the output."""
    return title(score.metric) + ("" if score.output == "value" else f" {score.output}")


def printed(score: Score) -> tuple[str, str]:
    """Value and interval with the digits that the interval supports: ('0.812', '±0.013'), ('1.00', '[0.91, 1.00]')."""
    cell = Cell(value=score.value, low=score.low, high=score.high)
    digits = decimals([cell.half], [cell.value])
    return number(cell.value, digits), spread(cell, digits)


def main_rows(run: Run) -> list[tuple[str, Score, OutputCard]]:
    """(label, score, output card) of the primary outputs that have a value."""
    pairs = [(s, output_of(run, s)) for s in run.scores]
    return [(label_of(run, s), s, o) for s, o in pairs if o.primary and s.value is not None]


def honest_name(card: MetricCard, output: OutputCard) -> str:
    """A metric's name with all that must stand beside it: 'FD (fd(...seed=0)), random weights (seed 0)'."""
    known = title(card.metric)
    name = output.label if known.casefold() == output.label.casefold() else f"{output.label} ({known})"
    return f"{name}, {card.caveat}" if card.caveat else name


def data_name(run: Run) -> str:
    """The dataset's label or name."""
    return str(run.dataset.get("label") or run.dataset.get("name", "a dataset"))
