"""Private runs: what each test starts from."""

from __future__ import annotations

import pytest
from private_world import World, made

from bench import discretion


@pytest.fixture(autouse=True)
def nothing_kept():
    """Each test is a process of its own in this: nothing is kept back from an earlier one."""
    discretion.forget()
    yield
    discretion.forget()


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    return made(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> World:
    """Private runs that no test changes."""
    world = made(tmp_path_factory.mktemp("private"))
    world.quickly(visibility="private")
    return world


@pytest.fixture
def private(world) -> World:
    world.quickly(visibility="private")
    return world
