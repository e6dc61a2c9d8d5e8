"""Grids of images: the right picture at the right place, and a reason where there is none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from bench import store
from bench.reports.comparison.compare import compare
from bench.reports.figures.catalog import figure
from bench.reports.figures.material import Lacking, Material


@pytest.fixture
def runs(make):
    """Folders of two systems with 6 prompts and a picture each."""
    return [make(name, seed=i + 1, n=6, repeats=1) for i, name in enumerate(("ours", "theirs"))]


def drawn(runs, **options):
    found = compare(runs)
    return figure("samples", Material(found, found.tables), **options)


def changed(run: str, **cells) -> None:
    """Other cells in the first row of a run's table."""
    frame = store.samples(run)
    for column, value in cells.items():
        frame[column] = [value, *frame[column][1:]] if column in frame else [value] + [""] * (len(frame) - 1)
    store.write_parquet(store.Path(run) / "samples.parquet", frame)


def said(made) -> str:
    words = [t.get_text() for t in (*made.texts, *(t for a in made.axes for t in a.texts))]
    return " ".join(words).replace("\n", " ")


def test_each_picture_stands_below_its_system_and_beside_its_prompt(runs):
    made = drawn(runs, prompts=3)
    images = made.axes[0].get_images()
    assert len(images) == 6
    for at, image in enumerate(images):
        row, column = divmod(at, 2)
        wanted = np.asarray(Image.open(f"{runs[column]}/images/{row}.png").convert("RGB"))
        assert np.array_equal(np.asarray(image.get_array())[..., :3], wanted), "the first prompts, in the plan's order"
    left = [image.get_extent()[0] for image in images]
    assert left[0] == left[2] == left[4] < left[1] == left[3] == left[5]
    tops = [image.get_extent()[3] for image in images]
    assert tops[0] == tops[1] < tops[2] < tops[4], "y runs down the sheet"
    assert "thing number 0" in said(made) and "thing number 3" not in said(made)
    assert said(made).index("ours") < said(made).index("theirs")


def test_the_truth_begins_every_row(runs):
    Image.fromarray(np.full((8, 8, 3), (10, 200, 30), dtype=np.uint8)).save(f"{runs[0]}/truth.png")
    for run in runs:
        changed(run, reference="truth.png")
    made = drawn(runs, prompts=2)
    first = made.axes[0].get_images()[0]
    assert np.asarray(first.get_array())[0, 0, :3].tolist() == [10, 200, 30]
    assert "truth ours theirs" in said(made)


def test_what_is_not_there_has_its_reason(runs):
    changed(runs[0], status="refused", reason="the filter", image="")
    (store.Path(runs[1]) / "images/0.png").unlink()
    (store.Path(runs[1]) / "images/1.png").write_bytes(b"no image")
    made = drawn(runs, prompts=2)
    assert len(made.axes[0].get_images()) == 1
    for word in ("refused", "file missing", "unreadable"):
        assert word in said(made)


def test_sensitive_pictures_are_named_and_not_shown(runs):
    for run in runs:
        changed(run, **{"tag:sensitive": "yes"})
    made = drawn(runs, prompts=1)
    assert not made.axes[0].get_images() and said(made).count("sensitive, not shown") == 2


def test_private_runs_show_no_picture(make):
    def close(data):
        data["dataset"]["visibility"] = "private"

    found = compare([make("ours", n=6, change=close), make("theirs", n=6, change=close)])
    with pytest.raises(Lacking, match="private"):
        figure("samples", Material(found, found.tables))


def test_runs_without_images_say_so(make):
    with pytest.raises(Lacking, match="needs images"):
        drawn([make("ours", n=6, images=False), make("theirs", n=6, images=False)])


def test_large_pictures_are_drawn_at_what_print_resolves_and_keep_their_shape(make):
    run = make("ours", n=3, repeats=1)
    Image.fromarray(np.zeros((900, 1800, 3), dtype=np.uint8)).save(f"{run}/images/0.png")
    (first, *_) = drawn([run], prompts=1).axes[0].get_images()
    height, width = np.asarray(first.get_array()).shape[:2]
    assert abs(width - 2 * height) <= 1 and width <= 300
    left, right, bottom, top = first.get_extent()
    assert (right - left) == pytest.approx(2 * (bottom - top))


def test_many_systems_go_on_below_with_the_truth_again(make):
    runs = [make(f"system {i}", seed=i, n=2, repeats=1) for i in range(9)]
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(f"{runs[0]}/truth.png")
    for run in runs:
        changed(run, reference="../run-0/truth.png")
    found = compare(runs)
    made = figure("samples", Material(found, found.tables), prompts=1)
    heads = [t.get_text() for t in made.texts]
    assert heads.count("truth") >= 2
    assert all(any(f"system {i}" == h.replace("\n", " ") for h in heads) for i in range(9))
    assert dataclasses.is_dataclass(found)
