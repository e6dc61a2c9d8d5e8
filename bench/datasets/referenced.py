"""What datasets of captions share: a reference set that is a folder, an .npz of statistics, or another dataset.

A folder of references need not meet the prompts: it is a set. Its identity is over names and contents.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench import registry
from bench.datasets.base import Dataset
from bench.errors import BenchError, DataError
from bench.formats.folders import file_digest, list_images, manifest_digest
from bench.formats.images import decode
from bench.spec import digest, parse
from bench.types import Sample


class Referenced(Dataset):
    """A dataset with `reference`: DIR, FILE.npz (arrays mu (d,) and sigma (d, d)), or a dataset's text form; None: the
    samples' own reference images, where they have any."""

    def __init__(self, reference: str | None = None) -> None:
        self.reference = None if reference in (None, "", "none") else os.path.expanduser(str(reference))

    @cached_property
    def samples(self) -> Sequence[Sample]:
        """All samples, read once."""
        raise NotImplementedError

    def __iter__(self) -> Any:
        return iter(self.samples)

    @property
    def statistics(self) -> str | None:
        """Path of the .npz with the moments of the reference features, or None."""
        return self.reference if self.reference and self.reference.casefold().endswith(".npz") else None

    @cached_property
    def _folder(self) -> Any:
        return list_images(self.reference) if self.reference and os.path.isdir(self.reference) else None

    @cached_property
    def _other(self) -> Any:
        if not self.reference or self.statistics or self._folder is not None:
            return None
        try:
            spec = parse(self.reference)
            return registry.create("dataset", spec.name, spec.params)
        except BenchError as error:
            raise DataError(
                f"The reference '{self.reference}' is neither a folder, nor an .npz file, nor a dataset. {error}"
            ) from None

    def problems(self) -> list[str]:
        """Everything about prompts and reference that stands in the way, a sentence each."""
        found: list[str] = []
        for check in (lambda: self.samples, self._check_reference):
            try:
                check()
            except BenchError as error:
                found += error.messages
        return list(dict.fromkeys(found))

    def _check_reference(self) -> None:
        if self.statistics:
            _check_statistics(self.statistics)
        elif self._folder is not None:
            if not self._folder.files:
                raise DataError(f"The reference folder '{self.reference}' holds no images.")
        elif self._other is not None:
            problems = self._other.problems()
            if problems:
                raise DataError(*problems)
        else:
            self._check_own()

    def _check_own(self) -> None:
        absent = [s for s in self.samples if s.reference is not None and not os.path.isfile(s.reference)]
        if absent:
            raise DataError(
                f"{len(absent)} of {len(self.samples)} reference images do not exist, the first is "
                f"'{absent[0].reference}' of sample '{absent[0].id}'; paths are relative to the file of prompts."
            )

    def references(self) -> Iterable[str]:
        """Files of the folder in natural order, the other dataset's references, or the samples' own."""
        if self.statistics:
            return []
        if self._folder is not None:
            return [self._folder.path(file) for file in self._folder.files]
        if self._other is not None:
            return list(self._other.references())
        return list(dict.fromkeys(s.reference for s in self.samples if s.reference is not None))

    def load_image(self, locator: str) -> np.ndarray:
        if self._other is not None and locator not in self._own:
            return self._other.load_image(locator)
        return decode(locator)

    @cached_property
    def _own(self) -> set[str | None]:
        return {path for s in self.samples for path in (s.reference, s.input_image)}

    def own_identity(self) -> Any:
        """Digest of the contents of the samples' own reference files."""
        own = dict.fromkeys(s.reference for s in self.samples if s.reference is not None)
        return digest([file_digest(path) for path in own])

    def training(self) -> Iterable[Sample]:
        """The training split of the dataset that is the reference, if it has one."""
        return self._other.training() if self._other is not None else ()

    def identity(self) -> Mapping[str, Any]:
        """Digest of ids, texts and groups, and of the contents of the reference; no paths."""
        return {"samples": digest([_facts(s) for s in self.samples]), "reference": self._reference_identity}

    @cached_property
    def _reference_identity(self) -> Any:
        if self.statistics:
            return {"statistics": file_digest(self.statistics)}
        if self._folder is not None:
            return {"folder": manifest_digest(self._folder.root, self._folder.files)}
        if self._other is not None:
            return {"dataset": self._other.plugin_name, "version": self._other.version, **self._other.identity()}
        own = list(self.references())
        absent = [path for path in own if not Path(path).is_file()]
        if absent:
            raise DataError(
                f"{len(absent)} of {len(own)} reference images are not there; the first is '{absent[0]}'."
            )
        return {"own": digest([file_digest(path) for path in own])}


def _facts(sample: Sample) -> list[Any]:
    return [sample.id, sample.prompt, list(sample.captions), sample.group, sample.meaning, sample.frames]


def _check_statistics(path: str) -> None:
    try:
        with np.load(path, allow_pickle=False) as content:
            names = set(content.files)
            arrays = [content[name] for name in ("mu", "sigma") if name in names]
    except FileNotFoundError:
        raise DataError(f"The statistics '{path}' do not exist.") from None
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:  # AttributeError: a bare .npy array
        raise DataError(f"The statistics '{path}' are no .npz file: {error}.") from None
    if len(arrays) < 2:
        there = ", ".join(sorted(names)) or "nothing"
        raise DataError(f"The statistics '{path}' hold {there}; they need mu (d,) and sigma (d, d).")
    mu, sigma = arrays
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise DataError(
            f"The statistics '{path}' have mu of shape {mu.shape} and sigma of shape {sigma.shape}; they must be (d,) "
            "and (d, d)."
        )
    for name, array in (("mu", mu), ("sigma", sigma)):
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise DataError(f"The {name} of the statistics '{path}' holds something else than finite numbers.")
