"""The calls of the package: evaluate, run, load_run, compare, score, and what the command line needs beside them."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import aliases, store
from bench.engine.options import Options
from bench.study import Study, read_study, run_specs
from bench.types import Run, RunSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.engine.doctor import Check
    from bench.engine.estimate import DryRun
    from bench.reports.board.nouns import Board, BoardSpec
    from bench.reports.comparison.compare import Comparison
    from bench.reports.comparison.findings import Conditions
    from bench.reports.comparison.ranking_score import RankingScores
    from bench.stats.verdicts import RuleTable


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
    study = dataclasses.replace(what if isinstance(what, Study) else read_study(what), **fields)
    if study.allow_licences:
        from bench.engine.needs import check_licences

        check_licences(study)
    return run_specs(study)


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
    rank_by: str = "",
    prompts_by: str = "",
    images: str = "embedded",
) -> Comparison:
    """Compare runs; with `out`, write the report there. NotComparable when protocols differ and `force` is off.

    by: a tag of the prompts, by whose values the systems are ranked too (runs of several data sets: `conditions`);
    rank_by: the metric of that ranking. prompts_by: the metric that the report's best and worst prompts go by; default
    the first primary per-image one. images: 'embedded', 'files' or 'none', as in `write_report`.
    """
    from bench.reports.comparison.compare import compare as compared

    comparison = compared([p if isinstance(p, Run) else str(p) for p in paths], baseline=baseline, force=force)
    if by:
        from bench.reports.comparison.conditions import by_tag

        comparison = dataclasses.replace(comparison, rankings=by_tag(comparison, by, rank_by=rank_by))
    if out is not None:
        report(comparison, out, prompts_by=prompts_by, images=images)
    return comparison


def conditions(
    paths: Sequence[str | Path | Run],
    *,
    out: str | Path | None = None,
    rank_by: str = "",
    force: bool = False,
    prompts_by: str = "",
    images: str = "embedded",
) -> Conditions:
    """Rank the systems of runs of several data sets by the data sets' conditions (semantic, spatial, temporal).

    rank_by: the metric that ranks every group instead of the condition's own. The rest is as in `compare`.
    """
    from bench.reports.comparison.conditions import conditions as ranked

    found = ranked([p if isinstance(p, Run) else str(p) for p in paths], rank_by=rank_by, force=force)
    if out is not None:
        report(found, out, prompts_by=prompts_by, images=images)
    return found


def position_rules(paths: Sequence[str | Path], *, detector: str = "", out: str | Path | None = None) -> RuleTable:
    """The stored detections of runs under the five position rules: scores, agreement, a sweep of thresholds, and
    whether the systems keep their order. Nothing is looked at again.

    detector: whose boxes, where a run holds those of several. With `out`, rules.md, rules.csv and rules.json are
    written there.
    """
    from bench.engine.position_rules import rule_rows
    from bench.stats.verdicts import rule_table

    found = rule_table(rule_rows(paths, detector))
    if out is not None:
        report(found, out)
    return found


def ranking_score(
    paths: Sequence[str | Path | Run],
    *,
    measures: Sequence[str] = (),
    force: bool = False,
    out: str | Path | None = None,
) -> RankingScores:
    """TISE's ranking score of the systems of these runs, of one or several data sets.

    measures: 'ASPECT=METRIC' or 'ASPECT=METRIC@DATASET' each, instead of TISE's own. With `out`, ranking-score.md,
    ranking-score.csv and ranking-score.json are written there.
    """
    from bench.reports.comparison.ranking_score import ranking_scores

    found = ranking_scores([p if isinstance(p, Run) else str(p) for p in paths], measures=measures, force=force)
    if out is not None:
        report(found, out)
    return found


def report(
    found: Comparison | Conditions | RuleTable | RankingScores, out: str | Path, *, prompts_by: str = "",
    images: str = "embedded",
) -> Path:  # fmt: skip
    """Write the report of a comparison, or of several by condition, of rules, or of a ranking score; returns the path
    of its index.html (of the last two: rules.md, ranking-score.md)."""
    from bench.reports.comparison.findings import Conditions as Several
    from bench.reports.comparison.ranking_score import RankingScores as Ranked
    from bench.reports.write import write_report
    from bench.reports.write_conditions import write_conditions
    from bench.stats.verdicts import RuleTable as Rules

    if isinstance(found, Rules | Ranked):
        from bench.reports.exports import ranking_score, rules
        from bench.reports.folder import write_folder

        made = rules.files(found) if isinstance(found, Rules) else ranking_score.files(found)
        write_folder(Path(out), made)
        return Path(out) / next(name for name in made if name.endswith(".md"))
    if isinstance(found, Several):
        return write_conditions(found, Path(out), by=prompts_by, images=images)
    return write_report(found, Path(out), by=prompts_by, images=images)


def leaderboard(
    board: str | Path | BoardSpec, runs: Sequence[str | Path | Run], *, out: str | Path | None = None
) -> Board:
    """Rank runs by the rules of a board's file; with `out`, write the site there.

    What cannot be read or does not fit is in `Board.unranked` with its reason. UsageError when the rules cannot be
    carried out.
    """
    from bench.reports.board.make import leaderboard as made

    if out is not None:
        from bench.reports.folder import refuse_file

        refuse_file(Path(out))
    found = made(board, runs)
    if out is not None:
        from bench.reports.board.site import write_board

        write_board(found, out)
    return found


def plot(
    name: str,
    what: Any,
    *,
    board: str | Path | BoardSpec | None = None,
    style: str = "column",
    metric: str | Sequence[str] = (),
    systems: Sequence[str] = (),
    baseline: str | None = None,
    colours: Mapping[str, str] | None = None,
    margin: float = 0.0,
    by: str = "",
    against: str = "",
    prompts: int = 0,
    force: bool = False,
) -> Figure:
    """A figure as a matplotlib Figure, ready for `savefig` (`bench plot --list` and docs/figures.md have the names).

    what: runs (folders, or loaded ones), a comparison, a board, or a pandas data frame with the columns system, metric
    and value, and what else docs/figures.md names. board: rank the runs by this file first. style: column, wide or
    slide. systems: some titles in their order; figures of pairs take the first two. colours: title -> colour.
    margin, by, against, prompts: of single figures, as on the command line. UsageError where the data do not allow it.
    """
    from bench.reports.figures.catalog import entry, figure
    from bench.reports.figures.sources import source_of

    entry(name)
    source = source_of(
        what, name=name, metric=metric, board=board, baseline=baseline, colours=colours, by=by, force=force
    )
    return figure(
        name, source, style=style, metric=metric, systems=systems, baseline=baseline, colours=colours, margin=margin,
        by=by, against=against, prompts=prompts,
    )  # fmt: skip


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


def doctor(spec: Study | str | None = None, *, root: str | Path = "runs") -> list[Check]:
    """What this machine has and what a spec would need: a study, its file, or the name of a data set, metric, panel,
    extractor or generator; without one, the aliases."""
    from bench.engine.doctor import doctor as examined

    return examined(spec, Path(root))


def cache_show(root: str | Path = "runs") -> dict[str, Any]:
    """The cache index below a root: its path, indexed rows, view files and their bytes."""
    from bench.engine.cache import Cache

    return Cache(Path(root)).show()


def cache_rebuild(root: str | Path = "runs") -> dict[str, Any]:
    """Make the cache index anew from the view files."""
    from bench.engine.cache import Cache

    return Cache(Path(root)).rebuild()
