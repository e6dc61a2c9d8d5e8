"""The comparison report as one page: what stands where. Tables come from views, images from the album."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from bench.reports.comparison.differences import Tables
from bench.reports.comparison.nouns import Comparison, Row, Verdict
from bench.reports.comparison.verdicts import name, verdicts
from bench.reports.figures.scores import colour, inline_svg, scores_figure
from bench.reports.numbers import decimals, number, thousands
from bench.reports.pages.album import BUDGET, Album, Extremes, PromptRow, chosen_row, extremes, prompt_grid
from bench.reports.pages.html import rendered
from bench.reports.pages.method import method, protocols, provenance
from bench.reports.pages.views import all_outputs, blocks, contrasts
from bench.reports.words import clean


def page(comparison: Comparison, *, by: str = "", images: bool = True, budget: int = BUDGET) -> str:
    """The report as one HTML text.

    by: metric that best and worst prompts go by (default: the first per-image mean); images: embed thumbnails, at most
    `budget` bytes of them.
    """
    context = {
        **_head(comparison), **_images(comparison, by, Album(budget) if images else None), **_tables(comparison),
    }  # fmt: skip
    return rendered("comparison.html.j2", {**context, "sections": _sections(context)})


def _head(comparison: Comparison) -> dict[str, Any]:
    dataset = comparison.dataset
    title = str(dataset.get("label") or dataset.get("name", "a dataset"))
    ranked, controls = len(comparison.ranked), len(comparison.controls)
    facts = [
        f"{ranked} system{'s' * (ranked != 1)}" + (f" and {controls} control{'s' * (controls != 1)}" * bool(controls))
    ]
    facts.append(f"{thousands(comparison.prompts)} prompts")
    facts.append(f"{thousands(comparison.common)} images a system")
    if comparison.baseline is not None:
        facts.append(f"baseline {clean(comparison.systems[comparison.baseline].title)}")
    found = [_verdict(v) for v in verdicts(comparison)]
    alone = (
        "There is one system, so nothing is compared." if ranked < 2 else "No metric allows a comparison of these runs."
    )
    return {
        "title": f"Comparison on {title}", "facts": " · ".join(facts), "verdicts": found, "no_verdict": alone,
        "outcomes": _outcomes(comparison), "refused": [clean(t) for t in comparison.refused],
        "notes": [clean(t) for t in comparison.notes],
    }  # fmt: skip


def _verdict(verdict: Verdict) -> dict[str, str]:
    head = f"{name(verdict.row)}: "
    begins = verdict.text.startswith(head)
    text = clean(verdict.text.removeprefix(head) if begins else verdict.text)
    return {
        "kind": verdict.kind, "badge": verdict.badge, "head": head if begins else "",
        "text": f"{text}.".replace("≥ ", "≥\N{NO-BREAK SPACE}"),
    }  # fmt: skip


def _outcomes(comparison: Comparison) -> list[dict[str, str]]:
    """Systems of which images are missing, with how."""
    found = []
    for system in comparison.systems:
        lost = {k: v for k, v in sorted(system.run.counts.items()) if k != "ok" and v}
        if lost:
            told = ", ".join(f"{v} {k}" for k, v in lost.items())
            found.append({"title": system.title, "text": f"{told} of {sum(system.run.counts.values())} images"})
    return found


def _tables(comparison: Comparison) -> dict[str, Any]:
    figure = inline_svg(scores_figure(comparison, literal=True)) if comparison.primary else ""
    against = "the baseline" if comparison.baseline is not None else "each metric's best system"
    return {
        "blocks": blocks(comparison), "contrasts": contrasts(comparison), "all_outputs": all_outputs(comparison),
        "figure": Markup(figure), "method": method(comparison), "provenance": provenance(comparison),
        "protocols": protocols(comparison),
        "legend": "± is half the 95 % interval, [low, high] a lopsided one, drawn below on the column's common axis. "
        "◆ marks every system that is not surely worse than the best: choose among them by other means. Controls are "
        "measured alike and not ranked; an arrow at the edge means that a value lies outside the systems' range.",
        "contrast_legend": f"Each system less {against}, on the images that both have. Right of the line is better, "
        "whichever way the metric runs.",
    }  # fmt: skip


def _images(comparison: Comparison, by: str, album: Album | None) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "grid": [], "grid_reference": False, "grid_titles": [], "grid_legend": "", "extremes": [], "extreme_name": "",
        "extreme_legend": "", "thumbs": [],
    }  # fmt: skip
    if album is None or not comparison.common:
        return nothing
    tables = Tables(comparison.systems)
    grid = prompt_grid(comparison, tables, album)
    row = chosen_row(comparison, by)
    sides = extremes(comparison, tables, album, row) if row is not None else []
    if not album.thumbs:
        return nothing
    order = (*comparison.ranked, *comparison.controls)
    return {
        "grid": [
            {"prompt": r.prompt, "reference": r.reference, "pictures": [r.pictures[i] for i in order]} for r in grid
        ],
        "grid_reference": any(r.reference for r in grid),
        "grid_titles": [{"title": comparison.systems[i].title, "colour": colour(comparison, i)} for i in order],
        "grid_legend": _grid_legend(grid, album), "extremes": [_side(comparison, e) for e in sides],
        "extreme_name": row.label if row else "",
        "extreme_legend": "Prompts by the mean over their images; shown is the image that went furthest, with its own "
        "value. Extremes show what a metric rewards and punishes: they are no sample of a system's quality.",
        "thumbs": [album.thumbs[key] for key in sorted(album.thumbs)],
    }  # fmt: skip


def _grid_legend(grid: list[PromptRow], album: Album) -> str:
    text = f"The first {len(grid)} prompts in the order of their digests, image 0 of each: chosen by nobody."
    if album.left_out:
        text += (
            f" {album.left_out} rows of images do not fit into the {album.budget / 1e6:g} MB of this page and are left "
            "out; the runs' folders hold all images."
        )
    return text


def _side(comparison: Comparison, one: Extremes) -> dict[str, Any]:
    digits = _digits(one.row, [*one.best, *one.worst])
    return {
        "title": comparison.systems[one.system].title, "colour": colour(comparison, one.system),
        "open": len(comparison.ranked) <= 4,
        "sides": [
            {"name": name, "rows": [_card(r, digits) for r in rows]}
            for name, rows in (("Best", one.best), ("Worst", one.worst)) if rows
        ],
    }  # fmt: skip


def _digits(row: Row, shown: list[PromptRow]) -> int:
    values = [r.value for r in shown if r.value is not None]
    spread = (max(values) - min(values)) / 10 if values else 0
    return decimals([spread], values)


def _card(row: PromptRow, digits: int) -> dict[str, Any]:
    own = row.pictures[0].value
    same = number(own, digits) == number(row.value, digits)
    return {
        "prompt": row.prompt, "picture": row.pictures[0], "reference": row.reference,
        "value": number(row.value, digits), "image": "" if same else f"this image {number(own, digits)}",
    }  # fmt: skip


def _sections(context: dict[str, Any]) -> list[tuple[str, str]]:
    wanted = [
        ("verdicts", "Verdicts", True), ("scores", "Scores", True), ("figure", "Figure", bool(context["figure"])),
        ("differences", "Differences", bool(context["contrasts"])), ("images", "Images", bool(context["grid"])),
        ("extremes", "Best and worst", bool(context["extremes"])),
        ("notes", "Notes", bool(context["refused"] or context["notes"])), ("method", "Method", True),
    ]  # fmt: skip
    return [(anchor, text) for anchor, text, there in wanted if there]
