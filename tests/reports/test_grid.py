"""Images of the report: the same prompts, the true extremes, each picture once, within the budget."""

from __future__ import annotations

import base64
import io
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import store
from bench.errors import UsageError
from bench.reports.comparison.compare import compare
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.values import chosen_row
from bench.reports.pages import thumbs
from bench.reports.pages.album import Album, extremes, prompt_grid
from bench.reports.pages.sheets import Scores, sheets
from bench.reports.pages.thumbs import LEFT_OUT, Stock, form_of
from bench.types import Estimator


def parts(runs, **more):
    found = compare(runs)
    return found, Album(found, found.tables or Tables(found.systems), Stock(**more))


def grid(album, **more):
    return [row for _, row in prompt_grid(album, **more)]


# ---- thumbnails -----------------------------------------------------------------------------------------------------


def test_grid_shows_the_same_prompt_in_every_system(make):
    found, album = parts([make("a", seed=1), make("b", seed=2)])
    rows = grid(album, prompts=5)
    assert [r.sample for r in rows] == [f"s{i:04d}" for i in range(5)]
    assert len(album.stock.thumbs) == 10
    (shot,) = rows[0].shots
    data = base64.b64decode(shot.pictures[1].thumb.uri.partition(",")[2])
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
    true = np.asarray(Image.open(Path(found.systems[1].path) / "images/0.png")).astype(float)
    assert np.abs(shown - true).mean() < 6


def test_equal_pictures_are_kept_once(make):
    _, album = parts([make("a", seed=1), make("b", seed=1)])
    assert len(grid(album, prompts=5)) == 5 and len(album.stock.thumbs) == 5


def test_large_images_shrink_and_small_ones_stay_sharp(make):
    runs = [make("small", seed=1, size=64), make("large", seed=2, size=700)]
    for form, side in (("embedded", 256), ("files", 512)):
        _, album = parts(runs, form=form)
        small, large = grid(album, prompts=1)[0].shots[0].pictures
        assert (small.thumb.width, small.thumb.pixelated) == (64, True)
        assert (large.thumb.width, large.thumb.pixelated) == (side, False)
        assert Image.open(io.BytesIO(large.thumb.data)).size == (side, side)


def test_the_form_is_one_of_three():
    assert form_of("files") == "files"
    with pytest.raises(UsageError, match="images is 'True', and may be embedded, files or none"):
        form_of("True")


def test_budget_leaves_out_whole_rows_and_counts_them(make):
    runs = [make("a", seed=1), make("b", seed=2)]
    _, full = parts(runs)
    grid(full, prompts=6)
    _, album = parts(runs, budget=full.stock.spent // 2)
    rows = grid(album, prompts=6)
    assert 0 < len(rows) < 6 and album.stock.left_out == 6 - len(rows)
    assert album.stock.spent == sum(t.cost for t in album.stock.thumbs.values()) <= album.stock.budget


def test_what_a_thumbnail_costs_is_what_it_takes_in_the_page(make):
    _, album = parts([make("a", seed=1)])
    thumb = grid(album, prompts=1)[0].shots[0].pictures[0].thumb
    written = f'<image id="i{thumb.key}" width="{thumb.width}" height="{thumb.height}" href="{thumb.uri}"/>\n'
    assert len(written) <= thumb.cost <= len(written) + 40


def test_threads_make_the_same_thumbnails_in_the_same_order(make, monkeypatch):
    run = make("a", seed=1)
    paths = [f"{run}/images/{i}.png" for i in (*range(12), 3, 3)]
    monkeypatch.setattr(thumbs, "_THREADS", 1)
    alone, many = Stock(), Stock()
    alone.prepare(paths)
    monkeypatch.setattr(thumbs, "_THREADS", 8)
    seen = set()
    true = Stock._one
    monkeypatch.setattr(Stock, "_one", lambda self, p: seen.add(threading.get_ident()) or true(self, p))
    many.prepare(paths)
    assert list(many.made.items()) == list(alone.made.items()) and len(many.made) == 12
    assert threading.get_ident() not in seen


def test_a_missing_image_is_told_and_not_skipped(make):
    a = make("a", seed=1, failed=1)
    (Path(a) / "images/2.png").unlink()
    (Path(a) / "images/4.png").write_bytes(b"not an image")
    _, album = parts([a, make("b", seed=2)])
    first = [r.shots[0].pictures[0] for r in grid(album, prompts=3)]
    assert [p.thumb for p in first] == [None] * 3
    assert first[0].reason == "failed: the safety filter refused"
    assert first[1].reason == "file missing"
    assert first[2].reason.startswith("unreadable")


def test_reference_pictures_are_shown_where_they_lie(make):
    a = make("a", seed=1)
    frame = store.samples(a)
    frame["reference"] = [str(Path(a) / "images/7.png") if i < 2 else "scene:17" for i in range(len(frame))]
    store.write_parquet(Path(a) / "samples.parquet", frame)
    _, album = parts([a, make("b", seed=2)])
    first, second = grid(album, prompts=2)
    assert re.fullmatch("[0-9a-f]{16}", first.reference.thumb.key) and second.reference is None


def test_links_to_whole_images_are_relative_to_the_page(make, tmp_path):
    found = compare([make("a b#%", seed=1)])
    folder = tmp_path / "reports" / "out"
    folder.mkdir(parents=True)
    album = Album(found, found.tables, Stock("files"), folder)
    link = grid(album, prompts=1)[0].shots[0].pictures[0].full
    assert (
        not link.startswith(("/", "file:"))
        and (folder / link).resolve() == Path(found.systems[0].path) / "images/0.png"
    )


# ---- best and worst -------------------------------------------------------------------------------------------------


def test_best_and_worst_are_the_extremes_of_the_prompts_means(make):
    found, album = parts([make("a", seed=1)])
    row = chosen_row(found)
    assert row.label == "CLIPScore"
    ((one, ids),) = extremes(album, row, count=3)
    means = store.samples(found.systems[0].path).groupby("sample")["clipscore:score"].mean().sort_values()
    assert [r.sample for r in one.worst] == list(means.index[:3])
    assert [r.sample for r in one.best] == list(means.index[::-1][:3])
    assert ids == tuple(r.sample for r in (*one.best, *one.worst))
    assert one.best[0].value == pytest.approx(means.iloc[-1]) and one.worst[0].value == pytest.approx(means.iloc[0])


def test_lower_is_better_turns_the_lists_round(make):
    a = make("a", seed=1)
    found, album = parts([a])
    row = next(r for r in found.rows if r.card.scope == "set")
    frame = store.samples(a)
    costs = np.random.default_rng(0).standard_normal(len(frame))
    frame[f"{row.metric}:contribution to {row.output.name}"] = costs * (1 if row.direction == "lower" else -1)
    store.write_parquet(Path(a) / "samples.parquet", frame)
    found, album = parts([a])
    ((one, _),) = extremes(album, chosen_row(found, row.title), count=2)
    means = frame.assign(cost=costs)[frame["status"] == "ok"].groupby("sample")["cost"].mean()
    assert [r.sample for r in one.worst] == list(means.nlargest(2).index)


def test_all_images_of_a_prompt_are_shown_and_not_the_one_that_suits(make):
    found, album = parts([make("a", seed=1, n=10, repeats=3)])
    ((one, _),) = extremes(album, chosen_row(found), count=2)
    assert all([s.k for s in r.shots] == [0, 1, 2] and r.repeats == 3 for r in (*one.best, *one.worst))


def test_a_system_with_equal_prompts_has_no_best(make):
    a = make("a", seed=1)
    frame = store.samples(a)
    frame["clipscore:score"] = 7.0
    store.write_parquet(Path(a) / "samples.parquet", frame)
    found, album = parts([a, make("b", seed=2)])
    assert [one.system for one, _ in extremes(album, chosen_row(found))] == [1]


def test_the_metric_can_be_chosen(make):
    found, _ = parts([make("a", seed=1)])
    assert chosen_row(found, "object-presence").label == "Objects present"
    with pytest.raises(UsageError, match="Did you mean clipscore or"):
        chosen_row(found, "clipscor")


# ---- prompts in full ------------------------------------------------------------------------------------------------


def test_a_sheet_has_every_image_and_the_means_of_every_metric(make):
    found, album = parts([make("a", seed=1, n=20), make("b", seed=2, n=20)])
    samples = ["s0003", "s0000"]
    scores = Scores(album, samples)
    (first, second), missing = sheets(album, scores, samples)
    assert (first.row.sample, second.row.sample, missing) == ("s0003", "s0000", 0)
    assert [(s.k, len(s.pictures)) for s in first.row.shots] == [(0, 2), (1, 2)]
    lines = {line["label"]: line for line in first.lines}
    for i, system in enumerate(found.systems):
        frame = store.samples(system.path)
        own = frame[frame["sample"] == "s0003"]
        assert float(lines["CLIPScore"]["cells"][i]["text"]) == pytest.approx(own["clipscore:score"].mean(), abs=0.06)
        assert float(lines["Objects present"]["cells"][i]["text"]) == own["object-presence:hit"].mean()
        below = own["object-presence:hit"].sum()
        ratio = lines["Right side if present"]["cells"][i]["text"]
        assert ratio == "\N{EN DASH}" if not below else float(ratio) == own["object-presence:side"].sum() / below


def test_marks_stand_right_where_better_whatever_the_direction(make):
    found, album = parts([make("a", seed=1), make("b", skill=2.0, seed=2)])
    samples = [f"s{i:04d}" for i in range(9)]
    plain = [line["cells"] for s in samples for line in Scores(album, samples).lines(s, (0, 1))[:1]]
    row = found.rows[1]
    assert row.label == "CLIPScore"
    object.__setattr__(row.output, "direction", "lower")
    try:
        turned = [line["cells"] for s in samples for line in Scores(album, samples).lines(s, (0, 1))[:1]]
    finally:
        object.__setattr__(row.output, "direction", "higher")
    for one, other in zip(plain, turned, strict=True):
        for cell, back in zip(one, other, strict=True):
            assert cell["text"] == back["text"] and cell["at"] == pytest.approx(100 - back["at"], abs=0.11)
    ahead = [a["at"] < b["at"] for a, b in plain]
    values = [(float(a["text"]), float(b["text"])) for a, b in plain]
    assert ahead == [a < b for a, b in values] and any(ahead)


def test_a_full_stock_thins_sheets_and_counts_what_is_missing(make):
    runs = [make("a", seed=1), make("b", seed=2)]
    _, album = parts(runs)
    samples = [f"s{i:04d}" for i in range(6)]
    sheets(album, Scores(album, samples), samples)
    whole = album.stock.spent
    _, album = parts(runs, budget=whole // 2)
    found, missing = sheets(album, Scores(album, samples), samples)
    gaps = [p for s in found for p in s.row.all if p is not None and p.thumb is None]
    assert missing == len(gaps) > 0 and {p.reason for p in gaps} == {LEFT_OUT}
    assert album.stock.spent <= whole // 2 and album.stock.left_out == 0
    assert len(album.stock.made) < 24, "nothing is decoded that cannot be shown"


def test_a_median_of_prompts_is_a_median(make):
    found, album = parts([make("a", seed=1, n=6, repeats=4, images=False)])
    row = next(r for r in found.rows if r.label == "CLIPScore")
    object.__setattr__(row.output, "estimator", Estimator("median", ("score",)))
    cell = Scores(album, ["s0001"]).lines("s0001", (0,))[0]["cells"][0]
    frame = store.samples(found.systems[0].path)
    true = frame[frame["sample"] == "s0001"]["clipscore:score"].median()
    assert float(cell["text"]) == pytest.approx(true, abs=0.06)
