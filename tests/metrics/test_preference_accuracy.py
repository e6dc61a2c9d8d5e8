"""preference-accuracy is its rule, whatever gives the scores and wherever the ranks stand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from bench.errors import DataError, UsageError
from bench.functional.rules import PREFERENCE_TIES, preference_accuracy
from bench.types import Sample


def ranked(scores, ranks, group):
    return [
        (s, Sample(f"{group}-{i}", f"prompt {group}", group=group, tags={"rank": str(r)} if r else {}))
        for i, (s, r) in enumerate(zip(scores, ranks, strict=True))
    ]


ROWS = [*ranked([4, 3, 2, 1], [1, 2, 3, 3], "a"), *ranked([1, 2], [1, 2], "b"), *ranked([5], [1], "alone"),
        *ranked([9, 8], [0, 0], "unranked")]  # fmt: skip


def value(kit, rows, **params):
    metric = kit.make("preference-accuracy", **params)
    metric.update(reward=torch.tensor([[float(s)] for s, _ in rows]), truth=[t for _, t in rows])
    return kit.values(metric)["value"]


@pytest.mark.parametrize("ties", PREFERENCE_TIES)
def test_it_is_the_rule_over_pairs_or_prompts(kit, ties):
    wanted = preference_accuracy([([4, 3, 2, 1], [1, 2, 3, 3]), ([1, 2], [1, 2])], ties=ties)
    assert value(kit, ROWS, ties=ties) == pytest.approx(wanted)
    mixed = [ROWS[i] for i in np.random.default_rng(0).permutation(len(ROWS))]
    assert value(kit, mixed, ties=ties) == pytest.approx(wanted)


def test_ranks_of_the_images_of_one_sample(kit):
    sample = Sample("p", "a prompt", tags={"ranking": json.dumps([2, 1, 3])})
    metric = kit.make("preference-accuracy")
    metric.update(reward=torch.tensor([[1.0], [2.0], [0.0], [7.0]]), truth=[sample] * 4,
                  ids=["p#0", "p#1", "p#2", "p#3"])  # fmt: skip
    assert kit.values(metric)["value"] == 1
    assert np.isnan(metric.table()["right"][3]), "people did not rank a fourth"


def test_a_cosine_may_be_the_score(kit):
    metric = kit.make("preference-accuracy", of="features")
    image = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    metric.update(image=image, text=torch.tensor([[1.0, 0.1]] * 2), truth=[t for _, t in ranked([0, 0], [1, 2], "a")])
    assert kit.values(metric)["value"] == 1


def test_what_makes_no_sense_is_refused(kit):
    with pytest.raises(UsageError, match="has no 'rewards'; allowed: logits, features"):
        kit.make("preference-accuracy", of="rewards")
    with pytest.raises(UsageError, match="Did you mean pickscore"):
        kit.make("preference-accuracy", ties="pickscor")
    with pytest.raises(UsageError, match="no difference of scores"):
        kit.make("preference-accuracy", threshold=-1)
    for rank in ("first", "0", "-1", "1.5"):
        with pytest.raises(DataError, match="whole numbers from 1"):
            value(kit, [(1.0, Sample("s", "p", tags={"rank": rank}))])
    with pytest.raises(DataError, match="no list of ranks"):
        metric = kit.make("preference-accuracy")
        metric.update(reward=torch.ones(1, 1), truth=[Sample("s", "p", tags={"ranking": "{"})], ids=["s#0"])


def test_rankings_of_real_files_are_a_run_of_the_references(tmp_path):
    """From a file and its images to the number: people prefer darker pictures, and so does the judge."""
    from PIL import Image

    from bench import api, registry
    from bench.engine.options import Options
    from bench.extractors.base import Extractor
    from bench.study import Study

    class Darkness(Extractor):
        image_outputs = ("logits",)
        query = "prompt"

        def identity(self):
            return {}

        def prepare_image(self, image):
            return torch.tensor([255.0 - float(image.mean())])

        def extract_images(self, batch, queries=None):
            return {"logits": torch.stack(list(batch))}

    names = [f"{i}.png" for i in range(4)]
    for i, name in enumerate(names):
        Image.new("RGB", (8, 8), (60 * i,) * 3).save(tmp_path / name)
    rows = [{"id": str(j), "prompt": f"prompt {j}", "generations": names, "ranking": [1, 2, 3, 3]} for j in range(3)]
    (tmp_path / "test.json").write_text(json.dumps(rows))
    registry.register("extractor", "darkness-for-a-test", summary="darkness")(Darkness)
    study = Study(
        systems=("real",), dataset=f'imagereward(root="{tmp_path}",images="{tmp_path}")',
        metrics=("preference-accuracy(extractor=darkness-for-a-test)",),
    )  # fmt: skip
    (run,) = api.run(study, options=Options(root=tmp_path / "runs"))
    (score,) = run.scores
    assert score.value == 1 and score.n == 12
