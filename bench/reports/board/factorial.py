"""Generators x fusion strategies: what a fusion adds to the same generator without one, and where that differs.

delta = system less the same generator without fusion; main effect = mean delta of a fusion over the generators that
have it; interaction = delta less that main effect. All + being better, each of the three a family of its own with
simultaneous intervals (max-T over the joint draws of the ordering column).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.reports.board.nouns import Effect, Factorial
from bench.reports.board.pairs import Field, drawn
from bench.stats.simultaneous import DRAWS, student

Interval = tuple[float | None, float | None]


def factorial(field: Field, ids: Sequence[str], parts: Sequence[tuple[str, str]], error: float) -> Factorial | None:
    """The table of the ranked systems; None unless some generator stands with and without a fusion.

    ids and parts (generator, fusion, '' for none) are of the field's members.
    """
    place = {part: i for i, part in reversed(list(enumerate(parts)))}
    cells = sorted((g, f, i, place[g, ""]) for (g, f), i in place.items() if f and (g, "") in place)
    if not cells:
        return None
    sign = -1.0 if field.column.direction == "lower" else 1.0
    deviations = sign * drawn(field, ids, DRAWS).astype(np.float64)
    deltas = np.array([sign * field.delta[i, base] for _, _, i, base in cells])
    draws = np.array([deviations[i] - deviations[base] for _, _, i, base in cells])
    errors = np.array([field.error[i, base] for _, _, i, base in cells])
    ends = _ends(deltas, draws, error, field.freedom, errors)
    fusions = sorted({f for _, f, _, _ in cells})
    share = np.array([[float(f == c[1]) for c in cells] for f in fusions])
    count = share.sum(1)
    mean, mean_draws = share @ deltas / count, share @ draws / count[:, None]
    own = np.array([fusions.index(f) for _, f, _, _ in cells])
    inside = np.flatnonzero(count[own] > 1)
    apart = deltas[inside] - mean[own[inside]]
    apart_ends = _ends(apart, draws[inside] - mean_draws[own[inside]], error, field.freedom)
    told = {c[:2]: (float(d), e) for c, d, e in zip(cells, deltas, ends, strict=True)}
    found = {cells[n][:2]: (float(a), *e) for n, a, e in zip(inside, apart, apart_ends, strict=True)}
    effects = [_effect(field, part, i, told.get(part), found.get(part)) for part, i in place.items()]
    mains = zip(fusions, mean, _ends(mean, mean_draws, error, field.freedom), strict=True)
    return Factorial(
        field.column.id, tuple(sorted({e.generator for e in effects})), tuple(sorted({e.fusion for e in effects})),
        tuple(sorted(effects, key=lambda e: (e.generator, e.fusion))), tuple((f, float(m), *e) for f, m, e in mains),
    )  # fmt: skip


def _effect(
    field: Field, part: tuple[str, str], at: int, against: tuple[float, Interval] | None,
    apart: tuple[float, float | None, float | None] | None,
) -> Effect:  # fmt: skip
    delta, ends = (None, (None, None)) if against is None else against
    value, low, high = (None, None, None) if apart is None else apart
    return Effect(*part, float(field.values[at]), delta, *ends, value, low, high)


def _ends(
    values: np.ndarray, draws: np.ndarray, error: float, freedom: int, errors: np.ndarray | None = None
) -> list[Interval]:
    """Simultaneous intervals of some contrasts from their (m, R) joint deviations; None without an error.

    errors: standard errors, where the pairs have them; otherwise those of the draws.
    """
    if not len(values):
        return []
    own = draws.std(1, ddof=1)
    largest = np.divide(np.abs(draws), own[:, None], out=np.zeros_like(draws), where=own[:, None] > 0).max(0)
    reach = float(student(np.quantile(largest, 1 - error), max(freedom, 1))) if freedom > 0 else np.nan
    factor = np.sqrt((freedom + 1) / freedom) if freedom > 0 else np.nan
    half = reach * (own * factor if errors is None else errors)
    return [(float(v - h), float(v + h)) if np.isfinite(h) else (None, None) for v, h in zip(values, half, strict=True)]
