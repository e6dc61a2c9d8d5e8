"""Axes and layout by themselves: ticks that never touch, labels that are moved apart and no further, text that fits."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reports.figures.direct import beside
from bench.reports.figures.heat import column_heads
from bench.reports.figures.scales import ends, overhang, reach, tick_texts
from bench.reports.figures.sheet import extent, fitted, labels, spread_apart
from bench.reports.figures.style import STYLES

NUMBER = st.floats(min_value=-1e90, max_value=1e90, allow_nan=False)


@pytest.mark.parametrize(
    ("places", "texts"),
    [
        ([0, 0.5, 1], ["0.0", "0.5", "1.0"]),
        ([0, 0.25, 0.5], ["0.00", "0.25", "0.50"]),
        ([-20, 0, 20], ["−20", "0", "20"]),
        ([0, 2.5e-9, 5e-9], ["0", "2.5×10⁻⁹", "5×10⁻⁹"]),
        ([1e12, 2e12], ["1×10¹²", "2×10¹²"]),
        ([-1e-15, 1.0], ["0", "1"]),
        ([7.0], ["7"]),
        ([], []),
    ],
)
def test_tick_labels_have_one_precision_and_true_minus_signs(places, texts):
    assert tick_texts(places) == texts


@given(NUMBER, NUMBER, st.sampled_from([0.4, 1.0, 3.0]))
def test_ticks_keep_apart_whatever_the_limits(a, b, inches):
    limits = ends([a, b])
    assert limits[0] < limits[1] and all(map(math.isfinite, limits))
    left, right = overhang(limits, inches, 7)
    assert 0 <= left < 1 and 0 <= right < 1
    assert reach(limits, inches, 7)[0] < 1.2


def test_limits_of_equal_values_have_room_and_hold_zero_where_asked():
    assert ends([2.0, 2.0]) == pytest.approx((1.8, 2.2))
    assert ends([0.0]) == (-0.5, 0.5)
    low, high = ends([3.0, 4.0], zero=True)
    assert low < 0 < high
    assert ends([None, None]) == pytest.approx((-0.06, 1.06))


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 2)), max_size=12))
def test_labels_are_moved_apart_in_order_and_no_further_than_needed(given_labels):
    wanted, heights = [w for w, _ in given_labels], [h for _, h in given_labels]
    places = spread_apart(wanted, heights)
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    for a, b in itertools.pairwise(order):
        assert places[b] - places[a] >= (heights[a] + heights[b]) / 2 - 1e-9
    free = all(wanted[b] - wanted[a] >= (heights[a] + heights[b]) / 2 for a, b in itertools.pairwise(order))
    if free:
        assert places == pytest.approx(wanted)


def test_labels_that_collide_share_the_way_between_them():
    assert spread_apart([1.0, 1.0], [0.4, 0.4]) == pytest.approx([0.8, 1.2])
    assert spread_apart([1.0, 1.0, 9.0], [2.0, 1.0, 1.0])[2] == 9.0
    with_ties = spread_apart([2.0, 2.0, 2.0], [1.0, 1.0, 1.0])
    assert with_ties == pytest.approx([1.0, 2.0, 3.0])


@given(st.text(alphabet="abc def_-/(,)", min_size=1, max_size=120), st.floats(0.15, 3))
def test_text_is_wrapped_to_its_room_and_never_cut(text, inches):
    found = fitted(text, 7, inches)
    assert "".join(found.split()) == "".join(text.split())
    assert extent(found, 7)[0] <= inches or max(map(len, found.split("\n"))) <= 1


def test_rows_grow_with_their_names():
    found = labels(["short", "a long name " * 9], STYLES["column"], 1.0)
    assert found.heights[1] > 3 * found.heights[0] and found.width <= 1.0
    assert found.centres == pytest.approx([found.heights[0] / 2, found.heights[0] + found.heights[1] / 2])
    assert found.stretched(100).total == pytest.approx(2.2 * found.total)


def test_column_heads_become_numbers_where_a_word_would_break():
    style = STYLES["column"]
    heads, key = column_heads(["no fusion", "gate"], 0.6, style)
    assert [h.replace("\n", " ") for h in heads] == ["no fusion", "gate"] and key == []
    heads, key = column_heads(["incomprehensibilities", "gate"], 0.5, style)
    assert heads == ["1", "2"] and "incomprehensibilities" in key[0] and key[0].startswith("1")
    assert column_heads(["1", "2"], 0.05, style) == (["1", "2"], [])


def test_names_beside_points_avoid_each_other_or_are_given_up():
    room = (0.0, 0.0, 3.0, 3.0)
    boxes = beside([(0.5, 0.5), (0.6, 0.55), (2.8, 2.0)], ["first", "second", "third"], 7, room, [])
    assert boxes is not None
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    assert all(b[0] >= 0 and b[2] <= 3 for b in boxes)
    assert boxes[2][2] <= 2.8, "no room at the right: it stands at the left"
    assert beside([(0.1, 0.1)] * 30, ["name"] * 30, 7, (0, 0, 1, 1), []) is None


def test_a_text_is_as_wide_at_any_resolution():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from bench.reports.figures.sheet import pencil

    text = "a name of some length, with parameters (steps=50)"
    with pencil():
        widths = []
        for dpi in (72, 150, 300):
            made = Figure(dpi=dpi)
            artist = made.text(0, 0, text, fontsize=7)
            widths.append(artist.get_window_extent(FigureCanvasAgg(made).get_renderer()).width / dpi)
    assert np.ptp(widths) < 0.01 * widths[0] and widths[0] == pytest.approx(extent(text, 7)[0], rel=0.01)


def test_the_catalogue_is_read_without_matplotlib():
    code = "import bench.reports.figures.catalog, bench.reports.figures.sources, bench.reports.figures.scores, sys;"
    code += "print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
