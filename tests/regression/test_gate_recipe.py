"""The recipe for continuous integration, its commands carried out as they stand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench.regression.policy import read_policy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RECIPE = yaml.safe_load((EXAMPLES / "gate.yml").read_text())


@pytest.fixture
def workspace(tmp_path):
    for name in ("gate.toml", "gate-smoke.toml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "bench"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench "$@"\n')
    shim.chmod(0o755)
    return tmp_path


def job(workspace, name, system):
    """The exit code of the step that failed (0: none did), and what the steps said."""
    env = {**os.environ, **RECIPE["env"], "SYSTEM": system, "DATASET": "scenes(size=120)", "OMP_NUM_THREADS": "1",
           "PATH": f"{workspace / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(EXAMPLES.parent),
           "GITHUB_STEP_SUMMARY": str(workspace / "summary.md")}  # fmt: skip
    said = ""
    for step in RECIPE["jobs"][name]["steps"]:
        if "run" not in step or step["name"].startswith("Install"):
            continue
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(shell, cwd=workspace, env=env, capture_output=True, text=True, timeout=600)
        said += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, said
    return 0, said


def test_nights_and_changes(workspace):
    code, said = job(workspace, "full", "mine=oracle")
    assert code == 5 and "commit baselines/main.json" in said
    code, said = job(workspace, "full", "mine=oracle")
    assert code == 0, said
    assert json.loads((workspace / "gate/verdict.json").read_text())["outcome"] == "pass"
    shutil.rmtree(workspace / "runs")
    code, said = job(workspace, "smoke", "mine=oracle(defect=wrong-colour,p=0.5)")
    assert code == 1 and "prompts lost more than 0.9 in attribute-binding" in said, said
    verdict = json.loads((workspace / "gate/verdict.json").read_text())
    means = {i["metric"]: i for i in verdict["items"]}
    assert not any(i["blocking"] for i in verdict["items"]) and means["attribute-binding"]["detectable"] > 0
    text = (workspace / "summary.md").read_text()
    assert text.count("### ") == 3 and text.startswith("### INCOMPLETE") and "seen from" in text
    for name in ("junit.xml", "page/index.html"):
        assert (workspace / "gate" / name).stat().st_size > 500


def test_it_can_do_nothing_but_read_and_pastes_nothing_into_commands():
    assert RECIPE["permissions"] == {"contents": "read"}
    text = (EXAMPLES / "gate.yml").read_text()
    assert "secrets." not in text and "pull_request_target" not in text
    for name, one in RECIPE["jobs"].items():
        assert one["timeout-minutes"] <= 180, name
        for step in one["steps"]:
            assert "${{" not in step.get("run", "")


def test_the_policies_say_what_their_comments_say():
    smoke, full = (read_policy(EXAMPLES / name) for name in ("gate-smoke.toml", "gate.toml"))
    assert not any(r.blocking for r in smoke.rules) and any(r.severity for r in smoke.rules)
    assert sum(r.blocking for r in full.rules) == 2
