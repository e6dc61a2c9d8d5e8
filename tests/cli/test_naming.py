"""What a user may call a run: a folder, a folder of runs, a label; never a guess between two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli.naming import labels, looks_like_path, run_folders
from bench.errors import StoreError, UsageError


def made(root: Path, dataset: str, folder: str, label: str) -> Path:
    path = root / dataset / folder
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"label": label}))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made(tmp_path, "coco", "ours-1", "ours")
    made(tmp_path, "coco", "sdxl-2", "sdxl")
    made(tmp_path, "scenes", "sdxl-3", "sdxl")
    (tmp_path / "coco" / "shared").mkdir()
    return tmp_path


def test_a_label_finds_its_run(root) -> None:
    assert run_folders(["ours"], root) == [root / "coco" / "ours-1"]


def test_a_label_of_two_runs_is_refused_with_both_folders(root) -> None:
    with pytest.raises(UsageError, match="2 runs are called 'sdxl'") as error:
        run_folders(["sdxl"], root)
    assert str(root / "coco" / "sdxl-2") in str(error.value) and str(root / "scenes" / "sdxl-3") in str(error.value)


def test_a_misspelt_label_gets_the_nearest(root) -> None:
    with pytest.raises(UsageError, match="Did you mean ours"):
        run_folders(["our"], root)


def test_no_runs_at_all_names_the_root(tmp_path) -> None:
    with pytest.raises(UsageError, match="There is no finished run below"):
        run_folders(["ours"], tmp_path)


def test_a_glob_over_a_dataset_passes_the_shared_views_by(root) -> None:
    names = sorted(str(p) for p in (root / "coco").iterdir())
    assert run_folders(names, root) == [root / "coco" / "ours-1", root / "coco" / "sdxl-2"]


def test_shared_alone_is_no_run(root) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        run_folders([str(root / "coco" / "shared")], root)


def test_a_run_named_twice_counts_once(root) -> None:
    assert run_folders(["ours", str(root / "coco" / "ours-1"), str(root / "coco")], root) == [
        root / "coco" / "ours-1",
        root / "coco" / "sdxl-2",
    ]


def test_a_damaged_run_hides_no_other(root) -> None:
    (root / "coco" / "ours-1" / "run.json").write_text("{")
    assert set(labels(root)) == {"sdxl"}


def test_a_name_with_a_slash_is_a_path_even_where_nothing_is() -> None:
    assert looks_like_path("runs/nothing") and not looks_like_path("oracle")
