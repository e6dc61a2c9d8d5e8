"""What generators that work by another generator share: its text form, its identity, its judges, its fusion strategy.

`best-of(generator=flow,n=4)` nests a generator as a parameter; one that names a fusion strategy of its own stands in
quotes, `best-of(generator="flow+film",n=4)`, and a strategy after the wrapper is the inner generator's:
`best-of(generator=flow,n=4)+film`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from bench import registry
from bench.errors import BadImage, GenerationFailed, NotFinite, UsageError
from bench.formats.arrays import to_pixels
from bench.generators.base import Context, Generator, as_outcomes
from bench.registry import plain
from bench.spec import Spec, System, parse_system, seed_for
from bench.types import Outcome, Request, Sample


class Inner:
    """A generator in use inside another one."""

    def __init__(self, text: str) -> None:
        system = parse_system(str(text))
        if system.label:
            raise UsageError(f"'{text}' is a folder or has a label; a generator inside another one is a plain name.")
        self.spec, self.fusion = system.generator, system.fusion
        self.made: Generator = registry.create("generator", self.spec.name, self.spec.params)
        self.after: Spec | None = None
        """The strategy that stands after the wrapper."""
        if self.fusion is not None:
            self.made.fuse(self.fusion)

    def fuse(self, fusion: Spec) -> None:
        """The strategy that stands after the wrapper."""
        if self.fusion is not None:
            raise UsageError(f"'{self.spec}+{self.fusion}' has its fusion strategy already; leave out '+{fusion}'.")
        self.after = fusion
        self.made.fuse(fusion)

    def other(self, **params: Any) -> Inner:
        """The same generator with other parameters."""
        found = Inner(str(System(self.spec.with_params(**params), self.fusion)))
        if self.after is not None:
            found.fuse(self.after)
        return found

    def identity(self) -> Mapping[str, Any]:
        """All that changes its images, as a run's digest has it."""
        full = registry.resolved("generator", self.spec.name, self.spec.params)
        params = {k: v for k, v in full.items() if k not in self.made.not_identity}
        inside = {"fusion": str(self.fusion)} if self.fusion is not None else {}
        return {"name": self.spec.name, "params": params, "identity": dict(self.made.identity()), **inside}

    def ask(self, requests: Sequence[Request]) -> list[Outcome]:
        """Outcomes in order, asked for in batches of its own size; single images as pixels, or failed where they are
        none."""
        size, found = self.made.batch_size, list[Outcome]()
        for at in range(0, len(requests), size):
            some = requests[at : at + size]
            made = list(as_outcomes(self.made.generate(some)))
            if len(made) != len(some):
                raise GenerationFailed(f"{self.spec.name} gave {len(made)} images for {len(some)} requests.")
            found += [_looked_at(o) if r.frames == 1 else o for r, o in zip(some, made, strict=True)]
        return found


def _looked_at(outcome: Outcome) -> Outcome:
    if outcome.image is None:
        return outcome
    try:
        return dataclasses.replace(outcome, image=to_pixels(outcome.image))
    except (BadImage, NotFinite) as error:
        return Outcome(status="failed", reason=str(error), info=outcome.info)


class Wrapper(Generator):
    """A generator that works by others: subclasses hand them over and implement `generate`."""

    not_identity: ClassVar[tuple[str, ...]] = ("generator", "first", "second", "judge")

    def __init__(self, *inner: Inner, judges: Sequence[str] = ()) -> None:
        self.inner = inner
        made = [one.made for one in inner]
        name = getattr(self, "plugin_name", type(self).__name__)
        for one in inner:
            if one.made.existing:
                raise UsageError(f"{name} makes images anew, and those of {one.spec.name} exist already.")
        self.control = any(m.control for m in made)  # type: ignore[misc]
        self.reproducible = all(m.reproducible for m in made)
        self.batch_size = min(m.batch_size for m in made)
        asked = [*judges, *(judge for m in made for judge in m.judges)]
        self.judges = tuple(dict.fromkeys(plain("extractor", judge) for judge in asked))
        open_ = [one for one in inner if one.fusion is None]
        own = list(dict.fromkeys(one.made.fusion for one in open_ if one.made.fusion))
        self.fusion = own[0] if len(own) == 1 else ""  # type: ignore[misc]

    @property
    def teachers(self) -> Sequence[str]:  # type: ignore[override]
        return tuple(dict.fromkeys(teacher for one in self.inner for teacher in one.made.teachers))

    def fuse(self, fusion: Spec) -> None:
        for one in [i for i in self.inner if i.fusion is None] or self.inner:
            one.fuse(fusion)

    def problems(self) -> list[str]:
        return list(dict.fromkeys(line for one in self.inner for line in one.made.problems()))

    def identity(self) -> Mapping[str, Any]:
        return {"inner": [dict(one.identity()) for one in self.inner]}

    def setup(self, context: Context) -> None:
        super().setup(context)
        for one in self.inner:
            one.made.setup(context)

    def notes(self) -> Sequence[str]:
        return tuple(dict.fromkeys(line for one in self.inner for line in one.made.notes()))

    def close(self) -> None:
        for one in self.inner:
            one.made.close()


def attempt(request: Request, number: int) -> Request:
    """The request with the seed of its number-th attempt; attempt 0 is the request itself, so that more attempts
    contain fewer ones."""
    if number == 0:
        return request
    return dataclasses.replace(request, seed=seed_for(request.seed, "attempt", number))


def asked_about(request: Request) -> Sample:
    """What a judge may know of a request: its prompt, and nothing of the sample's truth."""
    return Sample(request.sample_id, request.prompt)


def with_info(outcome: Outcome, **info: Any) -> Outcome:
    """The outcome with more recorded about it."""
    return dataclasses.replace(outcome, info={**outcome.info, **info})


def singly(
    requests: Sequence[Request], name: str, make: Callable[[Sequence[Request]], Iterable[Outcome]]
) -> Iterator[Outcome]:
    """What `make` gives for the requests of a single image, in order with a failure for each story."""
    fine = [request for request in requests if request.frames == 1]
    made = iter(make(fine) if fine else ())
    for request in requests:
        told = f"{name} makes single images, and a story has {request.frames}"
        yield next(made) if request.frames == 1 else Outcome(status="failed", reason=told)
