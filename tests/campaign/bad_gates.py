"""Baselines, policies and runs that a gate cannot judge by: one sentence each, and no baseline is ever changed."""

from __future__ import annotations

import atexit
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bad_case import Ended, case

import bench.api as api
from bench.engine.options import Options
from bench.regression import baseline as files
from bench.study import Study

GATE = "gate run ours --baseline main"
METRIC = "attribute-binding"


@cache
def _template() -> Path:
    """Runs of the oracle: ours, other (the same again), alone (one prompt), val (other prompts); and ours' baseline."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, dataset, only in (
        ("ours", "scenes(size=40)", ""), ("other", "scenes(size=40)", ""), ("alone", "scenes(size=40)", "first:1"),
        ("val", "scenes(split=val,size=40)", ""),
    ):  # fmt: skip
        study = Study(systems=(f"{name}=oracle",), dataset=dataset, only=only, metrics=(METRIC, "collapse"))
        api.run(study, options=Options(root=folder / "runs"))
    (ours,) = (p for p in (folder / "runs").glob("scenes-*/ours-*"))
    files.write(files.made(ours, "main", "as it is", folder / "baselines"), folder / "baselines")
    return folder


def prepare(change: Callable[[Path], Any] = lambda folder: None, *, baseline: bool = True) -> Callable[[Path], None]:
    """Runs, a baseline and, as they stand before the command, a copy of all baselines."""

    def make(folder: Path) -> None:
        shutil.copytree(_template(), folder, dirs_exist_ok=True)
        if not baseline:
            shutil.rmtree(folder / "baselines")
        change(folder)
        if (folder / "baselines").is_dir():
            shutil.copytree(folder / "baselines", folder / "before")

    return make


def untouched(ended: Ended) -> None:
    """Nothing is overwritten, and whoever ends with the code of a verdict has written one that says so."""
    now, before = ({p.name: p.read_bytes() for p in (ended.folder / n).glob("*")} for n in ("baselines", "before"))
    assert now == before and before
    _verdict(ended)


def _verdict(ended: Ended) -> None:
    path = ended.folder / "runs/gates/main.json"
    assert path.exists() == (ended.code in (1, 3, 4, 5))
    if path.exists():
        found = json.loads(path.read_text())
        assert found["exit_code"] == ended.code and (found["items"] or found["differences"] or found["findings"])


def _candidate(ended: Ended) -> None:
    assert files.read(ended.folder / "baselines", "main").history[0]["reason"] == "first candidate, written by the gate"
    _verdict(ended)


def rewritten(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """The baseline as an honest file of another suite: changed, and with a sha256 that fits."""

    def make(folder: Path) -> None:
        old = files.read(folder / "baselines", "main")
        run = json.loads(json.dumps(old.run))
        change(run)
        files.write(dataclasses.replace(old, run=run), folder / "baselines", replace_it=True)

    return make


def _other_protocol(run: dict[str, Any]) -> None:
    for fields in run["protocols"].values():
        fields["resize"] = "bicubic"


def _other_version(run: dict[str, Any]) -> None:
    run["dataset"]["version"] = 99


def file(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """A file below the folder, its text changed by hand."""

    def make(folder: Path) -> None:
        path = folder / name
        path.write_text(change(path.read_text() if path.exists() else ""))

    return make


def policy(text: str) -> Callable[[Path], None]:
    return file("gate.toml", lambda _: text)


def rule(text: str) -> Callable[[Path], None]:
    return policy(f'[[metric]]\nmetric = "{METRIC}"\n{text}\n')


def spoken(ended: Ended) -> str:
    """The verdict: the first line of stdout."""
    return ended.out.splitlines()[0]


def refused(given: str, code: int, says: str, change: Callable[[Path], Any], line: str = GATE, **more: Any) -> Any:
    """A case in which no baseline is changed."""
    return case(given, code, says, prepare(change), line, after=untouched, **more)


CASES = [
    case("no baseline yet", 5,
         r"There was no baseline 'main': this run was written as its candidate\. Nothing was judged; .+, commit "
         r"baselines/main\.json\.",
         prepare(baseline=False), GATE, after=_candidate),
    refused("a baseline of another protocol", 4, r"NOT COMPARABLE: .+resize is bicubic in the baseline, absent in the run\.",
            rewritten(_other_protocol), tells=spoken),
    refused("a baseline of another version of the data set", 4, r"NOT COMPARABLE: .+version.+99.+",
            rewritten(_other_version), tells=spoken),
    refused("a baseline of a newer format", 4, r"baselines/main\.json is of baseline format 99 and this version reads up to 1; .+",
            file("baselines/main.json", lambda t: t.replace('"baseline": 1', '"baseline": 99'))),
    refused("a baseline that was edited", 5, r"baselines/main\.json was edited or damaged: .+ Restore it; .+",
            file("baselines/main.json", lambda t: t.replace('"ok"', '"OK"', 1))),
    refused("a baseline that is cut off", 5, r"baselines/main\.json cannot be read \(\.\.\.\)\. Restore it; .+ anew\.",
            file("baselines/main.json", lambda t: t[: len(t) // 2])),
    refused("a baseline that holds NaN", 5, r"baselines/main\.json cannot be read \(\.\.\.\)\. Restore it; .+",
            file("baselines/main.json", lambda t: t.replace(", 1.0,", ", NaN,", 1))),
    refused("a baseline that is an empty file", 5, r"baselines/main\.json cannot be read \(\.\.\.\)\. Restore it; .+ anew\.",
            file("baselines/main.json", lambda t: "")),
    refused("a baseline of other prompts", 4, r"NOT COMPARABLE: .+ data set: label is scenes-val in val, scenes-test .+",
            lambda folder: None, "gate run val --baseline main", tells=spoken),
    refused("a run of one prompt", 3, r"inconclusive: .+", lambda folder: None, "gate run alone --baseline main", tells=spoken),
    refused("two runs gated at once", 2, r"A gate judges one run, and 2 were given; gate them one by one\.", lambda folder: None,
            "gate run ours other --baseline main"),
    refused("a baseline named twice", 2, r"A baseline was named twice; each is held against once\.", lambda folder: None,
            f"{GATE} --baseline main"),
    refused("a baseline's name that is a path", 2, r"'\.\./main' is no name of a baseline; .+", lambda folder: None,
            "gate run ours --baseline ../main"),
    refused("a policy with an unknown key", 2, r"gate\.toml: 'alhpa' is no key of a policy\. Did you mean alpha\?",
            policy("alhpa = 0.1\n")),
    refused("a policy with an unknown metric", 2, r"No metric of run or baseline is called 'attribute-bindings'\. Did you mean .+",
            policy('[[metric]]\nmetric = "attribute-bindings"\nmargin = 0.1\n')),
    refused("a margin of the wrong sign", 2, r"gate\.toml, metric 1: 'margin' is a number above 0; got -0\.1\.", rule("margin = -0.1")),
    refused("a margin that is NaN", 2, r"gate\.toml, metric 1: 'margin' is a number above 0; got nan\.", rule("margin = nan")),
    refused("two margins for one metric", 2, r"gate\.toml, metric 1: give margin or margin_sd, not both\.",
            rule("margin = 0.1\nmargin_sd = 0.2")),
    refused("a policy that is no TOML", 2, r"gate\.toml is no valid TOML: .+", policy("[[metric]\n")),
    refused("a policy that is not there", 2, r"There is no policy file none\.toml\.", lambda folder: None,
            f"{GATE} --policy none.toml"),
    refused("a slice by a tag that no prompt has", 2, r"The run has no tag 'mood' to slice by; it has .+",
            rule('margin = 0.1\nslices = ["mood"]')),
    refused("a baseline that is there already", 2, r"baselines/main\.json is there already; --update replaces it .+",
            lambda folder: None, "baseline set ours --name main --reason again"),
    refused("a baseline without a reason", 2, r"A baseline is set with a --reason: .+", lambda folder: None,
            "baseline set ours --name new --reason ' '"),
    refused("repeats of other prompts in a calibration", 2, r".+ is no repeat of baseline main: .+", lambda folder: None,
            "gate calibrate val --baseline main"),
]  # fmt: skip
