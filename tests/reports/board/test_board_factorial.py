"""Generators x fusion strategies: deltas, main effects and the interaction against a direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from board_runs import BOARD, LOSS, SCORE

from bench import store

GAIN = {"none": 0.0, "film": 0.3, "attention(heads=4)": 0.9}


def grid(toys, extra=0.0, cards=(SCORE, LOSS), fusions=tuple(GAIN)):
    """Two generators with three fusions; `extra` helps attention in the second alone."""
    runs = []
    for g, base in (("flow", 0.0), ("unet", 0.5)):
        for f in fusions:
            bonus = extra if (g, f) == ("unet", "attention(heads=4)") else 0.0
            runs.append(toys.run(f"{g} {f}", system=f"{g}+{f}", skill=base + GAIN[f] + bonus, n=300, cards=cards))
    return runs


def effects(factorial):
    return {(e.generator, e.fusion): e for e in factorial.effects}


def columns(board, name="quality:score"):
    return {(r.generator, r.fusion): store.samples(r.paths[0])[name].to_numpy() for r in board.ranked}


def test_deltas_are_paired_differences_to_the_same_generator(toys):
    board = toys.board(grid(toys))
    found, x = effects(board.factorial), columns(board)
    assert board.factorial.generators == ("flow", "unet") and board.factorial.fusions == (
        "",
        "attention(heads=4)",
        "film",
    )
    for (g, f), effect in found.items():
        if not f:
            assert effect.delta is None and effect.low is None
            continue
        apart = x[g, f] - x[g, ""]
        assert effect.delta == pytest.approx(apart.mean(), rel=1e-9)
        reach = (effect.high - effect.low) / 2 / (apart.std(ddof=1) / np.sqrt(300))
        assert 2.2 < reach < 2.8, "max-T over four deltas: more than 1.97, less than Bonferroni's 2.51 and its noise"
        assert effect.value == pytest.approx(x[g, f].mean(), rel=1e-9)


def test_main_effects_average_over_generators(toys):
    board = toys.board(grid(toys))
    x = columns(board)
    for fusion, mean, low, high in board.factorial.main:
        apart = (x["flow", fusion] - x["flow", ""] + x["unet", fusion] - x["unet", ""]) / 2
        assert mean == pytest.approx(apart.mean(), rel=1e-9) and low < GAIN[fusion] < high
        assert (high - low) / 2 == pytest.approx(2.3 * apart.std(ddof=1) / np.sqrt(300), rel=0.12)


def test_the_interaction_is_found_where_it_is_and_only_there(toys):
    plain = effects(toys.board(grid(toys)).factorial)
    assert all(e.interaction_low < 0 < e.interaction_high for e in plain.values() if e.interaction is not None)
    toys.root = toys.root / "more"
    bent = effects(toys.board(grid(toys, extra=1.0)).factorial)
    cell = bent["unet", "attention(heads=4)"]
    assert cell.interaction > 0 and cell.interaction_low > 0
    assert bent["flow", "attention(heads=4)"].interaction == pytest.approx(-cell.interaction)
    assert bent["unet", "film"].interaction_low < 0 < bent["unet", "film"].interaction_high


def test_better_is_positive_where_less_is_better(toys):
    board = toys.board(grid(toys), text=BOARD.replace("quality", "loss"))
    found = effects(board.factorial)
    assert found["flow", "attention(heads=4)"].delta == pytest.approx(0.9, abs=0.25)
    assert found["flow", "attention(heads=4)"].low > 0 and board.columns[0].direction == "lower"


def test_without_a_baseline_there_is_nothing_to_add(toys):
    runs = grid(toys, fusions=("film", "attention(heads=4)"))
    assert toys.board(runs).factorial is None
    only = [r for r in grid(type(toys)(toys.root / "b"), fusions=("none", "film"))][:3]
    board = toys.board(only)
    found = effects(board.factorial)
    assert found["unet", ""].delta is None and found["flow", "film"].delta is not None
    assert found["flow", "film"].interaction is None, "one generator has no interaction"
