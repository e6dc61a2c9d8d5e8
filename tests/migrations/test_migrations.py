"""Runs of old versions are read, shown and compared by today's code; runs of newer ones are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench import api, store
from bench.cli import main
from bench.engine.verifying import verify
from bench.errors import StoreError

OLD = sorted(p for p in (Path(__file__).parent / "data").iterdir() if p.is_dir())


@pytest.fixture(params=OLD, ids=lambda p: p.name)
def old(request, tmp_path):
    """A copy of an old dataset folder: reading may write a report beside it."""
    return Path(shutil.copytree(request.param, tmp_path / "runs" / "scenes-test"))


def test_old_runs_are_read_with_their_numbers(old):
    oracle, wrong = (store.load(run) for run in store.find_runs(old))
    values = {run.label: {(s.metric, s.output): s.value for s in run.scores} for run in (oracle, wrong)}
    assert set(values) == {"oracle", "wrong"} and len(values["oracle"]) == 8
    assert values["oracle"]["attribute-binding", "value"] == 1.0 > values["wrong"]["attribute-binding", "value"]
    assert values["wrong"]["object-presence", "value"] == 1.0
    assert len(store.samples(oracle.path)) == 12


def test_old_runs_are_shown_and_compared(old, capsys, monkeypatch):
    monkeypatch.chdir(old.parent.parent)
    assert main(["show", "oracle"]) == 0
    assert main(["compare", "oracle", "wrong", "--report", "report"]) == 0
    said = capsys.readouterr().out
    assert "oracle is better than wrong on CLIPScore" in " ".join(said.split())
    assert (old.parent.parent / "report" / "index.html").is_file()


def test_old_runs_verify(old):
    for run in store.find_runs(old):
        found = {f.what: f.fine for f in verify(run, images=True)}
        held = ("record", "tables", "views", "images", "counts", "prompts", "protocols", "scores")
    assert found == {"checksums": None, **dict.fromkeys(held, True)}


def test_the_latest_format_has_a_run_here():
    formats = {json.loads(p.read_text())["format"] for folder in OLD for p in folder.glob("*/run.json")}
    assert formats == set(range(1, store.FORMAT + 1)), "keep a run of the format before, made by its own code"


def test_each_step_lifts_by_one_version(old, monkeypatch):
    """The machinery, with a step of its own: format 2 would call the label 'name', and 3 would put it back."""
    steps = {1: lambda d: {**d, "format": 2, "name": d["label"], "label": ""},
             2: lambda d: {**d, "format": 3, "label": d["name"].upper()}}  # fmt: skip
    monkeypatch.setattr(store, "FORMAT", 3)
    monkeypatch.setattr(store, "_MIGRATIONS", steps)
    assert api.load_run(store.find_runs(old)[0]).label == "ORACLE"
    before = (store.find_runs(old)[0] / "run.json").read_text()
    assert json.loads(before)["format"] == 1  # reading changes no file


def test_a_newer_format_is_refused(old):
    path = store.find_runs(old)[0] / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": store.FORMAT + 1}))
    with pytest.raises(StoreError, match="update text-image-bench"):
        store.load(path.parent)
