"""The columns of a board: which output of which metric under which protocol, and what it is called.

A column is one protocol. Where the board's file pins none, the one that most runs share is taken and said; what a
metric's direction, bounds and estimator are is told by the card that most runs of that protocol carry.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.aliases import expand
from bench.aliases import title as alias_title
from bench.errors import BenchError, UsageError, did_you_mean
from bench.reports.board.intake import Entry
from bench.reports.board.nouns import BoardSpec, Column, MetricSpec, OrderSpec
from bench.spec import parse
from bench.types import Estimator, MetricCard, OutputCard, Run, Score

ANCHORED = "anchored mean"
"""Id of the column of an order by anchors."""


@dataclass(frozen=True)
class Asked:
    """A column with what is needed to find its numbers in a run."""

    column: Column
    output: OutputCard
    scope: str

    def score(self, entry: Entry) -> Score | None:
        """The run's score under the column's protocol."""
        return entry.scores.get((self.column.protocol, self.column.output))

    def rules(self, run: Run, score: Score) -> str:
        """'' where the run's own card says the same of the number, else what it says otherwise."""
        own = output_of(run.cards[score.metric], score.output)
        if own is None:
            return "its card does not know this output"
        if rules_of(own) != rules_of(self.output):
            return "its card states another direction, range or estimator of this metric"
        return ""


def output_of(card: MetricCard, name: str) -> OutputCard | None:
    """The card of an output."""
    return next((o for o in card.outputs if o.name == name), None)


def rules_of(output: OutputCard) -> tuple[str, float | None, float | None, Estimator | None]:
    """What decides how a number is read."""
    return (output.direction, output.low, output.high, output.estimator)


# ---- columns --------------------------------------------------------------------------------------------------------


def columns_of(spec: BoardSpec, entries: Sequence[Entry]) -> tuple[list[Asked], list[MetricSpec], list[str]]:
    """The columns in the order of data sets and metrics, the metrics with their pins, and notes on what was not pinned.

    entries: the runs of the board's data sets, in a fixed order.
    """
    found: list[Asked] = []
    pinned: list[MetricSpec] = []
    unpinned: list[tuple[int, int]] = []
    for dataset in spec.datasets:
        held = _held([e.run for e in entries if e.dataset == dataset.name])
        for metric in spec.metrics:
            if metric.dataset in ("", dataset.name):
                protocol, votes = _protocol(metric, held)
                if not protocol:
                    continue
                unpinned += [votes] if not metric.protocol else []
                pinned.append(replace(metric, dataset=dataset.name, protocol=protocol))
                found += _of_metric(pinned[-1], held, found)
    notes = []
    if unpinned:
        split = sum(most < all_ for most, all_ in unpinned)
        told = (
            f"{split} of them {'is' if split == 1 else 'are'} not that of all runs" if split else "all runs share them"
        )
        notes.append(
            f"Protocols that are not pinned in the board's file are those that most runs have "
            f"({len(unpinned)} metrics; {told}). `bench leaderboard pin` writes them down."
        )
    return _named(found), pinned, notes


Held = Mapping[str, Sequence[tuple[MetricCard, Score]]]
"""Metric text, and protocol digest -> the scores of all runs with their cards."""


def _held(runs: Sequence[Run]) -> Held:
    found: dict[str, list[tuple[MetricCard, Score]]] = defaultdict(list)
    for run in runs:
        for score in run.scores:
            for key in (score.metric, score.protocol):
                found[key].append((run.cards[score.metric], score))
    return found


def _protocol(metric: MetricSpec, held: Held) -> tuple[str, tuple[int, int]]:
    """The pinned protocol, else the commonest one (the newest version among equals), and how many runs have it."""
    if metric.protocol:
        return metric.protocol, (0, 0)
    outputs = Counter(s.output for _, s in held.get(metric.metric, ()))
    if not outputs:
        return "", (0, 0)
    usual = metric.output if metric.output in outputs else max(outputs, key=lambda o: (outputs[o], o))
    mine = [(s.protocol, int(card.version)) for card, s in held[metric.metric] if s.output == usual]
    votes = Counter(mine)
    (protocol, _), count = max(votes.items(), key=lambda v: (v[1], v[0][1], v[0][0]))
    return protocol, (count, sum(votes.values()))


def _of_metric(metric: MetricSpec, held: Held, before: Sequence[Asked]) -> list[Asked]:
    """A column for the output that is asked for, or for each primary one.

    Where no run has the pinned protocol, the metric's card is that of another one: the column is there, and empty.
    """
    scores = held.get(metric.protocol) or held.get(metric.metric, ())
    votes: Counter[str] = Counter()
    cards: dict[str, tuple[MetricCard, OutputCard]] = {}
    for card, score in scores:
        output = output_of(card, score.output)
        if output is not None and (output.name == metric.output if metric.output else output.primary):
            mark = repr((output.name, *rules_of(output)))
            votes[mark] += 1
            cards.setdefault(mark, (card, output))
    if scores and not cards and metric.output:
        told = did_you_mean(metric.output, {s.output for _, s in scores})
        raise UsageError(f"{metric.metric} has no output '{metric.output}'.{told}")
    best: dict[str, str] = {}
    for mark in sorted(votes, key=lambda m: (-votes[m], m)):
        best.setdefault(cards[mark][1].name, mark)
    known = {(a.column.dataset, a.column.protocol, a.column.output) for a in before}
    made = [_asked(metric, *cards[mark]) for mark in best.values()]
    place = {o.name: i for card, _ in cards.values() for i, o in enumerate(card.outputs)}
    fresh = [a for a in made if (metric.dataset, metric.protocol, a.column.output) not in known]
    return sorted(fresh, key=lambda a: (place[a.column.output], a.column.output))


def _asked(metric: MetricSpec, card: MetricCard, output: OutputCard) -> Asked:
    title = alias_title(metric.metric)
    label = metric.label or output.label
    return Asked(
        Column(
            id="", dataset=metric.dataset, metric=metric.metric, output=output.name, protocol=metric.protocol,
            label=label, direction=output.direction, title="" if title.casefold() == label.casefold() else title,
            unit=output.unit, meaning=card.summary, primary=metric.primary, caveat=card.caveat,
        ),
        output, card.scope,
    )  # fmt: skip


def _named(found: Sequence[Asked]) -> list[Asked]:
    """Unique ids: '<data set>/<metric>.<output>', with the whole text and the protocol only where they are needed."""
    forms = (
        lambda c: f"{c.dataset}/{_name(c.metric)}.{c.output}",
        lambda c: f"{c.dataset}/{c.metric}.{c.output}",
        lambda c: f"{c.dataset}/{c.metric}.{c.output}@{c.protocol[:8]}",
        lambda c: f"{c.dataset}/{c.metric}.{c.output}@{c.protocol}",
    )
    made: dict[int, str] = {}
    for form in forms:
        left = {i: form(a.column) for i, a in enumerate(found) if i not in made}
        shared = Counter([*left.values(), *made.values()])
        made |= {i: name for i, name in left.items() if shared[name] == 1}
    return [replace(a, column=replace(a.column, id=made[i])) for i, a in enumerate(found)]


def _name(metric: str) -> str:
    """An alias where the metric is exactly one, else the metric's own name."""
    title = alias_title(metric)
    return title if title != metric else parse(metric).name


# ---- order ----------------------------------------------------------------------------------------------------------


def find(columns: Sequence[Column], wanted: str, what: str) -> Column:
    """The column that an id, a label, or a metric's text or alias names; UsageError when none or several are meant."""
    found = matching(columns, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(c.id for c in found)
        raise UsageError(f"{what}: '{wanted}' names {len(found)} columns; give one's id: {ids}.")
    known = {name for c in columns for name in (c.id, c.label, c.metric)}
    raise UsageError(f"{what}: '{wanted}' is no column of the board.{did_you_mean(wanted, known)}")


def matching(columns: Sequence[Column], wanted: str) -> list[Column]:
    """Columns by their id, else by their label, else by their metric."""
    try:
        metric = str(expand(wanted))
    except BenchError:
        metric = ""
    tests = (lambda c: c.id == wanted, lambda c: c.label == wanted, lambda c: metric and c.metric == metric)
    for test in tests:
        found = [c for c in columns if test(c)]
        if found:
            return found
    return []


def ordering(order: OrderSpec, columns: Sequence[Column]) -> tuple[Column, dict[str, tuple[float, float]]]:
    """The ordering column, and the anchors by column id ({} where one column orders the board)."""
    if not order.anchors:
        return _single(order, columns), {}
    found: dict[str, tuple[float, float]] = {}
    for name, (zero, one) in order.anchors.items():
        column = find(columns, name, "order.anchors")
        if column.id in found:
            raise UsageError(f"order.anchors: {column.id} is anchored twice.")
        if column.direction == "none":
            raise UsageError(f"order.anchors: {column.id} has no better direction, so that it cannot order a board.")
        if (one > zero) != (column.direction == "higher"):
            raise UsageError(
                f"order.anchors: the anchors of {column.id} are the wrong way round: {column.direction} is better, "
                f"and {zero:g} counts 0, {one:g} counts 1."
            )
        found[column.id] = (zero, one)
    label = "Mean between anchors" if len(found) > 1 else "Between anchors"
    told = "; ".join(f"{name} from {zero:g} to {one:g}" for name, (zero, one) in found.items())
    made = Column(
        ANCHORED, "", "", "", "", label, "higher", meaning=f"Mean of columns rescaled between fixed anchors: {told}",
    )  # fmt: skip
    return made, found


def _single(order: OrderSpec, columns: Sequence[Column]) -> Column:
    found = [
        c for c in columns
        if c.metric == order.metric and order.output in ("", c.output) and order.dataset in ("", c.dataset)
    ]  # fmt: skip
    what = f"{order.metric}{f' ({order.output})' if order.output else ''}"
    if not found:
        raise UsageError(
            f"order: no run has a score of {what}{f' on {order.dataset}' if order.dataset else ''}, which orders the "
            f"board. Columns with scores: {', '.join(c.id for c in columns) or 'none'}."
        )
    if len({(c.dataset, c.output) for c in found}) > 1 and not (order.output and order.dataset):
        missing = "dataset" if len({c.dataset for c in found}) > 1 and not order.dataset else "output"
        options = sorted({getattr(c, missing) for c in found})
        if len(options) > 1:
            raise UsageError(f"order: {what} names {len(found)} columns; add {missing} = one of {', '.join(options)}.")
    if found[0].direction == "none":
        raise UsageError(f"order: {found[0].id} has no better direction, so that it cannot order a board.")
    return found[0]


def pinned_spec(spec: BoardSpec, datasets: Sequence[Any], metrics: Sequence[MetricSpec]) -> BoardSpec:
    """The rules with every list and protocol written out."""
    return replace(spec, datasets=tuple(datasets), metrics=tuple(metrics))


def protocols_of(columns: Sequence[Column], runs: Sequence[Run]) -> dict[str, Mapping[str, Any]]:
    """Digest -> fields of the pinned protocols that any run has."""
    wanted = {c.protocol for c in columns if c.protocol}
    found: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        for mark in wanted & set(run.protocols):
            found.setdefault(mark, run.protocols[mark])
    return dict(sorted(found.items()))
