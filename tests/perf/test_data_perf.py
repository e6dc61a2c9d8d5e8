"""Data sets as they open: the first sample at once, and a pickle of captions of the size that text-to-image work uses.

One core: the first sample of VISOR and of a file of 100,000 prompts in milliseconds; AttnGAN's captions of birds (1.4
million numbers) by the reader that executes nothing.
"""

from __future__ import annotations

import json
import pickle

import pytest

from bench.datasets.prompt_benchmarks import GenEval, Visor
from bench.datasets.question_benchmarks import Dsg
from bench.formats.pickles import read_pickle


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """100,000 rows in GenEval's layout, 25,000 questions of 5,000 items in DSG's (it has 8,182)."""
    root = tmp_path_factory.mktemp("many")
    row = json.dumps({"tag": "counting", "include": [{"class": "cup", "count": 2}], "prompt": "a photo of two cups"})
    (root / "evaluation_metadata.jsonl").write_text("\n".join([row] * 100_000))
    head = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple"
    rows = [f'vrd_{n // 5},"A cat, a dog",k,{n % 5 + 1},{n % 5},entity,whole,t,Is it?' for n in range(25_000)]
    (root / "dsg-1k-anns.csv").write_text("\n".join([f"{head},question_natural_language", *rows]))
    return str(root)


@pytest.mark.parametrize("make", [lambda root: Visor(), GenEval, Dsg], ids=["visor", "geneval-100k", "dsg-25k"])
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
