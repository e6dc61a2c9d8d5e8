"""A run's system: the strategy is always named, training seeds are factors, digests and repetitions see both."""

from __future__ import annotations

import dataclasses

import pytest
import toys  # noqa: F401  (registers the toy plug-ins)

from bench import store
from bench.engine import plan as plans
from bench.engine.options import Options
from bench.engine.resolve import open_dataset, resolve
from bench.engine.systems import system_of
from bench.errors import UsageError
from bench.study import Study, run_specs
from bench.types import RunSpec


def resolved(system: str, **more):
    spec = RunSpec(system=system, dataset="toy-colours(n=16)", label=more.pop("label", system), metrics=("toy-match",))
    return resolve(dataclasses.replace(spec, **more), open_dataset(spec.dataset))


def test_the_own_strategy_is_named_where_none_is():
    found = resolved("toy-fused")
    assert str(found.system) == found.spec.system == found.spec.label == "toy-fused+film"
    assert str(found.generator.strategy) == "film"


def test_the_named_strategy_reaches_the_generator_with_its_parameters():
    found = resolved("toy-fused+attention(heads=2)")
    assert str(found.generator.strategy) == "attention(heads=2)" and found.spec.system == "toy-fused+attention(heads=2)"


def test_problems_are_those_of_the_strategy():
    with pytest.raises(UsageError, match="no weights of gated"):
        resolved("toy-fused(broken=true)+gated")


@pytest.mark.parametrize(
    ("system", "told"),
    [
        ("toy-fused+atention", "Did you mean attention"),
        ("toy-fused+attention(head=2)", "no parameter 'head'"),
        ("toy-painter+film", "toy-painter takes no fusion strategy"),
        ("oracle+none", "oracle takes no fusion strategy"),
    ],
)
def test_what_cannot_be_fused_is_one_sentence(system, told):
    with pytest.raises(UsageError, match=told) as caught:
        resolved(system)
    assert len(caught.value.messages) == 1


def test_a_generator_without_a_strategy_stays_without():
    found = resolved("toy-painter")
    assert found.system.fusion is None and found.spec.system == "toy-painter" and not found.spec.factors


def test_training_seeds_are_factors_and_part_of_the_digest():
    some = [resolved(f"toy-fused(train_seed={n})") for n in (0, 1)] + [resolved("toy-fused")]
    assert {s.spec.system for s in some} == {"toy-fused+film"}
    assert [s.spec.factors["train_seed"] for s in some] == ["0", "1", "0"]
    assert [s.generator.train_seed for s in some] == [0, 1, 0]
    digests = [plans.run_digest(s) for s in some]
    assert digests[0] != digests[1] and digests[0] == digests[2]
    assert some[1].spec.label == "toy-fused(train_seed=1)+film"  # labels tell them apart


def test_a_given_label_stays():
    assert resolved("toy-fused(train_seed=1)", label="ours").spec.label == "ours"


def test_a_record_leads_back_to_the_whole_system():
    first = resolved("toy-fused(train_seed=3)+gated(frozen=true)")
    assert str(system_of(first.spec)) == "toy-fused(train_seed=3)+gated(frozen=true)"
    again = resolve(first.spec, open_dataset(first.spec.dataset))
    assert again.generator.train_seed == 3 and plans.run_digest(again) == plans.run_digest(first)
    other = dataclasses.replace(first.spec, factors={})  # the factor is what says it
    assert resolve(other, open_dataset(first.spec.dataset)).generator.train_seed == 0


def test_runs_record_strategy_and_factors(tmp_path):
    from bench.engine.life import carry_out, prepare

    study = Study(systems=("toy-fused", "toy-fused(train_seed=1)", "toy-fused+none"), dataset="toy-colours(n=16)",
                  metrics=("toy-match",))  # fmt: skip
    options = Options(root=tmp_path)
    runs = [store.load(run.path) for run in carry_out(prepare(run_specs(study), options), options)]
    assert [r.spec.system for r in runs] == ["toy-fused+film", "toy-fused+film", "toy-fused+none"]
    assert [r.spec.factors["train_seed"] for r in runs] == ["0", "1", "0"]
    assert len({r.digest for r in runs}) == 3
