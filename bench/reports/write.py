"""write_report: a comparison as a folder, whole or not at all (`folder`), with equal bytes for equal input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.reports import privacy
from bench.reports.comparison.nouns import Comparison
from bench.reports.exports import forms
from bench.reports.figures.render import rendered
from bench.reports.figures.scores import scores_figure
from bench.reports.folder import refuse_file, write_folder
from bench.reports.pages.comparison_page import made
from bench.reports.pages.thumbs import BUDGET
from bench.store import disk_errors

FIGURES = ("svg", "png", "pdf")
_OURS = re.compile(r"[0-9a-f]{16}\.(webp|png)")


def write_report(
    comparison: Comparison, out_dir: str | Path, *, by: str = "", images: str = "embedded", budget: int = BUDGET,
    gate: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Write index.html, the exports (`exports.forms.files`) and figures/ to `out_dir`; returns index.html's path.

    images: 'embedded' makes index.html one file that can be sent alone and has at most `budget` bytes: rows of images
    that do not fit are left out, and the page says how many and what to do. 'files' puts larger thumbnails of any
    number into img/ beside the page and links to the runs' own images. 'none' shows no image. The form never follows
    from the data, so that who mails index.html once can mail it always. by, gate: as in `comparison_page.made`.
    UsageError when `out_dir` is a file, DiskError when the disk refuses.
    """
    out = Path(out_dir)
    refuse_file(out)
    files = contents(comparison, by=by, images=images, budget=budget, beside=out, gate=gate)
    write_folder(out, files)
    _sweep(out, files)
    return out / "index.html"


def contents(
    comparison: Comparison, *, by: str = "", images: str = "embedded", budget: int = BUDGET, beside: Path | None = None,
    gate: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:  # fmt: skip
    """Relative path -> bytes of every file of the report; index.html comes last."""
    files = forms.files(comparison)
    if comparison.numbered:
        figure = scores_figure(comparison)
        files |= {f"figures/scores.{kind}": rendered(figure, kind) for kind in FIGURES}
    page = made(comparison, by=by, images=images, budget=budget, beside=beside, gate=gate)
    files |= {**page.images, "index.html": page.html.encode("utf-8", "replace")}
    privacy.check([s.run for s in comparison.systems], files)
    return files


def _sweep(out: Path, files: dict[str, bytes]) -> None:
    """Remove the thumbnails of an earlier report, which no page shows any more."""
    with disk_errors(out):
        for old in (out / "img").glob("*"):
            if _OURS.fullmatch(old.name) and f"img/{old.name}" not in files:
                old.unlink()
