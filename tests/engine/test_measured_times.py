"""measured.json keeps the generator's own time, apart from extraction, and only where a generator made images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench import api, store
from bench.engine.options import Options
from bench.study import Study


def test_a_generators_time_is_kept_and_a_folders_is_not(tmp_path):
    images, prompts = tmp_path / "images", tmp_path / "prompts.txt"
    images.mkdir()
    for i in range(3):
        Image.fromarray(np.full((8, 8, 3), 40 * i, np.uint8)).save(images / f"{i}.png")
    prompts.write_text("one\ntwo\nthree\n")
    options = Options(root=tmp_path / "runs")
    (made,) = api.run(Study(systems=("noise",), prompts=str(prompts), metrics=("collapse",)), options=options)
    (read,) = api.run(Study(systems=(f"mine={images}",), prompts=str(prompts), metrics=("collapse",)), options=options)
    (first,) = store.read_json(Path(made.path) / "measured.json")["passes"]
    assert first["generation"]["images"] == 3
    assert 0 < first["generation"]["low"] <= first["generation"]["median"] <= first["generation"]["high"]
    assert first["generation"]["seconds"] <= first["seconds"]
    assert 10e6 < first.get("memory", 20e6) < 100e9, "bytes, where the kernel tells them"
    (other,) = store.read_json(Path(read.path) / "measured.json")["passes"]
    assert "generation" not in other and other["rows"] == 3
