"""Two players on scenes: a painter and a critic, what keeps them in balance, and what is remembered of their past.

A step is one of the critic and one of the painter, on one batch. All that is random in it is drawn from the number of
its first row (`feed`), and the past (running means of the weights, pool of painted images) is part of the state, so
that a training that was killed ends with the same bits. What follows (`act`) never looks at a value, so that a GPU can
record it. A system is a subclass that says what its players learn beyond the adversarial game.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from bench.errors import UsageError, did_you_mean
from bench.fusion.base import TextContext
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.gan_nets import LATENT, Eye, Painted, Pair
from bench.training import gan_batches
from bench.training.captured import Numbers
from bench.training.gan_batches import GanBatch, gan_batch
from bench.training.gan_losses import (
    LOSSES,
    critic_loss,
    distance,
    matching_aware,
    normalised,
    painter_loss,
    r1,
    seeking,
)
from bench.training.loop import Inputs, descend, towards
from bench.training.recipes import Tier
from bench.training.rows import NAMES, Rendered, Rows, Source, source
from bench.world.tokens import CONTEXT, PAD

Parts = dict[str, torch.Tensor]


class Classifier(nn.Module):
    """Which colours and shapes an image shows, by an eye of its own: one that also plays learns shapes far later."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.eye = Eye(canvas)
        self.names = nn.Linear(self.eye.width * 16, len(NAMES))

    def loss(self, images: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of images (b, 3, s, s) with what they should show, (b, 14)."""
        return named(self.names, self.eye.see(images), shown)


def named(head: nn.Linear, seen: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """(): cross-entropy of what a head reads from features (b, width, 4, 4) with what should be there, (b, 14)."""
    return nn.functional.binary_cross_entropy_with_logits(head(seen.flatten(1)), shown)


@dataclass(frozen=True)
class Play:
    """How the game is played; a mitigation is off at 0."""

    loss: str = "hinge"
    """hinge, logistic or rp."""
    r1: float = 0.2
    """Weight of the penalty on the gradient to real images; rp also has that to painted ones (R2)."""
    lazy: int = 8
    """The gradient penalties are taken at every so many steps, so many times as strong."""
    matching: float = 0.0
    """Weight of the matching-aware penalty (DF-GAN: 2), at every step."""
    spectral: bool = False
    """Spectral norm on the critic's layers."""
    history: float = 0.0
    """Weight of Salimans' penalty on both players."""
    pool: float = 0.0
    """Share of painted images that the critic sees from the pool of past ones."""
    mean: float = 0.998
    """Decay of the running mean of the painter's weights, which is what draws; 0: the last weights."""
    seeking: float = 0.0
    """Weight of the mode-seeking term."""
    attributes: float = 0.0
    """Weight of a head on the critic's features that names colours and shapes (TAC-GAN, Dash et al. 2017,
    arXiv:1703.06412)."""
    eye: float = 0.0
    """Weight of a classifier of colours and shapes with an eye of its own, which only sees real images (AC-GAN's term,
    Odena et al. 2017, arXiv:1610.09585, apart from the critic)."""
    between: float = 0.0
    """Share of rows that the painter learns on the mean of two sentences (GAN-INT)."""
    edge: float = 2.0
    """The critic's rate, as a multiple of the painter's."""
    grow: float = 0.5
    """Share of the training after which scenes of several objects come in."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise UsageError(f"There is no adversarial loss '{self.loss}'.{did_you_mean(self.loss, LOSSES)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not 0 <= value < float("inf"):
                raise UsageError(f"The setting {field.name} of the two players is a number from 0 on; got {value}.")
        for name in ("pool", "between", "mean", "grow"):
            if getattr(self, name) > 1:
                raise UsageError(f"The setting {name} of the two players is a share from 0 to 1.")
        if self.lazy < 1:
            raise UsageError(f"lazy is a number of steps, 1 or more; got {self.lazy}.")


def play_of(given: Mapping[str, str], base: Play) -> Play:
    """`base` with settings as a command gives them; UsageError for one that is unknown or no number."""
    kinds = {field.name: type(getattr(base, field.name)) for field in fields(Play)}
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in kinds:
            raise UsageError(f"The two players have no setting '{name}'.{did_you_mean(name, kinds)}")
        words = {"true": True, "false": False}
        try:
            found[name] = words[text.casefold()] if kinds[name] is bool else kinds[name](text)
        except (ValueError, KeyError):
            raise UsageError(f"The setting {name} is {_KINDS[kinds[name]]}; got '{text}'.") from None
    return Play(**{**vars(base), **found})


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
POOL = 256
"""Painted images that are kept (Shrivastava et al. 2017, arXiv:1612.07828, as CycleGAN has it, there 50); at least as
many as there are rows in a step."""


class Kind(NamedTuple):
    """What sort of step it is."""

    stage: str = ""
    """Of the system's own, e.g. 'opening'."""
    penalised: bool = False
    """Whether the gradient penalties are taken."""


class Players(nn.Module):
    """Painter, critic and their past."""

    def __init__(self, pair: Pair, play: Play, tier: Tier, blind: bool = False, begun: bool = False) -> None:
        """begun: whether the pair has been trained before."""
        super().__init__()
        self.begun = begun
        self.painter, self.critic = pair.painter, normalised(pair.critic) if play.spectral else pair.critic
        self.play, self.tier, self.blind = play, tier, blind
        self.mean = copy.deepcopy(pair.painter).requires_grad_(False)
        self.naming = nn.Linear(pair.critic.width * 16, len(NAMES)) if play.attributes else None
        self.classifier = Classifier(pair.critic.canvas) if play.eye else None
        side = pair.critic.canvas.side
        self.rows: Source = Rendered(side, True, tier.bank)
        if play.pool:
            self.register_buffer("pool_images", torch.zeros(POOL, 3, side, side))
            self.register_buffer("pool_ids", torch.zeros(POOL, CONTEXT, dtype=torch.long))
        if play.history:
            self.past = nn.ModuleDict({
                name: nn.ParameterList(nn.Parameter(p.detach().clone(), requires_grad=False) for p in some)
                for name, some in (("painter", self.painter.parameters()), ("critic", self.critic.parameters()))
            })  # fmt: skip
        self.watched: dict[str, torch.Tensor] = {}

    # ---- what a system says ----

    def teach_critic(self, batch: GanBatch, seen: torch.Tensor, context: TextContext) -> Parts:
        """What the critic learns on real pairs beyond the game; seen, context: its features of them."""
        return {}

    def teach_painter(self, batch: GanBatch, painted: Painted, seen: torch.Tensor, context: TextContext) -> Parts:
        """What the painter learns beyond the game; seen, context: the critic's features of what is painted."""
        return {}

    def extra(self) -> list[nn.Parameter]:
        """Parameters that the critic's optimiser trains beside the critic."""
        return [p for module in (self.naming, self.classifier) if module is not None for p in module.parameters()]

    # ---- a step ----

    def optimisers(self, rate: float) -> list[Optimizer]:
        """The painter's and the critic's."""
        trained = [p for p in self.painter.parameters() if p.requires_grad]
        critic = [*self.critic.parameters(), *self.extra()]
        return [
            torch.optim.Adam(trained, lr=rate, betas=(0.0, 0.99)),
            torch.optim.Adam(critic, lr=rate * self.play.edge, betas=(0.0, 0.99)),
        ]

    def ready(self, device: str) -> None:
        """Where the rows come from on this device."""
        self.rows = source(self.painter.canvas.side, True, self.tier.bank, device)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def kind(self, step: int) -> Kind:
        """What sort of step it is."""
        return Kind("", bool(self.play.r1) and step % self.play.lazy == 0)

    def plan(self, step: int, first: int, rows: int) -> Numbers:
        """Which rows a step sees, how many were painted before, and the shares of its weights in the running means."""
        ones = round(rows * (1.0 if step < self.play.grow * self.tier.steps else 0.5))
        share = 1 - min(self.play.mean, (2 + step) / (11 + step))
        return {**self.rows.plan(first, ones), "painted": step * rows, "share": share, "part": 1 / (2 + step)}

    def batch(self, numbers: Numbers, rows: int) -> GanBatch:
        """The rows of a step, on the players' device."""
        taken = self.rows.take(numbers, rows)
        found = gan_batch(Rows(*(value.to(self.device) for value in vars(taken).values())))
        if self.blind:
            found = GanBatch(**{**vars(found), **{k: found.ids * 0 + PAD for k in ("ids", "swapped", "wrong")}})
        return found

    def feed(self, numbers: Numbers, rows: int, draw: torch.Generator) -> Inputs:
        """The batch and all that is random in a step."""
        given = {"z": torch.randn(rows, LATENT, generator=draw, device=draw.device)}
        if self.play.pool:
            given |= self._places(numbers["painted"], rows, draw)
        if self.play.seeking:
            given["other z"] = torch.randn(max(1, rows // 2), LATENT, generator=draw, device=draw.device)
        return {**vars(self.batch(numbers, rows)), **given}

    def act(self, optimisers: Sequence[Optimizer], kind: Kind, given: Inputs) -> Parts:
        """One step of each player; the losses' parts for the log."""
        batch = gan_batches.of(given)
        painter, critic = optimisers[:2]
        painted = self.painter(given["z"], batch.ids)
        told = self.critic_parts(batch, painted.images.detach(), kind, given)
        stepped(critic, told)
        found = self.painter_parts(batch, painted, given)
        self._watch("pull", stepped(painter, found))
        return {**{f"critic {k}": v for k, v in told.items()}, **{f"painter {k}": v for k, v in found.items()}}

    def critic_parts(self, batch: GanBatch, images: torch.Tensor, kind: Kind, given: Inputs) -> Parts:
        """The parts of the critic's loss; images: just painted, (b, 3, s, s)."""
        play, b, penalised = self.play, len(images), kind.penalised
        shown, ids = self._from_pool(images, batch.ids, given) if play.pool else (images, batch.ids)
        real = batch.images.clone().requires_grad_(penalised or bool(play.matching))
        shown = shown.clone().requires_grad_(penalised and play.loss == "rp")
        contexts = _split(self.critic.read(torch.cat([batch.ids, batch.wrong])), b)
        contexts += [self.critic.read(ids)] if play.pool else []
        seen, of_painted = self.critic.see(torch.cat([real, shown])).split(b)
        good = self.critic.judge(seen, contexts[0])
        fake = self.critic.judge(of_painted, contexts[2 if play.pool else 0])
        wrong = fake if self.blind else self.critic.judge(seen, contexts[1])  # the empty text is false of nothing
        self._watch("apart", (good > fake).float().mean())
        parts = {"game": critic_loss(play.loss, good, fake, wrong)}
        if penalised:
            penalty = r1(good, real) + (r1(fake, shown) if play.loss == "rp" else 0.0)
            parts["gradient"] = play.r1 * play.lazy * penalty
        if play.matching:
            parts["matching"] = play.matching * matching_aware(good, [real, contexts[0].sentence, contexts[0].words])
        if play.history:
            parts["history"] = play.history * distance(self.critic.parameters(), self.past["critic"])
        if self.naming is not None:
            parts["names"] = play.attributes * named(self.naming, seen, batch.shown)
        if self.classifier is not None:
            parts["classes"] = play.eye * self.classifier.loss(batch.images, batch.shown)
        return {**parts, **self.teach_critic(batch, seen, contexts[0])}

    def painter_parts(self, batch: GanBatch, painted: Painted, given: Inputs) -> Parts:
        """The parts of the painter's loss; the critic is looked through, not trained."""
        play, z = self.play, given["z"]
        self.critic.requires_grad_(False)
        context = self.critic.read(batch.ids)
        real = self.critic.judge(self.critic.see(batch.images), context).detach() if play.loss == "rp" else None
        own, mixed = painted.images, max(2, round(play.between * len(z))) if play.between else 0
        if mixed:
            half_way = self.painter.paint(z[:mixed], _between(self.painter.read(batch.ids[:mixed]))).images
            painted = painted._replace(images=torch.cat([half_way, own[mixed:]]))
            context = _joined(_between(_rows(context, slice(0, mixed))), _rows(context, slice(mixed, None)))
        seen = self.critic.see(painted.images)
        parts = {"game": painter_loss(play.loss, self.critic.judge(seen, context), real)}
        if painted.loss.requires_grad:
            parts["fusion"] = painted.loss
        if play.history:
            parts["history"] = play.history * distance(self.painter.parameters(), self.past["painter"])
        if play.seeking:
            w = given["other z"]
            half = len(w)  # each costs another pass of the painter
            again = self.painter(w, batch.ids[:half]).images
            parts["modes"] = play.seeking * seeking(own[:half], again, z[:half], w)
        if mixed < len(z):  # what is half way between two captions has no names
            shown = batch.shown[mixed:]
            if self.naming is not None:
                parts["names"] = play.attributes * named(self.naming, seen[mixed:], shown)
            if self.classifier is not None:
                self.classifier.requires_grad_(False)
                parts["classes"] = play.eye * self.classifier.loss(own[mixed:], shown)
                self.classifier.requires_grad_(True)
        parts |= self.teach_painter(batch, painted, seen, context)
        self.critic.requires_grad_(True)
        return parts

    # ---- the past ----

    @functools.cached_property
    def followed(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Weights of the running mean, and those that it follows."""
        return list(self.mean.parameters()), list(self.painter.parameters())

    def follow(self, numbers: Numbers) -> None:
        """Take the weights that a step left into the running means."""
        towards(*self.followed, numbers["share"])
        if self.play.history:
            for name, module in (("painter", self.painter), ("critic", self.critic)):
                towards(list(self.past[name]), list(module.parameters()), numbers["part"])

    def _places(self, painted: Any, rows: int, draw: torch.Generator) -> dict[str, torch.Tensor]:
        """For each row its place in the pool, whether it is put there, and whether what was there is shown instead;
        painted: rows before these."""
        row = torch.arange(rows, device=draw.device) + painted
        full = row[:1] >= POOL
        swap = (torch.rand(rows, generator=draw, device=draw.device) < self.play.pool) & full
        places = torch.randperm(POOL, generator=draw, device=draw.device)[:rows]
        return {"place": torch.where(full, places, row.long() % POOL), "kept": (row < POOL) | swap, "swap": swap}

    @torch.no_grad()
    def _from_pool(
        self, images: torch.Tensor, ids: torch.Tensor, given: Inputs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the critic is shown: `pool` of the rows are exchanged for past ones, which they replace in the pool."""
        place, kept, swap = given["place"], given["kept"], given["swap"]
        ids = nn.functional.pad(ids, (0, CONTEXT - ids.shape[1]), value=PAD)
        found = []
        for pool, new in ((self.pool_images, images), (self.pool_ids, ids)):
            wide = (-1, *[1] * (new.ndim - 1))
            old = pool[place]
            pool[place] = torch.where(kept.view(wide), new, old)
            found.append(torch.where(swap.view(wide), old, new))
        return found[0], found[1]

    # ---- what is watched ----

    @torch.no_grad()
    def _watch(self, name: str, value: torch.Tensor) -> None:
        if name not in self.watched:
            self.watched[name] = torch.zeros(2, device=value.device)
        self.watched[name] += torch.stack([value.detach().float(), torch.ones_like(value, dtype=torch.float)])

    def watch(self) -> dict[str, float]:
        """Means since the last look: `apart`, the share of pairs of a real and a painted image that the critic tells
        apart, and `pull`, the norm of the painter's gradient."""
        found: dict[str, float] = {}
        for name, told in self.watched.items():
            total, count = told.tolist()
            found |= {name: total / count} if count else {}
            told.zero_()
        return found


def stepped(optimiser: Optimizer, parts: Parts) -> torch.Tensor:
    """A player's step down the sum of the parts, its gradient cut at norm 10; the norm before the cut."""
    return descend([optimiser], parts, [p for group in optimiser.param_groups for p in group["params"]], 10.0)


def _split(context: TextContext, rows: int) -> list[TextContext]:
    return [TextContext(*parts) for parts in zip(*(part.split(rows) for part in context), strict=True)]


def _rows(context: TextContext, some: slice) -> TextContext:
    return TextContext(*(part[some] for part in context))


def _joined(one: TextContext, other: TextContext) -> TextContext:
    return TextContext(*(torch.cat(parts) for parts in zip(one, other, strict=True)))


def _between(context: TextContext) -> TextContext:
    """Sentences half way to the next row's."""
    return context._replace(sentence=(context.sentence + context.sentence.roll(1, 0)) / 2)
