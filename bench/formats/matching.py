"""How existing files meet prompts: one declared rule, or `auto`, which takes a rule when none other fits differently.

A wrong pairing gives a plausible and worthless score, so everything doubtful is refused with the rules that would fit,
and what was paired can be shown before work starts (`Matching.preview`). Prompts shifted by one fit every rule here;
the engine finds those by comparing own captions with others'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import DataError, UsageError, did_you_mean
from bench.formats import match_rules
from bench.formats.folders import few
from bench.formats.manifests import Entry
from bench.formats.match_rules import Candidate, Key
from bench.formats.tiles import split
from bench.types import Sample

RULES = ("index", "stem", "caption", "manifest")
_NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Matching:
    """Which file is the k-th image of which sample."""

    pairs: dict[Key, str]
    """(sample id, k) -> file, in the order of samples and k; the files of several frames are joined by line breaks."""
    missing: tuple[Key, ...]
    """(sample id, k) without a file, for k below `repeats`."""
    extra: tuple[str, ...]
    """Files that belong to no prompt, or are more than `repeats` for theirs."""
    duplicates: tuple[str, ...]
    """Files that claim the place of another file."""
    rule: str
    repeats: int
    """Images a prompt: as many as at least half of the prompts with images have."""
    notes: tuple[str, ...] = ()
    prompts: tuple[tuple[str, str], ...] = ()
    """(sample id, prompt) of all samples, for `preview`."""

    def preview(self, count: int = 3) -> list[str]:
        """`count` pairs as lines, spread from the first to the last: what a person checks before work starts."""
        keys = list(self.pairs)
        count = min(count, len(keys))
        chosen = [round(at * (len(keys) - 1) / max(1, count - 1)) for at in range(count)]
        texts = dict(self.prompts)
        return [f"{self.pairs[keys[at]].splitlines()[0]} <- {_short(texts[keys[at][0]])}" for at in chosen]

    def summary(self) -> list[str]:
        """Counts and notes, one line each."""
        prompts = len({sample_id for sample_id, _ in self.pairs})
        lines = [f"matched by {self.rule}: {len(self.pairs)} images, {prompts} of {len(self.prompts)} prompts"]
        for what, found in (("missing", self.missing), ("extra", self.extra), ("duplicate", self.duplicates)):
            if found:
                names = [f"{one[0]} (k={one[1]})" if isinstance(one, tuple) else one for one in found]
                lines.append(f"{len(found)} {what}: {few(names)}")
        return [*lines, *self.notes]


def match(
    files: Sequence[str], samples: Sequence[Sample], rule: str = "auto", manifest: Sequence[Entry] | None = None
) -> Matching:
    """Pair files (relative paths, '/' between parts) with samples (all of the dataset, in its order).

    Raises DataError when the rule cannot be applied, when no rule fits, or when two rules fit differently.
    """
    if rule not in (*RULES, "auto"):
        raise UsageError(f"'{rule}' is no rule of matching.{did_you_mean(rule, (*RULES, 'auto'))}")
    if not files or not samples:
        raise DataError(f"There are {len(files)} images and {len(samples)} prompts; at least one of each is needed.")
    files = match_rules.in_order(files)
    if rule == "auto":
        chosen = _auto(files, samples, manifest)
    else:
        chosen = _try(rule, files, samples, manifest)
        if chosen.problem or not chosen.pairs:
            reason = chosen.problem or _nothing(chosen, files)
            raise DataError(f"The images cannot be matched by {rule}: {reason}.{_others(rule)}")
    return assembled(chosen, files, samples)


def _try(rule: str, files: Sequence[str], samples: Sequence[Sample], manifest: Sequence[Entry] | None) -> Candidate:
    if rule != "manifest":
        return getattr(match_rules, rule)(files, samples)
    if manifest is None:
        return Candidate("manifest", problem="there is no manifest.csv or manifest.jsonl in the folder")
    return match_rules.manifest(files, samples, manifest)


def _auto(files: Sequence[str], samples: Sequence[Sample], manifest: Sequence[Entry] | None) -> Candidate:
    """The manifest where there is one (it is a declaration); else the rule that fits, all that fit agreeing."""
    if manifest is not None:
        chosen = _try("manifest", files, samples, manifest)
        if not chosen.pairs:
            raise DataError(f"The manifest pairs no image with a prompt: {'; '.join(chosen.notes) or 'it is empty'}.")
        return chosen
    tried = [_try(rule, files, samples, None) for rule in ("stem", "caption", "index")]
    fitting = [one for one in tried if not one.problem and not one.doubt and _fits(one, files, samples)]
    for one in fitting:
        for other in fitting:
            if (conflict := _conflict(one, other)) is not None:
                raise _two_fit(conflict, one, other, samples)
    if not fitting:
        reasons = "; ".join(f"{one.rule}: {one.problem or one.doubt or _nothing(one, files)}" for one in tried)
        counts = f"{len(files)} images with the {len(samples)} prompts"
        raise DataError(f"No rule matches the {counts} ({reasons}).{_others('')}")
    return max(fitting, key=lambda one: len(one.pairs))


def _fits(one: Candidate, files: Sequence[str], samples: Sequence[Sample]) -> bool:
    """Nearly all files are used, or nearly all prompts have one (a folder may hold more than a slice asks for)."""
    if not one.pairs:
        return False
    used = sum(len(file.splitlines()) for file in one.pairs.values()) + len(one.duplicates)
    covered = len({sample_id for sample_id, _ in one.pairs})
    return used >= _NEARLY_ALL * len(files) or covered >= _NEARLY_ALL * len(samples)


def _conflict(one: Candidate, other: Candidate) -> str | None:
    """A file that the two give to different samples. Another k of the same sample is no conflict."""
    owners = {file: sample_id for (sample_id, _), file in other.pairs.items()}
    return next((f for (sample_id, _), f in one.pairs.items() if owners.get(f, sample_id) != sample_id), None)


def _two_fit(file: str, one: Candidate, other: Candidate, samples: Sequence[Sample]) -> DataError:
    texts = {s.id: s.prompt for s in samples}
    said = [
        f"by {rule.rule} it belongs to {_short(next(texts[key[0]] for key, f in rule.pairs.items() if f == file))}"
        for rule in (one, other)
    ]
    return DataError(
        f"Two rules match the images differently, e.g. '{file}': {' and '.join(said)}. "
        f"Say which is right by --match {one.rule} or --match {other.rule}."
    )


def assembled(chosen: Candidate, files: Sequence[str], samples: Sequence[Sample], repeats: int = 0) -> Matching:
    """A candidate with what is missing and extra; repeats: images a prompt, where they are known beforehand."""
    repeats = repeats or usual_repeats(chosen)
    wanted = [(sample.id, k) for sample in samples for k in range(repeats)]
    pairs = {key: chosen.pairs[key] for key in wanted if key in chosen.pairs}
    used = {split(file)[0] for joined in pairs.values() for file in joined.split("\n")} | set(chosen.duplicates)
    return Matching(
        pairs=pairs,
        missing=tuple(key for key in wanted if key not in pairs),
        extra=tuple(file for file in files if file not in used),
        duplicates=chosen.duplicates,
        rule=chosen.rule,
        repeats=repeats,
        notes=chosen.notes,
        prompts=tuple((sample.id, sample.prompt) for sample in samples),
    )


def usual_repeats(chosen: Candidate) -> int:
    """The most images that at least half of the prompts with images have: one odd file makes no others missing."""
    counts = Counter(k for _, k in chosen.pairs)
    prompts = len({sample_id for sample_id, _ in chosen.pairs})
    return max([k + 1 for k, count in counts.items() if 2 * count >= prompts], default=1)


def _nothing(one: Candidate, files: Sequence[str]) -> str:
    used = {file for joined in one.pairs.values() for file in joined.split("\n")} | set(one.duplicates)
    odd = next((file for file in files if file not in used), files[0])
    return f"{len(used)} of {len(files)} images fit, '{odd}' for one does not"


def _others(rule: str) -> str:
    others = [name for name in RULES if name != rule]
    return f" Say how by --match {', '.join(others[:-1])} or {others[-1]} (manifest.csv with columns file and sample)."


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return f"'{flat if len(flat) <= 60 else flat[:57] + '...'}'"
