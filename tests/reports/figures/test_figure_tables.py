"""Tables of anybody's scores: what they may hold, and one sentence for each thing that is wrong with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_figures import table

from bench.errors import DataError, UsageError
from bench.reports.figures.catalog import CATALOG, figure, materialised, possible, told
from bench.reports.figures.frames import material_of, read_frame
from bench.reports.figures.material import Lacking

PLAIN = {"system": ["a", "b"], "metric": "m", "value": [1.0, 2.0]}


def frame(**changes) -> pd.DataFrame:
    return pd.DataFrame({**PLAIN, **changes})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (frame().drop(columns="value"), "lacks the column value; a table to draw from has system, metric, value"),
        (frame().drop(columns=["value", "metric"]), "lacks the columns metric, value"),
        (frame(hihg=1.0), "column 'hihg' that means nothing here. Did you mean high?"),
        (frame().iloc[:0], "has no rows"),
        (frame(value=["1", "many"]), "column value: 'many' in row 2 is no number"),
        (frame(value=[1.0, float("inf")]), "'inf' in row 2 is no number"),
        (frame(value=[1.0, 1e300]), "is no number of a size that can be drawn"),
        (frame(system=["a", ""]), "row 2 has no system"),
        (frame(system=["a", "a"]), "two numbers for 'a' and 'm'"),
        (frame(direction="up"), "'up' is no direction; allowed: higher, lower, none"),
        (frame(direction=["higher", "lower"]), "the metric 'm' is said to be better both ways"),
        (frame(prompt=["p", ""]), "rows with and without a prompt"),
        (frame(low=[0.0, 3.0], high=[2.0, 4.0]), "row 2: value lies outside of low and high"),
        (frame(low=2.0, high=0.0), "row 1: value lies outside of low and high"),
        (frame(x=[1, 2], factor="series"), "x cannot be called 'series'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given, sentence):
    with pytest.raises(UsageError) as caught:
        material_of(given, where="'x.csv'")
    assert sentence in str(caught.value) and str(caught.value).startswith("'x.csv'")
    assert "\n" not in str(caught.value)


def test_numbers_as_text_and_empty_cells_are_read(tmp_path):
    (tmp_path / "x.csv").write_text("system,metric,value,low,high\nours,FID,12.5,12,13\ntheirs,FID,14,,\nnone,FID,,,\n")
    material = material_of(read_frame(tmp_path / "x.csv"))
    cells = material.panels[0].cells
    assert [c.value for c in cells] == [12.5, 14.0, None] and (cells[0].low, cells[1].low) == (12.0, None)
    made = figure("scores", material)
    assert [t.get_text() for t in made.axes[0].get_yticklabels()] == ["ours", "theirs", "none"]


def test_a_missing_file_and_another_kind_of_file_are_told(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_frame(tmp_path / "absent.csv")
    (tmp_path / "x.txt").write_text("system\n")
    with pytest.raises(DataError, match="give a file that ends in"):
        read_frame(tmp_path / "x.txt")


def test_prompts_make_the_same_numbers_as_their_means():
    given = table(2, titles=["a", "b"])
    material = material_of(given)
    wanted = given.groupby(["metric", "system"], sort=False)["value"].mean()
    for panel in material.panels:
        for i, title in enumerate(material.titles):
            assert panel.cells[i].value == pytest.approx(wanted[panel.label, title])
            assert panel.cells[i].low < panel.cells[i].value < panel.cells[i].high
    assert [p.direction for p in material.panels] == ["higher", "lower", "higher"]


def test_nothing_guesses_a_direction():
    given = table(3, titles=["a", "b", "c"]).drop(columns="direction")
    for name in ("forest", "ranks", "pairwise", "critical-difference", "profile"):
        with pytest.raises(Lacking, match="direction"):
            figure(name, material_of(given))
    figure("scores", material_of(given))
    figure("scatter", material_of(given))


def test_what_a_table_lacks_is_said_by_each_figure():
    made, left = possible(material_of(frame(direction="higher")))
    assert list(made) == ["scores"]
    assert set(made) | set(left) == set(CATALOG)
    assert all(reason and reason[0].isupper() and reason.endswith(".") for reason in left.values()), left
    assert len(told(left)) <= len(left) and all(": " in line for line in told(left))


def test_controls_stand_last_and_hollow():
    given = frame(system=["noise", "ours"], control=["true", ""])
    made = figure("scores", material_of(given))
    assert [t.get_text() for t in made.axes[0].get_yticklabels()] == ["ours", "noise"]
    fills = [line.get_fillstyle() for line in made.axes[0].get_lines()]
    assert fills == ["full", "none"]


def test_what_x_is_called_stands_at_its_axis_and_equal_numbers_of_two_factors_stay_apart():
    kinds = (("worded", "strength", 0.1), ("fgsm", "eps", 0.9))
    rows = [("a", kind, factor, x, 1 - x * fall) for kind, factor, fall in kinds
            for x in (0.0, 0.2, 0.4)]  # fmt: skip
    given = pd.DataFrame(rows, columns=["system", "metric", "factor", "x", "value"]).assign(direction="higher")
    for kind, factor, fall in kinds:
        axis = figure("curve", material_of(given), metric=kind).axes[0]
        (line,) = [one for one in axis.get_lines() if len(one.get_xdata()) == 3]
        assert list(line.get_ydata()) == pytest.approx([1, 1 - 0.2 * fall, 1 - 0.4 * fall])
        said = [t.get_text() for t in (*axis.figure.texts, axis.xaxis.label)]
        assert factor in said and "x" not in said
    both = material_of(given.assign(metric="score"))
    for _, factor, fall in kinds:
        lines = figure("curve", both, against=factor).axes[0].get_lines()
        (line,) = [one for one in lines if len(one.get_xdata()) == 3]
        assert line.get_ydata()[2] == pytest.approx(1 - 0.4 * fall)


def test_a_line_looks_the_same_on_every_curve_of_a_table():
    spread = {"far": (0.0, 1.0, 2.0), "near": (1.0, 2.0)}
    rows = [(name, metric, x, x * k) for metric, xs in spread.items() for k, name in enumerate("abc") for x in xs
            if (name, metric) != ("a", "near")]  # fmt: skip
    material = material_of(pd.DataFrame(rows, columns=["system", "metric", "x", "value"]).assign(direction="higher"))
    looks = []
    for metric, xs in spread.items():
        lines = figure("curve", material, metric=metric).axes[0].get_lines()
        looks.append({one.get_ydata()[1] / xs[1]: one.get_color() for one in lines if tuple(one.get_xdata()) == xs})
    far, near = looks
    assert len(set(far.values())) == 3 and near == {k: far[k] for k in (1, 2)}, "b and c, where a has no line"


def test_a_missing_value_is_left_out_of_pairs_and_never_averaged_over():
    given = table(2, titles=["a", "b"], metrics=("m",), prompts=30)
    given.loc[given.sample(5, random_state=0).index, "value"] = np.nan
    wide = given.pivot(index="prompt", columns="system", values="value").dropna()
    made = figure("scatter", material_of(given))
    (cloud,) = [x for x in made.axes[0].get_lines() if len(x.get_xdata()) == len(wide)]
    assert sorted(cloud.get_ydata()) == sorted(wide["a"])
    assert f"of {len(wide)} prompts" in " ".join(t.get_text() for t in made.texts).replace("\n", " ")


@pytest.mark.parametrize(
    ("given", "options", "sentence"),
    [
        ("scater", {}, "There is no figure 'scater'. Did you mean scatter?"),
        ("scores", {"style": "columm"}, "'columm' is no style of figures. Did you mean column?"),
        ("scores", {"metric": "clipscor"}, "There is no metric 'clipscor' here. Did you mean CLIPScore?"),
        ("scores", {"systems": ["aa"]}, "No system is called 'aa'"),
        ("scatter", {"metric": ["CLIPScore", "$\\foo_{1}$ <b>score</b>"]}, "shows one metric, and 2 are given"),
        ("scores", {"colours": {"c": "red"}}, "No system is called 'c', so it gets no colour"),
        ("scores", {"colours": {"a": "reddish"}}, "'reddish' is no colour"),
        ("forest", {"margin": -1.0}, "A margin is 0 or more"),
        ("samples", {"prompts": 1000}, "1 to 200 prompts"),
        ("slices", {"by": "kin"}, "no tag 'kin' that sorts these prompts. Did you mean kind?"),
        ("curve", {"against": "steps"}, "No system has a number called 'steps'"),
    ],
)
def test_a_wrong_request_is_one_sentence_with_what_is_near(given, options, sentence):
    with pytest.raises(UsageError) as caught:
        figure(given, material_of(table(2, titles=["a", "b"])), **options)
    assert sentence in str(caught.value)


def test_what_is_no_source_is_named():
    with pytest.raises(UsageError, match="is of type list"):
        materialised([1, 2])
