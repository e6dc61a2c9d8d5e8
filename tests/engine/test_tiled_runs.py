"""Images that lie four to a file: each is scored as itself, in any division of the work, and what strangers claim of
them is held against the files that were handed over and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toys
from forging import forged, judged, run, submitted, wrong
from PIL import Image

import bench.api as api
from bench import store
from bench.engine.options import Options
from bench.study import Study

N, SIDE = 12, 16


def tiled(folder: Path) -> Path:
    """A file a prompt: three squares of its colour, the lower right one of the next colour."""
    folder.mkdir(parents=True)
    for sample in toys.ToyColours(N):
        colour = sample.tags["colour"]
        next_one = toys.COLOURS[(toys.COLOURS.index(colour) + 1) % len(toys.COLOURS)]
        squares = [toys.paint(c, k, SIDE) for k, c in enumerate((colour, colour, colour, next_one))]
        whole = np.vstack([np.hstack(squares[:2]), np.hstack(squares[2:])])
        Image.fromarray(whole).save(folder / f"{sample.id}.png")
    return folder


@pytest.fixture(scope="module")
def made_of_tiles(tmp_path_factory):
    """(the run, its folder of files)."""
    home = tmp_path_factory.mktemp("tiled")
    files = tiled(home / "files")
    return run(home / "runs", f"mine=folder(path={files},layout=dpg)", dataset=f"toy-colours(n={N})"), files


def test_each_tile_is_scored_as_itself(made_of_tiles):
    one, _ = made_of_tiles
    frame = store.samples(one.path)
    assert len(frame) == 4 * N and set(frame["width"]) == {SIDE}
    assert frame.groupby("k")["toy-match:score"].mean().to_dict() == {0: 1.0, 1: 1.0, 2: 1.0, 3: 0.0}
    assert next(s.value for s in one.scores if s.metric == "toy-match") == 0.75


def test_tiles_in_parts_and_by_other_workers_are_the_same_run(made_of_tiles, tmp_path):
    one, files = made_of_tiles
    system, dataset = f"mine=folder(path={files},layout=dpg)", f"toy-colours(n={N})"
    study = Study(systems=(system,), dataset=dataset, metrics=("toy-match",))
    for i in (1, 0):
        api.run(study, options=Options(root=tmp_path, shard=(i, 2), workers=3))
    (folder,) = {p.parent for p in tmp_path.glob("*/mine-*/manifest.json")}
    (again,) = api.score([folder], options=Options(root=tmp_path))
    columns = ["sample", "k", "image", "digest", "status", "toy-match:score"]
    assert again.digest == one.digest
    assert store.samples(again.path)[columns].equals(store.samples(one.path)[columns])


def test_a_submission_is_scored_again_from_the_files(made_of_tiles, tmp_path, in_this_process):
    one, files = made_of_tiles
    archive = submitted(one, tmp_path / "ours.tar.gz", thumbnails=8)
    given = shutil.copytree(files, tmp_path / "handed over")
    verdict = judged(archive, tmp_path, images=given, rescore=5)
    assert verdict.level == "re-scored" and verdict.checked["images"] == 4 * N
    assert any("the very files of the images" in f.told for f in verdict.findings)
    pixels = np.asarray(Image.open(given / "s000.png")).copy()
    pixels[SIDE:, SIDE:] = 0
    Image.fromarray(pixels).save(given / "s000.png")
    told = {f.what: f.told for f in judged(archive, tmp_path, images=given).findings if f.fine is False}
    assert told == {"images": "1 other pixels (s000)"}


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/../secret.png", "secret.png#tile=2x2:0/..", "link.png"])
def test_a_claimed_tile_of_a_file_elsewhere_is_missing(made_of_tiles, tmp_path, in_this_process, name):
    """The pixels are the recorded ones, so that nothing but the place speaks against it."""
    one, files = made_of_tiles
    given = Path(shutil.copytree(files, tmp_path / "a/b"))
    first = store.samples(one.path)["sample"][0]
    shutil.move(given / f"{first}.png", tmp_path / "secret.png")
    (given / "link.png").symlink_to(tmp_path / "secret.png")

    def claimed(folder: Path) -> None:
        path = min((folder / "shards/outcomes").glob("*.parquet"))
        frame = pd.read_parquet(path)
        frame["image"] = [f"{name}#tile=2x2:{k}" if s == first else image
                          for s, k, image in zip(frame["sample"], frame["k"], frame["image"], strict=True)]  # fmt: skip
        store.write_parquet(path, frame)

    archive = forged(submitted(one, tmp_path / "ours.tar.gz"), tmp_path / "forged.tar.gz", claimed)
    told = wrong(judged(archive, tmp_path, images=given))
    assert told["images"] == f"4 missing ({first}, {first}, {first} and 1 more)"
