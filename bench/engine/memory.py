"""`bench.evaluate`: images that a Python caller holds, or a folder, scored as any other system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.engine.options import Options
from bench.errors import UsageError
from bench.formats.arrays import to_pixels
from bench.formats.images import pixel_digest
from bench.generators.base import Generator
from bench.spec import digest
from bench.study import Study, run_specs
from bench.types import Outcome, Request, Run


class InMemory(Generator):
    """A sequence of images, the i-th for the i-th prompt."""

    def __init__(self, images: Sequence[Any]) -> None:
        self.pixels = [to_pixels(image, f"Image {i}") for i, image in enumerate(images)]

    def identity(self) -> Mapping[str, Any]:
        return {"images": digest([pixel_digest(p) for p in self.pixels])}

    def setup(self, context: Any) -> None:
        super().setup(context)
        if len(context.samples) != len(self.pixels):
            raise UsageError(
                f"There are {len(self.pixels)} images and {len(context.samples)} prompts; "
                "give one image a prompt, in order."
            )
        self.place = {sample_id: i for i, sample_id in enumerate(context.samples)}

    def generate(self, requests: Sequence[Request]) -> Iterable[Outcome]:
        return [Outcome(image=self.pixels[self.place[r.sample_id]]) for r in requests]


def evaluate_in(
    root: Path,
    images: Any,
    prompts: Any,
    reference: Any,
    metrics: Sequence[str],
    panel: str,
    extractors: Sequence[str],
    label: str,
    options: Options | None,
) -> Run:
    """Score in-memory images or a folder below `root`."""
    import dataclasses

    from bench.engine import life

    chosen = dataclasses.replace(options or Options(), root=root)
    folder = isinstance(images, str | Path)
    study = Study(
        systems=(f"{label}={Path(images).absolute()}" if folder else label,),
        prompts=_prompts_file(root, prompts),
        reference=str(reference) if reference is not None else "",
        metrics=tuple(metrics), panel=panel, extractors=tuple(extractors),
    )  # fmt: skip
    given = {} if folder else {label: _in_memory(images)}
    return life.carry_out(life.prepare(run_specs(study), chosen, given), chosen)[0]


def _in_memory(images: Any) -> InMemory:
    if not isinstance(images, Iterable):
        raise UsageError(f"evaluate(images=...) takes a folder or a sequence of images; got {type(images).__name__}.")
    return InMemory(list(images))


def _prompts_file(root: Path, prompts: Any) -> str:
    """The prompts as a file; a sequence of texts is written beside the run."""
    if prompts is None:
        return ""
    if isinstance(prompts, str | Path):
        return str(prompts)
    path = root / "prompts.json"
    store.write_json(path, [str(p) for p in prompts])
    return str(path)
