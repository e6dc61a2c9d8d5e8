"""What holds of every registered metric, whatever it measures."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection

from bench import registry
from bench.errors import NotFinite, TooFew
from bench.metrics.base import Metric
from bench.stats.bootstrap import estimate
from bench.types import MetricCard

ENTRIES = {name: entry for name, entry in registry.entries("metric").items() if entry.origin == "built-in"}
NAMES = sorted(ENTRIES)
SETS = [n for n in NAMES if ENTRIES[n].meta["scope"] == "set"]
ROWWISE = [n for n in NAMES if n not in SETS]
DEFECTS = {
    "wrong-colour", "wrong-shape", "wrong-count", "wrong-side", "wrong-order", "wrong-span", "shuffled", "constant",
    "noise", "duplicates", "seeds-ignored",
}  # fmt: skip
BY_ROW_NUMBER = {"kd", "is", "fd-infinity"}
"""They draw by row number, as the implementations that they must equal: the order of rows matters, and is fixed."""
UNKNOWN_HERE = {("collapse", "seeds-ignored"), ("caption-diversity", "value"), ("redescription", "slots")}
"""Outputs of which the rows say nothing: there are no repeats here and no sentences of the scenes."""
VARIANTS: dict[str, dict] = {
    "clipscore": {"mode": "torchmetrics"},
    "attribute-binding": {"attribute": "size"},
    "spatial-relation": {"rule": "paintskills"},
    "kd": {"seed": 1},
    "is": {"seed": 1},
    "prc": {"k": 5},
    "r-precision": {"candidates": 30},
}
"""Another setting of the same class, which must not share its states."""

pytestmark = pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
every = pytest.mark.parametrize("name", NAMES)


def _same(a: Mapping[str, float], b: Mapping[str, float], tolerance: float = 1e-9) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name] == pytest.approx(b[name], rel=tolerance, abs=tolerance, nan_ok=True), name


def test_there_are_as_many_as_promised():
    assert {
        "fd", "kd", "is", "prc", "clipscore", "r-precision", "retrieval", "object-presence", "counting",
        "attribute-binding", "spatial-relation", "box-overlap", "collapse",
    } <= set(NAMES)  # fmt: skip


# ---- what a metric declares ----------------------------------------------------------------------------------------


@every
def test_card_is_complete(name, kit):
    metric, entry = kit.make(name), ENTRIES[name]
    card = metric.card(name, entry.summary)
    assert isinstance(card, MetricCard) and card.name == name and card.summary and type(metric).__doc__
    assert card.scope == entry.meta["scope"] and card.views
    assert set(card.responds_to) <= DEFECTS
    assert card.responds_to or not metric.copies_are_best, "it answers to no defect"
    assert len({o.name for o in card.outputs}) == len(card.outputs) > 0
    assert any(o.primary for o in card.outputs)
    for output in card.outputs:
        assert output.label and output.direction in ("higher", "lower", "none")
        assert (output.estimator is None) == (card.scope == "set")
    assert (len(card.outputs) == 1) == (card.outputs[0].name == "value")


@every
def test_direction_and_bounds_are_those_that_torchmetrics_reads(name, kit):
    metric = kit.make(name)
    first = metric.outputs[0]
    assert first.direction == ENTRIES[name].meta["direction"]
    assert metric.higher_is_better is {"higher": True, "lower": False}[first.direction]
    assert (metric.plot_lower_bound, metric.plot_upper_bound) == (first.low, first.high)


@every
def test_states_are_named_by_class_and_setting(name, kit):
    metric = kit.make(name)
    assert metric._defaults and all(state.startswith(type(metric).__name__.lower()) for state in metric._defaults)
    assert all(metric._persistent.values()) and not any(state.count(".") for state in metric._defaults)
    if name in VARIANTS:
        assert not set(metric._defaults) & set(kit.make(name, **VARIANTS[name])._defaults)


# ---- what it computes ----------------------------------------------------------------------------------------------


@every
def test_outputs_are_those_declared_and_within_bounds(name, kit, fed):
    metric = fed(name)
    found = metric.compute()
    assert isinstance(found, torch.Tensor) == ([o.name for o in metric.outputs] == ["value"])
    named = {"value": found} if isinstance(found, torch.Tensor) else found
    assert list(named) == [o.name for o in metric.outputs]
    for output in metric.outputs:
        value = named[output.name]
        assert value.shape == () and value.is_floating_point()
        if (name, output.name) not in UNKNOWN_HERE:
            assert torch.isfinite(value)
        assert not (output.low is not None and value < output.low), output
        assert not (output.high is not None and value > output.high), output


@every
@pytest.mark.parametrize("size", [1, 7, 59])
def test_batches_do_not_matter(name, size, kit, fed):
    whole, parts = fed(name), kit.make(name)
    given = kit.arguments(parts)
    for start in range(0, kit.n, size):
        parts.update(**kit.take(given, range(start, min(start + size, kit.n))))
    _same(kit.values(parts), kit.values(whole))


@every
def test_order_of_rows_does_not_matter(name, kit, fed):
    turned = kit.make(name)
    order = np.random.default_rng(0).permutation(kit.n)
    turned.update(**kit.take(kit.arguments(turned), order))
    metric = fed(name)
    if name in BY_ROW_NUMBER:
        spread = max(float(np.std(v)) for v in _uncertainty(metric, kit)[0].values())
        _same(kit.values(turned), kit.values(metric), 3 * spread)
        return
    _same(kit.values(turned), kit.values(metric))
    if name in ROWWISE:
        for column, values in metric.table().items():
            np.testing.assert_allclose(turned.table()[column], values[order], atol=1e-12)


@every
def test_deterministic(name, kit, fed):
    assert repr(kit.values(fed(name))) == repr(kit.values(fed(name)))


@every
def test_inputs_are_left_alone(name, kit):
    metric = kit.make(name)
    given = kit.arguments(metric)
    before = pickle.dumps(given)
    metric.update(**given)
    metric.compute()
    if name in SETS:
        _uncertainty(metric, kit)
    assert pickle.dumps(given) == before


@every
def test_scores_need_no_ids(name, kit, fed):
    metric = kit.make(name)
    given = kit.arguments(metric)
    del given["ids"]
    metric.update(**given)
    _same(kit.values(metric), kit.values(fed(name)), 0.3 if name == "r-precision" else 1e-9)  # draws go by id


# ---- life of a torchmetrics metric ---------------------------------------------------------------------------------


@every
def test_reset_forgets_everything(name, kit, fed):
    metric = fed(name)
    first = kit.values(metric)
    metric.reset()
    with pytest.raises(TooFew):
        metric.compute()
    metric.update(**kit.arguments(metric))
    _same(kit.values(metric), first)


@every
@pytest.mark.parametrize("copied", [copy.deepcopy, Metric.clone, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_midway_go_their_own_way(name, copied, kit, fed):
    metric = kit.make(name)
    given = kit.arguments(metric)
    metric.update(**kit.take(given, range(30)))
    twin = copied(metric)
    alone = kit.values(metric)
    twin.update(**kit.take(given, range(30, kit.n)))
    _same(kit.values(twin), kit.values(fed(name)))
    _same(kit.values(metric), alone)


@every
def test_state_dict_brings_a_metric_back(name, kit, fed):
    full, fresh = fed(name), kit.make(name)
    assert full.state_dict()
    fresh.load_state_dict(full.state_dict())
    _same(kit.values(fresh), kit.values(full))


@every
def test_forward_gives_the_batch_and_keeps_the_whole(name, kit, fed):
    metric, half = kit.make(name), kit.make(name)
    given = kit.arguments(metric)
    metric(**kit.take(given, range(30)))
    second = metric(**kit.take(given, range(30, kit.n)))
    half.update(**kit.take(given, range(30, kit.n)))
    named = second if isinstance(second, Mapping) else {"value": second}
    _same({k: float(v) for k, v in named.items()}, kit.values(half))
    _same(kit.values(metric), kit.values(fed(name)))


@every
def test_two_processes_see_the_whole(name, kit, fed):
    first, second = kit.make(name), kit.make(name)
    given = kit.arguments(first)
    first.update(**kit.take(given, range(30)))
    second.update(**kit.take(given, range(30, kit.n)))
    theirs = iter([second.joined(state) for state in second._reductions])
    first.dist_sync_fn = lambda mine, group=None: [mine, next(theirs)]
    first.distributed_available_fn = lambda: True
    _same(kit.values(first), kit.values(fed(name)))
    assert len(first.joined(next(iter(first._defaults)))) == 30, "after compute the process has its own rows again"


@every
def test_a_collection_equals_separate_metrics(name, kit):
    """With another setting of the same class, on rows where both agree at first."""
    pair = {"one": kit.make(name), "two": kit.make(name, **VARIANTS.get(name, {}))}
    together = MetricCollection(copy.deepcopy(pair))
    given = kit.arguments(pair["one"])
    if name == "clipscore":  # positive cosines first: signed and cut scores coincide
        given = kit.take(given, (given["image"] * given["text"]).sum(1).argsort(descending=True).tolist())
    for part in (range(30), range(30, kit.n)):
        together.update(**kit.take(given, part))
        for metric in pair.values():
            metric.update(**kit.take(given, part))
    for key, metric in pair.items():
        _same(kit.values(together[key]), kit.values(metric))
    if name == "clipscore":
        assert kit.values(together["one"])["value"] > kit.values(together["two"])["value"] + 0.1


def test_metrics_of_one_view_together(kit):
    names = [n for n in NAMES if n not in ("is", "clipscore", *SETS)]
    together = MetricCollection({n: kit.make(n) for n in names})
    given: dict = {}
    for name in names:
        given |= kit.arguments(kit.make(name))
    for part in (range(30), range(30, kit.n)):
        together.update(**kit.take(given, part))
    for name in names:
        alone = kit.make(name)
        alone.update(**kit.arguments(alone))
        _same(kit.values(together[name]), kit.values(alone))


# ---- bad input -----------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_names_its_row(name, bad, kit):
    metric = kit.make(name)
    tensors = [a for a, v in kit.arguments(metric).items() if isinstance(v, torch.Tensor) and a != "reference"]
    for argument in tensors:
        given = kit.arguments(metric)
        given[argument][17, -1] = bad
        with pytest.raises(NotFinite, match="'s017#0'"):
            kit.make(name).update(**given)


@every
def test_too_few_rows_say_how_many_are_needed(name, kit):
    metric = kit.make(name)
    short = metric.minimum - 1
    if short:
        metric.update(**kit.arguments(metric, short))
    with pytest.raises(TooFew, match=rf"^{name} needs {metric.minimum} or more .*images and has {short};"):
        metric.compute()
    enough = kit.make(name)
    enough.update(**kit.arguments(enough, metric.minimum))
    enough.compute()


@pytest.mark.parametrize(
    ("name", "remedy"), [("kd", "subset_size="), ("is", "splits"), ("prc", "lower k"), ("r-precision", "candidates")]
)
def test_the_remedy_is_the_parameter_that_asks_for_so_many(name, remedy, kit):
    with pytest.raises(TooFew, match=remedy):
        kit.make(name).compute()


# ---- what statistics read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWWISE)
def test_table_holds_what_estimators_need_and_gives_the_score(name, kit, fed):
    metric = fed(name)
    tags = getattr(metric, "tags", dict)()
    table, found = metric.table(), kit.values(metric)
    for column, values in table.items():
        assert isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (kit.n,), column
        assert not np.isinf(values).any()
    for output in metric.outputs:
        assert set(output.estimator.columns) <= set(table) | set(tags)
        assert found[output.name] == pytest.approx(estimate(output.estimator, {**table, **tags}), nan_ok=True)
    assert {*table, *tags} == {c for o in metric.outputs for c in o.estimator.columns}, "a column that nothing uses"


@pytest.mark.parametrize("name", ROWWISE)
def test_a_missing_image_never_helps(name, kit, fed):
    metric = fed(name)
    worst, table = metric.missing(), metric.table()
    assert set(worst) <= set(table)
    for output in metric.outputs:
        column = output.estimator.columns[0]
        if column not in worst or output.estimator.kind in ("ratio", "macro") or (name, output.name) in UNKNOWN_HERE:
            continue
        lost = {**table, column: np.append(table[column], [worst[column]] * 5)}
        sign = 1 if output.direction == "higher" else -1
        assert sign * estimate(output.estimator, lost) <= sign * estimate(output.estimator, table), output.name


def _uncertainty(metric, kit):
    """Influences (an image each) and replicates (a block each) of a set metric."""
    return metric.influence(), metric.replicates([i % 10 for i in range(kit.n)]) or {}


@pytest.mark.parametrize("name", SETS)
def test_every_output_of_a_set_has_influences_or_replicates(name, kit, fed):
    metric = fed(name)
    influence, replicates = _uncertainty(metric, kit)
    assert set(influence) | set(replicates) == {o.name for o in metric.outputs}
    for values in influence.values():
        assert isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (kit.n,)
        assert np.isfinite(values).all() and np.ptp(values) > 0 and abs(values.mean()) < 1e-9 * np.abs(values).max()
    for name_of, values in replicates.items():
        output = next(o for o in metric.outputs if o.name == name_of)
        assert isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (10,)
        assert np.isfinite(values).all() and np.ptp(values) > 0
        assert not (output.low is not None and values.min() < output.low - 1e-9)
        assert not (output.high is not None and values.max() > output.high + 1e-9)
