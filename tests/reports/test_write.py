"""The report folder: whole or untouched, equal for equal input, polite to files by others."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.reports import write
from bench.reports.comparison.compare import compare


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_report_is_these_files(make, tmp_path):
    index = write.write_report(compare([make("a", seed=1), make("b", seed=2)]), tmp_path / "deep" / "out")
    assert index == tmp_path / "deep" / "out" / "index.html"
    names = {"figures/scores.svg", "figures/scores.png", "figures/scores.pdf", "index.html", "report.md", "scores.csv"}
    assert set(files(index.parent)) == names
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]


def test_equal_input_gives_equal_bytes(make, tmp_path):
    runs = [make("a", seed=1, n=12), make("b", seed=2, n=12)]
    first = files(write.write_report(compare(runs), tmp_path / "one").parent)
    assert first == write.contents(compare(runs))


def test_the_old_report_stays_until_the_new_one_is_whole(make, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "FIGURES", ("svg",))
    found = compare([make("a", seed=1, n=12), make("b", seed=2, n=12)])
    out = write.write_report(found, tmp_path / "out").parent
    (out / "my-notes.txt").write_text("keep me")
    before = files(out)

    def broken(*_):
        raise RuntimeError("the disk went away")

    monkeypatch.setattr(write, "_fill", broken)
    with pytest.raises(RuntimeError):
        write.write_report(compare([make("c", seed=3, n=12)]), out)
    assert files(out) == before
    assert not list(tmp_path.glob(".out*"))
    monkeypatch.undo()
    monkeypatch.setattr(write, "FIGURES", ("svg",))
    write.write_report(compare([make("c", seed=3, n=12)]), out)
    after = files(out)
    assert after["my-notes.txt"] == b"keep me" and after["index.html"] != before["index.html"]


def test_a_file_in_the_way_is_named(make, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        write.write_report(compare([make("a", seed=1, n=5)]), tmp_path / "out")
