"""The studies of trained systems that `python tools/reference.py` writes beside the controls: strategies, mitigations,
constraints, distance, robustness. Each trains what has no weights yet, runs, and writes its folder below OUT.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import expectations
import numpy as np
import torch
from expectations import table

OUT = "reports/reference"
LENGTH = {"flow": ("--full", "--steps", "860"), "cgan": ("--quick", "--steps", "1000")}
"""Of the trainings of the board of strategies, by generator."""
DROPPED = 0.3
"""Strength at which words are dropped from captions for expectation F4."""
SEEDS = (1, 2, 3)
PLAIN = {"loss": "hinge", "r1": "0", "attributes": "0", "eye": "0", "mean": "0"}
"""A conditional GAN without any mitigation; each of MITIGATIONS changes this."""
MITIGATIONS: Mapping[str, Mapping[str, str]] = {
    "none": {}, "r1": {"r1": "0.3"}, "matching": {"matching": "2.0"}, "spectral": {"spectral": "true"},
    "mean": {"mean": "0.995"}, "pool": {"pool": "0.5"}, "salimans": {"history": "0.001"}, "pairing": {"loss": "rp"},
    "seeking": {"seeking": "0.1"},
}  # fmt: skip
HELD = ("attribute-binding", "clipscore(extractor=scene-clip-independent)", "fd(extractor=scene-classifier)")
BESIDE = ("r-precision(extractor=scene-clip-independent)", "object-presence")
"""Judges of the constraints, which taught none of them; the first are drawn."""
ROBUST = ("flow", "cgan", "iten", "titan")
"""Systems of the curves of robustness; flow and titan are trained without a critic, or nearly."""
WORDED, STRENGTHS = ("synonyms", "typos", "drops"), (0.2, 0.4, 0.6, 0.8, 1.0)
ATTACKS, EPS = ("fgsm", "random"), (0.1, 0.2, 0.4)
CROSSED = ("none", "concat", "film", "attention")
"""Strategies of the factorial."""
CONSTRAINTS = ("none", "cosine", "ssim", "words", "matching", "embedding")


def bench(*words: str) -> None:
    """One command line; ends the program where it fails."""
    from bench.cli import main

    sys.argv = ["bench", *words]  # what the runs record as their command
    code = main(words)
    if code:
        raise SystemExit(f"bench {' '.join(words)} ended with {code}")


def fusion(device: str) -> None:
    """fusion/: board of strategies, pictures, factorial with another generator, and the expectations of strategies."""
    folder, root = f"{OUT}/fusion", "runs/fusion"
    study = tomllib.loads(Path(f"{folder}/systems.toml").read_text())
    crossed = [f"{generator}(train_seed=1)+{name}" for generator in LENGTH for name in CROSSED]
    flows = study["systems"]
    for text in dict.fromkeys([*flows, *crossed]):
        _installed(text, device)
    bench("run", *dict.fromkeys([*flows, *crossed]), "--dataset", study["dataset"], "--root", root, "--report",
          f"{root}/report")  # fmt: skip
    _board(f"{folder}/board.toml", f"{folder}/board", _runs(root, flows))
    one = [text for text in flows if "train_seed=1" in text]
    bench("plot", "samples", *_runs(root, one), "--style", "wide", "--format", "png", "--prompts", "10",
          "--out", folder)  # fmt: skip
    _board(f"{folder}/factorial.toml", f"{folder}/factorial", _runs(root, crossed))
    bench("plot", "fusion", *_runs(root, crossed), "--board", f"{folder}/factorial.toml", "--style", "wide", "--format",
          "svg,png", "--out", folder)  # fmt: skip
    dropped = [f"reworded(generator=\"{text}\",kind=drops,strength={DROPPED})" for text in flows]
    bench("run", *dropped, "--dataset", study["dataset"], "--root", f"{root}-dropped", "--report",
          f"{root}-dropped/report")  # fmt: skip
    found = expectations.of_runs([Path(run) for run in _runs(root, flows)])
    fallen = expectations.of_runs(list(_labelled(f"{root}-dropped").values()))
    _write_strategies(Path(folder), found, fallen)


def _installed(text: str, device: str) -> None:
    """Train what a system's text names, unless its weights are found."""
    from bench import registry
    from bench.errors import WeightsMissing
    from bench.spec import parse_system

    system = parse_system(text)
    assert system.fusion is not None
    made = registry.create("generator", system.generator.name, system.generator.params)
    made.fuse(system.fusion)
    try:
        made.path()
    except WeightsMissing:
        bench("train", f"generator:{system.generator.name}", "--fusion", str(system.fusion), "--device", device,
              "--seed", str(made.train_seed), "--install", *LENGTH[system.generator.name])  # fmt: skip


def _board(rules: str, site: str, runs: Sequence[str]) -> None:
    """Pin a board's rules to the runs, and write its site."""
    bench("leaderboard", "pin", rules, *runs)
    bench("leaderboard", rules, *runs, "--out", site)


def distance(device: str) -> None:
    """distance.md: how far flow's images of one object are from renders, in units of what two sets of renders are."""
    from bench import registry, store
    from bench.formats.images import decode
    from bench.functional import frechet_distance
    from bench.spec import seed_for
    from bench.world.render import render
    from bench.world.split import scene_at

    count, side = 2000, 32
    bench("run", "flow", "--dataset", f"scenes(split=one-test,size={count})", "--root", "runs/distance", "--report",
          "runs/distance/report", "--device", device, "-m", "fd(extractor=scene-classifier)")  # fmt: skip
    (run,) = (Path(found) for found in _runs("runs/distance", ["flow+attention"]))
    judge = registry.create("extractor", "scene-classifier", {})
    judge.load(device)

    def features(images: Sequence[Any]) -> Any:
        batches = [[judge.prepare_image(i) for i in images[at : at + 200]] for at in range(0, len(images), 200)]
        return torch.cat([torch.as_tensor(judge.extract_images(batch)["features"]) for batch in batches]).double()

    def renders(split: str, seed: int) -> Any:
        rows = [scene_at(split, i) for i in range(count)]
        return features(render([row.scene for row in rows], [seed_for(seed, row.id, 0) for row in rows], side))

    others, own = renders("one-val", -1), renders("one-test", 0)
    images = store.samples(run).sort_values("sample")["image"]
    drawn = features([decode(store.image_path(run, image)) for image in images])
    floor, far = (float(frechet_distance(given, others)) for given in (own, drawn))
    rows = [("renders of the prompts", f"{floor:.3f}"), ("flow+attention", f"{far:.3f}")]
    rows.append(("ratio", f"{far / floor:.2f}"))
    (Path(OUT) / "distance.md").write_text(
        "# Fréchet distance of flow\n\nWritten by `python tools/reference.py distance`: "
        f"{count:,} prompts of one object of the test split, features of `scene-classifier`, all images {side} pixels "
        "wide, against renders of as many scenes of the validation split.\n\n" + table(("images", "distance"), rows)
    )


def _runs(root: str, labels: Sequence[str]) -> list[str]:
    """Folders of the runs with these labels, in their order."""
    found = _labelled(root)
    return [str(found[label]) for label in labels]


def _labelled(root: str) -> dict[str, Path]:
    """Label -> folder of every run; SystemExit where two have one label: one is of weights that were there before."""
    found: dict[str, Path] = {}
    for path in sorted(p.parent for p in Path(root).glob("scenes-*/*/run.json")):
        label = json.loads((path / "run.json").read_text())["label"]
        if label in found:
            raise SystemExit(f"{found[label]} and {path} are both called {label}; move the older one away.")
        found[label] = path
    return found


def _write_strategies(folder: Path, found: Mapping[str, Any], fallen: Mapping[str, Any]) -> None:
    """strategies.csv, and README.md with the figures of each strategy and what came of the expectations."""
    lines, rows = ["strategy,figure,words,seed,value"], []
    for name in found["colour"]:
        cells = []
        for figure in expectations.FIGURES:
            low, high = expectations.interval(found[figure][name])
            cells.append(f"{expectations.mean(found[figure][name]):.3f} [{low:.3f}, {high:.3f}]")
            for words, part in (("kept", found), ("dropped", fallen)):
                lines += [f"{name},{figure},{words},{seed},{expectations.mean(part[figure][name][k : k + 1]):.4f}"
                          for k, seed in enumerate(SEEDS)]  # fmt: skip
        rows.append((name, *cells, f"{expectations.mean(fallen['colour'][name]):.3f}"))
    (folder / "strategies.csv").write_text("\n".join(lines) + "\n")
    _page(
        folder, "Fusion strategies: figures and expectations",
        "Written by `python tools/reference.py fusion`. One flow with each strategy: 860 steps of 128 rows, seeds 1, 2 "
        "and 3, 400 prompts, the analytic detector. Intervals are over seeds and prompts. Colour and shape are of "
        "prompts of one object; binding and relation of two related ones; in the last column "
        f"{DROPPED:.0%} of the words are dropped.",
        table(("strategy", *expectations.FIGURES, "colour, words dropped"), rows),
        expectations.strategies(found, fallen),
    )  # fmt: skip


def _page(folder: Path, title: str, what: str, figures: str, verdicts: Sequence[tuple[str, str, str]]) -> None:
    """README.md: a sentence, the figures, and the verdicts on docs/expectations.md."""
    told = table(("expectation", "verdict", "found"), verdicts)
    said = "What was expected was written down before, in [docs/expectations.md](../../../docs/expectations.md)."
    (folder / "README.md").write_text(f"# {title}\n\n{what}\n\n{figures}\n{said}\n\n{told}")


def trained(name: str, seed: int, options: Mapping[str, str], tier: str, steps: int, device: str) -> Path:
    """Weights of a training below runs/training, which is done where they are not there yet."""
    from bench.training.recipes import How, trainable

    known = trainable(name, How(seed=seed, steps=steps, tier=tier, options=options)).recipe.name
    weights = Path("runs/training") / known / f"{known}.safetensors"
    if not weights.with_suffix(".json").exists():
        told = [word for key, value in options.items() for word in ("--option", f"{key}={value}")]
        bench("train", name, f"--{tier}", "--steps", str(steps), "--seed", str(seed), *told, "--device", device,
              "--out", str(weights.parent), "--resume")  # fmt: skip
    return weights


def mitigations(device: str) -> None:
    """mitigations/: modes and divergence of cgan with each mitigation, and the expectations of them."""
    folder = Path(OUT) / "mitigations"
    folder.mkdir(parents=True, exist_ok=True)
    figures = ("modes", "kl", "unreadable", "colour")
    found: dict[str, dict[str, Any]] = {}
    lines, rows, scores = ["mitigation,seed," + ",".join(figures)], [], ["system,metric,value,low,high,direction"]
    for name, options in MITIGATIONS.items():
        cards = [
            json.loads(trained("generator:cgan", seed, {**PLAIN, **options}, "full", 300, device)
                       .with_suffix(".json").read_text())["figures"] for seed in SEEDS
        ]  # fmt: skip
        found[name] = {f: np.array([card[f] for card in cards]) for f in figures}
        lines += [f"{name},{seed}," + ",".join(f"{card[f]:.4f}" for f in figures)
                  for seed, card in zip(SEEDS, cards, strict=True)]  # fmt: skip
        rows.append((name, *(_seeds(f, v) for f, v in found[name].items())))
        scores += [f"{name},{f},{v.mean():.4f},{v.min():.4f},{v.max():.4f},{'higher' if f == 'modes' else 'lower'}"
                   for f, v in found[name].items() if f in ("modes", "kl")]  # fmt: skip
    (folder / "seeds.csv").write_text("\n".join(lines) + "\n")
    (folder / "scores.csv").write_text("\n".join(scores) + "\n")
    bench("plot", "scores", "--from", str(folder / "scores.csv"), "--style", "wide", "--format", "svg,png",
          "--out", str(folder))  # fmt: skip
    truth = f"{cards[0]['modes of truth']:.0f} modes and a divergence of {cards[0]['kl of truth']:.2f}"
    _page(
        folder, "Mitigations of mode collapse in one conditional GAN",
        "Written by `python tools/reference.py mitigations`. `cgan` with hinge loss and nothing else, then with one "
        "thing added at a time: 300 steps of 128 rows, mean and the three seeds. A mode is shape, colour and cell; "
        f"378 texts leave the place open; renders of the same texts have {truth} (nats).",
        table(("mitigation", "modes", "KL to uniform", "unreadable", "colour"), rows), expectations.mitigations(found),
    )  # fmt: skip


def _seeds(figure: str, values: Any) -> str:
    """Mean, and each seed's in brackets."""
    digits = 0 if figure == "modes" else 2
    each = ", ".join(f"{v:.{digits}f}" for v in values)
    return f"{values.mean():.{digits + (figure == 'modes')}f} ({each})"


def constraints(device: str) -> None:
    """constraints/: the board of flows that were held to their captions in different ways, one training each."""
    folder = f"{OUT}/constraints"
    systems = []
    for kind in CONSTRAINTS:
        options = {} if kind == "none" else {"consistency": kind}
        weights = trained("generator:flow", 1, options, "quick", 1200, device)
        systems.append(f"{kind}=flow(weights={weights},train_seed=1)")
    judges = [word for metric in (*HELD, *BESIDE) for word in ("-m", metric)]
    bench("run", *systems, "--dataset", "scenes(size=400)", "--root", "runs/constraints", "--report",
          "runs/constraints/report", *judges)  # fmt: skip
    runs = _runs("runs/constraints", CONSTRAINTS)
    _board(f"{folder}/board.toml", f"{folder}/board", runs)
    bench("plot", "forest", *runs, "--baseline", "none", *(w for m in HELD for w in ("-m", m)), "--style", "wide",
          "--format", "svg,png", "--out", folder)  # fmt: skip


def robustness(device: str) -> None:
    """robustness/: curves of trained systems over strength and eps, and the expectations of them."""
    folder = Path(OUT) / "robustness"
    folder.mkdir(parents=True, exist_ok=True)
    ways = {kind: ("reworded", "strength", STRENGTHS) for kind in WORDED}
    ways |= {kind: ("attacked", "eps", EPS) for kind in ATTACKS}
    systems = [f"{name} 0={name}" for name in ROBUST] + [
        f"{name} {kind} {x}={wrapper}(generator={name},kind={kind},{how}={x})"
        for name in ROBUST for kind, (wrapper, how, far) in ways.items() for x in far
    ]  # fmt: skip
    judges = [word for metric in HELD[:2] for word in ("-m", metric)]
    bench("run", *systems, "--dataset", "scenes(split=one-test,size=200)", "--root", "runs/robustness",
          "--report", "runs/robustness/report", "--device", device, *judges)  # fmt: skip
    colour = {}
    for label, path in _labelled("runs/robustness").items():
        colour[label] = np.array([[one["colour"] for one in expectations.seen(path)]], dtype=np.float64)
    lines, rows, falls = ["system,metric,factor,x,value,low,high,direction"], [], {}
    for name in ROBUST:
        for kind, (_, how, far) in ways.items():
            met = [(0.0, colour[f"{name} 0"]), *((x, colour[f"{name} {kind} {x}"]) for x in far)]
            for x, right in met:
                low, high = expectations.interval(right)
                share = expectations.mean(right)
                lines.append(f"{name},colour under {kind},{how},{x},{share:.4f},{low:.4f},{high:.4f},higher")
            shares = [f"{expectations.mean(right):.2f}" for _, right in met]
            rows.append((name, kind, *shares, *[""] * (1 + len(STRENGTHS) - len(shares))))
            falls[name, kind] = met[0][1] - met[-1][1]
    (folder / "curves.csv").write_text("\n".join(lines) + "\n")
    for kind in ways:
        bench("plot", "curve", "--from", str(folder / "curves.csv"), "-m", f"colour under {kind}", "--style", "column",
              "--out", str(folder / f"{kind}.svg"))  # fmt: skip
    _page(
        folder, "Robustness of the trained systems",
        "Written by `python tools/reference.py robustness`. Share of 200 prompts of one object whose image has the "
        "right colour, by strength of the other words, or by eps of fgsm and random (in brackets). "
        "[curves.csv](curves.csv) has the intervals, [drops](drops.svg), [fgsm](fgsm.svg) and so on the curves.",
        table(("system", "kind", "0", *(f"{s} ({eps})" if eps else f"{s}" for s, eps in zip_longest(STRENGTHS, EPS))),
              rows), expectations.robustness(falls),
    )  # fmt: skip


STUDIES: Mapping[str, Callable[[str], None]] = {
    "fusion": fusion, "mitigations": mitigations, "constraints": constraints, "distance": distance,
    "robustness": robustness,
}  # fmt: skip

