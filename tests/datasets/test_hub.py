"""`hugging-face` on what the library itself writes; without the library, one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from bench.datasets import hub
from bench.datasets.hub import HuggingFace

ROWS = {"text": ["a red cup", " a  dog "], "key": ["x", "y"], "n": [1, 2]}


@pytest.fixture
def library():
    found = pytest.importorskip("datasets", reason="Hugging Face's datasets is not installed (extra hub)")
    if not hasattr(found, "load_from_disk"):  # the folder of cards
        pytest.skip("Hugging Face's datasets is not installed (extra hub)")
    return found


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setattr(hub.importlib, "import_module", lambda name: type("Cards", (), {})())
    (problem,) = HuggingFace(str(tmp_path)).problems()
    assert "pip install 'text-image-bench[hub]'" in problem


def test_what_it_saved(library, tmp_path):
    image = library.Image()
    rows = library.Dataset.from_dict({**ROWS, "image": [np.full((4, 4, 3), v, np.uint8) for v in (5, 9)]})
    rows = rows.cast_column("image", image)
    library.DatasetDict({"test": rows}).save_to_disk(str(tmp_path / "saved"))
    dataset = HuggingFace(str(tmp_path / "saved"), "test", prompt="text", image="image", id="key")
    assert [(s.id, s.prompt) for s in dataset] == [("x", "a red cup"), ("y", "a dog")] and not dataset.problems()
    assert [dataset.load_image(s.reference)[0, 0, 0] for s in dataset] == [5, 9]
    assert "no split 'train'" in HuggingFace(str(tmp_path / "saved"), "train", prompt="text").problems()[0]
    assert (
        "no column 'texts'. Did you mean text?"
        in HuggingFace(str(tmp_path / "saved"), "test", prompt="texts").problems()[0]
    )


def test_parquet_files(library, tmp_path):
    library.Dataset.from_dict(ROWS).to_parquet(str(tmp_path / "test-0.parquet"))
    dataset = HuggingFace(str(tmp_path), prompt="text")
    assert [s.id for s in dataset] == ["000000", "000001"] and dataset.identity() == HuggingFace(
        str(tmp_path), prompt="text"
    ).identity()
    assert "parquet files" in HuggingFace(str(tmp_path), "train", prompt="text").problems()[0]
