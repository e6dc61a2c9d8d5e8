"""Light copies of private runs: scores leave, rows only blinded, captions and images never."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from leaks import words_in
from private_world import World, board

from bench import api, store
from bench.engine import packing
from bench.errors import UsageError


def packed(world: World, to: Path, **options) -> list[Path]:
    return store.find_runs(packing.pack(world.runs, to / "light", **options))


def test_a_pack_shows_scores_and_pairs_nothing(whole, tmp_path):
    full, light = api.compare(whole.runs), api.compare(packed(whole, tmp_path))
    for a, b in zip(full.rows, light.rows, strict=True):
        assert [c and (c.value, c.low, c.high, c.n) for c in a.cells] == [
            c and (c.value, c.low, c.high, c.n) for c in b.cells
        ]
        assert any(d is not None for d in a.differences) or a.cells[0].value is None
        assert not any(d is not None for d in b.differences)
    assert (light.prompts, light.common) == (full.prompts, full.common) == (8, 8)
    assert any("per-sample rows are private" in r for r in light.refused)


def test_a_board_shows_the_scores_of_a_pack_and_ranks_them_not(whole, tmp_path):
    full = board(whole, whole.runs)
    light = board(whole, packed(whole, tmp_path))
    assert len(full.ranked) == 2 and not light.ranked and len(light.unranked) == 2
    assert all("per-sample rows are private" in row.reason for row in light.unranked)
    values = [{(r.title, c.value) for r in b.rows for c in r.cells if c is not None} for b in (full, light)]
    assert values[0] == values[1]
    blinded = board(whole, store.find_runs(packing.pack(whole.runs, tmp_path / "blinded", rows="blinded")))
    assert [(r.title, [c and c.value for c in r.cells]) for r in blinded.ranked] == [
        (r.title, [c and c.value for c in r.cells]) for r in full.ranked
    ]


def test_blinded_rows_pair_like_the_runs(whole, tmp_path):
    copies = packed(whole, tmp_path, rows="blinded")
    full, light = api.compare(whole.runs), api.compare(copies)
    for a, b in zip(full.rows, light.rows, strict=True):
        told = [[d and (d.delta, d.n, d.wins, d.ties, d.losses, d.kind) for d in row.differences] for row in (a, b)]
        for mine, theirs in zip(*told, strict=True):
            assert (mine is None) == (theirs is None)
            assert mine is None or (mine[0] == pytest.approx(theirs[0]) and mine[1:] == theirs[1:])
    with pytest.raises(UsageError, match="pack already"):
        packing.pack(copies, tmp_path / "twice")
    mixed = api.compare([whole.runs[0], copies[1]])
    assert any("rows of one are blinded" in r for r in mixed.refused)


def test_blinded_rows_hold_numbers_and_nothing_else(whole, tmp_path):
    frame = store.samples(packed(whole, tmp_path, rows="blinded")[0])
    full = store.samples(whole.runs[0])
    assert all(len(s) == 16 and int(s, 16) >= 0 for s in frame["sample"])
    assert set(frame["prompt"]) == set(frame["image"]) == set(frame["digest"]) == set(frame["reference"]) == {""}
    assert set(frame["seed"]) == {0} and not any(c.startswith("tag:") for c in frame)
    assert list(frame["sample"]) == sorted(frame["sample"]), "the plan's order follows the ids"
    assert sorted(frame["ssim:score"]) == sorted(full["ssim:score"])


def test_notes_of_a_pack_quote_nothing(make, tmp_path):
    """Neither what only captions have, nor what they share with the suite's own words."""

    def close(data):
        data["dataset"] |= {"visibility": "private"}
        data["notes"] = ("no image of 'a zyxquorl 7' and of \"red circle\"", "cut: a zyxquo")
        data["scores"] = tuple(dataclasses.replace(s, note="NaN for a zyxquorl 3") for s in data["scores"])
        data["provenance"] = dataclasses.replace(data["provenance"], command="bench run --only 'a zyxquorl 7'")

    run = Path(make("ours", change=close, prompts=lambda i: f"a zyxquorl {i} left of a red circle"))
    light = store.find_runs(packing.pack([run], tmp_path / "light"))
    assert words_in(["zyxqu", "red circle"], tmp_path / "light") == []
    old, new = api.load_run(run), api.load_run(light[0])
    assert new.notes == ("no image of [withheld] and of [withheld]", "cut: a [withheld]")
    assert [(s.value, s.low, s.high, s.protocol, s.replicates) for s in old.scores] == [
        (s.value, s.low, s.high, s.protocol, s.replicates) for s in new.scores
    ]


def test_views_of_a_private_run_are_refused(whole, tmp_path):
    with pytest.raises(UsageError, match="views tell of single captions"):
        packing.pack(whole.runs, tmp_path / "light", views=True)
