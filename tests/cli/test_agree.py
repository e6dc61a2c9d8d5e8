"""`bench agree` on files and on runs."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from bench import store
from bench.cli import main


@pytest.fixture
def ratings(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "ratings.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Prompt", "system", "rater 1", "rater 2", "good", "reverse", "noise", "name"])
        for i in range(120):
            truth = rng.normal()
            one, two = truth + rng.normal(0, 0.3, 2)
            writer.writerow([i // 3, "abc"[i % 3], one, two, truth, -truth, rng.normal(), "x"])
    return path


def told(capsys, *arguments: str) -> dict:
    assert main(["agree", *arguments, "--json", "--resamples", "200"]) == 0
    return json.loads(capsys.readouterr().out)


def test_columns_are_found_oriented_and_compared(ratings, capsys):
    human = ("--human", "rater_1", "--human", "rater_2")
    found = told(capsys, str(ratings), *human, "--group", "prompt", "--lower", "reverse")
    tau = {a["metric"]: a for a in found["agreement"] if a["statistic"] == "tau-b"}
    assert set(tau) == {"good", "reverse", "noise"}, "what is no number is no metric"
    assert tau["good"]["value"] == pytest.approx(tau["reverse"]["value"]) and tau["good"]["value"] > 0.7
    assert tau["noise"]["low"] < 0 < tau["noise"]["high"]
    apart = {d["second"]: d for d in found["differences"] if d["statistic"] == "tau-b"}
    assert apart["noise"]["significant"] and not apart[next(n for n in apart if n != "noise")]["significant"]
    assert main(["agree", str(ratings), *human, "-m", "good", "-m", "noise", "--group", "prompt"]) == 0
    out = capsys.readouterr().out
    assert "tau-b: good leads; surely behind: noise." in out and out.startswith("metric")


def test_on_systems(ratings, capsys):
    found = told(capsys, str(ratings), "--human", "rater_1", "-m", "good", "--group", "prompt", "--system", "system")
    assert {a["statistic"] for a in found["agreement"]} == {"pearson", "spearman", "tau-b", "accuracy"}


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--human", "ratr_1"], "has no column 'ratr_1'. Did you mean rater_1"),
        (["--human", "name"], "'x' in row 1 is no number"),
        (["--human", "rater_1", "--lower", "good", "-m", "noise"], "--lower names 'good'"),
        (["--human", "rater_1", "--group", "photo"], "has no column 'photo'"),
    ],
)
def test_wrong_columns_are_one_sentence(ratings, arguments, why, capsys):
    assert main(["agree", str(ratings), *arguments]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("name, text", [("a.txt", "x"), ("a.json", "[1, 2]"), ("a.json", "{"), ("a.jsonl", "{}\n{")])
def test_what_is_no_table(tmp_path, name, text, capsys):
    (tmp_path / name).write_text(text)
    assert main(["agree", str(tmp_path / name), "--human", "h"]) in (2, 5)
    assert str(tmp_path / name) in capsys.readouterr().err


def test_scores_of_runs_know_their_direction(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    systems = ["oracle", "half=oracle(defect=wrong-colour,p=0.5)"]
    assert main(["run", *systems, "--dataset", "scenes(size=40)", "-m", "pixel-colour", "-m", "tifa", "-q"]) == 0
    rows = []
    for folder in store.find_runs(tmp_path / "runs"):
        samples = store.samples(folder)
        rows += [
            (s, store.load(folder).label, v) for s, v in zip(samples["sample"], samples["tifa:score"], strict=True)
        ]
    with open("people.csv", "w", newline="") as file:
        csv.writer(file).writerows([("sample", "system", "mean"), *rows])
    capsys.readouterr()
    found = told(capsys, "people.csv", "--human", "mean", "--runs", "runs", "--group", "sample")
    pearson = {a["metric"]: a["value"] for a in found["agreement"] if a["statistic"] == "pearson"}
    assert set(pearson) == {"pixel-colour:score", "tifa:score"}, "no tags, no seeds"
    assert pearson["tifa:score"] == pytest.approx(1) and pearson["pixel-colour:score"] > 0.5
