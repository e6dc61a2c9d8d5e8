"""Fixtures of the tests of pipelines and servers."""

from __future__ import annotations

import http_server
import pytest
import tiny_pipelines as tiny
import torch


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", http_server.KEY)


@pytest.fixture(scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    tiny.stable_diffusion(root / "sd")
    tiny.stable_diffusion(root / "checked", checker=True)
    tiny.stable_diffusion_3(root / "sd3")
    return root


@pytest.fixture
def empty_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("BENCH_ALLOW_DOWNLOAD", raising=False)
