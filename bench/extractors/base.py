"""What an extractor is: a frozen model that turns images or texts (and a query) into declared outputs.

The engine calls, in this order: the constructor (parses parameters, touches no weights), `problems()` and `identity()`
(cheap, before any heavy work), `load(device, dtype)` once, then for each batch of at most `batch_size` items
`prepare_*` (in worker threads, one item at a time) and `extract_*`. All declared outputs of a subject are always given
and stored, so that a metric added later finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from bench.types import ImageRow, Sample


class Extractor:
    """Base of all extractors. Subclass, set the class variables, and register with `@register("extractor", NAME)`."""

    version: ClassVar[int] = 1
    """Raise when the same weights would give other numbers: it is part of every view digest."""
    image_outputs: tuple[str, ...] = ()
    """Outputs of an image, e.g. ('features', 'logits'); empty: takes no images."""
    text_outputs: tuple[str, ...] = ()
    """Outputs of a text; empty: takes no texts."""
    query: str | None = None
    """What it must be asked about an image: None, 'prompt', 'questions', or 'answers' (questions with their right
    answers, for models that give the probability of those)."""
    batch_size: int = 32
    """Fixed: the engine pads the last batch by repetition and cuts the rows off, so that results do not depend on
    it."""
    context: int = 0
    """Tokens of a text that it reads, its own marks included; 0: texts of any length."""
    of_rows: ClassVar[bool] = False
    """True when it answers for rows, whatever their pixels are (recorded evidence): a prepared image is an `ImageRow`,
    and beside its outputs it gives `absent`: for each row the outputs of which it knows nothing. They are missing,
    never empty."""
    lacks: ClassVar[bool] = False
    """True when it may have nothing to say of an image: it then gives `absent`, too."""
    judges: Sequence[str] = ()
    """Extractors, in text form, that it is made of or may ask: what they need, it needs."""
    caveat: str = ""
    """What readers of its numbers must know, e.g. 'random weights, seed 0'."""

    def attach(self, label: str, evidence: str, samples: Iterable[Sample]) -> None:
        """Called once before `problems` where it is used in a run: the run's label, the evidence that its system is
        made of ('' where that is images), and all samples of the data set."""

    def models(self) -> Sequence[tuple[str, str]]:
        """(folder or owner/name of the hub, revision) of each model that it loads: what `bench fetch` brings and `bench
        doctor` looks for."""
        return ()

    def problems(self) -> list[str]:
        """Sentences that say what is missing on this machine (weights, an optional package); empty when it can load."""
        return []

    def identity(self) -> Mapping[str, Any]:
        """All that changes its outputs: weights (sha256 or seed), preprocessing, dtype-independent. JSON-able.
        Cheap."""
        raise NotImplementedError

    def protocol(self) -> Mapping[str, Any]:
        """What of its identity says how it judges: the protocol of scores. Default: all of it."""
        return self.identity()

    def remarks(self, rows: Sequence[ImageRow]) -> list[str]:
        """What a run of these images must tell of it (rows of a file that met no image, say)."""
        return []

    def reasons(self, outputs: Mapping[str, Any]) -> list[str]:
        """Why something is absent in one file of its views (output -> rows): a text each, equal ones are counted."""
        return []

    def overlong(self, texts: Sequence[str]) -> int:
        """How many of these distinct texts are longer than `context`, so that their ends are not judged."""
        return 0

    def load(self, device: str = "cpu", dtype: str = "float32") -> None:
        """Bring the model into memory. Called once, before the first `extract_*`."""

    def prepare_image(self, image: np.ndarray) -> Any:
        """uint8 (h, w, 3) RGB of any size -> what one batch row is made of (a tensor or array of fixed shape)."""
        return image

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """`len(batch)` prepared images -> output name -> rows.

        Rows are a float tensor (b, ...) for features, logits and map, and a list of length b of `Detections`, `Answers`
        or str for detections, answers and text.
        """
        raise NotImplementedError

    def extract_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """`len(texts)` texts -> output name -> rows, as `extract_images`."""
        raise NotImplementedError
