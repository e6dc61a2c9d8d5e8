"""The five adversarial generators: an image depends on its request alone, text matters, padding does not; the critic as
a judge."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from bench import registry
from bench.errors import UsageError, WeightsMissing
from bench.formats.large_files import sha256
from bench.fusion.base import BUDGET, TextContext
from bench.generators.base import Context
from bench.generators.reference.canvas import Canvas
from bench.generators.reference.fusing import about, maker
from bench.generators.reference.gan_nets import LATENT, Painter, latents
from bench.generators.reference.text import ids_of
from bench.generators.reference.trained import SHIPPED
from bench.generators.reference.wirn import RelationMaps
from bench.spec import Spec, parse
from bench.training.drawn import figures
from bench.training.loop import described
from bench.training.recipes import How, trainable
from bench.types import Request, Sample

NAMES = ("cgan", "iten", "cman", "wirn", "titan")
TEXTS = ("a red circle", "a blue square left of a green star", "three pink crosses", "a yellow diamond at the top")


def stirred(module):
    """Weights that say something: trained ones are neither 0 nor the identity."""
    with torch.no_grad():
        draw = torch.Generator().manual_seed(0)
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    return module.eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each generator with weights of its own in a file, as `bench train` leaves them."""
    from safetensors.torch import save_file

    folder, found = tmp_path_factory.mktemp("weights"), {}
    for name in NAMES:
        generator = registry.create("generator", name, {})
        torch.manual_seed(0)
        pair = stirred(generator.build())
        path = folder / f"{name}.safetensors"
        save_file({k: v.detach().half().contiguous() for k, v in pair.state_dict().items()}, path)
        card = {**about(name, 32, generator.strategy, False, 0), "sha256": sha256(path)}
        path.with_suffix(".json").write_text(json.dumps(card))
        found[name] = registry.create("generator", name, {"weights": str(path)})
        assert found[name].problems() == []
    return found


def ask(generator, texts, seeds):
    requests = [Request(f"s{i}", 0, text, seed) for i, (text, seed) in enumerate(zip(texts, seeds, strict=True))]
    generator.setup(Context({r.sample_id: Sample(r.sample_id, r.prompt) for r in requests}, "x"))
    return [np.asarray(o.image) for o in generator.generate(requests)]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_depends_on_its_request_alone(made, name):
    together = ask(made[name], TEXTS * 10, range(40))
    alone = [ask(made[name], [(TEXTS * 10)[i]], [i])[0] for i in (0, 5, 39)]
    assert all(np.array_equal(together[i], image) for i, image in zip((0, 5, 39), alone, strict=True))
    backwards = ask(made[name], (TEXTS * 10)[::-1], list(range(40))[::-1])[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(together, backwards, strict=True))
    assert together[0].shape == (32, 32, 3) and together[0].dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_text_and_seed_change_the_image(made, name):
    one, other, again = ask(made[name], [TEXTS[0], TEXTS[1], TEXTS[0]], [3, 3, 4])
    assert not np.array_equal(one, other) and not np.array_equal(one, again)


@pytest.mark.parametrize("name", NAMES)
def test_padding_says_nothing(made, name):
    network, ids, z = copy.deepcopy(made[name].network).double(), ids_of(TEXTS[:2]), latents([1, 2]).double()
    short = ids[:, :12]
    with torch.inference_mode():
        images = network.painter(z, ids).images
        assert torch.allclose(images, network.painter(z, short).images, atol=1e-9)
        assert torch.allclose(network.critic(images, ids), network.critic(images, short), atol=1e-9)
        assert not torch.allclose(network.critic(images, ids), network.critic(images, ids.flip(0)), atol=1e-4)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("name", NAMES)
def test_one_code_paints_both_sides(name, side):
    pair = registry.create("generator", name, {"side": side}).build()
    found = pair.painter(torch.randn(2, LATENT), ids_of(TEXTS[:2]))
    assert found.images.shape == (2, 3, side, side) and float(found.images.detach().abs().max()) <= 1
    assert pair.critic(found.images, ids_of(TEXTS[:2])).shape == (2,)
    assert sum(p.numel() for p in pair.parameters()) * 2 <= 2_000_000, "shipped as float16 in at most 2 MB"


@pytest.mark.parametrize("fusion", [n for n, e in registry.entries("fusion").items() if e.origin == "built-in"])
@pytest.mark.parametrize("name", ["cgan", "iten", "cman"])
def test_any_fusion_may_stand_in_the_painter_at_equal_size(name, fusion):
    generator = registry.create("generator", name, {})
    own = sum(p.numel() for p in generator.build().painter.parameters())
    generator.fuse(Spec(fusion))
    painter = generator.build().painter
    assert abs(sum(p.numel() for p in painter.parameters()) - own) <= 0.02 * 2 * BUDGET
    assert generator.weights_name == f"{name}-32-{fusion}"


@pytest.mark.parametrize("name", ["wirn", "titan"])
def test_a_system_with_a_fusion_of_its_own_takes_no_other(name):
    with pytest.raises(UsageError, match="no other fusion"):
        registry.create("generator", name, {}).fuse(Spec("film"))


def test_attention_of_the_painter_is_given_where_there_is_some():
    torch.manual_seed(0)
    painter = registry.create("generator", "cman", {}).build().painter
    ids = ids_of(TEXTS)
    maps = painter(torch.randn(4, LATENT), ids).attention
    assert [m.shape[2] for m in maps] == [3, 3, 256]
    assert all(torch.allclose(m.sum(3), torch.ones(())) for m in maps)
    none = Painter(maker(parse("film")), Canvas())(torch.randn(4, LATENT), ids)
    assert len(none.attention) == 0


# ---- wirn ----------------------------------------------------------------------------------------------------------


def test_relation_maps_are_a_fusion_of_equal_size_and_identity_at_first():
    torch.manual_seed(0)
    fusion = RelationMaps(48, 64)
    assert abs(sum(p.numel() for p in fusion.parameters()) - BUDGET) <= 0.02 * BUDGET
    words, mask = torch.randn(2, 6, 64), torch.arange(6)[None] < torch.tensor([6, 3])[:, None]
    h = torch.randn(2, 48, 8, 8)
    out = fusion(h, TextContext(words, mask, words.mean(1)))
    assert torch.equal(out.h, h) and torch.allclose(out.attention.sum(3), torch.ones(()), atol=1e-5)
    found = stirred(fusion)
    other = torch.where(mask[..., None], words, torch.randn(2, 6, 64))
    contexts = [TextContext(w, mask, w.mean(1)) for w in (words, other)]
    assert torch.allclose(found(h, contexts[0]).h, found(h, contexts[1]).h, atol=1e-5)
    related = found.relations(h, contexts[0])
    assert 0 <= float(related.min()) and float(related.max()) <= 1 and float(related[1, :, 3:].abs().max()) == 0


def test_a_word_has_a_logit_of_its_own(made):
    critic = made["wirn"].network.critic
    ids = ids_of(["a red circle", "a blue circle"])[:, :5]
    seen = torch.randn(1, critic.width, 4, 4).expand(2, -1, -1, -1)
    one, other = critic.words(seen, critic.text(ids))
    assert not torch.allclose(one[1], other[1])


# ---- titan ---------------------------------------------------------------------------------------------------------


def test_titan_rebuilds_from_a_code_that_words_and_patches_make():
    torch.manual_seed(0)
    painter = registry.create("generator", "titan", {}).build().painter
    ids, images = ids_of(TEXTS), torch.randn(4, 3, 32, 32).tanh()
    context = painter.read(ids)
    mean, spread, words, patches = painter.encode(images, context)
    assert mean.shape == spread.shape == (4, 32) and words.shape == patches.shape
    assert not torch.allclose(mean, painter.encode(images, painter.read(ids.flip(0)))[0])
    assert not torch.allclose(mean, painter.encode(images.flip(0), context)[0])
    assert painter.decode(mean, context).shape == images.shape


# ---- the critic as a judge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_published_critic_gives_the_logits_of_the_network(made, name):
    weights = made[name].weights
    judge = registry.create("extractor", "discriminator", {"system": f'{name}(weights="{weights}")'})
    assert judge.problems() == [] and "not independent" in judge.caveat and name in judge.caveat
    assert judge.identity()["weights"].startswith("sha256:")
    images = [np.full((32, 32, 3), 10 * i, np.uint8) for i in range(3)]
    samples = [Sample(f"s{i}", text) for i, text in enumerate(TEXTS[:3])]
    found = judge.extract_images([judge.prepare_image(i) for i in images], samples)["logits"]
    given = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert torch.allclose(found[:, 0], made[name].network.critic(given, ids_of(TEXTS[:3])), atol=1e-4)
    assert found.shape == (3, 1)


def test_a_judge_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="publishes no discriminator"):
        registry.create("extractor", "discriminator", {"system": "noise"})
    judge = registry.create("extractor", "discriminator", {"system": "cgan(train_seed=77)"})
    assert "bench train generator:cgan" in judge.problems()[0]
    with pytest.raises(WeightsMissing):
        judge.generator.path()


# ---- what is shipped -----------------------------------------------------------------------------------------------

CARDS = [path for name in NAMES for path in sorted(SHIPPED.glob(f"{name}-*.json"))]


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.stem)
def test_shipped_weights_are_small_known_and_draw_what_their_card_says(path):
    """The bars are colour .9 and shape .8. Of so few images four standard errors are allowed."""
    card = json.loads(path.read_text())
    weights = path.with_suffix(".safetensors")
    assert sha256(weights) == card["sha256"] and weights.stat().st_size <= 2_000_000
    log = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert log[-1]["step"] == card["recipe"]["steps"]
    generator = registry.create("generator", card["generator"], {k: card[k] for k in ("side", "blind", "train_seed")})
    generator.fuse(parse(card["fusion"]))
    if not card["blind"]:
        told = card["figures"]
        assert told["images"] == 2000 and told["colour"] >= 0.9 and told["shape"] >= 0.8
        found = figures(lambda texts, seeds: np.stack(ask(generator, texts, seeds)), 120, "test")
        for name in ("colour", "shape", "binding"):
            p = min(max(told[name], 0.02), 0.98)
            assert found[name] == pytest.approx(told[name], abs=4 * (p * (1 - p) / 60) ** 0.5)


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.stem)
def test_the_command_of_a_card_plays_as_the_card_says(path):
    card = json.loads(path.read_text())
    tier = "full" if "--full" in card["command"] else ""
    how = How(tier=tier, steps=card["recipe"]["steps"], seed=card["train_seed"], side=card["side"])
    again = trainable(f"generator:{card['generator']}", how)
    assert again.command == card["command"] and again.about["settings"] == card["settings"]
    assert json.loads(described(again.recipe)) == card["recipe"]
