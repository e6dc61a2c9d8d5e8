"""How the ranking changes with the condition, on synthetic runs and end to end on scenes with planted failures."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from planted_runs import card
from scipy.stats import kendalltau

from bench import api
from bench.cli import main
from bench.engine.options import Options
from bench.errors import NotComparable, UsageError
from bench.reports.comparison.compare import compare
from bench.reports.comparison.conditions import by_tag, conditions
from bench.reports.exports.rankings import rankings_csv, rankings_markdown, rankings_text
from bench.study import Study

SIDE = card("relation", responds=("wrong-side",), label="relation")
COLOUR = card("binding", responds=("wrong-colour", "shuffled"), label="binding")
LOSS = card("loss", "lower", label="loss")
CARDS = {"spatial": SIDE, "semantic": COLOUR}


def board(plant, condition: str, skills: dict[str, float], *, n: int = 80, label: str = "", cards=(), seed: int = 0):
    """A run a system whose skill is planted on the condition's metric; `loss` tells the reverse."""
    main = cards or (LOSS, CARDS[condition])
    rng, found = np.random.default_rng(seed), []
    ease = rng.normal(size=n)
    for name, skill in skills.items():
        values = {f"{c.metric}:score": (-1 if c is LOSS else 1) * (ease + skill + rng.normal(size=n) / 2) for c in main}
        dataset = {"label": label or condition, **({"condition": condition} if condition else {})}
        found.append(plant(name, values, main, dataset=dataset))
    return found


def order(group) -> list[str]:
    return [p.system for p in group.places]


def test_each_condition_is_ranked_by_the_metric_that_sees_its_defect(plant):
    runs = board(plant, "spatial", {"x": 3, "y": 0, "z": 1.5}) + board(
        plant, "semantic", {"x": 0, "y": 3, "z": 1.5}, n=60
    )
    found = conditions(runs).rankings
    assert [(g.name, g.label, g.why) for g in found.groups] == [
        ("semantic", "binding", "responds to wrong-colour"), ("spatial", "relation", "responds to wrong-side"),
    ]  # fmt: skip
    assert [order(g) for g in found.groups] == [["y", "z", "x"], ["x", "z", "y"]]
    assert found.tau[0, 1] == found.tau[1, 0] == -1 and np.diag(found.tau).tolist() == [1, 1]
    assert [(m.system, m.ranks, m.sure) for m in found.moves] == [("x", (3, 1), True), ("y", (1, 3), True)]
    assert (
        "semantic and spatial contradict each other" in found.sentences[0]
        and "\N{MINUS SIGN}1.00" in found.sentences[0]
    )
    assert "x is 1st on spatial and is 3rd on semantic, beyond chance." in found.sentences
    assert [g.prompts for g in found.groups] == [60, 80]


def test_one_metric_can_be_asked_for_and_lower_is_better_is_heeded(plant):
    runs = board(plant, "spatial", {"x": 3, "y": 0}) + board(plant, "semantic", {"x": 3, "y": 0}, n=60)
    found = conditions(runs, rank_by="loss").rankings
    assert [(g.label, order(g), g.direction) for g in found.groups] == [("loss", ["x", "y"], "lower")] * 2
    assert found.moves == () and found.sentences == ("All groups rank the 2 systems that they share alike.",)
    with pytest.raises(UsageError, match=r"No metric of these runs is called 'los'.*Did you mean loss"):
        conditions(runs, rank_by="los")


def test_without_a_condition_the_group_is_the_data_set(plant):
    runs = board(plant, "", {"x": 1, "y": 0}, label="coco", cards=(SIDE,)) + board(
        plant, "spatial", {"x": 1, "y": 0}, n=60
    )
    groups = conditions(runs).rankings.groups
    assert [(g.name, g.why) for g in groups] == [
        ("spatial", "responds to wrong-side"), ("coco", "the first primary metric")
    ]  # fmt: skip


def test_a_condition_whose_metric_is_absent_says_so(plant):
    runs = board(plant, "spatial", {"x": 1, "y": 0}, cards=(COLOUR,)) + board(plant, "semantic", {"x": 1, "y": 0}, n=60)
    assert "none responds to spatial defects" in conditions(runs).rankings.groups[1].why


def test_several_data_sets_of_a_condition_are_averaged_by_data_set(plant):
    runs = board(plant, "spatial", {"x": 2, "y": 0}, n=40, label="one")
    runs += board(plant, "spatial", {"x": 0, "y": 1}, n=400, label="two", seed=1)
    runs += board(plant, "semantic", {"x": 1, "y": 0}, n=60)
    found = conditions(runs)
    group = found.rankings.groups[1]
    assert group.datasets == ("one", "two") and group.prompts == 440
    parts = [next(r for r in c.rows if r.metric == "relation") for c in found.comparisons[:2]]
    for place in group.places:
        own = [r.cells[("x", "y").index(place.system)].value for r in parts]
        assert place.value == pytest.approx(np.mean(own)) and place.low < place.value < place.high
    assert order(group)[0] == "x"  # though most prompts favour y: data sets count alike


def test_only_systems_of_all_groups_enter_tau_and_the_others_are_told(plant):
    skills = {"x": 3.0, "y": 0.0, "z": 1.5}
    runs = board(plant, "spatial", {**skills, "only": 9}) + board(plant, "semantic", skills, n=60)
    found = conditions(runs).rankings
    assert found.common == ("x", "y", "z") and found.tau[0, 1] == 1
    assert order(found.groups[1])[0] == "only" and found.groups[0].unranked == ()
    several = board(plant, "spatial", {"x": 1, "y": 0}, n=50, label="other") + runs
    told = next(g for g in conditions(several).rankings.groups if g.name == "spatial").unranked
    assert {t for t, _ in told} == {"z", "only"} and all("not run on other" in r for _, r in told)


def test_rank_intervals_and_tau_are_those_of_the_definitions(plant):
    skills = {"a": 0.0, "b": 0.02, "c": 2.0, "d": 4.0}
    other = {"a": 4.0, "b": 2.0, "c": 2.02, "d": 0.0}
    found = conditions(board(plant, "spatial", skills) + board(plant, "semantic", other, n=60)).rankings
    spatial = {p.system: (p.rank, p.first, p.last) for p in found.groups[1].places}
    assert spatial["d"] == (1, 1, 1) and spatial["c"] == (2, 2, 2)
    assert {spatial["a"][1:], spatial["b"][1:]} == {(3, 4)}
    values = [[next(p.value for p in g.places if p.system == s) for s in found.common] for g in found.groups]
    assert found.tau[0, 1] == pytest.approx(kendalltau(*values).statistic)


def test_places_that_chance_may_exchange_are_not_called_changed(plant):
    runs = board(plant, "spatial", {"x": 0.05, "y": 0.0, "z": 3}) + board(
        plant, "semantic", {"x": 0, "y": 0.1, "z": 3}, n=60
    )
    found = conditions(runs).rankings
    assert [m.sure for m in found.moves] == [False, False] and found.tau[0, 1] == pytest.approx(1 / 3)
    assert all("may be chance" in s for s in found.sentences[1:]) and len(found.sentences) == 3


def test_one_data_set_is_no_group(plant):
    with pytest.raises(NotComparable, match="--by TAG"):
        conditions(board(plant, "spatial", {"x": 1, "y": 0}))


def test_equal_systems_share_their_place(plant):
    runs = board(plant, "spatial", {"x": 3, "y": 0})
    for name in ("x", "y"):
        runs.append(
            plant(name, {"binding:score": np.ones(60)}, [COLOUR], dataset={"condition": "semantic", "label": "s"})
        )
    found = conditions(runs).rankings
    assert [(p.rank, p.first, p.last) for p in found.groups[0].places] == [(1, 1, 2)] * 2
    assert np.isnan(found.tau[0, 1]) and "no order can be compared" in found.sentences[0]
    assert "shares the 1st place on semantic" in " ".join(found.sentences)


# ---- tags ----------------------------------------------------------------------------------------------------------


def tagged(plant, **values):
    tags = {"kind": ["side"] * 50 + ["colour"] * 50, "one": ["same"] * 100}
    return [plant(n, {"relation:score": v}, [SIDE], tags=tags) for n, v in values.items()]


def test_a_tag_ranks_by_its_values(plant):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100)) / 3
    x[:50] += 1
    y[50:] += 1
    found = by_tag(compare(tagged(plant, x=x, y=y)), "kind")
    assert {g.name: order(g) for g in found.groups} == {"colour": ["y", "x"], "side": ["x", "y"]}
    assert found.by == "kind" and found.tau[0, 1] == -1 and [g.prompts for g in found.groups] == [50, 50]
    for group, at in zip(found.groups, (slice(50, 100), slice(0, 50)), strict=True):
        assert next(p.value for p in group.places if p.system == "x") == pytest.approx(x[at].mean())


def test_values_on_which_the_metric_says_nothing_are_told(plant):
    x, y = np.random.default_rng(1).normal(size=(2, 100))
    x[:50] = y[:50] = np.nan
    found = by_tag(compare(tagged(plant, x=x, y=y)), "kind")
    assert [g.name for g in found.groups] == ["colour"] and "kind side" in found.notes[0]
    assert "fewer than two groups" in found.sentences[0]


def test_an_unknown_tag_and_the_old_meaning_of_by_are_explained(plant):
    found = compare(tagged(plant, x=np.arange(100.0), y=np.arange(100.0)))
    with pytest.raises(UsageError, match=r"Did you mean kind.*kind, one.*--prompts-by"):
        by_tag(found, "kin")
    with pytest.raises(UsageError, match="'one' has 1 values"):
        by_tag(found, "one")


# ---- as text, data and page ----------------------------------------------------------------------------------------


def test_rankings_as_text_markdown_csv_and_data(plant):
    evil = "<img src=x>|`$\\foo$`"
    runs = board(plant, "spatial", {evil: 3, "y": 0}) + board(plant, "semantic", {evil: 0, "y": 3}, n=60)
    found = conditions(runs).rankings
    text, marked = rankings_text(found, width=60), rankings_markdown(found)
    assert max(map(len, text.splitlines())) <= 60 and "semantic" in text and "1  " in text
    assert (
        "<img" not in marked
        and len({line.replace("\\|", "").count("|") for line in marked.splitlines() if line[:1] == "|"}) == 1
    )
    assert len(rankings_csv(found).splitlines()) == 1 + 4


def test_the_command_ranks_and_writes_a_report_a_data_set(plant, tmp_path, capsys):
    runs = board(plant, "spatial", {"x": 3, "y": 0}) + board(plant, "semantic", {"x": 0, "y": 3}, n=60)
    out = tmp_path / "out"
    assert main(["compare", *runs, "--by", "dataset-group", "--out", str(out), "--json", "--no-images"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [g["name"] for g in data["rankings"]["groups"]] == ["semantic", "spatial"]
    page = (out / "index.html").read_text()
    links = {p.parent.name for p in out.glob("*/index.html")}
    assert len(links) == 2 and all(f'href="{name}/index.html"' in page for name in links)
    shown = re.sub(r"(?s)<(script|style).*?</\1>", "", page)
    assert "beyond chance" in shown and not re.search(r"\b(nan|NaN|None|inf)\b", shown)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.suffix != ".parquet"}
    api.conditions(runs, out=out, images="none")
    assert {p: p.read_bytes() for p in before} == before


def test_the_command_ranks_by_a_tag_in_the_report(plant, tmp_path, capsys):
    rng = np.random.default_rng(0)
    runs = tagged(plant, x=rng.normal(size=100), y=rng.normal(size=100))
    assert main(["compare", *runs, "--by", "kind", "--out", str(tmp_path / "out"), "--no-images"]) == 0
    assert "P = 50" in capsys.readouterr().out
    assert "Rankings by" in (tmp_path / "out" / "index.html").read_text()
    assert "## Rankings by kind" in (tmp_path / "out" / "report.md").read_text()


# ---- end to end ----------------------------------------------------------------------------------------------------

SYSTEMS = (
    "whole=oracle", "colour=oracle(defect=wrong-colour,p=0.3)", "side=oracle(defect=wrong-side,p=0.7)",
    "order=oracle(defect=wrong-order,p=0.7)",
)  # fmt: skip
BOARDS = {
    "scenes(split=one-test,size=40)": "attribute-binding", "scenes(split=test,size=100)": "spatial-relation",
    "scenes(split=stories-test,size=16)": "event-order",
}  # fmt: skip


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> list[str]:
    root = tmp_path_factory.mktemp("scenes")
    studies = [Study(systems=SYSTEMS, dataset=dataset, metrics=(metric,)) for dataset, metric in BOARDS.items()]
    return [r.path for study in studies for r in api.run(study, options=Options(root=Path(root)))]


def test_planted_failures_make_the_three_boards_disagree(scenes):
    found = api.conditions(scenes).rankings
    assert [(g.name, g.metric) for g in found.groups] == [
        ("semantic", "attribute-binding"), ("spatial", "spatial-relation"), ("temporal", "event-order"),
    ]  # fmt: skip
    assert [order(g)[-1] for g in found.groups] == ["colour", "side", "order"]
    assert all(p.value == 1 for g in found.groups for p in g.places if p.system == "whole")
    assert all(found.tau[i, j] < 0.5 for i, j in combinations(range(3), 2))
    assert {"side", "order"} <= {m.system for m in found.moves if m.sure}


def test_a_condition_is_told_and_never_part_of_a_digest(scenes):
    runs = [api.load_run(p) for p in scenes]
    assert {r.dataset["label"]: r.dataset["condition"] for r in runs} == {
        "scenes-one-test": "semantic", "scenes-test": "spatial", "scenes-stories-test": "temporal",
    }  # fmt: skip
    assert all("condition" not in json.dumps(dict(p)) for r in runs for p in r.protocols.values())
