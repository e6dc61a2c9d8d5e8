"""Small plug-ins that the engine's tests run with: exact, fast, and able to misbehave on purpose."""

from __future__ import annotations

import numpy as np
import torch

from bench.datasets.base import Dataset
from bench.extractors.base import Extractor
from bench.generators.base import Generator
from bench.metrics.base import Metric, mean_output
from bench.registry import create, register
from bench.types import Outcome, OutputCard, Sample, View

COLOURS = ("red", "green", "blue", "white", "black", "grey", "yellow", "cyan")
RGB = {
    "red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "white": (250, 250, 250),
    "black": (10, 10, 10), "grey": (128, 128, 128), "yellow": (250, 250, 10), "cyan": (10, 250, 250),
}  # fmt: skip


def paint(colour: str, seed: int, size: int = 16) -> np.ndarray:
    """A noisy square of one colour: uint8 (size, size, 3)."""
    noise = np.random.default_rng(seed).integers(-8, 9, (size, size, 3))
    return np.clip(np.array(RGB[colour]) + noise, 0, 255).astype(np.uint8)


@register("dataset", "toy-colours", summary="n prompts that each name a colour")
class ToyColours(Dataset):
    panel = "quick"

    def __init__(self, n: int = 40, references: bool = True) -> None:
        self.n, self.with_references = n, references

    def identity(self):
        return {"n": self.n, "references": self.with_references}

    def __iter__(self):
        for i in range(self.n):
            colour = COLOURS[i % len(COLOURS)]
            yield Sample(
                f"s{i:03d}", f"a {colour} square", reference=f"{colour}:{i}" if self.with_references else None,
                meaning=colour, tags={"colour": colour},
            )  # fmt: skip

    def load_image(self, locator: str) -> np.ndarray:
        colour, _, seed = locator.partition(":")
        return paint(colour, 1000 + int(seed))


@register("extractor", "toy-mean", summary="mean colour; texts by the colour they name")
class ToyMean(Extractor):
    image_outputs = ("features",)
    text_outputs = ("features",)
    batch_size = 8
    forwards = 0
    loads = 0

    def __init__(self, scale: float = 1.0, broken: bool = False) -> None:
        self.scale, self.broken = scale, broken

    def identity(self):
        return {"scale": self.scale, "broken": self.broken}

    def load(self, device="cpu", dtype="float32"):
        ToyMean.loads += 1
        self.kind = getattr(torch, dtype)

    def prepare_image(self, image):
        return torch.from_numpy(image.reshape(-1, 3).mean(0).astype(np.float32))

    def extract_images(self, batch, queries=None):
        assert len(batch) == self.batch_size
        ToyMean.forwards += len(batch)
        rows = (torch.stack(list(batch)) - 128) * self.scale
        return {"features": rows * float("nan") if self.broken else rows.to(self.kind).float()}

    def extract_texts(self, texts):
        named = [next(c for c in COLOURS if c in text) for text in texts]
        return {"features": torch.tensor([RGB[c] for c in named], dtype=torch.float32) - 128}


@register("generator", "toy-painter", summary="paints the colour of the prompt")
class ToyPainter(Generator):
    """`wrong` shifts every prompt's colour by one; `fail` and `refuse` name samples; `die` breaks at a sample."""

    calls = 0

    def __init__(self, wrong: bool = False, fail: str = "", refuse: str = "", die: str = "", size: int = 16) -> None:
        self.wrong, self.fail, self.refuse, self.die, self.size = wrong, fail, refuse, die, size

    def generate(self, requests):
        for request in requests:
            ToyPainter.calls += 1
            if self.die and request.sample_id == self.die:
                raise RuntimeError("out of paint")
            yield self._one(request)

    def _one(self, request):
        if request.sample_id in self.fail.split("/"):
            return Outcome(status="failed", reason="spilled")
        if request.sample_id in self.refuse.split("/"):
            return Outcome(status="refused", reason="not that colour", info={"finish": "refusal"})
        colour = next(c for c in COLOURS if c in request.prompt)
        if self.wrong:
            colour = COLOURS[(COLOURS.index(colour) + 1) % len(COLOURS)]
        return paint(colour, request.seed % 2**31, self.size)


@register("metric", "toy-match", summary="share of images whose colour is nearest to the prompt's")
class ToyMatch(Metric):
    scope = "sample"
    outputs = (mean_output("value", "match"),)
    responds_to = ("shuffled",)

    def __init__(self, extractor: str = "toy-mean") -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.add_state("toy_match_rows", [], dist_reduce_fx="cat")

    def views(self):
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
        }

    def update(self, *, ids=None, image, text):
        self.toy_match_rows.append(((image - text).abs().amax(1) < 20).double())

    def compute(self):
        return torch.cat(self.toy_match_rows).mean()

    def table(self):
        return {"score": torch.cat(self.toy_match_rows).numpy()}


@register("metric", "toy-distance", summary="distance of mean features")
class ToyDistance(Metric):
    scope = "set"
    outputs = (OutputCard("value", "distance", "lower", 0.0),)
    responds_to = ("constant",)
    minimum = 2

    def __init__(self, extractor: str = "toy-mean") -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.add_state("toy_distance_g", [], dist_reduce_fx="cat")
        self.add_state("toy_distance_r", [], dist_reduce_fx="cat")

    def views(self):
        return {
            "generated": View("generated", "features", self.extractor),
            "reference": View("reference", "features", self.extractor),
        }

    def update(self, *, ids=None, generated=None, reference=None):
        if generated is not None:
            self.toy_distance_g.append(generated)
        if reference is not None:
            self.toy_distance_r.append(reference)

    def compute(self):
        return self._value(torch.cat(self.toy_distance_g))

    def _value(self, generated):
        return (generated.double().mean(0) - torch.cat(self.toy_distance_r).double().mean(0)).norm()

    def replicates(self, blocks):
        rows, which = torch.cat(self.toy_distance_g), torch.tensor(list(blocks))
        return {"value": np.array([float(self._value(rows[which != b])) for b in range(max(blocks) + 1)])}


@register("generator", "toy-fused", summary="paints the colour of the prompt, darker by its strategy and training seed")
class ToyFused(ToyPainter):
    """A trained generator in small: takes a fusion strategy; `train_seed` is a factor of its runs."""

    fusion = "film"
    factors = ("train_seed",)

    def __init__(self, train_seed: int = 0, broken: bool = False) -> None:
        super().__init__()
        self.train_seed, self.broken, self.strategy = train_seed, broken, None

    def fuse(self, fusion):
        create("fusion", fusion.name, {"channels": 8, "text_dim": 8, **fusion.params})
        self.strategy = fusion

    def problems(self):
        return [f"no weights of {self.strategy}"] if self.broken else []

    def identity(self):
        return {"weights": f"{self.strategy} {self.train_seed}"}

    def _one(self, request):
        return super()._one(request) // (2 if str(self.strategy) == "none" else 1) + np.uint8(self.train_seed)
