"""What the tests of wrapping generators share: scenes, requests, and a generator set up as the engine does it."""

from __future__ import annotations

import functools

import numpy as np

from bench.engine.judging import lend
from bench.generators.base import Context, Generator
from bench.registry import create, register
from bench.spec import parse, seed_for
from bench.types import Outcome, Request
from bench.world.defects import plant
from bench.world.detect import detect
from bench.world.fidelity import facts, share, told_by
from bench.world.split import scene_at


@functools.cache
def scenes(size=40):
    return create("dataset", "scenes", {"size": size})


def requests(size=40):
    return [Request(s.id, 0, s.prompt, seed_for(0, s.id, 0)) for s in scenes(size)]


def made(text, size=40, **more):
    """A generator of this text form, ready."""
    spec = parse(text)
    generator = create("generator", spec.name, spec.params)
    assert generator.problems() == []
    data = scenes(size)
    samples = {s.id: s for s in data}
    about = {"load_image": data.load_image, "view": lend(generator, "cpu"), **more}
    generator.setup(Context(samples, f"scenes(size={size})", data.training, **about))
    return generator


def drawn(text, asked=None, size=40):
    asked = requests(size) if asked is None else asked
    return list(made(text, size).generate(asked))


def pixels(outcomes):
    return np.stack([np.asarray(o.image) for o in outcomes])


def right(outcomes, asked):
    """bool (n,): whether all that the prompt says is found in the image, and nothing else."""
    found = [_detections(f) for f in detect(pixels(outcomes))]
    return np.array([share(facts(told_by(r.prompt), d)) == 1 for r, d in zip(asked, found, strict=True)])


def _detections(found):
    from bench.extractors.scene_detector import _detections

    return _detections(found, np.zeros((64, 64, 3), np.uint8))


def spoilt(request, defect, p, seed):
    """Whether the oracle with a defect draws this attempt wrong."""
    split, _, index = request.sample_id.rpartition("-")
    scene = scene_at(split, int(index)).scene
    return plant(scene, defect, p, seed) != scene


@register("generator", "toy-moody", summary="grey squares; some attempts fail")
class ToyMoody(Generator):
    """What it makes depends on the seed: a third of the attempts fail, a third are refused."""

    batch_size = 5

    def __init__(self, mood: str = "mixed") -> None:
        self.mood = mood

    def generate(self, requests):
        assert len(requests) <= self.batch_size
        for request in requests:
            kind = {"mixed": request.seed % 3, "never": 0}[self.mood]
            if kind == 0:
                yield Outcome(status="failed", reason="in no mood")
            elif kind == 1:
                yield Outcome(status="refused", reason="will not")
            else:
                yield np.full((64, 64, 3), request.seed % 200, np.uint8)
