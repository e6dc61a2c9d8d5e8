"""The figure of a system's runs one after the other: steps, levels, odd runs, and when nothing can be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_figures import points, segments

from bench.reports.figures.catalog import figure
from bench.reports.figures.frames import material_of
from bench.reports.figures.material import Lacking


def nights(step: float, count: int = 10, direction: str = "higher"):
    """Runs of one system on prompts of unequal ease, from the seventh on better by `step`."""
    ease, rng = 5 * np.random.default_rng(0).normal(size=80), np.random.default_rng(1)
    rows = [
        {"system": f"night {i}", "metric": "m", "value": float(v), "prompt": f"p{p:03d}", "direction": direction}
        for i in range(count) for p, v in enumerate(ease + step * (i > 5) + rng.normal(size=80))
    ]  # fmt: skip
    return material_of(pd.DataFrame(rows))


@pytest.mark.parametrize(("step", "direction", "way"), [(0.8, "higher", "Better"), (0.8, "lower", "Worse")])
def test_a_step_smaller_than_any_runs_interval_is_found_and_said(step, direction, way):
    material = nights(step, direction=direction)
    made = figure("history", material)
    (panel,) = material.panels
    assert [(x, y) for x, y in points(made.axes[0])] == [(i + 1, c.value) for i, c in enumerate(panel.cells)]
    assert min(c.half for c in panel.cells) > step
    said = " ".join(t.get_text() for t in made.texts).replace("\n", " ")
    assert f"{way} from run 7: +0." in said and "7 night 6" in said
    level = [x for x, y in segments(made.axes[0]) if x[1] - x[0] > 1]
    assert level == [(0.6, 6.4), (6.6, 10.4)]


def test_a_run_that_is_odd_by_itself_is_said_and_hollow_and_no_step():
    rows = [{"system": f"v{i}", "metric": "m", "value": v, "low": v - 1, "high": v + 1, "direction": "higher"}
            for i, v in enumerate([3.0, 3.0, 30.0, 3.0, 3.0, 3.0])]  # fmt: skip
    made = figure("history", material_of(pd.DataFrame(rows)))
    said = " ".join(t.get_text() for t in made.texts).replace("\n", " ")
    assert "No step in 6 runs. Odd by itself (hollow): run 3. Runs: 1 v0" in said
    marks = [line for line in made.axes[0].lines if len(line.get_xdata()) == 1]
    assert [line.get_fillstyle() == "none" for line in marks] == [x == 3 for x, _ in points(made.axes[0])]


def test_runs_without_a_step_say_so_and_one_run_is_no_history(pair):
    said = " ".join(t.get_text() for t in figure("history", nights(0.0)).texts).replace("\n", " ")
    assert "No step in 10 runs" in said
    with pytest.raises(Lacking, match="two"):
        figure("history", nights(0.0, count=1))


def test_without_prompts_steps_go_by_each_runs_own_interval():
    rows = [{"system": f"v{i}", "metric": "m", "value": 1.0 + 5.0 * (i > 3), "low": 0.5 + 5.0 * (i > 3),
             "high": 1.5 + 5.0 * (i > 3), "direction": "higher"} for i in range(8)]  # fmt: skip
    said = " ".join(t.get_text() for t in figure("history", material_of(pd.DataFrame(rows))).texts).replace("\n", " ")
    assert "Better from run 5: +5" in said
    bare = [{k: v for k, v in row.items() if k not in ("low", "high")} for row in rows]
    with pytest.raises(Lacking, match="no interval tell no step"):
        figure("history", material_of(pd.DataFrame(bare)))
