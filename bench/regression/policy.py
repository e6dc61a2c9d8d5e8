"""gate.toml: what a gate demands, each key and type checked.

alpha = 0.05                 # of false alarms over the family of blocking comparisons
inconclusive = "fail"        # or "warn": exit code 0 although the data cannot say
coverage = 1.0               # least share of the baseline's images that the run must have
failures = 0.0               # largest share of images that failed beyond the baseline's
collapse = 0.02              # largest rise of the shares of constant, black, repeated images and ignored seeds
min_prompts = 30             # below it nothing passes
[[metric]]                   # without any: the primary ones, the first three blocking
metric = "r-precision"       # name, alias, text form or label
output = "value"             # where a metric has several
margin = 0.02                # in units of the metric, the drop that is still accepted; or
margin_sd = 0.2              # in standard deviations of the prompts' differences
blocking = true              # false: told, and without effect
severity = 0.5               # a drop of a single prompt that counts as a break; blocks even where the mean is advisory
most = 0                     # prompts that may break
slices = ["kind"]            # tags whose values are looked at one by one, never blocking
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UsageError, did_you_mean

MARGIN_SD = 0.2
"""Where no margin is declared: a small effect by Cohen's rule of thumb."""
BLOCKING = 3
"""Of the primary metrics, where no policy is given: each one more costs power."""
INCONCLUSIVE = ("fail", "warn")


@dataclass(frozen=True)
class Rule:
    """What is demanded of one metric's output."""

    metric: str
    output: str = ""
    """'': its only primary one."""
    margin: float | None = None
    """In units of the metric; above 0, also where lower is better."""
    margin_sd: float | None = None
    """In standard deviations of the prompts' differences."""
    blocking: bool = True
    severity: float | None = None
    """A prompt that falls by more than this has broken, which blocks whatever `blocking` says of the mean."""
    most: int = 0
    """Prompts that may break."""
    slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """All rules of a gate."""

    alpha: float = 0.05
    inconclusive: str = "fail"
    coverage: float = 1.0
    failures: float = 0.0
    collapse: float = 0.02
    min_prompts: int = 30
    rules: tuple[Rule, ...] = ()
    """Empty: the primary metrics."""


_TOP = {f.name for f in dataclasses.fields(Policy)} - {"rules"} | {"metric"}
_RULE = {f.name for f in dataclasses.fields(Rule)}


def read_policy(path: str | Path) -> Policy:
    """A policy file. UsageError says what is wrong with it."""
    file = Path(path)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no policy file {file}.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no valid TOML: {error}.") from error
    return policy_from(data, str(file))


def policy_at(path: str) -> Policy:
    """The policy of a file; where none is given that of gate.toml if it is there, else the one without rules."""
    file = path or ("gate.toml" if Path("gate.toml").is_file() else "")
    return read_policy(file) if file else Policy()


def policy_from(data: Mapping[str, Any], origin: str = "the policy") -> Policy:
    """The policy that plain values state; `origin` begins every complaint."""
    _known(data, _TOP, origin)
    rules = data.get("metric", [])
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise UsageError(f"{origin}: 'metric' is a list of tables, [[metric]]; got {rules!r}.")
    policy = Policy(
        alpha=_number(data, "alpha", 0.05, origin, low=0, high=0.5, strict=True),
        inconclusive=data.get("inconclusive", "fail"),
        coverage=_number(data, "coverage", 1.0, origin, low=0, high=1),
        failures=_number(data, "failures", 0.0, origin, low=0, high=1),
        collapse=_number(data, "collapse", 0.02, origin, low=0, high=1),
        min_prompts=_whole(data, "min_prompts", 30, origin, least=2),
        rules=tuple(_rule(rule, f"{origin}, metric {i + 1}") for i, rule in enumerate(rules)),
    )
    if policy.inconclusive not in INCONCLUSIVE:
        raise UsageError(f"{origin}: 'inconclusive' is fail or warn; got {policy.inconclusive!r}.")
    named = [(rule.metric, rule.output) for rule in policy.rules]
    for one in named:
        if named.count(one) > 1:
            raise UsageError(f"{origin}: '{one[0]}' has two rules; give it one.")
    return policy


def _rule(data: Mapping[str, Any], origin: str) -> Rule:
    _known(data, _RULE, origin)
    if not isinstance(data.get("metric"), str) or not data["metric"].strip():
        raise UsageError(f"{origin}: 'metric' is a text, e.g. metric = \"clipscore\"; got {data.get('metric')!r}.")
    slices = data.get("slices", [])
    if not isinstance(slices, list) or not all(isinstance(s, str) for s in slices):
        raise UsageError(f"{origin}: 'slices' is a list of tags; got {slices!r}.")
    for name, kind in (("output", str), ("blocking", bool)):
        if name in data and not isinstance(data[name], kind):
            raise UsageError(f"{origin}: '{name}' is {'a text' if kind is str else 'true or false'}.")
    margins = [name for name in ("margin", "margin_sd") if name in data]
    if len(margins) > 1:
        raise UsageError(f"{origin}: give margin or margin_sd, not both.")
    above = {
        name: _number(data, name, 0.0, origin, low=0, high=math.inf, strict=True)
        for name in ("margin", "margin_sd", "severity") if name in data
    }  # fmt: skip
    return Rule(
        data["metric"], data.get("output", ""), above.get("margin"), above.get("margin_sd"),
        data.get("blocking", True), above.get("severity"), _whole(data, "most", 0, origin, least=0), tuple(slices),
    )  # fmt: skip


def _known(data: Mapping[str, Any], allowed: set[str], origin: str) -> None:
    for key in data:
        if key not in allowed:
            raise UsageError(f"{origin}: '{key}' is no key of a policy.{did_you_mean(key, allowed)}")


def _number(
    data: Mapping[str, Any], name: str, default: float, origin: str, *, low: float, high: float, strict: bool = False
) -> float:
    value = data.get(name, default)
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fine or not low <= value <= high or (strict and value == low):
        ends = f"above {low:g}" if strict else f"from {low:g}"
        ends += f" to {high:g}" if math.isfinite(high) else ""
        raise UsageError(f"{origin}: '{name}' is a number {ends}; got {value!r}.")
    return float(value)


def _whole(data: Mapping[str, Any], name: str, default: int, origin: str, *, least: int) -> int:
    value = data.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{origin}: '{name}' is a whole number from {least}; got {value!r}.")
    return value
