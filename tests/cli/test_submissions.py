"""`bench submit` and `bench verify` as commands, and the recipe by which a board's repository checks pull requests: its
commands are carried out as they stand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench import api, store
from bench.cli import main
from bench.engine.options import Options
from bench.study import Study

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "examples" / "submission-check.yml"
METRICS = ("object-presence", "clipscore(extractor=scene-facts)", "collapse")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """runs/ of two folders of images, a better and a worse one, with a card."""
    home = tmp_path_factory.mktemp("made")
    options = Options(root=home / "drawn")
    drawn = api.run(
        Study(
            systems=("oracle", "wrong=oracle(defect=wrong-colour,p=1.0)"), dataset="scenes(size=12)", metrics=METRICS
        ),
        options=options,
    )
    for name, run in zip(("ours", "theirs"), drawn, strict=True):
        shutil.copytree(Path(run.path) / "images", home / "images" / name)
    systems = tuple(f"{name}={home}/images/{name}" for name in ("ours", "theirs"))
    api.run(Study(systems=systems, dataset="scenes(size=12)", metrics=METRICS), options=Options(root=home / "runs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        assert main(["submit", "--template"]) == 0
    from bench.systemcard import TEMPLATE

    (home / "card.toml").write_text(TEMPLATE)
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    there = Path(shutil.copytree(made, tmp_path / "home"))
    monkeypatch.chdir(there)
    return there


def submit(name: str = "ours", **more) -> int:
    return main(["submit", name, "--card", "card.toml", "--out", f"{name}.tar.gz", "-q", *more.get("options", ())])


def test_the_template_is_printed_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["submit", "--template"]) == 0
    out = capsys.readouterr()
    (tmp_path / "card.toml").write_text(out.out)
    from bench.systemcard import read_card

    assert read_card("card.toml")["name"] == "our model" and out.err == ""


def test_submit_and_verify(home, capsys):
    assert submit() == 0 and "1 runs of our model" in capsys.readouterr().out
    assert main(["verify", "ours.tar.gz", "-q"]) == 0
    out = capsys.readouterr().out
    assert "level: self-reported" in out and "WRONG" not in out and "DAMAGED" not in out
    line = [
        "verify",
        "ours.tar.gz",
        "-q",
        "--images",
        "images/ours",
        "--rescore",
        "5",
        "--seed",
        "7",
        "--record",
        "v.json",
    ]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert "level: re-scored (seed " in out and "+7, 5 prompts rescored)" in out
    (entry,) = json.loads(Path("v.json").read_text())["entries"].values()
    assert entry["level"] == "re-scored" and entry["checked"]["seed"].endswith("+7") and entry["label"] == "ours"
    before = Path("v.json").read_bytes()
    assert main(["verify", "ours.tar.gz", "-q", "--record", "v.json"]) == 0 and Path("v.json").read_bytes() == before


def test_an_archive_is_the_same_bytes_and_holds_no_image(home):
    import tarfile

    assert submit() == 0
    first = Path("ours.tar.gz").read_bytes()
    Path("ours.tar.gz").unlink()
    assert submit() == 0 and Path("ours.tar.gz").read_bytes() == first
    names = tarfile.open("ours.tar.gz").getnames()
    assert {Path(n).name for n in names} == {
        "run.json", "samples.parquet", "manifest.json", "measured.json", "files.json", "card.json", "00000.parquet",
    }  # fmt: skip
    Path("ours.tar.gz").unlink()
    assert submit(options=("--thumbnails", "32")) == 0
    assert sum(n.endswith(".webp") for n in tarfile.open("ours.tar.gz").getnames()) == 24  # with the references
    Path("ours.tar.gz").unlink()
    assert submit(options=("--thumbnails", "32", "--no-images")) == 0
    assert Path("ours.tar.gz").read_bytes() == first


@pytest.mark.parametrize(
    "line, code, sentence",
    [(["submit", "ours"], 2, "A submission needs RUN..., --card card.toml and --out NAME.tar.gz."),
     (["submit", "ours", "--card", "none.toml", "--out", "x.tar.gz"], 2, "There is no card none.toml; `bench submit"),
     (["submit", "ours", "--card", "card.toml", "--out", "x.zip"], 2, "--out is one archive, NAME.tar.gz; got 'x.zip'"),
     (["submit", "ours", "--card", "card.toml", "--out", "card.toml.tgz", "-q"], 0, ""),
     (["submit", "ours", "theirs", "--card", "card.toml", "--out", "x.tar.gz"], 2, "these runs are of 2"),
     (["submit", "nobody", "--card", "card.toml", "--out", "x.tar.gz"], 2, "No run below runs is called 'nobody'"),
     (["verify", "ours", "--images", "nowhere"], 2, "'nowhere' is none"),
     (["verify", "ours", "--rescore", "0"], 2, "--rescore"),
     (["verify", "ours", "-m", "nonsense", "--rescore", "2"], 2, "No run that is verified has scores of 'nonsense'"),
     (["verify", "ours", "--dataset", "nonsense"], 2, "No dataset is called 'nonsense'"),
     (["verify", "ours", "--record", "card.toml"], 5, "card.toml cannot be read"),
     (["verify", "none.tar.gz"], 2, "No run below runs is called 'none.tar.gz'")],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(home, capsys, line, code, sentence):
    assert main(line) == code
    assert sentence in capsys.readouterr().err


def test_a_run_that_would_be_refused_is_not_submitted(home, capsys):
    run = next((home / "runs").glob("*/ours-*"))
    data = store.read_json(run / "run.json")
    data["scores"][0]["value"] = 0.123
    (run / "run.json").write_text(json.dumps(data))
    assert submit() == 5
    said = capsys.readouterr().err
    assert "The submission would be refused:" in said and "0.123 is stated and the table gives 1" in said
    assert not Path("ours.tar.gz").exists() and not list(home.glob(".*.tmp"))


def test_a_truncated_archive_is_damaged_and_the_others_are_still_told(home, capsys):
    assert submit() == 0 and submit("theirs") == 0
    data = Path("ours.tar.gz").read_bytes()
    Path("ours.tar.gz").write_bytes(data[: len(data) // 2])
    capsys.readouterr()
    assert main(["verify", "ours.tar.gz", "theirs.tar.gz", "-q", "--record", "v.json", "--json"]) == 5
    found = json.loads(capsys.readouterr().out)
    assert (
        found["ours.tar.gz"]["level"] is None
        and "is no archive of runs, or a damaged one" in found["ours.tar.gz"]["findings"][0]["told"]
    )
    theirs = next(v for k, v in found.items() if k.startswith("theirs.tar.gz: scenes-test-"))
    assert theirs["level"] == "self-reported" and theirs["held"] is True
    assert list(json.loads(Path("v.json").read_text())["entries"]) == [theirs["digest"]]


def test_swapped_images_are_wrong(home, capsys):
    assert submit() == 0
    capsys.readouterr()
    assert main(["verify", "ours.tar.gz", "-q", "--images", "images/theirs", "--rescore", "3"]) == 5
    out = capsys.readouterr().out
    assert "WRONG" in out and "12 other pixels" in out and "level: none, since something is wrong" in out


def test_ones_own_run_may_be_recorded_too_with_a_card(home, capsys):
    run = next((home / "runs").glob("*/ours-*"))
    assert main(["verify", str(run), "-q", "--record", "v.json"]) == 5  # no card
    assert main(["verify", str(run), "-q", "--rescore", "4"]) == 0
    assert "level: re-scored" in capsys.readouterr().out


# ---- the recipe ----------------------------------------------------------------------------------------------------

BOARD = """\
title = "Scenes"
version = "1"
ledger = "verified.json"
[order]
metric = "object-presence"
[[dataset]]
name = "scenes-test"
[[metric]]
metric = "object-presence"
[[metric]]
metric = "clipscore(extractor=scene-facts)"
"""


def steps() -> dict[str, str]:
    jobs = yaml.safe_load(RECIPE.read_text())["jobs"]
    return {s["name"]: s["run"] for s in jobs["verify"]["steps"] if "run" in s}


def git(folder: Path, *arguments: str) -> None:
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **names}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def workspace(home, tmp_path):
    """A job's folder with the board's repository and a merged pull request that brings ours.tar.gz."""
    assert submit() == 0 and submit("theirs") == 0
    pull = tmp_path / "job" / "pull"
    (pull / "submissions").mkdir(parents=True)
    (pull / "board.toml").write_text(BOARD)
    (pull / "verified.json").write_text('{"format": 1, "entries": {}}')
    shutil.copy("theirs.tar.gz", pull / "submissions")
    git(pull, "init", "-q", "-b", "main")
    git(pull, "add", ".")
    git(pull, "commit", "-q", "-m", "board")
    git(pull, "checkout", "-q", "-b", "theirs")
    shutil.copy("ours.tar.gz", pull / "submissions")
    return pull


def merged(pull: Path) -> None:
    git(pull, "add", "-A")
    git(pull, "commit", "-q", "-m", "ours")
    git(pull, "checkout", "-q", "main")
    git(pull, "merge", "-q", "--no-ff", "--no-edit", "theirs")


def job(pull: Path, child_environment, names=None) -> tuple[int, str]:
    """Carry out the recipe's commands but the installation; the exit code of the step that failed, and all output."""
    (pull.parent / "bin").mkdir(exist_ok=True)
    shim = pull.parent / "bin" / "bench"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    shim.chmod(0o755)
    env = child_environment(
        PATH=f"{shim.parent}:{os.environ['PATH']}",
        GITHUB_RUN_ID="4711",
        GITHUB_STEP_SUMMARY=str(pull.parent / "summary.md"),
    )
    said = ""
    for name, command in steps().items():
        if name == "Install" or (names and name not in names):
            continue
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=pull.parent, env=env, capture_output=True, text=True, timeout=500)
        said += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, said
    return 0, said


def test_the_recipe_can_do_nothing_but_read():
    recipe = yaml.safe_load(RECIPE.read_text())
    assert recipe["permissions"] == {"contents": "read"} and set(recipe[True]) == {
        "pull_request"
    }  # `on` is a YAML truth
    assert "secrets." not in RECIPE.read_text() and "--trust-command" not in RECIPE.read_text()
    for step in recipe["jobs"]["verify"]["steps"]:
        assert "${{" not in step.get("run", "")  # nothing of a pull request is pasted into a command
        assert step.get("with", {}).get("persist-credentials", False) is False


def test_the_recipe_verifies_a_pull_request_and_builds_its_board(workspace, home, child_environment):
    merged(workspace)
    shutil.copytree(home / "images" / "ours", workspace.parent / "images" / "ours")
    code, said = job(workspace, child_environment)
    assert code == 0, said
    entries = json.loads((workspace.parent / "board" / "verified.json").read_text())["entries"]
    assert {e["label"]: e["level"] for e in entries.values()} == {"ours": "re-scored", "theirs": "self-reported"}
    assert all(e["checked"]["seed"].endswith("+4711") for e in entries.values() if e["label"] == "ours")
    page = (workspace.parent / "site" / "index.html").read_text()
    assert "re-scored" in page and "ours" in page
    summary = (workspace.parent / "summary.md").read_text()
    assert "level: re-scored" in summary and summary.count("```") == 2


@pytest.mark.parametrize("change", ["ledger", "board", "workflow", "link", "hidden"])
def test_the_recipe_takes_nothing_but_archives(workspace, child_environment, change):
    files = {
        "ledger": "verified.json",
        "board": "board.toml",
        "workflow": ".github/workflows/x.yml",
        "hidden": "submissions/.x.tar.gz",
    }
    if change == "link":
        (workspace / "submissions" / "x.tar.gz").symlink_to("/etc/passwd")
    else:
        path = workspace / files[change]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("forged")
    merged(workspace)
    code, said = job(
        workspace, child_environment, ("Take the board as it stands", "Let archives change and nothing else")
    )
    assert code == 1 and "A submission adds or changes plain files submissions/NAME.tar.gz and nothing else." in said


def test_the_recipe_fails_for_a_forged_archive(workspace, child_environment):
    data = (workspace / "submissions" / "ours.tar.gz").read_bytes()
    (workspace / "submissions" / "ours.tar.gz").write_bytes(data[:-100])
    merged(workspace)
    code, said = job(workspace, child_environment)
    assert code == 5 and "is no archive of runs, or a damaged one" in said and not (workspace.parent / "site").exists()
