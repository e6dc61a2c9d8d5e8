"""An empty BENCH_HOME, empty hub caches and no network for every test of this room; one seeded Inception for all."""

from __future__ import annotations

import numpy as np
import pytest

HUBS = ("BENCH_HOME", "TORCH_HOME", "HF_HOME")


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """Calibrations are kept here, so that they are made once for the whole session."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def isolated(shared_home, monkeypatch):
    for variable in HUBS:
        monkeypatch.setenv(variable, str(shared_home / variable))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for variable in ("BENCH_ALLOW_DOWNLOAD", "HF_HUB_CACHE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return shared_home


@pytest.fixture
def one_thread():
    """Layers of a few numbers only wait for each other's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def inception(shared_home):
    """InceptionV3(seed=0), loaded."""
    from bench.extractors.inception import InceptionV3

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_HOME", str(shared_home / "BENCH_HOME"))
        extractor = InceptionV3(seed=0)
        extractor.load()
    return extractor


@pytest.fixture(scope="session")
def inception_file(inception, shared_home):
    """Its weights in the published layout."""
    from bench.extractors.network import save_state

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_HOME", str(shared_home / "BENCH_HOME"))
        return save_state(inception.loaded(), shared_home / "seeded-inception.pth")


@pytest.fixture(scope="session")
def pictures():
    """8 different drawn pictures, uint8 (128, 128, 3); not those of any calibration."""
    from bench.extractors.seeded import pictures as draw

    return [(image * 255).astype(np.uint8) for image in draw(8, 128, seed=77)]
