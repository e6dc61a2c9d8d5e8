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
    assert "tau-b: good leads; surely behind: noise." in out
    assert out.startswith("Raters: Krippendorff's alpha (interval) 0.")


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


def spoken(capsys, *arguments: str) -> str:
    assert main(["agree", *arguments, "--resamples", "100"]) == 0
    return capsys.readouterr().out


def test_columns_of_raters_are_held_against_each_other(ratings, capsys):
    human = ("--human", "rater_1", "--human", "rater_2")
    found = told(capsys, str(ratings), *human, "-m", "good", "--group", "prompt")["raters"]
    assert found["scale"] == "interval" and found["alpha"] > 0.8 and found["units"] == 120
    assert told(capsys, str(ratings), "--human", "rater_1", "-m", "good")["raters"] is None


def test_ratings_in_a_known_layout_need_no_columns(tmp_path, capsys):
    rows = ["t2i_model,item_id,worker_id,answer"]
    rng = np.random.default_rng(2)
    for i in range(60):
        for system, level in (("good", 4), ("bad", 2)):
            rows += [f"{system},p{i},{w},{level + rng.integers(-1, 2)}" for w in range(3)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    out = spoken(capsys, str(tmp_path / "a.csv"), "--write", str(tmp_path / "one.parquet"))
    assert out.startswith("360 ratings (dsg-likert): 120 images, 2 systems, 60 prompts, 3 raters\nRaters: Kripp")
    assert out.index("good ") < out.index("bad "), "the better system stands first"
    again = told(capsys, str(tmp_path / "one.parquet"))
    assert (again["layout"], again["judgements"]) == ("table", 360) and again["table"][0]["system"] == "good"
    assert spoken(capsys, str(tmp_path / "one.parquet")).replace("table", "dsg-likert") == out


def test_votes_order_systems_and_hold_runs_metrics(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    systems = ["good=oracle", "bad=oracle(defect=wrong-colour,p=0.7)"]
    assert main(["run", *systems, "--dataset", "scenes(size=30)", "-m", "tifa", "-q"]) == 0
    first, second = ({s: v for s, v in zip(t["sample"], t["tifa:score"], strict=True)} for t in (
        store.samples(f) for f in sorted(store.find_runs(tmp_path / "runs"), key=lambda f: store.load(f).label)))
    with open("votes.csv", "w", newline="") as file:
        rows = [("sample", "model_a", "model_b", "winner", "user")]
        for i, s in enumerate(first):
            better = "tie" if first[s] == second[s] else "bad" if first[s] > second[s] else "good"
            rows += [(s, "bad", "good", better, "u1"), (s, "good", "bad", "bad" if i == 3 else better, "u2")]
        csv.writer(file).writerows(rows)
    capsys.readouterr()
    found = told(capsys, "votes.csv", "--runs", "runs")
    assert [s["system"] for s in found["table"]] == ["good", "bad"] and found["kind"] == "votes"
    assert found["table"][0]["rank"] == [1, 1] and found["table"][0]["votes"] == 60
    assert found["alpha"]["scale"] == "nominal" and 0.8 < found["alpha"]["alpha"] < 1, "sides are no opinions"
    accuracy = {a["statistic"]: a["value"] for a in found["agreement"]}
    assert accuracy["accuracy"] > 0.9 and accuracy["untied"] > 0.9
    out = spoken(capsys, "votes.csv", "--ties", "rao-kupper")
    assert "log strength (rao-kupper)" in out and "60 votes (votes): 2 systems, 30 prompts, 2 raters" in out


def test_ranks_are_compared_within_their_prompt(tmp_path, monkeypatch, capsys):
    found = [{"id": f"p{i}", "prompt": "x", "generations": ["a", "b", "c"], "ranking": [1, 2, 3]} for i in range(9)]
    (tmp_path / "t.json").write_text(json.dumps(found))
    out = spoken(capsys, str(tmp_path / "t.json"))
    assert out.startswith("27 ranks (imagereward): 27 images, 9 prompts, 1 rater\nAgreement of raters needs")


@pytest.mark.parametrize(
    "content, arguments, why",
    [
        ("prompt,mean\nx,1", [], "none of the layouts of people's judgements"),
        ("sample,rater,rating,aspect\nx,r,1,a\nx,r,1,b", [], "rates 2 aspects: name one with --aspect: a, b"),
        ("sample,rater,rating,aspect\nx,r,1,a", ["--aspect", "c"], "has no aspect 'c'; it has a"),
        ("model_a,model_b,winner\nx,y,x", [], "x lost no vote"),
        ("sample,rater,rating\nx,r,1\nx,q,2", ["--write", "a.txt"], "must end in .parquet"),
        ("sample,rater,rating\nx,r,1", ["--layout", "vote"], "Did you mean votes"),
    ],
)
def test_what_judgements_cannot_say(tmp_path, content, arguments, why, capsys):
    (tmp_path / "a.csv").write_text(content)
    assert main(["agree", str(tmp_path / "a.csv"), *arguments]) in (2, 5)
    assert why in capsys.readouterr().err


def test_tifas_file_as_published(shared_data, capsys):
    found = told(capsys, str(shared_data / "tifa" / "human_annotations_with_scores.json"))
    assert (found["judgements"], found["images"], found["prompts"]) == (1600, 800, 160)
    tau = {a["metric"]: a["value"] for a in found["agreement"] if a["statistic"] == "tau-b"}
    assert tau["tifa_mplug-large"] == pytest.approx(0.471716, abs=5e-7) and len(tau) == 10
    plain, best = ({a["metric"]: a["value"] for a in found["agreement"] if a["statistic"] == name}
                   for name in ("accuracy", "calibrated"))  # fmt: skip
    assert all(best[m] >= plain[m] for m in plain), "calibrating ties never costs accuracy"
    assert found["alpha"]["units"] == 800 and 0.6 < found["alpha"]["low"] < found["alpha"]["high"] < 0.8
