"""The page of the gate's error rates: its trials, a planted defect in a trained model, and broken runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))  # last: one is called like a module of Python

import gate_calibration
import gate_models
import gate_rates


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return gate_models.Workshop(tmp_path_factory.mktemp("models"), 30)


def test_a_planted_defect_of_a_trained_model_is_caught_and_explained_by_the_right_prompts(shop):
    audit, found = gate_models.planted(shop, "wirn", 20, 0, shares=(0.2, 1.0), runs=2)
    whole, some = found[-1], found[0]
    assert (whole.verdict, whole.other) == ("regressed", "regressed") and whole.lost > some.lost > 0
    for one in found:
        hit, named = one.explained
        assert hit == named > 0
    assert shop.words(0.1) < shop.words(0.4) < shop.words(1.0)
    assert audit.false_alarms.low <= 0.05 and audit.prompts == 30


@pytest.mark.skipif(not os.environ.get("BENCH_SLOW"), reason="two minutes of runs; BENCH_SLOW=1")
def test_every_way_of_being_broken_has_its_outcome(shop):
    told = {one.name: one for one in gate_models.scenarios(shop)}
    assert [one.name for one in told.values() if not one.right] == []
    assert {one.verdict.exit_code for one in told.values()} == {0, 1, 4, 5}


def test_a_changed_resize_filter_and_a_changed_extractor_are_not_comparable(tmp_path):
    one, other = gate_models.protocols(gate_models.Workshop(tmp_path, 12))
    for scenario in (one, other):
        assert scenario.right and scenario.verdict.exit_code == 4
    assert "resize=clean" in gate_models.because(one.verdict) and "resize=tf-fid" in gate_models.because(one.verdict)
    assert "scene-clip-independent" in gate_models.because(other.verdict)


def test_unchanged_and_worse_trials_are_told_apart():
    model = gate_rates.MODELS[0]
    found = gate_rates.simulated(model, 60, 600, 0)
    assert found.alarms <= 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5 and found.unchanged > 0.8
    assert found.caught > 0.92 and 0.75 < found.power < 0.85 and found.seen_from < 1
    scores = model.draw(np.random.default_rng(0), 60, 50.0)
    better = [gate_rates.Scores(one.after, one.before) for one in scores]
    told, seen = gate_rates.trials([scores, better], [1.0], np.random.default_rng(0), printed=True)
    assert told.tolist() == [[gate_rates.REGRESSED], [gate_rates.PASS]] and (seen > 0).all()


def test_what_is_outside_of_a_bar_is_bold_and_named():
    bars = gate_calibration.Bars()
    assert bars.share(0.2, 400, "a", most=0.05) == "**20.0**" and bars.share(0.06, 400, "b", most=0.05) == "6.0"
    assert bars.share(0.8, 400, "c", least=0.95) == "**80.0**" and bars.share(float("nan"), 400, "d") == "–"
    assert bars.outside == ["a: 20.0 %", "c: 80.0 %"]


def test_absent_data_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_SHARED_DATA", str(tmp_path))
    bars = gate_calibration.Bars()
    (told,) = gate_calibration.tifa(10, bars)
    assert "BENCH_SHARED_DATA" in told and list(gate_calibration.visor(10, bars, tmp_path)) != []


def test_tifas_table_is_read_whole(shared_data):
    found = gate_calibration.tifa_scores(shared_data / "tifa" / "human_annotations_with_scores.json")
    assert len(found) == 5 and all(np.isfinite(v).all() and len(v) == 160 for s in found.values() for v in s.values())


def test_the_committed_page_has_all_its_parts_and_nothing_outside():
    text = (gate_calibration.ROOT / "docs" / "gate-calibration.md").read_text()
    for part in ("## Simulated models", "## Real scores", "## Trained systems", "## Outside of the bars"):
        assert part in text
    assert "nan" not in text.lower().split()
