"""What the runs of one study share while they are carried out: options, cache, extractors in memory, texts and
references as each extractor sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import store
from bench.engine import plan as plans
from bench.engine import rows as rows_of
from bench.engine import views
from bench.engine.cache import Cache
from bench.engine.extract import make_eye
from bench.engine.looks import Eye
from bench.engine.options import Options
from bench.engine.plan import Plan
from bench.engine.pool import Member, others
from bench.engine.resolve import Asked, Resolved, has_reference
from bench.engine.score import Reference
from bench.engine.shared import image_files, text_view
from bench.registry import plain
from bench.spec import digest

TEXTS = ("prompt", "captions", "negatives")
SUBJECTS = ("generated", "reference", "own", *TEXTS)
"""Subjects that extractors look at or read."""


@dataclass
class Session:
    """What the runs of one study share: options, cache and the extractors in memory."""

    options: Options
    cache: Cache
    eyes: dict[str, Eye] = dataclasses.field(default_factory=dict)
    """Extractor text and key -> Eye: a network is loaded once a study."""

    def eyes_of(self, resolved: Resolved, asked: Sequence[Asked], subjects: Sequence[str]) -> dict[str, Eye]:
        """The extractors that these metrics' views of these subjects name."""
        texts = [
            plain("extractor", v.extractor)
            for a in asked
            for v in a.card.views.values()
            if v.extractor and v.subject in subjects
        ]
        found = {}
        for text in dict.fromkeys(texts):
            extractor = resolved.extractors[text]
            made = make_eye(extractor, self.options)  # its key holds what it takes from the data set (names, labels)
            name = f"{text} {made.key}" if not extractor.of_rows else f"{text} of {resolved.spec.label} {id(extractor)}"
            found[text] = self.eyes.setdefault(name, made)
        return found


def beside_of(plan: Plan, asked: Sequence[Asked], session: Session) -> rows_of.Beside:
    """The texts and the samples' own references of a run as each extractor sees them."""
    table = {
        text: text_view(_read_by(text, plan, asked), eye, plan.folder.parent, session.cache, session.options)
        for text, eye in session.eyes_of(plan.resolved, asked, TEXTS).items()
    }
    store.crash_point("shared-done")
    return rows_of.Beside(table, _owned(plan, asked, session), plan.resolved.dataset.load_image)


def _owned(plan: Plan, asked: Sequence[Asked], session: Session) -> dict[str, Any]:
    """Extractor text -> locator of a sample's own reference -> outputs."""
    eyes = session.eyes_of(plan.resolved, asked, ("own",))
    if not eyes:
        return {}
    locators = list(dict.fromkeys(s.reference for s in plan.resolved.samples if s.reference is not None))
    name = f"own-{digest([locators, plans.own_identity(plan.resolved.dataset)])[:16]}"
    files = image_files(
        plan.resolved.dataset, locators, name, list(eyes.values()), plan.folder.parent, session.cache, session.options
    )
    found: dict[str, Any] = {}
    for text, eye in eyes.items():
        rows = [views.read(path) for path in files[eye.key]]
        found[text] = {key: views.take(part, i) for part in rows for i, key in enumerate(part.keys)}
    return found


def overlong_texts(plan: Plan, asked: Sequence[Asked], session: Session) -> list[str]:
    """A line for each extractor that does not read some texts to their end."""
    found = []
    for text, eye in session.eyes_of(plan.resolved, asked, TEXTS).items():
        texts = list(dict.fromkeys(_read_by(text, plan, asked)))
        if cut := eye.extractor.overlong(texts):
            found.append(
                f"{cut} of {len(texts)} texts are longer than the {eye.extractor.context} tokens that {text} reads: "
                "their ends are not judged."
            )
    return found


def _read_by(extractor: str, plan: Plan, asked: Sequence[Asked]) -> list[str]:
    """The prompts of a run, and the captions, true or false, where a metric asks this extractor for them."""
    subjects = {
        v.subject
        for a in asked
        for v in a.card.views.values()
        if v.extractor and plain("extractor", v.extractor) == extractor
    }
    samples = plan.resolved.samples
    captions = [c for s in samples for c in s.captions] if "captions" in subjects else []
    negatives = [c for s in samples for c in s.negatives] if "negatives" in subjects else []
    return [*(s.prompt for s in samples), *captions, *negatives]


def reference_of(
    plan: Plan, pool: Sequence[Member], asked: Sequence[Asked], session: Session, most: int | None = None
) -> Reference | None:
    """The reference side of the asked set metrics; None where they have none. most: its first files only."""
    resolved = plan.resolved
    eyes = list(session.eyes_of(resolved, asked, ("reference",)).values())
    if not eyes:
        return None
    if resolved.spec.reference == "others":
        return others(plan, pool, eyes)
    identity = plans.reference_identity(resolved.dataset)
    statistics = getattr(resolved.dataset, "statistics", None)
    if statistics is not None:
        return Reference({"set": identity}, {}, str(statistics))
    if not has_reference(resolved.dataset):
        return None
    locators = list(resolved.dataset.references())
    files = image_files(
        resolved.dataset, locators, f"reference-{digest(identity)[:16]}", eyes, plan.folder.parent, session.cache,
        session.options, most,
    )  # fmt: skip
    return Reference({"set": identity}, files)
