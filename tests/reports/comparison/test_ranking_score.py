"""`bench compare --ranking-score`: points worked out by hand, over two data sets, and what has no score."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from planted_runs import card

from bench import api
from bench.cli import main
from bench.errors import UsageError
from bench.reports.comparison.ranking_score import ranking_scores
from bench.reports.exports.ranking_score import printed
from bench.types import Estimator, MetricCard, OutputCard

FID = "fd(extractor=inception-v3(resize=tf-fid))"


def metric(name: str, direction: str, label: str, output: str = "value", text: str = "") -> MetricCard:
    found = OutputCard(output, label, direction, estimator=Estimator("mean", ("score",)))
    return MetricCard(text or name, name, 1, "sample", (found,))


IS, FD, RP = metric("is", "higher", "IS"), metric("fd", "lower", "FD", text=FID), metric("r-precision", "higher", "RP")
PA = metric("tise-pa", "higher", "PA")
WORKED = {"a": (9.0, 30.0, 0.1, 0.5), "b": (8.0, 10.0, 0.2, 0.7), "c": (7.0, 20.0, 0.3, 0.6)}
"""IS (more is better), FID (less is better), r-precision, PA. Points of a, b, c: IS 3 2 1, FID 1 3 2, hence realism
2 2.5 1.5; relevance 1 2 3; position 1 3 2. The sums: 4, 7.5, 6.5."""


def spread(value: float, n: int, at: int) -> np.ndarray:
    """n numbers of that mean, which differ from system to system by a little noise."""
    noise = np.random.default_rng(at).normal(size=n) * value / 100
    return value + noise - noise.mean()


def planted(plant, worked=WORKED, *, without: str = "") -> list[str]:
    """Realism and relevance on one data set, position on another."""
    found = []
    for at, (name, (a, b, c, d)) in enumerate(worked.items()):
        values = {"is:score": spread(a, 40, at), f"{FID}:score": spread(b, 40, at + 9),
                  "r-precision:score": spread(c, 40, at + 19)}  # fmt: skip
        found.append(plant(name, values, [IS, FD, RP], dataset={"label": "coco"}))
        if name != without:
            pa = {"tise-pa:score": spread(d, 30, at + 29)}
            found.append(plant(name, pa, [PA], dataset={"label": "positions"}))
    return found


def test_points_are_those_on_paper(plant):
    found = ranking_scores(planted(plant))
    assert found.systems == ("b", "c", "a") and found.scores == (7.5, 6.5, 4.0)
    assert [(m.aspect, m.dataset, m.points) for m in found.measures] == [
        ("realism", "coco", (2, 1, 3)), ("realism", "coco", (3, 2, 1)), ("relevance", "coco", (2, 3, 1)),
        ("position", "positions", (3, 2, 1)),
    ]  # fmt: skip
    assert found.measures[1].values == pytest.approx((10, 20, 30)), "in units of the metric"
    assert found.ends == ((7.5, 7.5), (6.5, 6.5), (4.0, 4.0)), "noise of 1 % leaves no doubt"
    assert ("fidelity", "O-FID") in found.absent and ("realism", "FID") not in found.absent


def test_the_worst_system_is_not_on_top(plant):
    """Ranks the wrong way round, or a direction that is not heeded, put the worst first."""
    worked = {"worst": (1.0, 90.0, 0.1, 0.1), "middle": (2.0, 50.0, 0.2, 0.2), "best": (3.0, 10.0, 0.3, 0.3)}
    found = ranking_scores(planted(plant, worked))
    assert found.systems == ("best", "middle", "worst") and found.scores == (9, 6, 3)


def test_what_chance_allows_is_told(plant):
    """Two systems alike but for noise: either may have either place."""
    rng = np.random.default_rng(0)
    ease = rng.normal(size=60)
    values = {"x": ease + rng.normal(size=60), "y": ease + rng.normal(size=60), "far": ease - 30}
    found = ranking_scores([plant(n, {"r-precision:score": v}, [RP]) for n, v in values.items()])
    reach = dict(zip(found.systems, found.ends, strict=True))
    assert reach == {"x": (2, 3), "y": (2, 3), "far": (1, 1)}
    assert "(2\N{EN DASH}3)" in printed(found)


def test_equal_systems_share_their_points(plant):
    same = np.linspace(0, 1, 30)
    runs = [plant(n, {"r-precision:score": same + d}, [RP]) for n, d in (("x", 0), ("y", 0), ("z", 1))]
    found = ranking_scores(runs)
    assert found.scores == (3, 1.5, 1.5) and found.systems[0] == "z"


def test_a_system_without_a_measure_has_no_score_and_is_told(plant):
    found = ranking_scores(planted(plant, without="a"))
    assert found.systems == ("b", "c") and found.left == (("a", "not run on positions"),)
    assert "a has no score: not run on positions." in printed(found).replace("\n", " ")
    with pytest.raises(UsageError, match="needs two systems with every measure; a: not run on positions"):
        ranking_scores(planted(plant, {k: WORKED[k] for k in "ab"}, without="a"))


def test_measures_of_ones_own(plant):
    runs = planted(plant)
    found = ranking_scores(runs, measures=["quality=fid", "side=tise-pa@positions"])
    assert found.systems == ("b", "c", "a") and found.scores == (6, 4, 2) and not found.absent
    for text, told in (("fid", "ASPECT=METRIC"), ("=fid", "ASPECT=METRIC"), ("quality=fif", "Did you mean fid"),
                       ("quality=tise-pa@coco", "No metric")):  # fmt: skip
        with pytest.raises(UsageError, match=told):
            ranking_scores(runs, measures=[text])
    both = [plant(n, {"r-precision:score": np.arange(9.0) + i}, [RP], dataset={"label": "other"})
            for i, n in enumerate("abc")]  # fmt: skip
    with pytest.raises(UsageError, match=r"several measures.*r-precision\.value@coco, r-precision\.value@other"):
        ranking_scores([*runs, *both])
    assert ranking_scores([*runs, *both], measures=["t=r-precision@other"]).scores == (3, 2, 1)


def test_runs_without_any_of_them(plant):
    runs = [plant(n, {"toy:score": np.arange(9.0)}, [card("toy")]) for n in "ab"]
    with pytest.raises(UsageError, match=r"none of TISE's measures \(is-star.*--measure"):
        ranking_scores(runs)


def test_the_command_and_its_files(plant, tmp_path, capsys):
    runs, out = planted(plant), tmp_path / "out"
    assert main(["compare", *runs, "--ranking-score", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "FD" in text and "30.0, 1" in text and str(out) in text and max(map(len, text.splitlines())) <= 110
    assert sorted(p.name for p in out.iterdir()) == [f"ranking-score.{e}" for e in ("csv", "json", "md")]
    assert main(["compare", *runs, "--ranking-score", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["scores"] == [7.5, 6.5, 4.0] and json.loads((out / "ranking-score.json").read_text())["systems"] == [
        "b", "c", "a"
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((out / "ranking-score.csv").read_text())))
    assert len(rows) == 3 * 5 and [r["points"] for r in rows if r["aspect"] == "sum"] == ["7.5", "6.5", "4.0"]
    assert api.ranking_score(runs, out=out).scores == (7.5, 6.5, 4.0)


def test_options_that_do_not_go_together(plant, capsys):
    runs = planted(plant)
    for more, told in ((["--ranking-score", "--rules"], "two tables"), (["--measure", "a=fid"], "--ranking-score"),
                       (["--ranking-score", "--print", "latex"], "no form 'latex'")):  # fmt: skip
        assert main(["compare", *runs, *more]) == 2
        assert told in capsys.readouterr().err
