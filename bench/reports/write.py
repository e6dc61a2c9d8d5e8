"""write_report: a comparison as a folder, whole or not at all, with equal bytes for equal input.

Everything is made beside the target first. A new folder appears by one rename; in an old one each file is replaced by
one rename, index.html last, so that a crash leaves the old page or the new one and files by others are never touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from bench.errors import UsageError
from bench.reports.comparison.nouns import Comparison
from bench.reports.exports.text import markdown, scores_csv
from bench.reports.figures.scores import rendered, scores_figure
from bench.reports.pages.album import BUDGET
from bench.reports.pages.comparison_page import page
from bench.store import disk_errors

FIGURES = ("svg", "png", "pdf")


def write_report(
    comparison: Comparison, out_dir: str | Path, *, by: str = "", images: bool = True, budget: int = BUDGET
) -> Path:
    """Write index.html, report.md, scores.csv and figures/ into `out_dir`; returns the path of index.html.

    by, images, budget: as in `page`. UsageError when `out_dir` is a file, DiskError when the disk refuses.
    """
    out = Path(out_dir)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, and a report is a folder; give another --out.")
    files = contents(comparison, by=by, images=images, budget=budget)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:60]}.", suffix=".tmp"))
        try:
            _fill(made, files)
            _place(made, out, list(files))
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return out / "index.html"


def contents(comparison: Comparison, *, by: str = "", images: bool = True, budget: int = BUDGET) -> dict[str, bytes]:
    """Relative path -> bytes of every file of the report; index.html comes last."""
    files = {"report.md": markdown(comparison).encode(), "scores.csv": scores_csv(comparison).encode()}
    if comparison.primary:
        figure = scores_figure(comparison)
        files |= {f"figures/scores.{kind}": rendered(figure, kind) for kind in FIGURES}
    html = page(comparison, by=by, images=images, budget=budget)
    return {**files, "index.html": html.encode("utf-8", "replace")}


def _fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        path.chmod(0o644)


def _place(made: Path, out: Path, names: list[str]) -> None:
    if not out.exists():
        made.chmod(0o755)
        os.replace(made, out)
        return
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(made / name, out / name)
