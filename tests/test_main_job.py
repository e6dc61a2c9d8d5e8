"""The main job in small: controls with a known outcome on scenes come out as they must."""

from __future__ import annotations

import pytest

import bench.api as api
from bench.engine.options import Options
from bench.study import Study

DEFECTS = ("wrong-colour", "wrong-shape", "wrong-count", "wrong-side")
PER_SAMPLE = {
    "object-presence": "value", "counting": "value", "attribute-binding": "value", "spatial-relation": "uncond",
    "box-overlap": "value",
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    systems = ["oracle", "shuffled", "constant", "noise"]
    systems += [f"{d} {p}=oracle(defect={d},p={p})" for d in DEFECTS for p in (0.2, 0.5)]
    study = Study(systems=tuple(systems), dataset="scenes(size=150)")
    return {run.label: run for run in api.run(study, options=Options(root=tmp_path_factory.mktemp("controls")))}


def score(run, metric, output="value"):
    return next(s for s in run.scores if s.metric.startswith(metric) and s.output == output)


def test_oracle_is_the_ceiling(runs):
    for metric, output in PER_SAMPLE.items():
        best = score(runs["oracle"], metric, output).value
        assert best > 0.97
        assert all(score(run, metric, output).value <= best + 0.005 for run in runs.values())


@pytest.mark.parametrize("metric", PER_SAMPLE)
@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_move_what_the_cards_say_and_nothing_else(runs, metric, defect):
    output = PER_SAMPLE[metric]
    oracle, some, many = (score(runs[name], metric, output) for name in ("oracle", f"{defect} 0.2", f"{defect} 0.5"))
    if defect in runs["oracle"].cards[oracle.metric].responds_to:
        assert oracle.value >= some.value >= many.value
        assert many.value < oracle.value
    else:
        assert oracle.low - 0.005 <= many.value <= oracle.high + 0.005


@pytest.mark.parametrize("defect, metric", [("wrong-colour", "attribute-binding"), ("wrong-side", "spatial-relation")])
def test_in_step_with_p(runs, defect, metric):
    """Twice and a half the probability, twice and a half the loss, within what 150 prompts can tell."""
    output = PER_SAMPLE[metric]
    top = score(runs["oracle"], metric, output).value
    some, many = (top - score(runs[f"{defect} {p}"], metric, output).value for p in (0.2, 0.5))
    assert 0.05 < some < many and 1.4 < many / some < 5


@pytest.mark.parametrize("name", ["shuffled", "constant"])
@pytest.mark.parametrize("metric", ["r-precision", "clipscore", "attribute-binding"])
def test_shuffled_and_constant_are_at_chance(runs, name, metric):
    found = score(runs[name], metric)
    assert found.chance is not None
    slack = 0.02 * (100 if metric == "clipscore" else 1)
    assert found.low - slack <= found.chance <= found.high + slack
    factor = 3 if metric == "clipscore" else 5  # a cosine: the caption of another scene has words in common
    assert score(runs["oracle"], metric).value > factor * max(found.value, 0.01)


def test_trained_judges_order_the_controls(runs):
    """R-precision and CLIPScore fall with a defect's probability; the Inception Score sees noise and collapse."""
    for metric in ("r-precision(extractor=scene-clip)", "r-precision(extractor=scene-clip-ind", "clipscore"):
        top = score(runs["oracle"], metric).value
        for defect in ("wrong-colour", "wrong-shape"):
            some, many = (score(runs[f"{defect} {p}"], metric).value for p in (0.2, 0.5))
            assert top > some > many > score(runs["shuffled"], metric).value
    diversity = {name: score(run, "is(").value for name, run in runs.items()}
    assert diversity["oracle"] > 10 > diversity["noise"] > diversity["constant"] == pytest.approx(1)


def test_mixed_up_prompts_are_noticed(runs):
    assert not any("do not fit" in note for note in runs["oracle"].notes)
    assert any("do not fit" in note for note in runs["shuffled"].notes)


def test_set_metrics_see_collapse_and_noise_but_not_shuffling(runs):
    fd = {name: score(run, "fd") for name, run in runs.items()}
    assert fd["constant"].value > 20 * fd["oracle"].value and fd["noise"].value > 20 * fd["oracle"].value
    assert fd["shuffled"].low <= fd["oracle"].high
    assert score(runs["constant"], "collapse", "constant").value == 1.0
    assert score(runs["constant"], "prc", "recall").value == 0.0
