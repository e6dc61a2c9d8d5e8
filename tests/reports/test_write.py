"""The report folder: whole or untouched, equal for equal input, polite to files by others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from bench.errors import UsageError
from bench.reports import folder, write
from bench.reports.comparison.compare import compare


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_report_is_these_files(make, tmp_path):
    index = write.write_report(compare([make("a", seed=1), make("b", seed=2)]), tmp_path / "deep" / "out")
    assert index == tmp_path / "deep" / "out" / "index.html"
    figures = {"figures/scores.svg", "figures/scores.png", "figures/scores.pdf"}
    exports = {"report.md", "scores.csv", "scores.parquet", "table.tex", "comparison.json"}
    assert set(files(index.parent)) == figures | exports | {"index.html"}
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

    monkeypatch.setattr(folder, "fill", broken)
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


def test_images_beside_the_page_are_files_that_it_names(make, tmp_path):
    runs = [make("a", seed=1, n=12), make("b", seed=2, n=12)]
    out = write.write_report(compare(runs), tmp_path / "out", images="files").parent
    html = (out / "index.html").read_text(encoding="utf-8")
    shown = re.findall(
        r'<img class="thumb[^"]*" src="(img/[0-9a-f]{16}\.\w+)" width="(\d+)" height="(\d+)" loading="lazy"', html
    )
    assert shown and len(shown) == html.count("<img")
    assert {name for name, _, _ in shown} == {n for n in files(out) if n.startswith("img/")}
    name, width, height = shown[0]
    assert Image.open(out / name).size == (int(width), int(height))
    assert "data:image" not in html and "img-src data: &#39;self&#39; file:" in html
    full = re.findall(r'<a class="full" href="([^"]+)"', html)
    assert full and all((out / link).is_file() for link in full)


def test_an_old_reports_thumbnails_go_and_other_files_stay(make, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "FIGURES", ())
    out = write.write_report(compare([make("a", seed=1, n=12)]), tmp_path / "out", images="files").parent
    old = {n for n in files(out) if n.startswith("img/")}
    (out / "img" / "mine.webp").write_bytes(b"mine")
    write.write_report(compare([make("b", seed=2, n=12)]), out, images="files")
    after = set(files(out))
    assert old and not old & after and "img/mine.webp" in after
    write.write_report(compare([make("b", seed=2, n=12)]), out)
    assert {n for n in files(out) if n.startswith("img/")} == {"img/mine.webp"}


def test_one_file_stays_one_file_however_many_images(make, tmp_path, monkeypatch):
    """The form never follows from the data: over the budget rows are left out, and told."""
    monkeypatch.setattr(write, "FIGURES", ())
    out = write.write_report(compare([make("a", seed=1, n=12)]), tmp_path / "out", budget=1000).parent
    assert not (out / "img").exists()
    assert "rows of images do not fit into this file" in (out / "index.html").read_text(encoding="utf-8")
