"""TISE's ranking score over finished runs: each measure's ranks, and their sum over aspects (Dinh et al. 2022, eq. 6).

The measures may lie on several data sets, as TISE's do; systems are matched by their titles. A system gets k points of
a measure when it is the best of k, and 1 as the worst. An aspect's points are the mean over its measures; the score is
their sum. It orders the systems of one table and says nothing beside another table: one more system moves all scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.reports.comparison.checks import identity
from bench.reports.comparison.compare import compare
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.opening import opened
from bench.reports.comparison.ranked import Part, Ranked, ranked
from bench.reports.comparison.values import names_of
from bench.spec import canonical
from bench.stats.ranks import ranking_score
from bench.types import Run

TISE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("realism", "IS*", ("is-star", "is")), ("realism", "FID", ("fid", "pytorch-fid", "clean-fid")),
    ("relevance", "RP", ("r-precision",)), ("objects", "SOA-C", ("soa.SOA-C",)), ("objects", "SOA-I", ("soa.SOA-I",)),
    ("fidelity", "O-IS", ()), ("fidelity", "O-FID", ()), ("counting", "CA", ("counting-error.rmse",)),
    ("position", "PA", ("tise-pa",)),
)  # fmt: skip
"""TISE's nine measures: aspect, its name there, and by what names runs have it, the first that they have. O-IS and
O-FID are IS and FID of cut-out objects, so that no run has them unless its images are such, and the user says so."""


@dataclass(frozen=True)
class Measure:
    """A column of the table."""

    aspect: str
    metric: str
    label: str
    dataset: str
    direction: str
    values: tuple[float, ...]
    """One a system, in units of the metric, on the images that all systems have."""
    points: tuple[float, ...]
    """One a system: k for the best of k; equal ones share their mean."""
    reach: tuple[tuple[int, int], ...]
    """Fewest and most points of each system that chance allows (95 %)."""
    prompts: int


@dataclass(frozen=True)
class RankingScores:
    """The table, best system first."""

    systems: tuple[str, ...]
    measures: tuple[Measure, ...]
    scores: tuple[float, ...]
    ends: tuple[tuple[float, float], ...]
    """Each system's score with all measures at the fewest, and at the most points that chance allows."""
    absent: tuple[tuple[str, str], ...]
    """(aspect, measure) of TISE that these runs do not have; empty where the user named the measures."""
    left: tuple[tuple[str, str], ...] = ()
    """(system, why it has no score)."""
    broken: tuple[str, ...] = ()
    """Runs that cannot be read, with the reason."""

    @property
    def aspects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.aspect for m in self.measures))


def ranking_scores(
    runs: Sequence[str | Path | Run], *, measures: Sequence[str] = (), force: bool = False
) -> RankingScores:
    """The ranking score of the systems of these runs.

    measures: 'ASPECT=METRIC' or 'ASPECT=METRIC@DATASET' each, instead of TISE's. UsageError when fewer than two systems
    have every measure, or a name fits none or several.
    """
    tables, broken = opened(runs)
    worlds: dict[str, list[Run]] = {}
    for system in tables.systems:
        worlds.setdefault(canonical(identity(system.run)), []).append(system.run)
    made = [compare(members, force=force) for members in worlds.values()]
    chosen = [_asked(text, made) for text in measures] or _of_tise(made)
    titles, left = _titles(made, chosen)
    if len(titles) < 2:
        told = "; ".join(f"{title}: {why}" for title, why in left)
        raise UsageError(f"A ranking score needs two systems with every measure; {told or 'there is one system'}.")
    found = [(aspect, one, row, _ranked(one, row, titles)) for aspect, one, row in chosen]
    points = np.stack([_points(r) for *_, r in found], axis=1)
    aspects = [aspect for aspect, *_ in found]
    turned, upward = np.stack([_rounded(r) for *_, r in found], axis=1), [True] * len(found)
    scores = ranking_score(turned, upward, aspects)
    reach = np.array([[(len(titles) + 1 - last, len(titles) + 1 - first) for first, last in r.intervals()]
                      for *_, r in found])  # fmt: skip
    ends = np.sum([reach[[a == name for a in aspects]].mean(0) for name in dict.fromkeys(aspects)], axis=0)
    order = sorted(range(len(titles)), key=lambda i: -scores[i])
    columns = tuple(
        Measure(
            aspect, row.metric, row.label, _label(one), row.direction,
            tuple(float(r.sign * r.turned[i]) for i in order), tuple(float(points[i, j]) for i in order),
            tuple((int(reach[j, i, 0]), int(reach[j, i, 1])) for i in order), r.prompts,
        )
        for j, (aspect, one, row, r) in enumerate(found)
    )  # fmt: skip
    absent = () if measures else tuple((aspect, name) for aspect, name, names in TISE if not _held(names, made))
    return RankingScores(
        tuple(titles[i] for i in order), columns, tuple(float(scores[i]) for i in order),
        tuple((float(ends[i, 0]), float(ends[i, 1])) for i in order), absent, tuple(left), broken,
    )  # fmt: skip


# ---- which measures --------------------------------------------------------------------------------------------------

Chosen = tuple[str, Comparison, Row]


def _of_tise(made: Sequence[Comparison]) -> list[Chosen]:
    found = [(aspect, *_only(name, made)) for aspect, _, names in TISE if (name := _held(names, made))]
    if not found:
        known = ", ".join(n for _, _, names in TISE for n in names)
        raise UsageError(
            f"These runs have none of TISE's measures ({known}); name your own with --measure ASPECT=METRIC."
        )
    return found


def _held(names: Sequence[str], made: Sequence[Comparison]) -> str:
    """The first of the names that a run has, or ''."""
    return next((n for n in names if any(_rows(n, one) for one in made)), "")


def _asked(text: str, made: Sequence[Comparison]) -> Chosen:
    aspect, sign, name = text.partition("=")
    if not aspect.strip() or not sign or not name.strip():
        raise UsageError(f"A measure is given as ASPECT=METRIC or ASPECT=METRIC@DATASET; got '{text}'.")
    return (aspect.strip(), *_only(name.strip(), made))


def _only(name: str, made: Sequence[Comparison]) -> tuple[Comparison, Row]:
    """The one row that a name means."""
    metric, sign, dataset = name.rpartition("@")
    if sign and dataset in {_label(one) for one in made}:
        name, made = metric, [one for one in made if _label(one) == dataset]
    fit = [(one, row) for one in made for row in _rows(name, one)]
    if not fit:
        known = [n for one in made for row in one.rows if row.direction != "none" for n in names_of(row)]
        raise UsageError(f"No metric of these runs, of which more or less is better, is called '{name}'."
                         f"{did_you_mean(name, known)}")  # fmt: skip
    if len(fit) > 1:
        told = ", ".join(f"{row.title}.{row.output.name}@{_label(one)}" for one, row in fit)
        raise UsageError(f"'{name}' is several measures of these runs ({told}); say which with --measure ASPECT=METRIC"
                         "@DATASET, naming all measures.")  # fmt: skip
    return fit[0]


def _rows(name: str, one: Comparison) -> list[Row]:
    """Rows of that name with a direction: the primary one where it names a metric of several outputs."""
    fit = [r for r in one.rows if r.direction != "none" and name in (*names_of(r), f"{r.title}.{r.output.name}",
                                                                     f"{r.card.name}.{r.output.name}")]  # fmt: skip
    return [r for r in fit if r.primary] or fit


def _label(one: Comparison) -> str:
    return str(one.dataset.get("label") or one.dataset.get("name") or "data set")


# ---- systems and their points ----------------------------------------------------------------------------------------


def _titles(made: Sequence[Comparison], chosen: Sequence[Chosen]) -> tuple[list[str], list[tuple[str, str]]]:
    """Systems with a value of every measure, and the others with the first reason; controls do not compete."""
    kept, left = [], []
    for title in dict.fromkeys(one.systems[i].title for one in made for i in one.ranked):
        reasons = [why for _, one, row in chosen if (why := _lacks(title, one, row))]
        if reasons:
            left.append((title, reasons[0]))
        else:
            kept.append(title)
    return kept, left


def _lacks(title: str, one: Comparison, row: Row) -> str:
    at = next((i for i in one.ranked if one.systems[i].title == title), None)
    if at is None:
        return f"not run on {_label(one)}"
    cell = row.cells[at]
    return f"no {row.label} on {_label(one)}" if cell is None or cell.value is None else ""


def _ranked(one: Comparison, row: Row, titles: Sequence[str]) -> Ranked:
    at = {one.systems[i].title: i for i in one.ranked}
    tables = one.tables or Tables(one.systems)
    found = ranked([Part(tables, row, tuple(at[t] for t in titles))], titles)
    if found is None:
        raise UsageError(
            f"{row.title} on {_label(one)} has no image with a value in common to {', '.join(titles)}, or unlike "
            "numbers of images; score them with --common, or leave the measure out with --measure."
        )
    return found


def _rounded(one: Ranked) -> np.ndarray:
    """(s,) values turned so that more is better, equal where they differ by rounding alone."""
    size = np.abs(one.turned).max(initial=0.0)
    return np.round(one.turned / (size or 1.0), 12)


def _points(one: Ranked) -> np.ndarray:
    return ranking_score(_rounded(one)[:, None], [True])
