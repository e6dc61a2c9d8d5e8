"""What a check finds, and how a list of checks is carried out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError


@dataclass(frozen=True)
class Finding:
    """One check of one plug-in."""

    check: str
    passed: bool | None
    """None: it does not apply here, as `told` says."""
    told: str = ""


class DoesNotApply(Exception):
    """A check that says nothing about this plug-in; its text says why."""


class Failed(Exception):
    """A check that a plug-in does not pass; its text says what was expected and what came."""


def expect(holds: bool, otherwise: str) -> None:
    """Failed unless `holds`."""
    if not holds:
        raise Failed(otherwise)


def carried_out(checks: Mapping[str, Callable[..., str | None]], *given: Any) -> Iterator[Finding]:
    """Each check in turn; a check passes by returning (a text that says more, or nothing)."""
    for name, check in checks.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torchmetrics warns of a compute before any update
                told = check(*given)
            yield Finding(name, True, told or "")
        except DoesNotApply as why:
            yield Finding(name, None, str(why))
        except Failed as why:
            yield Finding(name, False, str(why))
        except BenchError as error:
            yield Finding(name, False, f"raises {type(error).__name__}: {error}")
        except Exception as error:  # whatever the plug-in does wrong is its finding
            yield Finding(name, False, f"raises {type(error).__name__}: {str(error)[:300]}")
