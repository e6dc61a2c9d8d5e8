"""Images of the report: the same prompts, the true extremes, each picture once, within the budget."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import store
from bench.errors import UsageError
from bench.reports.comparison.compare import compare
from bench.reports.comparison.differences import Tables
from bench.reports.pages.album import Album, chosen_row, extremes, prompt_grid


def parts(runs):
    found = compare(runs)
    return found, Tables(found.systems), Album()


def test_grid_shows_the_same_prompt_in_every_system(make):
    found, tables, album = parts([make("a", seed=1), make("b", seed=2)])
    rows = prompt_grid(found, tables, album, prompts=5)
    assert [r.sample for r in rows] == [f"s{i:04d}" for i in range(5)]
    assert len(album.thumbs) == 10
    data = base64.b64decode(rows[0].pictures[1].thumb.uri.partition(",")[2])
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
    true = np.asarray(Image.open(Path(found.systems[1].path) / "images/0.png")).astype(float)
    assert np.abs(shown - true).mean() < 6


def test_equal_pictures_are_kept_once(make):
    found, tables, album = parts([make("a", seed=1), make("b", seed=1)])
    rows = prompt_grid(found, tables, album, prompts=5)
    assert len(rows) == 5 and len(album.thumbs) == 5


def test_large_images_shrink_and_small_ones_stay_sharp(make):
    found, tables, album = parts([make("small", seed=1, size=64), make("large", seed=2, size=400)])
    small, large = prompt_grid(found, tables, album, prompts=1)[0].pictures
    assert (small.thumb.width, small.thumb.pixelated) == (64, True)
    assert (large.thumb.width, large.thumb.pixelated) == (192, False)


def test_budget_leaves_out_whole_rows_and_counts_them(make):
    found, tables, full = parts([make("a", seed=1), make("b", seed=2)])
    prompt_grid(found, tables, full, prompts=6)
    album = Album(budget=full.spent // 2)
    rows = prompt_grid(found, tables, album, prompts=6)
    assert 0 < len(rows) < 6 and album.left_out == 6 - len(rows)
    assert album.spent == sum(len(t.uri) for t in album.thumbs.values()) <= album.budget


def test_a_missing_image_is_told_and_not_skipped(make):
    a = make("a", seed=1, failed=1)
    (Path(a) / "images/2.png").unlink()
    (Path(a) / "images/4.png").write_bytes(b"not an image")
    found, tables, album = parts([a, make("b", seed=2)])
    rows = prompt_grid(found, tables, album, prompts=3)
    assert [r.pictures[0].thumb for r in rows] == [None] * 3
    assert rows[0].pictures[0].reason == "failed: the safety filter refused"
    assert rows[1].pictures[0].reason == "file missing"
    assert rows[2].pictures[0].reason.startswith("unreadable")


def test_best_and_worst_are_the_extremes_of_the_prompts_means(make):
    found, tables, album = parts([make("a", seed=1)])
    row = chosen_row(found)
    assert row.label == "CLIPScore"
    (one,) = extremes(found, tables, album, row, count=3)
    means = store.samples(found.systems[0].path).groupby("sample")["clipscore:score"].mean().sort_values()
    assert [r.sample for r in one.worst] == list(means.index[:3])
    assert [r.sample for r in one.best] == list(means.index[::-1][:3])
    assert one.best[0].pictures[0].value >= one.best[0].value >= one.worst[0].value >= one.worst[0].pictures[0].value


def test_the_metric_can_be_chosen(make):
    found, _, _ = parts([make("a", seed=1)])
    assert chosen_row(found, "object-presence").label == "Objects present"
    with pytest.raises(UsageError, match="Did you mean clipscore or"):
        chosen_row(found, "clipscor")


def test_set_metrics_go_by_what_images_contribute(make):
    a = make("a", seed=1)
    frame = store.samples(a)
    costs = np.random.default_rng(0).standard_normal(len(frame))
    found, _, _ = parts([a])
    row = next(r for r in found.rows if r.card.scope == "set")
    frame[f"{row.metric}:contribution to {row.output.name}"] = costs * (1 if row.direction == "lower" else -1)
    store.write_parquet(Path(a) / "samples.parquet", frame)
    found, tables, album = parts([a])
    (one,) = extremes(found, tables, album, chosen_row(found, row.title), count=2)
    means = frame.assign(cost=costs)[frame["status"] == "ok"].groupby("sample")["cost"].mean()
    assert [r.sample for r in one.worst] == list(means.nlargest(2).index)


def test_reference_pictures_are_shown_where_they_lie(make, tmp_path):
    a = make("a", seed=1)
    frame = store.samples(a)
    frame["reference"] = [str(Path(a) / "images/7.png") if i < 2 else "scene:17" for i in range(len(frame))]
    store.write_parquet(Path(a) / "samples.parquet", frame)
    found, tables, album = parts([a])
    first, second = prompt_grid(found, tables, album, prompts=2)
    assert re.fullmatch("[0-9a-f]{12}", first.reference.thumb.key) and second.reference is None
