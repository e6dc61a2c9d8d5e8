"""The shipped judges keep their bars on scenes that no training has seen, and their tokenizer knows the grammar."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.errors import UsageError, WeightsMissing
from bench.extractors import scene_judges
from bench.extractors.scene_judges import SceneClassifierJudge, SceneClip, SceneClipIndependent
from bench.extractors.scene_nets import CLASSES, SceneClassifier, scene_clip, scene_clip_independent
from bench.functional import inception_score, r_precision
from bench.training import pair_figures
from bench.training.scene_batches import class_of
from bench.world.curve import noisy
from bench.world.defects import applies, plant
from bench.world.description import meaning, understand
from bench.world.grammar import paraphrases
from bench.world.render import render
from bench.world.sampling import sample_scene
from bench.world.split import scene_at
from bench.world.tokens import CONTEXT, END, PAD, UNKNOWN, VOCABULARY, tokens, words_of

N = 400
SOME = [scene_at("test", i) for i in range(N)]
TOLD = [understand(e.scene) for e in SOME]
TEXTS = [pair_figures.said(t, e.variant) for t, e in zip(TOLD, SOME, strict=True)]
TOWERS = pytest.mark.parametrize("make", [SceneClip, SceneClipIndependent], ids=["scene-clip", "independent"])


@pytest.fixture(scope="module")
def images():
    return render([e.scene for e in SOME], list(range(N)))


def unit(rows):
    return torch.nn.functional.normalize(rows.double(), dim=1)


def see(judge, pictures):
    parts = [pictures[i : i + 64] for i in range(0, len(pictures), 64)]
    return [judge.extract_images([judge.prepare_image(x) for x in part]) for part in parts]


def embeddings(judge, pictures):
    return unit(torch.cat([out["features"] for out in see(judge, pictures)]))


def texts(judge, some):
    return unit(judge.extract_texts(list(some))["features"])


# ---- what they are worth -------------------------------------------------------------------------------------------


@TOWERS
def test_the_own_caption_is_nearest_among_100(make, images):
    judge = make()
    seen, read, meanings = embeddings(judge, images), texts(judge, TEXTS), [meaning(t) for t in TOLD]
    assert float(r_precision(seen, read, candidates=100, meaning=meanings).mean()) >= 0.95
    turned = float(r_precision(seen.roll(1, 0), read, candidates=100, meaning=meanings).mean())
    assert turned < 0.05  # another scene's image


@TOWERS
@pytest.mark.parametrize("kind", ["wrong-colour", "wrong-shape", "wrong-count"])
def test_an_image_with_a_defect_is_farther_from_its_caption(make, kind, images):
    judge = make()
    at = [i for i, e in enumerate(SOME) if applies(e.scene, kind)]
    broken = render([plant(SOME[i].scene, kind, 1.0, i) for i in at], at)
    own = texts(judge, [TEXTS[i] for i in at])
    right, wrong = ((embeddings(judge, x) * own).sum(1) for x in (images[at], broken))
    assert float((right > wrong).double().mean()) > 0.9


@TOWERS
def test_paraphrases_lie_nearer_than_other_captions(make):
    judge = make()
    both = [(paraphrases(t)[0], paraphrases(t)[-1]) for t in TOLD[:100]]
    a, b = texts(judge, [x for x, _ in both]), texts(judge, [y for _, y in both])
    same = (a * b).sum(1)
    assert float((same > (a * b.roll(1, 0)).sum(1)).double().mean()) > 0.98


def test_the_two_towers_are_of_other_architectures_and_parameters():
    a, b = scene_clip(), scene_clip_independent()
    assert type(a.visual) is not type(b.visual) and a.text.attn_mask is not None and b.text.attn_mask is None
    assert SceneClip().identity()["weights"] != SceneClipIndependent().identity()["weights"]


@pytest.mark.parametrize("disturb", [lambda x: x, lambda x: noisy(x, 10)], ids=["clean", "noise"])
def test_the_classifier_knows_one_object_scenes_also_of_pairs_that_it_never_saw(disturb):
    scenes = [sample_scene(i, split="test", kind="one") for i in range(N)]
    judge = SceneClassifierJudge()
    logits = torch.cat([out["logits"] for out in see(judge, disturb(render(scenes, list(range(N)))))])
    wanted = torch.tensor([class_of(s) for s in scenes])
    assert float((logits.argmax(1) == wanted).double().mean()) >= 0.99
    assert logits.shape == (N, len(CLASSES))
    assert 35 < float(inception_score(logits, splits=1)[0]) <= 48  # nearly as many as classes
    assert float(inception_score(logits[:1].expand(N, -1), splits=1)[0]) == pytest.approx(1, abs=1e-6)


# ---- the contract --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SceneClip, SceneClipIndependent, SceneClassifierJudge])
def test_images_of_other_sizes_are_read_and_rows_do_not_depend_on_their_batch(make, images):
    judge = make()
    large = images[:3].repeat(2, 1).repeat(2, 2)
    together = embeddings(judge, [*images[:3], *large])
    alone = torch.cat([embeddings(judge, images[i : i + 1]) for i in range(3)])
    assert torch.allclose(together[:3], alone, atol=1e-5)
    assert float((together[:3] * together[3:]).sum(1).min()) > 0.98


@TOWERS
def test_texts_that_cannot_be_judged(make):
    judge = make()
    with pytest.raises(UsageError, match="at least one word"):
        judge.extract_texts(["a red circle", "  "])
    long = "a red circle and " * 20
    assert judge.context == CONTEXT and judge.overlong(["a red circle", long, long + "x"]) == 2
    assert torch.isfinite(judge.extract_texts([long, "Ω unknown words"])["features"]).all()


def test_absent_weights_are_said(tmp_path, monkeypatch):
    (problem,) = SceneClip(weights=str(tmp_path / "none.safetensors")).problems()
    assert "does not exist" in problem
    monkeypatch.setattr(scene_judges, "SHIPPED", tmp_path)
    (problem,) = SceneClassifierJudge().problems()
    assert "bench train extractor:scene-classifier" in problem
    with pytest.raises(WeightsMissing):
        SceneClip().load()


def test_weights_of_another_judge_are_refused():
    from bench.errors import DataError

    with pytest.raises(DataError, match="scene-clip"):
        SceneClip(weights=str(scene_judges.SHIPPED / "scene-classifier.safetensors")).load()


# ---- words ---------------------------------------------------------------------------------------------------------


def test_the_tokenizer_knows_every_word_of_the_grammar_and_cuts_none():
    assert VOCABULARY <= 128
    kinds = [f"{family}{part}" for family in ("", "one-", "stories-") for part in ("train", "test")]
    said = [text for kind in kinds for i in range(300) for text in paraphrases(understand(scene_at(kind, i).scene))]
    rows, cut = tokens(said)
    assert not (rows == UNKNOWN).any() and not cut.any()
    assert (rows == END).sum() == len(said)


def test_tokens_are_words_and_nothing_else():
    rows, cut = tokens(["A RED circle.", "a red circle", "a blue circle", "zebra"])
    assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[1], rows[2])
    assert rows[3, 0] == UNKNOWN and rows[3, 1] == END and (rows[3, 2:] == PAD).all() and not cut.any()
    assert words_of("the star's left, and 2") == ["the", "star's", "left", ",", "and", "2"]


def test_a_text_of_the_context_fits_and_one_word_more_is_cut():
    rows, cut = tokens([" ".join(["red"] * (CONTEXT - 1)), " ".join(["red"] * CONTEXT)])
    assert cut.tolist() == [False, True] and (rows[:, -1] == END).all()


def test_the_classifier_composes_colour_and_shape():
    """Its classes are sums of two log-probabilities, so that a pair that was never shown can win."""
    net = SceneClassifier().eval()
    logits = net(torch.randn(2, 3, 64, 64))["logits"].detach().unflatten(1, (8, 6))
    assert torch.allclose(logits.exp().sum((1, 2)), torch.ones(2), atol=1e-5)
    crossed = logits[:, 0, 0] + logits[:, 1, 1] - logits[:, 0, 1] - logits[:, 1, 0]
    assert float(crossed.abs().max()) < 1e-5
