"""Opening COCO: 600,000 captions below 4 s and 1 GB, with 860,000 instances below 25 s and 4 GB."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

PHOTOS, CAPTIONS, INSTANCES = 118_287, 600_000, 860_001
"""Photographs and instances of train2017; a little more captions than its 591,753."""
OPEN = """
import json, resource, time
from bench.datasets.coco import Coco
start, cpu = time.perf_counter(), time.process_time()
dataset = Coco({root!r}, 2017, "train", prompts="all", instances={instances}, images=None)
n = len(dataset.samples)
print(json.dumps([n, sum(len(s.objects) for s in dataset.samples), time.perf_counter() - start,
                  time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Synthetic files of the real size: captions of ten words, outlines of 60 numbers."""
    folder = tmp_path_factory.mktemp("coco")
    (folder / "annotations").mkdir()
    rng = random.Random(0)
    words = ("a", "man", "riding", "wave", "on", "top", "of", "surfboard", "dog", "red", "large", "street", "with")
    photos = [
        {"license": 3, "file_name": f"{n:012d}.jpg", "coco_url": f"http://images.cocodataset.org/train2017/{n:012d}.jpg",
         "height": 480, "width": 640, "date_captured": "2013-11-14 11:18:45", "id": n}
        for n in range(1, PHOTOS + 1)
    ]  # fmt: skip
    said = [
        {"image_id": n % PHOTOS + 1, "id": n, "caption": " ".join(rng.choices(words, k=10)) + f" {n}."}
        for n in range(CAPTIONS)
    ]
    (folder / "annotations" / "captions_train2017.json").write_text(json.dumps({"images": photos, "annotations": said}))
    del said
    outline = [round(rng.uniform(0, 640), 2) for _ in range(60)]
    objects = [
        {"segmentation": [outline], "area": 702.1, "iscrowd": 0, "image_id": n % PHOTOS + 1,
         "bbox": [473.07, 395.93, 38.65, 28.67], "category_id": 18, "id": n}
        for n in range(INSTANCES)
    ]  # fmt: skip
    content = {"images": photos, "annotations": objects, "categories": [{"id": 18, "name": "dog"}]}
    with open(folder / "annotations" / "instances_train2017.json", "w") as file:
        json.dump(content, file)
    return folder


@pytest.mark.parametrize(
    ("instances", "seconds", "gigabytes"), [(False, 4, 1), (True, 25, 4)], ids=["captions", "both"]
)
def test_opening_coco(benchmark, root, instances, seconds, gigabytes):
    def opened():
        code = OPEN.format(root=str(root), instances=instances)
        return json.loads(
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        )

    samples, objects, wall, cpu, memory = benchmark.pedantic(opened, rounds=1)
    benchmark.extra_info.update(wall_s=wall, cpu_s=cpu, peak_gb=memory)
    assert samples == CAPTIONS and (objects > 0) == instances
    assert cpu < seconds and memory < gigabytes, (wall, cpu, memory)
