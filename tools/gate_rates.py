"""How often the gate's statistics are wrong, by drawing: simulated models, and real scores dealt anew.

A trial draws a baseline and a run, compares every metric of the family as `bench gate run` does (bounds, exchange
within prompts, step-down over the maximum; `bench.stats.trials` does it for many trials at once) and keeps each
outcome. Drops are planted into the first metric alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.kernels import Cells
from bench.stats.noninferiority import bounds, seen_from
from bench.stats.trials import PASS, REGRESSED, Drawn, outcomes

BATCH = 50
"""Trials that are judged at once."""
PRINTED = 500
"""Unchanged trials whose printed drop is planted into as many others as there are trials."""
DESIGN = 3.3
"""Errors of the difference that a margin is set to: an unchanged run passes one comparison in 95 % (docs/gate.md)."""
Rng = np.random.Generator


@dataclass(frozen=True)
class Scores:
    """One metric of a baseline and a run: both (n, r) images by prompt, or (n, r, 2) with denominators."""

    before: np.ndarray
    after: np.ndarray

    @property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Numerators and denominators (n, 1, 2) by prompt, the run first: a mean, or a ratio of two sums."""
        both = np.stack([self.after, self.before], axis=-1)  # (n, r, 2), of a ratio (n, r, 2, 2)
        above, below = (both, np.ones_like(both)) if both.ndim == 3 else (both[:, :, 0], both[:, :, 1])
        return above.sum(1)[:, None], below.sum(1)[:, None]

    @property
    def cells(self) -> Cells:
        """As the gate pairs them."""
        return Cells(*self.sums, self.before.shape[0] * self.before.shape[1])


def trials(
    families: Sequence[Sequence[Scores]], margins: Sequence[float], rng: Rng, *, printed: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """((T, m) outcomes of T families; printed: (T,) what the gate prints of each one's first metric as seen from)."""
    drawn = []
    for i, margin in enumerate(margins):
        above, below = (np.stack(part) for part in zip(*(family[i].sums for family in families), strict=True))
        drawn.append(Drawn(above, below, np.full(len(families), above.shape[1]), 1, margin))
    told, reach = outcomes(drawn, rng)
    if not printed:
        return told, np.empty(0)
    seed = int(rng.integers(1 << 30))  # else all trials of the page had the resampling error of one
    seen = [seen_from(f[0].cells, 1, margins[0], float(r), seed=seed) for f, r in zip(families, reach, strict=True)]
    return told, np.array(seen)


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


def simulated(model: Model, prompts: int, count: int, seed: int) -> Rates:
    """The rates of a model at a number of prompts."""
    rng = np.random.default_rng([seed, prompts])
    wide = model.draw(rng, 40_000, 0.0)
    margins = [DESIGN * bounds(one.cells, 1).sd / prompts**0.5 for one in wide]
    return rates(model.name, prompts, margins, lambda _, drop: model.draw(rng, prompts, drop), count, rng)


def rates(
    name: str, prompts: int, margins: Sequence[float], draw: Callable[[int, float], list[Scores]], count: int, rng: Rng
) -> Rates:
    """Unchanged trials, trials worse by the margin, and trials worse by what the gate says it sees. draw: the number of
    the trial, from which alone it may know which models are compared, and the drop."""

    def told(planned: Sequence[tuple[int, float]], printed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for start in range(0, len(planned), BATCH):
            some = [draw(number, drop) for number, drop in planned[start : start + BATCH]]
            found.append(trials(some, margins, rng, printed=start < printed))
        return np.concatenate([t for t, _ in found]), np.concatenate([s for _, s in found])

    same, printed = told([(i, 0.0) for i in range(count)], PRINTED)
    lower, _ = told([(i, margins[0]) for i in range(count)])
    own = [(i, float(drop)) for i, drop in enumerate(printed) if np.isfinite(drop)]
    found, _ = told([own[i % len(own)] for i in range(count)])
    return Rates(
        name, prompts, len(margins), count, float((same == REGRESSED).any(1).mean()),
        float((same == PASS).all(1).mean()), float((lower[:, 0] != PASS).mean()),
        float(np.nanmedian(printed)) / margins[0], float((found[:, 0] == REGRESSED).mean()),
    )  # fmt: skip


# ---- real scores ---------------------------------------------------------------------------------------------------


def dealt(name: str, tables: Sequence[Sequence[np.ndarray]], count: int, seed: int) -> Rates:
    """Rates on scores of real images. tables: of each model (or pair of models), each metric's (n, k) scores of k
    images a prompt.

    A trial takes one table (all in turn: the drop that was printed of one is planted into the same), deals each
    prompt's images anew to a baseline and a run, so that nothing is between them, and draws prompts with replacement.
    Margins are `DESIGN` errors, mean over the tables.
    """
    rng = np.random.default_rng(seed)

    def draw(number: int, drop: float) -> list[Scores]:
        metrics = tables[number % len(tables)]
        prompts, images = metrics[0].shape
        half, rows = images // 2, rng.integers(prompts, size=prompts)
        order = np.argsort(rng.random((prompts, images)), axis=1)
        made = []
        for i, scores in enumerate(metrics):
            mixed_up = np.take_along_axis(scores[rows], order, axis=1)
            lower = drop if i == 0 else 0.0
            made.append(Scores(mixed_up[:, :half], mixed_up[:, half : 2 * half] - lower))
        return made

    looks = 5 * len(tables)
    sds = np.mean([[bounds(one.cells, 1).sd for one in draw(i, 0.0)] for i in range(looks)], axis=0)
    prompts = tables[0][0].shape[0]
    return rates(name, prompts, [DESIGN * sd / prompts**0.5 for sd in sds], draw, count, rng)
