"""`bench agree`: metrics against people's ratings, with intervals and what of their differences could be noise."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import json_option, print_json, table
from bench.cli.say import say


@click.command()
@click.argument("ratings")
@click.option("--human", "-h", "human", multiple=True, required=True, help="Column of ratings; several are averaged.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Column of scores; default: all other numeric columns.")
@click.option("--group", default="", help="Column of the prompt: items of one prompt are resampled together.")
@click.option("--system", default="", help="Column of the system: agree on the means of systems, not on items.")
@click.option("--lower", multiple=True, help="A metric of which less is better; its sign is turned.")
@click.option(
    "--runs",
    multiple=True,
    help="Runs whose scores join the ratings by `sample`, `k`, `system`; they know their direction.",
)
@click.option("--resamples", type=click.IntRange(min=20), default=2000, show_default=True, help="Of the groups.")
@click.option("--seed", default=0, show_default=True, help="Of the resamples.")
@click.option("--root", default="runs", show_default=True, help="Folder of the runs.")
@json_option
def agree(ratings: str, human: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Hold metrics against people: Pearson, Spearman, tau-b, tau-c, pairwise accuracy.

    RATINGS is a CSV, TSV, JSON, JSON lines or Parquet file with a row an item. Intervals are by cluster bootstrap
    over --group, joint over metrics, so that their differences can be told from noise.

    \b
        bench agree ratings.csv --human mean -m clipscore -m tifa --group prompt
        bench agree ratings.csv --human mean --runs runs/coco --group sample
    """
    from bench.cli.ratings import columns_of, rated
    from bench.stats import agreement as stats

    given = rated(ratings, list(values["runs"]), values["root"])
    truth, scores, groups = columns_of(given, ratings, human, values["metrics"], values["group"], values["lower"])
    options = {"resamples": values["resamples"], "seed": values["seed"]}
    if values["system"]:
        from bench.formats.ratings import need

        systems = given.frame[need(given.frame, values["system"], ratings)].astype(str).to_numpy()
        found = stats.system_agreement(truth, scores, groups, systems, **options)
    else:
        found = stats.agreement(truth, scores, groups, **options)
    apart = stats.differences(found)
    if as_json:
        print_json({"agreement": [_plain(a) for a in found], "differences": [_plain(d) for d in apart]})
        return
    say(_text(found, apart))


def _plain(one: Any) -> dict[str, Any]:
    kept = {k: v for k, v in vars(one).items() if k != "draws"}
    return {**kept, "significant": one.significant} if hasattr(one, "significant") else kept


def _text(found: list[Any], apart: list[Any]) -> str:
    """A row a metric, best tau-b first; then which metrics are surely behind the best and which may not be."""
    statistics = list(dict.fromkeys(a.statistic for a in found))
    by = {(a.metric, a.statistic): a for a in found}
    order = sorted({a.metric for a in found}, key=lambda m: -_known(by[m, "tau-b"].value))
    rows = [[m, *(_cell(by[m, s]) for s in statistics)] for m in order]
    lines = [table(rows, ["metric", *statistics])]
    for statistic in statistics:
        some = [d for d in apart if d.statistic == statistic]
        if some:
            lines.append(_verdict(statistic, some))
    return "\n\n".join([lines[0], "\n".join(lines[1:])]) if len(lines) > 1 else lines[0]


def _known(value: float) -> float:
    return value if value == value else -9.0


def _cell(one: Any) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" if one.value == one.value else "undefined"


def _verdict(statistic: str, some: list[Any]) -> str:
    behind = [d.second for d in some if d.significant]
    near = [d.second for d in some if not d.significant]
    told = f"{statistic}: {some[0].first} leads"
    told += f"; surely behind: {', '.join(behind)}" if behind else ""
    return told + (f"; not told apart from it: {', '.join(near)}" if near else "") + "."
