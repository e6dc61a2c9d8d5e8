"""Writes reports/reference from nothing: `python tools/reference.py [PART]... [--device cuda]`.

controls      the runs of examples/quickstart.toml (drawn and judged here, no download), their comparison, their board
              with the trained systems that come with the package, and the README's figure; minutes
fusion        the board of strategies and the factorial of generators x strategies
mitigations   cgan with each of the survey's mitigations: modes, divergence from uniform
constraints   flow with each semantic-consistency constraint, by judges that taught none of them
robustness    trained systems asked in other words at five strengths, and with word embeddings moved against them

Without a name the controls. The others train first what has no weights yet (fusion: in BENCH_HOME; the rest: below
runs/training), which takes a GPU minutes and two cores a night. Paths are relative to the checkout, so that what is
committed names no machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import expectations
import numpy as np
from expectations import table

ROOT = Path(__file__).resolve().parent.parent
OUT = "reports/reference"
SHOWN = (
    "r-precision(extractor=scene-clip)", "attribute-binding", "spatial-relation", "counting",
)  # fmt: skip
"""Metrics of the README's figure."""
TRAINED = ("cgan", "cman", "wirn", "titan")
"""Trained systems beside those of the quickstart."""
SEEN = (
    "oracle", "flow+attention", "text-blind flow", "cgan+concat", "iten+film", "cman+attention", "wirn+none",
    "titan+none",
)  # fmt: skip
"""Systems whose pictures stand side by side."""
LENGTH = {"flow": ("--full", "--steps", "860"), "cgan": ("--quick", "--steps", "1000")}
"""Of the trainings of the board of strategies, by generator."""
DROPPED = 0.3
"""Strength at which words are dropped from captions for expectation F4."""
SEEDS = (1, 2, 3)
PLAIN = {"loss": "hinge", "r1": "0", "attributes": "0", "mean": "0"}
"""A conditional GAN without any mitigation; each of MITIGATIONS changes this."""
MITIGATIONS: Mapping[str, Mapping[str, str]] = {
    "none": {}, "r1": {"r1": "0.3"}, "matching": {"matching": "2.0"}, "spectral": {"spectral": "true"},
    "mean": {"mean": "0.995"}, "pool": {"pool": "0.5"}, "salimans": {"history": "0.001"}, "pairing": {"loss": "rp"},
    "seeking": {"seeking": "0.1"},
}  # fmt: skip
HELD = ("attribute-binding", "clipscore(extractor=scene-clip-independent)", "fd(extractor=scene-classifier)")
"""Judges of the constraints, which taught none of them."""
ROBUST = ("flow", "cgan", "iten", "titan")
"""Systems of the curves of robustness; flow and titan are trained without a critic, or nearly."""
WORDED, STRENGTHS = ("synonyms", "typos", "drops"), (0.2, 0.4, 0.6, 0.8, 1.0)
ATTACKS, EPS = ("fgsm", "random"), (0.1, 0.2, 0.4)
CONSTRAINTS = ("none", "cosine", "ssim", "words", "matching", "embedding")


def bench(*words: str) -> None:
    """One command line; ends the program where it fails."""
    from bench.cli import main

    sys.argv = ["bench", *words]  # what the runs record as their command
    code = main(words)
    if code:
        raise SystemExit(f"bench {' '.join(words)} ended with {code}")


def controls() -> None:
    """comparison, board and figures."""
    bench("run", "examples/quickstart.toml", "--report", f"{OUT}/comparison")
    size = tomllib.loads(Path("examples/quickstart.toml").read_text())["dataset"]
    bench("run", *TRAINED, "--dataset", size, "--report", "runs/trained")
    runs = str(next(p for p in sorted(Path("runs").glob("scenes-test-*")) if any(p.glob("oracle-*"))))
    bench("leaderboard", "pin", f"{OUT}/board.toml", runs)
    bench("leaderboard", f"{OUT}/board.toml", runs, "--out", f"{OUT}/board")
    metrics = [w for metric in SHOWN for w in ("-m", metric)]
    bench("plot", "scores", runs, *metrics, "--style", "wide", "--format", "svg,png", "--out", f"{OUT}/figures")
    bench("plot", "samples", runs, *_only(*SEEN), "--style", "wide", "--format", "png", "--prompts", "8",
          "--out", f"{OUT}/figures")  # fmt: skip


def _only(*systems: str) -> list[str]:
    return [word for system in systems for word in ("--system", system)]


def fusion(device: str) -> None:
    """fusion/: board, factorial, pictures, and the expectations of strategies."""
    from bench import registry
    from bench.errors import WeightsMissing
    from bench.spec import parse_system

    folder = f"{OUT}/fusion"
    systems = tomllib.loads(Path(f"{folder}/systems.toml").read_text())["systems"]
    for text in systems:
        system = parse_system(text)
        made = registry.create("generator", system.generator.name, system.generator.params)
        made.fuse(system.fusion)
        try:
            made.path()
        except WeightsMissing:
            bench("train", f"generator:{system.generator.name}", "--fusion", str(system.fusion), "--device", device,
                  "--seed", str(made.train_seed), "--install", *LENGTH[system.generator.name])  # fmt: skip
    bench("run", f"{folder}/systems.toml", "--root", "runs/fusion", "--report", "runs/fusion/report")
    runs = _only_folder("runs/fusion")
    bench("leaderboard", "pin", f"{folder}/board.toml", runs)
    bench("leaderboard", f"{folder}/board.toml", runs, "--out", f"{folder}/board")
    flows = [text for text in systems if text.startswith("flow")]
    one = _only(*(text for text in flows if "train_seed=1" in text))
    bench("plot", "samples", runs, *one, "--style", "wide", "--format", "png", "--prompts", "10", "--out", folder)
    bench("plot", "fusion", runs, "--board", f"{folder}/board.toml", "--style", "wide", "--format", "svg,png",
          "--out", folder)  # fmt: skip
    dropped = [f"reworded(generator=\"{text}\",kind=drops,strength={DROPPED})" for text in flows]
    data = tomllib.loads(Path(f"{folder}/systems.toml").read_text())["dataset"]
    bench("run", *dropped, "--dataset", data, "--root", "runs/fusion-dropped", "--report", "runs/fusion-dropped/report")
    found, fallen = (
        expectations.of_runs([p for p in sorted(Path(_only_folder(root)).iterdir()) if p.name.startswith(start)])
        for root, start in (("runs/fusion", "flow"), ("runs/fusion-dropped", "reworded"))
    )
    _write_strategies(Path(folder), found, fallen)


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
    bench("run", *systems, "--dataset", "scenes(size=400)", "--root", "runs/constraints", "--report",
          "runs/constraints/report")  # fmt: skip
    runs = _only_folder("runs/constraints")
    bench("leaderboard", "pin", f"{folder}/board.toml", runs)
    bench("leaderboard", f"{folder}/board.toml", runs, "--out", f"{folder}/board")
    bench("plot", "forest", runs, "--baseline", "none", *(w for m in HELD for w in ("-m", m)), "--style", "wide",
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
    for path in sorted(p.parent for p in Path(_only_folder("runs/robustness")).glob("*/run.json")):
        told = [one["colour"] for one in expectations.seen(path)]
        colour[json.loads((path / "run.json").read_text())["label"]] = np.array([told], dtype=np.float64)
    lines, rows, falls = ["system,metric,x,value,low,high,direction"], [], {}
    for name in ROBUST:
        for kind, (_, _, far) in ways.items():
            met = [(0.0, colour[f"{name} 0"]), *((x, colour[f"{name} {kind} {x}"]) for x in far)]
            for x, right in met:
                low, high = expectations.interval(right)
                lines.append(f"{name},{kind},{x},{expectations.mean(right):.4f},{low:.4f},{high:.4f},higher")
            shares = [f"{expectations.mean(right):.2f}" for _, right in met]
            rows.append((name, kind, *shares, *[""] * (1 + len(STRENGTHS) - len(shares))))
            falls[name, kind] = met[0][1] - met[-1][1]
    (folder / "curves.csv").write_text("\n".join(lines) + "\n")
    for kind in ways:
        bench("plot", "curve", "--from", str(folder / "curves.csv"), "-m", kind, "--style", "column",
              "--out", str(folder / f"{kind}.svg"))  # fmt: skip
    _page(
        folder, "Robustness of the trained systems",
        "Written by `python tools/reference.py robustness`. Share of 200 prompts of one object whose image has the "
        f"right colour, at strengths 0, {', '.join(map(str, STRENGTHS))} of other words, and for fgsm and random at "
        f"eps 0, {', '.join(map(str, EPS))}. [curves.csv](curves.csv) has the intervals.",
        table(("system", "kind", *map(str, range(1 + len(STRENGTHS)))), rows), expectations.robustness(falls),
    )  # fmt: skip


def _only_folder(root: str) -> str:
    """The folder of runs of the one data set below a root."""
    return str(next(iter(sorted(Path(root).glob("scenes-*test-*")))))


PARTS = {"fusion": fusion, "mitigations": mitigations, "constraints": constraints, "robustness": robustness}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=("controls", *PARTS))
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    os.chdir(ROOT)
    if "controls" in (asked.parts or ["controls"]):
        controls()
    for part in asked.parts:
        if part in PARTS:
            PARTS[part](asked.device)
