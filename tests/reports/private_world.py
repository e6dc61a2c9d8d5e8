"""A private world for tests: captions as names of files, runs of them, every command that writes or prints, and the
search for what may not leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from leaks import images_in, words_in
from PIL import Image

from bench import api, store, systemcard
from bench.cli import main
from bench.engine.options import Options
from bench.reports.comparison.compare import compare
from bench.reports.exports import forms
from bench.reports.figures.catalog import possible
from bench.reports.figures.render import rendered
from bench.study import Study

WORDS = ["zyxquorl", "blorptang", "fnizzle", "quavorn", "mirbalon", "teskwip", "dronquel", "wubberly"]
CAPTIONS = [f"a {w} {WORDS[(i + 3) % 8]} beneath seventeen green umbrellas" for i, w in enumerate(WORDS)]
METRICS = ["-m", "ssim", "-m", "collapse"]


@dataclass(frozen=True)
class World:
    """Captions as names of files, with references, below one folder."""

    home: Path

    @property
    def runs(self) -> list[Path]:
        return store.find_runs(self.home / "runs")

    @property
    def images(self) -> list[Path]:
        return sorted(self.home.glob("in/*/*.png"))

    def bench(self, *arguments: str) -> int:
        return main([*arguments, "--root", str(self.home / "runs")])

    def quickly(self, **more: str) -> None:
        """The runs without a report."""
        systems = tuple(f"{name}={self.home}/in/{name}" for name in ("ours", "theirs"))
        study = Study(systems, prompts=f"{self.home}/in/captions.csv", metrics=("ssim", "collapse"), **more)
        api.run(study, options=Options(root=self.home / "runs"))

    def run(self, *more: str) -> int:
        systems = [f"{name}={self.home}/in/{name}" for name in ("ours", "theirs")]
        given = ["--prompts", f"{self.home}/in/captions.csv", *METRICS, *more]
        return self.bench("run", *systems, *given, "--report", f"{self.home}/out/report")


def made(home: Path) -> World:
    (home / "in" / "ref").mkdir(parents=True)
    lines = ["prompt,reference,kind,hero"]
    for i, caption in enumerate(CAPTIONS):
        for system in ("ours", "theirs", "ref"):
            (home / "in" / system).mkdir(exist_ok=True)
            pixels = np.random.default_rng([i, len(system)]).integers(0, 255, (32, 32, 3)).astype(np.uint8)
            name = f"{caption}.png" if system == "ref" else f"{caption}_0001.png"
            Image.fromarray(pixels).save(home / "in" / system / name)
        lines.append(f"{caption},ref/{caption}.png,{'even' if i % 2 else 'odd'},{WORDS[i % 2]}")
    (home / "in" / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return World(home)


def said(capsys, world: World) -> Path:
    """Everything printed so far, as a file in out/."""
    captured = capsys.readouterr()
    path = world.home / "out" / f"said-{len(list((world.home / 'out').glob('said-*')))}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{captured.out}\n{captured.err}", encoding="utf-8")
    return path


def all_commands(world: World) -> None:
    """Whatever writes or prints, on runs that are there."""
    runs, out = [str(r) for r in world.runs], world.home / "out"
    found = compare(runs)
    for name, form in forms.PRINTED.items():
        (out / f"printed-{name}.txt").write_text(form(found), encoding="utf-8")
    assert world.bench("compare", *runs, "--report", str(out / "compared"), "--json", "--prompts-by", "ssim") == 0
    assert world.bench("compare", *runs, "--report", str(out / "by-hero"), "--by", "hero") == 0
    assert world.bench("compare", runs[0], "--report", str(out / "alone")) == 0
    for form in ((), ("--json",), ("--methods",), ("--latex",), ("--markdown",), ("--model-index",)):
        assert world.bench("show", runs[0], *form) == 0
    assert world.bench("score", *runs, "-m", "edge-chamfer") == 0
    assert world.bench("score", runs[0], "-m", "edge-chamfer", "--json") == 0
    assert world.bench("verify", *runs, "--images") == 0
    assert world.bench("verify", *runs, "--images", "--json") == 0
    assert world.bench("pack", *runs, "--out", str(out / "pack")) == 0
    assert world.bench("pack", *runs, "--out", str(out / "pack.tar.gz"), "--rows", "blinded", "--no-images") == 0
    (out / "card.toml").write_text(systemcard.TEMPLATE)
    for rows in ("none", "blinded"):
        archive = str(out / f"submission-{rows}.tar.gz")
        card = ["--card", str(out / "card.toml"), "--rows", rows]
        assert world.bench("submit", runs[0], "--out", archive, *card, "--thumbnails", "64") == 0
        assert world.bench("verify", archive) == 0
    gated(world, out)
    board(world, world.runs, out / "board")
    draw(world, out / "figures")


def gated(world: World, out: Path) -> None:
    """Baselines and every form of a verdict; a private run without rows cannot be paired."""
    first, second = (str(run) for run in world.runs[:2])
    for rows in ("none", "blinded"):
        folder = ["--baselines", str(out / "baselines")]
        assert world.bench("baseline", "set", first, "--name", rows, "--reason", "r", "--rows", rows, *folder) == 0
        told = [(f"--{kind}", str(out / f"gate-{rows}-{kind}")) for kind in ("verdict", "junit", "summary", "report")]
        words = [word for pair in told for word in pair]
        assert world.bench("gate", "run", second, "--baseline", rows, *folder, *words) in (1, 3, 4)
        assert main(["baseline", "show", rows, *folder]) == 0


def board(world: World, runs: list[Path], out: Path | None = None):
    """A board by SSIM of these runs."""
    rules = world.home / "in" / "board.toml"
    lines = ['title = "Toy"', 'version = "1"', "[order]", 'metric = "ssim"', "[[dataset]]", 'name = "captions"']
    rules.write_text("\n".join([*lines, "[[metric]]", 'metric = "ssim"']))
    return api.leaderboard(rules, runs, out=out)


def draw(world: World, out: Path) -> None:
    """Every figure that these runs allow."""
    figures, _ = possible(compare(world.runs))
    assert len(figures) >= 6
    out.mkdir()
    for name, figure in figures.items():
        for kind in ("svg", "pdf"):
            (out / f"{name}.{kind}").write_bytes(rendered(figure, kind))


def clean(world: World) -> list[str]:
    places = [world.home / "out", *([world.home / "home"] if (world.home / "home").exists() else [])]
    return words_in(WORDS, *places) + images_in(world.images, *places)
