"""Metrics of true against false captions, from embeddings and from a data set's files."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from bench.errors import UsageError
from bench.functional.rules import winoground
from bench.types import Sample

EAST, NORTH, BETWEEN = (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)


def fed(kit, name, rows, **params):
    """(image, caption, false captions, tags)"""
    metric = kit.make(name, **params)
    image, text = (torch.tensor([r[i] for r in rows]) for i in (0, 1))
    false = [torch.tensor(r[2]).reshape(-1, 2) for r in rows]
    truth = [Sample(f"s{i}", f"p{i}", tags=r[3]) for i, r in enumerate(rows)]
    metric.update(image=image, text=text, negatives=false, truth=truth)
    return metric


ROWS = [
    (EAST, EAST, [NORTH], {"split": "a", "word": "left"}),
    (EAST, NORTH, [EAST], {"split": "a", "word": "left"}),
    (EAST, EAST, [EAST], {"split": "a", "word": "left"}),
    (EAST, EAST, [BETWEEN, NORTH], {"split": "b", "word": "above"}),
    (EAST, EAST, [], {"split": "b", "word": "above"}),
]


def test_pairs_under_each_rule_for_ties(kit):
    found = {
        ties: kit.values(fed(kit, "pair-accuracy", ROWS, ties=ties))["value"] for ties in ("wrong", "right", "half")
    }
    assert found == pytest.approx({"wrong": 2 / 4, "right": 3 / 4, "half": 2.5 / 4})
    assert np.isnan(fed(kit, "pair-accuracy", ROWS).table()["score"][4]), "without a false caption"
    assert kit.values(fed(kit, "pair-accuracy", ROWS, by="split"))["value"] == pytest.approx((1 / 3 + 1) / 2)
    with pytest.raises(UsageError, match="Did you mean half"):
        kit.make("pair-accuracy", ties="haf")


def test_positional_alignment_wants_to_be_sure_and_takes_words_alike(kit):
    assert kit.values(fed(kit, "tise-pa", ROWS))["value"] == pytest.approx((1 / 3 + 1) / 2)
    near = (1.0, 0.05)  # 100 (1 - cos) = .12: a probability of .53
    unsure = [(EAST, EAST, [near], {"word": "left"})]
    assert kit.values(fed(kit, "tise-pa", unsure))["value"] == 0
    assert kit.values(fed(kit, "pair-accuracy", unsure))["value"] == 1


def test_winoground_is_its_rule(kit):
    rng = np.random.default_rng(0)
    image, text = (torch.from_numpy(rng.standard_normal((40, 3))) for _ in range(2))
    truth = [Sample(f"{i // 2}_{i % 2}", f"p{i}", group=str(i // 2)) for i in range(40)]
    metric = kit.make("winoground")
    order = rng.permutation(40)
    metric.update(image=image[order], text=text[order], truth=[truth[i] for i in order])
    unit = [torch.nn.functional.normalize(v, dim=1) for v in (image, text)]
    cosines = (unit[1] @ unit[0].T).numpy()
    wanted = winoground(np.array([cosines[i : i + 2, i : i + 2] for i in range(0, 40, 2)]))
    found = kit.values(metric)
    assert [found[k] for k in ("text", "image", "group")] == pytest.approx([float(v.mean()) for v in wanted])
    half = kit.make("winoground")
    half.update(image=image[:3], text=text[:3], truth=truth[:3])
    assert np.isfinite(half.table()["text"]).tolist() == [True, True, False], "the third has lost its other half"


def test_repeats_of_a_pair_are_pairs_of_their_own(kit):
    truth = [Sample(f"0_{i}", f"p{i}", group="0") for i in (0, 0, 1, 1)]
    rows = torch.tensor([EAST, NORTH, NORTH, EAST])  # the second images are exchanged
    texts = torch.tensor([EAST, EAST, NORTH, NORTH])
    metric = kit.make("winoground")
    metric.update(image=rows, text=texts, truth=truth, ids=["0_0#0", "0_0#1", "0_1#0", "0_1#1"])
    assert metric.table()["group"].tolist() == [1, 0, 1, 0]


def test_what_is_false_of_a_sample():
    assert Sample("a", "p", tags={"negative": "x"}).negatives == ("x",)
    assert Sample("a", "p", tags={"negative": "x", "negatives": '["y", "z"]'}).negatives == ("y", "z")
    assert Sample("a", "p").negatives == () == Sample("a", "p", tags={"negative": "", "negatives": "[]"}).negatives
    for odd in ("[", "[1, 2]", "a plain text"):
        assert Sample("a", "p", tags={"negatives": odd}).negatives == (odd,), "a text that is no list is one caption"


def colours() -> None:
    """Registers `colours-for-a-test`, a model that reads red and blue in pictures and texts."""
    from bench import registry
    from bench.extractors.base import Extractor

    class Colours(Extractor):
        image_outputs = text_outputs = ("features",)

        def identity(self):
            return {}

        def prepare_image(self, image):
            return torch.from_numpy(image.reshape(-1, 3).mean(0).copy()).float() + 1

        def extract_images(self, batch, queries=None):
            return {"features": torch.stack(list(batch))}

        def extract_texts(self, texts):
            rows = [[1.0 + 9 * ("red" in t), 1.0, 1.0 + 9 * ("blue" in t)] for t in texts]
            return {"features": torch.tensor(rows)}

    registry.register("extractor", "colours-for-a-test", summary="colours")(Colours)


def test_sugarcrepe_from_its_files_to_the_number(tmp_path):
    """Red and blue pictures, judged by a model that reads colours and ties on anything else."""
    from PIL import Image

    from bench import api
    from bench.engine.options import Options
    from bench.study import Study

    (tmp_path / "data").mkdir()
    (tmp_path / "pictures").mkdir()
    pairs = [("red", "a red wall", "a blue wall"), ("blue", "a blue wall", "a red wall"),
             ("red", "a blue wall", "a red wall"), ("red", "a wall of red", "of red a wall")]  # fmt: skip
    for i, (colour, _, _) in enumerate(pairs):
        Image.new("RGB", (8, 8), colour).save(tmp_path / "pictures" / f"{i}.png")
    rows = {str(i): {"filename": f"{i}.png", "caption": t, "negative_caption": f} for i, (_, t, f) in enumerate(pairs)}
    (tmp_path / "data" / "swap_att.json").write_text(json.dumps(rows))
    colours()
    study = Study(
        systems=("real",), dataset=f'sugarcrepe(root="{tmp_path}",split=swap_att,images="{tmp_path / "pictures"}")',
        metrics=tuple(f"pair-accuracy(extractor=colours-for-a-test,ties={t})" for t in ("wrong", "right", "half")),
    )  # fmt: skip
    (run,) = api.run(study, options=Options(root=tmp_path / "runs"))
    assert [s.value for s in run.scores] == [0.5, 0.75, 0.625], "right, right, wrong, and a tie"
    assert all(s.n == 4 and s.chance is not None for s in run.scores)


def test_tise_from_its_pickle_to_the_number(tmp_path):
    """The mean over words, not over images: two of 'left' of which one is right, one of 'under' that is."""
    from PIL import Image

    from bench import api
    from bench.engine.options import Options
    from bench.study import Study

    told = {"left": [("1", "red", "red", "blue"), ("2", "red", "blue", "red")], "under": [("1", "blue", "blue", "red")]}
    rows = {word: [{"caption": f"a {true} dog {word} of a cat", "false_caption": f"a {false} dog {word} of a cat",
                    "caption_id": n} for n, _, true, false in those] for word, those in told.items()}  # fmt: skip
    (tmp_path / "PA_input_captions.pkl").write_bytes(pickle.dumps(rows, 2))
    for word, those in told.items():
        (tmp_path / "images" / word).mkdir(parents=True)
        for n, colour, _, _ in those:
            Image.new("RGB", (8, 8), colour).save(tmp_path / "images" / word / f"{n}.png")
    colours()
    study = Study(
        systems=(f'folder(path="{tmp_path / "images"}",layout=tise)',), dataset=f'tise-pa(root="{tmp_path}")',
        metrics=("tise-pa(extractor=colours-for-a-test)",),
    )  # fmt: skip
    (run,) = api.run(study, options=Options(root=tmp_path / "runs"))
    (score,) = run.scores
    assert score.value == pytest.approx((1 / 2 + 1) / 2) and score.n == 3
