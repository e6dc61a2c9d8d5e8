"""Measures coverage and false alarms by simulation and prints docs/statistics.md:
`python tools/statistics.py > docs/statistics.md` (half an hour on one core; `--draws 200` for a quick look).

Every simulated table goes through the functions that reports use (bench.stats, bench.functional), with their defaults.
A cell outside the bar is printed in bold and named again at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bench.functional as F  # noqa: E402
from bench.stats.bootstrap import interval  # noqa: E402
from bench.stats.families import holm, max_t  # noqa: E402
from bench.stats.jackknife import jackknife_interval  # noqa: E402
from bench.stats.kernels import kernel  # noqa: E402
from bench.stats.paired import paired  # noqa: E402
from bench.types import Estimator  # noqa: E402

MEAN, MEDIAN = Estimator("mean", ("x",)), Estimator("median", ("x",))
RATIO, MACRO = Estimator("ratio", ("x", "y")), Estimator("macro", ("x", "tag"))
SIZES = (100, 200, 400, 1600)
LOW, HIGH, ALARMS = 0.935, 0.965, 0.05
Table = dict[str, np.ndarray]
Rng = np.random.Generator


@dataclass
class Outside:
    """What fell outside of its bar."""

    lines: list[str] = field(default_factory=list)

    def covered(self, share: float, draws: int, where: str) -> str:
        """A coverage as text; bold and noted when it is outside by more than two simulation errors."""
        error = 2 * np.sqrt(share * (1 - share) / draws)
        if LOW - error <= share <= HIGH + error:
            return f"{100 * share:.1f}"
        self.lines.append(f"{where}: {100 * share:.1f} %")
        return f"**{100 * share:.1f}**"

    def alarmed(self, share: float, draws: int, where: str) -> str:
        """A share of false alarms as text; bold and noted when it is above the level by two simulation errors."""
        if share <= ALARMS + 2 * np.sqrt(ALARMS * (1 - ALARMS) / draws):
            return f"{100 * share:.1f}"
        self.lines.append(f"{where}: {100 * share:.1f} % false alarms")
        return f"**{100 * share:.1f}**"


# ---- row-wise metrics ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A distribution of rows with its true score."""

    name: str
    estimator: Estimator
    truth: float
    draw: Callable[[Rng, int], Table]
    """(rng, groups) -> columns and 'group'."""


def plain(name: str, truth: float, values: Callable[[Rng, int], np.ndarray], estimator: Estimator = MEAN) -> Case:
    """One row a prompt."""
    return Case(name, estimator, truth, lambda rng, n: {"x": values(rng, n), "group": np.arange(n)})


def clustered(name: str, images: Callable[[Rng, int], np.ndarray]) -> Case:
    """Several images a prompt, half of whose variance is the prompt's."""

    def draw(rng: Rng, n: int) -> Table:
        group = np.repeat(np.arange(n), images(rng, n))
        return {"x": rng.normal(size=n)[group] + rng.normal(size=len(group)), "group": group}

    return Case(name, MEAN, 0.0, draw)


def _ratio(rng: Rng, n: int) -> Table:
    y = rng.poisson(3, n) + 1.0
    return {"x": rng.binomial(y.astype(int), 0.7).astype(float), "y": y, "group": np.arange(n)}


def _macro(rng: Rng, n: int) -> Table:
    tag = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    return {"x": tag + rng.exponential(size=n), "tag": np.array(["a", "b", "c"])[tag], "group": np.arange(n)}


CASES = [
    plain("normal", 0.0, lambda rng, n: rng.normal(size=n)),
    plain("uniform", 0.5, lambda rng, n: rng.uniform(size=n)),
    plain("U-shaped (beta 1/2, 1/2)", 0.5, lambda rng, n: rng.beta(0.5, 0.5, n)),
    plain("cosine-like (beta 8, 20)", 8 / 28, lambda rng, n: rng.beta(8, 20, n)),
    plain("exponential (skewed)", 1.0, lambda rng, n: rng.exponential(size=n)),
    plain("log-normal, sd 1 (very skewed)", float(np.exp(0.5)), lambda rng, n: rng.lognormal(size=n)),
    plain("t, 3 degrees (heavy tails)", 0.0, lambda rng, n: rng.standard_t(3, n)),
    clustered("4 images a prompt, intraclass correlation 1/2", lambda rng, n: np.full(n, 4)),
    clustered("1 to 8 images a prompt, the same", lambda rng, n: rng.integers(1, 9, n)),
    plain("median of an exponential", float(np.log(2)), lambda rng, n: rng.exponential(size=n), MEDIAN),
    Case("ratio of sums (hits of questions)", RATIO, 0.7, _ratio),
    Case("macro mean of three unequal classes", MACRO, 2.0, _macro),
]


def coverage(case: Case, n: int, draws: int) -> float:
    """Share of draws whose 95 % interval holds the true score."""
    rng = np.random.default_rng([n, sum(map(ord, case.name))])
    hits = 0
    for _ in range(draws):
        table = case.draw(rng, n)
        low, high, _ = interval(case.estimator, table, table["group"], proportion=False)
        hits += low <= case.truth <= high
    return hits / draws


def proportions(n: int, draws: int) -> tuple[float, float, float]:
    """Wilson's coverage over success rates of .02 to .98: mean over the grid, and the least and the most of it."""
    rng, shares = np.random.default_rng(n), []
    for p in np.arange(0.02, 0.981, 0.02):
        k, counts = np.unique(rng.binomial(n, p, 20 * draws), return_counts=True)
        column = (np.repeat([0.0, 1.0], [n - i, i]) for i in k)
        ends = [interval(MEAN, {"x": x}, np.arange(n)) for x in column]
        inside = np.array([low <= p <= high for low, high, _ in ends])
        shares.append(counts[inside].sum() / counts.sum())
    return float(np.mean(shares)), min(shares), max(shares)


def rowwise(outside: Outside, draws: int) -> str:
    """Coverage of the intervals of row-wise metrics."""
    rows = []
    for case in CASES:
        shares = [outside.covered(coverage(case, n, draws), draws, f"{case.name}, {n} prompts") for n in SIZES]
        rows.append([case.name, *shares])
    found = {n: proportions(n, draws) for n in SIZES}
    rows.append([
        "proportion, mean over a grid of rates",
        *(outside.covered(mean, 49 * 20 * draws, f"proportions, {n} prompts") for n, (mean, _, _) in found.items()),
    ])  # fmt: skip
    rows.append([
        "its least and greatest on the grid", *(f"{100 * a:.1f} to {100 * b:.1f}" for _, a, b in found.values())
    ])  # fmt: skip
    return table(["rows", *(f"{n:,} prompts" for n in SIZES)], rows)


# ---- comparisons ---------------------------------------------------------------------------------------------------


def equal_systems(kind: str, rng: Rng, n: int, systems: int) -> np.ndarray:
    """(n, systems): rows of systems that differ in nothing but chance, correlated by the prompt."""
    prompt = rng.normal(size=(n, 1))
    if kind == "normal":
        return prompt + rng.normal(size=(n, systems))
    if kind == "skewed":
        return np.exp(prompt + 0.5 * rng.normal(size=(n, systems)))
    if kind == "0 or 1":
        return (rng.uniform(size=(n, systems)) < 1 / (1 + np.exp(-2 * prompt))).astype(float)
    return np.where(rng.uniform(size=(n, systems)) < 0.05, rng.normal(size=(n, systems)), 0.0)  # mostly ties


def alarms(kind: str, n: int, draws: int, systems: int = 5) -> tuple[float, float, float, float]:
    """Shares of false alarms: one pair's p and interval; all pairs of a family by max-T and by Holm."""
    rng = np.random.default_rng([n, systems, sum(map(ord, kind))])
    single = interval_ = family = steps = 0
    pairs = [(i, j) for i in range(systems) for j in range(i)]
    for _ in range(draws):
        values = equal_systems(kind, rng, n, systems)
        made = [kernel(MEAN, {"x": values[:, [i, j]]}, np.arange(n)) for i, j in pairs]
        adjusted = max_t(made, permutations=1000)
        one = paired(MEAN, {"x": values[:, 0]}, {"x": values[:, 1]}, np.arange(n), permutations=1000)
        raw = [paired_p(values[:, i], values[:, j]) for i, j in pairs]
        single += one.p <= ALARMS
        interval_ += not one.low <= 0 <= one.high
        family += adjusted.min() <= ALARMS
        steps += holm(raw).min() <= ALARMS
    return single / draws, interval_ / draws, family / draws, steps / draws


def paired_p(a: np.ndarray, b: np.ndarray) -> float:
    """The sign-flip p of one pair."""
    from bench.stats.paired import permutation_p

    both = kernel(MEAN, {"x": np.stack([a, b], 1)}, np.arange(len(a)))
    return permutation_p(both, float(a.mean() - b.mean()), 1000)


def comparisons(outside: Outside, draws: int) -> str:
    """False alarms among equal systems."""
    rows = []
    for kind in ("normal", "skewed", "0 or 1", "mostly ties"):
        for n in (100, 400):
            found = alarms(kind, n, draws)
            names = ("pair, p", "pair, interval", "family, max-T", "family, Holm")
            cells = [
                outside.alarmed(s, draws, f"{name}, {kind}, {n} prompts") for name, s in zip(names, found, strict=True)
            ]
            rows.append([kind, f"{n}", *cells])
    return table(["rows", "prompts", "one pair: p <= .05", "one pair: interval without 0",
                  "10 pairs of 5: max-T", "10 pairs of 5: Holm"], rows)  # fmt: skip


# ---- set metrics ---------------------------------------------------------------------------------------------------

FEATURES = 48


def features(kind: str, n: int, mixing: torch.Tensor, shift: float, g: torch.Generator) -> torch.Tensor:
    """(n, d) rows of a population of features."""
    d = mixing.shape[0]
    rows = torch.randn(n, d, generator=g, dtype=torch.float64) @ mixing + shift
    if kind == "rectified":
        return rows.clamp_min(0)
    if kind == "five modes":
        modes = torch.randn(5, d, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
        return 0.6 * rows + modes[torch.randint(5, (n,), generator=g)]
    if kind == "heavy (t, 5 degrees)":
        return rows / torch.randn(n, 5, generator=g, dtype=torch.float64).square().mean(1).sqrt()[:, None]
    return rows


def mixings(d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Reference and generated: covariances with a spectrum over three decades, as features of networks have."""
    g = torch.Generator().manual_seed(1)
    a, b = (
        2 * torch.randn(d, d, generator=g, dtype=torch.float64) / d**0.5
        * torch.logspace(0, -1.5, d, dtype=torch.float64)[:, None] for _ in range(2)
    )  # fmt: skip
    return a, 0.8 * a + 0.4 * b


def set_coverage(kind: str, ratio: float, draws: int) -> tuple[float, float, float]:
    """Coverage of the expected distance at this n: Fréchet by influence (or blocks when n <= d), by blocks, kernel."""
    d, n = FEATURES, int(FEATURES * ratio)
    g = torch.Generator().manual_seed(int(100 * ratio))
    theirs, ours = mixings(d)
    real = features(kind, 20_000, theirs, 0.0, g)
    reference, few = F.factor(real), real[:2000]
    values, ends, blocks, kernels, kernel_ends = [], [], [], [], []
    for _ in range(draws):
        x = features(kind, n, ours, 0.05, g)
        values.append(float(F.frechet_distance_from_factors(F.factor(x), reference)))
        left_out = F.frechet_block_replicates(x, [i % 10 for i in range(n)], reference).tolist()
        blocks.append(jackknife_interval(values[-1], left_out)[:2])
        ends.append(of_influence(values[-1], F.frechet_influence(x, reference)) if n > d else blocks[-1])
        influence = F.kernel_influence(x, few)
        kernels.append(float(F.kernel_distance_full(x, few)))
        kernel_ends.append(of_influence(kernels[-1], influence))
    return tuple(  # type: ignore[return-value]
        float(np.mean([low <= np.mean(v) <= high for low, high in e]))
        for v, e in ((values, ends), (values, blocks), (kernels, kernel_ends))
    )


def of_influence(value: float, influence: torch.Tensor) -> tuple[float, float]:
    """The interval that the engine gives: of the mean of value + influence."""
    return interval(MEAN, {"x": value + influence.numpy()}, np.arange(len(influence)), proportion=False)[:2]


def real_features(outside: Outside, draws: int) -> str:
    """Coverage on features of real images' kind: the scene classifier's, of scenes with a fifth of colours wrong."""
    from bench.extractors.scene_judges import SceneClassifierJudge
    from bench.world.defects import plant
    from bench.world.render import render
    from bench.world.split import scene_at

    judge = SceneClassifierJudge()

    def seen(split: str, count: int, p: float) -> torch.Tensor:
        rows = []
        for at in range(0, count, 64):
            scenes = [plant(scene_at(split, i).scene, "wrong-colour", p, i) for i in range(at, min(at + 64, count))]
            images = render(scenes, list(range(at, at + len(scenes))))
            rows.append(judge.extract_images([judge.prepare_image(x) for x in images])["features"])
        return torch.cat(rows).double()

    population, reference = seen("train", 20_000, 0.2), F.factor(seen("val", 10_000, 0.0))
    rows = []
    rng = np.random.default_rng(0)
    for n in (96, 128, 256, 512, 1024):
        values, ends = [], []
        for _ in range(draws):
            x = population[torch.from_numpy(rng.choice(len(population), n, replace=False))]
            values.append(float(F.frechet_distance_from_factors(F.factor(x), reference)))
            ends.append(of_influence(values[-1], F.frechet_influence(x, reference)))
        share = float(np.mean([low <= np.mean(values) <= high for low, high in ends]))
        half = float(np.mean([(high - low) / 2 for low, high in ends]))
        rows.append([f"{n}", f"{n / population.shape[1]:.1f}", f"{np.mean(values):.3f}", f"{np.std(values):.3f}",
                     f"{half / 1.96:.3f}", outside.covered(share, draws, f"scene features, {n} images")])  # fmt: skip
    head = ["images", "images / features", "mean distance", "its sd over draws", "mean standard error", "coverage"]
    return table(head, rows)


def sets(outside: Outside, draws: int) -> str:
    """Coverage of the intervals of set metrics."""
    rows = []
    for kind in ("normal", "rectified", "five modes", "heavy (t, 5 degrees)"):
        for ratio in (0.5, 0.9, 1.2, 2, 5, 20):
            fd, blocks, kd = set_coverage(kind, ratio, draws)
            where = f"{kind}, {ratio} images a feature"
            rows.append([
                kind, f"{ratio:g}", outside.covered(fd, draws, f"Fréchet distance, {where}"), f"{100 * blocks:.1f}",
                outside.covered(kd, draws, f"kernel distance, {where}"),
            ])  # fmt: skip
    return table(["features", "images / features", "Fréchet distance, as reported", "Fréchet distance, 10 blocks",
                  "kernel distance"], rows)  # fmt: skip


# ---- the page ------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


PAGE = """# What the intervals and tests are worth

This page is written by `python tools/statistics.py > docs/statistics.md`. Every figure is a share of simulated tables,
{draws:,} for row-wise metrics, {fewer:,} for comparisons and set metrics, each analysed by the functions that
reports use. The bars: a 95 % interval covers in 93.5 to 96.5 % of draws, a family of comparisons of equal systems
raises a false alarm in at most 5 %. Bold: outside by more than two simulation errors; all of these are named at the
end.

## Intervals of row-wise metrics

Percentages of draws whose interval holds the true score. Prompts are the resampling unit; images of one prompt are not
independent. Below 100 prompts the interval is Student's, from 100 on the bias-corrected accelerated cluster bootstrap
with 2,000 resamples, for proportions with one image a prompt, or without any variation, Wilson's.

{rowwise}

## Comparisons

False alarms in per cent among systems that differ by chance alone: the sign-flip permutation test and the interval of
one pair, and any of the ten pairs of five systems as one declared family.

{comparisons}

## Set metrics

A set metric has one value and no rows. For the Fréchet distance with more images than features, the kernel distance
and the Inception Score each image's first-order contribution is known in closed form (decision 21 in
[decisions.md](decisions.md)); its mean is the value, its spread gives the interval, clusters by prompt, and differences
of two systems pair. With no more images than features the covariance is singular and the interval comes from ten
blocks left out; it is too wide there, and the report says by which method an interval was made. The value covered is
the expected distance at this number of images: the bias of the distance, which falls with the number of images, is no
part of an interval. Simulated with {features} features whose variances span three decades; the generated population
differs from the reference in mean and covariance.

{sets}

The same on features of a network: the 64 of `scene-classifier`, images drawn from 20,000 scenes of which a fifth have
a wrong colour, against 10,000 others.

{real}

## What is outside

{outside}
"""


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000, help="of row-wise metrics; others take a tenth")
    draws = parser.parse_args().draws
    fewer = max(50, draws // 10)
    torch.set_num_threads(1)
    outside = Outside()
    found = {
        "rowwise": rowwise(outside, draws), "comparisons": comparisons(outside, fewer), "sets": sets(outside, fewer),
        "real": real_features(outside, fewer),
    }  # fmt: skip
    lines = "\n".join(f"- {line}" for line in outside.lines) or "Nothing."
    print(PAGE.format(draws=draws, fewer=fewer, features=FEATURES, outside=lines, **found).strip())


if __name__ == "__main__":
    main()
