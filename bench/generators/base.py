"""What a generator is: it turns requests (prompt, seed) into images, in any order and in any number of processes.

An image depends on its request alone (and on the generator's parameters and weights), never on the batch, the worker or
the requests before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bench.errors import UsageError
from bench.spec import Spec
from bench.types import Outcome, Request, Sample


@dataclass(frozen=True)
class Context:
    """What the engine lends to a generator while it works."""

    samples: Mapping[str, Sample]
    """The run's samples by id. Only controls and folders may look at the truth in them."""
    dataset: str
    """Text form of the dataset."""
    training: Callable[[], Iterable[Sample]] = field(default=lambda: ())
    """The dataset's training split, for generators that retrieve or imitate."""
    load_image: Callable[[str], Any] = field(default=lambda locator: None)
    """Locator -> uint8 (h, w, 3), the dataset's own."""
    notify: Callable[[str], None] = field(default=lambda line: None)
    """Shows one line to the user (which files met which prompts, say)."""
    device: str = "cpu"
    """Where networks are to run; never part of an identity."""
    view: Callable[..., Any] | None = None
    """`view(output, extractor, images, samples)`: a judgement while generating; recorded as *not independent*.

    output: 'features', 'logits', 'detections', ...; extractor: one of the generator's `judges`; images: uint8 arrays
    (h, w, 3), one a sample, or None for the samples' prompts. Gives a float tensor (n, ...) or a list of length n."""


@dataclass(frozen=True)
class Denoiser:
    """How a flow draws some requests, for those who combine the predictions of several (tensors of torch)."""

    start: Any
    """(b, c, h, w): the noise of the requests' seeds, at t = 1."""
    velocities: Callable[[Any, float], tuple[Any, Any]]
    """(x, t in (0, 1]) -> the velocity (x - image) / t with the requests' texts, and the one with the empty text."""
    guidance: float
    """v = empty + guidance (text - empty) is what it follows when it draws alone."""
    steps: int
    finish: Callable[[Any], Sequence[Any]]
    """x at t = 0 -> images, uint8 (h, w, 3)."""


class Generator:
    """Base of all generators. Subclass, implement `generate`, register with `@register("generator", NAME)`."""

    version: ClassVar[int] = 1
    control: ClassVar[bool] = False
    """True for oracle, shuffled, noise, ...: shown as a control, never ranked as a system."""
    reproducible: bool = True
    """False when equal requests may give other images (a server that takes no seed)."""
    existing: ClassVar[bool] = False
    """True when outcomes are files that exist already (recorded by path, never copied)."""
    not_identity: ClassVar[tuple[str, ...]] = ()
    """Parameters that do not change images (paths, timeouts): left out of digests; `identity()` says what they lead
    to."""
    fusion: ClassVar[str] = ""
    """Text form of the fusion strategy it uses where a system names none; '' for a generator that takes none."""
    factors: ClassVar[tuple[str, ...]] = ()
    """Parameters by which replicates of one system differ (training seeds): factors of a run, left out of the system's
    name and kept in digests."""
    evidence: str = ""
    """Path of the recorded evidence that stands for its images, which are not here: outcomes are `without_image`, and
    only extractors of rows can be asked."""
    batch_size: int = 16
    """How many requests the engine hands over at once."""
    judges: Sequence[str] = ()
    """Extractors, in text form, that it asks through `context.view`: they are part of the system, and scores by them
    are marked as not independent."""
    teachers: Sequence[str] = ()
    """Extractors, in text form, that its training was held to: scores by them are marked in the same way."""

    def fuse(self, fusion: Spec) -> None:
        """Take a fusion strategy, before anything else; with `fusion` declared the engine always calls it, with that
        one where the system names none. UsageError for one that it cannot take."""
        name = getattr(self, "plugin_name", "This generator")
        raise UsageError(f"{name} takes no fusion strategy; leave out '+{fusion}'.")

    def models(self) -> Sequence[tuple[str, str]]:
        """(folder or owner/name of the hub, revision) of each model that it loads: what `bench fetch` brings and `bench
        doctor` looks for."""
        return ()

    def problems(self) -> list[str]:
        """Sentences that say what is missing (a path, weights, a package); empty when it can start."""
        return []

    def identity(self) -> Mapping[str, Any]:
        """All that changes its images beyond its parameters: weights sha256, folder manifest, declared version."""
        return {}

    def setup(self, context: Context) -> None:
        """Called once before `generate`, in each process."""
        self.context = context

    def repeats(self) -> int | None:
        """How many images a prompt it has (folders: known after `setup`); None: as many as asked for."""
        return None

    def notes(self) -> Sequence[str]:
        """Lines for the run's record (extra files, duplicates), known after `setup`."""
        return ()

    def generate(self, requests: Sequence[Request]) -> Iterable[Any | Outcome]:
        """One image (PIL, or uint8 array (h, w, 3); a list of them for several frames) or Outcome a request, in order.

        Raise only when nothing more can be made: the failure of one image is `Outcome(status='failed', reason=...)`.
        """
        raise NotImplementedError

    def denoiser(self, requests: Sequence[Request]) -> Denoiser:
        """Optional: how a flow draws these requests (at most a batch). UsageError for generators that are no flow."""
        name = getattr(self, "plugin_name", "This generator")
        raise UsageError(f"{name} predicts no velocity to combine with another's; flow, for instance, does.")

    def attack(self, requests: Sequence[Request], eps: float, kind: str) -> Iterable[Any | Outcome]:
        """Optional: `generate` with every word embedding moved by `eps` times the embeddings' root mean square in each
        coordinate: up the gradient of its own loss (kind='fgsm'), or by random signs ('random')."""
        name = getattr(self, "plugin_name", "This generator")
        raise UsageError(f"{name} gives no gradients of its word embeddings to attack it by; flow, for instance, does.")

    def close(self) -> None:
        """Called once at the end, also after a failure."""


def as_outcomes(results: Iterable[Any]) -> Iterator[Outcome]:
    """Bare images and Outcomes alike as Outcomes."""
    for result in results:
        yield result if isinstance(result, Outcome) else Outcome(image=result)
