"""The calls of the package: evaluate, run, load_run, compare, score, and what the command line needs beside them."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import aliases, store
from bench.engine.options import Options
from bench.study import Study, read_study, run_specs
from bench.types import Run, RunSpec

if TYPE_CHECKING:
    from bench.engine.doctor import Check
    from bench.engine.estimate import DryRun
    from bench.reports.comparison.compare import Comparison


def run(
    what: str | Path | Study | RunSpec | Sequence[RunSpec], *, options: Options | None = None, **fields: Any
) -> list[Run]:
    """Carry out a study (TOML path, Study or RunSpec) and give its runs; what is finished already is not made again.

    `fields` override the study's, e.g. `seed=1`. Raises UsageError before heavy work when something cannot be.
    """
    from bench.engine import life

    chosen = options or Options()
    return life.carry_out(life.prepare(_specs(what, fields), chosen), chosen)


def plan(
    what: str | Path | Study | RunSpec | Sequence[RunSpec], *, options: Options | None = None, **fields: Any
) -> DryRun:
    """What `run` would do and cost, without doing it (a probe of 16 images a network apart)."""
    from bench.engine import estimate, life

    chosen = options or Options()
    return estimate.dry_run(life.prepare(_specs(what, fields), chosen), chosen)


def _specs(what: Any, fields: dict[str, Any]) -> list[RunSpec]:
    if isinstance(what, RunSpec):
        return [dataclasses.replace(what, **fields)]
    if isinstance(what, Sequence) and not isinstance(what, str) and all(isinstance(w, RunSpec) for w in what):
        return [dataclasses.replace(w, **fields) for w in what]
    study = what if isinstance(what, Study) else read_study(what)
    return run_specs(dataclasses.replace(study, **fields))


def score(
    paths: Sequence[str | Path],
    *,
    metrics: Sequence[str] = (),
    panel: str = "",
    extractors: Sequence[str] = (),
    common: bool = False,
    options: Options | None = None,
) -> list[Run]:
    """Add metrics to runs from their stored views: nothing is generated, and only new extractors look at images again.

    Without metrics and panel, each run's own metrics are scored again (which joins runs made in `--shard` parts).
    common: score set metrics on the images that all these runs have, so that they may be compared where some lack
    images; the other metrics keep their scores.
    """
    from bench.engine.rescore import rescore

    changes: dict[str, Any] = {}
    if metrics:
        changes = {"metrics": tuple(str(aliases.expand(m)) for m in metrics), "panel": ""}
    elif panel:
        changes = {"metrics": (), "panel": panel}
    if extractors:
        changes["extractors"] = tuple(extractors)
    return rescore([Path(p) for p in paths], changes, options or Options(), common=common)


def load_run(path: str | Path) -> Run:
    """A finished run from its folder."""
    return store.load(path)


def compare(
    paths: Sequence[str | Path | Run],
    *,
    out: str | Path | None = None,
    baseline: str | None = None,
    force: bool = False,
    by: str = "",
) -> Comparison:
    """Compare runs; with `out`, write the report there. NotComparable when protocols differ and `force` is off.

    by: the metric that the report's best and worst prompts go by; default the first primary per-image one.
    """
    from bench.reports.comparison.compare import compare as compared

    found = [p if isinstance(p, Run) else str(p) for p in paths]
    comparison = compared(found, baseline=baseline, force=force)
    if out is not None:
        from bench.reports.write import write_report

        write_report(comparison, Path(out), by=by)
    return comparison


def evaluate(
    *,
    images: Any,
    prompts: Any = None,
    reference: Any = None,
    metrics: Sequence[str] = (),
    panel: str = "",
    extractors: Sequence[str] = (),
    root: str | Path | None = None,
    label: str = "images",
    options: Options | None = None,
) -> Run:
    """Score images in one call.

    images: a folder, or a sequence of PIL images or uint8 arrays (h, w, 3), one a prompt. prompts: a file, or a
    sequence of texts. reference: a folder, an .npz of statistics, or a dataset's text form. Without `root` nothing is
    kept.
    """
    from bench.engine.memory import evaluate_in

    if root is not None:
        return evaluate_in(Path(root), images, prompts, reference, metrics, panel, extractors, label, options)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return evaluate_in(Path(folder), images, prompts, reference, metrics, panel, extractors, label, options)


def doctor(study: Study | None = None, *, root: str | Path = "runs") -> list[Check]:
    """What this machine has and what a study (or, without one, the aliases) would need."""
    from bench.engine.doctor import doctor as examined

    return examined(study, Path(root))


def cache_show(root: str | Path = "runs") -> dict[str, Any]:
    """The cache index below a root: its path, indexed rows, view files and their bytes."""
    from bench.engine.cache import Cache

    return Cache(Path(root)).show()


def cache_rebuild(root: str | Path = "runs") -> dict[str, Any]:
    """Make the cache index anew from the view files."""
    from bench.engine.cache import Cache

    return Cache(Path(root)).rebuild()
