"""What a run tells of recorded evidence: of which images there is none, and which rows met no image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.engine import views
from bench.engine.extract import read_outcomes, view_path
from bench.engine.looks import Eye
from bench.engine.plan import Plan
from bench.types import ImageRow


def remarks(plan: Plan, eyes: Sequence[Eye]) -> list[str]:
    """A line for each thing that a reader must know; none without extractors of rows."""
    some = {eye.key: eye for eye in eyes if eye.extractor.of_rows}
    if not some:
        return []
    rows = image_rows(plan)
    found = []
    for key, eye in some.items():
        absent = Counter(n for i in range(len(plan.shards)) for names in _absent(plan, key, i) for n in names)
        for output, count in sorted(absent.items()):
            found.append(
                f"{count} of {len(rows)} images have no {output} in {eye.extractor.source}: they count as missing, not "
                "as images in which nothing was found."
            )
        found += eye.extractor.remarks(rows)
    return found


def image_rows(plan: Plan) -> list[ImageRow]:
    """Every image that a run has (or has evidence of), in plan order."""
    found = []
    for index in range(len(plan.shards)):
        frame = read_outcomes(plan.folder, index)
        fine = frame[frame["status"] == "ok"]
        columns = (fine[c] for c in ("sample", "k", "frame", "image", "digest", "width", "height"))
        for sample, k, at, image, digest, width, height in zip(*columns, strict=True):
            found.append(ImageRow(sample, int(k), int(at), image, digest, (int(width), int(height))))
    return found


def _absent(plan: Plan, key: str, index: int) -> Sequence[list[str]]:
    path = view_path(plan.folder, key, index)
    return views.read(path).outputs.get("absent", ()) if path.is_file() else ()
