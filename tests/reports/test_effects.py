"""What the page shows of a pair: one axis, right is better, small parts pale, flips counted whole. Made by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bench.reports.comparison.compare import compare
from bench.reports.comparison.findings import (
    Agreement,
    Change,
    Cost,
    Costs,
    Effect,
    Findings,
    Flip,
    Flips,
    FrontPoint,
    Group,
    Move,
    Place,
    Rankings,
    Slice,
    SliceTable,
)
from bench.reports.pages.effects import FLIPS, effect_axis, flips, forest, slices, ticks
from bench.reports.pages.matrices import agreement, changes, costs, rankings


@pytest.fixture
def found(make):
    return compare([make("a", seed=1, n=12, images=False), make("b", seed=2, n=12, images=False)])


def effect(row, delta, **more):
    given = {
        "low": delta - 0.2, "high": delta + 0.2, "effect": delta / 2, "effect_low": delta / 2 - 0.1,
        "effect_high": delta / 2 + 0.1, "detectable": 0.3, "groups": 12, "n": 24, "wins": 5, "ties": 3, "losses": 4,
    }  # fmt: skip
    return Effect(row, (0, 1), delta, **{**given, **more})


def lines_of(effects):
    return [line for group in forest(effects)["groups"] for line in group["lines"]]


# ---- forest ---------------------------------------------------------------------------------------------------------


def test_the_axis_holds_every_interval_and_zero_is_its_middle(found):
    row = found.rows[1]
    ends = effect_axis([effect(row, 1.0), effect(row, -3.0)])
    assert ends == (-ends[1], ends[1]) and ends[1] >= 1.6
    marks = ticks(ends)
    assert [m["left"] for m in marks if m["text"] == "0"] == [50.0]
    assert all(m["left"] == pytest.approx(100 - o["left"]) for m, o in zip(marks, marks[::-1], strict=True))


@pytest.mark.parametrize("reach", [1e-9, 0.01, 0.07, 0.3, 1.0, 2.9, 3.0])
def test_ticks_are_few_and_inside(reach):
    marks = ticks((-reach, reach))
    assert 1 <= len(marks) <= 15 and all(0 <= m["left"] <= 100 for m in marks)


def test_a_difference_beyond_the_axis_is_an_arrow_and_not_a_dot_at_its_edge(found):
    near, far = lines_of([effect(found.rows[1], 0.5), effect(found.rows[1], 40.0)])
    assert near["strip"]["off"] == "" and far["strip"]["off"] == "over"


def test_the_blind_band_is_what_could_not_be_seen(found):
    (line,) = lines_of([effect(found.rows[1], 1.0)])  # sd = 2, detectable 0.3: 0.15 sd to either side
    half = 50 * 0.15 / effect_axis([effect(found.rows[1], 1.0)])[1]
    assert line["blind"] == {"left": pytest.approx(50 - half, abs=0.01), "width": pytest.approx(2 * half, abs=0.02)}
    (none,) = lines_of([effect(found.rows[1], 1.0, detectable=None)])
    assert none["blind"] is None


def test_a_refusal_stands_in_the_place_of_numbers(found):
    (line,) = lines_of([Effect(found.rows[0], (0, 1), None, refusal="there are 3 and 4 images")])
    assert line["reason"] == "there are 3 and 4 images" and line["badge"].startswith("?") and "delta" not in line


def test_equal_everywhere_and_no_unit_are_two_things(found):
    nothing = {"effect": None, "effect_low": None, "effect_high": None}
    equal, apart = lines_of([
        effect(found.rows[1], 0.0, wins=0, losses=0, **nothing), effect(found.rows[1], 0.0, wins=2, losses=2, **nothing)
    ])  # fmt: skip
    assert (equal["strip"], equal["no_plot"]) == (None, "equal on every prompt")
    assert (apart["strip"], apart["no_plot"]) == (None, "no common unit")


def test_no_line_prints_what_is_no_number(found):
    bare = Effect(found.rows[1], (0, 1), 0.5)
    text = str(lines_of([bare]))
    assert not re.search(r"(?i)\bnan\b|\binf\b", text)


# ---- slices ---------------------------------------------------------------------------------------------------------


def part(value, delta, groups=40, kind="tied", q=0.5):
    return Slice(value, groups, groups, delta, delta - 0.1, delta + 0.1, delta, delta - 0.1, delta + 0.1, 0.2, q, kind,
                 0.5, delta / 2, groups < 20)  # fmt: skip


def with_slices(found, tables, effects=()):
    return Findings((0, 1), tuple(effects), tuple(tables), None, (), None, Costs(()), ())


def test_tint_follows_the_effect_and_marks_follow_the_corrected_p(found):
    table = SliceTable("kind", found.rows[1], (0, 1), 0.1, (
        part("animal", 0.6, kind="better", q=0.01), part("tool", -0.9), part("", 0.02, groups=5),
    ))  # fmt: skip
    (tag,) = slices(with_slices(found, [table]))
    better, worse, few = (line["cells"][0] for line in tag["lines"])
    assert (better["side"], better["mark"], better["faint"]) == ("up", "▲", False)
    assert (worse["side"], worse["mark"]) == ("down", "") and worse["tint"] > better["tint"] > few["tint"]
    assert few["faint"] and tag["lines"][2]["value"] == "(without)"
    (sliced,) = tag["tables"]
    assert [line["faint"] for line in sliced["lines"]] == [False, False, True]
    assert {len(line["delta"].partition(".")[2]) for line in sliced["lines"]} == {2}, "one precision a table"


def test_metrics_that_are_equal_on_every_prompt_are_named_and_not_drawn(found):
    tables = [SliceTable("kind", row, (0, 1), 0.0, (part("animal", 0.0),)) for row in found.rows[1:3]]
    equal = effect(found.rows[1], 0.0, wins=0, losses=0)
    (tag,) = slices(with_slices(found, tables, [equal, effect(found.rows[2], 0.0)]))
    assert [h["label"] for h in tag["equal"]] == [found.rows[1].label]
    assert [h["label"] for h in tag["heads"]] == [found.rows[2].label] and len(tag["lines"][0]["cells"]) == 1


# ---- flips ----------------------------------------------------------------------------------------------------------


def test_flips_are_counted_whole_and_listed_in_part(found):
    many = tuple(Flip(f"s{i}", f"s{i}", 0, f"prompt {i}") for i in range(FLIPS + 3))
    (one,) = flips(
        found, [Flips(found.rows[2], (1, 0), many, (), 4, 5, None, "why")], lambda f: {"prompt": f.prompt, "href": ""}
    )
    (side,) = one["sides"]
    assert (one["gained"], one["lost"], side["count"], side["more"]) == (FLIPS + 3, 0, FLIPS + 3, 3)
    assert side["who"] == found.systems[1].title and len(side["rows"]) == FLIPS and one["p"] == "\N{EN DASH}"


# ---- matrices -------------------------------------------------------------------------------------------------------


def test_agreement_tints_by_size_and_sides_by_sign(found):
    rho = np.array([[1.0, -0.5, np.nan], [-0.5, 1.0, 0.9], [np.nan, 0.9, 1.0]])
    rows = (*found.rows[1:3], found.rows[1])
    made = agreement(Agreement(rows, rho, np.full((3, 3), 12), "differences", ((1, 2, "clip"),), ("they look alike",)))
    cells = [line["cells"] for line in made["lines"]]
    assert [c["text"] for c in cells[0]] == ["1.00", "\N{MINUS SIGN}0.50", "\N{EN DASH}"]
    assert (cells[0][1]["side"], cells[1][2]["side"], cells[0][2]["side"]) == ("down", "up", "")
    assert cells[1][2]["tint"] > cells[0][1]["tint"] > cells[0][2]["tint"] == 0
    assert cells[1][2]["shared"] and cells[2][1]["shared"] and not cells[0][1]["shared"] and cells[2][2]["self"]
    assert agreement(None) is None


def test_cost_says_who_is_on_the_front_and_what_was_not_measured(found):
    lines = (Cost(0, 0.5, 0.4, 0.7, 2.0, 24, 2 * 2**30, "cuda", "generation alone"), Cost(1, note="a folder's images"))
    made = costs(found, Costs(lines, found.rows[1], (FrontPoint(0, 0.5, 25.0, 24.0, 26.0, True),)))
    first, second = made["lines"]
    assert (first["seconds"], first["memory"], first["efficient"]) == ("0.500", "2.00 GiB", True)
    assert (second["seconds"], second["value"], second["efficient"]) == ("\N{EN DASH}", "\N{EN DASH}", False)
    assert second["basis"] == "a folder's images"
    assert costs(found, Costs((Cost(0), Cost(1)))) is None


def test_hard_changes_come_first_with_who_has_what(found):
    made = changes(found, [Change("torch", False, ("2.9", "2.8")), Change("size", True, ("64", ""))])
    assert [(c["name"], c["hard"]) for c in made] == [("size", True), ("torch", False)]
    assert [(v["value"], v["who"]) for v in made[0]["values"]] == [("64", ["a"]), ("(absent)", ["b"])]


def test_rankings_show_the_interval_of_a_rank_and_never_a_bare_one(found):
    places = (Place("a", 0.9, 0.8, 1.0, 1, 1, 2), Place("b", 0.7, 0.6, 0.8, 2, 1, 2))
    other = (Place("b", 0.9, 0.8, 1.0, 1, 1, 1),)
    groups = (
        Group("spatial", ("x",), "relation", "spatial-relation", "higher", places, 60),
        Group("semantic", ("y",), "binding", "attribute-binding", "higher", other, 60, unranked=(("a", "no score"),)),
    )  # fmt: skip
    made = rankings(
        Rankings(
            "kind",
            groups,
            ("b",),
            np.array([[1.0, -1.0], [-1.0, 1.0]]),
            (Move("b", (2, 1), ((1, 2), (1, 1)), True),),
            ("b moves.",),
        )
    )
    rows = {line["system"]: line for line in made["lines"]}
    assert [c["text"] for c in rows["b"]["cells"]] == ["1\N{EN DASH}2", "1"] and rows["b"]["sure"]
    assert [c["text"] for c in rows["a"]["cells"]] == ["1\N{EN DASH}2", "\N{EN DASH}"]
    assert rows["a"]["cells"][1]["value"] == "no score" and made["tau"][0]["cells"][1]["text"] == "\N{MINUS SIGN}1.00"
    assert rankings(None) is None
