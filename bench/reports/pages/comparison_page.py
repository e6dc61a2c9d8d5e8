"""The comparison report as one page: what stands where. Tables come from views and effects, images from the gallery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.reports.comparison.differences import Refused, Tables
from bench.reports.comparison.explain import findings, pairs
from bench.reports.comparison.findings import Findings, Pair
from bench.reports.comparison.forest import between
from bench.reports.comparison.nouns import Comparison, Row
from bench.reports.comparison.values import chosen_row, per_image
from bench.reports.pages import legends
from bench.reports.pages.album import Album
from bench.reports.pages.drawings import distributions, drawn_costs, drawn_scores
from bench.reports.pages.effects import forest, slices
from bench.reports.pages.frames import titles
from bench.reports.pages.gallery import gallery
from bench.reports.pages.html import rendered
from bench.reports.pages.matrices import agreement, changes, costs, rankings
from bench.reports.pages.method import method, protocols, provenance, reproduce
from bench.reports.pages.summary import head
from bench.reports.pages.thumbs import BUDGET, Stock, form_of
from bench.reports.pages.views import all_outputs, blocks, contrasts
from bench.reports.words import clean

_PAIRS = 3
"""Up to so many pairs are told in full; of more, the closest rivals alone."""
_SHORT = 40
"""Characters of a name that stands over a narrow column."""
_TEXT = 0.9
"""Share of the budget that images may have before the rest of the page is known."""


@dataclass(frozen=True)
class Made:
    """A page and the images that lie beside it (path -> bytes)."""

    html: str
    images: dict[str, bytes]


def page(comparison: Comparison, *, by: str = "", images: str = "embedded", budget: int = BUDGET) -> str:
    """The report as one HTML text; see `made`."""
    return made(comparison, by=by, images=images, budget=budget).html


def made(
    comparison: Comparison, *, by: str = "", images: str = "embedded", budget: int = BUDGET, beside: Path | None = None,
    gate: Mapping[str, Any] | None = None,
) -> Made:  # fmt: skip
    """The report's page.

    by: metric that best and worst prompts go by (default: `listing_row`); images: 'embedded', 'files' (larger
    thumbnails in img/, for a page of any number of images) or 'none'; budget: bytes of the whole page with embedded
    images: what does not fit is left out by rows, and the page says how many; beside: folder of the page, from which
    'files' links to the runs' own images; gate: what stands first where the runs are a gate's (gate.html.j2), with a
    title of its own.
    """
    form = form_of(images)
    tables = comparison.tables or Tables(comparison.systems)
    told = told_pairs(comparison)
    chosen = listing_row(comparison, tables, told[0], by)
    found = [findings(comparison, tables, pair, by=chosen) for pair in told]
    paired = [f for f in found if f.pair is not None]
    text = {**_texts(comparison, tables, found, by, chosen), "gate": gate}
    if gate is not None:
        text["title"] = gate["title"]
    stock = Stock(form, int(budget * _TEXT) if form == "embedded" else budget)
    while True:
        album = Album(comparison, tables, stock, beside if form == "files" else None)
        html = _html({**text, **_merged(text, gallery(album, paired, chosen))}, form == "files")
        over = len(html.encode("utf-8", "replace")) - budget
        if form != "embedded" or over <= 0 or not stock.thumbs:
            return Made(html, {t.file: t.data for t in stock.ordered() if t.file})
        stock = stock.again(stock.spent - over - 2000)


def told_pairs(comparison: Comparison) -> Sequence[Pair | None]:
    """The pairs that the page tells in full: all of few, else the two that are hardest to tell apart at the top.

    A single system has no pair, but what needs none (agreement of metrics, cost) is still found out.
    """
    known = pairs(comparison)
    if len(known) <= _PAIRS:
        return known or (None,)
    row = next((r for r in comparison.primary if r.direction != "none" and any(r.differences)), None)
    if row is None:
        return known[:1]
    size = {d.system: abs(d.delta) for d in row.differences if d is not None}
    return (min(known, key=lambda p: (size.get(p[0], float("inf")), p)),)


def listing_row(comparison: Comparison, tables: Tables, pair: Pair | None, by: str) -> Row | None:
    """What best and worst prompts go by: the metric asked for, else the first primary one in which the pair differs on
    any prompt (a metric that is equal everywhere lists nothing), else the first of single images."""
    if by or pair is None:
        return chosen_row(comparison, by)
    for row in comparison.primary:
        if per_image(row) and row.output.estimator is not None and row.output.estimator.kind != "ratio":
            try:
                one = between(comparison, tables, row, pair)
            except Refused:
                continue
            if one.wins or one.losses:
                return row
    return chosen_row(comparison, by)


# ---- texts ----------------------------------------------------------------------------------------------------------


def _texts(
    comparison: Comparison, tables: Tables, found: Sequence[Findings], by: str, chosen: Row | None
) -> dict[str, Any]:
    """Everything but the images."""
    first, paired = found[0], [f for f in found if f.pair is not None]
    priced = costs(comparison, first.costs)
    against = "the baseline" if comparison.baseline is not None else "each metric's best system"
    return {
        **head(comparison), "blocks": blocks(comparison), "figure": drawn_scores(comparison),
        "contrasts": contrasts(comparison) if len(comparison.ranked) > 2 else [],
        "duo": len(comparison.ranked) == 2, "pairs": [_pair(comparison, tables, f, chosen) for f in paired],
        "more_pairs": len(pairs(comparison)) - len(paired), "agreement": agreement(first.agreement), "costs": priced,
        "cost_figure": drawn_costs(comparison, tables) if priced and priced["metric"] else "",
        "changes": changes(comparison, first.changes), "rankings": rankings(comparison.rankings),
        "method": method(comparison), "provenance": provenance(comparison), "protocols": protocols(comparison),
        "all_outputs": all_outputs(comparison), "command": reproduce(comparison, by), "p_meaning": legends.P,
        "legend": legends.SCORES, "contrast_legend": legends.DIFFERENCES.format(against=against),
        "extreme_legend": legends.EXTREMES,
    }  # fmt: skip


def _pair(comparison: Comparison, tables: Tables, found: Findings, chosen: Row | None) -> dict[str, Any]:
    assert found.pair is not None
    ours, theirs = (comparison.systems[i].title for i in found.pair)
    return {
        "ours": ours, "theirs": theirs, "said": ours if len(ours) <= _SHORT else "the one at the right",
        "heads": titles(comparison, found.pair), "pair": found.pair,
        "figures": distributions(comparison, tables, found.pair, chosen), "forest": forest(found.forest),
        "slices": slices(found), "notes": [clean(n) for n in found.notes], "legend": legends.EFFECTS,
        "slice_legend": legends.SLICES, "duel_legend": legends.DUELS,
    }  # fmt: skip


def _merged(text: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """The gallery with its parts of each pair put to the pair."""
    return {**shown, "pairs": [{**p, **more} for p, more in zip(text["pairs"], shown["pairs"], strict=True)]}


# ---- page -----------------------------------------------------------------------------------------------------------

_SECTIONS: tuple[tuple[str, str, Callable[[dict[str, Any]], Any]], ...] = (
    ("gate", "Gate", lambda c: c["gate"]),
    ("verdicts", "Verdicts", lambda c: True),
    ("effects", "Effects", lambda c: c["duo"] and c["pairs"]),
    ("scores", "Scores", lambda c: True),
    ("differences", "Differences", lambda c: c["contrasts"]),
    ("head-to-head", "Head to head", lambda c: not c["duo"] and c["pairs"]),
    ("slices", "Slices", lambda c: c["duo"] and any(p["slices"] for p in c["pairs"])),
    ("distributions", "Distributions", lambda c: c["duo"] and any(p["figures"] for p in c["pairs"])),
    ("duels", "Where they differ", lambda c: c["duo"] and any(p["duels"] for p in c["pairs"])),
    ("flips", "Flips", lambda c: c["duo"] and any(p["flips"] for p in c["pairs"])),
    ("images", "Images", lambda c: c["grid"]),
    ("extremes", "Best and worst", lambda c: c["extremes"]),
    ("conditions", "Conditions", lambda c: c["rankings"]),
    ("agreement", "Metrics", lambda c: c["agreement"]),
    ("cost", "Cost", lambda c: c["costs"]),
    ("notes", "Notes", lambda c: c["refused"] or c["notes"] or c["broken"]),
    ("sheets", "Prompts in full", lambda c: c["sheets"]),
    ("method", "Method", lambda c: True),
)


def _html(context: dict[str, Any], files: bool) -> str:
    sections = [(anchor, text) for anchor, text, there in _SECTIONS if there(context)]
    anchors = {anchor for anchor, _ in sections}
    return rendered(
        "comparison.html.j2", {**context, "sections": sections, "there": anchors},
        styles=("common.css", "comparison.css"), scripts=("common.js", "comparison.js"), files=files,
    )  # fmt: skip
