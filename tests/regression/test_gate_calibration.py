"""The page of the gate's error rates: its trials, a planted defect in a trained model, and broken runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))  # last: one is called like a module of Python

import gate_calibration
import gate_models
import gate_rates
from PIL import Image

from bench.regression.gate import gate
from bench.regression.policy import policy_from
from bench.regression.report import report


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


def test_every_way_of_being_broken_has_its_outcome(tmp_path):
    """The table of the page, on fewer prompts and without the metric of sets."""
    small = gate_models.Workshop(tmp_path, 32, (gate_models.COLOUR, gate_models.MATCH, "collapse"))
    told = {one.name: one for one in gate_models.scenarios(small)}
    assert [(one.name, one.verdict.outcome) for one in told.values() if not one.right] == []
    assert {one.verdict.exit_code for one in told.values()} == {0, 1, 4, 5} and len(told) == 11


def recoloured(run, folder):
    """Its images with red and blue in each other's place: grey stays, and so does every shape."""
    gate_models._copied(run, folder, {key: key for key in gate_models._keys(run)})
    for file in folder.glob("*.png"):
        with Image.open(file) as image:
            red, green, blue = image.convert("RGB").split()
        Image.merge("RGB", (blue, green, red)).save(file)


def test_wrong_colours_of_a_trained_model_are_shown_by_what_looks_at_colour_and_by_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a baseline names its pictures where all lie below the current folder
    shop = gate_models.Workshop(tmp_path, 40, (gate_models.COLOUR, "counting", "collapse"))
    first = shop.run("wirn", label="wirn")
    folder = tmp_path / "recoloured"
    recoloured(first, folder)
    run = shop.run(f"folder(path={folder},match=manifest)", label="recoloured")
    rules = policy_from({"metric": [
        {"metric": gate_models.COLOUR, "margin": 5.0}, {"metric": "counting", "output": "value", "margin": 0.2},
    ]})  # fmt: skip
    against = shop.baseline(first)
    verdict = gate(run, [against], rules, home=tmp_path)
    told = {item.metric.split("(")[0]: item for item in verdict.items}
    assert (told["pixel-colour"].outcome, told["counting"].outcome) == ("regressed", "pass")
    assert verdict.exit_code == 1 and len(told["pixel-colour"].falls) == 5
    for fall in told["pixel-colour"].falls:
        assert all(Path(image).is_file() for image in fall.images) and fall.after > fall.before
    page = report(verdict, Path(run.path), [against], tmp_path, tmp_path / "page")
    text = page.read_text()
    assert "▼ regressed" in text and text.count("data:image") >= 5 and told["pixel-colour"].falls[0].prompt in text


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


def test_the_committed_page_has_all_its_parts_and_nothing_outside_but_what_it_explains():
    text = (gate_calibration.ROOT / "docs" / "gate-calibration.md").read_text()
    for part in ("## Simulated models", "## Real scores", "## Trained systems", "## Outside of the bars"):
        assert part in text
    assert "nan" not in text.lower().split()
    outside = [line for line in text.split("## Outside of the bars")[1].splitlines() if line.startswith("- ")]
    assert all("of which one prompt holds" in line for line in outside) and text.count("**") == 2 * len(outside)
