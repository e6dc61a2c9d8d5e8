"""Attacks on word embeddings: of the size asked for, up the generator's own loss, and stronger than random signs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stirred import small_batches, weights_of  # noqa: F401  (a fixture)
from wrapped import drawn, made, requests

from bench.errors import UsageError
from bench.generators.reference import attacking
from bench.generators.reference.text import TextEncoder, ids_of
from bench.registry import create
from bench.spec import parse
from bench.world.tokens import PAD

NAMES = ("flow", "cgan")


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked")
    return {"flow": weights_of(folder, "flow", steps=2), "cgan": weights_of(folder, "cgan")}


def attacked(inner, eps, kind="fgsm"):
    return f"attacked(generator={inner},eps={eps},kind={kind})"


def pictures(text, asked):
    return np.stack([np.asarray(o.image, np.int64) for o in drawn(text, asked)])


@pytest.mark.parametrize("name", NAMES)
def test_no_attack_is_the_generator_and_more_moves_more(name, systems):
    asked = requests()[:4]
    plain = pictures(systems[name], asked)
    far = []
    for kind in ("fgsm", "random"):
        moved = [np.abs(pictures(attacked(systems[name], e, kind), asked) - plain).mean() for e in (0.0, 0.05, 1.0)]
        assert moved[0] == 0 < moved[1] < moved[2]
        far.append(moved)
    assert far[0] != far[1]


@pytest.mark.parametrize("name", NAMES)
def test_fgsm_raises_the_own_loss_more_than_random_signs_and_against_it_lowers_it(name, systems):
    generator = made(systems[name]).__class__(weights=parse(systems[name]).params["weights"])
    seeds, ids = generator.batch(requests()[:4])
    network, encoder = generator.network, generator.encoder()

    def loss():
        return generator.own_loss(network, seeds, ids)

    def after(by):
        with torch.no_grad(), attacking.shifted(encoder, by):
            return float(loss()) if name == "cgan" else float(_flow_loss(generator, seeds, ids, encoder, by))

    eps = {"flow": 0.02, "cgan": 0.0002}[name]  # as far as a loss of weights drawn by chance is nearly straight
    fgsm, random = (attacking.shift(encoder, seeds, ids, eps, kind, loss) for kind in ("fgsm", "random"))
    before = after(torch.zeros_like(fgsm))
    assert after(fgsm) > before > after(-fgsm)
    assert after(fgsm) - before > abs(after(random) - before)


def _flow_loss(generator, seeds, ids, encoder, by):
    """The loss that the gradient is of: its targets are drawn without the attack."""
    network = generator.network
    with attacking.shifted(encoder, -by):  # both hooks together: the targets' reading is as it was
        images = generator.draw(network, seeds, ids).clone()
    noise = torch.stack([_noise(s + 1, generator.side) for s in seeds])
    context, total = network.text(ids), 0.0
    for time in (0.5, 0.7, 0.9):
        at = torch.full((len(images),), time)
        found, _ = network.velocity((1 - time) * images + time * noise, at, context)
        total += (found - (noise - images)).square().mean((1, 2, 3)).sum()
    return total


def _noise(seed, side):
    from bench.generators.reference.trained import noise_of

    return noise_of(seed, 3, side, side)


def test_both_kinds_move_every_word_by_eps_and_padding_by_nothing():
    torch.manual_seed(0)
    encoder, ids = TextEncoder(), ids_of(["a red circle", "two blue squares above a star", ""])
    rms = float(encoder.embedding.weight[2:].detach().square().mean().sqrt())

    def loss():
        return encoder(ids).sentence.square().sum()

    for kind in attacking.KINDS:
        by = attacking.shift(encoder, [1, 2, 3], ids, 0.3, kind, loss)
        real = ids != PAD
        assert torch.allclose(by[real].abs(), torch.tensor(0.3 * rms)) and not by[~real].any()
    again = attacking.shift(encoder, [1, 2, 3], ids, 0.3, "random", loss)
    assert torch.equal(again, by) and not torch.equal(
        attacking.shift(encoder, [4, 2, 3], ids, 0.3, "random", loss)[0], by[0]
    )
    assert not encoder.embedding._forward_hooks  # nothing stays behind


@pytest.mark.parametrize("name", NAMES)
def test_an_image_depends_on_its_request_alone(name, systems):
    generator, asked = made(attacked(systems[name], 0.3)), requests()[:3]
    together = [o.image for o in generator.generate(asked)]
    alone = [next(iter(generator.generate([r]))).image for r in asked]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_a_blind_twin_has_no_words_to_attack(tmp_path):
    import json

    text = weights_of(tmp_path, "flow", steps=2)
    path = tmp_path / "flow-0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "blind": True}))
    blind = text.replace("flow(", "flow(blind=true,")
    asked = requests()[:3]
    assert (pictures(attacked(blind, 5.0), asked) == pictures(blind, asked)).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("attacked(generator=oracle)", "oracle gives no gradients"),
        ("attacked(generator=best-of(generator=flow))", "best-of gives no gradients"),
        ("attacked(kind=pgd)", "fgsm, random"),
        ("attacked(eps=-1)", "from 0"),
    ],
)
def test_what_cannot_be_attacked_is_one_sentence(text, told):
    spec = parse(text)
    with pytest.raises(UsageError, match=told) as caught:
        create("generator", spec.name, spec.params)
    assert len(caught.value.messages) == 1
