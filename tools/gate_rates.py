"""How often the gate's statistics are wrong, by drawing: simulated models, and real scores dealt anew.

A trial draws a baseline and a run, compares every metric of the family as `bench gate run` does (bounds, exchange
within prompts, step-down over the maximum) and keeps each outcome. Drops are planted into the first metric alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.kernels import Cells, kernel
from bench.stats.noninferiority import Exchanged, bounds, judged, seen_from, worse
from bench.types import Estimator

PERMUTATIONS = 500
DESIGN = 3.3
"""Errors of the difference that a margin is set to: an unchanged run passes one comparison in 95 % (docs/gate.md)."""
Rng = np.random.Generator
MEAN, RATIO = Estimator("mean", ("x",)), Estimator("ratio", ("x", "y"))


@dataclass(frozen=True)
class Scores:
    """One metric of a baseline and a run: both (n, r) images by prompt, or (n, r, 2) with denominators."""

    before: np.ndarray
    after: np.ndarray

    @property
    def cells(self) -> Cells:
        """As the gate pairs them, the run first."""
        n, repeats = self.before.shape[:2]
        both = np.stack([self.after, self.before], axis=-1).reshape(n * repeats, -1, 2)
        groups = np.repeat(np.arange(n), repeats)
        if both.shape[1] == 1:
            made = kernel(MEAN, {"x": both[:, 0]}, groups)
        else:
            made = kernel(RATIO, {"x": both[:, 0], "y": both[:, 1]}, groups)
        assert isinstance(made, Cells)
        return made


@dataclass(frozen=True)
class Told:
    """What one trial ends as, by metric, and what the gate prints of the first."""

    outcomes: tuple[str, ...]
    seen_from: float


def trial(family: Sequence[Scores], margins: Sequence[float], rng: Rng) -> Told:
    """One comparison of a family."""
    cells = [one.cells for one in family]
    p, reach = worse([Exchanged(c, 1, np.arange(c.groups) if c.labels is None else np.asarray(c.labels))
                      for c in cells], permutations=PERMUTATIONS, seed=int(rng.integers(1 << 30)))  # fmt: skip
    found = [bounds(c, 1) for c in cells]
    outcomes = tuple(judged(b.low, m, float(v)) for b, m, v in zip(found, margins, p, strict=True))
    return Told(outcomes, seen_from(cells[0], 1, margins[0], reach))


# ---- simulated models ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A kind of scores: (rng, prompts, drop of the first metric) -> one trial's family."""

    name: str
    draw: Callable[[Rng, int, float], list[Scores]]


def _shared(rng: Rng, n: int, repeats: int, count: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(ease of prompts, noise of the baseline's and of the run's images) of metrics that correlate at .5 in all."""

    def draw(size: tuple[int, ...]) -> list[np.ndarray]:
        common = rng.normal(size=size)
        return [0.5**0.5 * (common + rng.normal(size=size)) for _ in range(count)]

    return list(zip(draw((n, 1)), draw((n, repeats)), draw((n, repeats)), strict=True))


def means(count: int, repeats: int = 1) -> Callable[[Rng, int, float], list[Scores]]:
    """Means of numbers."""

    def draw(rng: Rng, n: int, drop: float) -> list[Scores]:
        return [Scores(ease + a, ease + b - drop * (i == 0))
                for i, (ease, a, b) in enumerate(_shared(rng, n, repeats, count))]  # fmt: skip

    return draw


def hits(share: float, repeats: int = 1, count: int = 1) -> Callable[[Rng, int, float], list[Scores]]:
    """Means of zeros and ones; a drop turns successes into failures."""
    from scipy.special import ndtri

    cut = float(ndtri(share)) * 2**0.5

    def draw(rng: Rng, n: int, drop: float) -> list[Scores]:
        made = []
        for i, (ease, a, b) in enumerate(_shared(rng, n, repeats, count)):
            before, after = (ease + a < cut).astype(float), (ease + b < cut).astype(float)
            made.append(Scores(before, after * (rng.random(after.shape) >= drop / share) if i == 0 else after))
        return made

    return draw


def skewed(rng: Rng, n: int, drop: float) -> list[Scores]:
    """A mean of which few prompts make the most: logarithms are normal, of standard deviation .7."""
    ((ease, a, b),) = _shared(rng, n, 1, 1)
    return [Scores(np.exp((ease + a) / 2), np.exp((ease + b) / 2) - drop)]


def mixed(rng: Rng, n: int, drop: float) -> list[Scores]:
    """Ten metrics: means, shares of zeros and ones, and ratios of which some prompts have no denominator."""
    made = []
    for i, (ease, a, b) in enumerate(_shared(rng, n, 2, 10)):
        before, after = ease + a, ease + b
        if i < 5:
            made.append(Scores(before, after - drop * (i == 0)))
        elif i < 8:
            made.append(Scores((before < 0.5).astype(float), (after < 0.5).astype(float)))
        else:
            tries = [(x > -0.5).astype(float) for x in (before, after)]
            made.append(Scores(*(np.stack([t * (x < 1), t], -1) for t, x in zip(tries, (before, after), strict=True))))
    return made


MODELS = (
    Model("one mean", means(1)), Model("three means, two images a prompt", means(3, 2)), Model("a skewed mean", skewed),
    Model("zeros and ones, .7", hits(0.7)), Model("zeros and ones, .95", hits(0.95)),
    Model("zeros and ones, four images a prompt", hits(0.7, 4)), Model("ten metrics of all kinds", mixed),
)  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """What a kind of scores shows at one number of prompts; shares of trials."""

    name: str
    prompts: int
    comparisons: int
    trials: int
    alarms: float
    """Unchanged, and any metric called regressed."""
    unchanged: float
    """Unchanged, and every metric passes."""
    caught: float
    """Worse by the margin, and not passed."""
    seen_from: float
    """The drop that the gate prints of unchanged trials, their median, in margins."""
    power: float
    """Worse by the drop that was printed of an unchanged trial, each by its own, and called regressed."""


def simulated(model: Model, prompts: int, trials: int, seed: int) -> Rates:
    """The rates of a model at a number of prompts."""
    rng = np.random.default_rng([seed, prompts])
    wide = model.draw(rng, 40_000, 0.0)
    margins = [DESIGN * bounds(one.cells, 1).sd / prompts**0.5 for one in wide]
    return rates(model.name, prompts, margins, lambda drop: model.draw(rng, prompts, drop), trials, rng)


def rates(
    name: str, prompts: int, margins: Sequence[float], draw: Callable[[float], list[Scores]], trials: int, rng: Rng
) -> Rates:
    """Unchanged trials, trials worse by the margin, and trials worse by what the gate says it sees."""
    same = [trial(draw(0.0), margins, rng) for _ in range(trials)]
    lower = [trial(draw(margins[0]), margins, rng) for _ in range(trials)]
    printed = np.array([t.seen_from for t in same])
    found = [trial(draw(drop), margins, rng) for drop in printed[np.isfinite(printed)]]
    return Rates(
        name, prompts, len(margins), trials, float(np.mean(["regressed" in t.outcomes for t in same])),
        float(np.mean([set(t.outcomes) == {"pass"} for t in same])),
        float(np.mean([t.outcomes[0] != "pass" for t in lower])), float(np.nanmedian(printed)) / margins[0],
        float(np.mean([t.outcomes[0] == "regressed" for t in found])),
    )  # fmt: skip


# ---- real scores ---------------------------------------------------------------------------------------------------


def dealt(name: str, tables: Sequence[Sequence[np.ndarray]], trials: int, seed: int) -> Rates:
    """Rates on scores of real images. tables: of each model (or pair of models), each metric's (n, k) scores of k
    images a prompt.

    A trial takes one table, deals each prompt's images anew to a baseline and a run, so that nothing is between them,
    and draws prompts with replacement. Margins are `DESIGN` errors, mean over the tables.
    """
    rng = np.random.default_rng(seed)

    def draw(drop: float) -> list[Scores]:
        metrics = tables[int(rng.integers(len(tables)))]
        prompts, images = metrics[0].shape
        half, rows = images // 2, rng.integers(prompts, size=prompts)
        order = np.argsort(rng.random((prompts, images)), axis=1)
        made = []
        for i, scores in enumerate(metrics):
            mixed_up = np.take_along_axis(scores[rows], order, axis=1)
            lower = drop if i == 0 else 0.0
            made.append(Scores(mixed_up[:, :half], mixed_up[:, half : 2 * half] - lower))
        return made

    sds = np.mean([[bounds(one.cells, 1).sd for one in draw(0.0)] for _ in range(50)], axis=0)
    prompts = tables[0][0].shape[0]
    return rates(name, prompts, [DESIGN * sd / prompts**0.5 for sd in sds], draw, trials, rng)
