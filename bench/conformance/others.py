"""What every extractor, generator and dataset must do."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import torch

from bench.conformance.finding import DoesNotApply, expect
from bench.spec import seed_for
from bench.types import Answers, Outcome, Question, Request, Sample

_IMAGES = 5


def _pictures() -> list[np.ndarray]:
    """Soft blobs of several sizes: no model is asked about photographs here, only whether it is well behaved."""
    found = []
    for i, (h, w) in enumerate(((64, 64), (96, 64), (64, 120), (48, 48), (80, 80))):
        y, x = np.indices((h, w))
        blob = 200 * np.exp(-((x - w * (i + 1) / 7) ** 2 + (y - h / 2) ** 2) / (h * w / 30))
        found.append(np.stack([230 - blob * c for c in (0.2, 0.6, 1.0)], 2).astype(np.uint8))
    return found


def _samples() -> list[Sample]:
    asked = (Question("q0", "is there a red circle?", "yes"),)
    return [Sample(f"s{i}", f"a red circle and {i} blue squares", questions=asked) for i in range(_IMAGES)]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, torch.Tensor) else repr(value)


# ---- extractors ----------------------------------------------------------------------------------------------------


def identity_is_json(thing: Any) -> None:
    """What identifies it is JSON, equal each time."""
    first, second = (json.dumps(thing.identity(), sort_keys=True) for _ in range(2))
    expect(first == second, f"{first} and then {second}")


def gives_what_it_declares(extractor: Any) -> str:
    """Images and texts give the declared outputs, one row each, finite."""
    told = []
    if extractor.image_outputs:
        found = _seen(extractor, list(range(_IMAGES)))
        expect(set(found) == set(extractor.image_outputs), f"images give {sorted(found)}")
        told += [_rows_of(name, value) for name, value in found.items()]
    if extractor.text_outputs:
        found = extractor.extract_texts([s.prompt for s in _samples()])
        expect(set(found) == set(extractor.text_outputs), f"texts give {sorted(found)}")
        told += [_rows_of(f"{name} of texts", value) for name, value in found.items()]
    return ", ".join(told)


def _rows_of(name: str, value: Any) -> str:
    expect(len(value) == _IMAGES, f"{name} has {len(value)} rows for {_IMAGES}")
    if isinstance(value, torch.Tensor):
        expect(bool(torch.isfinite(value).all()), f"{name} holds NaN or infinities")
        return f"{name} {tuple(value.shape[1:])}"
    expect(isinstance(value, list), f"{name} is neither a tensor nor a list")
    expect(name != "answers" or all(isinstance(v, Answers) for v in value), "answers must be Answers")
    return name


def _seen(extractor: Any, index: list[int]) -> dict[str, Any]:
    pictures, samples = _pictures(), _samples()
    prepared = [extractor.prepare_image(pictures[i]) for i in index]
    return extractor.extract_images(prepared, [samples[i] for i in index])


def same_whatever_the_order(extractor: Any) -> None:
    """An image's row does not depend on its place in a batch."""
    if not extractor.image_outputs:
        raise DoesNotApply("it takes no images")
    turned = list(range(_IMAGES))[::-1]
    first, second = _seen(extractor, list(range(_IMAGES))), _seen(extractor, turned)
    for name, value in first.items():
        other = second[name]
        if isinstance(value, torch.Tensor):
            apart = float((value - other.flip(0)).abs().max())
            expect(apart <= 1e-5 * max(float(value.abs().max()), 1e-12), f"{name} moves by {apart:.2g}")
        else:
            expect([_plain(v) for v in value] == [_plain(v) for v in other][::-1], f"{name} depends on the order")


def pixels_unmodified(extractor: Any) -> None:
    """The picture that it is given stays as it was."""
    if not extractor.image_outputs:
        raise DoesNotApply("it takes no images")
    picture = _pictures()[0]
    before = picture.copy()
    extractor.extract_images([extractor.prepare_image(picture)], _samples()[:1])
    expect(bool((picture == before).all()), "prepare_image or extract_images wrote into the picture")


def can_be_used(plugin: Any) -> None:
    """Nothing that it needs is missing on this machine."""
    problems = plugin.problems()
    if problems:
        raise DoesNotApply(problems[0])


# ---- generators and datasets ---------------------------------------------------------------------------------------


def one_outcome_a_request(generator: Any) -> str:
    """As many images as requests, of what the contract allows."""
    made = _made(generator, 0)
    good = [o for o in made if not (isinstance(o, Outcome) and o.status != "ok")]
    return f"{len(good)} of {len(made)} images"


def _made(generator: Any, seed: int) -> list[Any]:
    samples = list(generator.context.samples.values())
    asked = [Request(s.id, 0, s.prompt, seed_for(seed, s.id, 0), s.frames) for s in samples]
    found = list(generator.generate(asked))
    expect(len(found) == len(asked), f"{len(asked)} requests give {len(found)} outcomes")
    return found


def same_seed_same_image(generator: Any) -> None:
    """Equal requests give equal pixels."""
    if not generator.reproducible:
        raise DoesNotApply("it says that equal requests may give other images")
    first, second = _made(generator, 0), _made(generator, 0)
    for a, b in zip(first, second, strict=True):
        one, other = (np.asarray(o.image if isinstance(o, Outcome) else o) for o in (a, b))
        expect(one.shape == other.shape and bool((one == other).all()), "an equal request gives other pixels")


def samples_are_stable(dataset: Any) -> str:
    """Ids are unique, prompts are texts, and a second pass gives the same samples."""
    first, second = ([(s.id, s.prompt) for s in islice(iter(dataset), 500)] for _ in range(2))
    expect(first == second, "a second pass gives other samples")
    expect(len({i for i, _ in first}) == len(first) > 0, "ids are not unique, or there is no sample")
    expect(all(p.strip() for _, p in first), "a prompt is empty")
    return f"{len(first)} samples looked at"


def references_can_be_read(dataset: Any) -> str:
    """The first references are pictures."""
    some = list(islice(iter(dataset.references()), 3))
    if not some:
        raise DoesNotApply("it has no reference images")
    for locator in some:
        picture = dataset.load_image(locator)
        fine = picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
        expect(fine, f"'{locator}' is {picture.dtype} {picture.shape}, not uint8 (h, w, 3)")
    return f"{len(some)} looked at"


CHECKS: dict[str, dict[str, Callable[[Any], str | None]]] = {
    "extractor": {
        "can be used here": can_be_used,
        "identity is JSON and stable": identity_is_json,
        "gives what it declares": gives_what_it_declares,
        "any place in a batch": same_whatever_the_order,
        "inputs unmodified": pixels_unmodified,
    },
    "generator": {
        "can be used here": can_be_used,
        "one outcome a request": one_outcome_a_request,
        "same seed, same image": same_seed_same_image,
    },
    "dataset": {
        "can be used here": can_be_used,
        "identity is JSON and stable": identity_is_json,
        "samples are stable": samples_are_stable,
        "references can be read": references_can_be_read,
    },
}
