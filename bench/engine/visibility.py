"""Who may see a run's captions and images: what its dataset, the command and an earlier run of its folder say.

Private wins over silence, and a card over a command: `public` said aloud opens a folder that a command once closed, but
no card. The words of private prompts are kept back from every message, from before the file of prompts is read. Never
part of a digest or a protocol: the numbers are the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import discretion, store
from bench.cards import card
from bench.discretion import PRIVATE, PUBLIC, first_word, is_private
from bench.errors import StoreError, UsageError
from bench.types import Sample

if TYPE_CHECKING:
    from bench.engine.plan import Plan

_MOST_RAW = 64 << 20
"""Bytes of a file of prompts whose words are kept back while it is read."""


@dataclasses.dataclass(frozen=True)
class Visibility:
    """What a run records of its dataset."""

    text: str = ""
    """The prose of a private card, 'private', or '' for public."""
    sensitive: bool = False
    """Images are blurred until clicked."""

    def recorded(self) -> dict[str, Any]:
        """Fields of run.dataset; absent where there is nothing to say."""
        return {
            **({"visibility": self.text} if self.text else {}), **({"sensitive": True} if self.sensitive else {}),
        }  # fmt: skip


OPEN = Visibility()


def visibility(dataset: Any, asked: str = "") -> Visibility:
    """Of a dataset (and of the one that it is made from), where a command asks for `asked`: '', public or private."""
    declared = _declared(dataset)
    sensitive = any(bool(one.get("sensitive")) for one in declared)
    closed = next((str(one["visibility"]) for one in declared if is_private(one.get("visibility"))), "")
    if closed and asked == PUBLIC:
        raise UsageError(
            f"--visibility public is asked for, and the card of the dataset {_name(dataset)} says '{closed}'; leave "
            "the option out, or change the card."
        )
    return Visibility(closed or (PRIVATE if asked == PRIVATE else ""), sensitive)


def _declared(dataset: Any) -> list[Mapping[str, Any]]:
    """The cards and class attributes of a dataset and of its base."""
    found: list[Mapping[str, Any]] = []
    while dataset is not None:
        own = {key: getattr(dataset, key, None) for key in ("visibility", "sensitive")}
        for one in (card(_name(dataset)), own):
            word = first_word(one.get("visibility"))
            if word not in (PUBLIC, PRIVATE):
                raise UsageError(
                    f"The visibility of the dataset {_name(dataset)} begins with '{word}'; it must begin with public "
                    "or private (prose may follow)."
                )
            found.append(one)
        dataset = getattr(dataset, "base", None)
    return found


def _name(dataset: Any) -> str:
    return str(getattr(dataset, "plugin_name", "custom"))


def inherited(plan: Plan) -> Plan:
    """The plan, private where the run of its folder was and this command does not say public."""
    resolved, spec = plan.resolved, plan.resolved.spec
    if resolved.seen.text or spec.visibility:
        return plan
    closed = _past(plan.folder)
    if not closed:
        return plan
    keep_samples(f"slice {resolved.prompts}", resolved.samples, (spec.dataset, spec.system, spec.label))
    seen = dataclasses.replace(resolved.seen, text=closed)
    spec = dataclasses.replace(spec, visibility=PRIVATE)
    return dataclasses.replace(plan, resolved=dataclasses.replace(resolved, seen=seen, spec=spec))


def _past(folder: Path) -> str:
    """The private visibility that a folder's record, or else its manifest, states."""
    past: list[Any] = []
    with contextlib.suppress(OSError, StoreError, KeyError, TypeError):
        past.append(store.read_json(folder / "run.json")["dataset"].get("visibility"))
    with contextlib.suppress(OSError, StoreError, KeyError, TypeError):
        past += [] if past else [store.read_json(folder / "manifest.json")["spec"].get("visibility")]
    return next((str(text) for text in past if is_private(text)), "")


# ---- words that are kept back --------------------------------------------------------------------------------------


def keep_file(dataset: Any, text: str) -> str:
    """Before it is read: the lines of a dataset's file of prompts, or the names in its folder. The source's name."""
    path = getattr(dataset, "path", None)
    if isinstance(path, str) and os.path.exists(path):
        discretion.keep(f"file {path}", lambda: dict.fromkeys(_raw(Path(path)), discretion.WITHHELD), (text,))
    return f"file {path}"


def _raw(path: Path) -> Iterable[str]:
    if path.is_dir():
        found = sorted(path.rglob("*"))
        texts = [p for p in found if p.suffix.casefold() in (".txt", ".csv", ".tsv", ".json", ".jsonl")]
        return [*(p.stem for p in found), *(line for p in texts for line in _raw(p))]
    with open(path, "rb") as content:
        return content.read(_MOST_RAW).decode("utf-8", "replace").splitlines()


def keep_samples(name: str, samples: Iterable[Sample], public: Iterable[str] = ()) -> None:
    """The texts of samples and the names of their files; each is called by the sample's blinded name instead."""
    held = list(samples)

    def texts() -> dict[str, str]:
        key = discretion.list_key((s.id, s.prompt) for s in held)
        found: dict[str, str] = {}
        for sample in held:
            called = discretion.blinded_name(key, sample.id)
            for text in _texts(sample):
                found.setdefault(text, called)
        return found

    discretion.keep(name, texts, public)


def _texts(sample: Sample) -> Iterable[str]:
    files = (Path(p).stem for p in (sample.reference, sample.input_image) if p)
    asked = (q.text for q in sample.questions)
    return (sample.id, sample.prompt, *sample.captions, *sample.negatives, sample.group, sample.meaning, *files, *asked)
