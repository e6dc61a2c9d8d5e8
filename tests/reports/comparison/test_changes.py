"""What differed between the runs besides the system."""

from __future__ import annotations

import numpy as np
from planted_runs import card

from bench.reports.comparison.changes import changes
from bench.reports.comparison.compare import compare
from bench.types import Provenance, RunSpec

UP, OTHER = card("up"), card("other")


def test_soft_fields_that_differ_are_listed_and_no_others(plant):
    base = {"up:score": np.arange(9.0)}
    made = Provenance(
        "0.1.0", "bench run b", {"torch": "2.10", "numpy": "2"}, "3.11", "linux", "cuda", "bfloat16", "abc"
    )
    spec = RunSpec("system(b)", "toy", "b", seed=3, factors={"control": "true", "training": "7"})
    found = compare([plant("a", base, [UP]), plant("b", base, [UP], provenance=made, spec=spec)])
    told = {c.name: c.values for c in changes(found)}
    assert not any(c.hard for c in changes(found))
    assert told == {
        "command": ("bench run a", "bench run b"), "device": ("cpu", "cuda"), "dtype": ("float32", "bfloat16"),
        "git": ("", "abc"), "package.torch": ("2.9", "2.10"), "package.numpy": ("", "2"), "run seed": ("0", "3"),
        "factor.training": ("", "7"),
    }  # fmt: skip


def test_hard_fields_come_first_in_a_forced_comparison(plant):
    base = {"up:score": np.arange(9.0)}
    runs = [
        plant("a", base, [UP], protocols={"up": {"metric": "up", "params": {"k": 3}}}),
        plant("b", base, [UP], protocols={"up": {"metric": "up", "params": {"k": 5}}}, dataset={"version": 2}),
    ]
    found = changes(compare(runs, force=True))
    assert [(c.name, c.values) for c in found if c.hard] == [
        ("dataset.version", ("", "2")),
        ("up.params.k", ("3", "5")),
    ]
    assert found[0].hard and not found[-1].hard


def test_a_metric_that_one_run_lacks_is_no_difference_of_protocol(plant):
    both = {"up:score": np.arange(9.0), "other:score": np.arange(9.0)}
    found = compare([plant("a", both, [UP, OTHER]), plant("b", {"up:score": np.arange(9.0)}, [UP])])
    assert not any(c.hard for c in changes(found))


def test_one_run_differs_from_nobody(plant):
    assert changes(compare([plant("a", {"up:score": np.arange(9.0)}, [UP])])) == ()
