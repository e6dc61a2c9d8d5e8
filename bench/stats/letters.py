"""Compact letter display: two systems share a letter exactly when no significant difference parts them.

Insert-and-absorb (Piepho 2004, J. Comput. Graph. Stat. 13:456): a significant pair splits every group that holds both,
and a group that lies within another is absorbed. Here all pairs of one system are inserted at once, which gives the
same groups. What is left over is swept: a group all of whose pairs stand in others says nothing and goes.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from bench.errors import UsageError

MOST_GROUPS = 4000
"""Groups held at once; beyond it the differences are so far from an order that letters would tell nobody anything."""
_RANGES = ((0x61, 0x7A), (0x41, 0x5A), (0x3B1, 0x3C9), (0x430, 0x44F), (0x561, 0x586), (0x10D0, 0x10F0), (0x100, 0x17F))
"""Latin small and capital, then letters of other alphabets, each one sign."""
_LOOKALIKES = "".join(map(chr, (0x43E, 0x430, 0x441, 0x435, 0x3C1, 0x3BF, 0x440, 0x445, 0x443, 0x3BD)))
"""Those that a reader takes for Latin ones."""


def letters(different: np.ndarray) -> list[str]:
    """(k, k) bool, symmetric: which pairs differ -> for each system its letters, 'a' being the first system's first.

    Systems should come best first, so that letters run down the table. UsageError when the matrix is not symmetric;
    '' for all when there are more groups than letters.
    """
    apart = np.asarray(different, dtype=bool)
    if apart.ndim != 2 or apart.shape[0] != apart.shape[1] or (apart != apart.T).any():
        raise UsageError(f"Letters need a symmetric (k, k) matrix of differences; the one given is {apart.shape}.")
    k = len(apart)
    alike = [sum(1 << j for j in range(k) if j == i or not apart[i, j]) for i in range(k)]
    groups = _swept(_groups(alike), k)
    signs = _signs(len(groups))
    if not signs:
        return [""] * k
    return ["".join(s for s, g in zip(signs, groups, strict=True) if g >> i & 1) for i in range(k)]


def _groups(alike: list[int]) -> list[int]:
    """Largest sets of systems of which no two differ, as bits: systems enter one by one."""
    groups: list[int] = []
    for i, friends in enumerate(alike):
        grown = [g | 1 << i for g in groups if g & friends == g]
        kept = [g for g in groups if g & friends != g]
        parts = sorted({(g & friends) | 1 << i for g in kept} | {1 << i}, key=lambda g: -g.bit_count())
        for part in parts:
            if not any(part & g == part for g in grown):
                grown.append(part)
        groups = kept + grown
        if len(groups) > MOST_GROUPS:
            return []
    return groups


def _swept(groups: list[int], k: int) -> list[int]:
    """Groups that are needed, in the order of the systems that they begin and end with."""
    ordered = sorted(groups, key=lambda g: [i for i in range(k) if g >> i & 1])
    count = np.zeros((k, k), dtype=int)
    members = [[i for i in range(k) if g >> i & 1] for g in ordered]
    for m in members:
        count[np.ix_(m, m)] += 1
    kept = []
    for g, m in sorted(zip(ordered, members, strict=True), key=lambda one: len(one[1])):  # small ones go first
        if (count[np.ix_(m, m)] > 1).all():
            count[np.ix_(m, m)] -= 1
        else:
            kept.append(g)
    return [g for g in ordered if g in kept]


def _signs(count: int) -> list[str]:
    codes = [c for low, high in _RANGES for c in range(low, high + 1)]
    signs = [chr(c) for c in codes if unicodedata.category(chr(c)) in ("Ll", "Lu") and chr(c) not in _LOOKALIKES]
    return signs[:count] if 0 < count <= len(signs) else []
