"""Whatever the names and however many: no text over another, none beyond the edge, none cut, nothing said twice."""

from __future__ import annotations

import itertools
import re
import warnings
import xml.etree.ElementTree as ET

import made_boards
import numpy as np
import pytest
from drawn_figures import names, outside, overlapping, table, texts

from bench.reports.figures.catalog import CATALOG, figure
from bench.reports.figures.frames import material_of
from bench.reports.figures.heat import brightness, diverging, ink_on
from bench.reports.figures.material import Lacking
from bench.reports.figures.render import KINDS, inline_svg, rendered
from bench.reports.figures.style import COLOURS, mark, writable
from bench.reports.words import clean

DRAWN = [name for name in CATALOG if name != "samples"]
OF_PAIRS = ("forest", "slices", "scatter", "differences")
LONE = {"forest", "slices", "scatter", "differences", "ranks", "rank-shares", "pairwise", "critical-difference",
        "conditions", "history"}  # fmt: skip
"""Figures that one system cannot have."""


def squeezed(text: str) -> str:
    """Without white space, in which lines may be broken."""
    return "".join(clean(text).split())


def words(svg: bytes) -> str:
    """All text of an SVG, without white space."""
    root = ET.fromstring(svg)
    return "".join("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")).replace(" ", "")


@pytest.mark.parametrize(("count", "style"), [(1, "wide"), (2, "column"), (8, "column"), (8, "slide"), (25, "column")])
@pytest.mark.parametrize("name", DRAWN)
def test_no_text_is_over_another_or_beyond_the_edge(crowd, name, count, style):
    material = crowd(count, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if count == 1 and name in LONE:
            with pytest.raises(Lacking, match=r"two systems"):
                figure(name, material, style=style)
            return
        made = figure(name, material, style=style)
        rendered(made, "svg")
    found = texts(made)
    assert len(found) > 3
    assert overlapping(found) == []
    assert outside(made, found) == []


@pytest.mark.parametrize("count", [2, 8, 25])
@pytest.mark.parametrize("name", [n for n in DRAWN if n not in OF_PAIRS])
def test_every_name_stands_whole_in_the_file(crowd, name, count):
    material = crowd(count, name)
    said = words(rendered(figure(name, material), "svg"))
    wanted = material.titles
    if name == "agreement":
        wanted = [p.label for p in material.panels]
    elif name == "curve":
        wanted = [re.sub(r" \([\d.]+\)$", "", t) for t in material.titles]
    elif name == "fusion":
        wanted = [part for t in material.titles for part in t.split("+")]
    for title in wanted:
        assert squeezed(writable(title)) in said, title


@pytest.mark.parametrize("name", OF_PAIRS)
def test_both_names_of_a_pair_stand_whole_in_the_file(crowd, name):
    material = crowd(8, name)
    for pair in itertools.pairwise(material.titles):
        made = figure(name, material, systems=pair)
        found = texts(made)
        assert overlapping(found) == [] and outside(made, found) == [], pair
        said = words(rendered(made, "svg"))
        for title in pair:
            assert squeezed(writable(title)) in said, (name, title)


@pytest.mark.parametrize("name", DRAWN)
def test_equal_input_gives_equal_bytes(crowd, name):
    material = crowd(2, name)
    first, second = figure(name, material), figure(name, material)
    for kind in KINDS:
        assert rendered(first, kind) == rendered(second, kind), kind


@pytest.mark.parametrize("name", DRAWN)
def test_widths_are_those_of_the_page_that_it_goes_to(crowd, name):
    material = crowd(8, name)
    sizes = {s: figure(name, material, style=s).get_size_inches() for s in ("column", "wide", "slide")}
    assert sizes["column"][0] == pytest.approx(3.3) and sizes["wide"][0] == pytest.approx(6.9)
    assert sizes["slide"][0] == pytest.approx(10) and sizes["slide"][1] >= 5.6 - 1e-9


def test_a_slide_of_a_few_systems_is_one_slide():
    material = material_of(table(3, titles=["ours", "theirs", "the other"]))
    for name in ("scores", "scatter", "differences", "profile", "ranks", "rank-shares", "pairwise", "pareto"):
        assert figure(name, material, style="slide").get_size_inches()[1] == pytest.approx(5.6, abs=0.06), name


@pytest.mark.parametrize("systems", [2, 14])
def test_boards_keep_apart_too(systems):
    board = made_boards.board(systems, 3, hostile=True)
    for name in (n for n, e in CATALOG.items() if e.board):
        try:
            made = figure(name, board, style="wide")
        except Lacking:
            assert name in ("conditions", "curve", "fusion", "pareto"), name
            continue
        found = texts(made)
        assert overlapping(found) == [] and outside(made, found) == [], name


@pytest.mark.parametrize(
    ("scale", "kind"), [(1e-80, "spread"), (1e-7, "constant"), (1.0, "one prompt"), (1e9, "spread"), (1e80, "constant")]
)
def test_huge_tiny_and_constant_scores_stay_readable(scale, kind):
    frame = table(3, prompts=1 if kind == "one prompt" else 8, titles=["ours", "theirs", "the other"])
    frame["value"] = (0.25 if kind == "constant" else frame["value"]) * scale
    material = material_of(frame)
    drawn = 0
    for name in ("scores", "scatter", "differences", "profile", "forest", "pareto", "pairwise", "ranks",
                 "critical-difference", "agreement", "slices"):  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                made = figure(name, material)
            except Lacking:
                continue
            found = texts(made)
        drawn += 1
        assert overlapping(found) == [] and outside(made, found) == [], name
        assert not [t.text for t in found if re.search(r"\b(nan|inf)\b", t.text, re.IGNORECASE)], name
    assert drawn >= 4


# ---- marks ---------------------------------------------------------------------------------------------------------


def test_thirty_nine_systems_are_told_apart_without_colour():
    shapes = [(mark(i).marker, mark(i).fill) for i in range(39)]
    assert len(set(shapes)) == 39
    assert len({(mark(i).colour, mark(i).marker, mark(i).fill) for i in range(39)}) == 39


def test_neighbours_of_the_palette_differ_in_grey_or_in_shape():
    def grey(shade: str) -> float:
        return sum(w * int(shade[i : i + 2], 16) for w, i in ((0.2126, 1), (0.7152, 3), (0.0722, 5)))

    for first, second in itertools.combinations(range(len(COLOURS)), 2):
        assert abs(grey(COLOURS[first]) - grey(COLOURS[second])) > 40 or mark(first).marker != mark(second).marker


def test_a_system_has_one_mark_in_all_figures_and_in_selections(crowd):
    material = crowd(8, "scores")
    wanted = {(m.colour, m.marker) for m in material.marks[3:6]}
    for name in ("scores", "profile", "pareto", "ranks", "critical-difference"):
        made = figure(name, material, systems=material.titles[3:6])
        points = {
            (line.get_color(), line.get_marker()) for axis in made.axes for line in axis.get_lines()
            if line.get_marker() not in ("None", "", None) and line.get_color() in COLOURS
        }  # fmt: skip
        assert points == wanted, name


def test_a_colour_of_ones_own_reaches_every_figure():
    material = material_of(table(2, titles=["ours", "theirs"]))
    for name in ("scores", "profile", "pareto", "ranks", "differences"):
        svg = rendered(figure(name, material, colours={"ours": "#123456"}), "svg").decode()
        assert "#123456" in svg and COLOURS[0].lower() not in svg.lower(), name


def test_text_in_cells_can_be_read_on_every_shade():
    assert brightness("#ffffff") == pytest.approx(1) and brightness("#777777") == pytest.approx(0.184, abs=0.001)
    for value in np.linspace(-1, 1, 81):
        ground = diverging(float(value))
        low, high = sorted((brightness(ground), brightness(ink_on(ground))))
        assert (high + 0.05) / (low + 0.05) >= 4.5, value


def test_the_page_keeps_the_glyphs_of_strangers_and_has_no_script():
    material = material_of(table(8))
    for name in ("scores", "forest", "pairwise"):
        svg = inline_svg(figure(name, material, style="page", literal=True))
        ET.fromstring(svg)
        assert "图像生成系统" in svg.replace("\n", "") or name == "pairwise"
        assert "<script" not in svg and "&lt;script" in svg and "[U+" not in svg
    assert names(2)[1] in material.titles
