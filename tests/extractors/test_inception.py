"""inception-v3 against torch-fidelity and torchmetrics with the same seeded weights; what random weights must do."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import DataError, NotFinite, UsageError, WeightsMissing
from bench.extractors.inception import PUBLISHED, InceptionV3
from bench.extractors.weights import sha256
from bench.registry import create, lookup

SIZES = [(1, 1), (17, 33), (128, 128), (300, 500)]


def noise(height, width):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey_jpeg():
    buffer = io.BytesIO()
    Image.fromarray(noise(90, 70)[:, :, 0]).save(buffer, "JPEG")
    return np.array(Image.open(buffer).convert("RGB"))


def odd_images():
    return [noise(*size) for size in SIZES] + [grey_jpeg()]


def outputs(extractor, images):
    return extractor.extract_images([extractor.prepare_image(i) for i in images])


def relative(ours, theirs):
    return ((ours - theirs).norm() / theirs.norm()).item()


# ---- parity ----


def test_torch_fidelity_gives_the_same_on_every_size(inception, inception_file):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    peer = FeatureExtractorInceptionV3("peer", ["2048", "logits_unbiased"], str(inception_file))
    ours = outputs(inception, odd_images())
    for row, image in enumerate(odd_images()):
        with torch.inference_mode():
            features, logits = peer(torch.from_numpy(image).permute(2, 0, 1)[None])
        assert relative(ours["features"][row], features[0]) < 1e-4
        assert relative(ours["logits"][row], logits[0]) < 1e-4


def test_torchmetrics_gives_the_same_with_tm_aa(inception, inception_file):
    from torchmetrics.image.fid import NoTrainInceptionV3

    peer = NoTrainInceptionV3("peer", ["2048"], str(inception_file))
    extractor = InceptionV3(seed=0, resize="tm-aa")
    extractor.module = inception.module
    images = odd_images()[1:4]
    ours = outputs(extractor, images)["features"]
    plain = outputs(inception, images[2:])["features"][0]
    for row, image in enumerate(images):
        with torch.inference_mode():
            theirs = peer(torch.from_numpy(image).permute(2, 0, 1)[None])[0]
        assert relative(ours[row], theirs) < 1e-4
    assert relative(plain, ours[2]) > 1e-2, "the protocols differ on an image larger than 299"


def test_weights_by_path_give_what_the_seed_gave(inception, inception_file, pictures):
    other = InceptionV3(weights=str(inception_file))
    assert other.problems() == [] and other.caveat == ""
    assert other.identity()["weights"] == f"sha256:{sha256(inception_file)}"
    one, two = (outputs(e, pictures[:2]) for e in (inception, other))
    assert torch.equal(one["features"], two["features"]) and torch.equal(one["logits"], two["logits"])


def test_bfloat16_is_near_and_not_equal(inception, pictures):
    half = InceptionV3(seed=0)
    half.load(dtype="bfloat16")
    rows = [inception.prepare_image(i) for i in pictures[:2]]
    ours, theirs = (e.extract_images(rows)["features"] for e in (half, inception))
    assert ours.dtype == torch.float32
    assert 1e-4 < relative(ours, theirs) < 0.3 * relative(theirs[1], theirs[0]), "far less than between images"


# ---- what the numbers mean ----


def test_random_weights_tell_images_apart(inception, pictures):
    out = outputs(inception, pictures)
    assert out["features"].shape == (8, 2048) and out["logits"].shape == (8, 1008)
    assert all(bool(value.isfinite().all()) for value in out.values())
    assert (out["features"].std(0).mean() / out["features"].square().mean().sqrt()).item() > 0.1
    p = out["logits"].double().softmax(1)
    inception_score = (torch.special.entr(p.mean(0)).sum() - torch.special.entr(p).sum(1).mean()).exp().item()
    assert inception_score > 1.2, "a collapsed network scores 1.0"


def test_a_small_change_of_an_image_moves_features_less_than_another_image(inception, pictures):
    changed = pictures[0].copy()
    changed[60:68, 60:68] = 255
    features = outputs(inception, [pictures[0], changed, pictures[1]])["features"]
    assert 0 < (features[1] - features[0]).norm() < 0.5 * (features[2] - features[0]).norm()


def test_rows_do_not_depend_on_their_neighbours(inception, pictures):
    rows = [inception.prepare_image(i) for i in pictures[:4]]
    alone = inception.extract_images([rows[0]] * 4)
    among = inception.extract_images(rows[::-1])
    for name in ("features", "logits"):
        assert torch.equal(alone[name][0], among[name][-1])
        assert torch.equal(alone[name][0], alone[name][2])


def test_folding_is_as_exact_as_the_plain_network(inception, pictures):
    """Both against a float64 pass: folding may change the rounding, not its size."""
    rows = np.stack([inception.prepare_image(i) for i in pictures[:2]])
    images, module = torch.from_numpy(rows).permute(0, 3, 1, 2).contiguous(), inception.loaded()
    with torch.inference_mode():
        plain, _ = module(images)
        truth, _ = module.double()(images.double())
    folded = inception.extract_images(list(rows))["features"]
    assert relative(folded, truth) < 1.5 * relative(plain, truth) < 1e-4


# ---- parameters and files ----


def test_missing_weights_are_a_problem_and_never_random():
    extractor = InceptionV3()
    (problem,) = extractor.problems()
    assert PUBLISHED.names[0] in problem and "seed=0" in problem and "weights=PATH" in problem
    for call in (extractor.identity, extractor.load):
        with pytest.raises(WeightsMissing):
            call()
    assert "does not exist" in InceptionV3(weights="/nowhere/net.pth").problems()[0]


def test_the_published_name_is_found_but_its_digest_is_held(isolated, inception_file, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / PUBLISHED.names[1]).write_bytes(inception_file.read_bytes())
    extractor = InceptionV3()
    assert extractor.problems() == []
    with pytest.raises(DataError, match="where 6726825d"):
        extractor.load()


def test_identity_changes_with_all_that_changes_numbers():
    said = [str(e.identity()) for e in (InceptionV3(seed=0), InceptionV3(seed=1), InceptionV3(seed=0, resize="clean"))]
    assert len(set(said)) == 3 and said[0] == str(InceptionV3(seed=0).identity())
    assert InceptionV3(seed=4).caveat == "random weights (seed 4)"


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"resize": "tf_fid", "seed": 0}, "Did you mean tf-fid"),
        ({"weights": "x.pth", "seed": 0}, "either read or random"),
        ({"seed": -1}, "no whole number"),
        ({"seed": 0.5}, "no whole number"),
        ({"sede": 0}, "Did you mean seed"),
    ],
)
def test_wrong_parameters_are_sentences(params, why):
    with pytest.raises(UsageError, match=why):
        create("extractor", "inception-v3", params)


def test_an_unknown_dtype_is_refused():
    with pytest.raises(UsageError, match="float32, bfloat16"):
        InceptionV3(seed=0).load(dtype="int8")


def test_nan_weights_are_refused(inception_file, tmp_path):
    state = torch.load(inception_file, weights_only=True)
    state["Mixed_7c.branch1x1.conv.weight"][0] = float("nan")
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(NotFinite, match="Mixed_7c"):
        InceptionV3(weights=str(tmp_path / "net.pth")).load()


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "net.pth")
    with pytest.raises(DataError, match="holds no weights of inception-v3"):
        InceptionV3(weights=str(tmp_path / "net.pth")).load()


def test_listing_imports_no_model_library():
    code = (
        "import sys; from bench.registry import entries, load; entries('extractor'); "
        "[load('extractor', n) for n in ('inception-v3', 'open-clip', 'timm', 'torchvision')]; "
        "heavy = ('torch', 'open_clip', 'timm', 'torch_fidelity', 'torchvision', 'torchmetrics'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert lookup("extractor", "inception-v3").target == "bench.extractors.inception:InceptionV3"
