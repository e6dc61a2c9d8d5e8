"""What the engine costs beyond its networks, beside the peers in one run. A quiet machine is wanted.

Bars (median): the panel over the bare forward passes <= 1.15 at 128 px and 1.30 at 1024 px; FID, KID, IS and PRC at
least 1.8 times as fast as torch-fidelity; another metric on a finished run < 5 % of it or 8 s; memory flat in the
number of images.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bench.api as api
from bench import registry
from bench.engine.options import Options
from bench.extractors.network import Network, save_state
from bench.study import Study

FOUR = ("fid", "kid(subset_size=50)", "is", "precision-recall")
INCEPTION = ("inception-v3(seed=0)",)


def folder(root: Path, n: int, side: int, seed: int = 0) -> Path:
    """n smooth random PNGs; smooth, since noise would make PNG decoding slower than any photograph."""
    root.mkdir(parents=True)
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        small = Image.fromarray(rng.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(root / f"{i:05d}.png")
    (root.parent / "prompts.txt").write_text("".join(f"prompt number {i}\n" for i in range(n)))
    return root


def panel_seconds(images: Path, reference: Path, root: Path, metrics) -> float:
    """Seconds of a run less the loading of its network (start-up and report excluded)."""
    study = Study(
        systems=(f"a={images}",), prompts=str(images.parent / "prompts.txt"), reference=str(reference), match="index",
        extractors=INCEPTION, metrics=metrics,
    )  # fmt: skip
    loading = 0.0
    load = Network.load

    def timed(self: Network, *args: object) -> None:
        nonlocal loading
        start = time.perf_counter()
        load(self, *args)  # type: ignore[arg-type]
        loading += time.perf_counter() - start

    Network.load = timed  # type: ignore[method-assign]
    try:
        began = time.perf_counter()
        api.run(study, options=Options(root=root))
        return time.perf_counter() - began - loading
    finally:
        Network.load = load  # type: ignore[method-assign]


def bare_seconds(*folders: Path) -> float:
    """Seconds of the forward passes alone on decoded, prepared tensors."""
    extractor = registry.create("extractor", "inception-v3", {"seed": 0})
    extractor.load()
    ready = [extractor.prepare_image(np.asarray(Image.open(p))) for f in folders for p in sorted(f.iterdir())]
    size = extractor.batch_size
    extractor.extract_images(ready[:size])
    began = time.perf_counter()
    for start in range(0, len(ready), size):
        extractor.extract_images(ready[start : start + size])
    return time.perf_counter() - began


@pytest.mark.parametrize("side, bar", [(128, 1.15), (1024, 1.30)])
def test_panel_over_bare_forward_passes(tmp_path, benchmark, side, bar):
    images = folder(tmp_path / "images" / "a", 64, side)
    reference = folder(tmp_path / "other" / "b", 64, side, seed=1)
    panel_seconds(images, reference, tmp_path / "warm", FOUR)
    ratios = []
    for i in range(5):
        bare = bare_seconds(images, reference)
        ratios.append(panel_seconds(images, reference, tmp_path / f"run{i}", FOUR) / bare)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.pedantic(bare_seconds, args=(images, reference), rounds=1)
    assert statistics.median(ratios) <= bar, ratios


def fidelity_seconds(images: Path, reference: Path, weights: Path) -> float:
    """torch-fidelity's same four metrics end to end, with the same weights."""
    import torch_fidelity

    began = time.perf_counter()
    torch_fidelity.calculate_metrics(
        input1=str(images), input2=str(reference), isc=True, fid=True, kid=True, prc=True, cuda=False, verbose=False,
        kid_subset_size=50, feature_extractor_weights_path=str(weights), cache=False, save_cpu_ram=True,
        feature_extractor="inception-v3-compat", feature_layer_prc="2048",
    )  # fmt: skip
    return time.perf_counter() - began


@pytest.fixture(params=["drawn", "real"])
def two_folders(request, tmp_path) -> tuple[Path, Path]:
    """96 drawn images a side, or the 200 images of two real systems."""
    if request.param == "drawn":
        return folder(tmp_path / "images" / "a", 96, 128), folder(tmp_path / "other" / "b", 96, 160, seed=1)
    real = request.getfixturevalue("shared_data") / "visor" / "images"
    flat = []
    for name in ("dallev2", "stable-diffusion"):  # torch-fidelity takes one flat folder
        to = tmp_path / name / "flat"
        to.mkdir(parents=True)
        files = sorted(p for p in (real / name).rglob("*") if p.suffix in (".png", ".jpg"))
        for i, path in enumerate(files):
            (to / f"{i:05d}{path.suffix}").symlink_to(path)
        (to.parent / "prompts.txt").write_text("".join(f"prompt number {i}\n" for i in range(len(files))))
        flat.append(to)
    return flat[0], flat[1]


def test_four_metrics_beside_torch_fidelity(two_folders, tmp_path, benchmark):
    images, reference = two_folders
    network = registry.create("extractor", "inception-v3", {"seed": 0})
    weights = tmp_path / "weights.pth"
    save_state(network.loaded(), weights)
    ratios = []
    for i in range(3):
        study = Study(
            systems=(f"a={images}",), prompts=str(images.parent / "prompts.txt"), reference=str(reference),
            match="index", extractors=INCEPTION, metrics=FOUR,
        )  # fmt: skip
        began = time.perf_counter()
        api.run(study, options=Options(root=tmp_path / f"run{i}"))
        ours = time.perf_counter() - began
        ratios.append(fidelity_seconds(images, reference, weights) / ours)
    benchmark.extra_info["times faster"] = ratios
    benchmark.pedantic(lambda: None, rounds=1)
    assert statistics.median(ratios) >= 1.8, ratios


def test_another_metric_on_a_finished_run(tmp_path, benchmark):
    images = folder(tmp_path / "images" / "a", 200, 128)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    common = ["--root", str(tmp_path / "runs"), "--extractor", "inception-v3:seed=0", "-q"]
    run = [
        "run", f"a={images}", "--prompts", str(images.parent / "prompts.txt"), "--match", "index", "-m", "is", *common,
        "--report", str(tmp_path / "report"),
    ]  # fmt: skip
    first = command(run, env)
    folder_of = next((tmp_path / "runs").glob("*/a-*"))
    again = command(["score", str(folder_of), "-m", "collapse", *common], env)
    benchmark.extra_info.update(first=first, again=again)
    benchmark.pedantic(lambda: None, rounds=1)
    assert again < max(8.0, 0.05 * first)


def command(arguments: list[str], env: dict[str, str]) -> float:
    """Seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bench", *arguments], env=env, check=True, capture_output=True)
    return time.perf_counter() - began


MEMORY = """
import resource, sys
import bench.api as api
from bench.engine.options import Options
from bench.extractors.network import Network, save_state
from bench.study import Study
api.run(Study(systems=("noise",), dataset=f"scenes(size={{n}})",
metrics=("fd(extractor=timm(model=test_resnet,seed=0,size=64))",)),
        options=Options(root={root!r} and __import__("pathlib").Path({root!r})))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_images(tmp_path, benchmark):
    peaks = {}
    for n in (2000, 8000):
        code = MEMORY.format(root=str(tmp_path / str(n))).replace("{n}", str(n))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks[n] = int(done.stdout.split()[-1]) / 1024
    benchmark.extra_info.update({str(k): v for k, v in peaks.items()})
    benchmark.pedantic(lambda: None, rounds=1)
    assert peaks[8000] - peaks[2000] < 200, peaks
