"""Writes docs/gate-calibration.md: how often the gate is wrong, by simulation, on real scores, and on trained models.

    python tools/gate_calibration.py [--out docs/gate-calibration.md] [--trials 4000] [--prompts 120]

A quarter of an hour on one core; `--trials 200` for a quick look. Everything is drawn from fixed seeds. Parts that need
data by others (BENCH_SHARED_DATA) say so where it is absent. A cell outside its bar is bold and named at the end.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import gate_models  # noqa: E402
import gate_rates  # noqa: E402

import bench.api as api  # noqa: E402
from bench import registry, store  # noqa: E402
from bench.engine.options import Options  # noqa: E402
from bench.spec import parse_system  # noqa: E402
from bench.stats.noninferiority import bounds  # noqa: E402
from bench.study import Study  # noqa: E402

SIZES = (50, 200)
ALARMS, CAUGHT, POWER, CLOSE = 0.05, 0.95, 0.8, 0.03
PEOPLE, TIFA = "human_avg", "tifa_mplug-large"
SCORES = (TIFA, "tifa_blip2-flant5xl", "tifa_vilt", "clipscore_vitb32", "spice", "meteor", "rouge", PEOPLE)
VISOR = ("is(extractor=torchvision(seed=0,size=64))", "is(extractor=torchvision(seed=1,size=64))",
         "clipscore(extractor=scene-clip)")  # fmt: skip
KINDS = ("pass", "inconclusive", "regressed")
"""In the order of their numbers in `bench.stats.trials`."""
ABSENT = (
    "This part needs data by others ({}), which was not there when the page was written; BENCH_SHARED_DATA names its "
    "folder."
)
HEAD = """# How often the gate is wrong

Written by `python tools/gate_calibration.py`, {trials} trials a cell, so that the error of the simulation itself is
{power:.1f} points at 80 % and {margin:.1f} at 95 % or 5 %. The bars: an unchanged model is called regressed in at most
5 % over all blocking comparisons; a model that is worse by the margin does not pass (exit code not 0) in at least 95 %;
the drop that the gate prints as "seen from" is called a regression in 80 %, within 3 points. Bold is outside of its bar
by more than two errors of the simulation.
"""


@dataclass
class Bars:
    """What fell outside."""

    outside: list[str] = field(default_factory=list)

    def share(self, value: float, trials: int, where: str, *, most: float = 1.0, least: float = 0.0) -> str:
        """A share in per cent, bold where it is beyond `most` or below `least` by two errors of the simulation."""
        if not np.isfinite(value):
            return "–"
        slack = 2 * max((b * (1 - b) / trials) ** 0.5 for b in (most, least))
        if least - slack <= value <= most + slack:
            return f"{100 * value:.1f}"
        self.outside.append(f"{where}: {100 * value:.1f} %")
        return f"**{100 * value:.1f}**"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: bool = False) -> str:
    """Markdown, the first column left, the others right."""
    lines = [head, ["---", *["---" if left else "---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def of_rates(found: Sequence[gate_rates.Rates], bars: Bars) -> str:
    """Rates as a table."""
    rows = []
    for r in found:
        where = f"{r.name}, {r.prompts} prompts"
        rows.append([
            r.name, str(r.prompts), str(r.comparisons),
            bars.share(r.alarms, r.trials, f"{where}: false alarms", most=ALARMS), f"{100 * r.unchanged:.1f}",
            bars.share(r.caught, r.trials, f"{where}: a drop of the margin", least=CAUGHT), f"{r.seen_from:.2f}",
            bars.share(r.power, r.trials, f"{where}: power at the printed drop", most=POWER + CLOSE,
                       least=POWER - CLOSE),
        ])  # fmt: skip
    head = ["scores", "prompts", "compared", "unchanged: called regressed, %", "unchanged: passes, %",
            "worse by the margin: not passed, %", "seen from, margins", "worse by that: called regressed, %",
            ]  # fmt: skip
    return table(head, rows)


# ---- real scores ---------------------------------------------------------------------------------------------------


def shared() -> Path:
    """The folder of data by others."""
    return Path(os.environ.get("BENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")


def tifa_scores(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """System -> metric -> (160,) scores of the texts in one order."""
    rows = list(json.loads(path.read_text()).values())
    texts = sorted({r["text_id"] for r in rows})
    found: dict[str, dict[str, np.ndarray]] = {}
    for row in rows:
        system = row["image_path"].removesuffix(".jpg").removeprefix(f"{row['text_id']}_")
        own = found.setdefault(system, {name: np.full(len(texts), np.nan) for name in SCORES})
        for name in SCORES:
            own[name][texts.index(row["text_id"])] = row[name]
    return found


def tifa(trials: int, bars: Bars) -> Iterator[str]:
    """TIFA's table of 800 images: the scores of two systems exchanged prompt by prompt; and the systems as they are."""
    path = shared() / "tifa" / "human_annotations_with_scores.json"
    if not path.is_file():
        yield ABSENT.format("TIFA's human_annotations_with_scores.json")
        return
    systems = tifa_scores(path)
    pairs = list(itertools.combinations(sorted(systems), 2))
    tables = [[np.stack([systems[s][name] for s in pair], axis=1) for name in SCORES] for pair in pairs]
    yield of_rates([gate_rates.dealt(f"TIFA: {len(systems)} systems, {len(SCORES)} scores", tables, trials, 1)], bars)
    rng, told = np.random.default_rng(2), Counter()
    for pair in [*pairs, *(p[::-1] for p in pairs)]:
        family = [gate_rates.Scores(*(systems[s][name][:, None] for s in pair)) for name in (TIFA, PEOPLE)]
        margins = [0.2 * bounds(one.cells, 1).sd for one in family]
        found = [gate_rates.trials([[one]], [m], rng)[0][0, 0] for one, m in zip(family, margins, strict=True)]
        told[tuple(KINDS[i] for i in found)] += 1
    yield (
        f"The systems as they are, each held against each other by {TIFA} and by people's ratings alone (margin 0.2 "
        f"standard deviations, {sum(told.values())} ordered pairs); rows: what the metric says, columns: what people "
        "say."
    )
    yield table(["", *KINDS], [[a, *(str(told[a, b]) for b in KINDS)] for a in KINDS])


def visor(trials: int, bars: Bars, root: Path) -> Iterator[str]:
    """Seven real systems, four images a prompt: each system's own images dealt to a baseline and a run."""
    folder = shared() / "visor"
    if not folder.is_dir():
        yield ABSENT.format("the images of VISOR")
        return
    study = Study(systems=tuple(str(f) for f in sorted((folder / "images").iterdir())), metrics=VISOR,
                  prompts=str(folder / "prompts.json"))  # fmt: skip
    tables = []
    for run in api.run(study, options=Options(root=root)):
        frame = store.samples(run.path).sort_values(["sample", "k"])
        columns = [next(c for c in frame if c.startswith(f"{metric}:")) for metric in VISOR]
        tables.append([frame[c].to_numpy(dtype=float).reshape(-1, run.spec.repeats or 4) for c in columns])
    name = f"VISOR: images of {len(tables)} systems"
    yield of_rates([gate_rates.dealt(name, tables, trials, 3)], bars)


# ---- trained models ------------------------------------------------------------------------------------------------


def models(shop: gate_models.Workshop, trials: int, bars: Bars) -> Iterator[str]:
    """Audits, planted defects."""
    audits, defects = [], []
    for i, system in enumerate(gate_models.SYSTEMS):
        audit, found = gate_models.planted(shop, system, trials, i)
        where = found[0].system
        at = {(p.label, p.margins): p for p in audit.power}
        for label in audit.blocking:
            margin, seen = at[label, 1.0], at[label, 0.0]
            audits.append([
                f"{where}: {label}",
                bars.share(audit.false_alarms.share, trials, f"{where}: false alarms", most=ALARMS),
                bars.share(margin.not_passed.share, trials, f"{where}, {label}: a drop of the margin", least=CAUGHT),
                f"{seen.drop / margin.drop:.2f}",
                bars.share(seen.regressed.share, trials, f"{where}, {label}: power", most=POWER + CLOSE,
                           least=POWER - CLOSE),
            ])  # fmt: skip
        for one in found:
            hit, named = one.explained
            defects.append([
                f"{one.system}, p = {one.p:g}", f"{one.lost:.2f}", f"{one.margin:.2f}", one.verdict, one.other,
                f"{hit} of {named}",
                f"{100 * one.heaviest:.0f}",
                bars.share(one.resampled, trials, f"{one.system}, p = {one.p:g}: a drop of the margin, of which one "
                           f"prompt holds {100 * one.heaviest:.0f} %", least=CAUGHT),
            ])  # fmt: skip
    yield table(
        ["system: metric", "unchanged: called regressed, %", "worse by the margin: not passed, %", "seen from, margins",
         "worse by that: called regressed, %"], audits,
    )  # fmt: skip
    yield (
        "Planted: a share p of the captions is contradicted in one word before the system reads them, and its images "
        "are held to what was asked for. Margins are those of `bench gate calibrate` on the four repeats; both metrics "
        "block. Explained right: of the prompts that the verdict names as worst, those whose caption was contradicted. "
        "Last columns: prompts drawn again, with a margin of exactly the loss between unequal image seeds. Where a few "
        "prompts hold most of a small loss, a trial lacks the worst of them in e^-1 = 37 %, and then neither the mean "
        "nor its error shows what the margin stands for: no bound of a mean mends that (Student's t alone is 1 to 2 "
        "points worse than the gate's, which are wider where few prompts pull the mean down). Such breaks are what "
        "`severity` is for."
    )
    yield table(
        ["planted", "CLIPScore lost", "margin", "same image seeds", "other image seeds", "explained right",
         "loss held by one prompt, %", "worse by the margin: not passed, %"], defects,
    )  # fmt: skip


def weights() -> str:
    """Which weights the systems have, in digits."""
    generators = [parse_system(text).generator for text in gate_models.SYSTEMS]
    cards = {one.name: registry.create("generator", one.name, one.params).card() for one in generators}
    return ", ".join(f"{name} {str(card['sha256'])[:8]}" for name, card in cards.items())


def page(trials: int, prompts: int, root: Path) -> Iterator[str]:
    """The page, block by block."""
    bars = Bars()
    power, margin = (100 * (share * (1 - share) / trials) ** 0.5 for share in (POWER, CAUGHT))
    yield HEAD.format(trials=trials, power=power, margin=margin)
    yield (
        "## Simulated models\n\nPrompts of unequal ease, images with noise of their own, metrics that correlate at one "
        "half. The margin is 3.3 errors of the difference; drops are planted into the first metric alone, and of zeros "
        "and ones they turn successes into failures. The power is that at the drops which were printed of unchanged "
        "trials, each planted as it was printed."
    )
    rates = [gate_rates.simulated(m, n, trials, seed) for seed, m in enumerate(gate_rates.MODELS) for n in SIZES]
    yield of_rates(rates, bars)
    yield (
        "## Real scores\n\nTwo systems' scores of the same text are exchanged by a coin (TIFA), or a system's own four "
        "images of a prompt are dealt to a baseline and a run (VISOR, by networks of random weights and the judge of "
        "scenes, which is mostly 0 on photographs); prompts are drawn with replacement."
    )
    yield from tifa(trials, bars)
    yield from visor(trials, bars, root / "visor")
    shop = gate_models.Workshop(root / "models", prompts)
    yield (
        f"## Trained systems\n\nShipped weights (sha256 {weights()}) on {prompts} one-object prompts at 32 pixels; "
        "four repeats of each system, with other image seeds, are held against each other by `bench gate audit`."
    )
    yield from models(shop, trials, bars)
    yield (
        "## What each way of being broken ends as\n\nImages of wirn, two a prompt (of the slide, one); margins by "
        "`bench gate calibrate`."
    )
    rows = []
    for one in gate_models.scenarios(shop):
        rows.append([one.name, one.verdict.outcome if one.right else f"**{one.verdict.outcome}**",
                     str(one.verdict.exit_code), gate_models.because(one.verdict)])  # fmt: skip
        if not one.right:
            bars.outside.append(f"{one.name}: {one.verdict.outcome} instead of {one.expected}")
    yield table(["the run", "outcome", "exit code", "because"], rows, left=True)
    yield "## Outside of the bars\n\n" + ("\n".join(f"- {line}" for line in bars.outside) or "Nothing.")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gate-calibration.md")
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--prompts", type=int, default=120)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        text = "\n\n".join(block.strip() for block in page(chosen.trials, chosen.prompts, Path(scratch)))
    store.write_atomic(chosen.out, (text + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
