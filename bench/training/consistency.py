"""Semantic-consistency constraints: what a generator's images are held to beside its own loss, as options of `bench
train generator:flow` (`--option consistency=words --option weight=0.01`).

cosine     1 - cosine of image and sentence in a joint space that is learned beside the generator, on real pairs alone
ssim       1 - structural similarity to the row's real image (Wang et al. 2004), whose layout a flow's noise still shows
words      words must find their regions (DAMSM: Xu et al. 2018, arXiv:1711.10485), in a matcher learned beside it
matching   a critic of pairs, learned on true pairs, false captions and made images (Reed et al. 2016, arXiv:1605.05396)
embedding  1 - cosine in the frozen space of scene-clip, whose scores are not independent from then on

What is learned beside the generator never gets the generator's gradient, nor the generator the other's: the constraint
is taken with the matcher's weights detached.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from bench import registry
from bench.errors import UsageError, did_you_mean
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.cman import Matcher
from bench.training.gan_losses import G3, contrast, critic_loss, damsm, painter_loss
from bench.world.tokens import PAD

WEIGHTS: Mapping[str, float] = {"cosine": 0.02, "ssim": 0.02, "words": 0.002, "matching": 0.01, "embedding": 0.02}
"""Constraint -> its weight where none is given: about a tenth of the flow's own loss after a thousand steps."""
TEACHER = "scene-clip"
"""Extractor of `embedding`."""
OPTIONS = ("consistency", "weight")


def asked(options: Mapping[str, str]) -> tuple[str, float]:
    """(constraint, weight) of a command's settings; ('', 0) for none. UsageError for what does not exist."""
    for option in options:
        if option not in OPTIONS:
            raise UsageError(f"The training of flow has no setting '{option}'.{did_you_mean(option, OPTIONS)}")
    kind = options.get("consistency", "")
    if not kind and "weight" in options:
        raise UsageError("--option weight is of a constraint; name one: --option consistency=cosine, ssim, ...")
    if kind and kind not in WEIGHTS:
        raise UsageError(f"There is no constraint '{kind}'.{did_you_mean(kind, WEIGHTS)}")
    given = options.get("weight", str(WEIGHTS.get(kind, 0.0)))
    try:
        weight = float(given)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < 1e6:
        raise UsageError(f"--option weight takes a number from 0 on; got '{given}'.")
    return kind, weight


class Reader(Matcher):
    """A matcher that reads a batch at once, with a logit of image and text matching; edges are not needed for words."""

    def __init__(self, side: int) -> None:
        super().__init__(Canvas(side, 8), edges=0.0)
        self.sharp, self.shift = nn.Parameter(torch.tensor(5.0)), nn.Parameter(torch.tensor(0.0))

    def forward(self, images: torch.Tensor, ids: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """(b, 3, s, s), (b, l) -> regions, whole, words, sentence, mask, cosine (b,), logit (b,)."""
        shown, whole = self.see(images)
        context = self.text(ids)
        cosine = F.cosine_similarity(whole, context.sentence)
        return {
            "regions": shown, "whole": whole, "words": context.words, "sentence": context.sentence,
            "mask": context.mask, "cosine": cosine, "logit": self.sharp * cosine + self.shift,
        }  # fmt: skip


class Consistency(nn.Module):
    """One constraint with its weight, and what it learns beside the generator (`matcher`, where it needs one)."""

    def __init__(self, kind: str, weight: float, side: int) -> None:
        super().__init__()
        self.kind, self.weight = kind, weight
        self.matcher = Reader(side) if kind in ("cosine", "words", "matching") else None
        self._teacher: list[nn.Module] = []  # in a list: no part of what is trained or saved

    def forward(self, made: torch.Tensor, images: torch.Tensor, ids: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Made and real images (b, 3, s, s) in [-1, 1] of the captions ids (b, l) -> parts of the loss."""
        alike = (ids[:, None] == ids[None]).all(2)
        if self.kind == "ssim":
            return {"consistency": self.weight * (1 - _similarity(made, images))}
        if self.kind == "embedding":
            return {"consistency": self.weight * (1 - self._embedded(made, ids)).mean()}
        assert self.matcher is not None
        frozen = {name: value.detach() for name, value in self.matcher.named_parameters()}
        read = torch.func.functional_call(self.matcher, frozen, (made, ids))
        held, learned = self._held(read, alike), self._learned(made, images, ids, alike)
        return {"consistency": self.weight * held, "matcher": learned}

    def _held(self, read: Mapping[str, torch.Tensor], alike: torch.Tensor) -> torch.Tensor:
        """How far made images are from their captions."""
        if self.kind == "cosine":
            return (1 - read["cosine"]).mean()
        if self.kind == "matching":
            return painter_loss("logistic", read["logit"])
        return _words(read, alike)

    def _learned(
        self, made: torch.Tensor, images: torch.Tensor, ids: torch.Tensor, alike: torch.Tensor
    ) -> torch.Tensor:
        """The matcher's own loss, on real images."""
        assert self.matcher is not None
        read = self.matcher(images, ids)
        if self.kind == "words":
            return _words(read, alike)
        if self.kind == "cosine":
            whole, sentence = F.normalize(read["whole"], dim=1), F.normalize(read["sentence"], dim=1)
            return contrast(G3 * whole @ sentence.T, alike)
        false = torch.roll(ids, 1, 0)
        wrong = self.matcher(images, false)["logit"][(false != ids).any(1)]
        made_logit = self.matcher(made.detach(), ids)["logit"]
        return critic_loss("logistic", read["logit"], made_logit, wrong if len(wrong) else made_logit)

    def _embedded(self, made: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """(b,) cosines of made images and captions in the frozen space."""
        if not self._teacher:
            self._teacher.append(registry.create("extractor", TEACHER, {}).loaded().to(made.device))
        teacher = self._teacher[0]
        large = F.interpolate(made, size=(64, 64), mode="bilinear", antialias=True)
        pixels = (large.add(1).mul(127.5) - 128.0) / 64.0
        full = F.pad(ids, (0, 32 - ids.shape[1]), value=PAD)
        text = teacher.encode_text(full)
        return F.cosine_similarity(teacher.encode_image(pixels), text)


def _words(read: Mapping[str, torch.Tensor], alike: torch.Tensor) -> torch.Tensor:
    return damsm(read["regions"], read["whole"], read["words"], read["sentence"], read["mask"], alike)


def _similarity(made: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """(): mean structural similarity."""
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    found = ssim(made.double(), images.double(), data_range=2.0)  # flat regions: variances are differences of squares
    assert isinstance(found, torch.Tensor)
    return found
