"""Compact letter display: what letters say is exactly what differs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.stats.letters import letters


def symmetric(pairs: list[tuple[int, int]], k: int) -> np.ndarray:
    apart = np.zeros((k, k), dtype=bool)
    for i, j in pairs:
        apart[i, j] = apart[j, i] = True
    return apart


def shared(a: str, b: str) -> bool:
    return bool(set(a) & set(b))


@given(
    st.integers(1, 14).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.booleans(), min_size=k * k, max_size=k * k)))
)
@settings(max_examples=150, deadline=None)
def test_two_systems_share_a_letter_iff_they_do_not_differ(given):
    k, bits = given
    upper = np.triu(np.array(bits).reshape(k, k), 1)
    apart = upper | upper.T
    found = letters(apart)
    assert all(found), "everyone has a letter"
    for i in range(k):
        for j in range(k):
            assert i == j or shared(found[i], found[j]) != apart[i, j]


def test_the_example_of_piepho():
    """Piepho (2004), sec. 2: differences of a chain; overlapping groups get overlapping letters."""
    assert letters(symmetric([(0, 2), (0, 3), (1, 3)], 4)) == ["a", "ab", "bc", "c"]


def test_all_ties_are_one_letter_and_all_differences_are_one_each():
    assert letters(np.zeros((5, 5), dtype=bool)) == ["a"] * 5
    assert letters(~np.eye(4, dtype=bool)) == ["a", "b", "c", "d"]
    assert letters(np.zeros((1, 1), dtype=bool)) == ["a"]
    assert letters(np.zeros((0, 0), dtype=bool)) == []


def test_letters_run_down_a_ranking():
    """Interval-like differences (a chain of ties) give each group a run of rows, in order."""
    k = 60
    apart = np.abs(np.arange(k)[:, None] - np.arange(k)) > 3
    found = letters(apart)
    assert found[0] == "a" and len({c for row in found for c in row}) == k - 3
    for sign in {c for row in found for c in row}:
        held = [i for i, row in enumerate(found) if sign in row]
        assert held == list(range(held[0], held[-1] + 1))


def test_no_letter_is_superfluous():
    """A triangle of ties and a pair that lies in it: the pair needs no letter of its own."""
    assert letters(symmetric([(0, 3), (1, 3)], 4)) == ["a", "a", "ab", "b"]


def test_a_matrix_that_is_not_symmetric_is_refused():
    apart = np.zeros((3, 3), dtype=bool)
    apart[0, 1] = True
    with pytest.raises(UsageError, match="symmetric"):
        letters(apart)


def test_too_many_groups_give_no_letters_instead_of_never_ending():
    """Ten triples, all ties but within a triple: 3^10 groups."""
    triple = np.arange(30) // 3
    apart = (triple[:, None] == triple) & ~np.eye(30, dtype=bool)
    assert letters(apart) == [""] * 30
