"""`coloured`: any detector's boxes with the colour of each, as GenEval judges it (Ghosh et al. 2023, arXiv 2310.11513).

A box is cut out of the image, what its mask leaves out is painted grey, and a CLIP model says which of ten colours it
is: the one whose three sentences, on average, are nearest to the crop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from bench import registry
from bench.errors import UsageError
from bench.extractors.base import Extractor
from bench.registry import register
from bench.spec import parse
from bench.types import Detections, Sample

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
SENTENCES = ("a photo of a {colour} {name}", "a photo of a {colour}-colored {name}", "a photo of a {colour} object")


@register("extractor", "coloured", summary="a detector's boxes with the colour of each by CLIP, as GenEval judges it")
class Coloured(Extractor):
    """Images -> the detector's detections, each with attribute colour.

    detector: text form of an extractor of boxes. clip: of a model of images and texts. background: what is outside an
    object's mask is painted so, where the detector gives masks; original: left as it is.
    """

    image_outputs = ("detections",)
    batch_size = 8

    def __init__(
        self, detector: str = "zero-shot-detector", clip: str = "open-clip(model=ViT-L-14,pretrained=openai)",
        background: str = "#999999",
    ) -> None:  # fmt: skip
        self.detector, self.inner = _made(str(detector)), _made(str(clip))
        self.judges = (str(detector), str(clip))
        if "detections" not in self.detector.image_outputs:
            raise UsageError(f"coloured needs a detector, and {detector} gives no detections.")
        if "features" not in self.inner.image_outputs or "features" not in self.inner.text_outputs:
            raise UsageError(f"coloured needs a model of images and texts, and {clip} is none.")
        self.query, self.background = self.detector.query, str(background)
        try:
            self._paint = None if background == "original" else ImageColor.getrgb(self.background)[:3]
        except ValueError:
            raise UsageError(f"background={background} of coloured is no colour; give #999999, or original.") from None
        self._texts: dict[str, Any] = {}

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        every = tuple(samples)
        self.detector.attach(label, evidence, every)
        self.inner.attach(label, evidence, every)

    @property
    def caveat(self) -> str:  # type: ignore[override]
        return "; ".join(c for c in (self.detector.caveat, self.inner.caveat) if c)

    def problems(self) -> list[str]:
        return [*self.detector.problems(), *self.inner.problems()]

    def identity(self) -> Mapping[str, Any]:
        parts = {"detector": self.detector, "clip": self.inner}
        told = {n: {"name": p.plugin_name, "version": p.version, **p.identity()} for n, p in parts.items()}
        return {**told, "background": self.background, "sentences": list(SENTENCES)}

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        self.detector.load(device, dtype)
        self.inner.load(device, dtype)

    def prepare_image(self, image: np.ndarray) -> tuple[Any, np.ndarray]:
        return self.detector.prepare_image(image), image

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Prepared images -> detections with colours."""
        found = self.detector.extract_images([row for row, _ in batch], queries)["detections"]
        pairs = [(one, image) for one, (_, image) in zip(found, batch, strict=True)]
        crops = [self._crop(image, one, i) for one, image in pairs for i in range(len(one.labels))]
        seen = self._looked(crops)
        rows, at = [], 0
        for one in found:
            colours = [self._colour(seen[at + i], label) for i, label in enumerate(one.labels)]
            old: Sequence[Mapping[str, str]] = one.attributes or ({},) * len(colours)
            both = tuple({**a, "colour": c} for a, c in zip(old, colours, strict=True))
            rows.append(dataclasses.replace(one, attributes=both))
            at += len(colours)
        return {"detections": rows}

    def _crop(self, image: np.ndarray, found: Detections, index: int) -> np.ndarray:
        """The box's pixels, those outside its mask painted over; at least one pixel."""
        if found.masks and self._paint is not None:
            image = np.where(found.masks[index][..., None], image, np.array(self._paint, dtype=np.uint8))
        left, top, right, bottom = (int(v) for v in np.round(found.boxes[index]))
        box = (left, top, max(right, left + 1), max(bottom, top + 1))
        return np.asarray(Image.fromarray(image).crop(box))

    def _looked(self, crops: Sequence[np.ndarray]) -> Any:
        """Unit features (n, d) of crops, in batches of one size."""
        import torch

        size, rows = self.inner.batch_size, []
        for start in range(0, len(crops), size):
            some = [self.inner.prepare_image(c) for c in crops[start : start + size]]
            full = some + [some[-1]] * (size - len(some))
            rows.append(self.inner.extract_images(full)["features"][: len(some)].float().cpu())
        return torch.nn.functional.normalize(torch.cat(rows)) if rows else torch.zeros(0, 1)

    def _colour(self, seen: Any, label: str) -> str:
        import torch

        if label not in self._texts:
            texts = [s.format(colour=c, name=label) for c in COLOURS for s in SENTENCES]
            rows = torch.nn.functional.normalize(self.inner.extract_texts(texts)["features"].float().cpu())
            self._texts[label] = torch.nn.functional.normalize(rows.reshape(len(COLOURS), len(SENTENCES), -1).mean(1))
        return COLOURS[int((self._texts[label] @ seen).argmax())]


def _made(text: str) -> Any:
    spec = parse(text)
    return registry.create("extractor", spec.name, spec.params)
