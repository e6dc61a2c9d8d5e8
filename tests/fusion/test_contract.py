"""What holds of every registered fusion strategy, in every variant that its parameters offer."""

from __future__ import annotations

import pytest
import torch

from bench import registry
from bench.fusion.base import BUDGET, Fusion, TextContext

VARIANTS = {
    "attention": [{}, {"heads": 1}, {"direction": "image-to-text"}, {"self_attention": True}, {"positions": False},
                  {"direction": "image-to-text", "self_attention": True, "heads": 2}],
    "weighted": [{}, {"learned": False}, {"lam": 0.5}],
    "gated": [{}, {"feedback": True}, {"frozen": True}, {"cond_dim": 16}, {"feedback": True, "cond_dim": 16}],
    "aligned": [{}, {"weight": 0.0}],
}  # fmt: skip
CASES = [
    pytest.param(name, params, id=f"{name}-{i}")
    for name, entry in registry.entries("fusion").items() if entry.origin == "built-in"
    for i, params in enumerate(VARIANTS.get(name, [{}]))
]  # fmt: skip
SHAPES = [(32, 64), (64, 64), (96, 64)]
BLIND = "none"


def made(name: str, params: dict, channels: int = 32, text_dim: int = 64, trained: bool = False) -> Fusion:
    torch.manual_seed(0)
    fusion = registry.create("fusion", name, {"channels": channels, "text_dim": text_dim, **params})
    if trained:
        with torch.no_grad():
            for parameter in fusion.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return fusion


def inputs(b: int = 3, channels: int = 32, text_dim: int = 64, side: int = 6, words: int = 5, seed: int = 1):
    draw = torch.Generator().manual_seed(seed)
    mask = torch.arange(words)[None] < torch.tensor([words, 3, 1, 4, 2, 5])[:b, None]
    context = TextContext(
        torch.randn(b, words, text_dim, generator=draw), mask, torch.randn(b, text_dim, generator=draw)
    )
    return torch.randn(b, channels, side, side + 1, generator=draw), context, torch.randn(b, 16, generator=draw)


def cond_of(params: dict, cond: torch.Tensor) -> torch.Tensor | None:
    return cond if params.get("cond_dim") else None


@pytest.mark.parametrize(("name", "params"), CASES)
@pytest.mark.parametrize(("channels", "text_dim"), SHAPES)
def test_all_have_the_same_number_of_parameters(name, params, channels, text_dim):
    count = sum(p.numel() for p in made(name, params, channels, text_dim).parameters())
    assert abs(count - BUDGET) <= 0.02 * BUDGET, f"{count} parameters"


@pytest.mark.parametrize(("name", "params"), CASES)
def test_is_the_identity_when_it_is_made(name, params):
    h, context, cond = inputs()
    out = made(name, params)(h, context, cond_of(params, cond)).h
    torch.testing.assert_close(out, h, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_padding_changes_nothing(name, params):
    h, context, cond = inputs()
    fusion = made(name, params, trained=True).eval()
    noisy = context.words + 100 * torch.randn(context.words.shape) * ~context.mask[..., None]
    more = TextContext(
        torch.cat([noisy, 50 * torch.ones(3, 4, 64)], 1), torch.cat([context.mask, torch.zeros(3, 4) > 0], 1),
        context.sentence,
    )  # fmt: skip
    given = fusion(h, context, cond_of(params, cond))
    padded = fusion(h, more, cond_of(params, cond))
    torch.testing.assert_close(padded.h, given.h, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_images_of_a_batch_do_not_see_each_other(name, params):
    h, context, cond = inputs()
    fusion = made(name, params, trained=True).eval()
    order = torch.tensor([2, 0, 1])
    turned = TextContext(*(part[order] for part in context))
    whole = fusion(h, context, cond_of(params, cond)).h
    other = fusion(h[order], turned, cond_of(params, cond[order])).h
    alone = fusion(h[:1], TextContext(*(part[:1] for part in context)), cond_of(params, cond[:1])).h
    torch.testing.assert_close(other, whole[order], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone, whole[:1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_text_matters_and_gradient_reaches_it(name, params):
    h, context, cond = inputs()
    words, sentence = context.words.clone().requires_grad_(), context.sentence.clone().requires_grad_()
    fusion = made(name, params, trained=True)
    out = fusion(h, TextContext(words, context.mask, sentence), cond_of(params, cond))
    (out.h.square().sum() + (out.loss if out.loss is not None else 0)).backward()
    felt = sum(float(g.abs().sum()) for g in (words.grad, sentence.grad) if g is not None)
    padding = 0.0 if words.grad is None else float(words.grad[~context.mask].abs().sum())
    other = fusion(h, TextContext(context.words.flip(0), context.mask, context.sentence.flip(0)), cond_of(params, cond))
    if name == BLIND:
        assert felt == 0
        torch.testing.assert_close(other.h, out.h)
    else:
        assert felt > 1e-3 and padding == 0
        assert float((other.h - out.h).detach().abs().max()) > 1e-3


@pytest.mark.parametrize(("name", "params"), CASES)
def test_attention_and_gate_are_shares(name, params):
    h, context, cond = inputs()
    out = made(name, params, trained=True)(h, context, cond_of(params, cond))
    if out.attention is not None:
        assert out.attention.shape[0] == 3 and out.attention.shape[2] == 6 * 7
        torch.testing.assert_close(out.attention.sum(3), torch.ones(out.attention.shape[:3]))
        if out.attention.shape[3] == context.mask.shape[1]:
            assert float((out.attention * ~context.mask[:, None, None]).abs().sum()) == 0
    if out.gate is not None:
        assert out.gate.shape == h.shape and 0 <= float(out.gate.min()) <= float(out.gate.max()) <= 1


@pytest.mark.parametrize(("name", "params"), CASES)
def test_weights_survive_saving(name, params):
    h, context, cond = inputs()
    trained, fresh = made(name, params, trained=True).eval(), made(name, params).eval()
    fresh.load_state_dict(trained.state_dict())
    wanted = trained(h, context, cond_of(params, cond)).h
    torch.testing.assert_close(fresh(h, context, cond_of(params, cond)).h, wanted, rtol=0, atol=0)
