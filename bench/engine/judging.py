"""Judgements while generating: what a generator may ask, and which scores are for that reason not independent.

A generator declares its judges, so that the mark is on the scores whether its images were made now or by an earlier
command, and it is lent those and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench import registry
from bench.errors import UsageError
from bench.registry import plain
from bench.spec import digest, parse
from bench.types import Sample

DTYPE = "float32"
"""In which judges work."""
MARK = "not independent"
"""How the note of such a score begins."""


def judges_of(generator: Any) -> tuple[str, ...]:
    """The extractors that a generator asks, as plain texts, each once."""
    return tuple(dict.fromkeys(plain("extractor", text) for text in getattr(generator, "judges", ())))


def lack(generator: Any) -> list[str]:
    """What of its judges is missing on this machine."""
    return [line for text in judges_of(generator) for line in _extractor(text).problems()]


def recorded(generator: Any) -> list[dict[str, Any]]:
    """The judges as run digests have them, and as protocols would: name, version, weights, preprocessing."""
    return [_recorded(text) for text in judges_of(generator)]


def _recorded(text: str) -> dict[str, Any]:
    from bench.engine import views

    return views.extractor_protocol(_extractor(text), DTYPE)


def _extractor(text: str) -> Any:
    spec = parse(text)
    return registry.create("extractor", spec.name, spec.params)


# ---- lending -------------------------------------------------------------------------------------------------------


def lend(generator: Any, device: str) -> Callable[..., Any]:
    """`context.view` for a generator: a judge is loaded when it is first asked, and works in its fixed batches."""
    eyes: dict[str, Any] = {}

    def view(output: str, extractor: str, images: Sequence[Any] | None, samples: Sequence[Sample]) -> Any:
        text = plain("extractor", extractor)
        if text not in judges_of(generator):
            name = getattr(generator, "plugin_name", type(generator).__name__)
            raise UsageError(f"{name} asks {text} while it generates and does not declare it among its judges.")
        if text not in eyes:
            eyes[text] = _eye(text, device)
        return _seen(eyes[text], output, images, samples)

    return view


def _eye(text: str, device: str) -> Any:
    from bench.engine import views
    from bench.engine.looks import Eye

    extractor = _extractor(text)
    return Eye(extractor, views.extractor_key(extractor, DTYPE), device, DTYPE, extractor.batch_size)


def _seen(eye: Any, output: str, images: Sequence[Any] | None, samples: Sequence[Sample]) -> Any:
    from bench.engine import views
    from bench.engine.looks import check_finite, forward

    one = eye.extractor
    offered = one.text_outputs if images is None else one.image_outputs
    if output not in offered:
        raise UsageError(f"{one.plugin_name} gives {', '.join(offered) or 'nothing'} here, and no {output}.")
    eye.load()
    items = [s.prompt for s in samples] if images is None else [one.prepare_image(image) for image in images]
    call = (lambda texts, _: one.extract_texts(texts)) if images is None else one.extract_images
    rows: list[Mapping[str, Any]] = []
    for at in range(0, len(items), eye.batch_size):
        about = samples[at : at + eye.batch_size]
        found = forward(call, items[at : at + eye.batch_size], about, eye)
        check_finite(found, [s.id for s in about], eye)
        rows += [{output: value} for value in found[output]]
    return views.stack(rows)[output]


# ---- marking -------------------------------------------------------------------------------------------------------


def mark(extractors: Iterable[Any], generator: Any) -> str:
    """Why a metric that looks through these extractors does not judge the generator independently; '' where it does."""
    used = list(extractors)

    def among(texts: Iterable[str]) -> str:
        made = {text: _extractor(text) for text in texts}
        return " and ".join(text for text, judge in made.items() if any(akin(judge, one) for one in used))

    if asked := among(judges_of(generator)):
        return f"{MARK}: the system asked {asked} while it generated"
    taught = among(getattr(generator, "teachers", ()))
    return f"{MARK}: the system was trained by {taught}" if taught else ""


def akin(judge: Any, other: Any) -> bool:
    """Whether two extractors are one, or share any weights or rules."""
    if type(judge) is type(other) and judge.identity() == other.identity():
        return True
    return bool({*_eyes(judge.identity())} & {*_eyes(other.identity())})


def _eyes(identity: Any) -> Iterator[tuple[str, str]]:
    """Every file of weights and every set of rules that an identity names, at any depth."""
    for key, value in identity.items() if isinstance(identity, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _eyes(value)
        elif key == "rules" or (key == "weights" and isinstance(value, str)):
            yield key, str(value)


def noted(generator: Any) -> list[str]:
    """A line for the run's record, with the digest of each judge; none without judges."""
    asked = [f"{text} ({digest(_recorded(text))[:16]})" for text in judges_of(generator)]
    return [f"While it generated, the system asked {' and '.join(asked)}: scores by it are {MARK}."] if asked else []
