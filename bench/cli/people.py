"""What `bench agree` makes of people's judgements in a known layout: how far raters agree, systems by ratings or by
votes, and metrics beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.cli.ratings import KEYS, Rated, RunScores, columns_of, rated, run_scores
from bench.errors import DataError, TooFew, UsageError
from bench.formats.judgements import Judgements
from bench.stats import agreement as stats
from bench.stats.bootstrap import interval
from bench.stats.duels import bradley_terry
from bench.stats.raters import krippendorff
from bench.stats.voted import vote_agreement
from bench.types import Estimator

HUMAN = "rating"


@dataclass
class Found:
    """What a file of judgements says."""

    facts: dict[str, Any]
    raters: dict[str, Any] | None = None
    systems: list[dict[str, Any]] = field(default_factory=list)
    agreement: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def looked_at(people: Judgements, path: str, values: Mapping[str, Any]) -> Found:
    """Everything that `bench agree` tells of judgements; values: the command's options by name."""
    table = _of_aspect(people.table, path, values["aspect"])
    # an image of a ranking's own prompt has no system: its sample names it
    images = table[["sample", "k", "system"]].drop_duplicates()
    found = Found({
        "layout": people.layout, "kind": "votes" if people.votes else "ranks" if people.within else "ratings",
        "judgements": len(table), "images": len(images), "prompts": int(table["group"].nunique()),
        "raters": int(table["rater"].nunique()), "systems": int(pd.concat([table["system"], table["other"]]).replace(
            "", None).nunique()),
    }, notes=list(people.notes))  # fmt: skip
    options = {"resamples": values["resamples"], "seed": values["seed"]}
    if people.votes:
        found.facts["images"] = 0
        _votes(table, path, values, options, found)
    else:
        _ratings(people, table, path, values, options, found)
    return found


def _of_aspect(table: pd.DataFrame, path: str, asked: str) -> pd.DataFrame:
    """The judgements of one question."""
    known = sorted(table["aspect"].unique())
    if asked and asked not in known:
        raise UsageError(f"'{path}' has no aspect '{asked}'; it has {', '.join(k or '(none)' for k in known)[:400]}.")
    if not asked and len(known) > 1:
        raise UsageError(f"'{path}' rates {len(known)} aspects: name one with --aspect: {', '.join(known)[:400]}.")
    return table[table["aspect"] == asked] if asked else table


def _raters(units: Any, ratings: Any, groups: Any, scale: str, options: Mapping[str, Any], found: Found) -> None:
    try:
        found.raters = asdict(krippendorff(units, ratings, groups, scale=scale, **options))
    except TooFew as error:
        found.notes.append(error.messages[0])


# ---- ratings and ranks -----------------------------------------------------------------------------------------------


def _ratings(
    people: Judgements, table: pd.DataFrame, path: str, values: Mapping[str, Any], options: Mapping[str, Any],
    found: Found,
) -> None:  # fmt: skip
    units = table["sample"] + "\0" + table["k"].astype(str) + "\0" + table["system"]
    scale = values["scale"] or "ordinal"
    _raters(units.to_numpy(), table["rating"].to_numpy(), table["group"].to_numpy(), scale, options, found)
    means = table.groupby(["sample", "k", "system"], sort=False, as_index=False).agg(
        rating=("rating", "mean"), group=("group", "first")
    )
    if len(set(means["system"])) > 1 and not people.within:
        found.systems = _means(means, options)
    frame = means if (means["system"] != "").any() else means.drop(columns="system")
    if len(people.scores.columns) > len(KEYS):
        frame = frame.merge(people.scores, on=[c for c in KEYS if c in frame.columns], how="left")
    given = rated(path, values["runs"], values["root"], frame)
    if not values["runs"] and not values["metrics"] and len(people.scores.columns) <= len(KEYS):
        return
    names = list(values["metrics"]) or list(given.scores) or [c for c in people.scores.columns if c not in KEYS]
    truth, scores, groups = columns_of(
        Rated(given.frame, given.scores, given.lower), path, [HUMAN], names, "group", values["lower"]
    )
    if values["system"]:
        found.agreement = stats.system_agreement(truth, scores, groups, given.frame["system"].to_numpy(), **options)
    else:
        within = people.within or values["within"]
        found.agreement = stats.agreement(truth, scores, groups, within=within, **options)


def _means(means: pd.DataFrame, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Mean rating of each system, with intervals over prompts, the best first."""
    rows = []
    for name, some in means.groupby("system"):
        ratings = some["rating"].to_numpy()
        low, high, _ = interval(
            Estimator("mean", ("rating",)), {"rating": ratings}, some["group"].to_numpy(), proportion=False, **options
        )
        rows.append({"system": name, "value": float(ratings.mean()), "low": low, "high": high, "images": len(some)})
    return sorted(rows, key=lambda row: -row["value"])


# ---- votes -----------------------------------------------------------------------------------------------------------


def _votes(table: pd.DataFrame, path: str, values: Mapping[str, Any], options: Mapping[str, Any], found: Found) -> None:
    first, second = (table[c].astype(str).to_numpy() for c in ("system", "other"))
    outcome, groups = table["rating"].to_numpy(), table["group"].to_numpy()
    swapped = np.array([_image(a, k) > _image(b, m) for a, k, b, m in zip(
        first, table["k"], second, table["other_k"], strict=True)])  # fmt: skip
    pair = np.where(swapped, second + "\0" + first, first + "\0" + second)
    ks = np.where(swapped, table["other_k"].astype(str) + " " + table["k"].astype(str),
                  table["k"].astype(str) + " " + table["other_k"].astype(str))  # fmt: skip
    units = table["sample"].to_numpy() + "\0" + pair + "\0" + ks
    _raters(units, np.where(swapped, 1 - outcome, outcome), groups, values["scale"] or "nominal", options, found)
    found.facts["ties"] = int((outcome == 0.5).sum())
    between = first != second
    if between.any():
        strengths = bradley_terry(
            first[between], second[between], outcome[between], groups[between], model=values["ties"], **options
        )
        found.facts |= {"model": strengths.model, "tie": strengths.tie, "undefined resamples": strengths.undefined}
        found.systems = [
            {"system": s, "value": float(v), "low": float(a), "high": float(b), "rank": list(r), "votes": int(n)}
            for s, v, a, b, r, n in zip(
                strengths.systems, strengths.values, strengths.low, strengths.high, strengths.ranks, strengths.votes,
                strict=True,
            )
        ]  # fmt: skip
        if strengths.undefined:
            found.notes.append(
                f"{strengths.undefined} of {options['resamples']} resamples order somebody without bound; the "
                "intervals leave them out and are too short: get more votes."
            )
    if values["runs"]:
        _metrics_of_votes(table, path, values, options, found)


def _image(system: str, k: Any) -> tuple[str, str]:
    return system, str(k)


def _metrics_of_votes(
    table: pd.DataFrame, path: str, values: Mapping[str, Any], options: Mapping[str, Any], found: Found
) -> None:
    scores = run_scores(values["runs"], values["root"])
    names = list(values["metrics"]) or list(scores.scores)
    lacking = [n for n in names if n not in scores.frame.columns]
    if lacking:
        raise UsageError(f"The runs have no column '{lacking[0]}'; they have {', '.join(scores.scores)}.")
    left, right = (_scored(table, scores, names, side) for side in (("system", "k"), ("other", "other_k")))
    fine = left.notna().all(axis=1) & right.notna().all(axis=1)
    if not fine.any():
        raise DataError(f"No vote of '{path}' is on two images of the runs; systems must have the runs' labels.")
    if not fine.all():
        found.notes.append(f"{int((~fine).sum())} of {len(table)} votes are on images that the runs have not.")
    lower = {*values["lower"], *scores.lower}
    gaps = {n: ((left[n] - right[n]) * (-1 if n in lower else 1))[fine].to_numpy() for n in names}
    found.agreement = vote_agreement(table["rating"][fine].to_numpy(), gaps, table["group"][fine].to_numpy(), **options)


def _scored(table: pd.DataFrame, scores: RunScores, names: Sequence[str], side: tuple[str, str]) -> pd.DataFrame:
    """(votes, metrics) of the image on one side."""
    keys = pd.DataFrame({
        "sample": table["sample"].astype(str).to_numpy(), "k": table[side[1]].astype(str).to_numpy(),
        "system": table[side[0]].astype(str).to_numpy(),
    })  # fmt: skip
    met = keys.merge(scores.frame[[*KEYS, *names]].drop_duplicates(list(KEYS)), on=list(KEYS), how="left")
    return met[list(names)].set_axis(table.index)


# ---- as text ---------------------------------------------------------------------------------------------------------


def head(found: Found) -> list[str]:
    """What was read, and how far raters agree."""
    f = found.facts
    counted = [(f[n], n) for n in ("images", "systems", "prompts", "raters", "ties") if f.get(n)]
    told = ", ".join(f"{n:,} {name if n > 1 else name[:-1]}" for n, name in counted)
    lines = [f"{f['judgements']:,} {f['kind']} ({f['layout']}): {told}"]
    if found.raters is not None:
        lines.append(raters_line(found.raters))
    return [*lines, *found.notes]


def raters_line(r: Mapping[str, Any]) -> str:
    """Krippendorff's alpha in a sentence."""
    if r["alpha"] != r["alpha"]:
        return "Raters: all ratings are equal, which says nothing of their agreement."
    lone = f", {r['lone']:,} with one" if r["lone"] else ""
    between = f" [{r['low']:.3f}, {r['high']:.3f}]" if r["low"] == r["low"] else ""
    told = f"Raters: Krippendorff's alpha ({r['scale']}) {r['alpha']:.3f}{between}"
    return f"{told}; {r['units']:,} with two ratings or more{lone}"


def system_rows(found: Found) -> tuple[list[list[str]], list[str]]:
    """Rows and columns of the table of systems."""
    voted = found.facts["kind"] == "votes"
    rows = [[s["system"], f"{s['value']:.3f} [{s['low']:.3f}, {s['high']:.3f}]" if s["low"] == s["low"] else
             f"{s['value']:.3f}", *([_rank(s["rank"]), f"{s['votes']:,}"] if voted else [f"{s['images']:,}"])]
            for s in found.systems]  # fmt: skip
    return rows, ["system", f"log strength ({found.facts['model']})", "rank", "votes"] if voted else [
        "system", "mean rating", "images",
    ]  # fmt: skip


def _rank(rank: Sequence[int]) -> str:
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"


def write(people: Judgements, target: str) -> str:
    """The judgements as one table: Parquet, CSV, TSV or JSON lines, by the ending."""
    path = Path(target).expanduser()
    kind = path.suffix.casefold()
    if kind not in (".parquet", ".csv", ".tsv", ".jsonl"):
        raise UsageError(f"'{target}' must end in .parquet, .csv, .tsv or .jsonl.")
    from bench.store import disk_errors

    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".parquet":
            people.table.to_parquet(path, index=False)
        elif kind == ".jsonl":
            people.table.to_json(path, orient="records", lines=True, force_ascii=False)
        else:
            people.table.to_csv(path, index=False, sep="\t" if kind == ".tsv" else ",")
    return f"{path}: {len(people.table):,} judgements"
