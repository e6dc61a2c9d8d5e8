"""The ledger: an entry speaks of the very files that were verified, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import ledger, store
from bench.errors import StoreError, UsageError
from bench.ledger import content_digest, file_digest, level_of

RUN = "ab" * 32


@pytest.fixture
def folder(tmp_path):
    """A run as far as a ledger looks at it."""
    there = tmp_path / "run"
    there.mkdir()
    store.write_json(there / "run.json", {"digest": RUN})
    store.write_json(there / "card.json", {"name": "x"})
    store.write_json(there / "measured.json", {"passes": []})
    (there / "samples.parquet").write_bytes(b"rows")
    sealed(there)
    return there


def sealed(folder: Path) -> None:
    names = ("run.json", "card.json", "samples.parquet")
    store.write_json(folder / "files.json", {n: [(folder / n).stat().st_size, file_digest(folder / n)] for n in names})


def entry(folder: Path, level: str = "re-scored", **more) -> dict:
    made = {
        "content": content_digest(folder),
        "archive": "",
        "label": "ours",
        "pixels": "",
        "checked": {},
        "suite": "1",
    }
    return {**made, "level": level, **more}


def held(folder: Path, **more) -> dict:
    return ledger.joined(ledger.empty(), RUN, entry(folder, **more))


def test_the_verified_files_have_the_level(folder):
    assert level_of(held(folder), folder) == ("re-scored", "")
    assert level_of(None, folder) == ("self-reported", "it is in no ledger")
    assert level_of(ledger.empty(), folder) == ("self-reported", "it is not in the ledger")


def test_a_moved_copy_keeps_it(folder, tmp_path):
    known = held(folder)
    assert level_of(known, folder.rename(tmp_path / "elsewhere"))[0] == "re-scored"


@pytest.mark.parametrize("name", ["run.json", "card.json", "samples.parquet"])
def test_a_changed_file_has_none(folder, name):
    known = held(folder)
    data = {"run.json": json.dumps({"digest": RUN, "more": 1})}.get(name, "other")
    (folder / name).write_text(data)
    assert level_of(known, folder) == ("self-reported", f"its {name} has changed since it was verified")
    sealed(folder)
    assert level_of(known, folder) == ("self-reported", "it is not the run that was verified, or has changed since")


def test_changed_times_and_a_card_that_appears_or_goes_have_none(folder):
    known = held(folder)
    store.write_json(folder / "measured.json", {"passes": [{"seconds": 0.001}]})
    assert level_of(known, folder)[1].startswith("it is not the run that was verified")
    store.write_json(folder / "measured.json", {"passes": []})
    assert level_of(known, folder)[0] == "re-scored"
    (folder / "card.json").unlink()
    assert level_of(known, folder)[1] == "its card.json has changed since it was verified"
    (folder / "files.json").unlink()
    assert "has no files.json" in level_of(known, folder)[1]


def test_a_forged_entry_of_another_run_lends_nothing(folder):
    known = held(folder, content="0" * 64, level="regenerated")
    assert level_of(known, folder)[0] == "self-reported"


def test_the_same_files_keep_the_highest_level_other_files_do_not(folder):
    known = held(folder, level="regenerated", checked={"regenerated": 9})
    again = ledger.joined(known, RUN, entry(folder, "self-reported"))
    assert again == known
    store.write_json(folder / "measured.json", {"passes": [1]})
    changed = ledger.joined(known, RUN, entry(folder, "self-reported"))
    assert changed["entries"][RUN]["level"] == "self-reported"
    higher = ledger.joined(changed, RUN, entry(folder, "re-scored"))
    assert higher["entries"][RUN]["level"] == "re-scored"


def test_it_is_written_sorted_and_read_back(folder, tmp_path):
    known = ledger.joined(held(folder), "01" * 32, entry(folder, level="self-reported"))
    path = tmp_path / "verified.json"
    ledger.write_ledger(path, known)
    first = path.read_bytes()
    turned = {"format": 1, "entries": dict(reversed(known["entries"].items()))}
    ledger.write_ledger(path, turned)
    assert path.read_bytes() == first and ledger.read_ledger(path) == known


@pytest.mark.parametrize("data", [
    "", "[]", "{}", '{"format": 2, "entries": {}}', '{"format": 1, "entries": []}',
    '{"format": 1, "entries": {"x": {}}}',
])  # fmt: skip
def test_what_is_no_ledger_is_said(tmp_path, data):
    path = tmp_path / "verified.json"
    path.write_text(data)
    with pytest.raises(StoreError):
        ledger.read_ledger(path)
    with pytest.raises(UsageError, match="There is no ledger"):
        ledger.read_ledger(tmp_path / "none.json")


@pytest.mark.parametrize("change", [{"level": "certified"}, {"content": "x"}, {"label": 3}, {"checked": None}])
def test_an_edited_entry_is_no_entry(folder, tmp_path, change):
    path = tmp_path / "verified.json"
    store.write_json(path, {"format": 1, "entries": {RUN: entry(folder, **{"level": "re-scored", **change})}})
    with pytest.raises(StoreError, match="the entry of run 'abababababababab' was edited or damaged"):
        ledger.read_ledger(path)
