"""Datasets of captions: their reference sets in every form, and identities that follow contents and never paths."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from bench.datasets.base import Dataset
from bench.errors import DataError
from bench.formats.images import encode_png
from bench.registry import create, register
from bench.types import Sample


@register("dataset", "toy-for-captions-test", summary="two drawn samples")
class Toy(Dataset):
    def __init__(self, level: int = 3) -> None:
        self.level = level

    def identity(self):
        return {"level": self.level}

    def __iter__(self):
        yield Sample("a", "x", reference="draw:1")
        yield Sample("b", "y", reference="draw:2")

    def load_image(self, locator):
        return np.full((2, 2, 3), int(locator.split(":")[1]) * self.level, np.uint8)

    def training(self):
        return [Sample("t", "z", reference="draw:9")]


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("a dog\na cat\n")
    return path


def images(folder, count=3):
    folder.mkdir()
    for n in range(count):
        (folder / f"{n + 8}.png").write_bytes(encode_png(np.full((2, 2, 3), n, np.uint8)))
    return folder


def captions(path, **params):
    return create("dataset", "captions", {"path": str(path), **params})


def test_prompts_without_reference(prompts):
    made = captions(prompts)
    assert made.problems() == [] and made.statistics is None
    assert [s.prompt for s in made] == ["a dog", "a cat"] == [s.prompt for s in made]
    assert list(made.references()) == [] and list(made.training()) == []


def test_folder_of_references_is_a_set(prompts, tmp_path):
    made = captions(prompts, reference=str(images(tmp_path / "real")))
    assert made.problems() == []
    found = list(made.references())
    assert [p.rsplit("/", 1)[1] for p in found] == ["8.png", "9.png", "10.png"]
    assert made.load_image(found[1])[0, 0, 0] == 1
    assert all(s.reference is None for s in made)


def test_column_of_references(tmp_path):
    images(tmp_path / "real")
    path = tmp_path / "p.csv"
    path.write_text("prompt,reference\na dog,real/9.png\na puppy,real/9.png\na cat,real/8.png\n")
    made = captions(path)
    assert [p.rsplit("/", 1)[1] for p in made.references()] == ["9.png", "8.png"]
    assert made.problems() == []
    path.write_text("prompt,reference\na dog,real/99.png\na cat,real/8.png\n")
    assert "1 of 2 reference images do not exist" in captions(path).problems()[0]


def test_statistics(prompts, tmp_path):
    path = tmp_path / "stats.npz"
    np.savez(path, mu=np.zeros(4), sigma=np.eye(4))
    made = captions(prompts, reference=str(path))
    assert made.problems() == [] and made.statistics == str(path) and list(made.references()) == []
    first = made.identity()
    np.savez(path, mu=np.ones(4), sigma=np.eye(4))
    assert captions(prompts, reference=str(path)).identity() != first


@pytest.mark.parametrize(
    ("arrays", "said"),
    [({"mean": np.zeros(4)}, "hold mean"), ({"mu": np.zeros((4, 1)), "sigma": np.eye(4)}, "shape"), (None, "no .npz")],
)
def test_faults_of_statistics(prompts, tmp_path, arrays, said):
    path = tmp_path / "stats.npz"
    np.savez(path, **arrays) if arrays else path.write_text("no archive")
    assert said in captions(prompts, reference=str(path)).problems()[0]
    assert "do not exist" in captions(prompts, reference=str(tmp_path / "absent.npz")).problems()[0]


def test_another_dataset_is_the_reference(prompts):
    made = captions(prompts, reference="toy-for-captions-test(level=5)")
    assert made.problems() == []
    assert list(made.references()) == ["draw:1", "draw:2"]
    assert made.load_image("draw:2")[0, 0, 0] == 10
    assert [s.id for s in made.training()] == ["t"]
    assert made.identity() != captions(prompts, reference="toy-for-captions-test(level=6)").identity()


def test_problems_are_gathered(tmp_path):
    (tmp_path / "empty").mkdir()
    made = captions(tmp_path / "absent.txt", reference=str(tmp_path / "empty"))
    assert len(made.problems()) == 2
    assert (
        "neither a folder, nor an .npz file, nor a dataset"
        in captions(tmp_path / "absent.txt", reference="scnees").problems()[1]
    )


def test_identity_follows_contents_and_no_paths(prompts, tmp_path):
    real = images(tmp_path / "real")
    first = captions(prompts, reference=str(real)).identity()
    copy = shutil.copytree(real, tmp_path / "copy")
    other = tmp_path / "other.txt"
    other.write_bytes(b"a dog\r\na cat")
    assert captions(other, reference=str(copy)).identity() == first
    other.write_text("a cat\na dog\n")
    assert captions(other, reference=str(copy)).identity() != first
    (copy / "8.png").write_bytes(encode_png(np.full((2, 2, 3), 77, np.uint8)))
    assert captions(prompts, reference=str(copy)).identity() != first


def test_captions_of_a_folder(tmp_path):
    folder = images(tmp_path / "real", 2)
    for name, text in [("8", "a dog"), ("9", "a cat")]:
        (folder / f"{name}.txt").write_text(text)
    assert [s.prompt for s in captions(folder)] == ["a dog", "a cat"]
    plain = create("dataset", "captioned-folder", {"path": str(folder)})
    own = create("dataset", "captioned-folder", {"path": str(folder), "reference": "self"})
    assert list(plain.references()) == [] and [s.reference for s in plain] == [None, None]
    assert [p.rsplit("/", 1)[1] for p in own.references()] == ["8.png", "9.png"]
    assert own.problems() == [] and own.load_image(own.samples[1].reference)[0, 0, 0] == 1
    as_reference = captions(folder, reference=f'captioned-folder(path="{folder}",reference=self)')
    assert list(as_reference.references()) == list(own.references())
    assert as_reference.problems() == []


def test_folder_without_captions_is_a_problem(tmp_path):
    folder = images(tmp_path / "real", 2)
    assert "is no caption" in create("dataset", "captioned-folder", {"path": str(folder)}).problems()[0]
    with pytest.raises(DataError, match="is no caption"):
        list(captions(folder))
