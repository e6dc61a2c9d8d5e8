"""`flow`: an image depends on its request alone, text matters and padding does not, weights are what the card says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.errors import UsageError
from bench.formats.large_files import sha256
from bench.fusion.base import TextContext
from bench.generators.base import Context
from bench.generators.reference.flow import Flow
from bench.generators.reference.flow_model import FlowModel
from bench.generators.reference.fusing import about, maker, weights_name
from bench.generators.reference.text import TextEncoder, ids_of, over_long, unknown_words
from bench.generators.reference.trained import SHIPPED, noise_of
from bench.registry import create
from bench.spec import parse
from bench.types import Request, Sample
from bench.world.tokens import VOCABULARY

LONG = "a red circle, " * 20


def save(folder, fusion="attention", side=32, blind=False, seed=0, **card):
    """Weights of a network whose zeroed layers are not zero any more, with their card."""
    spec = parse(fusion)
    torch.manual_seed(seed)
    model = FlowModel(maker(spec), side)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{weights_name('flow', side, spec, blind, seed)}.safetensors"
    save_file({k: v.half() for k, v in model.state_dict().items()}, path)
    told = {**about("flow", side, spec, blind, seed), "sha256": sha256(path), **card}
    path.with_suffix(".json").write_text(json.dumps(told))
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with its own weights, and none shipped."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("bench.generators.reference.trained.SHIPPED", tmp_path / "shipped")
    return tmp_path / "home" / "weights"


def ready(fusion="", prompts=("a red circle",), **params):
    made = create("generator", "flow", {"steps": 1, **params})
    if fusion:
        made.fuse(parse(fusion))
    assert made.problems() == []
    made.setup(Context({str(i): Sample(str(i), text) for i, text in enumerate(prompts)}, "x"))
    return made


def ask(made, prompts, seeds=None, **more):
    seeds = seeds or range(len(prompts))
    return list(made.generate([Request(str(i), 0, p, s, **more) for i, (p, s) in
                               enumerate(zip(prompts, seeds, strict=True))]))  # fmt: skip


# ---- images --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", ["attention", "film"])
def test_an_image_depends_on_its_request_alone(home, fusion):
    save(home, fusion)
    made = ready(fusion)
    prompts = ["a red circle", "two small blue stars", "a green cross above a pink square", "one", LONG] * 7
    seeds = [7 * i + 2**60 for i in range(35)]  # more than a batch
    whole = [o.image.tobytes() for o in ask(made, prompts, seeds)]
    assert len(set(whole)) == 35
    for order in (range(34, -1, -1), [17]):
        some = ask(made, [prompts[i] for i in order], [seeds[i] for i in order])
        assert [o.image.tobytes() for o in some] == [whole[i] for i in order]


def test_text_seed_and_guidance_matter_and_the_twin_reads_nothing(home):
    save(home)
    save(home, blind=True)
    def image(made, text, seed):
        return ask(made, [text], [seed])[0].image

    made = ready()
    first = image(made, "a red circle", 1)
    assert first.shape == (32, 32, 3) and first.dtype == np.uint8
    assert (first != image(made, "a blue circle", 1)).any() and (first != image(made, "a red circle", 2)).any()
    assert (first != image(ready(guidance=5.0), "a red circle", 1)).any()
    blind = ready(blind=True)
    assert (image(blind, "a red circle", 1) == image(blind, "two blue stars", 1)).all()
    assert (image(blind, "a red circle", 1) != image(blind, "a red circle", 2)).any()


def test_guidance_1_is_the_text_alone_and_0_is_none(home):
    """Closed forms: v_empty + g (v_text - v_empty)."""
    torch.manual_seed(3)
    model = FlowModel(maker(parse("attention")), 32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    noise = torch.stack([noise_of(s, 3, 32, 32) for s in (0, 1)])
    text, empty = ids_of(["a red circle", "a blue star"]), ids_of(["", ""])
    one = model.sample(noise, text, steps=2, guidance=1.0)
    assert torch.allclose(model.sample(noise, text, steps=2, guidance=1.0 + 1e-7), one, atol=1e-4)
    assert torch.allclose(model.sample(noise, text, steps=2, guidance=0.0),
                          model.sample(noise, empty, steps=2, guidance=1.0), atol=1e-4)  # fmt: skip


def test_the_sampler_follows_the_velocity_to_a_known_image():
    """A network that knows the image: any number of steps ends at it."""
    model = FlowModel(maker(parse("none")), 32).eval()
    target = torch.rand(1, 3, 32, 32) * 2 - 1

    class Knows(torch.nn.Module):
        def forward(self, x, t, context):
            return target.expand_as(x), x.new_zeros(())

    model.net = Knows()
    noise = torch.randn(2, 3, 32, 32)
    for steps in (1, 3, 16):
        found = model.sample(noise, ids_of(["a", "b"]), steps=steps, guidance=2.0)
        assert torch.allclose(found, target.expand(2, -1, -1, -1), atol=1e-4)


def test_64_pixels_other_sizes_and_stories(home):
    save(home, side=64)
    assert ask(ready(side=64), ["a star"])[0].image.shape == (64, 64, 3)
    with pytest.raises(UsageError, match="draws 64x64 images and 32x32 were asked for"):
        ask(ready(side=64), ["a star"], size=(32, 32))
    assert ask(ready(side=64), ["a star"], size=(64, 64))[0].status == "ok"
    assert ask(ready(side=64), ["a star"], frames=3)[0].status == "failed"


# ---- captions ------------------------------------------------------------------------------------------------------


def test_unknown_words_and_long_captions_are_counted_mapped_and_reported(home):
    save(home)
    prompts = ["a red zebra", "a Red circle!", LONG, "a vermilion circle with a zebra", "a 🦓"]
    made = ready(prompts=prompts)
    told = " ".join(made.notes())
    assert "reads 3 of 5 prompts with words that it does not know" not in told  # an emoji is no word
    assert "2 of 5 prompts with words that it does not know as one unknown word: vermilion, zebra." in told
    assert "reads the first 31 words of a prompt; 1 of 5 prompts are longer" in told
    found = ask(made, prompts, [1] * 5)
    assert [o.info.get("unknown words") for o in found] == [["zebra"], None, None, ["vermilion", "zebra"], None]
    assert [o.info.get("cut", False) for o in found] == [False, False, True, False, False]
    assert (found[0].image == ask(made, ["a red giraffe"], [1])[0].image).all()  # one unknown word for all
    assert (found[1].image == ask(made, ["a red circle"], [1])[0].image).all()


def test_no_notes_about_what_is_read_or_ignored(home):
    save(home)
    save(home, blind=True)
    assert not ready(prompts=["a red circle"]).notes()
    assert not ready(prompts=["a zebra", LONG], blind=True).notes()


def test_the_encoder_sees_order_and_no_padding():
    torch.manual_seed(0)
    encoder = TextEncoder().eval()
    ids = ids_of(["a red circle left of a blue star", "a blue circle left of a red star", "", "zebra"])
    assert int(ids.max()) < VOCABULARY and not ids[2].any()
    whole = encoder(ids)
    assert isinstance(whole, TextContext) and whole.mask.sum(1).tolist() == [9, 9, 1, 2]
    assert not torch.allclose(whole.sentence[0], whole.sentence[1], atol=1e-3)  # the same words in another order
    short = encoder(ids[:, :12])
    assert torch.allclose(whole.sentence, short.sentence, atol=1e-5)
    embedded = encoder.embedding(ids).detach().requires_grad_()
    encoder.read(embedded, ids).sentence[0].sum().backward()
    assert embedded.grad[0, :9].abs().sum(1).min() > 0 and not embedded.grad[0, 9:].any()
    assert (unknown_words("A RED zebra's star"), over_long([LONG, "a"])) == (("zebra's",), 1)


# ---- weights -------------------------------------------------------------------------------------------------------


def problem(fusion="", **params):
    made = create("generator", "flow", params)
    if fusion:
        made.fuse(parse(fusion))
    (told,) = made.problems()
    return told


def test_absent_weights_name_the_command_that_makes_them(home):
    told = problem("gated(feedback=true)", side=64, blind=True, train_seed=2)
    assert "bench train generator:flow --fusion 'gated(feedback=true)' --side 64 --blind --seed 2 --install" in told
    assert str(home) in told
    assert "does not exist" in problem(weights="nowhere.safetensors")


def test_shipped_weights_come_first_and_every_system_has_its_own_name(home, tmp_path):
    save(home)
    first = save(tmp_path / "shipped")
    assert create("generator", "flow", {}).path() == first
    names = {weights_name("flow", side, parse(f), blind, seed)
             for side in (32, 64) for f in ("film", "attention", "attention(heads=1)", "attention(heads=2)")
             for blind in (True, False) for seed in (0, 1)}  # fmt: skip
    assert len(names) == 32 and "flow-32-attention" in names and "flow-64-film-blind-seed-1" in names


def test_weights_that_do_not_match_their_card_are_refused(home):
    path = save(home)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    told = problem()
    assert "is damaged or another file" in told and "bench train generator:flow" in told
    save(home).with_suffix(".json").unlink()
    assert "has no card beside it (flow-32-attention.json)" in problem()
    save(home).with_suffix(".json").write_text("[1, 2")
    assert "is no card of weights" in problem()


@pytest.mark.parametrize(
    ("given", "asked", "told"),
    [
        ({"side": 64}, {}, "side 64 where 32 is asked for"),
        ({"blind": True}, {}, "blind True where False is asked for"),
        ({"seed": 4}, {}, "train_seed 4 where 0 is asked for"),
        ({"fusion": "film"}, {}, "fusion film where attention is asked for"),
        ({}, {"fusion": "attention(heads=2)"}, "fusion attention where attention(heads=2) is asked for"),
        ({"words": "0"}, {}, "words 0 where"),
        ({"generator": "cgan"}, {}, "generator cgan where flow is asked for"),
    ],
)
def test_weights_of_another_system_are_refused(home, tmp_path, given, asked, told):
    path = save(tmp_path / "other", **given)
    assert told in problem(asked.get("fusion", ""), weights=str(path))


def test_weights_that_do_not_fit_the_network_are_refused(home):
    path = save(home)
    state = load_file(path)
    state["text.whole.weight"] = state["text.whole.weight"][:3].contiguous()
    save_file(state, path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": sha256(path)}))
    with pytest.raises(UsageError, match=r"'text\.whole\.weight' has shape \(3, 64\) where \(64, 64\)"):
        ask(ready(), ["a star"])


def test_identity_follows_the_weights(home, tmp_path):
    first, other = save(home), save(tmp_path / "other", seed=1)
    one, two = create("generator", "flow", {}), create("generator", "flow", {"weights": str(other), "train_seed": 1})
    assert one.identity() == {"weights": f"sha256:{sha256(first)}"} != two.identity()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"side": 48}, "side 32 or 64; got 48"),
        ({"steps": 0}, "1 to 1000 steps; got 0"),
        ({"guidance": -1.0}, "guidance from 0"),
        ({"train_seed": -1}, "0 or more; got -1"),
    ],
)
def test_parameters_are_checked(params, told):
    with pytest.raises(UsageError, match=told):
        Flow(**params)


# ---- what ships ----------------------------------------------------------------------------------------------------

CARDS = sorted(SHIPPED.glob("flow-*.json"))


@pytest.mark.parametrize("card", CARDS, ids=lambda p: p.stem)
def test_shipped_weights_are_what_their_card_says(card):
    told = json.loads(card.read_text())
    path = card.with_suffix(".safetensors")
    assert sha256(path) == told["sha256"] and path.stat().st_size == told["bytes"] < 3_000_000
    assert told["command"].startswith("bench train generator:flow ")
    log = [json.loads(line) for line in card.with_suffix(".jsonl").read_text().splitlines()]
    assert log[-1]["step"] == told["recipe"]["steps"] and card.with_suffix(".md").is_file()


def test_the_shipped_flow_reaches_its_bars():
    """On 2,000 prompts; the next test holds the card to the weights."""
    found = json.loads((SHIPPED / "flow-32-attention.json").read_text())["figures"]
    assert found["images"] == 2000
    assert found["colour"] >= 0.98 and found["shape"] >= 0.95
    assert found["binding"] >= 0.85 and found["relation"] >= 0.85


@pytest.mark.parametrize("card", CARDS, ids=lambda p: p.stem)
def test_shipped_weights_score_what_their_card_says(card):
    """On 60 prompts; four standard errors of so small a sample are allowed."""
    from bench.training.drawn import figures

    told = json.loads(card.read_text())
    made = create("generator", "flow", {"side": told["side"], "blind": told["blind"], "train_seed": told["train_seed"]})
    made.fuse(parse(told["fusion"]))
    assert made.problems() == []

    def draw(texts, seeds):
        return np.stack([o.image for o in ask(made, texts, seeds)])

    found = figures(draw, 60, "test")
    for name in ("colour", "shape", "binding", "relation"):
        share = told["figures"][name]
        assert found[name] >= share - 4 * (share * (1 - share) / 30 + 0.001) ** 0.5, name
        if told["blind"]:
            assert found[name] <= 0.5
