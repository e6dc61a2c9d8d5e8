"""What goes wrong with a private run is said without a word of its captions."""

from __future__ import annotations

import pandas as pd
import pytest
from private_world import CAPTIONS, WORDS, World, clean, said

from bench import store
from bench.engine import life


def broken_file(world: World) -> int:
    path = world.home / "in" / "captions.csv"
    path.write_text(path.read_text() + CAPTIONS[0] + ",no/" + CAPTIONS[1] + ".png,odd,x\n")
    return world.run("--visibility", "private")


def equal_ids(world: World) -> int:
    (world.home / "in" / "captions.csv").write_text("id,prompt\n" + "\n".join(f"{CAPTIONS[0]},{c}" for c in CAPTIONS))
    return world.run("--visibility", "private")


def torn_csv(world: World) -> int:
    (world.home / "in" / "captions.json").write_text(f'["{CAPTIONS[0]}", {{"{CAPTIONS[1]}": 3}}]')
    (world.home / "in" / "captions.csv").write_text(f"wrong,{CAPTIONS[2]}\n1,2\n")
    world.bench(
        "run", f"ours={world.home}/in/ours", "--prompts", f"{world.home}/in/captions.json", "--visibility", "private"
    )
    return world.run("--visibility", "private")


def missing_images(world: World) -> int:
    for path in world.home.glob("in/ours/*.png"):
        if any(w in path.name for w in WORDS[:3]):
            path.unlink()
    return world.run("--visibility", "private")


def bad_image(world: World) -> int:
    next(iter(sorted(world.home.glob("in/ours/*.png")))).write_bytes(b"no picture")
    return world.run("--visibility", "private")


@pytest.mark.parametrize("wrong", [broken_file, equal_ids, torn_csv, missing_images, bad_image])
def test_messages_name_no_caption(world, capsys, wrong):
    assert wrong(world) in (2, 5)
    told = said(capsys, world)
    assert "error:" in told.read_text() or "incomplete:" in told.read_text()
    assert clean(world) == []


@pytest.mark.parametrize("traced", [(), ("--traceback",)])
def test_an_internal_error_names_no_caption(world, capsys, monkeypatch, traced):
    """Neither on the terminal nor in the file of the traceback."""

    def boom(plan, *_):
        sample = plan.resolved.samples[0]
        raise RuntimeError(f"boom at {sample.prompt!r} ({sample.id}), cut: {sample.prompt[:9]}")

    monkeypatch.setattr(life, "images", boom)
    assert world.run("--visibility", "private", *traced) == 70
    told = said(capsys, world).read_text()
    crashes = list((world.home / "home" / "crash").glob("*.txt"))
    assert "boom at" in (told if traced else crashes[0].read_text()) and "sample " in told
    assert clean(world) == []


def test_the_same_error_of_a_public_run_names_it(world, capsys, monkeypatch):
    monkeypatch.setattr(
        life, "images", lambda plan, *_: (_ for _ in ()).throw(RuntimeError(plan.resolved.samples[0].prompt))
    )
    assert world.run() == 70
    said(capsys, world)
    assert clean(world)


def test_a_damaged_private_run_names_no_caption(private, capsys):
    frame = store.samples(private.runs[0])
    store.write_parquet(private.runs[0] / "samples.parquet", pd.concat([frame, frame]))
    said(capsys, private)
    assert private.bench("compare", *map(str, private.runs), "--report", str(private.home / "out" / "x")) != 0
    assert "twice" in said(capsys, private).read_text()
    assert clean(private) == []
