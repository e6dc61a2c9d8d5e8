"""The family over which p is corrected: declared, at its error rate, and what the verdicts go by."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from planted_runs import card

from bench import store
from bench.reports.comparison import family as module
from bench.reports.comparison.compare import compare
from bench.reports.comparison.verdicts import verdicts
from bench.stats.families import max_t
from bench.stats.kernels import kernel
from bench.types import Estimator, Score

CARDS = [card(f"m{i}", "lower" if i % 2 else "higher") for i in range(4)]


def tables_of(names: str, rng, *, n: int = 60, rows=CARDS, gain=0.0, binary=False):
    """Name -> columns: metrics of an image go together, systems differ by `gain`."""
    ease, found = rng.normal(size=n), {}
    for i, name in enumerate(names):
        noise = rng.normal(size=n)
        values = {f"{c.metric}:score": ease + 0.7 * noise + 0.7 * rng.normal(size=n) + gain * i for c in rows}
        found[name] = {k: (v > 0).astype(float) if binary else v for k, v in values.items()}
    return found


def runs_of(plant, names: str, rng, *, rows=CARDS, **more):
    return [plant(name, values, rows) for name, values in tables_of(names, rng, rows=rows, **more).items()]


def test_with_a_baseline_the_family_is_every_system_against_it(plant):
    found = compare(runs_of(plant, "abc", np.random.default_rng(0)), baseline="b")
    assert (found.family.size, found.family.rows, found.family.reference) == (8, 4, 1)
    assert {(i, j) for _, i, j in found.family.p} == {(0, 1), (1, 2)}


def test_without_one_it_is_all_pairs_because_the_data_choose_the_best(plant):
    found = compare(runs_of(plant, "abc", np.random.default_rng(0)))
    assert (found.family.size, found.family.reference) == (12, None)


def test_secondary_rows_controls_and_rows_without_a_direction_are_outside(plant):
    rng = np.random.default_rng(0)
    rows = [CARDS[0], card("more", primary=False), card("plain", "none")]
    runs = runs_of(plant, "ab", rng, rows=rows)
    made = store.load(runs_of(plant, "c", rng, rows=rows)[0])
    store.save(dataclasses.replace(made, spec=dataclasses.replace(made.spec, factors={"control": "true"})))
    found = compare([*runs, made.path])
    assert {key.partition("|")[0] for key, *_ in found.family.p} == {"m0"} and found.family.size == 1
    more = next(r for r in found.rows if r.metric == "more")
    (one,) = [d for d in more.differences if d is not None]
    assert one.p_family is None and one.p_adjusted == one.p_holm


def test_it_is_max_t_over_the_joint_exchanges(plant):
    found = compare(runs_of(plant, "ab", np.random.default_rng(3), gain=0.25))
    frames = [found.tables.frame(i) for i in (0, 1)]
    kernels = [
        kernel(
            Estimator("mean", ("x",)), {"x": np.stack([f[f"m{i}:score"] for f in frames], axis=1)}, frames[0]["group"]
        )
        for i in range(4)
    ]
    told = [found.family.of(row, 0, 1) for row in found.rows]
    assert told == pytest.approx(max_t(kernels), abs=1e-12)
    single = [found.family.single[row.key, 0, 1] for row in found.rows]
    assert all(s <= t for s, t in zip(single, told, strict=True))
    assert single == [d.p for row in found.rows for d in row.differences if d is not None]


def test_verdicts_go_by_the_family_and_say_what_was_not_beyond_it(plant):
    rng = np.random.default_rng(1)
    base = rng.normal(size=(20, 60))
    rows = [card(f"m{i}") for i in range(20)]
    a = {f"m{i}:score": base[i] for i in range(20)}
    b = {f"m{i}:score": base[i] + rng.normal(size=60) + (0.32 if i == 0 else 0.0) for i in range(20)}
    runs = [plant("a", a, rows), plant("b", b, rows)]
    row = compare(runs).rows[0]
    (one,) = [d for d in row.differences if d is not None]
    assert one.low > 0 or one.high < 0
    assert one.p < 0.05 < one.p_family and one.p_holm == one.p and one.kind == "tied"
    said = verdicts(compare(runs))[0]
    assert said.kind == "tied" and "not beyond the correction for all comparisons" in said.text


def test_equal_systems_are_called_different_in_at_most_5_percent_of_reports(plant, monkeypatch):
    """And the reason for the family: over four metrics and the best of four systems, Holm by row calls far more."""
    alarms = by_row = 0
    for seed in range(40):
        given = tables_of("abcd", np.random.default_rng(seed), n=40, binary=seed % 2 == 0)
        made = [plant.made(name, values, CARDS) for name, values in given.items()]
        runs = [dataclasses.replace(r, path=r.label, dataset={"name": "toy"}) for r, _ in made]
        monkeypatch.setattr(store, "samples", {r.path: f for r, (_, f) in zip(runs, made, strict=True)}.__getitem__)
        found = compare(runs)
        told = [d for r in found.rows for d in r.differences if d is not None]
        alarms += any(d.kind in ("better", "worse") for d in told)
        by_row += any(d.p_holm < 0.05 for d in told)
    assert alarms <= 5  # 5 % of 40 is 2; 6 or more come with p = .01
    assert by_row >= 6


def test_blocks_get_their_share_of_the_error(plant):
    rng, prc = np.random.default_rng(0), card("prc", scope="set")
    paths = runs_of(plant, "ab", rng, rows=CARDS[:3], gain=3.0)
    for i, path in enumerate(paths):
        run = store.load(path)
        blocks = tuple(0.5 * i + rng.normal(size=10) / 50)
        score = Score("prc", "value", 0.5 * i, 0.0, 1.0, "", 60, 0, "exclude", "f" * 32, blocks)
        store.save(dataclasses.replace(
            run, scores=(*run.scores, score), cards={**run.cards, "prc": prc}, protocols={**run.protocols, "f" * 32: {}}
        ))  # fmt: skip
    found = compare(paths)
    row = next(r for r in found.rows if r.metric == "prc")
    (one,) = [d for d in row.differences if d is not None]
    assert found.family.size == 4 and one.p_family == pytest.approx(4 * one.p)
    mean = [found.family.of(r, 0, 1) for r in found.rows if r.metric != "prc"]
    assert mean == pytest.approx([4 / 3 / 2001] * 3)


def test_a_family_that_is_too_large_is_not_made_and_says_so(plant, monkeypatch):
    monkeypatch.setattr(module, "MOST", 11)
    found = compare(runs_of(plant, "abc", np.random.default_rng(0)))
    assert not found.family.p and any("12 comparisons are more than the 11" in n for n in found.notes)
    assert all(d.p_adjusted == d.p_holm for r in found.rows for d in r.differences if d is not None)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1.0, 1e30])
def test_the_unit_of_a_metric_changes_no_verdict(plant, size):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 50))
    runs = [plant("a", {"m0:score": a * size}, CARDS[:1]), plant("b", {"m0:score": (b + 1.2) * size}, CARDS[:1])]
    found = compare(runs)
    (one,) = [d for d in found.rows[0].differences if d is not None]
    assert one.kind == "worse" and one.p_family < 0.001 and (one.wins, one.losses) != (0, 0) and one.ties == 0
    same = compare([runs[0], plant("c", {"m0:score": a * size * (1 + 1e-15)}, CARDS[:1])])
    (other,) = [d for d in same.rows[0].differences if d is not None]
    assert other.kind == "tied" and other.p_family == 1 and other.ties == 50
