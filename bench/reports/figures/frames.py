"""Scores of anybody as a table in long form: a row a number (or, with prompts, a row a prompt), made into a comparison.

    system, metric, value           required
    low, high                       ends of the interval (without prompts)
    direction                       higher or lower: which way is better; none without it
    prompt                          then `value` is of that prompt, and scores, intervals and pairs are made from them
    k                               the k-th image of the prompt
    condition                       data set or other condition: panels of their own
    x, factor                       a number that systems of one name differ in, for `curve`, and what it is called
    seconds                         seconds an image, for `pareto`
    unit, control                   of the metric; 'true' for systems that are shown apart
    tag:NAME                        a category of the prompt, for `slices` and `conditions`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import DataError, UsageError, did_you_mean
from bench.formats.ratings import read_ratings
from bench.reports.comparison.compare import compare
from bench.reports.comparison.differences import Tables
from bench.reports.comparison.opening import named
from bench.reports.figures.material import Material
from bench.spec import digest
from bench.stats.bootstrap import interval
from bench.types import Estimator, MetricCard, OutputCard, Provenance, Run, RunSpec, Score

NEEDED = ("system", "metric", "value")
OPTIONAL = ("low", "high", "direction", "prompt", "k", "condition", "x", "factor", "seconds", "unit", "control")
TAG = "tag:"
HUGE = 1e100
"""Beyond it no axis has numbers."""


def read_frame(path: str | Path) -> pd.DataFrame:
    """A CSV, TSV, JSON, JSON lines or Parquet file."""
    if not Path(path).is_file():
        raise DataError(f"There is no file '{path}' to draw from.")
    return read_ratings(path)


def material_of(
    frame: pd.DataFrame, *, where: str = "the data frame", baseline: str | None = None,
    colours: Mapping[str, str] | None = None, systems: tuple[str, ...] = (),
) -> Material:  # fmt: skip
    """The comparison that a table makes. UsageError says in one sentence what is wrong with the table."""
    table = _checked(frame, where)
    names = list(dict.fromkeys(table["name"]))
    metrics = _metrics(table, where)
    runs = [_run(table[table["name"] == name], name, metrics) for name in names]
    frames = {i: _samples(table[table["name"] == name], metrics) for i, name in enumerate(names)}
    tables = Tables(named(runs), frames)
    made = compare(runs, baseline=baseline, tables=tables)
    seconds = {i: s for i, name in enumerate(names) if (s := _seconds(table[table["name"] == name])) is not None}
    return Material(made, tables, None, dict(colours or {}), systems, True, seconds)


# ---- checks --------------------------------------------------------------------------------------------------------


def _checked(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table with all columns, numbers as numbers, and `name`: the system, with x where there is one."""
    known = [*NEEDED, *OPTIONAL]
    columns = [str(c) for c in frame.columns]
    absent = [c for c in NEEDED if c not in columns]
    if absent:
        raise UsageError(
            f"{where} lacks the column{'s' * (len(absent) > 1)} {', '.join(absent)}; a table to draw from has "
            f"{', '.join(NEEDED)} and may have {', '.join(OPTIONAL)} and {TAG}NAME. It has {', '.join(columns)}."
        )
    strange = [c for c in columns if c not in known and not c.startswith(TAG)]
    if strange:
        raise UsageError(
            f"{where} has a column '{strange[0]}' that means nothing here.{did_you_mean(strange[0], known)}"
        )
    if not len(frame):
        raise UsageError(f"{where} has no rows.")
    table = frame.copy()
    table.columns = pd.Index(columns)
    for column in ("value", "low", "high", "x", "seconds"):
        table[column] = _numbers(table, column, where) if column in columns else np.nan
    for column in ("system", "metric", "direction", "prompt", "condition", "factor", "unit", "control"):
        table[column] = _texts(table[column]) if column in columns else ""
    table["k"] = _numbers(table, "k", where).fillna(0).astype(int) if "k" in columns else 0
    _meaning(table, where)
    table["name"] = [
        s if math.isnan(x) else f"{s} ({factor} {x:g})" if factor else f"{s} ({x:g})"
        for s, x, factor in zip(table["system"], table["x"], table["factor"], strict=True)
    ]
    return table


def _texts(column: pd.Series) -> pd.Series:
    return column.map(lambda v: "" if v is None or v != v else str(v))


def _numbers(table: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Numbers, NaN for empty cells."""
    given = table[column].replace("", None)
    found = pd.to_numeric(given, errors="coerce").astype(float)
    bad = (found.isna() & given.notna() & (given.astype(str).str.casefold() != "nan")) | (found.abs() > HUGE)
    if bad.any():
        raise UsageError(
            f"{where}, column {column}: '{given[bad].iloc[0]}' in row {int(np.argmax(bad.to_numpy())) + 1} is no "
            "number of a size that can be drawn."
        )
    return found


def _meaning(table: pd.DataFrame, where: str) -> None:
    for column in ("system", "metric"):
        if (table[column] == "").any():
            row = int(np.argmax((table[column] == "").to_numpy())) + 1
            raise UsageError(f"{where}, row {row} has no {column}.")
    taken = sorted(set(table["factor"]) & {"series", "control"})
    if taken:
        raise UsageError(f"{where}: x cannot be called '{taken[0]}'; give its factor another name.")
    strange = sorted(set(table["direction"]) - {"higher", "lower", "none", ""})
    if strange:
        raise UsageError(f"{where}: '{strange[0]}' is no direction; allowed: higher, lower, none.")
    for metric, rows in table.groupby("metric", sort=False):
        if len(set(rows["direction"]) - {""}) > 1:
            raise UsageError(f"{where}: the metric '{metric}' is said to be better both ways.")
        if len(set(rows["prompt"] == "")) > 1:
            raise UsageError(f"{where}: the metric '{metric}' has rows with and without a prompt; it takes one kind.")
    keys = ["system", "factor", "x", "metric", "condition", "prompt", "k"]
    twice = table.duplicated(keys)
    if twice.any():
        row = table[twice].iloc[0]
        place = f", prompt '{row['prompt']}'" if row["prompt"] else ""
        raise UsageError(f"{where} has two numbers for '{row['system']}' and '{row['metric']}'{place}.")
    crossed = (table["low"] > table["high"]) | (table["low"] > table["value"]) | (table["high"] < table["value"])
    if crossed.any():
        raise UsageError(f"{where}, row {int(np.argmax(crossed.to_numpy())) + 1}: value lies outside of low and high.")


# ---- runs that were never run --------------------------------------------------------------------------------------

Metrics = dict[tuple[str, str], MetricCard]
"""(metric, condition) -> card, in the table's order."""


def _metrics(table: pd.DataFrame, where: str) -> Metrics:
    found: Metrics = {}
    for (metric, condition), rows in table.groupby(["metric", "condition"], sort=False):
        name = f"m{len(found)}"
        single = bool((rows["prompt"] != "").any())
        whole = table[table["metric"] == metric]
        direction: Any = next((d for d in whole["direction"] if d), "none")
        unit = next((u for u in whole["unit"] if u), "")
        output = OutputCard(
            "value", str(metric), direction, unit=unit, estimator=Estimator("mean", ("value",)) if single else None
        )
        found[str(metric), str(condition)] = MetricCard(
            name, name, 1, "sample" if single else "set", (output,), summary=str(condition)
        )
    return found


def _run(rows: pd.DataFrame, name: str, metrics: Metrics) -> Run:
    first = rows.iloc[0]
    factors = {"control": "true"} if str(first["control"]).casefold() in ("true", "1", "1.0", "yes") else {}
    if not math.isnan(first["x"]):
        factors |= {str(first["factor"] or "x"): repr(float(first["x"])), "series": str(first["system"])}
    scores = [
        score for key, card in metrics.items()
        if (score := _score(rows[(rows["metric"] == key[0]) & (rows["condition"] == key[1])], card)) is not None
    ]  # fmt: skip
    return Run(
        path="", spec=RunSpec(str(first["system"]), "table", name, factors=factors), digest=digest([name]), label=name,
        scores=tuple(scores), cards={c.metric: c for c in metrics.values()}, protocols={},
        provenance=Provenance(""), dataset={"name": "table"},
    )  # fmt: skip


def _score(rows: pd.DataFrame, card: MetricCard) -> Score | None:
    if not len(rows):
        return None
    values = rows["value"].to_numpy(dtype=float)
    estimator = card.outputs[0].estimator
    if estimator is None:
        one = rows.iloc[0]
        value, low, high = (None if math.isnan(one[c]) else float(one[c]) for c in ("value", "low", "high"))
        note = "" if value is not None else "no value in the table"
        return Score(card.metric, "value", value, low, high, "as given", 1, note=note, protocol="table")
    if not np.isfinite(values).any():
        return Score(card.metric, "value", None, note="no value in the table", protocol="table")
    low, high, method = interval(estimator, {"value": values}, rows["prompt"].to_numpy(), proportion=False)
    return Score(
        card.metric, "value", float(np.nanmean(values)), None if math.isnan(low) else low,
        None if math.isnan(high) else high, method, int(np.isfinite(values).sum()), int(np.isnan(values).sum()),
        protocol="table",
    )  # fmt: skip


def _samples(rows: pd.DataFrame, metrics: Metrics) -> pd.DataFrame:
    """What samples.parquet would hold: a row a prompt and image, a column a metric."""
    single = rows[rows["prompt"] != ""]
    keys = single[["prompt", "k"]].drop_duplicates()
    index = pd.MultiIndex.from_frame(keys)
    found = pd.DataFrame({
        "sample": keys["prompt"].to_numpy(dtype=object), "k": keys["k"].to_numpy(dtype=int),
        "group": keys["prompt"].to_numpy(dtype=object), "prompt": keys["prompt"].to_numpy(dtype=object), "status": "ok",
        "reason": "", "image": "", "reference": "",
    })  # fmt: skip
    for tag in [c for c in rows.columns if str(c).startswith(TAG)]:
        own = single.drop_duplicates(["prompt", "k"])
        found[tag] = _texts(own[tag]).to_numpy(dtype=object)
    for key, card in metrics.items():
        own = single[(single["metric"] == key[0]) & (single["condition"] == key[1])]
        if card.outputs[0].estimator is not None:
            by = pd.Series(own["value"].to_numpy(), index=pd.MultiIndex.from_frame(own[["prompt", "k"]]), dtype=float)
            found[f"{card.metric}:value"] = by.reindex(index).to_numpy()
    return found


def _seconds(rows: pd.DataFrame) -> tuple[float, float | None, float | None] | None:
    known = rows["seconds"].dropna().to_numpy(dtype=float)
    known = known[known > 0]
    if not len(known):
        return None
    if len(known) < 4 or np.ptp(known) == 0:
        return float(np.median(known)), None, None
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)
