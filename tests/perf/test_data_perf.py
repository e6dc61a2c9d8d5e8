"""Data sets as they open: the first sample at once, and a pickle of captions of the size that text-to-image work uses.

One core: the first sample of VISOR, of a file of 100,000 prompts and of Karpathy's 123,287 photographs of COCO in less
than a second; AttnGAN's captions of birds (1.4 million numbers) by the reader that executes nothing.
"""

from __future__ import annotations

import json
import pickle

import pytest

from bench.datasets.photographs import CocoKarpathy
from bench.datasets.prompt_benchmarks import GenEval, Visor
from bench.datasets.question_benchmarks import Dsg
from bench.formats.pickles import read_pickle


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """100,000 rows in GenEval's layout, 25,000 questions of 5,000 items in DSG's, COCO in Karpathy's form."""
    root = tmp_path_factory.mktemp("many")
    row = json.dumps({"tag": "counting", "include": [{"class": "cup", "count": 2}], "prompt": "a photo of two cups"})
    (root / "evaluation_metadata.jsonl").write_text("\n".join([row] * 100_000))
    head = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple"
    rows = [f'vrd_{n // 5},"A cat, a dog",k,{n % 5 + 1},{n % 5},entity,whole,t,Is it?' for n in range(25_000)]
    (root / "dsg-1k-anns.csv").write_text("\n".join([f"{head},question_natural_language", *rows]))
    words = "a man riding a wave on top of a surfboard".split()
    said = [{"tokens": words, "raw": " ".join(words), "imgid": 0, "sentid": 0}] * 5
    photo = json.dumps({"filename": "COCO_%d.jpg", "cocoid": -1, "split": "test", "sentences": said})
    photos = ",".join(photo.replace("-1", str(n)) for n in range(123_287))
    (root / "dataset_coco.json").write_text(f'{{"images": [{photos}]}}')
    return str(root)


@pytest.mark.parametrize(
    "make", [lambda root: Visor(), GenEval, Dsg, CocoKarpathy],
    ids=["visor", "geneval-100k", "dsg-25k", "coco-karpathy"],
)  # fmt: skip
def test_first_sample(benchmark, many, make):
    found = benchmark.pedantic(lambda: make(many).first(1), rounds=3)
    assert len(found) == 1 and benchmark.stats.stats.median < 1.0


def test_every_prompt_of_visor(benchmark):
    found = benchmark.pedantic(lambda: list(Visor(kind="all")), rounds=3)
    assert len(found) == 31680


def test_captions_of_birds(benchmark):
    captions = [
        [list(range(1, 13)) for _ in range(88_550)],
        [list(range(1, 13)) for _ in range(29_330)],
        {1: "a"},
        {"a": 1},
    ]
    data = pickle.dumps(captions, 2)
    value, _ = benchmark.pedantic(read_pickle, (data,), rounds=1)
    assert [len(v) for v in value] == [88_550, 29_330, 1, 1]
