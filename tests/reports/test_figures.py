"""Figures: whole, equal for equal input, and untroubled by names."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from bench.reports.comparison.compare import compare
from bench.reports.figures.scores import GREY, colour, inline_svg, rendered, scores_figure, writable

NAMES = ["$\\foo$ <b>", "图像", "long name " * 30, "plain"]


@pytest.fixture(scope="module")
def found(maker, tmp_path_factory):
    make = maker(tmp_path_factory.mktemp("figures") / "runs")
    return compare(
        [make(name, seed=i, n=12) for i, name in enumerate(NAMES)] + [make("noise", seed=9, n=12, control=True)]
    )


@pytest.mark.parametrize(("kind", "head"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_equal_input_gives_equal_bytes(found, kind, head):
    first, second = (rendered(scores_figure(found), kind) for _ in range(2))
    assert first == second and first.startswith(head)


def test_every_panel_and_every_name_is_there(found):
    figure = scores_figure(found, literal=True)
    panels = figure.axes
    heads = [t.get_text().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ") for t in figure.texts]
    bold = [h for h, t in zip(heads, figure.texts, strict=True) if t.get_fontweight() == "bold"]
    assert bold == ["FID ↓", "CLIPScore ↑", "Objects present ↑", "Right side if present ↑"]
    names = [t.get_text().replace("\n", "") for t in panels[0].get_yticklabels()]
    assert [n.replace(" ", "") for n in names] == [n.replace(" ", "") for n in [*NAMES, "noise"]]
    assert all(len(a.get_lines()) == 2 * 5 for a in panels)


def test_names_do_not_touch(found):
    figure = scores_figure(found)
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in itertools.pairwise(boxes))
    assert min(b.x0 for b in boxes) >= 0


def test_svg_for_the_page_is_themed_and_inert(found):
    svg = inline_svg(scores_figure(found, literal=True))
    ET.fromstring(svg)
    assert "var(--ink" in svg and "<style" not in svg and "<script" not in svg
    assert not re.search(r'href="(?!#)', svg)
    assert "&lt;b&gt;" in svg and "图像" in svg


def test_glyphs_that_the_font_lacks_are_spelt_out():
    assert writable("a图") == "a[U+56FE]"
    assert writable("é ↑") == "é ↑"


def test_one_colour_a_system_and_grey_controls(found):
    shades = [colour(found, i) for i in range(5)]
    assert len(set(shades)) == 5 and shades[4] == GREY
