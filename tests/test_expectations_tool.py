"""Verdicts on what was expected: each turns when the world is the other way round, and three seeds alone say little."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location(
    "expectations", Path(__file__).resolve().parent.parent / "tools" / "expectations.py"
)
expectations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(expectations)

NAMES = ("none", "concat", "weighted", "film", "attention", "gated", "aligned")


def drawn(shares, seeds=3, prompts=400, seed=0):
    """Strategy -> (seeds, prompts) of 0 and 1; equal shares are equal images."""
    dice = np.random.default_rng(seed).random((seeds, prompts))
    return {name: (dice < share).astype(float) for name, share in shares.items()}


def boards(by_words=0.6, by_sentence=0.3, gated_after=0.7, colour=0.9):
    binding = {n: by_words if n in ("attention", "aligned") else by_sentence for n in NAMES}
    found = {
        "colour": drawn({n: colour if n != "none" else 1 / 8 for n in NAMES}),
        "shape": drawn({n: 0.5 if n != "none" else 1 / 6 for n in NAMES}),
        "binding": drawn(binding), "relation": drawn(binding),
    }  # fmt: skip
    fallen = {"colour": drawn({n: gated_after if n == "gated" else 0.6 for n in NAMES})}
    return found, fallen


def verdicts(**world):
    return {name: verdict for name, verdict, _ in expectations.strategies(*boards(**world))}


def test_a_world_as_expected_meets_and_its_mirror_does_not():
    as_expected, mirrored = verdicts(), verdicts(by_words=0.3, by_sentence=0.6, gated_after=0.2)
    assert {as_expected[n] for n in ("F1", "F2", "F3", "F4", "F5")} == {"met"}
    assert [mirrored[n] for n in ("F2", "F3", "F4")] == ["not met"] * 3
    assert verdicts(by_words=0.3, by_sentence=0.3)["F2"] == "cannot be told"


def test_intervals_are_over_seeds_too():
    """Every prompt says the same, only seeds differ: the interval is as wide as seeds are apart."""
    values = np.repeat([[0.0], [0.0], [1.0]], 500, axis=1)
    low, high = expectations.interval(values)
    assert (low, high) == (pytest.approx(0), pytest.approx(1))
    assert expectations.mean(values) == pytest.approx(1 / 3)


def test_prompts_that_a_figure_does_not_speak_of_are_left_out():
    values = np.array([[1.0, np.nan, 0.0, 1.0]] * 3)
    assert expectations.mean(values) == pytest.approx(2 / 3)
    assert all(0 <= end <= 1 for end in expectations.interval(values))


@pytest.mark.parametrize(("r1", "verdict"), [((9, 8, 7), "met"), ((4, 8, 9), "cannot be told"), ((0, 1, 1), "not met")])
def test_more_modes_means_every_seed_above_every_other(r1, verdict):
    modes = {"none": (2, 3, 4), "r1": r1, "pairing": (9, 9, 9), "mean": (9, 9, 9), "pool": (2, 3, 4),
             "salimans": (2, 3, 4)}  # fmt: skip
    found = {n: {"modes": np.array(m, float), "unreadable": np.array([0.1, 0.2, 0.3])} for n, m in modes.items()}
    told = {name: said for name, said, _ in expectations.mitigations(found)}
    assert told["M1"] == verdict
    assert told["M2"] == "met"
    assert told["M3"] == "not met", "more modes, but not fewer unreadable images"
    assert told["M4"] == ("met" if np.mean(r1) > 3 else "not met")


@pytest.mark.parametrize(
    ("fgsm", "random", "verdicts"),
    [((0.6, 0.2), 0.1, {"R3": "met", "R4": "not met"}), ((0.2, 0.6), 0.1, {"R3": "met", "R4": "met"}),
     ((0.3, 0.3), 0.3, {"R3": "not met", "R4": "met"})],
)  # fmt: skip
def test_an_attack_counts_beyond_random_and_robustness_beyond_flows(fgsm, random, verdicts):
    """fgsm: what it costs flow, and the other system."""
    shares = {(n, k): v for n, f in zip(("flow", "cgan"), fgsm, strict=True)
              for k, v in (("fgsm", f), ("random", random), ("synonyms", 0.0), ("drops", 0.5))}  # fmt: skip
    falls = {key: fall for key, fall in drawn(shares, seeds=1).items()}
    told = {name: verdict for name, verdict, _ in expectations.robustness(falls)}
    assert told == {"R1": "met", "R2": "met", **verdicts}
    falls["cgan", "synonyms"] = falls["cgan", "drops"]
    assert expectations.robustness(falls)[0][1] == "not met"
