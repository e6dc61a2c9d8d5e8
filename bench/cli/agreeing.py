"""`bench agree`: people against each other, systems by their votes, and metrics against people, with intervals."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import json_option, print_json, table
from bench.cli.say import say


@click.command()
@click.argument("ratings")
@click.option("--human", "-h", "human", multiple=True, help="Column of ratings; several are averaged, a rater each.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Column of scores; default: all other numeric columns.")
@click.option(
    "--layout",
    default="auto",
    show_default=True,
    help="tifa, dsg-likert, genai-bench, imagereward, hpdv2, votes, table; auto tells by the content.",
)
@click.option("--aspect", default="", help="Question that is looked at, where a file has several.")
@click.option("--group", default="", help="Column of the prompt: items of one prompt are resampled together.")
@click.option("--system", default="", help="Column of the system: agree on the means of systems, not on items.")
@click.option("--lower", multiple=True, help="A metric of which less is better; its sign is turned.")
@click.option(
    "--runs",
    multiple=True,
    help="Runs whose scores join the ratings by `sample`, `k`, `system`; they know their direction.",
)
@click.option("--within", is_flag=True, help="Compare images of one prompt only; ranks are always compared so.")
@click.option(
    "--scale",
    type=click.Choice(["nominal", "ordinal", "interval", "ratio"]),
    default=None,
    help="Of Krippendorff's alpha; default: ordinal, nominal for votes.",
)
@click.option(
    "--ties",
    type=click.Choice(["davidson", "rao-kupper"]),
    default="davidson",
    show_default=True,
    help="How Bradley-Terry takes tied votes.",
)
@click.option("--write", "target", default="", help="Also write the judgements as one table (.parquet, .csv, .jsonl).")
@click.option("--resamples", type=click.IntRange(min=20), default=2000, show_default=True, help="Of the groups.")
@click.option("--seed", default=0, show_default=True, help="Of the resamples.")
@click.option("--root", default="runs", show_default=True, help="Folder of the runs.")
@json_option
def agree(ratings: str, human: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Hold metrics against people, people against each other, and systems against the votes that they got.

    RATINGS is a file of people's judgements as TIFA, DSG, GenAI-Bench, ImageReward, HPDv2 or an arena of votes
    publishes it (docs/people.md), or any table (CSV, TSV, JSON, JSON lines, Parquet) with a row an image: then --human
    names its columns of ratings. Told are Krippendorff's alpha of the raters, Bradley-Terry strengths of systems with
    ties, and of metrics Pearson, Spearman, tau-b, tau-c and pairwise accuracy, also with calibrated ties. Intervals
    resample prompts, jointly over metrics, so that their differences can be told from noise.

    \b
        bench agree human_annotations_with_scores.json
        bench agree votes.csv --runs runs/coco
        bench agree ratings.csv --human mean -m clipscore -m tifa --group prompt
        bench agree ratings.csv --human mean --runs runs/coco --group sample
    """
    if not human:
        _of_people(ratings, as_json, values)
        return
    from bench.cli.people import raters_line
    from bench.cli.ratings import columns_of, rated, raters_of
    from bench.stats import agreement as stats
    from bench.stats.raters import krippendorff

    given = rated(ratings, list(values["runs"]), values["root"])
    truth, scores, groups = columns_of(given, ratings, human, values["metrics"], values["group"], values["lower"])
    options = {"resamples": values["resamples"], "seed": values["seed"]}
    raters = None
    if len(human) > 1:
        units, ratings_, of = raters_of(given, ratings, human, values["group"])
        raters = vars(krippendorff(units, ratings_, of, scale=values["scale"] or "interval", **options))
    if values["system"]:
        from bench.formats.ratings import need

        systems = given.frame[need(given.frame, values["system"], ratings)].astype(str).to_numpy()
        found = stats.system_agreement(truth, scores, groups, systems, **options)
    else:
        found = stats.agreement(truth, scores, groups, within=values["within"], **options)
    apart = stats.differences(found)
    if as_json:
        told = {"agreement": [_plain(a) for a in found], "differences": [_plain(d) for d in apart]}
        print_json({"raters": raters, **told})
        return
    say("\n\n".join([*([raters_line(raters)] if raters else []), _text(found, apart)]))


def _of_people(ratings: str, as_json: bool, values: dict[str, Any]) -> None:
    """Judgements in a layout that is known."""
    from bench.cli import people
    from bench.errors import UsageError
    from bench.formats.judgements import read_judgements
    from bench.stats import agreement as stats

    given = read_judgements(ratings, values["layout"])
    if given is None:
        raise UsageError(
            f"'{ratings}' has none of the layouts of people's judgements that are known; name its columns of ratings "
            "with --human, or its layout with --layout."
        )
    found = people.looked_at(given, ratings, values)
    apart = stats.differences(found.agreement)
    if values["target"]:
        say(people.write(given, values["target"]), err=True)
    if as_json:
        print_json({
            **found.facts, "notes": found.notes, "alpha": found.raters, "table": found.systems,
            "agreement": [_plain(a) for a in found.agreement], "differences": [_plain(d) for d in apart],
        })  # fmt: skip
        return
    parts = ["\n".join(people.head(found))]
    parts += [table(*people.system_rows(found))] if found.systems else []
    parts += [_text(found.agreement, apart)] if found.agreement else []
    say("\n\n".join(parts))


def _plain(one: Any) -> dict[str, Any]:
    kept = {k: v for k, v in vars(one).items() if k != "draws"}
    return {**kept, "significant": one.significant} if hasattr(one, "significant") else kept


def _text(found: list[Any], apart: list[Any]) -> str:
    """A row a metric, best tau-b first; then which metrics are surely behind the best and which may not be."""
    statistics = list(dict.fromkeys(a.statistic for a in found))
    by = {(a.metric, a.statistic): a for a in found}
    first = "tau-b" if "tau-b" in statistics else statistics[0]
    order = sorted({a.metric for a in found}, key=lambda m: (-_known(by[m, first].value), m))
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
    if one.value != one.value:
        return "undefined"
    between = f" [{one.low:.3f}, {one.high:.3f}]" if one.low == one.low else ""
    return f"{one.value:.3f}{between}" + (f" at {one.threshold:.3g}" if one.threshold is not None else "")


def _verdict(statistic: str, some: list[Any]) -> str:
    behind = [d.second for d in some if d.significant]
    near = [d.second for d in some if not d.significant]
    told = f"{statistic}: {some[0].first} leads"
    told += f"; surely behind: {', '.join(behind)}" if behind else ""
    return told + (f"; not told apart from it: {', '.join(near)}" if near else "") + "."
