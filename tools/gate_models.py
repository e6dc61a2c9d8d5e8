"""Trained reference systems under the gate: unchanged, with planted defects, and broken in each way that a gate is for.

All runs are real: images by the shipped weights, judged by the judges of scenes, held against baselines by the same
calls as `bench baseline set` and `bench gate run`. A planted defect is a share p of captions that are contradicted in
one word before the system reads them (`reworded(kind=contradiction)`), while its images are held to what was asked for.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gate_rates import BATCH, PASS, Rng, Scores, trials
from PIL import Image

import bench.api as api
from bench import registry, store
from bench.engine.options import Options
from bench.regression.audit import Audit, audited
from bench.regression.baseline import Baseline, made
from bench.regression.calibrate import calibrated
from bench.regression.gate import gate
from bench.regression.policy import Policy, policy_from
from bench.regression.verdict import Verdict
from bench.study import Study
from bench.types import Run

SYSTEMS = ("flow(side=32,steps=4)+attention", "iten", "wirn")
SHARES = (0.1, 0.2, 0.4, 1.0)
COLOUR, MATCH = "pixel-colour", "clipscore(extractor=scene-clip)"
METRICS = (COLOUR, MATCH, "fd(extractor=scene-classifier)", "collapse")
RULES = [{"metric": COLOUR}, {"metric": MATCH}, {"metric": METRICS[2], "blocking": False}]


@dataclass(frozen=True)
class Workshop:
    """Where runs are made."""

    root: Path
    prompts: int
    metrics: Sequence[str] = METRICS

    @property
    def dataset(self) -> str:
        return f"scenes(split=one-test,size={self.prompts})"

    def run(self, system: str, *, label: str, seed: int = 0, repeats: int = 1, metrics: Sequence[str] = ()) -> Run:
        """A finished run of a system. metrics: others than the shop's."""
        study = Study(systems=(f"{label}={system}",), dataset=self.dataset, metrics=tuple(metrics or self.metrics),
                      seed=seed, repeats=repeats)  # fmt: skip
        (found,) = api.run(study, options=Options(root=self.root))
        return found

    def baseline(self, run: Run, name: str = "main") -> Baseline:
        return made(Path(run.path), name, "as it is", self.root)

    def words(self, p: float) -> set[str]:
        """Ids of the samples whose captions a planted defect contradicts."""
        scenes = registry.create("dataset", "scenes", {"split": "one-test", "size": self.prompts})
        own = {s.id: s.prompt for s in scenes}
        other = registry.create("dataset", "perturbed", {"base": self.dataset, "kind": "contradiction", "strength": p})
        return {s.group for s in other if s.prompt != own[s.group]}


def margins(against: Baseline, repeats: Sequence[Run]) -> Policy:
    """The policy that `bench gate calibrate` proposes, of the rules whose metrics the runs have."""
    mine = [rule for rule in RULES if rule["metric"] in repeats[0].cards]
    found = calibrated(against, [Path(r.path) for r in repeats], policy_from({"metric": mine}))
    known = {one.metric: one.margin for one in found}
    rules = [{**rule, "margin": known[str(rule["metric"])]} for rule in mine]
    return policy_from({"metric": rules})


@dataclass(frozen=True)
class Planted:
    """What one share of contradicted captions ends as."""

    system: str
    p: float
    lost: float
    """CLIPScore by the judge of scenes."""
    margin: float
    verdict: str
    """Against the baseline with the same image seeds."""
    other: str
    """The same with other image seeds."""
    explained: tuple[int, int]
    """Of the five worst prompts, those whose words were contradicted; and how many were named."""
    resampled: float
    """Share of trials, prompts drawn again, in which a margin as large as the loss does not pass."""
    heaviest: float
    """The worst prompt's part of that loss."""


def planted(
    shop: Workshop, system: str, count: int, seed: int, *, shares: Sequence[float] = SHARES, runs: int = 4
) -> tuple[Audit, list[Planted]]:
    """A system's repeats under the audit, and its planted defects under the gate."""
    rng = np.random.default_rng(seed)
    name = system.split("(")[0]
    repeats = [shop.run(system, label=f"{name}-{s}", seed=s) for s in range(runs)]
    against = shop.baseline(repeats[0])
    policy = margins(against, repeats[1:])
    found = []
    for p in shares:
        text = f'reworded(generator="{system}",kind=contradiction,strength={p:g})'
        same, other = (shop.run(text, label=f"{name}-p{p:g}-{s}", seed=s) for s in (0, 1))
        verdicts = [gate(run, [against], policy) for run in (same, other)]
        item = next(i for i in verdicts[0].items if i.metric == MATCH)
        touched = shop.words(p)
        worst = [fall.sample in touched for fall in item.falls]
        found.append(Planted(
            name, p, -(item.delta or 0.0), item.margin or 0.0, *(v.outcome for v in verdicts), (sum(worst), len(worst)),
            *_resampled(repeats[0], other, count, rng),
        ))  # fmt: skip
    return audited([store.load(r.path) for r in repeats], policy, drops=(1.0,), trials=count, seed=seed), found


def _resampled(before: Run, after: Run, count: int, rng: Rng) -> tuple[float, float]:
    """(share of trials that do not pass, the worst prompt's part of the loss): prompts drawn again from two runs of
    unequal image seeds, with a margin of exactly the loss between them."""
    tables = [store.samples(r.path).sort_values("sample") for r in (before, after)]
    old, new = (t[f"{MATCH}:score"].to_numpy(dtype=float)[:, None] for t in tables)
    loss = float((old - new).mean())
    if loss <= 0:
        return float("nan"), float("nan")
    told = []
    for start in range(0, count, BATCH):
        drawn = rng.integers(len(old), size=(min(BATCH, count - start), len(old)))
        told.append(trials([[Scores(old[rows], new[rows])] for rows in drawn], [loss], rng)[0][:, 0] != PASS)
    return float(np.mean(np.concatenate(told))), float((old - new).max() / (old - new).sum())


# ---- scenarios -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """One way in which a run is not what it was, and what the gate says of it."""

    name: str
    expected: str
    verdict: Verdict

    @property
    def right(self) -> bool:
        return self.verdict.outcome == self.expected


def scenarios(shop: Workshop, system: str = "wirn") -> Iterator[Scenario]:
    """Each of them with images of one trained system, two a prompt."""
    first, again = (shop.run(system, label=f"{system}-twice-{s}", seed=s, repeats=2) for s in (0, 1))
    against = shop.baseline(first)
    policy = margins(against, [again])

    def held(run: Run) -> Verdict:
        return gate(run, [against], policy)

    yield Scenario("nothing: other seeds", "pass", held(again))
    yield Scenario("nothing: the same run again", "pass", held(first))
    yield Scenario("every image is one grey", "regressed", held(shop.run("constant", label="grey", repeats=2)))
    for name, expected, change in _FOLDERS:
        folder = shop.root / "folders" / change.__name__
        change(first, folder)
        run = shop.run(f"folder(path={folder},match=manifest)", label=change.__name__, repeats=2)
        yield Scenario(name, expected, held(run))
    yield from protocols(shop)
    yield from slide(shop, system)


def _copied(run: Run, folder: Path, donor: dict[tuple[str, int], tuple[str, int]]) -> None:
    """A folder of the run's images in which (sample, k) has the image of another one; those not named are absent."""
    frame = store.samples(run.path)
    images = {(s, int(k)): store.image_path(run.path, i)
              for s, k, i in zip(frame["sample"], frame["k"], frame["image"], strict=True)}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file,id,k"]
    for key, source in donor.items():
        name = f"{key[0]}_{key[1]}.png"
        shutil.copy(images[source], folder / name)
        lines.append(f"{name},{key[0]},{key[1]}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


def _keys(run: Run) -> list[tuple[str, int]]:
    frame = store.samples(run.path)
    return sorted((s, int(k)) for s, k in zip(frame["sample"], frame["k"], strict=True))


def one_picture(run: Run, folder: Path) -> None:
    """The first image for all prompts."""
    keys = _keys(run)
    _copied(run, folder, dict.fromkeys(keys, keys[0]))


def ignored_seeds(run: Run, folder: Path) -> None:
    """Both images of a prompt are its first."""
    _copied(run, folder, {key: (key[0], 0) for key in _keys(run)})


def shuffled_prompts(run: Run, folder: Path) -> None:
    """Every prompt has another prompt's images."""
    keys = _keys(run)
    names = sorted({s for s, _ in keys})
    at = {name: names[(i + len(names) // 2) % len(names)] for i, name in enumerate(names)}
    _copied(run, folder, {(s, k): (at[s], k) for s, k in keys})


def missing_images(run: Run, folder: Path) -> None:
    """One image in twenty is not there."""
    _copied(run, folder, {key: key for i, key in enumerate(_keys(run)) if i % 20})


def faded(run: Run, folder: Path, share: float) -> None:
    """The images with so much of their contrast gone."""
    _copied(run, folder, {key: key for key in _keys(run)})
    for file in folder.glob("*.png"):
        with Image.open(file) as image:
            plain = image.convert("RGB")
        Image.blend(plain, Image.new("RGB", plain.size, (128, 128, 128)), share).save(file)


_FOLDERS = (
    ("one picture for all prompts", "regressed", one_picture),
    ("seeds are ignored", "regressed", ignored_seeds),
    ("prompts are shuffled", "regressed", shuffled_prompts),
    ("5 % of the images are missing", "incomplete", missing_images),
)


def protocols(shop: Workshop) -> Iterator[Scenario]:
    """The same images, judged in another way."""
    small = replace(shop, prompts=min(shop.prompts, 40))
    nets = [f"inception-v3(seed=0,resize={r})" for r in ("clean", "tf-fid")]
    for name, texts in (
        ("another resize filter before the network", [f"is(extractor={net})" for net in nets]),
        ("another extractor", [f"clipscore(extractor=scene-clip{t})" for t in ("", "-independent")]),
    ):
        a, b = (small.run("wirn", label=f"judged-{i}", seed=i, metrics=(t, "collapse")) for i, t in enumerate(texts))
        rules = policy_from({"metric": [{"metric": texts[0], "margin": 0.1}]})
        yield Scenario(name, "not comparable", gate(b, [small.baseline(a)], rules))


def slide(shop: Workshop, system: str, *, count: int = 10, step: float = 0.015) -> Iterator[Scenario]:
    """Releases of which each has a little less contrast, against the last one and against the first; margins are those
    of repeats with one image a prompt, as the releases have."""
    repeats = [shop.run(system, label=f"{system}-{s}", seed=s) for s in range(3)]
    policy = margins(shop.baseline(repeats[0]), repeats[1:])
    steps = [repeats[0]]
    for i in range(1, count + 1):
        folder = shop.root / "folders" / f"faded-{i}"
        faded(repeats[0], folder, step * i)
        steps.append(shop.run(f"folder(path={folder},match=manifest)", label=f"step-{i}"))
    anchor, last = shop.baseline(steps[0], "anchor"), shop.baseline(steps[-2], "last")
    alone = [gate(b, [shop.baseline(a, "last")], policy) for a, b in itertools.pairwise(steps)]
    gravest = next((v for v in alone if v.outcome != "pass"), alone[-1])
    yield Scenario("a slow slide of contrast, each of ten steps against the last", "pass", gravest)
    both = gate(steps[-1], [last, anchor], policy)
    yield Scenario("a slow slide of contrast, the tenth step against last and anchor", "regressed", both)


def because(verdict: Verdict) -> str:
    """The first reason of a verdict that did not pass."""
    found = [f.text for f in verdict.findings if f.outcome == verdict.outcome != "pass"]
    found += [f"{i.name}: {i.reason}" for i in verdict.items if i.blocking and i.outcome == verdict.outcome != "pass"]
    return found[0] if found else "no blocking comparison is worse by its margin"
