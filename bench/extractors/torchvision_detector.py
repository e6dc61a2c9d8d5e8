"""`torchvision-detector`: boxes (and masks) of COCO's classes by torchvision's Faster R-CNN, Mask R-CNN, RetinaNet,
FCOS and SSD. Images go through one by one in their own shapes, so that no neighbour changes a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError, WeightsMissing
from bench.extractors import weights as files
from bench.extractors.torchvision_weights import TorchvisionNetwork
from bench.extractors.weights import Source
from bench.formats.evidence import labels_of
from bench.formats.evidence_boxes import naming
from bench.registry import register
from bench.spec import digest
from bench.types import Detections, Sample

if TYPE_CHECKING:
    import torch

_NOTHING = ("N/A", "__background__")


@register("extractor", "torchvision-detector", summary="boxes and masks of COCO's classes by torchvision's detectors")
class TorchvisionDetector(TorchvisionNetwork):
    """Images -> detections; Mask R-CNN's with masks.

    model: a detector of torchvision.models.detection. weights: an enum name, a file, or none for the model's default.
    threshold: boxes below it are not kept. nms: IoU above which of two boxes of a class the surer is kept; none: the
    model's own. most: boxes an image.
    """

    plugin_name = "torchvision-detector"
    image_outputs = ("detections",)
    batch_size = 4

    def __init__(
        self, model: str = "fasterrcnn_resnet50_fpn_v2", weights: str | None = None, threshold: float = 0.05,
        nms: float | None = None, most: int = 100,
    ) -> None:  # fmt: skip
        super().__init__(weights, None)
        self.model, self.threshold, self.most = str(model), float(threshold), int(most)
        self.nms = None if nms is None else float(nms)
        if not (0 <= self.threshold <= 1 and 0 <= (self.nms or 0) <= 1) or self.most < 1:
            raise UsageError(
                f"threshold and nms of {self.plugin_name} lie in 0..1 and most is 1 or more; got {threshold}, {nms} "
                f"and {most}."
            )
        self._names: Mapping[str, str] = {}

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        self._names = labels_of(samples)

    @cached_property
    def enum(self) -> Any:
        """The member of the model's weights enum that says classes and file."""
        from torchvision import models

        detectors = [n for n in models.list_models(module=models.detection) if not n.startswith("keypoint")]
        return self.published(detectors)

    @property
    def classes(self) -> Sequence[str]:
        """Name of each label; the first is the background."""
        return self.enum.meta["categories"]

    def source(self) -> Source:
        url = self.enum.url
        known = re.search(r"-([0-9a-f]{8})\.pth$", url)
        return Source(names=(Path(url).name,), url=url, sha256=known[1] if known else "")

    def _check_presence(self) -> None:
        try:
            super()._check_presence()
        except WeightsMissing as error:  # there are no random detectors
            said = error.messages[0].partition(", or ask for the clearly named")[0].partition(": --allow")[0]
            raise WeightsMissing(f"{said.rstrip('.')}; --allow-download fetches them, or give weights=PATH.") from None

    def network(self) -> str:
        return f"torchvision {self.model}"

    def preprocessing(self) -> Mapping[str, Any]:
        name = naming(self._names)
        renamed = {c: n for c in self.classes if (n := name(c)) != c}
        return {
            "sides": "the model's own", "threshold": self.threshold, "nms": self.nms, "most": self.most,
            "names": digest(renamed),
        }  # fmt: skip

    def weights_path(self) -> Path:
        self._check_presence()
        if self._is_path():
            return Path(str(self.given)).expanduser()
        return files.obtain(self.source(), f"{self.plugin_name} ({self.network()})")

    def build(self) -> torch.nn.Module:
        from torchvision import models

        of_box = "box_" if "rcnn" in self.model else ""
        extra = {f"{of_box}detections_per_img": self.most, f"{of_box}score_thresh": self.threshold}
        extra |= {f"{of_box}nms_thresh": self.nms} if self.nms is not None else {}
        return models.get_model(
            self.model, weights=None, weights_backbone=None, num_classes=len(self.classes), **extra
        ).eval()

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        if dtype != "float32":
            raise UsageError(f"dtype '{dtype}' is unknown to {self.plugin_name}; allowed: float32.")
        super().load(device, dtype)

    def prepare_image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 as it is: sides are brought to the network's own within it."""
        return image

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """Images -> detections, the surest first."""
        import torch

        module = self._ready()
        device = next(module.parameters()).device
        found = []
        with torch.inference_mode():
            for image in batch:
                pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).to(device).float() / 255
                found.append(self._kept(module([pixels])[0], image.shape))
        return {"detections": found}

    def _kept(self, told: Mapping[str, torch.Tensor], shape: tuple[int, ...]) -> Detections:
        name, classes = naming(self._names), self.classes
        boxes, scores = told["boxes"].cpu().double(), told["scores"].cpu().double()
        labels = [classes[int(i)] if int(i) < len(classes) else "N/A" for i in told["labels"]]
        solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1).tolist()
        order = [
            i for i in scores.argsort(descending=True, stable=True).tolist()
            if solid[i] and labels[i] not in _NOTHING and scores[i] >= self.threshold
        ][: self.most]  # fmt: skip
        masks = told["masks"][:, 0].cpu().numpy() > 0.5 if "masks" in told else None
        return Detections(
            boxes[order].numpy().reshape(-1, 4), tuple(name(labels[i]) for i in order), scores[order].numpy(),
            size=(shape[1], shape[0]), masks=tuple(masks[i] for i in order) if masks is not None else (),
        )  # fmt: skip
