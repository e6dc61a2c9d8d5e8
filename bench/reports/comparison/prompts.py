"""Which prompts a difference is made of: the largest gains and losses, where metrics disagree, who passes only once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.reports.comparison.differences import Tables
from bench.reports.comparison.findings import Flip, Flips, Pair, PromptLine, Prompts, PromptValues
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.values import Common, chosen_row, common, image_parts, per_image, prompt_values, sign
from bench.reports.privacy import private, prompt_text, sample_name
from bench.stats.exact import mcnemar

SHOWN = 12
"""Prompts of each list."""
_EQUAL, _CUT = 1e-12, 3.0


def prompts(
    comparison: Comparison, tables: Tables, pair: Pair, *, by: Row | None = None, count: int = SHOWN
) -> Prompts | None:
    """The prompts of a pair; None when the two have none in common or no metric of single images.

    by: the row that best and worst go by (also a set metric's, by what images contribute); default `chosen_row`.
    """
    shared = common(tables, pair)
    values = _values(comparison, tables, pair, shared, by)
    if not len(shared.here) or not values:
        return None
    chosen = by or chosen_row(comparison)
    order = next((i for i, v in enumerate(values) if chosen is not None and v.row.key == chosen.key), None)
    order = 0 if order is None else order
    texts = _texts(tables, pair[0], shared)
    gain, place = values[order].gain, np.arange(len(shared.samples))
    least = _EQUAL * _size(values[order])
    best = [i for i in np.argsort(-gain, kind="stable") if gain[i] > least][:count]
    worst = [i for i in np.argsort(gain, kind="stable") if gain[i] < -least][:count]

    def line(i: int, size: float, *ends: int) -> PromptLine:
        name = sample_name(tables.systems[pair[0]].run, shared.samples[i])
        return PromptLine(int(place[i]), shared.samples[i], name, texts[i], float(size), *ends)

    return Prompts(
        pair, shared.samples, texts, _images(tables, pair[0], shared), tuple(values), order,
        tuple(line(i, gain[i]) for i in best), tuple(line(i, gain[i]) for i in worst),
        tuple(line(i, size, high, low) for i, size, high, low in _disagreements(values, count)),
    )  # fmt: skip


def _values(comparison: Comparison, tables: Tables, pair: Pair, shared: Common, by: Row | None) -> list[PromptValues]:
    """Primary rows of single images, then primary set rows with contributions, then the row asked for."""
    rows = [r for r in comparison.primary if per_image(r)]
    rows += [r for r in comparison.primary if r.card.scope == "set" and r.direction != "none"]
    rows += [by] if by is not None and by.key not in {r.key for r in rows} else []
    found = []
    for row in rows:
        both = prompt_values(tables, row, pair, shared)
        if both is not None and np.isfinite(both[0]).any():
            found.append(PromptValues(row, *both, sign(row) * (both[0] - both[1])))
    return found


def _size(one: PromptValues) -> float:
    known = np.abs(np.concatenate([one.system, one.reference]))
    return float(np.nanmax(known)) if np.isfinite(known).any() else 0.0


def _texts(tables: Tables, system: int, shared: Common) -> tuple[str, ...]:
    run, given = tables.systems[system].run, tables.frame(system)["prompt"].to_numpy(dtype=object)[shared.here]
    firsts = np.unique(shared.codes, return_index=True)[1]
    if not private(run):
        return tuple(str(given[i]) for i in firsts)
    return tuple(prompt_text(run, s, str(given[i])) for s, i in zip(shared.samples, firsts, strict=True))


def _images(tables: Tables, system: int, shared: Common) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in shared.samples]
    for code, k in zip(shared.codes, tables.frame(system)["k"].to_numpy()[shared.here], strict=True):
        found[code].append(int(k))
    return tuple(map(tuple, found))


def _disagreements(values: Sequence[PromptValues], count: int) -> list[tuple[int, float, int, int]]:
    """(place, size, metric that sees the system best, metric that sees it worst), largest first.

    Gains are measured in their own sd over prompts (their zero kept: it says who is better) and cut at three, lest a
    metric that hardly ever differs fill the list; only prompts count on which one metric sees a gain and another a
    loss.
    """
    scaled = {i: z for i, v in enumerate(values) if per_image(v.row) and (z := _scaled(v)) is not None}
    if len(scaled) < 2:
        return []
    which, table = list(scaled), np.stack(list(scaled.values()))
    high, low = np.nan_to_num(table, nan=-np.inf).argmax(0), np.nan_to_num(table, nan=np.inf).argmin(0)
    at = np.arange(table.shape[1])
    size = np.where((table[high, at] > 0) & (table[low, at] < 0), table[high, at] - table[low, at], 0.0)
    size = np.nan_to_num(size)
    order = [i for i in np.argsort(-size, kind="stable") if size[i] > 0][:count]
    return [(int(i), float(size[i]), which[high[i]], which[low[i]]) for i in order]


def _scaled(one: PromptValues) -> np.ndarray | None:
    """(P,) gains in units of their sd; None where they do not vary."""
    known = one.gain[np.isfinite(one.gain)]
    spread = float(np.std(known)) if len(known) > 1 else 0.0
    return np.clip(one.gain / spread, -_CUT, _CUT) if spread > _EQUAL * _size(one) else None


# ---- flips ---------------------------------------------------------------------------------------------------------


def flips(comparison: Comparison, tables: Tables, pair: Pair) -> tuple[Flips, ...]:
    """Of every primary row of zeros and ones: the images that pass in one run and fail in the other."""
    shared, found = common(tables, pair), []
    for row in comparison.primary:
        if not per_image(row):
            continue
        both = [image_parts(tables, row, i) for i in pair]
        if both[0] is None or both[1] is None:
            continue
        a, b = both[0].values[shared.here], both[1].values[shared.there]
        known = np.isfinite(a) & np.isfinite(b)
        if known.any() and np.isin(a[known], (0.0, 1.0)).all() and np.isin(b[known], (0.0, 1.0)).all():
            found.append(_flips(tables, row, pair, shared, sign(row) * np.where(known, a - b, 0.0), a, known))
    return tuple(found)


def _flips(
    tables: Tables, row: Row, pair: Pair, shared: Common, turn: np.ndarray, own: np.ndarray, known: np.ndarray
) -> Flips:
    frame, run = tables.frame(pair[0]), tables.systems[pair[0]].run
    samples, ks, texts = (frame[c].to_numpy(dtype=object)[shared.here] for c in ("sample", "k", "prompt"))

    hidden = private(run)

    def told(at: np.ndarray) -> tuple[Flip, ...]:
        places = np.flatnonzero(at).tolist()
        if not hidden:
            return tuple(Flip(str(samples[i]), str(samples[i]), int(ks[i]), str(texts[i])) for i in places)
        names = [sample_name(run, samples[i]) for i in places]
        return tuple(Flip(str(samples[i]), name, int(ks[i]), name) for i, name in zip(places, names, strict=True))

    gained, lost, same = turn > 0, turn < 0, known & (turn == 0)
    passed = own == (0.0 if row.direction == "lower" else 1.0)
    groups = tables.codes(pair[0])[shared.here[known]]
    alone = len(np.unique(groups)) == len(groups)
    return Flips(
        row, pair, told(gained), told(lost), int((same & passed).sum()), int((same & ~passed).sum()),
        mcnemar(int(gained.sum()), int(lost.sum())) if alone else None,
        "" if alone else "several images belong to one prompt, so that their flips are not independent",
    )  # fmt: skip
