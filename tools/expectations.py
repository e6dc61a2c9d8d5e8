"""What docs/expectations.md predicted, held to what the boards of strategies and mitigations found.

A strategy's figures are means over training seeds and prompts. Differences are paired by both; their intervals come
from resampling seeds and prompts together (95 %, 4,000 draws), so that a difference counts when it would be seen with
other seeds and other prompts. With three seeds such intervals are coarse, and the tables show every seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

FIGURES = ("colour", "shape", "binding", "relation")
DRAWS = 4000
Found = Mapping[str, np.ndarray]
"""Strategy -> (seeds, prompts) of 0 and 1, NaN where a figure does not speak of a prompt; equal prompts throughout."""


def of_runs(folders: Sequence[Path]) -> dict[str, Found]:
    """Figure -> strategy -> (seeds, prompts), from the images of runs of flows on scenes, wrapped or not."""
    from bench import store
    from bench.spec import parse_system

    rows: dict[str, dict[int, list[dict[str, bool]]]] = {}
    for folder in folders:
        spec = store.load(folder).spec
        system = parse_system(spec.system)
        inner = parse_system(str(system.generator.params.get("generator", system)))
        seed = int(spec.factors.get("train_seed") or inner.generator.params["train_seed"])
        rows.setdefault(str(inner.fusion), {})[seed] = seen(folder)
    return {
        figure: {
            name: np.array([[one.get(figure, np.nan) for one in seeds[s]] for s in sorted(seeds)], dtype=np.float64)
            for name, seeds in rows.items()
        }
        for figure in FIGURES
    }


def seen(folder: Path) -> list[dict[str, bool]]:
    """What is right in each image of a run on scenes, in the order of its prompts' names."""
    from bench import store
    from bench.formats.images import decode
    from bench.training.drawn import judged
    from bench.world.detect import detect
    from bench.world.split import scene_at

    table = store.samples(folder).sort_values("sample")
    found = detect(np.stack([decode(store.image_path(folder, image)) for image in table["image"]]))
    entries = [scene_at(*_row(sample)) for sample in table["sample"]]
    return [judged(f, e.scene) for f, e in zip(found, entries, strict=True)]


def _row(sample: str) -> tuple[str, int]:
    split, _, index = sample.rpartition("-")
    return split, int(index)


def mean(values: np.ndarray) -> float:
    """Of all seeds and prompts that a figure speaks of."""
    return float(np.nanmean(values))


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % of the mean of (seeds, prompts) when both are drawn again."""
    spoken = values[:, ~np.isnan(values[0])]
    draw = np.random.default_rng(seed)
    seeds, prompts = spoken.shape
    by_seed = draw.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS) / seeds
    by_prompt = draw.multinomial(prompts, np.full(prompts, 1 / prompts), DRAWS) / prompts
    low, high = np.quantile(((by_seed @ spoken) * by_prompt).sum(1), (0.025, 0.975))
    return float(low), float(high)


def difference(found: Found, better: Sequence[str], than: Sequence[str]) -> tuple[float, float, float]:
    """Mean of some strategies less that of others, paired by seed and prompt, and its interval."""
    gap = np.mean([found[n] for n in better], 0) - np.mean([found[n] for n in than], 0)
    return (mean(gap), *interval(gap))


def tau(one: np.ndarray, other: np.ndarray) -> float:
    """Kendall's tau-b; NaN where one of them has ties alone."""
    from scipy.stats import kendalltau

    return float(kendalltau(one, other).statistic)


def strategies(found: Mapping[str, Found], fallen: Mapping[str, Found]) -> list[tuple[str, str, str]]:
    """(name, verdict, what was found) of F1 to F6. fallen: the same figures when words were dropped."""
    seeing = [n for n in found["colour"] if n != "none"]
    by_words, by_sentence = ("attention", "aligned"), ("concat", "weighted")
    told = []
    means = {n: mean(found["colour"][n]) for n in seeing}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    told.append(("F1", _word(means[best] - means[worst] <= 0.05),
                 f"colour from {means[worst]:.3f} ({worst}) to {means[best]:.3f} ({best})"))  # fmt: skip
    for name, figure in (("F2", "binding"), ("F3", "relation")):
        gap, low, high = difference(found[figure], by_words, by_sentence)
        told.append((name, _sided(low, high), f"{figure} {gap:+.3f} [{low:+.3f}, {high:+.3f}]"))
    falls = {n: mean(found["colour"][n]) - mean(fallen["colour"][n]) for n in seeing}
    least = min(falls, key=falls.__getitem__)
    lost = {n: found["colour"][n] - fallen["colour"][n] for n in ("gated", least)}
    low, high = interval(lost["gated"] - lost[least]) if least != "gated" else (0.0, 0.0)
    told.append(("F4", _word(low <= 0), f"colour falls by {falls['gated']:.3f} with gated; least with {least}, "
                 f"{falls[least]:.3f}; gated less the least [{low:+.3f}, {high:+.3f}]"))  # fmt: skip
    chance = {"colour": 1 / 8, "shape": 1 / 6}
    within = {f: interval(found[f]["none"]) for f in chance}
    told.append(("F5", _word(all(within[f][0] <= c <= within[f][1] for f, c in chance.items())),
                 "; ".join(f"{f} [{low:.3f}, {high:.3f}], chance {chance[f]:.3f}"
                           for f, (low, high) in within.items())))  # fmt: skip
    for name, figure in (("F6", "binding"), ("F6 on colour", "colour")):
        each = np.array([np.nanmean(found[figure][n], 1) for n in seeing])
        taus = [tau(each[:, a], each[:, b]) for a, b in combinations(range(each.shape[1]), 2)]
        told.append((name, _word(all(t > 0.5 for t in taus)), "tau " + ", ".join(f"{t:.2f}" for t in taus)))
    return told


def mitigations(found: Mapping[str, Mapping[str, np.ndarray]]) -> list[tuple[str, str, str]]:
    """(name, verdict, what was found) of M1 to M5. found: mitigation -> modes, kl, unreadable -> (seeds,).

    A mitigation is above another when its every seed is above the other's every seed, as far as three can tell."""

    def modes(name: str) -> np.ndarray:
        return found[name]["modes"]

    def listed(name: str, figure: str = "modes") -> str:
        return f"{name} {', '.join(f'{v:.0f}' if figure == 'modes' else f'{v:.2f}' for v in found[name][figure])}"

    def above(name: str) -> str:
        return _sided(float(modes(name).min() - modes("none").max()), float(modes(name).max() - modes("none").min()))

    r1, penalty, pool = (modes(n).mean() - modes("none").mean() for n in ("r1", "salimans", "pool"))
    order = sorted(found, key=lambda n: float(modes(n).mean()))
    fewer = found["mean"]["unreadable"].mean() < found["none"]["unreadable"].mean()
    third = above("mean") if fewer or above("mean") != "met" else "not met"
    return [
        ("M1", above("r1"), f"modes: {listed('r1')}; {listed('none')}"),
        ("M2", above("pairing"), f"modes: {listed('pairing')}; {listed('none')}"),
        ("M3", third, f"modes: {listed('mean')}; unreadable: {listed('mean', 'unreadable')}; "
                      f"{listed('none', 'unreadable')}"),
        ("M4", _word(abs(penalty) < r1 and abs(pool) < r1),
         f"mean modes against none: r1 {r1:+.1f}, salimans {penalty:+.1f}, pool {pool:+.1f}"),
        ("M5", _word("none" in order[:2]), f"fewest modes: {order[0]}, {order[1]}, {order[2]}"),
    ]  # fmt: skip


def robustness(falls: Mapping[tuple[str, str], np.ndarray]) -> list[tuple[str, str, str]]:
    """(name, verdict, what was found) of R1 to R4. falls: (system, kind) -> (1, prompts): colour with the caption as it
    is less colour at the greatest strength of a kind (fgsm and random: at equal eps)."""
    systems = list(dict.fromkeys(name for name, _ in falls))
    ends = {key: (mean(gap), *interval(gap)) for key, gap in falls.items()}

    def listed(kind: str) -> str:
        return "; ".join(f"{n} {value:+.3f} [{low:+.3f}, {high:+.3f}]"
                         for n in systems for value, low, high in [ends[n, kind]])  # fmt: skip

    beyond = {n: interval(falls[n, "fgsm"] - falls[n, "random"]) for n in systems}
    rivals = [n for n in systems if n != "flow"]
    spared = {n: interval(falls["flow", "fgsm"] - falls[n, "fgsm"]) for n in rivals}
    return [
        ("R1", _word(all(ends[n, "synonyms"][1] <= 0.05 for n in systems)), f"fall at 1: {listed('synonyms')}"),
        ("R2", _word(all(ends[n, "drops"][1] > 0 for n in systems)), f"fall at 1: {listed('drops')}"),
        ("R3", _word(all(low > 0 for low, _ in beyond.values())),
         "fgsm beyond random: " + "; ".join(f"{n} [{low:+.3f}, {high:+.3f}]" for n, (low, high) in beyond.items())),
        ("R4", _word(not all(low > 0 for low, _ in spared.values())),
         f"fall under fgsm: {listed('fgsm')}; flow's less theirs: "
         + "; ".join(f"{n} [{low:+.3f}, {high:+.3f}]" for n, (low, high) in spared.items())),
    ]  # fmt: skip


def _word(met: bool) -> str:
    return "met" if met else "not met"


def _sided(low: float, high: float) -> str:
    return "met" if low > 0 else "not met" if high < 0 else "cannot be told"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)) + "\n"
