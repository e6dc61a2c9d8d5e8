"""What sets single strategies apart, in numbers that can be checked on paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from bench.errors import UsageError
from bench.fusion.aligned import Aligned, contrast, word_match
from bench.fusion.attention import Attention
from bench.fusion.base import TextContext, inner_width, position_code
from bench.fusion.concat import Concatenation
from bench.fusion.film import Film, WordFilm
from bench.fusion.gated import Gated
from bench.fusion.weighted import WeightedSum


def context(b=2, words=4, dim=8, seed=0) -> TextContext:
    draw = torch.Generator().manual_seed(seed)
    return TextContext(
        torch.randn(b, words, dim, generator=draw), torch.ones(b, words) > 0, torch.randn(b, dim, generator=draw)
    )


def shaken(fusion):
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return fusion.eval()


def without_mixing(fusion):
    for parameter in fusion.mixing.parameters():
        torch.nn.init.zeros_(parameter)
    return fusion


def test_attention_equals_torch_attention():
    fusion = without_mixing(shaken(Attention(8, 8, heads=2, positions=False, budget=800)))
    h, told = torch.randn(2, 8, 3, 3), context()
    rows = F.group_norm(h, 1).flatten(2).transpose(1, 2)
    query, key, value = (
        x.unflatten(2, (2, -1)).transpose(1, 2)
        for x in (fusion.query(rows), fusion.key(told.words), fusion.value(told.words))
    )
    read = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    wanted = h + fusion.out(read).transpose(1, 2).reshape(2, 8, 3, 3)
    torch.testing.assert_close(fusion(h, told).h, wanted)


def test_attention_looks_where_the_key_points():
    """A position whose query is parallel to one word's key reads that word and no other."""
    fusion = without_mixing(Attention(4, 4, heads=1, positions=False, budget=200))
    width = fusion.width
    with torch.no_grad():
        for layer in (fusion.query, fusion.key, fusion.value, fusion.out):
            layer.weight.zero_()
            layer.bias.zero_()
        side = min(4, width)
        fusion.query.weight[:side, :side] = 60 * torch.eye(side)
        fusion.key.weight[:side, :side] = torch.eye(side)
        fusion.value.weight[:side, :side] = torch.eye(side)
        fusion.out.weight[:side, :side] = torch.eye(side)
    h = torch.eye(4).reshape(1, 4, 2, 2)
    told = TextContext(torch.eye(4)[None], torch.ones(1, 4) > 0, torch.zeros(1, 4))
    out = fusion(h, told)
    assert out.attention[0, 0].argmax(1).tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(out.h, h + torch.eye(4).reshape(1, 4, 2, 2), rtol=0, atol=1e-2)


def test_only_position_codes_tell_places_apart():
    """On equal features everywhere, attention with positions may differ by place; without them it cannot."""
    h, told = torch.ones(1, 8, 3, 3), context(1)
    for positions in (True, False):
        out = shaken(Attention(8, 8, positions=positions, budget=800))(h, told).h
        spread = float((out - out[:, :, :1, :1]).abs().max())
        assert (spread > 1e-3) == positions


def test_sentence_strategies_are_uniform_and_word_strategies_are_not():
    h = torch.zeros(1, 8, 3, 3)
    h[..., 1, 1] = torch.arange(8.0)
    told = context(1)
    for kind in (Concatenation, WeightedSum, Film):
        fusion = without_mixing(shaken(kind(8, 8, budget=800)))
        added = fusion(h, told).h - fusion(h, told._replace(words=told.words.flip(1))).h
        assert float(added.abs().max()) == 0, kind.__name__
    changed = told._replace(words=told.words + torch.randn(1, 4, 8))
    for kind in (Attention, WordFilm, Gated, Aligned):
        fusion = shaken(kind(8, 8, budget=1600))
        assert float((fusion(h, changed).h - fusion(h, told).h).abs().max()) > 1e-3, kind.__name__


def test_lam_scales_the_text_and_nothing_else():
    h, told = torch.randn(2, 8, 3, 3), context()
    fusion = shaken(WeightedSum(8, 8, budget=800))
    without_mixing(fusion)
    fusion.lam = 0.0
    alone = fusion(h, told).h
    torch.testing.assert_close(alone, fusion.a[:, None, None] * h)
    fusion.lam = 1.0
    once = fusion(h, told).h - alone
    fusion.lam = 2.0
    torch.testing.assert_close(fusion(h, told).h - alone, 2 * once)


def test_a_closed_gate_lets_no_text_in():
    h, told = torch.randn(2, 8, 3, 3), context()
    fusion = without_mixing(shaken(Gated(8, 8, budget=1600)))
    with torch.no_grad():
        fusion.gate.weight.zero_()
        fusion.gate.bias.fill_(40.0)
    torch.testing.assert_close(fusion(h, told).h, h)
    with torch.no_grad():
        fusion.gate.bias.fill_(-40.0)
    assert float((fusion(h, told).h - h).abs().max()) > 1e-2


def test_feedback_sees_whether_the_image_fits():
    told = context(1)
    fusion = shaken(Gated(8, 8, feedback=True, budget=2400))
    h = torch.randn(1, 8, 3, 3)
    other = told._replace(sentence=-told.sentence)
    assert float((fusion(h, told).gate - fusion(h, other).gate).abs().max()) > 1e-3
    blind = shaken(Gated(8, 8, feedback=False, budget=2400))
    torch.testing.assert_close(blind(h, told).gate, blind(h, other).gate)


def test_contrast_is_the_closed_form():
    assert math.isclose(float(contrast(torch.zeros(4, 4))), math.log(4), rel_tol=1e-6)
    assert float(contrast(20 * torch.eye(4))) < 1e-6 < float(contrast(-20 * torch.eye(4)))


def test_word_match_by_hand():
    """One region, one word: the match is their cosine, however many words of padding follow."""
    seen = F.normalize(torch.tensor([[[1.0, 0.0]], [[0.6, 0.8]]]), dim=2)
    words = torch.tensor([[[1.0, 0.0], [0.3, 0.9]], [[0.0, 1.0], [5.0, 5.0]]])
    mask = torch.tensor([[True, False], [True, False]])
    torch.testing.assert_close(word_match(seen, words, mask), torch.tensor([[1.0, 0.0], [0.6, 0.8]]))


def test_the_loss_prefers_images_with_their_own_texts():
    torch.manual_seed(0)
    fusion = Aligned(8, 8, budget=1600, weight=1.0).train()
    own = torch.randn(8, 8)
    told = TextContext(own[:, None].repeat(1, 3, 1), torch.ones(8, 3) > 0, own)
    h = own[:, :, None, None].expand(-1, -1, 4, 4) + 0.1 * torch.randn(8, 8, 4, 4)
    optimiser = torch.optim.Adam(fusion.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        fusion(h, told).loss.backward()
        optimiser.step()
    right, wrong = float(fusion(h, told).loss), float(fusion(h.roll(1, 0), told).loss)
    assert right < 0.5 * wrong
    assert fusion.eval()(h, told).loss is None


def test_position_codes_are_all_different():
    code = position_code(32, 8, 8).flatten(2)[0].T
    apart = torch.cdist(code, code) + 10 * torch.eye(64)
    assert float(apart.min()) > 0.3


def test_inner_width_is_the_widest_that_fits():
    make = lambda width: {"only": torch.nn.Linear(10, width)}  # noqa: E731
    assert inner_width(make, 110) == 10
    assert inner_width(make, 109) == 9
    assert inner_width(make, 110, step=4) == 8


@pytest.mark.parametrize("wrong", [{"direction": "sideways"}, {"heads": 0}])
def test_wrong_parameters_of_attention_are_named(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong)).rstrip("s")):
        Attention(8, 8, **wrong)
