"""`zero-shot-detector`: boxes of named classes by OWL-ViT, OWLv2, Grounding DINO and kin, of transformers.

The classes that are asked for (`labels`) are part of what identifies a detector: a model that may choose among 80 names
sees other things than one that is asked for two. Answers carry the names that the data set itself uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DataError, UsageError
from bench.extractors.hub_model import HubModel, weighed
from bench.formats.class_names import COCO
from bench.formats.evidence import labels_of
from bench.formats.evidence_boxes import naming
from bench.formats.textfiles import lines, read_text
from bench.registry import register
from bench.spec import digest
from bench.types import Detections, Sample

if TYPE_CHECKING:
    import torch

NAMED = ("coco", "dataset")


@register("extractor", "zero-shot-detector", summary="boxes of named classes by OWLv2, Grounding DINO and kin")
class ZeroShotDetector(HubModel):
    """Images -> detections.

    model: a folder or owner/name of the hub. labels: coco (the 80), dataset (the classes of the data set's objects), a
    text file with one a line, or names joined by '|'. template: what OWL is asked of a class ("a photo of a {}").
    threshold: boxes below it are not kept. text_threshold: Grounding DINO's, for the words of a class (default:
    threshold). nms: of two boxes of one class that overlap by more than this IoU the surer one is kept (1: all are).
    most: boxes an image, the surest. at_once: images a forward pass.
    """

    plugin_name = "zero-shot-detector"
    what = "a zero-shot detector"
    image_outputs = ("detections",)
    batch_size = 8
    dtypes = ("float32",)

    def __init__(
        self, model: str = "google/owlv2-base-patch16-ensemble", revision: str = "", labels: str = "coco",
        threshold: float = 0.1, text_threshold: float | None = None, nms: float = 1.0, most: int = 100,
        template: str = "a photo of a {}", at_once: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(model, revision, at_once)
        self.template = str(template)
        if "{}" not in self.template:
            raise UsageError(f"template of {self.plugin_name} has no {{}} for the class; give 'a photo of a {{}}'.")
        self.labels, self.threshold, self.nms, self.most = str(labels), float(threshold), float(nms), int(most)
        self.text_threshold = self.threshold if text_threshold is None else float(text_threshold)
        if not all(0 <= value <= 1 for value in (self.threshold, self.text_threshold, self.nms)) or self.most < 1:
            raise UsageError(
                f"threshold, text_threshold and nms of {self.plugin_name} lie in 0..1 and most is 1 or more; got "
                f"{self.threshold:g}, {self.text_threshold:g}, {self.nms:g} and {self.most}."
            )
        self._names: Mapping[str, str] = {}
        self._own: tuple[str, ...] = ()
        self._asks: list[_Ask] = []

    # ---- which classes ----

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        every = tuple(samples)
        self._names = labels_of(every)
        self._own = tuple(sorted({thing.label for s in every for thing in s.objects}))
        self.__dict__.pop("classes", None)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names that the model is asked for, in this order."""
        if self.labels == "coco":
            return COCO
        if self.labels == "dataset":
            if not self._own:
                raise UsageError(f"{self.plugin_name}(labels=dataset) needs a data set whose samples state objects.")
            return self._own
        path = Path(self.labels).expanduser()
        given = lines(read_text(path)) if path.is_file() else self.labels.split("|")
        names = [name.strip() for name in given if name.strip()]
        if path.suffix in (".txt", ".csv", ".json") and not path.is_file():
            raise DataError(f"The file {path} with labels of {self.plugin_name} does not exist.")
        if not names or len(set(names)) < len(names):
            twice = next((n for n in names if names.count(n) > 1), "")
            raise UsageError(
                f"labels of {self.plugin_name} {f'names {twice!r} twice' if twice else 'names no class'}; give "
                "different names, one a line of a file or joined by '|'."
            )
        return tuple(names)

    def problems(self) -> list[str]:
        found = super().problems()
        try:
            _ = self.classes
        except UsageError as error:
            found += error.messages
        return found

    def identity(self) -> Mapping[str, Any]:
        renamed = {c: n for c in self.classes if (n := naming(self._names)(c)) != c}
        return {
            **super().identity(), "labels": digest(list(self.classes)), "classes": len(self.classes),
            "names": digest(renamed), "template": self.template, "threshold": self.threshold,
            "text_threshold": self.text_threshold, "nms": self.nms, "most": self.most,
        }  # fmt: skip

    # ---- looking ----

    def network(self, folder: Path, kind: torch.dtype) -> tuple[Any, Mapping[str, Any]]:
        return weighed("AutoModelForZeroShotObjectDetection", folder, kind)

    def ready(self) -> None:
        kind = str(self.module.config.model_type)
        if kind.startswith("owl"):
            self._asks = _queries(self.processor, self.classes, self.template)
        elif kind.endswith("grounding-dino"):
            longest = int(getattr(self.module.config, "max_text_len", 256))
            self._asks = _phrases(self.processor, self.classes, longest)
        else:
            raise UsageError(
                f"{self.plugin_name} knows no way to ask a {kind}; it asks owlvit, owlv2, grounding-dino and "
                "mm-grounding-dino."
            )

    def prepare_image(self, image: np.ndarray) -> tuple[Mapping[str, Any], tuple[int, int]]:
        """(h, w, 3) uint8 -> the processor's tensors, and (h, w)."""
        return dict(self.processor.image_processor(images=image, return_tensors="pt")), image.shape[:2]

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Prepared images -> detections, the surest first."""
        import torch

        module = self.loaded()
        found: list[list[tuple[torch.Tensor, ...]]] = [[] for _ in batch]
        with torch.inference_mode():
            for places, inputs in self.passes([pixels for pixels, _ in batch]):
                full = places + [places[-1]] * (self.at_once - len(places))
                sizes = [batch[i][1] for i in full]
                for ask in self._asks:
                    seen = ask.seen(module, self.processor, inputs, sizes, self.threshold, self.text_threshold)
                    for place, one in zip(places, seen, strict=False):
                        found[place].append(one)
        return {"detections": [self._kept(parts, size) for parts, (_, size) in zip(found, batch, strict=True)]}

    def _kept(self, parts: Sequence[tuple[torch.Tensor, ...]], size: tuple[int, int]) -> Detections:
        """Boxes of all askings, cut at the picture's edges, without doubles."""
        import torch
        from torchvision.ops import batched_nms

        boxes, scores, labels = (torch.cat([part[i].cpu() for part in parts]) for i in range(3))
        height, width = size
        boxes = boxes.double().clamp(min=0).minimum(torch.tensor([width, height] * 2, dtype=torch.float64))
        solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        boxes, scores, labels = boxes[solid], scores[solid], labels[solid]
        order = torch.argsort(scores, descending=True, stable=True)
        if self.nms < 1:
            order = batched_nms(boxes.float(), scores.float(), labels, self.nms)
        order = order[: self.most]
        name = naming(self._names)
        return Detections(
            boxes[order].numpy(), tuple(name(self.classes[int(i)]) for i in labels[order]),
            scores[order].double().numpy(), size=(width, height),
        )  # fmt: skip


class _Ask:
    """One text that a model is asked about an image, with the classes that it stands for."""

    def __init__(self, classes: Sequence[int], texts: Mapping[str, torch.Tensor]) -> None:
        self.classes, self.texts = classes, texts

    def seen(
        self, module: Any, processor: Any, inputs: Mapping[str, Any], sizes: Sequence[tuple[int, int]],
        threshold: float, text_threshold: float,
    ) -> list[tuple[torch.Tensor, ...]]:  # fmt: skip
        """For each image boxes (m, 4) in pixels, scores (m,) and classes (m,)."""
        raise NotImplementedError

    def __call__(self, module: Any, inputs: Mapping[str, Any], count: int) -> Any:
        """The network's outputs for `count` images, each asked the same."""
        device = next(iter(inputs.values())).device
        texts = {name: value.repeat(count, *[1] * (value.dim() - 1)).to(device) for name, value in self.texts.items()}
        return module(**inputs, **texts)


class _Queries(_Ask):
    """OWL-ViT and OWLv2: a query a class; the class of a box is the surest."""

    def seen(
        self, module: Any, processor: Any, inputs: Mapping[str, Any], sizes: Sequence[tuple[int, int]],
        threshold: float, text_threshold: float,
    ) -> list[tuple[torch.Tensor, ...]]:  # fmt: skip
        import torch

        outputs = self(module, inputs, len(sizes))
        rows = processor.post_process_grounded_object_detection(
            outputs, threshold=threshold, target_sizes=torch.tensor(list(sizes), device=outputs.logits.device)
        )
        where = torch.tensor(self.classes)
        return [(r["boxes"], r["scores"], where[r["labels"].cpu().long()]) for r in rows]


def _queries(processor: Any, classes: Sequence[str], template: str) -> list[_Ask]:
    texts = dict(processor(text=[[template.replace("{}", c) for c in classes]], return_tensors="pt"))
    return [_Queries(range(len(classes)), {k: v for k, v in texts.items() if k in ("input_ids", "attention_mask")})]


class _Phrases(_Ask):
    """Grounding DINO: classes in one sentence; a box is of the class whose words light up most.

    The library names a box by all words above the threshold, which may be half a class or two; boxes and scores are the
    library's.
    """

    spans: Sequence[tuple[int, int]] = ()
    """Tokens [from, to) of each class."""

    def seen(
        self, module: Any, processor: Any, inputs: Mapping[str, Any], sizes: Sequence[tuple[int, int]],
        threshold: float, text_threshold: float,
    ) -> list[tuple[torch.Tensor, ...]]:  # fmt: skip
        import torch

        outputs = self(module, inputs, len(sizes))
        chance = outputs.logits.sigmoid()
        centre, side = outputs.pred_boxes[..., :2], outputs.pred_boxes[..., 2:]
        scale = torch.tensor([(w, h, w, h) for h, w in sizes], device=chance.device)
        boxes = torch.cat([centre - side / 2, centre + side / 2], dim=-1) * scale[:, None]
        of_class = torch.stack([chance[..., a:b].amax(dim=-1) for a, b in self.spans], dim=-1)
        word, which = of_class.max(dim=-1)
        sure = chance.amax(dim=-1)
        kept = (sure > threshold) & (word > text_threshold)
        where = torch.tensor(self.classes)
        return [(boxes[i, k], sure[i, k], where[which[i, k].cpu()]) for i, k in enumerate(kept)]


def _phrases(processor: Any, classes: Sequence[str], longest: int) -> list[_Ask]:
    """As few sentences as the longest text (in tokens) allows."""
    found: list[_Ask] = []
    at = 0
    while at < len(classes):
        count = len(classes) - at
        while count > 1 and len(_sentence(processor, classes[at : at + count])["input_ids"]) > longest:
            count = max(1, count * 3 // 4) if count > 4 else count - 1
        found.append(_phrase(processor, classes, range(at, at + count)))
        at += count
    return found


def _sentence(processor: Any, classes: Sequence[str]) -> Mapping[str, Any]:
    return processor.tokenizer(". ".join(c.strip().lower() for c in classes) + ".", return_offsets_mapping=True)


def _phrase(processor: Any, classes: Sequence[str], which: range) -> _Ask:
    import torch

    words = [classes[i].strip().lower() for i in which]
    told = _sentence(processor, words)
    spans, start = [], 0
    for word in words:
        end = start + len(word)
        tokens = [t for t, (a, b) in enumerate(told["offset_mapping"]) if a < b and a >= start and b <= end]
        if not tokens:
            raise UsageError(f"The model's vocabulary has no token for the class '{word}'; leave it out.")
        spans.append((tokens[0], tokens[-1] + 1))
        start = end + 2
    texts = {k: torch.tensor([v]) for k, v in told.items() if k != "offset_mapping"}
    made = _Phrases(which, texts)
    made.spans = spans
    return made
