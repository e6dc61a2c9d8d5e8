"""`bench probe`: how well a fusion strategy joins text to image, by itself and without a generator.

A strategy is put between frozen features of scenes and a frozen text encoder, and trained for a fixed number of steps
to tell true captions from false ones by a linear head on the mean and spread of what it gives out. Then
  retrieval  the head's score ranks the captions of a gallery for an image, and the images for a caption
  probes     linear maps of the fused features tell the true caption from one with a single edit (colour, shape,
             binding, relation)
Nothing but the strategy and the head learns, data and their order are equal for all, and `none` is exactly at chance:
it never sees the text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import NotFinite
from bench.formats.large_files import sha256
from bench.fusion.base import BUDGET, Fusion, TextContext
from bench.generators.reference.fusing import WORDS_DIGEST, maker
from bench.generators.reference.text import TEXT_DIM, TextEncoder
from bench.spec import Spec, digest
from bench.training import probe_data as data
from bench.training.probe_scores import Number, linear_probe, numbers, retrieval

VERSION = 2
"""Raise when the same protocol would give other numbers."""
TEXT_SEED = 20_241
"""Of the frozen text encoder's weights."""
_BLOCK = 512

Tell = Callable[[str, int, int, float], None]
"""(what is trained, step, steps, loss)."""


@dataclass(frozen=True)
class Protocol:
    """All that changes the numbers of a probe but the strategy and the seed."""

    steps: int = 400
    rows: int = 4096
    """Scenes to learn from."""
    batch: int = 64
    rate: float = 3e-3
    budget: int = BUDGET
    """Parameters of a strategy."""
    gallery: int = 100
    """Captions (and images) that are ranked."""
    fitted: int = 1024
    """Scenes that linear probes are fitted on."""
    tested: int = 512
    """Test scenes of the probes, as far as an edit applies to them."""

    def digest(self) -> str:
        """Of everything; two tables of one digest may be compared."""
        fixed = {"eye": sha256(data.weights()), "text": TEXT_SEED, "first": data.FIRST, "words": WORDS_DIGEST}
        return digest({**dataclasses.asdict(self), **fixed, "version": VERSION})


@dataclass(frozen=True)
class Probed:
    """The numbers of one strategy."""

    fusion: str
    parameters: int
    seeds: tuple[int, ...]
    numbers: Mapping[str, Number]
    loss: float
    """Of the last steps, mean over seeds; ln 2 is chance."""


@torch.no_grad()
def read(ids: torch.Tensor) -> TextContext:
    """Ids (n, l) -> words and sentences of unit variance, by an encoder that was never trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TEXT_SEED)
        encoder = TextEncoder().eval()
    parts = [encoder(ids[at : at + _BLOCK]) for at in range(0, len(ids), _BLOCK)]
    words, mask, sentence = (torch.cat(kind) for kind in zip(*parts, strict=True))
    return TextContext(F.layer_norm(words, words.shape[-1:]), mask, F.layer_norm(sentence, sentence.shape[-1:]))


def some(texts: TextContext, rows: torch.Tensor | slice) -> TextContext:
    """A part of the texts."""
    return TextContext(*(part[rows] for part in texts))


class Probe(nn.Module):
    """Strategy and head."""

    def __init__(self, fusion: Spec, budget: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.fusion: Fusion = maker(fusion)(data.CHANNELS, TEXT_DIM, 0, budget)
            self.head = nn.Linear(2 * data.CHANNELS, 1)

    def fused(self, h: torch.Tensor, texts: TextContext) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (b, c, y, x) and texts -> mean and spread of the fused features over positions (b, 2c), and what the
        strategy adds to the loss."""
        out = self.fusion(h, texts)
        flat = F.silu(out.h).flatten(2)
        loss = out.loss if out.loss is not None else flat.new_zeros(())
        return torch.cat([flat.mean(2), flat.std(2)], 1), loss

    def score(self, h: torch.Tensor, texts: TextContext) -> torch.Tensor:
        """(b,): how well images and captions match."""
        return self.head(self.fused(h, texts)[0])[:, 0]


def probe(
    fusion: Spec, seeds: Sequence[int], protocol: Protocol, tell: Tell = lambda name, step, steps, loss: None
) -> Probed:
    """Train and score a strategy with each seed. UsageError for an unknown one, NotFinite for one that diverges."""
    columns: dict[str, list[np.ndarray]] = {}
    losses, count = [], 0
    for seed in seeds:
        made = Probe(fusion, protocol.budget, seed)
        count = sum(p.numel() for p in made.fusion.parameters())
        name = f"{fusion} seed {seed}"
        losses.append(_train(made, seed, protocol, lambda *told, name=name: tell(name, *told), name))
        for key, values in _scores(made.eval(), protocol).items():
            columns.setdefault(key, []).append(values)
    stacked = {key: np.stack(values) for key, values in columns.items()}
    chance = {key: int(key.rpartition("@")[2]) / protocol.gallery if "@" in key else 0.5 for key in stacked}
    return Probed(str(fusion), count, tuple(seeds), numbers(stacked, chance), float(np.mean(losses)))


# ---- training ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _learned_from(count: int) -> tuple[data.Rows, TextContext, TextContext, torch.Tensor]:
    """Training rows, their captions, captions that one edit made false, and to which rows an edit applies."""
    rows = data.training_rows(count)
    places, ids = data.edited(rows, "", "training")
    false = rows.ids.clone()
    false[places] = ids
    applies = torch.zeros(count)
    applies[places] = 1
    return rows, read(rows.ids), read(false), applies


def _train(made: Probe, seed: int, protocol: Protocol, tell: Callable[[int, int, float], None], name: str) -> float:
    rows, captions, edits, applies = _learned_from(protocol.rows)
    optimiser = torch.optim.AdamW(made.parameters(), lr=protocol.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, protocol.steps), protocol.rate / 20)
    draw = torch.Generator().manual_seed(seed)
    recent: list[float] = []
    for step in range(protocol.steps):
        chosen = torch.randint(0, protocol.rows, (protocol.batch,), generator=draw)
        h, own = rows.features[chosen], some(captions, chosen)
        pooled, extra = made.fused(h, own)
        true = made.head(pooled)[:, 0]
        other, wrong = made.score(h, some(captions, chosen.roll(1))), made.score(h, some(edits, chosen))
        matched = F.softplus(-true).mean()
        near = (F.softplus(wrong) * applies[chosen]).sum() / applies[chosen].sum().clamp(min=1)
        unmatched = (F.softplus(other).mean() + near) / 2
        loss = (matched + unmatched) / 2
        total = loss + extra
        if not torch.isfinite(total):
            raise NotFinite(f"The probe of {name} left the numbers at step {step + 1}; its strategy is unstable.")
        optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        recent = [*recent[-49:], float(loss.detach())]
        tell(step + 1, protocol.steps, recent[-1])
    return float(np.mean(recent)) if recent else float(np.log(2))


# ---- scoring -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _held_out(count: int) -> data.Rows:
    return data.held_out_rows(count)


@lru_cache(maxsize=2 * len(data.EDITS))
def _pairs(training: bool, count: int, most: int, kind: str) -> tuple[torch.Tensor, TextContext, TextContext]:
    """Features, true captions and edited ones of rows to which an edit applies."""
    rows = _learned_from(count)[0] if training else _held_out(count)
    places, ids = data.edited(rows, kind)
    kept = places[:most]
    return rows.features[kept], read(rows.ids[kept]), read(ids[:most])


def _scores(made: Probe, protocol: Protocol) -> dict[str, np.ndarray]:
    count = max(protocol.gallery, protocol.tested)
    found = retrieval(_matrix(made, _held_out(count), protocol.gallery))
    for kind in data.EDITS:
        parts = []
        for training, size, most in ((True, protocol.rows, protocol.fitted), (False, count, protocol.tested)):
            h, true, false = _pairs(training, size, most, kind)
            parts += [_pooled(made, h, true), _pooled(made, h, false)]
        found[kind] = linear_probe(*parts)
    return found


@torch.no_grad()
def _pooled(made: Probe, h: torch.Tensor, texts: TextContext) -> np.ndarray:
    """Fused features in double, block by block."""
    blocks = [slice(at, at + _BLOCK) for at in range(0, len(h), _BLOCK)]
    return torch.cat([made.fused(h[b], some(texts, b))[0] for b in blocks]).double().numpy()


@torch.no_grad()
def _matrix(made: Probe, rows: data.Rows, count: int) -> np.ndarray:
    """(images, texts) scores, each image with every text in one batch of one size."""
    texts = read(rows.ids[:count])
    scores = [made.score(rows.features[i : i + 1].expand(count, -1, -1, -1), texts) for i in range(count)]
    return torch.stack(scores).double().numpy()
