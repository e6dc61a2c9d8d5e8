"""The card of a submitted system: what its makers say of it, as card.toml by hand and as card.json beside run.json.

Reports read card.json from a run's folder (`load_card`) and mark metrics whose judge the system was trained on or
chosen by (`not_independent`). Everything in a card is a stranger's word: texts of bounded length, on one line where a
table shows them, and an address that begins with http.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import store
from bench.errors import StoreError, UsageError, did_you_mean
from bench.spec import digest, parse
from bench.types import Run

FILE = "card.json"
FORMAT = 1
USES = {"trained": "trained on", "selected": "chosen by"}
"""How a system may have used a judge -> how a sentence says it: 'the system was trained on open-clip'."""

_LINE, _TEXT = 200, 2000
"""Longest text on one line, and longest text."""
_UNSAID = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HEX = re.compile(r"(sha256:)?[0-9a-f]{8,64}")

TEMPLATE = """\
# The card of a system that is submitted to a board: `bench submit RUN --card card.toml --out NAME.tar.gz`.
# Every key above the line "optional" must be there; write "unknown" where the table allows it and you do not know.

name = "our model"
version = "1.0"
licence = "Apache-2.0"               # of the weights; "closed" where nobody else may run it
parameters = 860_000_000             # number of weights of all networks that make an image, or "unknown"
training_data = "LAION-2B-en, 512 px"
url = ""                             # where it is described, https://...; "" for none
hardware = "1 x A100 40 GB"          # what the images were made on

# Were prompts of this benchmark, or their pictures, in the training data? "no", "yes" or "unknown"
prompts_in_training = "unknown"

# Models that score images in this benchmark (extractors: `bench show RUN` names them) and that the system was
# trained on (use = "trained": as a loss, a reward, a filter of its data, or with the same weights inside), or that
# chose the checkpoint or among several images of a prompt (use = "selected"). A board marks what they score as not
# independent. extractor: a name, with parameters if need be, or the sha256 of weights. [] says that there is none.
judges = []
# judges = [
#     { extractor = "open-clip", use = "trained" },
#     { extractor = "inception-v3", use = "selected" },
# ]

# ---- optional ----
# authors = ["A. Author", "B. Author"]
# contact = "someone@example.org"
# notes = "What a reader of the board should know."
"""
"""What `bench submit --template` prints."""


# ---- the keys ------------------------------------------------------------------------------------------------------


def _line(value: Any) -> str:
    return "" if _is_text(value, _LINE, 1) else f"must be a text of 1 to {_LINE} signs on one line"


def _paragraph(value: Any) -> str:
    return "" if _is_text(value, _TEXT, 0, "\n\t") else f"must be a text of at most {_TEXT} signs"


def _is_text(value: Any, most: int, least: int, allowed: str = "") -> bool:
    if not isinstance(value, str) or not least <= len(value.strip()) <= len(value) <= most:
        return False
    return all(found in allowed for found in _UNSAID.findall(value))


def _parameters(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15
    return "" if whole or value == "unknown" else 'must be a whole number of weights, or "unknown"'


def _url(value: Any) -> str:
    fine = value == "" or (_is_text(value, _TEXT, 1) and re.fullmatch(r"https?://[^\s\"'<>\\]+", value))
    return "" if fine else 'must be an address that begins with https:// or http://, or ""'


def _known(value: Any) -> str:
    return "" if value in ("no", "yes", "unknown") else 'must be "no", "yes" or "unknown"'


def _names(value: Any) -> str:
    fine = isinstance(value, list) and len(value) <= 500 and not any(_line(name) for name in value)
    return "" if fine else "must be a list of names"


def _judges(value: Any) -> str:
    wanted = 'must be a list of { extractor = "NAME", use = "trained" or "selected" }, or []'
    if not isinstance(value, list) or len(value) > 100:
        return wanted
    for one in value:
        if not isinstance(one, Mapping) or set(one) != {"extractor", "use"} or one["use"] not in USES:
            return wanted
        if _line(one["extractor"]) or not _is_extractor(one["extractor"]):
            return 'names a judge that is neither an extractor, e.g. "open-clip", nor the sha256 of weights'
    return ""


def _is_extractor(text: str) -> bool:
    try:
        return bool(_HEX.fullmatch(text)) or bool(parse(text).name)
    except UsageError:
        return False


REQUIRED: dict[str, Callable[[Any], str]] = {
    "name": _line, "version": _line, "licence": _line, "parameters": _parameters, "training_data": _paragraph,
    "url": _url, "hardware": _line, "prompts_in_training": _known, "judges": _judges,
}  # fmt: skip
OPTIONAL: dict[str, Callable[[Any], str]] = {"authors": _names, "contact": _line, "notes": _paragraph}


def checked(data: Any, origin: str) -> dict[str, Any]:
    """A card's keys and values as card.json holds them; UsageError names all that are absent, or the first wrong
    one."""
    if not isinstance(data, Mapping):
        raise UsageError(f"{origin} is no table of keys; `bench submit --template` prints one.")
    data = {key: value for key, value in data.items() if key != "format"}
    absent = [key for key in REQUIRED if key not in data]
    if absent:
        raise UsageError(f"{origin} lacks {', '.join(absent)}; `bench submit --template` says what each key means.")
    rules = {**REQUIRED, **OPTIONAL}
    for key, value in data.items():
        if key not in rules:
            raise UsageError(f"{origin}: '{key}' is no key of a card.{did_you_mean(key, rules)}")
        if wrong := rules[key](value):
            raise UsageError(f"{origin}: '{key}' {wrong}; got {value!r:.200}.")
    return {"format": FORMAT, **data}


def read_card(path: str | Path) -> dict[str, Any]:
    """card.toml -> the content of card.json; UsageError when it is absent, no TOML, or incomplete."""
    try:
        data = tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(
            f"There is no card {path}; `bench submit --template > card.toml` writes one to fill in."
        ) from None
    except OSError as error:
        raise UsageError(f"The card {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The card {path} is no valid TOML: {error}.") from None
    return checked(data, str(path))


def load_card(run_folder: str | Path) -> dict[str, Any]:
    """The card of a submitted run; {} where there is none; StoreError where it is not what a card may be."""
    path = Path(run_folder) / FILE
    try:
        data = store.read_json(path)
    except FileNotFoundError:
        return {}
    except RecursionError:
        raise StoreError(f"{path} is nested too deeply to be a card.") from None
    try:
        return checked(data, str(path))
    except UsageError as error:
        raise StoreError(str(error)) from None


# ---- independence --------------------------------------------------------------------------------------------------


def not_independent(card: Mapping[str, Any], run: Run) -> dict[str, str]:
    """Metric text -> why its numbers do not judge this system independently; only metrics of which that is said.

    'not independent: the system was trained on open-clip'
    """
    found: dict[str, list[str]] = {}
    marks = {score.metric: run.protocols.get(score.protocol, {}) for score in run.scores}
    for judge in card.get("judges", ()):
        said = f"{USES[judge['use']]} {judge['extractor']}"
        for metric, protocol in marks.items():
            shown = run.cards.get(metric)
            texts = [v.extractor for v in shown.views.values() if v.extractor] if shown else []
            if _uses(judge["extractor"], texts, protocol.get("extractors", ())) and said not in found.get(metric, ()):
                found.setdefault(metric, []).append(said)
    return {metric: f"not independent: the system was {' and '.join(said)}" for metric, said in found.items()}


def _uses(judge: str, texts: list[str], protocols: Any) -> bool:
    """Whether a metric that names these extractors, with these identities, looks through the judge."""
    if _HEX.fullmatch(judge):
        mark = judge.removeprefix("sha256:")
        return any(digest(p).startswith(mark) or mark in str(p) for p in protocols)
    wanted = parse(judge)
    for spec in map(parse, texts):
        said = {key: str(value) for key, value in spec.params.items()}
        # a parameter that the metric leaves at its default may be the judge's: it is counted against independence
        if spec.name == wanted.name and all(said.get(k, str(v)) == str(v) for k, v in wanted.params.items()):
            return True
    return any(p.get("name") == wanted.name for p in protocols if not texts)
