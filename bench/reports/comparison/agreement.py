"""Do the metrics agree? Spearman's rank correlation between them, on what single prompts say.

With several systems the correlation is over each prompt's difference to the reference, ranked within each system and
then pooled: neither easy prompts nor a system that is better at everything can make two metrics seem to agree. With
one system it is over the prompts' values. Two metrics that look through the same weights share their errors, so that
their agreement is worth less; that is said beside the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import rankdata

from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Agreement
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.values import common, per_image, prompt_values, sign

MOST = 24
"""Rows of the matrix: primary ones first."""
_INDEPENDENT = "not independent"


def agreement(comparison: Comparison, tables: Tables, reference: int | None = None) -> Agreement | None:
    """The matrix over primary metrics of single images; None with fewer than two that vary over the common prompts.

    reference: the system that all others are subtracted from; default the baseline, else the first ranked one.
    """
    rows = [r for r in comparison.primary if per_image(r)][:MOST]
    base = comparison.baseline if reference is None else reference
    base = comparison.ranked[0] if base is None else base
    others = [i for i in comparison.ranked if i != base]
    columns = [_columns(tables, rows, i, base) for i in others] if others else [_columns(tables, rows, base, None)]
    kept = [m for m in range(len(rows)) if any(_ranks(c[m], np.isfinite(c[m])).any() for c in columns)]
    if len(kept) < 2:
        return None
    rows, columns = [rows[m] for m in kept], [c[kept] for c in columns]
    rho, n = _matrix(columns)
    shared = _shared(comparison, rows)
    return Agreement(
        tuple(rows), rho, n, "differences" if others else "values", shared, _notes(comparison, rows, shared)
    )


def _columns(tables: Tables, rows: Sequence[Row], system: int, base: int | None) -> np.ndarray:
    """(m, P) turned differences to the base, or values of the one system."""
    pair = (system, system if base is None else base)
    shared = common(tables, pair)
    found = np.full((len(rows), len(shared.samples)), np.nan)
    for m, row in enumerate(rows):
        both = prompt_values(tables, row, pair, shared) if len(shared.samples) else None
        if both is not None:
            found[m] = sign(row) * (both[0] if base is None else both[0] - both[1])
    return found


def _matrix(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Spearman (m, m) pooled over systems' own ranks, and the numbers of prompts."""
    m = len(columns[0])
    rho, n = np.full((m, m), np.nan), np.zeros((m, m), dtype=int)
    ranked = [[_ranks(c[i], np.isfinite(c[i])) for i in range(m)] for c in columns]
    for i, j in [*combinations(range(m), 2), *((i, i) for i in range(m))]:
        sums = np.zeros(3)
        for column, ranks in zip(columns, ranked, strict=True):
            both = np.isfinite(column[i]) & np.isfinite(column[j])
            whole = (both == np.isfinite(column[i])).all() and (both == np.isfinite(column[j])).all()
            a, b = (ranks[k] if whole else _ranks(column[k], both) for k in (i, j))
            sums += (a @ b, a @ a, b @ b)
            n[i, j] += int(both.sum())
        n[j, i] = n[i, j]
        if min(sums[1:]) > 0:
            rho[i, j] = rho[j, i] = np.clip(sums[0] / np.sqrt(sums[1] * sums[2]), -1.0, 1.0)
    return rho, n


def _ranks(column: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(P,) ranks among the known, less their mean; 0 elsewhere."""
    found = np.zeros(len(column))
    if known.any():
        values = column[known]
        scale = np.abs(values).max()
        tied = np.round(values / scale, 12) if scale > 0 else values  # equal up to rounding is equal
        ranks = rankdata(tied)
        found[known] = ranks - ranks.mean()
    return found


# ---- who shares weights --------------------------------------------------------------------------------------------


def _shared(comparison: Comparison, rows: Sequence[Row]) -> tuple[tuple[int, int, str], ...]:
    eyes = [extractors(comparison, row) for row in rows]
    found = []
    for i, j in combinations(range(len(rows)), 2):
        both = sorted(name for mark, name in eyes[i].items() if mark in eyes[j])
        if both and rows[i].metric != rows[j].metric:
            found.append((i, j, ", ".join(both)))
    return tuple(found)


def extractors(comparison: Comparison, row: Row) -> Mapping[str, str]:
    """Weights of the networks that a row looks through -> name of the extractor."""
    protocol: Mapping[str, Any] = next(
        (s.run.protocols[row.protocol] for s in comparison.systems if row.protocol in s.run.protocols), {}
    )
    listed = protocol.get("extractors") or ()
    return {str(e["weights"]): str(e.get("name", "an extractor")) for e in listed if e.get("weights")}


def _notes(comparison: Comparison, rows: Sequence[Row], shared: Sequence[tuple[int, int, str]]) -> tuple[str, ...]:
    notes = []
    for name in sorted({name for *_, name in shared}):
        members = sorted({k for i, j, n in shared if n == name for k in (i, j)})
        told = ", ".join(dict.fromkeys(rows[k].title for k in members))
        notes.append(
            f"{told} look through the same weights ({name}): they share its errors, and agree the more for it."
        )
    for row in rows:
        if _INDEPENDENT in row.card.caveat.casefold():
            notes.append(f"{row.title}: {row.card.caveat}.".replace("..", "."))
    return tuple(dict.fromkeys(notes))
