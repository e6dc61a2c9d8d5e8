"""What people said of images, of whatever study, as one table: a row is one rater's judgement of one image.

Columns: sample, group (the prompt, what is resampled), k, system, other, other_k, rater, aspect, rating. A rating of an
image has no `other`; a vote has in `other` the system that `system` stood against, and is rated 1, 0.5 (a tie) or 0.
More is better: a rank becomes its negative. Layouts are told by their content (`LAYOUTS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import DataError, UsageError, did_you_mean
from bench.formats.ratings import read_ratings
from bench.formats.reading import whole
from bench.formats.textfiles import parse_json, read_text
from bench.formats.votes import is_votes, read_votes

COLUMNS = ("sample", "group", "k", "system", "other", "other_k", "rater", "aspect", "rating")
Row = tuple[str, str, int, str, str, int, str, str, float]


@dataclass
class Judgements:
    """One file of judgements."""

    layout: str
    table: pd.DataFrame
    """Columns as COLUMNS."""
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Metrics' scores that the file has beside them: sample, k, system and a column each."""
    within: bool = False
    """Whether ratings compare images of one prompt only (ranks)."""
    notes: list[str] = field(default_factory=list)
    """What was left out, a sentence each."""

    @property
    def votes(self) -> bool:
        """Whether they are votes on pairs."""
        return self.layout == "votes" or bool((self.table["other"] != "").any())


class _Log:
    """Judgements that are absent or no numbers."""

    def __init__(self, path: Path) -> None:
        self.path, self.absent, self.first = path, 0, ""

    def number(self, value: Any, where: str) -> float | None:
        """A rating; None (counted) where there is none; DataError where it is no number."""
        if value is None or (isinstance(value, str) and not value.strip()) or value != value:
            self.absent, self.first = self.absent + 1, self.first or where
            return None
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            found = math.nan
        if not math.isfinite(found):
            raise DataError(f"'{self.path}', {where}: the rating '{str(value)[:40]}' is no number.")
        return found

    def notes(self) -> list[str]:
        return [f"{self.absent} ratings are absent; the first is {self.first}."] if self.absent else []


def read_judgements(path: str | Path, layout: str = "auto") -> Judgements | None:
    """The judgements of a file; None where `auto` knows none of the layouts in it (then it may be a table with a row an
    image and columns of ratings: `formats.ratings`). DataError when the file breaks its layout's promise."""
    if layout != "auto" and layout not in LAYOUTS:
        raise UsageError(f"'{layout}' is no layout of people's judgements.{did_you_mean(layout, ['auto', *LAYOUTS])}")
    file = Path(path)
    content = _content(file)
    name = layout if layout != "auto" else next((n for n, (fits, _) in LAYOUTS.items() if fits(content)), None)
    if name is None:
        return None
    fits, reader = LAYOUTS[name]
    if not fits(content):
        raise DataError(f"'{path}' has not the layout {name}: {_EXPECTED[name]}.")
    found = reader(file, content)
    if not len(found.table):
        raise DataError(f"'{path}' holds no judgement.")
    again = int(found.table.duplicated(["sample", "k", "system", "other", "other_k", "rater", "aspect"]).sum())
    if again:
        found.notes.append(f"{again} judgements are of a rater who judged the same before; all count.")
    return found


def _content(file: Path) -> Any:
    """A JSON file's value, else a data frame."""
    return parse_json(read_text(file), f"'{file}'") if file.suffix.casefold() == ".json" else read_ratings(file)


def _made(layout: str, rows: Iterator[Row], log: _Log, **more: Any) -> Judgements:
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    return Judgements(layout, table, notes=log.notes(), **more)


# ---- TIFA: {image: {text_id, image_path, human_scores: [5, 5], human_avg, metric: score}} ----------------------------


def _is_tifa(content: Any) -> bool:
    return _mapping_of(content, "human_scores", list)


def _tifa(file: Path, content: Mapping[str, Any]) -> Judgements:
    log, scores = _Log(file), []
    for key, row in content.items():
        text = _text(row, "text_id", file, key)
        system = key.removeprefix(text).lstrip("_")
        told = {k: v for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
        scores.append({"sample": text, "k": 0, "system": system, **{k: v for k, v in told.items() if k != "human_avg"}})

    def rows() -> Iterator[Row]:
        for key, row in content.items():
            text = str(row["text_id"])
            for at, value in enumerate(row["human_scores"], 1):
                rating = log.number(value, f"image '{key}'")
                if rating is not None:
                    yield (text, text, 0, key.removeprefix(text).lstrip("_"), "", 0, str(at), "", rating)

    return _made("tifa", rows(), log, scores=pd.DataFrame(scores))


# ---- DSG: a row an answer of a worker --------------------------------------------------------------------------------


def _is_dsg(content: Any) -> bool:
    return _columns(content, "t2i_model", "item_id", "worker_id", "answer")


def _dsg(file: Path, content: pd.DataFrame) -> Judgements:
    log = _Log(file)
    aspects = content["question"].nunique() > 1 if "question" in content else False

    def rows() -> Iterator[Row]:
        for at, row in enumerate(content.to_dict("records"), 2):
            rating = log.number(row["answer"], f"line {at}")
            if rating is not None:
                item, aspect = str(row["item_id"]), str(row["question"]) if aspects else ""
                yield (item, item, 0, str(row["t2i_model"]), "", 0, str(row["worker_id"]), aspect, rating)

    return _made("dsg-likert", rows(), log)


# ---- GenAI-Bench: {"00001": {prompt, models: {name: [1, 2, 3]}}}; ranking: {name: {"1": [..], .., "9": [..]}} --------


def _is_genai(content: Any) -> bool:
    return _mapping_of(content, "models", dict)


def _genai(file: Path, content: Mapping[str, Any]) -> Judgements:
    log = _Log(file)

    def rows() -> Iterator[Row]:
        for key, row in content.items():
            for system, given in row["models"].items():
                images = given if isinstance(given, dict) else {"1": given}
                for image, ratings in images.items():
                    k = whole(image)
                    if not isinstance(ratings, list) or k is None or k < 1:
                        raise DataError(f"'{file}', '{key}': the ratings of {system} are no list (or lists by number).")
                    for at, value in enumerate(ratings, 1):
                        rating = log.number(value, f"'{key}' of {system}")
                        if rating is not None:
                            yield (key, key, k - 1, system, "", 0, str(at), "", rating)

    return _made("genai-bench", rows(), log)


# ---- ranks: ImageReward's and HPDv2's test.json ----------------------------------------------------------------------


def _is_imagereward(content: Any) -> bool:
    return _list_of(content, "generations", "ranking")


def _imagereward(file: Path, content: list[Any]) -> Judgements:
    log = _Log(file)

    def rows() -> Iterator[Row]:
        for at, row in enumerate(content):
            name = _text(row, "id", file, f"entry {at}")
            yield from _ranked(file, log, name, at, row["generations"], row["ranking"], "1")

    return _made("imagereward", rows(), log, within=True)


def _is_hpd(content: Any) -> bool:
    return _list_of(content, "image_path", "rank")


def _hpd(file: Path, content: list[Any]) -> Judgements:
    """Each rater's order where the file has them (raw_annotations), else the one that they were made into."""
    log = _Log(file)

    def rows() -> Iterator[Row]:
        for at, row in enumerate(content):
            every = row.get("raw_annotations") or [{"rank": row["rank"], "user_hash": "1"}]
            for one in every:
                rater = str(one.get("user_hash", "")) if isinstance(one, dict) else ""
                ranks = one.get("rank") if isinstance(one, dict) else None
                yield from _ranked(file, log, f"{at:05d}", at, row["image_path"], ranks, rater)

    return _made("hpdv2", rows(), log, within=True)


def _ranked(file: Path, log: _Log, name: str, at: int, images: Any, ranks: Any, rater: str) -> Iterator[Row]:
    if not isinstance(images, list) or not isinstance(ranks, list) or len(images) != len(ranks):
        raise DataError(f"'{file}', entry {at}: a rank for each of its images is expected.")
    for place, rank in enumerate(ranks):
        rating = log.number(rank, f"entry {at}")
        if rating is not None:
            yield (f"{name}/{place}", name, 0, "", "", 0, rater, "", -rating)


# ---- votes, and this very table --------------------------------------------------------------------------------------


def _votes(file: Path, content: Any) -> Judgements:
    frame = content if isinstance(content, pd.DataFrame) else pd.DataFrame(content)
    rows, notes = read_votes(frame, file)
    return Judgements("votes", pd.DataFrame(rows, columns=list(COLUMNS)), notes=notes)


def _is_votes(content: Any) -> bool:
    frame = content if isinstance(content, pd.DataFrame) else None
    if frame is None and isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        return is_votes(set(map(str, content[0])))
    return frame is not None and is_votes(set(map(str, frame.columns)))


def _is_table(content: Any) -> bool:
    return _columns(content, "sample", "rater", "rating")


def _table(file: Path, content: pd.DataFrame) -> Judgements:
    """As `bench agree --write` writes it; group, k, system, aspect may be absent."""
    log, frame = _Log(file), content.copy()
    for column in COLUMNS:
        if column not in frame:
            frame[column] = frame["sample"] if column == "group" else 0 if column in ("k", "other_k") else ""

    def rows() -> Iterator[Row]:
        for at, row in enumerate(frame[list(COLUMNS)].to_dict("records"), 1):
            rating = log.number(row["rating"], f"row {at}")
            k, other = (whole(_plain(row[c])) for c in ("k", "other_k"))
            if k is None or other is None:
                raise DataError(f"'{file}', row {at}: k is the number of an image of a prompt, from 0.")
            if rating is not None:
                text = [str(_plain(row[c])) for c in ("sample", "group", "system", "other", "rater", "aspect")]
                yield (text[0], text[1] or text[0], k, text[2], text[3], other, text[4], text[5], rating)

    return _made("table", rows(), log)


def _plain(value: Any) -> Any:
    """An absent cell as '' and 3.0 as 3."""
    if value is None or value != value:
        return ""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# ---- what a layout is told by ----------------------------------------------------------------------------------------


def _mapping_of(content: Any, key: str, kind: type) -> bool:
    rows = list(content.values()) if isinstance(content, dict) else []
    return bool(rows) and all(isinstance(row, dict) and isinstance(row.get(key), kind) for row in rows)


def _list_of(content: Any, *keys: str) -> bool:
    return isinstance(content, list) and bool(content) and all(
        isinstance(row, dict) and all(key in row for key in keys) for row in content
    )  # fmt: skip


def _columns(content: Any, *names: str) -> bool:
    return isinstance(content, pd.DataFrame) and set(names) <= set(map(str, content.columns))


def _text(row: Mapping[str, Any], key: str, file: Path, where: str) -> str:
    if not isinstance(row.get(key), str) or not row[key]:
        raise DataError(f"'{file}', {where}: the field {key} is no text.")
    return str(row[key])


LAYOUTS: Mapping[str, tuple[Callable[[Any], bool], Callable[[Path, Any], Judgements]]] = {
    "tifa": (_is_tifa, _tifa),
    "dsg-likert": (_is_dsg, _dsg),
    "genai-bench": (_is_genai, _genai),
    "imagereward": (_is_imagereward, _imagereward),
    "hpdv2": (_is_hpd, _hpd),
    "votes": (_is_votes, _votes),
    "table": (_is_table, _table),
}
_EXPECTED: Mapping[str, str] = {
    "tifa": "a JSON object of images, each with text_id and a list human_scores",
    "dsg-likert": "a CSV with the columns t2i_model, item_id, worker_id, answer",
    "genai-bench": "a JSON object of prompts, each with an object models of lists of ratings",
    "imagereward": "a JSON list of prompts, each with generations and ranking",
    "hpdv2": "a JSON list of prompts, each with image_path and rank",
    "votes": "a table with columns such as model_a, model_b and winner (docs/people.md names all that are known)",
    "table": "a table with the columns sample, rater, rating",
}
