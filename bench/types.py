"""The nouns of the project as frozen dataclasses: what a sample, request, outcome, view, metric card and score are.

Data only: no files, no models, no torch. Every room speaks in these types; a plug-in needs nothing else but the base
class of its room.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Box = tuple[float, float, float, float]
"""xyxy in pixels: left, top, right, bottom."""

Subject = Literal["generated", "reference", "own", "prompt", "captions", "negatives", "sample", "input"]
"""own: the reference image of the row's own sample; reference: the dataset's reference images as a set; negatives: the
false captions of its sample."""
Output = Literal["image", "facts", "features", "logits", "map", "detections", "answers", "text", "truth", "masks"]
Scope = Literal["sample", "group", "gallery", "set"]
Direction = Literal["higher", "lower", "none"]
Status = Literal["ok", "refused", "failed", "missing", "unreadable"]


# ---- what a dataset knows ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thing:
    """An object that the prompt asks for."""

    label: str
    """Class name, e.g. 'circle' or 'dog'."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attribute name -> value, e.g. {'colour': 'red', 'size': 'small'}; only what the prompt states is tested."""
    box: Box | None = None
    """xyxy in pixels of a picture of the sample's `size`, where known."""
    mask: str | None = None
    """Locator of a mask image, where known."""


@dataclass(frozen=True)
class Relation:
    """`objects[subject]` stands in `predicate` ('left of', 'above', ...) to `objects[object]`."""

    subject: int
    predicate: str
    object: int


@dataclass(frozen=True)
class Event:
    """Something that happens in frames [start, end] (inclusive), the `order`-th to begin."""

    text: str
    order: int
    span: tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A question about the image with its right answer; `parents` must be answered right for it to count."""

    id: str
    text: str
    answer: str
    choices: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class Sample:
    """One prompt of a dataset with all that is known about it."""

    id: str
    prompt: str
    """The text that is sent to the generator."""
    captions: tuple[str, ...] = ()
    """All true texts of this sample; empty means (prompt,)."""
    reference: str | None = None
    """Locator of the reference image; the dataset's `load_image` turns it into pixels."""
    input_image: str | None = None
    frames: int = 1
    size: tuple[int, int] = (0, 0)
    """(width, height) of the picture in whose pixels the boxes of `objects` are; (0, 0): those of the image at hand."""
    objects: tuple[Thing, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()
    questions: tuple[Question, ...] = ()
    group: str = ""
    """Unit of resampling and of positives (e.g. the photograph); empty means the id."""
    meaning: str = ""
    """Key of what the text says: two samples of one meaning are never each other's mismatch; empty: normalised
    prompt."""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.captions:
            object.__setattr__(self, "captions", (self.prompt,))
        if not self.group:
            object.__setattr__(self, "group", self.id)
        if not self.meaning:
            object.__setattr__(self, "meaning", normalised(self.prompt))

    @property
    def negatives(self) -> tuple[str, ...]:
        """Captions that are false of its image: the tag `negatives` (a JSON list of texts), else `negative` (one)."""
        given = self.tags.get("negatives", "")
        try:
            found = json.loads(given) if given.startswith("[") else None
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(t, str) for t in found):
            return tuple(t for t in found if t.strip())
        return tuple(t for t in (given or self.tags.get("negative", ""),) if t.strip())


def normalised(text: str) -> str:
    """Case-folded text with single spaces and without a closing full stop: the default meaning of a caption."""
    return " ".join(text.casefold().split()).rstrip(" .")


# ---- generation ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One image (or `frames` images) to make."""

    sample_id: str
    k: int
    """Repeat: the k-th image of this prompt, from 0."""
    prompt: str
    seed: int
    """63-bit, a hash of (run seed, sample id, k) and nothing else."""
    frames: int = 1
    size: tuple[int, int] | None = None
    """(width, height) asked for; None leaves it to the generator."""


@dataclass(frozen=True)
class Outcome:
    """What became of one request. A generator may yield bare images instead of ok-outcomes."""

    image: Any = None
    """PIL image or uint8 array (h, w, 3); a sequence of them when the request has several frames."""
    path: str | None = None
    """An existing file to be recorded, never copied; frames: one path a frame, joined by newlines."""
    status: Status = "ok"
    reason: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    """Whatever the generator wants recorded, e.g. a revised prompt or the true seed."""


@dataclass(frozen=True)
class ImageRow:
    """Which image of a run is meant, for extractors that answer for rows instead of looking at pixels."""

    sample: str
    """'' for an image that belongs to no sample (of a reference set)."""
    k: int = 0
    frame: int = 0
    path: str = ""
    """As recorded; '' where the image is not here."""
    digest: str = ""
    """sha256 of the decoded pixels."""
    size: tuple[int, int] = (0, 0)
    """(width, height); (0, 0) where it is not known."""

    @property
    def name(self) -> str:
        """What tells it from all others of a run or a reference set."""
        return f"{self.sample}#{self.k}#{self.frame}" if self.sample else self.path


def without_image(digest: str, size: tuple[int, int]) -> Outcome:
    """An image that is known by recorded evidence alone: its digest and (width, height), (0, 0) where not known."""
    return Outcome(info={"without image": {"digest": digest, "size": [*size]}})


# ---- what extractors say -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detections:
    """Objects found in one image. All sequences have the same length m; m = 0 is a valid answer."""

    boxes: np.ndarray
    """(m, 4) float64, xyxy in pixels."""
    labels: tuple[str, ...]
    scores: np.ndarray
    """(m,) float64 in [0, 1]."""
    attributes: tuple[Mapping[str, str], ...] = ()
    """Attribute name -> value for each object; empty means none was judged."""
    size: tuple[int, int] = (0, 0)
    """(width, height) of the image."""
    readable: bool = True
    """False when the detector could make nothing of the image (a photograph given to a scene detector, say)."""
    masks: tuple[np.ndarray, ...] = ()
    """bool (h, w), all of one size, for each object; empty means none was made."""


@dataclass(frozen=True)
class Answers:
    """Answers to a sample's questions: id -> text, and id -> probability of the right one where the model gives it."""

    texts: Mapping[str, str] = field(default_factory=dict)
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PixelFacts:
    """What the engine notes of every image while it is decoded (output 'facts'): no metric need decode it again."""

    digest: str
    """sha256 of the decoded pixels."""
    width: int
    height: int
    low: int
    """Smallest channel value, 0..255."""
    high: int
    """Largest channel value."""
    uniform: bool | None = None
    """Whether all pixels have one colour; None: not noted, only grey ones are known by low == high."""

    @property
    def constant(self) -> bool:
        """Whether all pixels have one colour."""
        return self.low == self.high if self.uniform is None else bool(self.uniform)


@dataclass(frozen=True)
class View:
    """What a metric consumes."""

    subject: Subject
    output: Output
    extractor: str | None = None
    """Text form of the extractor; None for outputs that need none (image, facts, truth, text)."""
    query: str | None = None
    """What the extractor is asked about the subject: None, 'prompt', 'captions', 'questions' or 'labels'."""


# ---- metrics and scores --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimator:
    """How per-row columns become the score, so that statistics resample the estimator and not only a mean.

    mean: mean(columns[0]); median: median(columns[0]); ratio: sum(columns[0]) / sum(columns[1]);
    macro: mean over the values of tag columns[1] of mean(columns[0]).
    """

    kind: Literal["mean", "median", "ratio", "macro"]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class OutputCard:
    """One number that a metric gives."""

    name: str
    """Unique within the metric; 'value' when there is but one."""
    label: str
    """What a table's head prints."""
    direction: Direction
    low: float | None = None
    """Lower bound; None: unbounded."""
    high: float | None = None
    unit: str = ""
    primary: bool = True
    """False: shown in the details, not in the main table."""
    estimator: Estimator | None = None
    """None for scope set, whose interval comes from contributions of images or from replicates."""


def contribution(output: str) -> str:
    """Column of samples.parquet whose mean is a set metric's output: value + influence of each image."""
    return f"contribution to {output}"


@dataclass(frozen=True)
class MetricCard:
    """Everything needed to read a metric's scores without its plug-in; embedded in run.json."""

    metric: str
    """Canonical text form with all that the user gave."""
    name: str
    version: int
    scope: Scope
    outputs: tuple[OutputCard, ...]
    responds_to: tuple[str, ...] = ()
    """Defects that must move it: wrong-colour, wrong-shape, wrong-count, wrong-side, wrong-order, wrong-span, shuffled,
    constant, noise, duplicates, seeds-ignored."""
    views: Mapping[str, View] = field(default_factory=dict)
    summary: str = ""
    paper: str = ""
    caveat: str = ""
    """What a reader must know beside the number, e.g. 'random weights (seed 0)' or 'not independent'."""


@dataclass(frozen=True)
class Score:
    """One number of one run with its interval, denominator and protocol."""

    metric: str
    output: str
    value: float | None
    """None only with a `note` that says why there is no number."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    method: str = ""
    """How the interval was made, e.g. 'cluster bootstrap, 2000 resamples' or 'delete-block jackknife, 10 blocks'."""
    n: int = 0
    """Rows (images) that entered."""
    n_missing: int = 0
    policy: str = "exclude"
    """How missing rows counted: 'worst' (as the worst score) or 'exclude'."""
    protocol: str = ""
    """Digest of the full protocol (run.json `protocols`)."""
    replicates: tuple[float, ...] = ()
    """Set metrics: the value with block b left out, blocks being equal in every run of the dataset."""
    chance: float | None = None
    """Mean value when the texts of the same views are permuted among the images."""
    note: str = ""


# ---- runs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunSpec:
    """All that a run is asked to be, in text forms; `bench.engine` resolves it."""

    system: str
    """Canonical system text, e.g. 'oracle(defect=wrong-colour,p=0.2)' or 'folder(path=...)'."""
    dataset: str
    label: str = ""
    metrics: tuple[str, ...] = ()
    panel: str = ""
    extractors: tuple[str, ...] = ()
    """Replacements by name, e.g. 'inception-v3(seed=0)': put into every metric that uses that extractor."""
    seed: int = 0
    repeats: int | None = None
    """Images a prompt; None: what the system offers (folder) or 1."""
    only: str = ""
    """'', 'first:N', 'present' or a file of ids."""
    size: tuple[int, int] | None = None
    reference: str = ""
    missing: str = ""
    """'', 'worst' or 'exclude': overrides the metrics' own policy."""
    factors: Mapping[str, str] = field(default_factory=dict)
    visibility: str = ""
    """'', 'public' or 'private': what the command said; never part of a digest."""


@dataclass(frozen=True)
class Provenance:
    """Where and with what a run was made: recorded, never compared by digest."""

    suite: str
    command: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    platform: str = ""
    device: str = ""
    dtype: str = ""
    git: str = ""


@dataclass(frozen=True)
class Run:
    """A run folder as read from disk."""

    path: str
    spec: RunSpec
    digest: str
    label: str
    scores: tuple[Score, ...]
    cards: Mapping[str, MetricCard]
    """Metric text -> card."""
    protocols: Mapping[str, Mapping[str, Any]]
    """Protocol digest -> its fields."""
    provenance: Provenance
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """name, version, n samples, prompt-list digest, slice; `visibility` and `sensitive` where they say something."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Outcome status -> number of images."""
    notes: tuple[str, ...] = ()
    """What the run wants its readers to know (mismatched captions, left-out metrics, ...)."""
