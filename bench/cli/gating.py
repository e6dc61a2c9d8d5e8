"""`bench baseline` and `bench gate`: what a model was worth, and whether a run is worse by more than a margin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import json_option, print_json, root_option, table
from bench.cli.say import say

folder_option = click.option(
    "--baselines", "folder", default="baselines", show_default=True, help="Folder of the committed baselines."
)


@click.group()
def baseline() -> None:
    """Set, show and compare baselines: text files that are committed, one a name."""


@baseline.command("set")
@click.argument("run")
@click.option("--name", required=True, help="Of the baseline, e.g. main or v1.2.")
@click.option("--reason", required=True, help="Why it is set now; kept in the file's history.")
@click.option("--update", is_flag=True, help="Replace the baseline of this name; its history goes on.")
@click.option(
    "--rows", type=click.Choice(["none", "blinded"]), default="none", show_default=True,
    help="Of a private run: its numbers sample by sample under blinded names, without which nothing can be paired.",
)  # fmt: skip
@folder_option
@root_option
def set_(run: str, name: str, reason: str, update: bool, rows: str, folder: str, root: str) -> None:
    """Write what RUN is worth as baseline NAME: scores, protocols and every image's numbers, without images."""
    from bench.cli.naming import run_folders
    from bench.errors import UsageError
    from bench.regression import baseline as files

    found = run_folders((run,), root)
    if len(found) != 1:
        raise UsageError(f"A baseline is of one run, and '{run}' names {len(found)}; give one run's folder or label.")
    home = Path(folder)
    there = files.path_of(home, name).exists()
    if there and not update:
        raise UsageError(f"{files.path_of(home, name)} is there already; --update replaces it and keeps its history.")
    new = files.made(found[0], name, reason, home, rows=rows)
    if there:
        new = files.renewed(files.read(home, name), new)
    _commit(files.write(new, home, replace_it=update), "baseline set")


def _commit(paths: list[Path], what: str) -> None:
    say(f"{what}: commit {' and '.join(map(str, paths))}")


@baseline.command("list")
@folder_option
@json_option
def list_(folder: str, as_json: bool) -> None:
    """List the baselines of a folder, with what they are of and why they were set last."""
    from bench.regression import baseline as files

    found = [files.read(folder, name) for name in files.names(folder)]
    if as_json:
        print_json([{"name": b.name, "rows": len(b.rows), **b.history[-1]} for b in found])
        return
    lines = [[b.name, str(len(b.rows)), b.history[-1]["date"], b.history[-1]["system"], b.history[-1]["reason"]]
             for b in found]  # fmt: skip
    head = ["name", "images", "set", "system", "reason"]
    say(table(lines, head) if lines else f"There are no baselines in {folder}.")


@baseline.command()
@click.argument("name")
@folder_option
@json_option
def show(name: str, folder: str, as_json: bool) -> None:
    """Show a baseline: its scores with intervals and noise floor, and its history."""
    from bench.regression import baseline as files

    found = files.read(folder, name)
    if as_json:
        print_json({"name": found.name, "history": found.history, "noise": found.noise, "run": found.run})
        return
    lines = []
    for score in found.run["scores"]:
        noise = found.noise.get(f"{score['metric']}|{score['output']}")
        lines.append([
            score["metric"], score["output"], _number(score["value"]),
            f"[{_number(score['low'])}, {_number(score['high'])}]", _number(noise["sd"] if noise else None),
            str(score["n"]),
        ])  # fmt: skip
    say(table(lines, ["metric", "output", "value", "95 % interval", "noise", "images"]))
    for entry in found.history:
        say(f"{entry['date']}  {entry['system']}  {entry['run'][:8]}  {entry['reason']}")


@baseline.command()
@click.argument("old")
@click.argument("new")
@folder_option
@json_option
def diff(old: str, new: str, folder: str, as_json: bool) -> None:
    """Say what differs between two baselines: scores, and protocols that make them incomparable."""
    from bench.regression import baseline as files
    from bench.reports.comparison.checks import differing

    pair = [files.read(folder, name) for name in (old, new)]
    scores = [{(s["metric"], s["output"]): s for s in b.run["scores"]} for b in pair]
    lines = []
    for key in sorted({*scores[0], *scores[1]}):
        a, b = (s.get(key, {}).get("value") for s in scores)
        if a != b:
            lines.append([*key, _number(a), _number(b), _number(None if None in (a, b) else b - a)])
    told = differing([b.run["dataset"] for b in pair], [old, new])
    for metric in sorted({m for m, _ in scores[0]} & {m for m, _ in scores[1]}):
        marks = [next(s["protocol"] for (m, _), s in found.items() if m == metric) for found in scores]
        fields = [b.run["protocols"].get(mark, {}) for b, mark in zip(pair, marks, strict=True)]
        told += [f"{metric}: {line}" for line in differing(fields, [old, new])]
    if as_json:
        print_json({"scores": lines, "protocols": told})
        return
    say(table(lines, ["metric", "output", old, new, "difference"]) if lines else "No score differs.")
    for line in told:
        say(line)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


# ---- gate ----------------------------------------------------------------------------------------------------------


@click.group()
def gate() -> None:
    """Hold a run against baselines: pass, regressed, inconclusive, not comparable or incomplete."""


@gate.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--baseline", "names", multiple=True, required=True,
              help="Name of a baseline; twice, e.g. last and a pinned anchor, to see a slow slide.")
@click.option("--policy", default="", help="Metrics, margins, what blocks; default: gate.toml if it is there.")
@click.option("--strict", is_flag=True, help="Inconclusive is a failure: exit code 1.")
@click.option("--verdict", default="", help="File of the verdict; default: ROOT/gates/BASELINE.json.")
@click.option("--junit", default="", help="Write JUnit XML here.")
@click.option("--summary", default="", help="Append Markdown to this file, e.g. $GITHUB_STEP_SUMMARY.")
@click.option("--report", default="", help="Folder of the comparison page.")
@folder_option
@root_option
@json_option
def run(runs: tuple[str, ...], names: tuple[str, ...], as_json: bool, **values: Any) -> int:  # fmt: skip
    """Judge RUN against a baseline: exit code 0 pass, 1 regressed, 3 inconclusive, 4 not comparable, 5 incomplete.

    The verdict is written before the command ends with one of these. Where there is no baseline yet, RUN becomes a
    candidate for one, and the command fails once.
    """
    import dataclasses

    from bench.cli.naming import run_folders
    from bench.errors import EXIT_INCOMPLETE, EXIT_NOT_COMPARABLE, EXIT_REGRESSED, BenchError, UsageError
    from bench.regression import baseline as files
    from bench.regression.gate import gate as judge
    from bench.regression.policy import policy_at
    from bench.regression.report import report
    from bench.regression.verdict import options, plain, unjudged

    found = run_folders(runs, values["root"])
    if len(found) != 1:
        raise UsageError(f"A gate judges one run, and {len(found)} were given; gate them one by one.")
    if len(set(names)) != len(names):
        raise UsageError("A baseline was named twice; each is held against once.")
    rules = policy_at(values["policy"])
    home = Path(values["folder"])
    words = options(policy=values["policy"], baselines=values["folder"], strict=values["strict"])
    target = Path(values["verdict"] or Path(values["root"]) / "gates" / f"{'+'.join(names)}.json")
    absent = [name for name in names if not files.path_of(home, name).is_file()]
    try:
        if absent:
            raise _candidates(found[0], absent, home)
        held = [files.read(home, name) for name in names]
        verdict = dataclasses.replace(judge(found[0], held, rules, home=home), options=words)
    except BenchError as error:
        if error.exit_code in (EXIT_NOT_COMPARABLE, EXIT_INCOMPLETE):
            _write(dataclasses.replace(unjudged(found[0], names, rules, error), options=words), target, values)
        raise
    _write(verdict, target, values)
    page = report(verdict, found[0], held, home, Path(values["report"])) if values["report"] else None
    if as_json:
        print_json(plain(verdict))
    else:
        _say(verdict, target, page)
    strict = values["strict"] and verdict.outcome == "inconclusive"
    return EXIT_REGRESSED if strict else verdict.exit_code


@gate.command()
@click.argument("runs", nargs=-1)
@click.option("--baseline", "name", required=True, help="Name of the baseline that the runs repeat.")
@click.option("--policy", default="", help="Whose metrics are measured; default: gate.toml if it is there.")
@click.option("--write", "put", is_flag=True, help="Write the noise floor into the baseline's file.")
@folder_option
@root_option
@json_option
def calibrate(runs: tuple[str, ...], name: str, policy: str, put: bool, folder: str, root: str, as_json: bool) -> None:
    """Measure the noise of an unchanged model and propose margins, as a policy.

    RUNS repeat the baseline and change nothing: other seeds, another machine, past runs. Without any, the seeds of the
    baseline's own run are the repeats, where it has several images a prompt.
    """
    import dataclasses

    from bench.cli.naming import run_folders
    from bench.regression import baseline as files
    from bench.regression.calibrate import calibrated, toml
    from bench.regression.policy import policy_at

    home = Path(folder)
    held = files.read(home, name)
    folders = run_folders(runs, root) if runs else []
    found = calibrated(held, folders, policy_at(policy), home=home)
    if put:
        noise = {f"{n.metric}|{n.output}": {"sd": n.sd, "runs": float(n.runs)} for n in found if n.sd is not None}
        kept = dataclasses.replace(held, noise={**held.noise, **noise})
        _commit(files.write(kept, home, replace_it=True), "noise floor written")
    if as_json:
        print_json(found)
        return
    head = ["metric", "noise", "repeats", "error", "least margin", "prompts for half of it", "why"]
    lines = [[n.label, _number(n.sd), str(n.runs), _number(n.error), _number(n.margin),
              "–" if n.tighter is None else str(n.tighter), n.why] for n in found]  # fmt: skip
    say(table(lines, head))
    say("\n" + toml(found).rstrip())


@gate.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--policy", default="", help="Whose margins are audited; default: gate.toml if it is there.")
@click.option("--drop", "drops", multiple=True, type=click.FloatRange(min=0, min_open=True),
              help="A planted drop, in margins; may be repeated. Default: 0.5, 1 and 2.")
@click.option("--trials", type=click.IntRange(min=20), default=400, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the trials.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@root_option
@json_option
def audit(
    runs: tuple[str, ...], policy: str, drops: tuple[float, ...], trials: int, seed: int, quiet: bool, root: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Say how often a policy would be wrong: false alarms and power, by repeats of one model against each other.

    RUNS are two or more runs of an unchanged model. Prompts are drawn again in every trial, and drops are planted.
    """
    from bench import store
    from bench.cli.naming import run_folders
    from bench.cli.progress import progress
    from bench.regression.audit import DROPS, audited, work
    from bench.regression.policy import policy_at

    rules, repeats = policy_at(policy), [store.load(run) for run in run_folders(runs, root)]
    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    shown.phase("", "audit", work(rules, drops or DROPS, trials))
    found = audited(repeats, rules, drops=drops or DROPS, trials=trials, seed=seed, advance=shown.advance)
    shown.close()
    if as_json:
        print_json(found)
        return
    say(f"{found.runs} repeats, {found.prompts} prompts, {trials} trials; blocking: {', '.join(found.blocking)}")
    say(f"false alarms: {_rate(found.false_alarms)}; unchanged and inconclusive: {_rate(found.unsure)}")
    head = ["metric", "planted drop", "in margins", "not passed", "called regressed"]
    lines = [[p.label, _number(p.drop), f"{p.margins:g}" if p.margins else "as printed", _rate(p.not_passed),
              _rate(p.regressed)] for p in found.power]  # fmt: skip
    say(table(lines, head))
    for line in found.left_out:
        say(f"left out: {line}")


def _rate(rate: Any) -> str:
    return f"{100 * rate.share:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _candidates(run: Path, names: list[str], home: Path) -> Exception:
    """The first time: a baseline of the run, to be committed by who wants it; what is to be told about it."""
    from bench.errors import Incomplete
    from bench.regression import baseline as files

    lines = []
    for name in names:
        written = files.write(files.candidate(run, name, "first candidate, written by the gate", home), home)
        told = " and ".join(map(str, written))
        lines.append(
            f"There was no baseline '{name}': this run was written as its candidate. Nothing was judged; if it is what "
            f"later runs are to be held against, commit {told}."
        )
    return Incomplete(*lines)


def _write(verdict: Any, target: Path, values: dict[str, Any]) -> None:
    """The verdict's files: before the command ends with the code of any verdict."""
    from bench.regression import forms

    forms.write(verdict, target, forms.as_json(verdict))
    if values["junit"]:
        forms.write(verdict, Path(values["junit"]), forms.junit(verdict, strict=values["strict"]))
    if values["summary"]:
        _append(Path(values["summary"]), forms.summary(verdict))


def _append(path: Path, text: str) -> None:
    from bench.store import disk_errors

    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", errors="replace") as out:
            out.write(text + "\n")


def _say(verdict: Any, target: Path, page: Path | None) -> None:
    from bench.regression import forms

    say(forms.headline(verdict))
    for line in verdict.differences[1:]:
        say(f"  {line}")
    for finding in verdict.findings:
        say(f"  {'' if finding.outcome == 'pass' else finding.outcome + ': '}{finding.text}")
    if verdict.items:
        say("")
        say(table(forms.rows(verdict), list(forms.HEAD)))
        say(forms.LEGEND)
    for name, worst in forms.falls(verdict):
        say(f"\nlost most: {name}")
        for fall in worst:
            say(f"  {forms.line(fall)}")
    if verdict.changes:
        say("\nwhat else changed: " + "; ".join(verdict.changes))
    say(f"\nverdict: {target}")
    if page:
        say(f"report: {page}")
