"""`bench train`: the judges and the generators of scenes, from their recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import click

from bench.cli.options import whole_numbers
from bench.cli.say import say

_STEPS = click.IntRange(min=1)


@click.command()
@click.argument("what")
@click.option("--fusion", default="", help="For a generator: its fusion strategy, e.g. attention or film.")
@click.option("--side", type=click.Choice(["32", "64"]), default="32", show_default=True, help="Of its images.")
@click.option("--blind", is_flag=True, help="Its text-blind twin: the empty text throughout, equal parameters.")
@click.option("--option", "settings", multiple=True, help="KEY=VALUE: a setting of the generator's family; repeatable.")
@click.option(
    "--quick", "tier", flag_value="quick", default="", help="A generator's training within ten minutes on two cores."
)
@click.option("--full", "tier", flag_value="full", help="A generator's training for a GPU: many more rows.")
@click.option("--from", "begin", default="", help="Weights of an earlier training of the same generator to begin with.")
@click.option("--seed", "seeds", default="", help="Other first weights and data; 0,1,2 for several trainings.")
@click.option("--steps", type=_STEPS, help="Other than the recipe's; rates follow.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="As many steps as fit here.")
@click.option("--out", default="", help="Folder of checkpoint, log and weights; default: trained/NAME.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
@click.option("--images", type=click.IntRange(min=100), help="Test images of the figures; default 2000, quick 500.")
@click.option("--install", is_flag=True, help="Copy the weights to BENCH_HOME/weights, where the generator finds them.")
@click.option("--threads", type=_STEPS, help="Of torch; sums of other lengths round differently.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ...; several seeds share a GPU.")
@click.option(
    "--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True,
    help="Of flow's products; auto: float32, on a GPU as TF32. Adversarial trainings have float32.",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def train(
    what: str, fusion: str, side: str, blind: bool, settings: tuple[str, ...], tier: str, begin: str, seeds: str,
    steps: int | None, minutes: float | None, out: str, resume: bool, images: int | None, install: bool,
    threads: int | None, device: str, precision: str, quiet: bool,
) -> None:  # fmt: skip
    """Train WHAT, e.g. generator:flow or extractor:scene-clip, by its recipe: fixed seeds, a checkpoint to go on from,
    a log.

    Ends with NAME.safetensors, NAME.json (recipe, sha256, figures on the test split), NAME.jsonl (the log) and, for a
    generator, a report (NAME.md and NAME.png); what it draws at each checkpoint is in samples/.
    """
    import torch

    from bench.engine.options import check_device
    from bench.training import jobs
    from bench.training.recipes import How

    generator = what.startswith("generator:")
    if not generator and (fusion or blind or settings or tier or begin or install or side != "32"):
        raise click.UsageError(
            "--fusion, --side, --blind, --option, --quick, --full, --from and --install are for generators."
        )
    check_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    how = How(
        steps=steps, fusion=fusion, side=int(side), blind=blind, tier=tier or "", begin=begin,
        precision="bfloat16" if precision == "bfloat16" else None, options=dict(map(_setting, settings)),
    )  # fmt: skip
    numbers = whole_numbers("--seed", seeds) if seeds else ()
    asked = jobs.Asked(what, how, numbers, minutes, out, resume, device, images or (500 if tier == "quick" else 2000))
    tell = _Telling(quiet)
    click.get_current_context().call_on_close(tell.shown.close)
    found = jobs.jobs(asked)
    paths = jobs.carry_out(found, asked, tell)
    tell.shown.close()
    for weights, job in zip(paths, found, strict=True):
        kept = jobs.install(weights) if install else weights
        use = "found by name" if install else f"use as {what.partition(':')[2]}(weights={kept})"
        say(f"weights: {kept} ({use})")
        if (report := job.folder / f"{job.recipe.name}.md").is_file():
            say(f"report:  {report}")


def _setting(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise click.UsageError(f"--option takes KEY=VALUE; got '{text}'.")
    return key.strip(), value.strip()


class _Telling:
    """A step of the bar for each step, a line for each checkpoint."""

    def __init__(self, quiet: bool) -> None:
        from bench.cli.progress import progress

        self.shown = progress(quiet)
        self.name = ""

    def __call__(self, name: str, step: int, steps: int, row: Mapping[str, Any]) -> None:
        if not self.name:  # trainings side by side share the bar of the first
            self.name = name
            self.shown.phase(name, "train", steps, before=step - 1)
        if name == self.name:
            self.shown.advance(1)
        if row:
            told = "  ".join(
                f"{k} {v:.3f}" for k, v in row.items() if k not in ("step", "rate", "seconds") and _told(v)
            )
            self.shown.line(f"{name} step {step}/{steps}: {told}")
        if name == self.name and step == steps:
            self.name = ""


def _told(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
