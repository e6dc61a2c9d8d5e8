"""What a two-tower judge of scenes is worth: R@1 among captions of other meaning, and own caption against one edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from bench.extractors.scene_nets import pixels
from bench.functional import r_precision
from bench.world.description import Understanding, meaning, understand
from bench.world.draws import Draw
from bench.world.grammar import paraphrases
from bench.world.mismatches import KINDS, held_out, mismatch
from bench.world.render import render
from bench.world.split import Entry, scene_at
from bench.world.tokens import tokens

_BATCH = 256
Keep = Callable[[Understanding], bool]


def entries(split: str, count: int) -> list[Entry]:
    """The first rows of a split."""
    return [scene_at(split, i) for i in range(count)]


def embedded(model: Any, some: Sequence[Entry]) -> torch.Tensor:
    """(n, d) unit embeddings of rendered scenes."""
    device = next(model.parameters()).device
    rows = []
    for at in range(0, len(some), _BATCH):
        part = some[at : at + _BATCH]
        images = render([e.scene for e in part], list(range(at, at + len(part))))
        given = torch.from_numpy(pixels(images)).permute(0, 3, 1, 2).to(device)
        rows.append(model.encode_image(given, normalize=True))
    return torch.cat(rows)


def encoded(model: Any, texts: Sequence[str]) -> torch.Tensor:
    """(n, d) unit embeddings of texts."""
    device = next(model.parameters()).device
    given = torch.from_numpy(tokens(texts)[0]).to(device)
    return torch.cat([model.encode_text(part, normalize=True) for part in given.split(_BATCH)])


def said(told: Understanding, variant: int) -> str:
    """One of the texts that say this."""
    texts = paraphrases(told)
    return texts[variant % len(texts)]


def retrieval(model: Any, split: str, count: int, candidates: int = 100) -> float:
    """R@1: share of scenes whose caption is nearest among `candidates` captions of different meaning."""
    some = entries(split, count)
    told = [understand(e.scene) for e in some]
    texts = [said(t, e.variant) for t, e in zip(told, some, strict=True)]
    credit = r_precision(
        embedded(model, some), encoded(model, texts), candidates=candidates, meaning=[meaning(t) for t in told]
    )
    return float(credit.mean())


def one_edit(model: Any, split: str, count: int, keep: Keep = lambda told: True) -> dict[str, float]:
    """Kind of mismatch -> share of scenes whose caption is nearer than the same caption with one such edit; NaN for
    none."""
    some = [e for e in entries(split, count) if keep(understand(e.scene))]
    image = embedded(model, some)
    own = encoded(model, [said(understand(e.scene), e.variant) for e in some])
    near = (image * own).sum(1)
    found = {}
    for kind in KINDS:
        pairs = list(_edits(some, kind))
        at = torch.tensor([i for i, _ in pairs], dtype=torch.long)
        wrong = encoded(model, [text for _, text in pairs]) if pairs else image[:0]
        far = (image[at] * wrong).sum(1)
        gap = near[at] - far
        found[kind] = float(((gap > 0).double() + (gap == 0).double() / 2).mean()) if pairs else float(np.nan)
    return found


def _edits(some: Sequence[Entry], kind: str) -> Iterator[tuple[int, str]]:
    """(place, false caption) of the scenes that such an edit applies to."""
    for i, entry in enumerate(some):
        edited = mismatch(understand(entry.scene), kind, Draw("question", kind, i))
        if edited is not None:
            yield i, said(edited, entry.variant)


def figures(model: Any, split: str, count: int) -> dict[str, float]:
    """What a finished judge is worth: R@1 of 100, each kind of edit, and each kind on what training never showed."""
    found = {"r@1": retrieval(model, split, count), **one_edit(model, split, count)}
    new = one_edit(model, split, count, keep=held_out)
    return {**found, **{f"{kind}, held out": value for kind, value in new.items()}}
