"""board.toml: a board's rules, each key and type checked, and its small pinned section.

title = "Scenes"            # and version, error, coverage, level, entries, ledger, notes, rank_controls
[order]                     # metric, output, dataset; or anchors
[[dataset]]                 # name; prompts and samples pin it
[[metric]]                  # metric; output, dataset, protocol, label, primary
[[exclude]]                 # run (label, digest or system) and reason
[pinned.prompts], [pinned.samples], [pinned.protocols]      written by `bench leaderboard pin`
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.aliases import expand
from bench.errors import BenchError, UsageError, did_you_mean
from bench.reports.board.nouns import LEVELS, BoardSpec, DatasetSpec, MetricSpec, OrderSpec
from bench.spec import digest

MARK = "# ---- pinned by `bench leaderboard pin`: runs of another list or protocol are not ranked ----"
"""First line of the pinned section."""
_TOP = {
    "title": "text", "version": "text", "error": "number", "coverage": "number", "level": "text", "entries": "texts",
    "ledger": "text", "notes": "texts", "rank_controls": "true or false", "order": "table", "dataset": "tables",
    "metric": "tables", "exclude": "tables", "pinned": "table",
}  # fmt: skip
_ORDER = {"metric": "text", "output": "text", "dataset": "text", "anchors": "table"}
_DATASET = {"name": "text", "prompts": "text", "samples": "whole number"}
_METRIC = {
    "metric": "text", "output": "text", "dataset": "text", "protocol": "text", "label": "text",
    "primary": "true or false",
}  # fmt: skip
_EXCLUDE = {"run": "text", "reason": "text"}
_PINNED = {"prompts": "table", "samples": "table", "protocols": "table"}
_SAID = {
    "text": 'a text, e.g. "..."', "number": "a number", "whole number": "a whole number",
    "true or false": "true or false", "texts": 'a list of texts, e.g. ["..."]', "table": "a table",
    "tables": "a list of tables, [[...]]",
}  # fmt: skip


def read_board(path: str | Path, *, pinned: bool = True) -> BoardSpec:
    """A board file as its rules; its paths are relative to the file's own folder. UsageError says what is wrong.

    pinned: whether the section that `bench leaderboard pin` wrote counts.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text if pinned else unpinned(text))
    except FileNotFoundError:
        raise UsageError(f"There is no board file {file}.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no valid TOML: {error}.") from error
    if not pinned:
        data.pop("pinned", None)
    spec = board_from(data, str(file))
    entries = tuple(str(file.parent / e) for e in spec.entries)
    return dataclasses.replace(spec, entries=entries, ledger=str(file.parent / spec.ledger) if spec.ledger else "")


def board_from(data: Mapping[str, Any], origin: str = "the board") -> BoardSpec:
    """The rules that plain values state; `origin` begins every complaint."""
    _checked(data, _TOP, origin, ("title", "version", "order", "dataset", "metric"))
    datasets = _datasets(data["dataset"], origin)
    metrics = _metrics(data["metric"], [d.name for d in datasets], origin)
    pinned = _pins(data.get("pinned", {}), datasets, metrics, f"{origin}, pinned")
    spec = BoardSpec(
        title=data["title"], version=data["version"],
        datasets=tuple(_pinned_dataset(d, pinned) for d in datasets),
        metrics=tuple(_pinned_metrics(metrics, [d.name for d in datasets], pinned)),
        order=_order(data["order"], datasets, metrics, origin),
        error=_within(data, "error", 0.05, origin, "above 0 and below 1", lambda v: 0 < v < 1),
        coverage=_within(data, "coverage", 1.0, origin, "from 0 to 1", lambda v: 0 <= v <= 1),
        level=_level(data.get("level", LEVELS[0]), origin),
        excluded=_excluded(data.get("exclude", ()), origin), entries=tuple(data.get("entries", ())),
        ledger=data.get("ledger", ""), notes=tuple(data.get("notes", ())),
        rank_controls=data.get("rank_controls", False),
    )  # fmt: skip
    return with_digest(spec)


def with_digest(spec: BoardSpec) -> BoardSpec:
    """The rules with the digest of all that they say, wherever the file and what it names lie."""
    content = {k: v for k, v in dataclasses.asdict(spec).items() if k != "digest"}
    content |= {"entries": [Path(e).name for e in spec.entries], "ledger": Path(spec.ledger).name}
    return dataclasses.replace(spec, digest=digest(content))


def unpinned(text: str) -> str:
    """A board's file without the section that `bench leaderboard pin` wrote at its end."""
    return text.partition(MARK)[0]


# ---- checks ---------------------------------------------------------------------------------------------------------


def _checked(given: Any, allowed: Mapping[str, str], origin: str, required: Sequence[str] = ()) -> Mapping[str, Any]:
    """The mapping, if it has the required keys, no other than the allowed ones, and each of its type."""
    for key, value in given.items():
        if key not in allowed:
            raise UsageError(f"{origin}: '{key}' is no key here.{did_you_mean(key, allowed)}")
        if not _is(value, allowed[key]):
            raise UsageError(f"{origin}: '{key}' must be {_SAID[allowed[key]]}; got {value!r}.")
    for key in required:
        if key not in given or given[key] in ("", [], {}):
            raise UsageError(f"{origin}: '{key}' is missing or empty; a board needs it.")
    return given


def _is(value: Any, kind: str) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "whole number":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("texts", "tables"):
        inner: type | tuple[type, ...] = str if kind == "texts" else dict
        return isinstance(value, list) and all(isinstance(v, inner) for v in value)
    return isinstance(value, {"text": str, "true or false": bool, "table": dict}[kind])


def _within(data: Mapping[str, Any], key: str, default: float, origin: str, said: str, fits: Any) -> float:
    value = float(data.get(key, default))
    if not fits(value):
        raise UsageError(f"{origin}: '{key}' must be {said}; got {value:g}.")
    return value


def _level(given: str, origin: str) -> Any:
    if given not in LEVELS:
        raise UsageError(f"{origin}: '{given}' is no level of verification.{did_you_mean(given, LEVELS)}")
    return given


def _excluded(given: Sequence[Mapping[str, Any]], origin: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, one in enumerate(given, 1):
        _checked(one, _EXCLUDE, f"{origin}, exclude {number}", ("run", "reason"))
        if one["run"] in found:
            raise UsageError(f"{origin}: '{one['run']}' is excluded twice; keep one reason.")
        found[one["run"]] = one["reason"]
    return found


# ---- data sets and metrics ------------------------------------------------------------------------------------------


def _datasets(given: Sequence[Mapping[str, Any]], origin: str) -> list[DatasetSpec]:
    found: dict[str, DatasetSpec] = {}
    for number, one in enumerate(given, 1):
        _checked(one, _DATASET, f"{origin}, dataset {number}", ("name",))
        made = DatasetSpec(**one)
        if made.name in found:
            raise UsageError(f"{origin}: the data set '{made.name}' is listed twice.")
        if made.samples < 0:
            raise UsageError(f"{origin}: 'samples' of '{made.name}' must be 0 or more; got {made.samples}.")
        found[made.name] = made
    return list(found.values())


def _metrics(given: Sequence[Mapping[str, Any]], datasets: Sequence[str], origin: str) -> list[MetricSpec]:
    found: dict[tuple[str, str, str, str], MetricSpec] = {}
    for number, one in enumerate(given, 1):
        where = f"{origin}, metric {number}"
        _checked(one, _METRIC, where, ("metric",))
        made = MetricSpec(**{**one, "metric": _expanded(one["metric"], where)})
        if made.dataset and made.dataset not in datasets:
            hint = did_you_mean(made.dataset, datasets)
            raise UsageError(f"{where}: the board has no data set '{made.dataset}'.{hint}")
        key = (made.metric, made.output, made.dataset, made.protocol)
        if key in found:
            output = f" ({made.output})" if made.output else ""
            raise UsageError(f"{where}: {one['metric']}{output} is listed twice; keep one.")
        found[key] = made
    return list(found.values())


def _expanded(text: str, origin: str) -> str:
    """The metric's text form; aliases are written out."""
    try:
        return str(expand(text))
    except BenchError as error:
        raise UsageError(f"{origin}: {error}") from error


# ---- order ----------------------------------------------------------------------------------------------------------


def _order(
    given: Mapping[str, Any], datasets: Sequence[DatasetSpec], metrics: Sequence[MetricSpec], origin: str
) -> OrderSpec:
    where = f"{origin}, order"
    _checked(given, _ORDER, where)
    if bool(given.get("metric")) == bool(given.get("anchors")):
        raise UsageError(f"{where}: give either 'metric', the column that orders the board, or 'anchors'.")
    if given.get("anchors"):
        extra = [k for k in ("output", "dataset") if given.get(k)]
        if extra:
            raise UsageError(f"{where}: '{extra[0]}' belongs to 'metric'; anchors name their columns themselves.")
        return OrderSpec(anchors={k: _anchor(k, v, where) for k, v in sorted(given["anchors"].items())})
    made = OrderSpec(_expanded(given["metric"], where), given.get("output", ""), given.get("dataset", ""))
    names = [d.name for d in datasets]
    if made.dataset and made.dataset not in names:
        raise UsageError(f"{where}: the board has no data set '{made.dataset}'.{did_you_mean(made.dataset, names)}")
    if not any(_covers(m, made) for m in metrics):
        told = [m.metric for m in metrics]
        raise UsageError(f"{where}: '{given['metric']}' is no column of the board.{did_you_mean(made.metric, told)}")
    return made


def _covers(metric: MetricSpec, order: OrderSpec) -> bool:
    """Whether a listed metric may hold the ordering column; which outputs it has is known when runs are read."""
    outputs = not metric.output or not order.output or metric.output == order.output
    datasets = not metric.dataset or not order.dataset or metric.dataset == order.dataset
    return metric.metric == order.metric and outputs and datasets


def _anchor(name: str, given: Any, where: str) -> tuple[float, float]:
    fine = isinstance(given, list) and len(given) == 2 and all(_is(v, "number") and math.isfinite(v) for v in given)
    if not fine or given[0] == given[1]:
        raise UsageError(
            f"{where}: the anchors of '{name}' must be two different numbers, [the value that counts 0, the value that "
            f"counts 1]; got {given!r}."
        )
    return float(given[0]), float(given[1])


# ---- the pinned section ---------------------------------------------------------------------------------------------


def _pins(
    given: Mapping[str, Any], datasets: Sequence[DatasetSpec], metrics: Sequence[MetricSpec], where: str
) -> Mapping[str, Any]:
    """The pinned section, if all that it names is on the board."""
    _checked(given, _PINNED, where)
    names = [d.name for d in datasets]
    keys = {
        "prompts": names, "samples": names,
        "protocols": [pin_name(n, m.metric) for m in metrics for n in ([m.dataset] if m.dataset else names)],
    }  # fmt: skip
    for part, values in given.items():
        for key, value in values.items():
            if key not in keys[part]:
                raise UsageError(
                    f"{where}.{part}: '{key}' is not on the board any more; `bench leaderboard pin` writes it anew."
                )
            if not _is(value, "whole number" if part == "samples" else "text"):
                raise UsageError(f"{where}.{part}: '{key}' must be a {'number' if part == 'samples' else 'digest'}.")
    return given


def _pinned_dataset(given: DatasetSpec, pinned: Mapping[str, Any]) -> DatasetSpec:
    return dataclasses.replace(
        given, prompts=given.prompts or str(pinned.get("prompts", {}).get(given.name, "")),
        samples=given.samples or int(pinned.get("samples", {}).get(given.name, 0)),
    )  # fmt: skip


def _pinned_metrics(
    metrics: Sequence[MetricSpec], datasets: Sequence[str], pinned: Mapping[str, Any]
) -> list[MetricSpec]:
    """Metrics with their pins; one for several data sets becomes one a data set, each with a protocol of its own."""
    protocols = pinned.get("protocols", {})
    found = []
    for metric in metrics:
        names = [metric.dataset] if metric.dataset else list(datasets)
        pins = {name: protocols.get(pin_name(name, metric.metric), "") for name in names}
        if metric.protocol or not any(pins.values()):
            found.append(metric)
        else:
            found += [dataclasses.replace(metric, dataset=n, protocol=str(p)) for n, p in pins.items()]
    return found


def pin_name(dataset: str, metric: str) -> str:
    """Key of a pinned protocol: '<dataset>/<metric>'."""
    return f"{dataset}/{metric}"
