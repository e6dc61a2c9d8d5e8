"""`bench train`: the judges of scenes, and later what else the project trains, from their recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bench.cli.say import say


@click.command()
@click.argument("what")
@click.option("--out", default="", help="Folder of checkpoint, log and weights; default: trained/NAME.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
@click.option("--seed", type=click.IntRange(min=0), help="Another seed: other first weights and other data.")
@click.option("--steps", type=click.IntRange(min=1), help="Other than the recipe's; rates follow.")
@click.option(
    "--images", type=click.IntRange(min=100), default=2000, show_default=True, help="Test images of the final figures."
)
@click.option("--threads", type=click.IntRange(min=1), help="Of torch; sums of other lengths round differently.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ...")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def train(
    what: str, out: str, resume: bool, seed: int | None, steps: int | None, images: int, threads: int | None,
    device: str, quiet: bool,
) -> None:  # fmt: skip
    """Train WHAT, e.g. extractor:scene-clip, by its recipe: fixed seeds, a checkpoint to go on from, a log.

    Ends with NAME.safetensors, NAME.json (recipe, sha256, figures on the test split) and NAME.jsonl (the log).
    """
    import torch

    from bench.engine.options import check_device
    from bench.training import recipes, shipping
    from bench.training.loop import train as carry_out

    trained = recipes.trainable(what)
    recipe = recipes.with_changes(trained.recipe, steps, seed)
    if threads is not None:
        torch.set_num_threads(threads)
    check_device(device)
    folder = Path(out or Path("trained") / recipe.name)
    tell = _Telling(recipe.name, recipe.steps, quiet)
    click.get_current_context().call_on_close(tell.shown.close)
    model = carry_out(recipe, folder, resume=resume, device=device, tell=tell)
    tell.shown.close()
    weights = shipping.finish(trained, recipe, model, folder, images)
    say(f"weights: {weights} (use as {recipe.name}(weights={weights}))")


class _Telling:
    """A step of the bar for each step, a line for each checkpoint."""

    def __init__(self, name: str, steps: int, quiet: bool) -> None:
        from bench.cli.progress import progress

        self.shown = progress(quiet)
        self.name, self.steps, self.at = name, steps, 0

    def __call__(self, step: int, row: Mapping[str, Any]) -> None:
        if not self.at:
            self.shown.phase(self.name, "train", self.steps)
            self.shown.advance(step - 1)
        self.shown.advance(1)
        self.at = step
        if row:
            told = "  ".join(
                f"{k} {v:.3f}" for k, v in row.items() if k not in ("step", "rate", "seconds") and _told(v)
            )
            self.shown.line(f"step {step}/{self.steps}: {told}")


def _told(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
