"""Cost: what was measured and nothing else; the front of quality against seconds."""

from __future__ import annotations

import numpy as np
import pytest
from planted_runs import card

from bench.engine.generate import pace
from bench.reports.comparison.compare import compare
from bench.reports.comparison.cost import ALONE, TOGETHER, costs

UP, DOWN = card("up"), card("down", "lower")


def measured(median: float, images: int = 8, device: str = "cuda", **more):
    made = {"median": median, "low": median / 2, "high": 2 * median, "images": images, "seconds": 1.5 * median * images}
    return {"passes": [{"seconds": 99.0, "rows": images, "device": device, "generation": made, **more}]}


def of(plant, *given, metric=UP, values=(1.0, 2.0, 3.0, 4.0), **more):
    runs = [
        plant(f"s{i}", {f"{metric.metric}:score": np.full(6, v) + np.arange(6) / 100}, [metric], measured=m, **more)
        for i, (m, v) in enumerate(zip(given, values, strict=False))
    ]
    found = compare(runs)
    return costs(found, found.tables)


def test_a_generators_own_time_is_taken_where_it_was_measured(plant):
    (one,) = of(plant, measured(0.5, memory=7e9)).lines
    assert (one.seconds, one.low, one.high, one.images) == (0.5, 0.25, 1.0, 8)
    assert one.rate == pytest.approx(8 / 6) and (one.device, one.memory, one.basis) == ("cuda", 7e9, ALONE)


def test_a_whole_pass_says_that_it_is_one(plant):
    (one,) = of(plant, {"passes": [{"seconds": 4.0, "rows": 8, "device": "cpu"}, {"seconds": 1, "rows": 8}]}).lines
    assert (one.seconds, one.rate, one.basis) == (0.5, 2.0, TOGETHER)


def test_images_of_a_folder_cost_nothing_that_is_known(plant):
    lines = of(plant, {"passes": [{"seconds": 4.0, "rows": 8}]}, images=lambda i: f"/data/{i}.png").lines
    assert lines[0].seconds is None and "made elsewhere" in lines[0].note


@pytest.mark.parametrize(
    "damage",
    ["{", "[]", '{"passes": 3}', '{"passes": [7, {"seconds": -1, "rows": 2}, {"seconds": "x", "rows": true}]}', None],
)
def test_a_damaged_or_absent_measurement_is_told(plant, damage):
    (one,) = of(plant, damage).lines
    assert one.seconds is None and one.note == "the run holds no measurement"


def test_the_front_holds_who_is_not_beaten_in_both(plant):
    made = of(plant, measured(1.0), measured(3.0), measured(2.0), measured(4.0), values=(1.0, 2.0, 2.5, 3.0))
    assert [(p.system, p.efficient) for p in made.front] == [(0, True), (2, True), (1, False), (3, True)]
    assert all(p.low < p.value < p.high for p in made.front)
    lower = of(plant, measured(1.0), measured(3.0), measured(2.0), metric=DOWN, values=(1.0, 2.0, 0.5))
    assert [(p.system, p.efficient) for p in lower.front] == [(0, True), (2, True), (1, False)]


def test_equal_systems_do_not_beat_each_other(plant):
    made = of(plant, measured(1.0), measured(1.0), values=(2.0, 2.0))
    assert [p.efficient for p in made.front] == [True, True]
    made = of(plant, measured(1.0), measured(1.0), values=(2.0, 3.0))
    assert {p.system: p.efficient for p in made.front} == {0: False, 1: True}


def test_unlike_measurements_share_no_front(plant):
    whole = {"passes": [{"seconds": 4.0, "rows": 8, "device": "cpu"}]}
    made = of(plant, measured(1.0), whole, measured(2.0, device="cpu"))
    assert [p.system for p in made.front] == [0, 2]
    assert "1 systems were measured otherwise" in made.note and "cpu and cuda" in made.note
    alone = of(plant, measured(1.0), None)
    assert alone.front == () and "fewer than two" in alone.note


def test_the_engine_writes_what_is_read(plant):
    """Quartiles of an image's seconds, batches counting by their images."""
    made = pace([(1.0, 2), (8.0, 8), (0.3, 1)])
    each = [0.5] * 2 + [1.0] * 8 + [0.3]
    assert made["median"] == np.median(each) and made["images"] == 11 and made["seconds"] == 9.3
    assert (made["low"], made["high"]) == pytest.approx(tuple(np.quantile(each, [0.25, 0.75])))
    assert pace([]) == {}
    (one,) = of(plant, {"passes": [{"seconds": 1.0, "rows": 11, "device": "cpu", "generation": made}]}).lines
    assert (one.seconds, one.images, one.basis) == (1.0, 11, ALONE)
