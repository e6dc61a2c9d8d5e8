"""open-clip, timm and torchvision: outputs, determinism, sensitivity, texts, and sentences for what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import UsageError, WeightsMissing
from bench.extractors.network import save_state
from bench.extractors.open_clip_model import OpenClip
from bench.extractors.timm_model import Timm
from bench.extractors.torchvision_model import Torchvision

MAKERS = {
    "open-clip": lambda **k: OpenClip(seed=0, **k),
    "dinov2": lambda **k: Timm("vit_small_patch14_dinov2.lvd142m", seed=0, size=98, **k),
    "timm-resnet": lambda **k: Timm("resnet18.a1_in1k", seed=0, size=96, **k),
    "torchvision": lambda **k: Torchvision("resnet18", seed=0, size=96, **k),
    "torchvision-mobilenet": lambda **k: Torchvision("mobilenet_v3_small", seed=0, size=96, **k),
}
_loaded: dict[str, object] = {}


@pytest.fixture(params=list(MAKERS))
def extractor(request, isolated):
    if request.param not in _loaded:
        made = MAKERS[request.param]()
        made.load()
        _loaded[request.param] = made
    return _loaded[request.param]


@pytest.fixture
def clip(isolated):
    if "open-clip" not in _loaded:
        made = MAKERS["open-clip"]()
        made.load()
        _loaded["open-clip"] = made
    return _loaded["open-clip"]


def rows(extractor, images):
    return [extractor.prepare_image(image) for image in images]


def spread(features):
    return (features.std(0).mean() / features.square().mean().sqrt()).item()


def test_declared_outputs_are_given_and_tell_images_apart(extractor, pictures):
    assert extractor.problems() == []
    out = extractor.extract_images(rows(extractor, pictures))
    assert tuple(out) == extractor.image_outputs
    for value in out.values():
        assert value.shape[0] == 8 and value.ndim == 2 and value.dtype == torch.float32
        assert bool(value.isfinite().all()) and spread(value) > 0.1
    assert extractor.caveat == "random weights (seed 0)"


def test_rows_do_not_depend_on_their_neighbours(extractor, pictures):
    prepared = rows(extractor, pictures)
    alone = extractor.extract_images([prepared[0]] * 8)
    among = extractor.extract_images(prepared[::-1])
    for name in extractor.image_outputs:
        assert torch.equal(alone[name][0], among[name][-1])


def test_weights_by_path_give_what_the_seed_gave(pictures, tmp_path):
    seeded = MAKERS["torchvision"]()
    path = save_state(seeded.loaded(), tmp_path / "net.pth")
    read = Torchvision("resnet18", weights=str(path), size=96)
    assert read.problems() == [] and read.identity()["weights"].startswith("sha256:")
    one, two = (e.extract_images(rows(e, pictures[:2]))["features"] for e in (seeded, read))
    assert torch.equal(one, two)


def test_timm_reads_a_file_and_resamples_positions(pictures, tmp_path):
    native = Timm("vit_small_patch14_dinov2.lvd142m", seed=0)
    with_file = Timm("vit_small_patch14_dinov2.lvd142m", size=98, weights=str(tmp_path / "net.pth"))
    module = native.build()
    native.randomise(module, 0)
    save_state(module, tmp_path / "net.pth")
    features = with_file.extract_images(rows(with_file, pictures[:2]))["features"]
    assert features.shape == (2, 384) and bool(features.isfinite().all())


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (300, 500)])
def test_every_image_size_becomes_one_row_shape(extractor, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert extractor.prepare_image(image).shape == (*extractor.recipe.size, 3)


def test_penultimate_features_lead_to_the_logits(pictures):
    extractor = MAKERS["torchvision"]()
    out = extractor.extract_images(rows(extractor, pictures[:2]))
    head = extractor.module.fc
    torch.testing.assert_close(head(out["features"]), out["logits"])


# ---- texts ----


def test_texts_are_told_apart_and_independent_of_their_neighbours(clip):
    texts = ["a red circle", "a blue square above a dog", "two cats", "the sea at night"]
    features = clip.extract_texts(texts)["features"]
    assert features.shape == (4, 512) and spread(features) > 0.1
    shuffled = clip.extract_texts(texts[::-1])["features"]
    assert torch.equal(features, shuffled.flip(0))


def test_features_are_not_normalised(clip, pictures):
    norms = clip.extract_images(rows(clip, pictures))["features"].norm(dim=1)
    assert norms.std() > 1e-3


def test_text_and_image_of_open_clip_itself(clip, pictures):
    """Parity with open_clip's own transform, tokenizer and calls on the same network."""
    import open_clip

    module = clip.module
    tokens = open_clip.get_tokenizer("ViT-B-32")(["a red circle"])
    image = open_clip.image_transform(224, is_train=False)(Image.fromarray(pictures[0]))[None]
    with torch.inference_mode():
        text, seen = module.encode_text(tokens), module.encode_image(image)
    torch.testing.assert_close(clip.extract_texts(["a red circle"])["features"], text, rtol=1e-5, atol=1e-5)
    ours = clip.extract_images([clip.prepare_image(pictures[0])])["features"]
    torch.testing.assert_close(ours, seen, rtol=1e-4, atol=1e-4)


def test_long_texts_are_cut_as_open_clip_cuts_and_counted(clip):
    import open_clip

    fits, long, longer = "word " * 75, "word " * 76, "other " * 200
    tokens = clip.tokens([fits, long, longer, longer])
    assert torch.equal(tokens, open_clip.get_tokenizer("ViT-B-32")([fits, long, longer, longer]))
    assert clip.context == 77 and clip.overlong([fits, long, longer, "short", "x" * 100]) == 2


def test_an_empty_text_is_refused(clip):
    with pytest.raises(UsageError, match="empty text"):
        clip.extract_texts(["a dog", "  "])


# ---- what is missing or wrong ----


@pytest.mark.parametrize(
    ("extractor", "parts"),
    [
        (OpenClip(), ("open_clip-ViT-B-32-openai", "timm--vit_base_patch32_clip_224.openai", "seed=0")),
        (OpenClip(pretrained="laion2b_s34b_b79k"), ("laion--CLIP-ViT-B-32-laion2B-s34B-b79K",)),
        (OpenClip(pretrained="laion"), ("knows no weights 'laion'",)),
        (OpenClip(model="ViT-B-23", seed=0), ("Did you mean ViT-B-32",)),
        (OpenClip(pretrained="/no/such.pt"), ("/no/such.pt", "does not exist")),
        (OpenClip(model="ViT-B-16-SigLIP", seed=0), ("tokenizer", "is not on this machine")),
        (Timm(), ("vit_small_patch14_dinov2", "model.safetensors", "--allow-download")),
        (Timm("resnet81", seed=0), ("knows no model 'resnet81'",)),
        (Timm(seed=0, size=3), ("16 to 4096",)),
        (Torchvision(), ("resnet18-f37072fd.pth",)),
        (Torchvision("resnet50"), ("resnet50-11ad3fa6.pth",)),
        (Torchvision("resnet50", weights="IMAGENET1K_V1"), ("resnet50-0676ba61.pth",)),
        (Torchvision("resnet50", weights="IMAGENET1K_V9"), ("Did you mean IMAGENET1K_V",)),
        (Torchvision("resnet19", seed=0), ("Did you mean resnet",)),
        (Torchvision("squeezenet1_0", seed=0), ("no last linear layer",)),
    ],
    ids=lambda value: None,
)
def test_problems_are_sentences_with_a_way_out(extractor, parts):
    (problem,) = extractor.problems()
    for part in parts:
        assert part in problem


def test_random_weights_are_never_a_fallback():
    for extractor in (OpenClip(), Timm(), Torchvision()):
        with pytest.raises(WeightsMissing):
            extractor.load()


def test_quick_gelu_belongs_to_openai_weights_and_shows_in_the_identity():
    assert "quick GELU" in OpenClip(pretrained="openai").network()
    assert "quick GELU" not in OpenClip(pretrained="laion2b_s34b_b79k").network()
    assert "quick GELU" in OpenClip(model="ViT-B-32-quickgelu", seed=0).network()


def test_downloads_make_missing_weights_no_problem(monkeypatch):
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")
    assert [e.problems() for e in (OpenClip(), Timm(), Torchvision())] == [[], [], []]
