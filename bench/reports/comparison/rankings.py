"""The rankings of several groups held against each other: Kendall's tau, who moves, and what may be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.stats import kendalltau

from bench.reports.comparison.findings import Group, Move, Rankings
from bench.reports.comparison.nouns import Row
from bench.reports.comparison.ranked import Ranked
from bench.reports.numbers import number

_TOLD = 5
"""Moves that become sentences."""
_PAIRS = 6
"""Pairs of groups up to which each is told."""

Member = tuple[Group, Ranked | None]


def group_of(
    name: str,
    datasets: Sequence[str],
    row: Row,
    why: str,
    found: Ranked | None,
    titles: Sequence[str],
    left: Sequence[tuple[str, str]],
) -> Member:
    """A group as it is shown, with the values behind it; None where its systems have nothing in common."""
    unranked = list(left)
    if found is None:
        unranked += [(t, "no image with a value in common with the others") for t in titles]
    places = () if found is None else found.places()
    prompts = 0 if found is None else found.prompts
    names = tuple(dict.fromkeys(datasets))
    return Group(name, names, row.label, row.title, row.direction, places, prompts, why, tuple(unranked)), found


def compared(by: str, members: Sequence[Member], order: Sequence[str]) -> Rankings:
    """Tau and moves over the systems that every group ranks; order: of the systems' titles."""
    groups = [g for g, _ in members]
    known = [r for _, r in members if r is not None]
    common = tuple(t for t in order if len(known) == len(groups) > 0 and all(t in r.titles for r in known))
    few = [r.only(common) for r in known] if len(common) > 1 else []
    tau = np.full((len(groups), len(groups)), np.nan)
    for i, j in combinations(range(len(few)), 2):
        tau[i, j] = tau[j, i] = float(kendalltau(-few[i].ranks, -few[j].ranks).statistic)
    if few:
        np.fill_diagonal(tau, 1.0)
    moves = _moves(common, few)
    said = _sentences(groups, common, tau) + [_moved(groups, m, few) for m in _telling(moves)]
    return Rankings(by, tuple(groups), common, tau, moves, tuple(said), tuple(_notes(groups)))


def _moves(common: Sequence[str], few: Sequence[Ranked]) -> tuple[Move, ...]:
    ranks, reach = [r.ranks for r in few], [r.intervals() for r in few]
    found = []
    for s, title in enumerate(common if few else ()):
        own = tuple(int(r[s]) for r in ranks)
        if len(set(own)) > 1:
            ends = tuple(r[s] for r in reach)
            sure = any(_apart(a, b) for a, b in combinations(ends, 2))
            found.append(Move(title, own, ends, sure))
    return tuple(sorted(found, key=lambda m: (-(max(m.ranks) - min(m.ranks)), common.index(m.system))))


def _apart(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[1] < b[0] or b[1] < a[0]


# ---- sentences -----------------------------------------------------------------------------------------------------


def _sentences(groups: Sequence[Group], common: Sequence[str], tau: np.ndarray) -> list[str]:
    if len(groups) < 2:
        return ["There are fewer than two groups that can be ranked, so that nothing changes between them."]
    if len(common) < 2:
        who = "One system is" if common else "No system is"
        return [f"{who} ranked by all groups, so that nothing can be said of their agreement."]
    pairs = [(i, j) for i, j in combinations(range(len(groups)), 2) if np.isfinite(tau[i, j])]
    if not pairs:
        return [f"The {len(common)} systems that all groups rank are equal in one of them: no order can be compared."]
    if all(tau[i, j] > 1 - 1e-9 for i, j in pairs):
        return [f"All groups rank the {len(common)} systems that they share alike."]
    if len(pairs) > _PAIRS:
        ends = " and ".join(number(t(tau[i, j] for i, j in pairs), 2, signed=True) for t in (min, max))
        return [f"Kendall's tau between groups lies between {ends}, on {len(common)} systems."]
    return [
        f"{groups[i].name} and {groups[j].name} {_agree(tau[i, j])} on the {len(common)} systems that all groups rank "
        f"(Kendall's tau {number(tau[i, j], 2, signed=True)})."
        for i, j in pairs
    ]


def _agree(tau: float) -> str:
    words = ((0.8, "agree"), (0.3, "agree in part"), (-0.3, "hardly agree"))
    return next((word for least, word in words if tau > least), "contradict each other")


def _telling(moves: Sequence[Move]) -> list[Move]:
    """Those beyond chance first."""
    return [*(m for m in moves if m.sure), *(m for m in moves if not m.sure)][:_TOLD]


def _moved(groups: Sequence[Group], move: Move, few: Sequence[Ranked]) -> str:
    """Its best and worst place; of a sure move, of groups that chance does not bring together."""
    pairs = [
        (i, j) if move.ranks[i] <= move.ranks[j] else (j, i) for i, j in combinations(range(len(groups)), 2)
        if not move.sure or _apart(move.reach[i], move.reach[j])
    ]  # fmt: skip
    best, worst = max(pairs, key=lambda p: move.ranks[p[1]] - move.ranks[p[0]])
    how = "beyond chance" if move.sure else "which may be chance: the rank intervals overlap"
    told = [_place(groups[g].name, move.ranks[g], few[g]) for g in (best, worst)]
    return f"{move.system} {told[0]} and {told[1]}, {how}."


def _place(group: str, rank: int, few: Ranked) -> str:
    word = "shares the" if (few.ranks == rank).sum() > 1 else "is"
    ending = "th" if 10 <= rank % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{word} {rank}{ending}{' place' * (word != 'is')} on {group}"


def _notes(groups: Sequence[Group]) -> list[str]:
    notes = []
    for group in groups:
        for reason in dict.fromkeys(r for _, r in group.unranked):
            names = ", ".join(t for t, r in group.unranked if r == reason)
            notes.append(f"{group.name}: {names} not ranked: {reason}.")
    return notes
