"""The system of a run: generator, fusion strategy, and the factors by which its replicates differ.

A generator may declare a fusion strategy of its own and parameters that are factors (training seeds). A run's record
names the strategy always and such parameters never: they stand among its factors, so that replicates share a name. From
the record the whole system is put together again; digests see all of it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bench import registry
from bench.spec import Spec, System, parse, parse_system, value_text
from bench.types import RunSpec


def system_of(spec: RunSpec) -> System:
    """The system that a spec names, with those of its factors put in that are parameters of its generator."""
    system = parse_system(spec.system)
    name = system.generator.name
    if name not in registry.entries("generator"):
        return system
    declared = getattr(registry.load("generator", name), "factors", ())
    given = {k: parse(f"factor({k}={spec.factors[k]})").params[k] for k in declared if k in spec.factors}
    generator = Spec(name, {**given, **system.generator.params})
    return dataclasses.replace(system, generator=generator)


def fused(system: System, generator: Any) -> System:
    """The system with the strategy that its generator now has: the one that is named, else the generator's own.

    UsageError for a strategy that does not exist or that the generator does not take. Generators that are no plug-ins
    (images at hand that stand for a system's) are left as they are.
    """
    own = getattr(generator, "fusion", "")
    if not getattr(generator, "plugin_kind", "") or (system.fusion is None and not own):
        return system
    fusion = system.fusion or parse(own)
    generator.fuse(fusion)
    return dataclasses.replace(system, fusion=fusion)


def recorded(spec: RunSpec, system: System, generator: Any) -> RunSpec:
    """The spec as the run's record has it: the strategy in the system's text, factors out of it and among the
    factors. Its label, where it is only the system's text, says all."""
    declared = getattr(generator, "factors", ()) if getattr(generator, "plugin_kind", "") else ()
    params = dict(system.generator.params)
    full = {**registry.resolved("generator", system.generator.name, params)} if declared else {}
    factors = {name: value_text(full[name]) for name in declared}
    plain = Spec(system.generator.name, {k: v for k, v in params.items() if k not in factors})
    text = str(System(plain, system.fusion))
    label = str(dataclasses.replace(system, label="")) if spec.label == str(parse_system(spec.system)) else spec.label
    return dataclasses.replace(spec, system=text, label=label, factors={**spec.factors, **factors})
