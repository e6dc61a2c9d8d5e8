"""The light copy of a private run: what of it may leave.

Its record leaves (scores, intervals, replicates of blocks, protocols, counts), without the words of its captions; its
images, thumbnails, views and outcomes do not. Rows leave only if the owner says so, and then as numbers under names
that nobody can read who has not the list of prompts: two such copies of one list pair with each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench import discretion, store
from bench.discretion import BLINDED, NONE, WITHHELD, blinded, discreet, discreet_data, is_private
from bench.errors import UsageError
from bench.types import Run

ROWS = (NONE, BLINDED)
_DIGITS = 16
"""Hex digits of a blinded name: no two of a million samples share one."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_PLAIN = ("sample", "k", "group", "prompt", "status", "reason", "image", "digest", "width", "height", "seed",
          "reference")  # fmt: skip


def private(run: Run) -> bool:
    """Whether a run's captions, images and rows stay with it."""
    return is_private(run.dataset.get("visibility"))


def light(run: Path, to: Path, record: Run, *, rows: str = NONE, views: bool = False) -> None:
    """Write the light copy of the private run `record`, which lies at `run`, into the empty folder `to`."""
    if rows not in ROWS:
        raise UsageError(f"The rows of a private run leave as {' or '.join(ROWS)}; got '{rows}'.")
    if views:
        raise UsageError(f"{record.label} is private, and views tell of single captions and images; leave them out.")
    if "rows" in record.dataset:
        raise UsageError(f"{run} is a light copy already; take the run that it was made of.")
    frame = store.samples(run)
    data = store.read_json(run / "run.json")
    store.write_json(to / "run.json", _record(data, rows))
    store.write_parquet(to / "samples.parquet", _blinded(frame, record) if rows == BLINDED else _none(frame))
    for name in ("manifest.json", "measured.json"):
        if (run / name).is_file():
            store.write_json(to / name, discreet_data(store.read_json(run / name)))


def _record(data: Mapping[str, Any], rows: str) -> dict[str, Any]:
    """run.json without words of captions; notes lose what they quote besides."""
    told = discreet_data(dict(data))
    notes = [_unquoted(note) for note in told["notes"]]
    scores = [{**s, "note": _unquoted(s["note"]), "method": _unquoted(s["method"])} for s in told["scores"]]
    light = {"thumbnails": 0, "views": False}
    return {
        **told, "notes": notes, "scores": scores, "dataset": {**told["dataset"], "rows": rows}, "packed": light,
    }  # fmt: skip


def _unquoted(text: str) -> str:
    return _QUOTED.sub(WITHHELD, discreet(text))


def _none(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[:, [c for c in _PLAIN if c in frame]].iloc[:0]


def _blinded(frame: pd.DataFrame, record: Run) -> pd.DataFrame:
    """The numbers of each row under blinded names, in the names' order, for the plan's own follows the ids' digests."""
    key = discretion.list_key(zip(frame["sample"].astype(str), frame["prompt"].astype(str), strict=True))

    def hidden(column: pd.Series) -> list[str]:
        names = {text: blinded(key, text)[:_DIGITS] for text in set(column.astype(str))}
        return [names[text] for text in column.astype(str)]

    made = pd.DataFrame({
        "sample": hidden(frame["sample"]), "k": frame["k"], "group": hidden(frame["group"]), "prompt": "",
        "status": frame["status"], "reason": "", "image": "", "digest": "", "width": 0, "height": 0, "seed": 0,
        "reference": "",
    })  # fmt: skip
    outputs = [o for card in record.cards.values() for o in card.outputs]
    tags = sorted({o.estimator.columns[1] for o in outputs if o.estimator and o.estimator.kind == "macro"})
    for tag in tags:
        made[f"tag:{tag}"] = hidden(frame[f"tag:{tag}"])
    for name in frame.columns:
        if name not in _PLAIN and not name.startswith("tag:"):
            made[name] = pd.to_numeric(frame[name])
    return made.sort_values(["sample", "k"], kind="stable", ignore_index=True)
