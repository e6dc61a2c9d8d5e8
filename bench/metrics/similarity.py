"""`vector-similarity`, `ref-clipscore`, `category-compatibility`, `cka`: agreement of embeddings and classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from bench.errors import TooFew, UsageError
from bench.functional import checks, feature_similarity, linear_cka, ref_clip_score
from bench.metrics.base import Metric, mean_output
from bench.metrics.detections import NOTHING
from bench.metrics.rowwise import Rowwise
from bench.metrics.sets import as_replicates
from bench.registry import register
from bench.types import OutputCard, Sample, View
from bench.world.palette import COLOURS, SHAPES

_ALL = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "shuffled", "constant", "noise")
HEADS = {"cosine": (-1.0, 1.0), "euclidean": (-2.0, 0.0)}


@register(
    "metric", "vector-similarity", summary="similarity of image and prompt embeddings, signed", scope="sample",
    direction="higher",
)  # fmt: skip
class VectorSimilarity(Rowwise):
    """Visual-semantic similarity: cosine of the embeddings, or minus the distance of their unit vectors
    (head=euclidean), which orders single images alike and means differently."""

    formula = "cos(image, prompt), or -|image - prompt| of unit vectors"
    responds_to = _ALL
    paper = "Zhang et al. 2018, arXiv:1802.09178"

    def __init__(self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)", head: str = "cosine") -> None:
        if head not in HEADS:
            raise UsageError(f"vector-similarity has no head '{head}'; allowed: {', '.join(HEADS)}.")
        super().__init__(extractor, head)
        self.extractor, self.head = str(extractor), head
        low, high = HEADS[head]
        self.outputs: tuple[OutputCard, ...] = (mean_output("value", f"VS ({head})", low=low, high=high),)  # type: ignore[misc]

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
        }

    def update(self, *, image: torch.Tensor, text: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Aligned embeddings (b, d), (b, d)."""
        checks.features(image, "image", ids=ids)
        checks.features(text, "text", ids=ids)
        self.append(feature_similarity(image, text, head=self.head))


@register(
    "metric", "ref-clipscore", summary="CLIPScore in balance with the prompt's agreement with other captions",
    scope="sample", direction="higher",
)  # fmt: skip
class RefClipScore(Rowwise):
    """Harmonic mean of 2.5 max(cos(image, prompt), 0) and the best cosine of the prompt with the sample's other
    captions.

    The second part belongs to the data and not to the image: it weighs prompts that other people would write, too.
    Samples with one caption do not count.
    """

    formula = "2ab / (a + b), a = 2.5 max(cos(image, prompt), 0), b = max over captions of max(cos(caption, prompt), 0)"
    outputs = (mean_output("value", "RefCLIPScore", high=2.0),)
    responds_to = _ALL
    paper = "Hessel et al. 2021, arXiv:2104.08718"

    def __init__(self, extractor: str = "open-clip(model=ViT-B-32,pretrained=openai)") -> None:
        super().__init__(extractor)
        self.extractor = str(extractor)

    def views(self) -> Mapping[str, View]:
        return {
            "image": View("generated", "features", self.extractor),
            "text": View("prompt", "features", self.extractor),
            "captions": View("captions", "features", self.extractor),
            "truth": View("sample", "truth"),
        }

    def missing(self) -> Mapping[str, float]:
        return {"score": 0.0}

    def update(
        self,
        *,
        image: torch.Tensor,
        text: torch.Tensor,
        captions: Sequence[torch.Tensor],
        truth: Sequence[Sample],
        ids: Sequence[str] | None = None,
    ) -> None:
        """Aligned embeddings (b, d), (b, d), those of all captions (c_i, d), and the samples."""
        others = [[i for i, text_ in enumerate(s.captions) if text_ != s.prompt] for s in truth]
        kept = [i for i, rest in enumerate(others) if rest]
        score = torch.full((len(truth),), NOTHING, dtype=torch.float64, device=image.device)
        if kept:
            some = [captions[i][others[i]] for i in kept]
            names = [ids[i] for i in kept] if ids is not None else None
            score[kept] = ref_clip_score(image[kept], text[kept], some, ids=names)
        self.append(score)


@register(
    "metric", "category-compatibility", summary="is the image's class one that the prompt names?", scope="sample",
    direction="higher",
)  # fmt: skip
class CategoryCompatibility(Rowwise):
    """hit: the likeliest class of the image is one that the prompt names. probability: all their probability.

    classes: the names of the extractor's logits: 'scenes' (colour and shape) or a text file with one a line. An object
    is of the class of its label, or of 'colour label' where there is such a class.
    """

    formula = "hit = 1[argmax p(c | image) in classes(prompt)]; probability = sum of p over them"
    columns: ClassVar[tuple[str, ...]] = ("hit", "probability")
    outputs = (
        mean_output("hit", "class hit", column="hit"),
        mean_output("probability", "class probability", column="probability", primary=False),
    )
    responds_to = ("wrong-colour", "wrong-shape", "shuffled", "constant", "noise")
    needs: ClassVar[tuple[str, ...]] = ("objects",)

    def __init__(self, extractor: str = "scene-classifier", classes: str = "scenes") -> None:
        super().__init__(extractor, classes)
        self.extractor, self.classes = str(extractor), _classes(str(classes))

    def views(self) -> Mapping[str, View]:
        return {"logits": View("generated", "logits", self.extractor), "truth": View("sample", "truth")}

    def update(self, *, logits: torch.Tensor, truth: Sequence[Sample], ids: Sequence[str] | None = None) -> None:
        """Logits (b, c) and the samples."""
        checks.features(logits, "logits", ids=ids)
        if logits.shape[1] != len(self.classes):
            raise UsageError(
                f"{self.extractor} gives {logits.shape[1]} logits and there are {len(self.classes)} classes."
            )
        likely = logits.double().softmax(1)
        rows = [self._row(p, s) for p, s in zip(likely, truth, strict=True)]
        self.append(*torch.tensor(rows, dtype=torch.float64).reshape(-1, 2).T)

    def _row(self, likely: torch.Tensor, sample: Sample) -> tuple[float, float]:
        named = {f"{t.attributes.get('colour', '')} {t.label}".strip() for t in sample.objects}
        named |= {t.label for t in sample.objects}
        wanted = [i for i, name in enumerate(self.classes) if name in named]
        if not wanted:
            return NOTHING, NOTHING
        return float(int(likely.argmax()) in wanted), min(float(likely[wanted].sum()), 1.0)


def _classes(given: str) -> tuple[str, ...]:
    if given == "scenes":
        return tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
    try:
        return tuple(line.strip() for line in Path(given).expanduser().read_text(encoding="utf-8").splitlines() if line)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"classes is 'scenes' or a text file with one name a line; '{given}' is none: {error}."
        ) from None


@register(
    "metric", "cka", summary="similarity of the features of generated and own reference images", scope="set",
    direction="higher",
)  # fmt: skip
class Cka(Metric):
    """Linear centred kernel alignment over images of generated and own reference features: do images differ from each
    other as their references do? Biased upwards below some images a feature: compare equal n only."""

    formula = "|Y'X|_F^2 / (|X'X|_F |Y'Y|_F), columns centred"
    scope = "set"
    outputs = (OutputCard("value", "CKA", "higher", 0.0, 1.0),)
    responds_to = _ALL
    paper = "Kornblith et al. 2019, arXiv:1905.00414"
    minimum = 4

    def __init__(self, extractor: str = "inception-v3") -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.states = {side: self.add_rows(side, extractor) for side in ("generated", "own")}

    def views(self) -> Mapping[str, View]:
        return {
            "generated": View("generated", "features", self.extractor),
            "own": View("own", "features", self.extractor),
        }

    def update(self, *, generated: torch.Tensor, own: torch.Tensor, ids: Sequence[str] | None = None) -> None:
        """Aligned features (b, d), (b, d)."""
        for name, rows in (("generated", generated), ("own", own)):
            checks.features(rows, name, ids=ids)
            getattr(self, self.states[name]).append(rows.detach())

    def compute(self) -> torch.Tensor:
        generated, own = (self.joined(self.states[side]) for side in ("generated", "own"))
        self.need(len(generated))
        return self._value(generated, own)

    def _value(self, generated: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """0 for a system whose images do not differ: no image differs from the others as its reference does."""
        if bool((generated == generated[0]).all()):
            return torch.zeros((), dtype=torch.float64)
        return linear_cka(generated, own)

    def replicates(self, blocks: Sequence[int]) -> dict[str, np.ndarray]:
        generated, own = (self.joined(self.states[side]) for side in ("generated", "own"))
        which, count = checks.blocks(blocks, generated, least=2)
        if count < 2:
            raise TooFew("Replicates need two blocks.")
        kept = [which != b for b in range(count)]
        return as_replicates(value=torch.stack([self._value(generated[k], own[k]) for k in kept]))
