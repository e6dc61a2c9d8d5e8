"""Fixtures of the tests of admission: a run with its archive, and a copy of its images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from forging import run, submitted

from bench.engine import hostile


@pytest.fixture(scope="module")
def in_this_process():
    """Files are looked through without a process of its own, which tests/engine/test_hostile.py is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile, "problems", hostile.looked_through)
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A run, and its archive."""
    home = tmp_path_factory.mktemp("made")
    one = run(home / "runs")
    return one, submitted(one, home / "ours.tar.gz")


@pytest.fixture
def images(made, tmp_path):
    """A copy of the run's images, as a submitter hands them over."""
    return Path(shutil.copytree(Path(made[0].path) / "images", tmp_path / "images"))
