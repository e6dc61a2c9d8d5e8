"""The text encoder of the reference generators, trained with each of them: token ids to a TextContext."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from bench.fusion.base import TextContext
from bench.world.tokens import CONTEXT, PAD, UNKNOWN, VOCABULARY, tokens, words_of

TEXT_DIM = 64


class TextEncoder(nn.Module):
    """int64 (b, l) token ids -> TextContext with d = 64. Two bidirectional layers of four heads.

    A row of the ids may be all PAD: the empty text, which guidance and text-blind training use.
    """

    def __init__(self, dim: int = TEXT_DIM, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, dim)
        self.places = nn.Parameter(0.02 * torch.randn(CONTEXT, dim))
        layer = nn.TransformerEncoderLayer(
            dim, heads, 2 * dim, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(dim), enable_nested_tensor=False)
        self.whole = nn.Linear(dim, dim)
        nn.init.normal_(self.embedding.weight, std=0.3)

    def forward(self, ids: torch.Tensor) -> TextContext:
        return self.read(self.embedding(ids), ids)

    def read(self, embedded: torch.Tensor, ids: torch.Tensor) -> TextContext:
        """Word embeddings (b, l, d) of ids (b, l) -> TextContext; apart from `forward` for gradients of embeddings."""
        mask = ids != PAD
        mask = mask | (~mask.any(1, keepdim=True) & (torch.arange(ids.shape[1], device=ids.device) == 0))
        words = self.layers(embedded + self.places[: ids.shape[1]], src_key_padding_mask=~mask)
        share = mask[..., None].to(words.dtype)
        return TextContext(words, mask, self.whole((words * share).sum(1) / share.sum(1)))


def ids_of(texts: Sequence[str]) -> torch.Tensor:
    """n texts -> int64 (n, 32); '' is a row of PAD."""
    rows, _ = tokens(texts)
    found = torch.from_numpy(rows)
    found[[i for i, text in enumerate(texts) if not text]] = PAD
    return found


def over_long(texts: Sequence[str]) -> int:
    """How many of the texts are longer than the encoder reads."""
    return int(tokens(texts)[1].sum())


def unknown_words(text: str) -> tuple[str, ...]:
    """The words of a text that the vocabulary lacks, in order."""
    return tuple(word for word in words_of(text) if (tokens([word])[0][0, 0] == UNKNOWN))
