"""CLIPScore, R-precision and retrieval: own texts against others', chance, ties and repeated meanings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bench.errors import NotFinite, UsageError
from bench.functional import clip_score, retrieval_from_features

WORDS = {"t2i.R@1", "t2i.R@5", "t2i.R@10", "t2i.median_rank", "t2i.mAP", "t2i.MRR", "t2i.mAP@R"}


def _pairs(kit, n=200, noise=0.3):
    text = kit.rows(n, 32, 0)
    return {"image": text + noise * kit.rows(n, 32, 1), "text": text, "truth": [kit.sample(i) for i in range(n)]}


def _run(kit, name, given, **params):
    metric = kit.make(name, **params)
    metric.update(**given)
    return metric


def _turned(given, by=7):
    """Every image with another's text and truth, as in a permutation."""
    n = len(given["truth"])
    order = [(i + by) % n for i in range(n)]
    return {**given, "text": given["text"][order], "truth": [given["truth"][i] for i in order]}


# ---- clipscore -----------------------------------------------------------------------------------------------------


def test_own_texts_beat_others(kit):
    given = _pairs(kit)
    del given["truth"]
    own = _run(kit, "clipscore", given)
    other = _run(kit, "clipscore", {**given, "text": given["text"].roll(7, 0)})
    assert float(own.compute()) > 90 and float(other.compute()) < 15


def test_modes_are_weights_and_where_zero_cuts(kit):
    image, text = kit.rows(50, 16, 0), kit.rows(50, 16, 1)
    raw, hessel, signed = (
        _run(kit, "clipscore", {"image": image, "text": text}, mode=m) for m in ("raw", "hessel", "torchmetrics")
    )
    torch.testing.assert_close(torch.from_numpy(raw.table()["score"]), clip_score(image, text))
    np.testing.assert_allclose(hessel.table()["score"] * 40, raw.table()["score"])
    assert raw.table()["score"].min() == 0 > signed.table()["score"].min()
    assert raw.outputs[0].high == 100 and hessel.outputs[0].high == 2.5 and signed.outputs[0].low == -100
    assert all(m.missing() == {"score": 0.0} for m in (raw, hessel, signed))


def test_the_signed_mode_is_torchmetrics_mean():
    """torchmetrics 1.9, functional/multimodal/clip_score.py: 100 * cosine of normalised features, mean, then max 0."""
    from bench import registry

    rng = torch.Generator().manual_seed(3)
    image, text = torch.randn(40, 8, generator=rng) + 0.5, torch.randn(40, 8, generator=rng) + 0.5
    metric = registry.create("metric", "clipscore", {"mode": "torchmetrics"})
    metric.update(image=image, text=text)
    unit = torch.nn.functional.normalize
    theirs = (100 * (unit(image) * unit(text)).sum(-1)).mean()
    assert float(metric.compute()) == pytest.approx(float(theirs), rel=1e-5)


def test_an_unknown_mode_is_refused_with_the_nearest(kit):
    with pytest.raises(UsageError, match="Did you mean hessel"):
        kit.make("clipscore", mode="hesel")


@pytest.mark.parametrize("name", ["clipscore", "r-precision", "retrieval"])
def test_an_embedding_without_direction_names_its_image(name, kit):
    given = _pairs(kit, 20)
    given["image"][4] = 0
    if name == "clipscore":
        del given["truth"]
    with pytest.raises(NotFinite, match="'id 4'"):
        _run(kit, name, {**given, "ids": [f"id {i}" for i in range(20)]})


# ---- r-precision ---------------------------------------------------------------------------------------------------


def test_r_precision_is_one_when_texts_fit_and_chance_when_they_do_not(kit):
    given = _pairs(kit)
    assert float(_run(kit, "r-precision", given, candidates=20).compute()) == 1
    assert float(_run(kit, "r-precision", _turned(given), candidates=20).compute()) < 0.15


def test_a_constant_scorer_is_exactly_at_chance(kit):
    given = _pairs(kit)
    given["image"], given["text"] = torch.ones(200, 32), torch.ones(200, 32)
    assert float(_run(kit, "r-precision", given, candidates=20).compute()) == pytest.approx(1 / 20)
    found = kit.values(_run(kit, "retrieval", given))
    assert found["t2i.R@5"] == pytest.approx(5 / 200) and found["i2t.R@10"] == pytest.approx(10 / 200)
    assert found["t2i.median_rank"] == found["i2t.median_rank"] == pytest.approx(100.5)


def test_texts_of_the_same_meaning_are_never_each_others_mismatch(kit):
    """Every text is there twice: a mismatch with its copy would tie and cost half of the credit."""
    given = _pairs(kit, 60)
    twice = {k: torch.cat([v, v]) if isinstance(v, torch.Tensor) else v * 2 for k, v in given.items()}
    assert float(_run(kit, "r-precision", twice, candidates=60).compute()) == 1
    apart = [dataclasses.replace(s, meaning=f"{s.meaning} {i // 60}") for i, s in enumerate(twice["truth"])]
    assert float(_run(kit, "r-precision", {**twice, "truth": apart}, candidates=120).compute()) == pytest.approx(0.5)


def test_candidates_are_drawn_by_seed_and_id_alone(kit):
    given = {**_pairs(kit, 60, noise=4.0), "ids": [f"id {i}" for i in range(60)]}
    metric = _run(kit, "r-precision", given)
    other = _run(kit, "r-precision", given, seed=1)
    assert not np.array_equal(metric.table()["score"], other.table()["score"])
    late = kit.make("r-precision")
    order = np.random.default_rng(0).permutation(60)
    late.update(**kit.take(given, order))
    np.testing.assert_array_equal(late.table()["score"], metric.table()["score"][order])


# ---- retrieval -----------------------------------------------------------------------------------------------------


def test_retrieval_equals_the_function_on_distinct_meanings(kit):
    given = _pairs(kit, 80, noise=3.0)
    found = kit.values(_run(kit, "retrieval", given))
    label = [s.meaning for s in given["truth"]]
    for way, query, gallery in (("t2i", "text", "image"), ("i2t", "image", "text")):
        expected = retrieval_from_features(given[query], given[gallery], (label, label))
        for name in ("R@1", "R@5", "R@10", "mAP"):
            assert found[f"{way}.{name}"] == pytest.approx(float(expected[name])), (way, name)
    assert 0.1 < found["t2i.R@1"] < 0.9 and found["t2i.R@1"] < found["t2i.R@5"] < found["t2i.R@10"]


def test_fitting_texts_rank_first_and_others_do_not(kit):
    given = _pairs(kit)
    good, bad = kit.values(_run(kit, "retrieval", given)), kit.values(_run(kit, "retrieval", _turned(given)))
    assert good["t2i.R@1"] == good["i2t.mAP"] == good["t2i.median_rank"] == 1
    assert bad["t2i.R@1"] < 0.05 and bad["i2t.median_rank"] > 50


def test_directions_are_not_exchanged(kit):
    """A blurred image of all texts draws texts to itself, while images still find their own text."""
    text = torch.eye(8)
    image = text + torch.tensor([0.9] + [0.0] * 7)[:, None] * torch.ones(8)  # image 0 says everything
    image[1:, 0] = 1.1  # and the others say most of text 0
    given = {"image": image, "text": text, "truth": [kit.sample(i) for i in range(8)]}
    found = kit.values(_run(kit, "retrieval", given))
    similarity = text @ torch.nn.functional.normalize(image).T
    t2i, i2t = ((s.argmax(1) == torch.arange(8)).double().mean().item() for s in (similarity, similarity.T))
    assert (found["t2i.R@1"], found["i2t.R@1"]) == (pytest.approx(t2i), pytest.approx(i2t))
    assert t2i == 7 / 8 and i2t == 1 / 8


def test_all_images_of_a_meaning_are_right_for_its_text(kit):
    given = _pairs(kit, 40)
    twice = {k: torch.cat([v, v]) if isinstance(v, torch.Tensor) else v * 2 for k, v in given.items()}
    found = kit.values(_run(kit, "retrieval", twice))
    assert found["t2i.R@1"] == found["t2i.mAP"] == found["i2t.R@1"] == found["i2t.mAP"] == 1


def test_a_missing_image_ranks_last(kit):
    metric = _run(kit, "retrieval", _pairs(kit, 40))
    assert metric.missing()["t2i.rank"] == metric.missing()["i2t.rank"] == 40
    assert metric.missing()["t2i.R@1"] == metric.missing()["i2t.AP"] == 0
    assert "t2i.rank" not in kit.make("retrieval").missing()
    assert {o.name for o in metric.outputs if o.name.startswith("t2i")} == WORDS
