"""What a run tells of evidence that is not whole: of which images there is none, why, and which rows met no image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.engine import views
from bench.engine.extract import read_outcomes, view_path
from bench.engine.looks import Eye
from bench.engine.plan import Plan
from bench.types import ImageRow


def remarks(plan: Plan, eyes: Sequence[Eye]) -> list[str]:
    """A line for each thing that a reader must know; none without extractors that may lack something."""
    some = {eye.key: eye for eye in eyes if eye.extractor.of_rows or eye.extractor.lacks}
    if not some:
        return []
    rows = image_rows(plan)
    found = []
    for key, eye in some.items():
        absent, why = Counter[str](), Counter[str]()
        for outputs in _outputs(plan, key):
            absent.update(name for names in outputs.get("absent", ()) for name in names)
            why.update(eye.extractor.reasons(outputs))
        for output, count in sorted(absent.items()):
            found.append(
                f"{count} of {len(rows)} images have no {output} in {eye.extractor.source}: they count as missing, not "
                "as images in which nothing was found."
            )
        found += [f"{count} x {reason}" for reason, count in sorted(why.items())]
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


def _outputs(plan: Plan, key: str) -> Iterator[Mapping[str, Any]]:
    """Of each of an extractor's view files."""
    for index in range(len(plan.shards)):
        if (path := view_path(plan.folder, key, index)).is_file():
            yield views.read(path).outputs
