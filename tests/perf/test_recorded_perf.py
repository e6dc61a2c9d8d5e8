"""Recorded detections of 101,120 images (VISOR's prompts, four images each): from the file to the rules' verdicts in
less than ten seconds on one core."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.datasets.prompt_benchmarks import Visor
from bench.formats import evidence
from bench.registry import create
from bench.types import ImageRow

REPEATS, BATCH = 4, 128


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(file, samples of all images in order): two boxes an image, as a detector would give them."""
    samples = [s for s in Visor() for _ in range(REPEATS)]
    draw = np.random.default_rng(0)
    count = 2 * len(samples)
    corner = draw.random((count, 2)) * 400
    edge = corner + 5 + draw.random((count, 2)) * 100
    table = pa.table(
        {
            "sample": [s.id for s in samples for _ in (0, 1)],
            "k": [i % REPEATS for i in range(len(samples)) for _ in (0, 1)],
            "label": [t.label for s in samples for t in s.objects],
            "x1": corner[:, 0], "y1": corner[:, 1], "x2": edge[:, 0], "y2": edge[:, 1], "score": draw.random(count),
        }
    )  # fmt: skip
    file = tmp_path_factory.mktemp("big") / "boxes.parquet"
    pq.write_table(table, file)
    return file, samples


def found(file, samples):
    """All detections, as the engine asks for them."""
    evidence._read.cache_clear()
    extractor = create("extractor", "recorded", {"path": str(file)})
    extractor.attach("ours", "", samples[::REPEATS])
    assert not extractor.problems()
    rows = [ImageRow(s.id, i % REPEATS) for i, s in enumerate(samples)]
    seen = []
    for at in range(0, len(rows), BATCH):
        seen += extractor.extract_images(rows[at : at + BATCH], samples[at : at + BATCH])["detections"]
    return seen


@pytest.mark.benchmark(group="recorded")
@pytest.mark.parametrize(
    "names",
    [
        (), ("geneval",), ("visor",), ("object-presence", "t2i-compbench-numeracy"), ("t2i-compbench-spatial",),
        ("hrs-spatial",), ("paintskills-spatial",), ("hrs-counting", "soa"), ("counting-error",),
    ],
)  # fmt: skip
def test_from_the_file_to_the_verdicts(benchmark, recorded, names):
    file, samples = recorded
    assert len(samples) > 100_000

    def judged():
        seen = found(file, samples)
        metrics = [create("metric", name, {}) for name in names]
        for metric in metrics:
            for at in range(0, len(samples), BATCH):
                metric.update(found=seen[at : at + BATCH], truth=samples[at : at + BATCH])
        return seen, [metric.table() for metric in metrics]

    create("metric", "geneval", {})  # torchmetrics is imported before the clock runs
    seen, tables = benchmark.pedantic(judged, rounds=1)
    assert len(seen) == len(samples) and all(len(next(iter(t.values()))) == len(samples) for t in tables)
    assert benchmark.stats is None or benchmark.stats.stats.max < 10
