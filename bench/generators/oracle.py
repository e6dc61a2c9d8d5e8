"""`oracle`: draws the scene that the prompt describes, optionally with one planted defect at probability p.

The oracle without a defect is the ceiling of every metric on scenes; with one, it shows which metrics respond to which
defect. The scenes that are defective at p = 0.2 are among those that are at p = 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from bench.errors import UsageError
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.types import Outcome, Request
from bench.world.defects import applies, plant
from bench.world.render import render, render_frames
from bench.world.scene import Scene
from bench.world.split import scene_at


@register("generator", "oracle", summary="control: draws the scene of the prompt, optionally with a planted defect")
class Oracle(Generator):
    """defect: none, wrong-colour, wrong-shape, wrong-count, wrong-side, wrong-order or wrong-span; p: its
    probability."""

    control: ClassVar[bool] = True
    batch_size = 64

    def __init__(self, defect: str | None = None, p: float = 1.0) -> None:
        self.defect, self.p = defect, float(p)
        if defect is not None:
            applies(Scene(()), defect)  # an unknown defect is refused at once
        if not 0 <= self.p <= 1:
            raise UsageError(f"oracle's p is a probability from 0 to 1; got {p}.")

    def setup(self, context: Context) -> None:
        super().setup(context)
        if not context.dataset.startswith("scenes"):
            raise UsageError(
                f"The oracle draws scenes only, and the dataset is {context.dataset}; use --dataset scenes."
            )

    def generate(self, requests: Sequence[Request]) -> Iterator[Any]:
        scenes = [self._scene(r) for r in requests]
        still = [i for i, s in enumerate(scenes) if s.frames == 1]
        sides = {i: _side(requests[i]) for i in range(len(requests))}
        drawn: dict[int, Any] = {}
        for side in sorted(set(sides.values())):
            some = [i for i in still if sides[i] == side]
            images = render([scenes[i] for i in some], [requests[i].seed for i in some], side) if some else ()
            drawn |= dict(zip(some, images, strict=True))
        for i, (scene, request) in enumerate(zip(scenes, requests, strict=True)):
            image = drawn[i] if i in drawn else list(render_frames(scene, request.seed, sides[i]))
            yield Outcome(image=image)

    def _scene(self, request: Request) -> Scene:
        split, _, index = request.sample_id.rpartition("-")
        scene = scene_at(split, int(index)).scene
        return scene if self.defect is None else plant(scene, self.defect, self.p, request.seed)


def _side(request: Request) -> int:
    """Side of the square image; the requested size must be square."""
    if request.size is None:
        return 64
    width, height = request.size
    if width != height:
        raise UsageError(f"Scenes are square; a size of {width}x{height} was asked for.")
    return width
