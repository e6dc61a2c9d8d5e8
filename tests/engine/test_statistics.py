"""Statistics that are written are those that are read, here and by pytorch-fid."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import bench.functional as F
from bench.cli import main
from bench.engine.options import Options
from bench.engine.statistics import export
from bench.errors import TooFew, UsageError
from bench.extractors.scene_judges import SceneClassifierJudge
from bench.metrics.fd import FrechetDistance


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "photos"
    place.mkdir()
    rng = np.random.default_rng(0)
    for i in range(70):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(place / f"{i}.png")
    return place


def test_a_folder_becomes_what_pytorch_fid_reads(folder, tmp_path):
    out = tmp_path / "stats.npz"
    assert main(["statistics", str(folder), "-e", "scene-classifier", "--out", str(out), "-q"]) == 0
    judge = SceneClassifierJudge()
    files = sorted(folder.iterdir(), key=lambda p: int(p.stem))
    pixels = [judge.prepare_image(np.asarray(Image.open(p))) for p in files]
    rows = judge.extract_images(pixels)["features"].double()
    with np.load(out, allow_pickle=False) as data:
        np.testing.assert_allclose(data["mu"], rows.mean(0), atol=1e-5)
        np.testing.assert_allclose(data["sigma"], np.cov(rows.numpy(), rowvar=False), atol=1e-5)
        assert int(data["n"]) == 70 and json.loads(str(data["protocol"]))["name"] == "scene-classifier"
    metric = FrechetDistance("scene-classifier")
    metric.use_statistics(str(out))
    metric.update(generated=rows + 1)
    assert float(metric.compute()) == pytest.approx(float(F.frechet_distance(rows + 1, rows)), rel=1e-4)
    assert float(metric.compute()) > 60 > float(F.frechet_distance(rows, rows))


def test_datasets_and_refusals(tmp_path):
    n, d = export("scenes(size=40)", "scene-classifier", tmp_path / "a.npz", Options())
    assert (n, d) == (80, 64), "the reference set of scenes is another split, twice as many"
    with pytest.raises(UsageError, match=r"ends in \.npz"):
        export("scenes(size=40)", "scene-classifier", tmp_path / "a.txt", Options())
    with pytest.raises(UsageError, match="no features of images"):
        export("scenes(size=40)", "scene-answers", tmp_path / "b.npz", Options())
    lonely = tmp_path / "one"
    lonely.mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(lonely / "0.png")
    with pytest.raises(TooFew, match="has 1"):
        export(lonely, "scene-classifier", tmp_path / "c.npz", Options())
    assert not (tmp_path / "c.npz").exists()


def test_too_few_images_for_the_features_are_remarked():
    metric = FrechetDistance("any")
    rows = torch.randn(20, 32, generator=torch.Generator().manual_seed(0))
    metric.update(generated=rows, reference=rows + 1)
    (told,) = metric.remarks()
    assert "20 images for 32 features" in told and "rank 19" in told
    metric.reset()
    metric.update(generated=rows.repeat(2, 1), reference=rows)
    assert metric.remarks() == []
