"""Controls without which no board is believable: `shuffled` (right images, wrong prompts), `constant` and `noise`.

Each has a known outcome: `shuffled` keeps the set of images, so that set metrics stay and text-image metrics fall to
chance; `constant` collapses the set; `noise` is no image at all. They are shown as controls and never ranked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from bench.errors import UsageError
from bench.formats.arrays import to_pixels
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.spec import order_key, text_digest
from bench.types import Outcome, Request, Sample

_DEFAULT_SIZE = (256, 256)
_MEAN_OF = 256
"""References that the mean image is taken over."""


def size_of(request: Request, context: Context) -> tuple[int, int]:
    """(width, height) of a control's image: as asked for, else as the sample's reference, else 256 x 256."""
    if request.size:
        return request.size
    sample = context.samples.get(request.sample_id)
    if sample is None or sample.reference is None:
        return _DEFAULT_SIZE
    height, width = np.shape(context.load_image(sample.reference))[:2]
    return width, height


def frames_of(request: Request, pixels: Sequence[np.ndarray]) -> Any:
    """One image, or the list of frames."""
    return pixels[0] if request.frames == 1 else list(pixels)


@register("generator", "shuffled", summary="control: each prompt gets the reference image of another meaning")
class Shuffled(Generator):
    """A permutation of the references in which no prompt keeps an image of its own meaning or photograph."""

    control: ClassVar[bool] = True

    def __init__(self, seed: int = 0) -> None:
        self.seed = int(seed)

    def setup(self, context: Context) -> None:
        """Choose every sample's donor. Raises UsageError when more than half of the samples say the same."""
        super().setup(context)
        own = [s for s in context.samples.values() if s.reference is not None]
        if len(own) < 2:
            raise UsageError("shuffled needs a dataset with at least two reference images; add --reference or columns.")
        self.donors = derangement(own, self.seed)

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            donor = self.donors.get(request.sample_id)
            if donor is None or donor.reference is None:
                yield Outcome(status="missing", reason="this sample has no reference image")
                continue
            pixels = to_pixels(self.context.load_image(donor.reference))
            yield Outcome(image=frames_of(request, [pixels] * request.frames), info={"donor": donor.id})


def derangement(samples: Sequence[Sample], seed: int) -> dict[str, Sample]:
    """Sample id -> another sample, a permutation, never of the same meaning or group.

    Samples are laid out class by class and turned by the size of the largest class: as long as no class holds more
    than half, nobody meets their own.
    """
    classes = _classes(samples)
    order = sorted(samples, key=lambda s: (text_digest(f"{seed}:{classes[s.id]}"), text_digest(f"{seed}:{s.id}")))
    turn = max(Counter(classes.values()).values())
    if 2 * turn > len(order):
        same = f"{turn} of {len(order)} samples say the same or share a photograph"
        raise UsageError(f"shuffled cannot give each prompt another meaning: {same}.")
    return {s.id: order[(at + turn) % len(order)] for at, s in enumerate(order)}


def _classes(samples: Sequence[Sample]) -> dict[str, str]:
    """Sample id -> class; samples that share a meaning or a group, directly or over others, are of one class."""
    parent: dict[Hashable, Hashable] = {}

    def root(key: Hashable) -> Hashable:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for s in samples:
        parent[root(("meaning", s.meaning))] = root(("group", s.group))
    roots = {s.id: root(("group", s.group)) for s in samples}
    names: dict[Hashable, str] = {}  # named after the first member by id, whatever the order of the samples
    for name in sorted(roots):
        names.setdefault(roots[name], name)
    return {name: names[found] for name, found in roots.items()}


@register("generator", "constant", summary="control: one image for all prompts, grey or the mean of the references")
class Constant(Generator):
    """`image`: 'grey' (of `level` 0..255) or 'mean' (of up to 256 references, each in the size asked for)."""

    control: ClassVar[bool] = True

    def __init__(self, image: str = "grey", level: int = 128) -> None:
        self.image, self.level = str(image), int(level)
        self._means: dict[tuple[int, int], np.ndarray] = {}

    def problems(self) -> list[str]:
        found = [] if self.image in ("grey", "mean") else [f"image={self.image} is unknown; give grey or mean."]
        return found if 0 <= self.level <= 255 else [*found, f"level={self.level} is no grey; give 0 to 255."]

    def setup(self, context: Context) -> None:
        """One size for all: that of the first sample in the order of the plan."""
        super().setup(context)
        self._first = min(context.samples, key=order_key, default="")

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            size = request.size or size_of(Request(self._first, 0, "", 0), self.context)
            pixels = self._mean(size) if self.image == "mean" else np.full((*size[::-1], 3), self.level, np.uint8)
            yield Outcome(image=frames_of(request, [pixels] * request.frames))

    def _mean(self, size: tuple[int, int]) -> np.ndarray:
        if size not in self._means:
            own = [s for s in self.context.samples.values() if s.reference is not None]
            chosen = sorted(own, key=lambda s: order_key(s.id))[:_MEAN_OF]
            if not chosen:
                raise UsageError("constant(image=mean) needs reference images; use constant(image=grey).")
            images = (Image.fromarray(to_pixels(self.context.load_image(s.reference or ""))) for s in chosen)
            total = sum(np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float64) for image in images)
            self._means[size] = np.floor(total / len(chosen) + 0.5).astype(np.uint8)
        return self._means[size]


@register("generator", "noise", summary="control: uniform noise, another for each seed")
class Noise(Generator):
    """Each channel of each pixel uniform in 0..255."""

    control: ClassVar[bool] = True

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        for request in requests:
            width, height = size_of(request, self.context)
            rng = np.random.Generator(np.random.PCG64(request.seed))
            frames = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(request.frames)]
            yield Outcome(image=frames_of(request, frames))
