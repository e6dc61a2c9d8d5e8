"""Images of real systems through one seeded Inception file on both sides: torch-fidelity's own pipeline against ours,
at the images' own and odd sizes, as PNG and JPEG, grey and with an alpha channel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import bench.functional as F
from bench.extractors.inception import InceptionV3
from bench.extractors.network import save_state
from bench.formats.images import decode

COUNT = 24


def _saved(images: list[Image.Image], folder) -> None:
    """Each image in one of six forms."""
    folder.mkdir()
    for i, image in enumerate(images):
        form = i % 6
        name = folder / f"{i:03d}.png"
        if form == 1:
            image.resize((97, 203)).save(name)
        elif form == 2:
            image.save(name.with_suffix(".jpg"), quality=90)
        elif form == 3:
            image.convert("L").save(name)
        elif form == 4:
            # opaque: torch-fidelity drops the channel, we put the image on white
            image.convert("RGBA").save(name)
        elif form == 5:
            image.resize((311, 299)).save(name)
        else:
            image.save(name)


@pytest.fixture(scope="module")
def sides(shared_data, tmp_path_factory):
    models = sorted((shared_data / "visor" / "images").iterdir())
    folder = tmp_path_factory.mktemp("visor")
    for side, model in zip(("a", "b"), (models[0], models[-1]), strict=True):
        _saved([Image.open(p).convert("RGB") for p in sorted(model.glob("*.png"))[:COUNT]], folder / side)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_torch_fidelity_from_files(sides, tmp_path, monkeypatch):
    from torch_fidelity import calculate_metrics

    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    weights = save_state(InceptionV3(seed=0).loaded(), tmp_path / "seeded.pth")
    theirs = calculate_metrics(
        input1=str(sides / "a"), input2=str(sides / "b"), samples_find_deep=True, cuda=False, isc=True, fid=True,
        kid=True, kid_subsets=10, kid_subset_size=12, isc_splits=4, verbose=False, cache=False,
        feature_extractor_weights_path=str(weights), batch_size=1,  # it stacks images as they are
    )  # fmt: skip
    made = InceptionV3(weights=str(weights))
    rows = {}
    for side in ("a", "b"):
        pixels = [decode(str(p)) for p in sorted((sides / side).iterdir())]
        seen = [made.extract_images([made.prepare_image(i)]) for i in pixels]
        rows[side] = {k: torch.cat([s[k] for s in seen]) for k in seen[0]}
    x, y = rows["a"]["features"], rows["b"]["features"]
    assert np.ptp(x.numpy(), axis=0).mean() > 0.1, "a seeded network that tells images apart"
    trace = float(x.double().var(0).sum() + y.double().var(0).sum())
    fid, (kid, _) = F.frechet_distance(x, y), F.kernel_distance(x, y, subsets=10, subset_size=12)
    score, _ = F.inception_score(rows["a"]["logits"], splits=4)
    assert float(fid) == pytest.approx(theirs["frechet_inception_distance"], abs=1e-4 * trace)
    assert float(kid) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)
    assert float(score) == pytest.approx(theirs["inception_score_mean"], rel=1e-3)
