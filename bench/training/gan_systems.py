"""What each adversarial system learns beyond the game of two players, as its generator's docstring says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim import Optimizer

from bench.fusion.base import TextContext
from bench.generators.reference.cgan import CganCritic, CganPainter
from bench.generators.reference.cman import CmanCritic, CmanPainter, Matcher
from bench.generators.reference.fusing import MakeFusion
from bench.generators.reference.gan_nets import LATENT, Canvas, Painted
from bench.generators.reference.iten import ItenCritic, ItenPainter
from bench.generators.reference.titan import CODE, TitanCritic, TitanPainter
from bench.generators.reference.wirn import WirnCritic, WirnPainter
from bench.training.gan_batches import GanBatch
from bench.training.gan_losses import contrast, damsm, kl_to_standard, painter_loss
from bench.training.players import Parts, Play, Players, descend

SHARP = 10.0
"""InfoNCE: 1 / temperature."""


class Cgan(Players):
    """Nothing beyond the game (GAN-INT is a setting of it)."""

    def __init__(self, fusion: MakeFusion, canvas: Canvas, play: Play, steps: int, blind: bool) -> None:
        super().__init__(CganPainter(fusion, canvas), CganCritic(canvas), play, steps, blind)


class Iten(Players):
    """InfoNCE in the joint space: the towers on real pairs, the painter on painted ones."""

    weight = 0.5

    def __init__(self, fusion: MakeFusion, canvas: Canvas, play: Play, steps: int, blind: bool) -> None:
        super().__init__(ItenPainter(fusion, canvas), ItenCritic(canvas), play, steps, blind)

    def teach_critic(self, batch: GanBatch, seen: torch.Tensor, context: TextContext) -> Parts:
        return {"embedding": self.weight * self._contrast(batch, seen, context)}

    def teach_painter(self, batch: GanBatch, painted: Painted, seen: torch.Tensor, context: TextContext) -> Parts:
        return {"embedding": self.weight * self._contrast(batch, seen, context)}

    def _contrast(self, batch: GanBatch, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        image, text = self.critic.embeddings(seen, context)
        return contrast(SHARP * image @ text.T, batch.alike)


class Cman(Players):
    """The painter is held to a matcher of words and regions, trained in the first `opening` of the steps."""

    weight, opening = 1.0, 0.1

    def __init__(self, fusion: MakeFusion, canvas: Canvas, play: Play, steps: int, blind: bool) -> None:
        super().__init__(CmanPainter(fusion, canvas), CmanCritic(canvas), play, steps, blind)
        self.painter.text.requires_grad_(False)
        self.matcher = Matcher(canvas)

    def optimisers(self, rate: float) -> list[Optimizer]:
        return [*super().optimisers(rate), torch.optim.Adam(self.matcher.parameters(), lr=rate * self.play.edge)]

    def learn(self, optimisers: Sequence[Optimizer], step: int, first: int, rows: int) -> Parts:
        opening = round(self.opening * self.steps)
        if step < opening:
            self.matcher.requires_grad_(True)
            batch = self.batch(step, first, rows)
            loss = self._matched(batch, batch.images)
            descend(optimisers[2], {"matcher": loss})
            return {"matcher": loss}
        if step == opening:  # the painter reads as the matcher has learned to
            self.painter.text.load_state_dict(self.matcher.text.state_dict())
            self.mean.text.load_state_dict(self.matcher.text.state_dict())
        self.matcher.requires_grad_(False)
        return super().learn(optimisers, step, first, rows)

    def _matched(self, batch: GanBatch, images: torch.Tensor) -> torch.Tensor:
        context = self.matcher.text(batch.ids)
        regions, whole = self.matcher.see(images)
        return damsm(regions, whole, context.words, context.sentence, context.mask, batch.alike)

    def teach_painter(self, batch: GanBatch, painted: Painted, seen: torch.Tensor, context: TextContext) -> Parts:
        return {"matching": self.weight * self._matched(batch, painted.images)}


class Wirn(Players):
    """Logits of single words: shown or not, learned from captions of which some words were exchanged."""

    weight = 0.5

    def __init__(self, fusion: MakeFusion, canvas: Canvas, play: Play, steps: int, blind: bool) -> None:
        super().__init__(WirnPainter(canvas), WirnCritic(canvas), play, steps, blind)

    def teach_critic(self, batch: GanBatch, seen: torch.Tensor, context: TextContext) -> Parts:
        """Real words are shown, those that an exchange of equal length put in are not."""
        loss = self._words(seen, context, context.mask, torch.ones_like(batch.ids))
        same = ((batch.swapped > 0) == (batch.ids > 0)).all(1, keepdim=True)
        changed = (batch.swapped != batch.ids) & same
        other = self.critic.read(batch.swapped)
        return {"words": self.weight * (loss + self._words(seen, other, changed, torch.zeros_like(batch.ids)))}

    def teach_painter(self, batch: GanBatch, painted: Painted, seen: torch.Tensor, context: TextContext) -> Parts:
        shown = self._words(seen, context, context.mask, torch.ones_like(batch.ids))
        return {"words": self.weight * shown}

    def _words(
        self, seen: torch.Tensor, context: TextContext, which: torch.Tensor, wanted: torch.Tensor
    ) -> torch.Tensor:
        logits = self.critic.words(seen, context)
        loss = F.binary_cross_entropy_with_logits(logits, wanted.to(logits), reduction="none")
        return (loss * which).sum() / which.sum().clamp(min=1)


class Titan(Players):
    """Reconstruction and KL throughout; the critic with little weight from the middle on."""

    weight, kl, apart, objects = 0.02, 0.001, 0.02, 20.0

    def __init__(self, fusion: MakeFusion, canvas: Canvas, play: Play, steps: int, blind: bool) -> None:
        super().__init__(TitanPainter(canvas), TitanCritic(canvas), play, steps, blind)

    def learn(self, optimisers: Sequence[Optimizer], step: int, first: int, rows: int) -> Parts:
        batch = self.batch(step, first, rows)
        draw = torch.Generator().manual_seed(first)
        z = torch.randn(rows, LATENT, generator=draw).to(self.device)
        painter, critic = optimisers
        late = step >= self.steps // 2
        told: Parts = {}
        found, context = self._rebuilt(batch, z, min(1.0, step / (0.3 * self.steps)))
        if late:
            painted = self.painter.paint(z, context)
            told = self.critic_parts(batch, painted.images.detach(), step, draw)
            descend(critic, told)
            self.critic.requires_grad_(False)
            logits = self.critic(painted.images, batch.ids)
            real = self.critic(batch.images, batch.ids) if self.play.loss == "rp" else None
            found["game"] = self.weight * painter_loss(self.play.loss, logits, real)
            self.critic.requires_grad_(True)
        self._watch("pull", descend(painter, found))
        return {**{f"critic {k}": v for k, v in told.items()}, **{f"painter {k}": v for k, v in found.items()}}

    def _rebuilt(self, batch: GanBatch, noise: torch.Tensor, share: float) -> tuple[Parts, TextContext]:
        """L1 + MSE, louder where an image differs from its corner (objects cover 3 % of it), KL, and InfoNCE of pooled
        words and patches; what was read."""
        context = self.painter.read(batch.ids)
        mean, spread, words, patches = self.painter.encode(batch.images, context)
        images = self.painter.decode(mean + (spread / 2).exp() * noise[:, :CODE], context)
        there = (batch.images - batch.images[:, :, :1, :1]).abs().mean(1, keepdim=True)
        off, loudness = images - batch.images, 1 + self.objects * there
        scores = SHARP * F.normalize(patches, dim=1) @ F.normalize(words, dim=1).T
        return {
            "pixels": (loudness * (off.abs() + off.square())).mean(),
            "kl": share * self.kl * kl_to_standard(mean, spread),
            "spaces": self.apart * contrast(scores, batch.alike),
        }, context


SYSTEMS: dict[str, Any] = {"cgan": Cgan, "iten": Iten, "cman": Cman, "wirn": Wirn, "titan": Titan}
