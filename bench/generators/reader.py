"""`reader`: draws what the prompt's own words say, by rule; it never sees a sample's truth.

The ceiling for questions of robustness: it reads through synonyms, capitals, marks and most typos, so that these must
leave its scores as they are, and it draws something else where the words say something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from bench.errors import UsageError
from bench.generators.base import Generator
from bench.registry import register
from bench.types import Outcome, Request
from bench.world.palette import FRAMES
from bench.world.placing import layout
from bench.world.reading import read, simpler
from bench.world.render import render, render_frames
from bench.world.scene import Scene


@register("generator", "reader", summary="control: draws what the prompt's own words say of a scene, by rule")
class Reader(Generator):
    """Prompts without a noun of the scenes give an empty canvas. size: side where none is asked for."""

    control: ClassVar[bool] = True
    batch_size = 64

    def __init__(self, side: int = 64) -> None:
        if side not in (32, 64, 128):
            raise UsageError(f"reader draws images of side 32, 64 or 128; got {side}.")
        self.side = side

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            width, height = request.size or (self.side, self.side)
            if width != height:
                raise UsageError(f"Scenes are square; a size of {width}x{height} was asked for.")
            if request.frames not in (1, FRAMES):
                yield Outcome(status="failed", reason=f"stories have {FRAMES} frames, not {request.frames}")
                continue
            scene = scene_of(request)
            if request.frames == 1:
                yield Outcome(image=render([scene], [request.seed], width)[0])
            elif scene.frames == 1:  # nothing that could appear
                yield Outcome(image=[render([scene], [request.seed], width)[0]] * request.frames)
            else:
                yield Outcome(image=list(render_frames(scene, request.seed, width)))


def scene_of(request: Request) -> Scene:
    """What the prompt says, laid out; less of it where it does not fit."""
    told = read(request.prompt, request.seed, request.frames)
    for one in simpler(told) if told.objects else ():
        try:
            return layout(one, request.seed)
        except UsageError:
            continue
    return Scene(())
