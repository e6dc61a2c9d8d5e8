"""Rows of pictures as the page's templates take them: addresses, alternative texts, titles and colours beside each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from bench.reports.comparison.nouns import Comparison
from bench.reports.numbers import ABSENT
from bench.reports.pages.album import PromptRow
from bench.reports.pages.sheets import Scores
from bench.reports.pages.thumbs import Picture
from bench.reports.pages.views import key
from bench.reports.words import clean


def titles(comparison: Comparison, systems: Sequence[int]) -> list[dict[str, Any]]:
    """Name and colour of each system; `mark` says what it is besides."""
    return [
        {
            "system": i, "title": comparison.systems[i].title, **key(comparison, i),
            "mark": "control" if i in comparison.controls else "",
        }
        for i in systems
    ]  # fmt: skip


def address(name: str) -> str:
    """'#p=<sample>', which opens the prompt in full."""
    return f"#p={quote(name, safe='')}"


def framed(
    comparison: Comparison, row: PromptRow, systems: Sequence[int], scores: Scores | None, sample: str
) -> dict[str, Any]:
    """A prompt's row. systems: whose pictures stand in each shot; sample: true id; scores: None for private rows."""
    heads = titles(comparison, systems)
    told = [_score(scores, sample, i) for i in systems]
    return {
        "href": address(row.sample), "name": row.sample, "prompt": row.prompt, "repeats": row.repeats,
        "hidden": row.repeats - len(row.shots),
        "shots": [
            {
                "k": shot.k,
                "pictures": [
                    {**_picture(p, f"{h['title']}: {row.prompt}{t}"), **h}
                    for p, h, t in zip(shot.pictures, heads, told, strict=True)
                ],
            }
            for shot in row.shots
        ],
        "reference": None if row.reference is None else _picture(row.reference, f"reference: {row.prompt}"),
    }  # fmt: skip


def _score(scores: Scores | None, sample: str, system: int) -> str:
    """'; CLIPScore 25.1' for the first metric."""
    if scores is None or not scores.rows:
        return ""
    line = scores.lines(sample, (system,))[0]
    text = line["cells"][0]["text"]
    return "" if text == ABSENT else f"; {line['label']} {text}"


def _picture(picture: Picture, alt: str) -> dict[str, Any]:
    return {
        "thumb": picture.thumb, "reason": picture.reason, "full": picture.full, "veiled": picture.veiled,
        "alt": clean(alt),
    }  # fmt: skip
