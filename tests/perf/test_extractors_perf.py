"""Speed of the extractors on decoded images: forward passes at their batch size, and the preparation of one image.

Run alone on a quiet machine with `pytest tests/perf/test_extractors_perf.py`; images/s are in `extra_info`. The one
assertion on time compares two things measured in the same minute, interleaved, with much room.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from bench.extractors.inception import InceptionV3
from bench.extractors.open_clip_model import OpenClip
from bench.extractors.resize import PRESETS
from bench.extractors.timm_model import Timm
from bench.extractors.torchvision_model import Torchvision

MAKERS = {
    "inception-v3": lambda: InceptionV3(seed=0),
    "open-clip": lambda: OpenClip(seed=0),
    "timm-dinov2-224": lambda: Timm(seed=0, size=224),
    "torchvision-resnet18": lambda: Torchvision(seed=0),
}


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def noise(size):
    return np.random.default_rng(size).integers(0, 256, (size, size, 3), dtype=np.uint8)


def batch_of(extractor):
    return [extractor.prepare_image(noise(128))] * extractor.batch_size


def rate(benchmark, images):
    benchmark.extra_info["images_per_s"] = round(images / benchmark.stats.stats.min, 2)


@pytest.mark.parametrize("name", list(MAKERS))
def test_forward(benchmark, name):
    extractor = MAKERS[name]()
    extractor.load()
    batch = batch_of(extractor)
    benchmark.pedantic(extractor.extract_images, args=(batch,), rounds=3, warmup_rounds=1)
    rate(benchmark, len(batch))


def test_texts(benchmark):
    extractor = OpenClip(seed=0)
    extractor.load()
    texts = [f"a photograph of {i} dogs beside a red car" for i in range(extractor.batch_size)]
    benchmark.pedantic(extractor.extract_texts, args=(texts,), rounds=3, warmup_rounds=1)
    rate(benchmark, len(texts))


def peer_call(extractor, tmp_path):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from bench.extractors.network import save_state

    path = save_state(extractor.loaded(), tmp_path / "net.pth")
    peer = FeatureExtractorInceptionV3("peer", ["2048", "logits_unbiased"], str(path))
    images = torch.from_numpy(noise(128)).permute(2, 0, 1)[None].repeat(extractor.batch_size, 1, 1, 1)

    def call():
        with torch.inference_mode():
            return peer(images)

    return call


def test_inception_against_torch_fidelity(benchmark, tmp_path):
    """Same weights, same batch, interleaved; theirs resizes within the forward pass, ours is charged for it too."""
    extractor = InceptionV3(seed=0)
    extractor.load()
    theirs, image = peer_call(extractor, tmp_path), noise(128)

    def ours():
        return extractor.extract_images([extractor.prepare_image(image) for _ in range(extractor.batch_size)])

    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(4):
        for name, call in (("ours", ours), ("theirs", theirs)):
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    ratio = min(times["theirs"]) / min(times["ours"])
    benchmark.extra_info["times_faster"] = round(ratio, 2)
    benchmark.extra_info["torch_fidelity_images_per_s"] = round(extractor.batch_size / min(times["theirs"]), 2)
    benchmark.pedantic(ours, rounds=1)
    rate(benchmark, extractor.batch_size)
    assert ratio > 1.3


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("size", [128, 1024])
def test_prepare_inception(benchmark, preset, size):
    image = noise(size)
    benchmark(PRESETS[preset], image, 299)


@pytest.mark.parametrize("size", [128, 1024])
def test_prepare_clip(benchmark, size):
    extractor, image = OpenClip(seed=0), noise(size)
    benchmark(extractor.prepare_image, image)
