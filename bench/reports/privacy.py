"""What of a run may be shown: the one place where reports, boards, figures and exports ask.

A run whose `dataset["visibility"]` begins with the word "private" keeps its captions, images and rows to itself: what
is written or printed names samples by blinded digests. `sensitive` rows are shown, but blurred until they are clicked.

    prompt_text(run, row["sample"], row["prompt"])    the prompt, or 'sample 3f9a01c2d4e5'
    sample_name(run, row["sample"])                   the id, or 'sample 3f9a01c2d4e5'
    images_allowed(run)                               whether pixels may be embedded, linked or named
    sensitive(run, row)                               whether a picture is to be blurred first
    told(run, text)                                   a reason, note or tag, without the words of private captions
    veiled(run, frame)                                a samples table without all that: what reports read
    rows_withheld(run)                                whether there is nothing to pair: scores alone
    together(runs)                                    runs as they may stand side by side: all private where one is
    check(runs, files)                                the last look before files are written
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bench import discretion, store
from bench.types import Run

if TYPE_CHECKING:
    import pandas as pd

ROWS_PRIVATE = "per-sample rows are private"
"""The reason where something needs rows that have not left their run."""
WITHHELD = "withheld"
"""In place of a file, where there is one."""
_NAME = re.compile("sample [0-9a-f]{12}")
_MARKUP = (".html", ".svg")
_TEXTS = (*_MARKUP, ".md", ".csv", ".json", ".tex", ".txt", ".js")
_TAG = re.compile("<[^>]*>")
_NO = frozenset({"", "0", "0.0", "false", "no", "n", "none", "nan"})


def private(run: Run) -> bool:
    """Whether captions, images and rows stay with the run. Absent means public; prose may follow the first word."""
    return discretion.is_private(run.dataset.get("visibility"))


def images_allowed(run: Run) -> bool:
    """Whether this run's images and references may be embedded, linked, or named by file."""
    return not private(run)


def sample_name(run: Run, sample_id: str) -> str:
    """How a sample is called in what leaves the run: its id, or 'sample <12 hex digits>'.

    The digits are keyed by the run's whole list of ids and prompts: equal in all runs of one list, so that an owner's
    reports agree, and no dictionary of likely captions finds the id without the list.
    """
    if not private(run) or run.dataset.get("rows") == discretion.BLINDED or _NAME.fullmatch(str(sample_id)):
        return str(sample_id)
    return discretion.blinded_name(_key(run.path, run.digest), str(sample_id))


def prompt_text(run: Run, sample_id: str, prompt: str) -> str:
    """The prompt, or the sample's name where the run is private."""
    return sample_name(run, sample_id) if private(run) else str(prompt)


def sensitive(run: Run, row: Mapping[str, Any]) -> bool:
    """Whether the images of a row (of samples.parquet) are blurred until clicked: its card or its tag says so."""
    return _yes(run.dataset.get("sensitive")) or _yes(row.get("tag:sensitive"))


def _yes(value: Any) -> bool:
    return value is not None and str(value).strip().casefold() not in _NO


def veiled(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """A samples table as reports read it: of a private run under blinded names, without prompts, files and reasons.

    What is made of it cannot tell what it does not have. Values, statuses and the order of rows stay.
    """
    if not private(run) or run.dataset.get("rows") is not None:
        return frame
    key = _key(run.path, run.digest)
    made = frame.copy(deep=False)
    made["sample"] = _each(frame["sample"], lambda s: sample_name(run, s))
    made["prompt"] = made["sample"]
    made["group"] = _each(frame["group"], lambda g: discretion.blinded(key, g)[:12])
    for column in ("image", "reference"):
        made[column] = _each(frame[column], lambda path: WITHHELD if path else "")
    made["reason"] = _each(frame["reason"], lambda text: told(run, text))
    for column in frame.columns:
        if str(column).startswith("tag:") and column != "tag:sensitive":
            made[column] = _each(frame[column], lambda text: _category(run, key, text))
    return made


def _category(run: Run, key: bytes, text: str) -> str:
    """A tag's value, or what stands for it where it is of a caption's words: two values stay two."""
    shown = told(run, text)
    return text if shown == text else f"{discretion.WITHHELD} {discretion.blinded(key, text)[:6]}"


def _each(column: pd.Series, name: Callable[[str], str]) -> list[str]:
    """A name for every text, made once for equal ones."""
    texts = ["" if v is None or v != v else str(v) for v in column]
    names = {text: name(text) for text in dict.fromkeys(texts)}
    return [names[text] for text in texts]


@lru_cache(maxsize=256)
def _key(path: str, digest: str) -> bytes:
    """Of a run's list; `digest` keeps two runs at one path apart."""
    frame = store.samples(path)
    return discretion.list_key(zip(frame["sample"].astype(str), frame["prompt"].astype(str), strict=True))


def rows_withheld(run: Run) -> bool:
    """Whether this is a light copy of a private run, without its rows: scores, but nothing to pair or to slice."""
    return private(run) and run.dataset.get("rows") == discretion.NONE


def no_common(runs: Sequence[Run]) -> str:
    """The reason why runs share no rows."""
    if any(rows_withheld(r) for r in runs):
        return ROWS_PRIVATE
    if len({r.dataset.get("rows") == discretion.BLINDED for r in runs}) > 1:
        return "the rows of one are blinded; compare two light copies with blinded rows, or two whole runs"
    return "they have no prompt in common"


def told(run: Run, text: str) -> str:
    """A reason, note or tag of a run as it may be shown."""
    return discretion.discreet(text) if private(run) else text


def together(runs: Iterable[Run]) -> list[Run]:
    """Runs as they may stand side by side: where one is private all are, for they share its prompts."""
    found = list(runs)
    closed = next((r.dataset["visibility"] for r in found if private(r)), None)
    if closed is None:
        return found
    return [r if private(r) else dataclasses.replace(r, dataset={**r.dataset, "visibility": closed}) for r in found]


def extent(runs: Sequence[Run], images: int, prompts: int) -> tuple[int, int]:
    """(images, prompts) that runs have in common, by their rows or, where no rows are there, by their records."""
    if not all(rows_withheld(r) for r in runs):
        return images, prompts
    return min(sum(r.counts.values()) for r in runs), min(int(r.dataset.get("samples", 0)) for r in runs)


def check(runs: Iterable[Run], files: Mapping[str, bytes]) -> None:
    """The last look before a report is written: RuntimeError where a private caption stands in one of its texts.

    A net below everything that asks this module, not instead of it.
    """
    if not any_private(runs):
        return
    for name, data in files.items():
        if name.endswith(_TEXTS):
            text = data.decode("utf-8", "replace")
            bare = html.unescape(_TAG.sub(" ", text)) if name.endswith(_MARKUP) else ""
            if sample := discretion.told_by(text) or discretion.told_by(bare):
                raise RuntimeError(f"{name} would tell the caption of {sample}, which is private; nothing was written")


def any_private(runs: Iterable[Run]) -> bool:
    """Whether one of several runs is private: then what shows them together is."""
    return any(private(r) for r in runs)
