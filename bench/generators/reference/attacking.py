"""Word embeddings moved on purpose: the fast gradient sign method (Goodfellow, Shlens & Szegedy 2015, arXiv:1412.6572)
on what a trained generator reads, and random signs of the same size beside it.

Lengths are in units of the embeddings' own root mean square, so that one eps means as much for every system. Each word
(the closing mark too) is moved in every coordinate; padding and the empty text of guidance stay.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch

from bench.errors import UsageError
from bench.generators.reference.text import TextEncoder
from bench.world.tokens import PAD

KINDS = ("fgsm", "random")
_SPECIAL = 2
"""The first tokens are padding and the unknown word."""


def shift(
    encoder: TextEncoder, seeds: Sequence[int], ids: torch.Tensor, eps: float, kind: str,
    loss: Callable[[], torch.Tensor],
) -> torch.Tensor:  # fmt: skip
    """(b, l, d): what is added to the embeddings of ids (b, l). loss: of the generator with what its encoder then
    reads, summed over the rows; what raises it is an attack."""
    size = eps * encoder.embedding.weight[_SPECIAL:].detach().square().mean().sqrt()
    if kind == "random":
        signs = torch.stack([_signs(seed, *ids.shape[1:], encoder.embedding.embedding_dim) for seed in seeds])
    elif kind == "fgsm":
        signs = _gradient(encoder, ids, loss).sign()
    else:
        raise UsageError(f"There is no attack '{kind}'; allowed: {', '.join(KINDS)}.")
    return size * signs.to(size.device) * (ids != PAD)[..., None].to(size.device)


def _signs(seed: int, *shape: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed % (1 << 63))
    return 2.0 * torch.randint(0, 2, shape, generator=draw) - 1.0


def _gradient(encoder: TextEncoder, ids: torch.Tensor, loss: Callable[[], torch.Tensor]) -> torch.Tensor:
    moved = torch.zeros(*ids.shape, encoder.embedding.embedding_dim, device=ids.device, requires_grad=True)
    with torch.inference_mode(False), torch.enable_grad(), shifted(encoder, moved):
        (found,) = torch.autograd.grad(loss(), moved)
    return found


@contextlib.contextmanager
def shifted(encoder: TextEncoder, by: torch.Tensor) -> Iterator[None]:
    """While it lasts, the first len(by) texts of every batch are read with their embeddings so moved."""

    def move(module: torch.nn.Module, given: tuple[torch.Tensor, ...], found: torch.Tensor) -> torch.Tensor:
        return torch.cat([found[: len(by)] + by, found[len(by) :]])

    handle = encoder.embedding.register_forward_hook(move)
    try:
        yield
    finally:
        handle.remove()
