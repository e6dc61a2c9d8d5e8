"""A model card's head: what huggingface_hub reads back, with names that keep the truth."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from bench import store
from bench.errors import UsageError
from bench.reports.exports.model_index import model_index

huggingface_hub = pytest.importorskip("huggingface_hub")


def read_back(text: str):
    """The model's name and results as huggingface_hub reads them from a whole card."""
    card = huggingface_hub.ModelCard(f"---\n{text}---\n# A model\n")
    return card.data.model_name, {
        r.metric_args["metric"] + "." + r.metric_args["output"]: r for r in card.data.eval_results
    }


def test_huggingface_reads_what_the_run_says(make):
    run = store.load(make("ours", seed=3, failed=2))
    name, results = read_back(model_index(run))
    assert name == "ours"
    scores = {f"{s.metric}.{s.output}": s for s in run.scores}
    primary = {f"{c.metric}.{o.name}" for c in run.cards.values() for o in c.outputs if o.primary}
    assert set(results) == primary
    for key, result in results.items():
        score = scores[key]
        assert result.metric_value == score.value and result.metric_args["protocol"] == score.protocol
        assert (result.metric_args["ci95_low"], result.metric_args["ci95_high"]) == (score.low, score.high)
        assert result.metric_args["n"] == score.n and result.metric_args["n_missing"] == 2
        assert result.dataset_revision == run.dataset["prompts"] and result.task_type == "text-to-image"
        assert result.verified is None and "verification" not in result.metric_args
    assert results["fd(extractor=inception-v3(resize=tf-fid)).value"].metric_args["higher_is_better"] is False
    assert results["clipscore.value"].metric_args["higher_is_better"] is True


def test_an_alias_is_named_only_where_the_protocol_is_its_own(make):
    run = store.load(make("ours"))
    assert read_back(model_index(run))[1]["fd(extractor=inception-v3(resize=tf-fid)).value"].metric_type == "fid"
    seeded = "fd(extractor=inception-v3(resize=tf-fid,seed=0))"
    card = dataclasses.replace(
        next(c for c in run.cards.values() if c.name == "fd"), metric=seeded, caveat="random weights (seed 0)"
    )
    score = dataclasses.replace(next(s for s in run.scores if s.metric.startswith("fd")), metric=seeded)
    result = read_back(model_index(dataclasses.replace(run, scores=(score,), cards={seeded: card})))[1][
        f"{seeded}.value"
    ]
    assert result.metric_type == "fd" and "random weights (seed 0)" in result.metric_name


def test_the_level_is_told_where_it_is_known(make):
    results = read_back(model_index(store.load(make("ours")), "re-scored"))[1]
    assert {r.metric_args["verification"] for r in results.values()} == {"re-scored"}


def test_hostile_labels_stay_text(make):
    label = "ours: !!python/object/apply:os.system ['x']\n---\nlicense: stolen"
    text = model_index(store.load(make(label)))
    loaded = yaml.safe_load(text)
    assert set(loaded) == {"model-index"} and loaded["model-index"][0]["name"] == label.replace("\n", " ")


def test_scores_without_a_value_are_left_out_and_nothing_is_no_card(make):
    run = store.load(make("ours"))
    blank = tuple(dataclasses.replace(s, value=None, low=None, high=None, note="too few") for s in run.scores)
    with pytest.raises(UsageError, match="no score with a value"):
        model_index(dataclasses.replace(run, scores=blank))
    assert "nan" not in model_index(dataclasses.replace(run, scores=(*blank[1:], run.scores[0]))).casefold()
