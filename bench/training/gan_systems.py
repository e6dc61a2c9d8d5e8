"""What each adversarial system learns beyond the game of two players, as its generator's docstring says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional as F
from torch.optim import Optimizer

from bench.fusion.base import TextContext
from bench.generators.reference.cman import Matcher
from bench.generators.reference.gan_nets import Painted, Pair
from bench.generators.reference.titan import CODE
from bench.training import gan_batches
from bench.training.captured import Numbers
from bench.training.gan_batches import GanBatch
from bench.training.gan_losses import contrast, damsm, kl_to_standard
from bench.training.loop import Inputs
from bench.training.players import Kind, Parts, Play, Players, stepped
from bench.training.recipes import Tier

SHARP = 10.0
"""InfoNCE: 1 / temperature."""


class Iten(Players):
    """InfoNCE in the joint space: the towers on real pairs, the painter on painted ones."""

    weight = 0.5

    def teach_critic(self, batch: GanBatch, seen: torch.Tensor, context: TextContext) -> Parts:
        return {"embedding": self.weight * self._contrast(batch, seen, context)}

    def teach_painter(self, batch: GanBatch, painted: Painted, seen: torch.Tensor, context: TextContext) -> Parts:
        return {"embedding": self.weight * self._contrast(batch, seen, context)}

    def _contrast(self, batch: GanBatch, seen: torch.Tensor, context: TextContext) -> torch.Tensor:
        image, text = self.critic.embeddings(seen, context)
        return contrast(SHARP * image @ text.T, batch.alike)


class Cman(Players):
    """The painter is held to a matcher of words and regions, trained in the first `opening` of the steps. It begins to
    read as the matcher then does, and learns on; a matcher for a trained painter reads as that one does."""

    weight, opening = 0.2, 0.05

    def __init__(self, pair: Pair, play: Play, tier: Tier, blind: bool = False, begun: bool = False) -> None:
        super().__init__(pair, play, tier, blind, begun)
        self.matcher = Matcher(pair.critic.canvas)
        if begun:
            self.matcher.text.load_state_dict(self.painter.text.state_dict())

    def optimisers(self, rate: float) -> list[Optimizer]:
        learned = [p for name, p in self.matcher.named_parameters() if not (self.begun and name.startswith("text."))]
        return [*super().optimisers(rate), torch.optim.Adam(learned, lr=rate * self.play.edge)]

    def kind(self, step: int) -> Kind:
        opening = round(self.opening * self.tier.steps)
        stage = "opening" if step < opening else "turn" if step == opening else ""
        return super().kind(step)._replace(stage=stage)

    def act(self, optimisers: Sequence[Optimizer], kind: Kind, given: Inputs) -> Parts:
        if kind.stage == "opening":
            self.matcher.requires_grad_(True)
            batch = gan_batches.of(given)
            loss = self._matched(batch, batch.images)
            stepped(optimisers[2], {"matcher": loss})
            return {"matcher": loss}
        if kind.stage == "turn":  # the painter reads as the matcher has learned to
            self.painter.text.load_state_dict(self.matcher.text.state_dict())
            self.mean.text.load_state_dict(self.matcher.text.state_dict())
        self.matcher.requires_grad_(False)
        return super().act(optimisers, kind, given)

    def _matched(self, batch: GanBatch, images: torch.Tensor) -> torch.Tensor:
        context = self.matcher.text(batch.ids)
        regions, whole = self.matcher.see(images)
        return damsm(regions, whole, context.words, context.sentence, context.mask, batch.alike)

    def teach_painter(self, batch: GanBatch, painted: Painted, seen: torch.Tensor, context: TextContext) -> Parts:
        return {"matching": self.weight * self._matched(batch, painted.images)}


class Wirn(Players):
    """Logits of single words: shown or not, learned from captions of which some words were exchanged."""

    weight = 0.5

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
    """Reconstruction and KL throughout; the game, with little weight, once pixels are learned (`opening`)."""

    weight, kl, apart, objects = 0.3, 0.001, 0.02, 20.0

    @property
    def opening(self) -> float:
        """Steps before the game."""
        return 0.0 if self.begun else 0.3 * self.tier.steps

    def kind(self, step: int) -> Kind:
        return super().kind(step)._replace(stage="game" if step >= self.opening else "")

    def plan(self, step: int, first: int, rows: int) -> Numbers:
        return {**super().plan(step, first, rows), "kl": min(1.0, step / self.opening) if self.opening else 1.0}

    def feed(self, numbers: Numbers, rows: int, draw: torch.Generator) -> Inputs:
        return {**super().feed(numbers, rows, draw), "kl": torch.as_tensor(numbers["kl"], device=draw.device)}

    def act(self, optimisers: Sequence[Optimizer], kind: Kind, given: Inputs) -> Parts:
        batch, z = gan_batches.of(given), given["z"]
        painter, critic = optimisers
        told: Parts = {}
        found, context = self._rebuilt(batch, z, given["kl"])
        if kind.stage == "game":
            painted = self.painter.paint(z, context)
            told = self.critic_parts(batch, painted.images.detach(), kind, given)
            stepped(critic, told)
            game = self.painter_parts(batch, painted, given)
            found |= {name: self.weight * part for name, part in game.items()}
        self._watch("pull", stepped(painter, found))
        return {**{f"critic {k}": v for k, v in told.items()}, **{f"painter {k}": v for k, v in found.items()}}

    def _rebuilt(self, batch: GanBatch, noise: torch.Tensor, share: torch.Tensor) -> tuple[Parts, TextContext]:
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


SYSTEMS: Mapping[str, type[Players]] = {"cgan": Players, "iten": Iten, "cman": Cman, "wirn": Wirn, "titan": Titan}
