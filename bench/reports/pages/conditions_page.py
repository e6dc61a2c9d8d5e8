"""The page of several data sets: how the ranking changes with the condition, and links to each data set's report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from bench.reports.comparison.findings import Conditions
from bench.reports.comparison.nouns import Comparison
from bench.reports.numbers import thousands
from bench.reports.pages.html import rendered
from bench.reports.pages.matrices import rankings
from bench.reports.words import clean
from bench.stats.bootstrap import RESAMPLES


def conditions_page(found: Conditions, folders: Sequence[str], command: str = "") -> str:
    """The HTML. folders: of each comparison, where its own report lies, relative to this page."""
    groups, common = len(found.rankings.groups), len(found.rankings.common)
    datasets = [_dataset(c, f) for c, f in zip(found.comparisons, folders, strict=True)]
    return rendered(
        "conditions.html.j2",
        {
            "title": f"Rankings by condition on {len(datasets)} data sets",
            "facts": f"{groups} groups · {common} systems that all groups rank",
            "sections": [("conditions", "Rankings"), ("datasets", "Data sets"), ("method", "Method")],
            "rankings": rankings(found.rankings), "datasets": datasets, "method": method(),
            "broken": [clean(line) for line in found.broken], "command": command or reproduce(found),
        },
        styles=("common.css", "comparison.css"),
    )  # fmt: skip


def _dataset(one: Comparison, folder: str) -> dict[str, Any]:
    return {
        "name": str(one.dataset.get("label") or one.dataset.get("name", "data set")), "link": f"{folder}/index.html",
        "condition": str(one.dataset.get("condition") or "\N{EN DASH}"), "systems": len(one.systems),
        "prompts": one.prompts, "prompts_text": thousands(one.prompts), "images": one.common,
        "images_text": thousands(one.common),
    }  # fmt: skip


def method() -> list[str]:
    """What the rankings rest on."""
    return [
        "A group is ranked by the first primary metric whose card says that it responds to the condition's defect, or "
        "by the metric asked for, on the images that all its systems have; over several data sets of one condition the "
        "value is the mean, each resampled by itself. Nothing is averaged over conditions.",
        "Rank intervals count who is surely better and who is surely worse: simultaneous 95 % intervals of a system's "
        f"differences to all others of its group, from {RESAMPLES:,} joint resamples of prompts. Two places are called "
        "different beyond chance where the rank intervals do not meet. Kendall's tau-b compares the orders of the "
        "systems that all groups rank: 1 where they agree, 0 for unrelated orders, \N{MINUS SIGN}1 where one is the "
        "other reversed.",
    ]


def reproduce(found: Conditions) -> str:
    """The command that makes it again."""
    paths = [s.path for c in found.comparisons for s in c.systems]
    return clean(shlex.join(["bench", "compare", *paths, "--by", found.rankings.by]))
