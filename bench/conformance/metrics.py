"""What every metric must do, on synthetic rows: no model, no data set, no image.

Each check makes fresh metrics by `make`, feeds them with `rows.arguments` and compares outputs. Metrics that draw by
row number (as published implementations do) may move within their own spread when rows change places.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torchmetrics import MetricCollection

from bench.conformance import rows
from bench.conformance.finding import DoesNotApply, Failed, expect
from bench.errors import BenchError, NotFinite, TooFew
from bench.metrics.base import Metric

Make = Callable[[], Metric]
_TIGHT, _WIDE = 1e-9, 1e-4


def _size(metric: Metric) -> int:
    return max(rows.N, 2 * metric.minimum, 2 * metric.minimum_meanings)


def _fed(make: Make, index: Any = None) -> Metric:
    metric = make()
    given = rows.arguments(metric, _size(metric))
    metric.update(**(given if index is None else rows.take(given, index)))
    return metric


def _near(a: Mapping[str, float], b: Mapping[str, float], tolerance: float, what: str) -> None:
    expect(a.keys() == b.keys(), f"{what}: outputs {sorted(a)} became {sorted(b)}")
    for name, value in a.items():
        other = b[name]
        same = (math.isnan(value) and math.isnan(other)) or value == other
        close = abs(value - other) <= tolerance * max(1.0, abs(value), abs(other))
        expect(same or close, f"{what}: {name} is {value!r} and then {other!r}")


# ---- the checks, in the order in which they are told ---------------------------------------------------------------


def declares(make: Make) -> str:
    """Outputs, directions, bounds, views and a sentence of its own."""
    metric = make()
    expect(bool(metric.outputs), "it declares no outputs")
    expect(bool(metric.views()), "it declares no views")
    for output in metric.outputs:
        expect(output.direction in ("higher", "lower", "none"), f"{output.name} has the direction {output.direction}")
        expect((output.estimator is None) == (metric.scope == "set"), f"{output.name}: scope set has no estimator")
    expect(len({o.name for o in metric.outputs}) == len(metric.outputs), "two outputs have one name")
    expect((len(metric.outputs) == 1) == (metric.outputs[0].name == "value"), "a single output is called 'value'")
    first = {"higher": True, "lower": False}.get(metric.outputs[0].direction)
    expect(metric.higher_is_better is first, "higher_is_better is not the first output's direction")
    return f"{len(metric.outputs)} outputs, scope {metric.scope}"


def bounds(make: Make) -> str:
    """Its numbers lie within the bounds that it declares."""
    metric = _fed(make)
    found = rows.values(metric)
    expect(set(found) == {o.name for o in metric.outputs}, f"compute gives {sorted(found)}")
    for output in metric.outputs:
        value = found[output.name]
        expect(not math.isinf(value), f"{output.name} is infinite")
        expect(output.low is None or not value < output.low, f"{output.name} = {value} is below {output.low}")
        expect(output.high is None or not value > output.high, f"{output.name} = {value} is above {output.high}")
    return ", ".join(f"{k} {v:.4g}" for k, v in found.items())


def batches(make: Make) -> None:
    """Batches of any size give what one batch gives."""
    whole = rows.values(_fed(make))
    for size in (1, 7, rows.N - 1):
        parts = make()
        n = _size(parts)
        given = rows.arguments(parts, n)
        for start in range(0, n, size):
            parts.update(**rows.take(given, range(start, min(start + size, n))))
        _near(whole, rows.values(parts), _TIGHT, f"batches of {size}")


def order(make: Make) -> str | None:
    """The order of rows does not matter."""
    metric = _fed(make)
    turned = _fed(make, np.random.default_rng(0).permutation(_size(metric)))
    try:
        _near(rows.values(metric), rows.values(turned), _TIGHT, "rows in another order")
    except Failed:
        if metric.scope != "set":
            raise
        spread = _spread(metric)
        _near(rows.values(metric), rows.values(turned), 3 * spread, "rows in another order, beyond its own spread")
        return f"it draws by row number: equal within its spread of {spread:.2g}"
    return None


def _spread(metric: Metric) -> float:
    n = _size(metric)
    columns = [*metric.influence().values(), *(metric.replicates([i % 10 for i in range(n)]) or {}).values()]
    return max((float(np.std(c)) for c in columns), default=0.0)


def repeatable(make: Make) -> None:
    """The same rows give the same number, to the last bit."""
    a, b = rows.values(_fed(make)), rows.values(_fed(make))
    expect(repr(a) == repr(b), f"{a} and then {b}")


def inputs(make: Make) -> None:
    """Its inputs are left as they were."""
    metric = make()
    given = rows.arguments(metric, _size(metric))
    before = pickle.dumps(given)
    metric.update(**given)
    metric.compute()
    expect(pickle.dumps(given) == before, "update or compute changed what it was given")


def too_few(make: Make) -> str:
    """Too few rows are TooFew, in words, and no number."""
    for n in sorted({0, max(make().minimum - 1, 0)}):
        metric = make()
        if n:
            metric.update(**rows.arguments(metric, n))
        try:
            found = rows.values(metric)
        except TooFew:
            continue
        raise Failed(f"{n} rows give {found}; fewer than its minimum of {metric.minimum} must raise TooFew")
    return f"it needs {make().minimum}"


def not_finite(make: Make) -> str | None:
    """A NaN is NotFinite with the sample's id."""
    metric = make()
    given = rows.arguments(metric, _size(metric))
    floats = [k for k, v in given.items() if isinstance(v, torch.Tensor) and v.is_floating_point()]
    if not floats:
        raise DoesNotApply("it takes no numbers")
    for name in floats:
        bad = {**given, name: given[name].clone()}
        bad[name][17].view(-1)[-1] = math.nan
        fresh = make()
        try:
            fresh.update(**bad)
            found = rows.values(fresh)
        except NotFinite as error:
            named = "s017#0" in str(error) or metric.views()[name].subject in ("reference",)
            expect(named, f"the message does not name the sample: {error}")
            continue
        raise Failed(f"a NaN in {name} gives {found}")
    return None


def constant(make: Make) -> str:
    """Equal rows give a number within bounds, or one clear sentence, and never NaN for all outputs."""
    metric = make()
    n = _size(metric)
    given = rows.arguments(metric, n)
    same = rows.take(given, [0] * n)
    ids = given["ids"]
    kept = {k: same[k] if metric.views()[k].subject == "generated" else given[k] for k in metric.views()}
    try:
        metric.update(**kept, ids=ids)
        found = rows.values(metric)
    except BenchError as error:
        return f"refused: {str(error)[:100]}"
    expect(not any(math.isinf(v) for v in found.values()), f"{found}")
    return ", ".join(f"{k} {v:.4g}" for k, v in found.items())


def equal_sets(make: Make) -> str:
    """A set is no farther from itself than another set of its kind is."""
    metric = make()
    views = metric.views()
    if metric.scope != "set" or set(views) != {"generated", "reference"}:
        raise DoesNotApply("it does not compare two sets")
    if not metric.copies_are_best:
        raise DoesNotApply("it looks for copies of the reference")
    given = rows.arguments(metric, _size(metric))
    other, own = make(), make()
    other.update(**given)
    own.update(**{**given, "generated": given["reference"]})
    before, after = rows.values(other), rows.values(own)
    for output in metric.outputs:
        sign = 1 if output.direction == "higher" else -1
        gain = sign * (after[output.name] - before[output.name])
        expect(gain >= -1e-9, f"{output.name} of equal sets is {after[output.name]}, of others {before[output.name]}")
        if output.low == 0 and output.direction == "lower":
            expect(after[output.name] <= 1e-6 * max(before[output.name], 1e-12), f"{output.name}(X, X) = {after}")
    return ", ".join(f"{k} {v:.3g}" for k, v in after.items())


def precision(make: Make) -> str | None:
    """float64 rows give what float32 rows give."""
    metric = make()
    given = rows.arguments(metric, _size(metric))
    wide = {k: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in given.items()}
    if all(wide[k] is given[k] for k in given):
        raise DoesNotApply("it takes no numbers")
    metric.update(**given)
    other = make()
    other.update(**wide)
    _near(rows.values(metric), rows.values(other), _WIDE, "float32 and float64")
    return None


def life(make: Make) -> None:
    """reset, clone, pickle and state_dict do what torchmetrics promises."""
    full = _fed(make)
    wanted = rows.values(full)
    fresh = make()
    expect(bool(full.state_dict()), "state_dict is empty; add states with persistent=True")
    fresh.load_state_dict(full.state_dict())
    _near(wanted, rows.values(fresh), _TIGHT, "after load_state_dict")
    for name, twin in (("clone", full.clone()), ("pickle", pickle.loads(pickle.dumps(full)))):
        _near(wanted, rows.values(twin), _TIGHT, name)
    full.reset()
    full.update(**rows.arguments(full, _size(full)))
    _near(wanted, rows.values(full), _TIGHT, "after reset")


def collection(make: Make) -> None:
    """In a MetricCollection with a twin it gives what it gives alone."""
    together = MetricCollection({"one": make(), "two": copy.deepcopy(make())})
    n = _size(make())
    given = rows.arguments(make(), n)
    for part in (range(n // 2), range(n // 2, n)):
        together.update(**rows.take(given, part))
    wanted = rows.values(_fed(make))
    for key in ("one", "two"):
        _near(wanted, rows.values(together[key]), _TIGHT, f"in a collection ({key})")


def gpu(make: Make) -> None:
    """On a GPU it gives what it gives on the processor."""
    if not torch.cuda.is_available():
        raise DoesNotApply("there is no GPU here")
    wanted = rows.values(_fed(make))
    metric = make().to("cuda")
    given = rows.arguments(metric, _size(metric))
    moved = {k: v.cuda() if isinstance(v, torch.Tensor) else v for k, v in given.items()}
    metric.update(**moved)
    _near(wanted, rows.values(metric), _WIDE, "processor and GPU")


CHECKS: dict[str, Callable[[Make], str | None]] = {
    "declares its outputs and views": declares,
    "stays within its bounds": bounds,
    "any batches": batches,
    "any order of rows": order,
    "same rows, same number": repeatable,
    "inputs unmodified": inputs,
    "too few rows": too_few,
    "NaN names its sample": not_finite,
    "constant input": constant,
    "equal sets": equal_sets,
    "float32 as float64": precision,
    "reset, clone, pickle, state_dict": life,
    "MetricCollection": collection,
    "GPU as processor": gpu,
}
