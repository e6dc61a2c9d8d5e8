"""What is drawn is what was measured: artists are read back and held against the comparison, with better the right way
round whichever way a metric runs."""

from __future__ import annotations

import math

import made_boards
import numpy as np
import pandas as pd
import pytest
from drawn_figures import points, segments, table
from scipy.stats import rankdata, spearmanr

from bench.reports.comparison.differences import Tables
from bench.reports.comparison.forest import between
from bench.reports.figures.catalog import figure
from bench.reports.figures.critical_difference import cliques, levels, mean_ranks
from bench.reports.figures.curve import Series, slope
from bench.reports.figures.differences import bars
from bench.reports.figures.frames import material_of
from bench.reports.figures.material import Lacking
from bench.reports.figures.pairing import all_pairs, joint, shares, verdicts
from bench.reports.figures.pareto import front
from bench.reports.figures.profile import band, curve
from bench.reports.figures.scatter import FEW, MANY
from bench.reports.figures.style import GREY
from bench.reports.numbers import MINUS


def number(text: str) -> float:
    return float(text.replace(MINUS, "-").replace("×10", "e").strip())


def two(values_a, values_b, direction="higher", metric="m"):
    """A material of two systems on the same prompts."""
    rows = [
        {"system": name, "metric": metric, "value": float(v), "prompt": f"p{i:04d}", "direction": direction}
        for name, values in (("a", values_a), ("b", values_b)) for i, v in enumerate(values)
    ]  # fmt: skip
    return material_of(pd.DataFrame(rows))


# ---- scores, forest, slices ----------------------------------------------------------------------------------------


def test_scores_are_the_cells_of_the_comparison(pair):
    made = figure("scores", pair)
    panels = [p for p in pair.panels if p.primary]
    assert len(made.axes) == len(panels)
    for axis, panel in zip(made.axes, panels, strict=True):
        cells = [panel.cells[i] for i in pair.picked]
        assert sorted(x for x, _ in points(axis, "")) == sorted(c.value for c in cells)
        ends = {x for x, _ in segments(axis)}
        assert ends == {(c.low, c.high) for c in cells if c.low is not None}
    names = [t.get_text() for t in made.axes[0].get_yticklabels()]
    assert names == ["ours", "theirs", "noise"]
    first = dict(zip(made.axes[0].get_yticks(), names, strict=True))
    value = {first[y]: x for x, y in points(made.axes[0], "")}
    assert value["ours"] == panels[0].cells[0].value


def test_forest_has_better_at_the_right_for_both_directions(pair):
    made = figure("forest", pair, systems=["ours", "theirs"])
    (axis,) = made.axes
    comparison, tables = pair.comparison, pair.tables
    panels = [p for p in pair.panels if p.primary and p.direction != "none"]
    assert {p.direction for p in panels} == {"higher", "lower"}
    wanted = []
    for panel in panels:
        one = between(comparison, tables, panel.row, (0, 1))
        turned = -1 if panel.direction == "lower" else 1
        assert turned * one.delta > 0 or abs(one.delta) < 0.2, "ours is better by construction"
        if one.sd:
            wanted.append(turned * one.delta / one.sd)
    drawn = [x for x, _ in points(axis, "")]
    assert drawn[len(drawn) - len(wanted) :] == pytest.approx(wanted)
    fid = between(comparison, tables, panels[0].row, (0, 1))
    assert panels[0].label == "FID" and fid.delta < 0 and drawn[0] > 0, "a smaller FID stands at the right"
    said = " ".join(t.get_text() for t in made.texts)
    assert "theirs better" in said and said.index("◀ theirs") < said.index("ours better ▶")
    assert f"{MINUS}4.80" in said.replace("\n", " ") or f"{MINUS}4.8" in said, "the raw difference keeps its sign"


def test_forest_the_other_way_round_is_its_mirror(pair):
    there, back = (
        [x for x, _ in points(figure("forest", pair, systems=s).axes[0], "")]
        for s in (["ours", "theirs"], ["theirs", "ours"])
    )
    assert there == pytest.approx([-x for x in back])


def test_forest_shades_the_margin_that_was_asked_for(pair):
    axis = figure("forest", pair, systems=["ours", "theirs"], margin=0.25).axes[0]
    (band_drawn,) = axis.collections
    x = band_drawn.get_paths()[0].vertices[:, 0]
    assert (x.min(), x.max()) == (-0.25, 0.25)
    assert not figure("forest", pair, systems=["ours", "theirs"]).axes[0].collections


def test_slices_are_differences_of_their_prompts():
    a = table(2, titles=["a", "b"], metrics=("m",))
    material = material_of(a)
    wide = a.pivot(index=["prompt", "tag:kind"], columns="system", values="value").reset_index()
    made = figure("slices", material)
    drawn = sorted(x for x, _ in points(made.axes[0], ""))
    gaps = wide["a"] - wide["b"]
    wanted = sorted(g.mean() / g.std(ddof=1) for _, g in gaps.groupby(wide["tag:kind"]))
    assert drawn == pytest.approx(wanted)


# ---- two systems ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_scatter_puts_the_first_system_up_and_better_above_the_diagonal(direction):
    rng = np.random.default_rng(0)
    b = rng.normal(size=90)
    a = b + (1 if direction == "higher" else -1) * np.abs(rng.normal(size=90))
    made = figure("scatter", two(a, b, direction))
    (axis,) = made.axes
    (cloud,) = [line for line in axis.get_lines() if len(line.get_xdata()) == 90]
    assert sorted(zip(cloud.get_xdata(), cloud.get_ydata(), strict=True)) == sorted(zip(b, a, strict=True))
    pixels = axis.transData.transform(np.column_stack([b, a]))
    diagonal = axis.transData.transform(np.column_stack([b, b]))
    assert (pixels[:, 1] >= diagonal[:, 1] - 1e-6).all(), "better is above, whichever way the metric runs"
    said = " ".join(t.get_text() for t in made.texts).replace("\n", " ")
    assert "a better on 90" in said and "b better on 0" in said


def test_scatter_counts_what_lies_on_one_point():
    made = figure("scatter", two([1, 1, 1, 0, 0], [1, 1, 0, 0, 1]))
    (discs,) = made.axes[0].collections
    found = {tuple(p): s for p, s in zip(discs.get_offsets().tolist(), discs.get_sizes(), strict=True)}
    assert set(found) == {(1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0)}
    assert found[1.0, 1.0] == pytest.approx(2 * found[0.0, 1.0]), "area by count"


def test_scatter_of_many_prompts_has_hexagons_that_hold_them_all():
    rng = np.random.default_rng(0)
    count = MANY + 100
    made = figure("scatter", two(rng.normal(size=count), rng.normal(size=count)))
    (cells,) = made.axes[0].collections
    assert float(np.sum(cells.get_array())) == pytest.approx(count)
    assert len(cells.get_array()) > FEW


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_differences_have_better_at_the_right_and_the_interval_of_the_comparison(direction):
    rng = np.random.default_rng(1)
    b = rng.normal(size=200)
    a = b + rng.normal(size=200) + (0.8 if direction == "higher" else -0.8)
    a[:30] = b[:30]
    material = two(a, b, direction)
    axis = figure("differences", material).axes[0]
    whole = between(material.comparison, material.tables, material.panels[0].row, (0, 1))
    assert axis.xaxis_inverted() == (direction == "lower")
    assert ((whole.low, whole.high),) == tuple(x for x, y in segments(axis) if y[0] > 0)
    assert (whole.delta, pytest.approx(0.92 * axis.get_ylim()[1])) in [(x, y) for x, y in points(axis)]
    heights = [p.get_height() for p in axis.patches]
    assert sum(heights) == 170 and axis.get_ylim()[0] == 0
    assert (0.0, 30.0) in points(axis), "prompts that are equal are no part of either side"


def test_bars_part_at_zero_and_lose_no_prompt():
    rng = np.random.default_rng(2)
    for gaps in (rng.normal(size=500), np.round(rng.normal(size=500), 1), rng.integers(-1, 2, 400), np.zeros(9),
                 rng.exponential(size=300), np.concatenate([np.zeros(50), 1e-9 * rng.normal(size=100)])):  # fmt: skip
        found = bars(np.asarray(gaps, dtype=float))
        assert found.counts.sum() + found.ties == len(gaps)
        crossing = (found.edges[:, 0] < -1e-300) & (found.edges[:, 1] > 1e-300)
        assert crossing.sum() <= 1 and (not crossing.any() or found.ties == 0), "only a bar of ties may hold zero"
        for (low, high), count in zip(found.edges, found.counts, strict=True):
            if found.ties or len(np.unique(gaps)) > 25:
                inside = (gaps < high) & (gaps >= low) if high <= 0 else (gaps > low) & (gaps <= high)
                assert count == (inside & (gaps != 0)).sum()


# ---- distributions and ranks ---------------------------------------------------------------------------------------


def test_profile_is_the_share_at_least_t_or_at_most_t():
    values = np.array([1.0, 2.0, 2.0, 4.0])
    t, share = curve(values, 1, (0.0, 5.0))
    assert dict(zip(t, share, strict=True)) == {0.0: 1.0, 1.0: 1.0, 2.0: 0.75, 4.0: 0.25, 5.0: 0.0}
    t, share = curve(values, -1, (0.0, 5.0))
    assert dict(zip(t, share, strict=True)) == {0.0: 0.0, 1.0: 0.25, 2.0: 0.75, 4.0: 1.0, 5.0: 1.0}


def test_the_band_holds_for_all_t_at_once():
    half = band(40)
    assert half == pytest.approx(math.sqrt(math.log(40) / 80))
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(400):
        t, share = curve(rng.uniform(size=40), 1, (0.0, 1.0))
        before = np.concatenate([[1.0], share[:-1]])
        missed += max(np.abs(share - (1 - t)).max(), np.abs(np.append(share[1:], 0) - (1 - t)).max(), 0) > half + 1 / 40
        assert (before >= share).all()
    assert missed / 400 <= 0.05


def test_profile_curves_are_drawn_better_above():
    rng = np.random.default_rng(3)
    b = rng.normal(size=60)
    for direction, shift in (("higher", 1.0), ("lower", -1.0)):
        axis = figure("profile", two(b + shift, b, direction)).axes[0]
        lines = [x for x in axis.get_lines() if len(x.get_xdata()) > 2]
        first, second = (dict(zip(x.get_xdata(), x.get_ydata(), strict=True)) for x in lines)
        middle = float(np.median(b)) + shift / 2
        at = [max(t for t in c if t <= middle) for c in (first, second)]
        assert first[at[0]] > second[at[1]], direction


def test_mean_ranks_are_those_of_scipy_with_ties_shared():
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=(50, 6)), 1)
    assert mean_ranks(scores) == pytest.approx(rankdata(-scores, axis=1).mean(0))
    assert mean_ranks(scores).sum() == pytest.approx(6 * 7 / 2)


def test_groups_that_are_not_transitive_are_drawn_as_they_are():
    alike = np.eye(4, dtype=bool)
    for a, b in ((0, 1), (1, 2), (2, 3)):
        alike[a, b] = alike[b, a] = True
    assert cliques(alike) == [(0, 1), (1, 2), (2, 3)], "0 and 2 are told apart although both are like 1"
    assert levels([(1.0, 2.0), (1.9, 3.0), (2.9, 4.0)]) == [0, 1, 0]
    skipping = np.eye(3, dtype=bool)
    skipping[0, 2] = skipping[2, 0] = True
    assert cliques(skipping) == [(0, 2), (1,)], "a bar that passes over 1 must not hold it"
    assert cliques(np.ones((5, 5), dtype=bool)) == [(0, 1, 2, 3, 4)]


def test_cliques_against_all_subsets():
    from itertools import combinations

    rng = np.random.default_rng(5)
    for _ in range(30):
        alike = rng.random((6, 6)) < 0.5
        alike |= alike.T
        np.fill_diagonal(alike, True)
        whole = [s for n in range(1, 7) for s in combinations(range(6), n) if all(alike[a, b] for a in s for b in s)]
        most = [s for s in whole if not any(set(s) < set(o) for o in whole)]
        assert cliques(alike) == sorted(most)


def test_bars_of_the_diagram_hold_exactly_the_members_of_their_group():
    rng = np.random.default_rng(0)
    ease = rng.normal(size=300)
    rows = []
    for name, skill in (("a", 0.0), ("b", 0.0), ("c", 1.2), ("d", 1.2), ("e", 3.0)):
        for i, value in enumerate(ease + skill + rng.normal(size=300)):
            rows.append({"system": name, "metric": "m", "value": value, "prompt": str(i), "direction": "higher"})
    material = material_of(pd.DataFrame(rows))
    made = figure("critical-difference", material)
    (axis,) = made.axes
    heavy = [line for line in axis.get_lines() if line.get_linewidth() > 2 * 1.1 and len(line.get_xdata()) == 2]
    dots = points(axis)
    members = []
    for line in heavy:
        low, high = line.get_xdata()
        members.append(sum(low <= x <= high and abs(y - line.get_ydata()[0]) < 1e-9 for x, y in dots))
    assert members == [2, 2], "e stands alone, the others in pairs"
    said = " ".join(t.get_text() for t in made.texts)
    ranks = mean_ranks(joint(material, material.panels[0]).values)
    for name, rank in zip("abcde", ranks, strict=True):
        assert f"{name}  {rank:.2f}" in said


def test_ranks_are_those_of_the_pairs_best_first(pair):
    panel = next(p for p in pair.panels if p.label == "CLIPScore")
    members, found = all_pairs(pair, panel)
    assert [pair.titles[i] for i in members] == ["ours", "theirs"]
    axis = figure("ranks", pair, metric="CLIPScore").axes[0]
    spans = {y[0]: x for x, y in segments(axis)}
    for y, (best, worst) in zip(axis.get_yticks(), found.ranks, strict=True):
        assert spans.get(y, (best, best)) == (best, worst)
    assert axis.get_xlim()[0] < axis.get_xlim()[1], "rank 1 at the left"


def test_lower_is_better_ranks_the_smallest_first():
    rng = np.random.default_rng(0)
    b = rng.normal(size=80)
    material = two(b - 2, b, "lower")
    members, found = all_pairs(material, material.panels[0])
    assert members == (0, 1) and found.ranks == ((1, 1), (2, 2))
    assert found.delta[0, 1] == pytest.approx(-2)
    assert verdicts(found, -1).tolist() == [[0, 1], [-1, 0]]
    axis = figure("ranks", material).axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b"]


def test_rank_shares_count_draws_and_share_ties():
    draws = np.array([[3.0, 2.0, 1.0], [3.0, 3.0, 1.0], [1.0, 2.0, 3.0]])
    assert shares(draws) == pytest.approx(np.array([[0.5, 1 / 6, 1 / 3], [1 / 6, 5 / 6, 0], [1 / 3, 0, 2 / 3]]))
    rng = np.random.default_rng(0)
    found = shares(np.round(rng.normal(size=(500, 7)), 1))
    assert found.sum(0) == pytest.approx(np.ones(7)) and found.sum(1) == pytest.approx(np.ones(7))


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_the_matrix_says_row_less_column_and_better_in_words(direction):
    rng = np.random.default_rng(0)
    b = rng.normal(size=80)
    sign = 1 if direction == "higher" else -1
    made = figure("pairwise", two(b + 2 * sign + 0.1 * rng.normal(size=80), b, direction), style="wide")
    cells = [t.get_text().replace("\n", " ") for t in made.axes[0].texts]
    assert cells[0].startswith("▲") and number(cells[0][1:]) == pytest.approx(2 * sign, abs=0.1)
    assert cells[1].startswith("▼") and number(cells[1][1:]) == pytest.approx(-2 * sign, abs=0.1)
    better, worse = made.axes[0].collections[0].get_facecolor()[:2]
    assert better[2] > better[0] and worse[0] > worse[2], "better is blue, worse is orange"


def test_a_board_is_drawn_with_its_own_pairs():
    board = made_boards.board(6, 2)
    column = board.columns[0]
    own = board.pairs[column.id]
    axis = figure("ranks", board, metric=column.id).axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()] == [r.title for r in board.ranked]
    spans = {y[0]: x for x, y in segments(axis)}
    for y, (best, worst) in zip(axis.get_yticks(), own.ranks, strict=True):
        assert spans.get(y, (best, best)) == (best, worst)
    made = figure("scores", board, metric=column.id)
    drawn = sorted(x for x, _ in points(made.axes[0], ""))
    shown = [r.cells[0] for r in board.rows if r.role != "unranked"]
    assert drawn == pytest.approx(sorted(c.value for c in shown if c is not None and c.value is not None))


# ---- planes and tables ---------------------------------------------------------------------------------------------


def test_the_front_is_what_nobody_beats_in_both():
    places = [(1.0, 5.0), (2.0, 6.0), (2.0, 5.5), (3.0, 4.0), (0.5, 1.0), (1.0, 5.0)]
    assert front(places) == [True, True, False, False, True, True]


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_pareto_has_better_above_and_cheaper_at_the_left(direction):
    sign = 1 if direction == "higher" else -1
    frame = pd.DataFrame({
        "system": ["cheap", "good", "neither"], "metric": "m", "value": [sign * 1.0, sign * 3.0, sign * 0.5],
        "direction": direction, "seconds": [1.0, 4.0, 5.0],
    })  # fmt: skip
    axis = figure("pareto", material_of(frame)).axes[0]
    found = sorted(points(axis, ""))
    assert found == [(1.0, sign * 1.0), (4.0, sign * 3.0), (5.0, sign * 0.5)]
    height = [axis.transData.transform(p)[1] for p in found]
    assert height[1] > height[0] > height[2], "better is above"
    (steps,) = [line for line in axis.get_lines() if len(line.get_xdata()) == 3]
    assert list(steps.get_xdata()) == [1.0, 4.0, 4.0], "the front leaves out what is beaten"
    assert list(steps.get_ydata()) == [sign * 1.0, sign * 1.0, sign * 3.0]


def test_fusion_tells_delta_and_interaction_in_closed_form():
    rows = {"a": 1.0, "a+f": 1.5, "b": 2.0, "b+f": 2.1, "b+g": 1.9}
    frame = pd.DataFrame({"system": list(rows), "metric": "m", "value": list(rows.values()), "direction": "higher"})
    made = figure("fusion", material_of(frame), style="wide")
    cells = [t.get_text() for t in made.axes[0].texts]
    assert cells[:2] == ["1.00", "1.50\n(+0.50)\n× +0.20"]
    assert cells[2:] == ["2.00", f"2.10\n(+0.10)\n× {MINUS}0.20", f"1.90\n({MINUS}0.10)"]
    said = " ".join(t.get_text() for t in made.texts).replace("\n", " ")
    assert f"Means: f +0.30; g {MINUS}0.10." in said
    lower = figure("fusion", material_of(frame.assign(direction="lower")), style="wide")
    assert f"({MINUS}0.50)" in lower.axes[0].texts[1].get_text(), "what it adds is turned: + is better"


def test_agreement_is_spearmans_of_the_differences():
    frame = table(2, titles=["a", "b"], metrics=("one", "two"), prompts=60)  # `two` is lower-is-better
    made = figure("agreement", material_of(frame), style="wide")
    wide = frame.pivot(index="prompt", columns=["metric", "system"], values="value")
    gap = {m: wide[m]["b"] - wide[m]["a"] for m in ("one", "two")}
    wanted = spearmanr(gap["one"], -gap["two"]).statistic
    assert number(made.axes[0].texts[0].get_text()) == pytest.approx(wanted, abs=0.006)


def test_conditions_rank_each_by_its_own_direction():
    frame = pd.DataFrame([
        {"system": s, "metric": "m", "value": v, "condition": c, "direction": "lower"}
        for c, values in (("x", (1.0, 2.0, 3.0)), ("y", (3.0, 2.0, 2.0)))
        for s, v in zip(("a", "b", "c"), values, strict=True)
    ])  # fmt: skip
    made = figure("conditions", material_of(frame))
    axis = made.axes[0]
    lines = [np.asarray(line.get_ydata()) for line in axis.get_lines() if line.get_marker() == "None"
             and line.get_zorder() == 2 and line.get_color() != GREY]  # fmt: skip
    a, b, c = (x for x in lines if len(x) == 2 and x[0] != x[1])
    assert a[0] < b[0] < c[0], "smaller is better: a first, and first is above"
    assert b[1] == c[1] < a[1], "equal scores share a place above the worst"
    said = [t.get_text() for t in made.texts]
    assert "1  a" in said and "3  a" in said and "1.5  b" in said and "1.5  c" in said


def test_a_curves_slope_is_exact_on_a_line_and_paired_where_prompts_are_shared():
    rng = np.random.default_rng(0)
    ease = 5 * rng.normal(size=40)
    rows = [
        {"system": "s", "metric": "m", "value": ease[i] - 2 * x + 0.01 * rng.normal(), "prompt": str(i), "x": x,
         "direction": "higher"}
        for x in (0.0, 0.5, 1.0) for i in range(40)
    ]  # fmt: skip
    made = figure("curve", material_of(pd.DataFrame(rows)))
    said = " ".join(t.get_text() for t in made.texts).replace("\n", " ")
    assert f"slope {MINUS}2.00" in said, "the ease of prompts, which all points share, adds nothing to the interval"
    axis = made.axes[0]
    assert [round(x, 6) for x, _ in points(axis, "")] == [0.0, 0.5, 1.0]
    alone = pd.DataFrame({"system": "s", "metric": "m", "value": [1.0, 3.0], "x": [0.0, 1.0], "low": [0.0, 2.0],
                          "high": [2.0, 4.0], "direction": "higher"})  # fmt: skip
    said = " ".join(t.get_text() for t in figure("curve", material_of(alone)).texts).replace("\n", " ")
    half = math.sqrt(2)
    assert f"slope +2.0 [+{2 - half:.1f}, +{2 + half:.1f}]" in said, "independent errors add up"


def test_the_slope_of_equal_scores_is_0_and_no_rounding_error():
    table = pd.DataFrame({"system": "s", "metric": "m", "value": 0.1, "x": [0.1, 0.2, 0.7], "direction": "higher"})
    material = material_of(table)
    (panel,) = material.panels
    assert slope(material, panel, Series("s", (0, 1, 2), (0.1, 0.2, 0.7)))[0] == 0.0
    assert "slope 0" in " ".join(t.get_text() for t in figure("curve", material).texts)


def test_a_curve_of_runs_reads_parameters_of_systems(pair):
    with pytest.raises(Lacking, match="one numeric factor"):
        figure("curve", pair)


# ---- what may not be shown -----------------------------------------------------------------------------------------


def test_per_prompt_figures_of_private_runs_show_bins_alone(pair, of):
    import dataclasses

    comparison = pair.comparison
    closed = dataclasses.replace(comparison, systems=tuple(
        dataclasses.replace(s, run=dataclasses.replace(s.run, dataset={**s.run.dataset, "visibility": "private"}))
        for s in comparison.systems
    ))  # fmt: skip
    frames = {i: pair.tables.frame(i) for i in range(3)}
    material = of(comparison=closed, tables=Tables(closed.systems, frames))
    with pytest.raises(Lacking, match="private"):
        figure("samples", material)
    open_, hidden = (figure("scatter", m, metric="CLIPScore").axes[0] for m in (pair, material))
    assert max(len(line.get_xdata()) for line in open_.get_lines()) == 24
    assert max(len(line.get_xdata()) for line in hidden.get_lines()) == 2
    curves = [x for x in figure("profile", material, metric="CLIPScore").axes[0].get_lines() if len(x.get_xdata()) > 2]
    values = set(frames[0]["clipscore:score"]) | set(frames[1]["clipscore:score"])
    assert curves and not any(float(t) in values for line in curves for t in line.get_xdata())
