"""What a metric is: a `torchmetrics.Metric` over views, with everything declared that a reader or a statistic needs.

Rows: the engine calls `update(ids=[...], <argument>=rows, ...)` in shard order, one row an image, all arguments
aligned: features, logits and map are float tensors (b, ...); detections, answers, text and truth (the Sample) are lists
of length b; prompt features are repeated for every image of the prompt; captions give a list of (c_i, d) tensors. `ids`
are 'sample#k'. Metrics of scope set take `generated` and `reference` whose lengths may differ, in separate calls as
well as together, and `ids` belong to `generated`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torchmetrics

from bench.errors import TooFew
from bench.spec import digest
from bench.types import Estimator, MetricCard, OutputCard, Scope, View


class Metric(torchmetrics.Metric):
    """Base of all metrics. Subclass, set the class variables, implement `views`, `update`, `compute`, `table`."""

    full_state_update = False
    is_differentiable = False
    version: ClassVar[int] = 1
    scope: ClassVar[Scope] = "sample"
    outputs: ClassVar[tuple[OutputCard, ...]] = ()
    responds_to: ClassVar[tuple[str, ...]] = ()
    paper: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    """The definition in one line of plain text."""
    minimum: int = 1
    """Fewest generated rows for a number; instances may set it from their parameters."""
    minimum_meanings: int = 1
    """Fewest prompts of different meaning; instances may set it (R-precision: its candidates)."""
    remedy: str = "give more or leave the metric out"
    """What to do about too few; instances with a parameter that sets the minimum name it here."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What the dataset's samples must know: fields of Sample ('objects', 'relations', 'questions') or 'boxes'."""
    compares: ClassVar[bool] = True
    """False when texts or truth only identify rows: exchanging them among samples then says nothing about chance."""
    frames: ClassVar[bool] = False
    """True when a row may be a story: each argument then holds a list with one row a frame. Set metrics take every
    frame."""
    copies_are_best: ClassVar[bool] = True
    """False for set metrics that look for copies of the reference, which is then the training set."""
    moments_suffice: ClassVar[bool] = False
    """True when `.npz` statistics (mu, sigma) can stand for the reference features."""

    def views(self) -> Mapping[str, View]:
        """Argument of `update` -> what it must hold."""
        raise NotImplementedError

    def table(self) -> dict[str, np.ndarray]:
        """Column -> float64 (n,) in the order of the rows seen; scopes other than set."""
        raise NotImplementedError

    def missing(self) -> Mapping[str, float]:
        """Column -> the value of a missing image under policy 'worst'; columns left out exclude the row.

        Default: for each mean-estimated output that is bounded on its worse side, that bound.
        """
        worst = {"higher": lambda o: o.low, "lower": lambda o: o.high, "none": lambda o: None}
        found: dict[str, float] = {}
        for output in self.outputs:
            bound = worst[output.direction](output)
            if output.estimator is not None and output.estimator.kind in ("mean", "macro") and bound is not None:
                found[output.estimator.columns[0]] = bound
        return found

    def influence(self) -> dict[str, np.ndarray]:
        """Set metrics: output -> (n,) float64 influence of each generated row, in order, with mean 0.

        The first-order change of the value when weight moves to that row: the value's variance is that of their mean.
        Outputs that have none are left out, and get replicates. TooFew where they are not valid for so few rows.
        """
        return {}

    def remarks(self) -> list[str]:
        """What a reader must know of this very computation beside the number (a singular covariance, say)."""
        return []

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray] | None:
        """Set metrics: output -> (B,) values with each block of generated rows left out (delete-a-block jackknife).

        `blocks` holds for each generated row its block 0..B-1, fixed by sample-id digest. None: no interval can be
        given.
        """
        return None

    def card(self, text: str, summary: str = "", caveat: str = "") -> MetricCard:
        """The declaration that run.json embeds."""
        return MetricCard(
            metric=text,
            name=getattr(self, "plugin_name", type(self).__name__),
            version=self.version,
            scope=self.scope,
            outputs=self.outputs,
            responds_to=self.responds_to,
            views=dict(self.views()),
            summary=summary,
            paper=self.paper,
            caveat=caveat,
        )

    def need(self, n: int, what: str = "images") -> None:
        """TooFew when n rows are below the minimum."""
        if n < self.minimum:
            name = getattr(self, "plugin_name", type(self).__name__)
            raise TooFew(f"{name} needs {self.minimum} or more {what} and has {n}; {self.remedy}.")

    # ---- states: named so that a MetricCollection never merges two metrics, and joined in one way ----------------

    def add_rows(self, name: str, *parameters: Any) -> str:
        """Add a list state whose tensors are joined along rows, and return its name.

        A MetricCollection lets metrics whose states have equal names, and equal values after the first batch, share
        them for good. The name therefore holds the class and `parameters`: all that changes what is stored.
        """
        state = f"{type(self).__name__.lower()}_{digest([str(p) for p in parameters])[:8]}_{name}"
        self.add_state(state, [], dist_reduce_fx="cat", persistent=True)
        return state

    def joined(self, state: str) -> torch.Tensor:
        """All rows of a state; (0,) before the first update. Synchronised states are one tensor already."""
        held = getattr(self, state)
        if isinstance(held, torch.Tensor):
            return held
        return torch.cat(held) if held else torch.zeros(0)

    # ---- what torchmetrics calls the first output's direction and bounds -------------------------------------------

    @property
    def higher_is_better(self) -> bool | None:
        return {"higher": True, "lower": False}.get(self.outputs[0].direction) if self.outputs else None

    @property
    def plot_lower_bound(self) -> float | None:
        return self.outputs[0].low if self.outputs else None

    @property
    def plot_upper_bound(self) -> float | None:
        return self.outputs[0].high if self.outputs else None


def mean_output(
    name: str,
    label: str,
    *,
    column: str = "score",
    direction: Any = "higher",
    low: float | None = 0.0,
    high: float | None = 1.0,
    unit: str = "",
    primary: bool = True,
) -> OutputCard:
    """OutputCard of the mean of one column."""
    return OutputCard(name, label, direction, low, high, unit, primary, Estimator("mean", (column,)))


def as_float(value: Any) -> float:
    """A 0-d tensor or number as float."""
    return float(value.item() if isinstance(value, torch.Tensor) else value)
