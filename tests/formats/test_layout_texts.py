"""T2I-CompBench's prompts come back from names, whatever a file system did to them, and never as another prompt."""

from __future__ import annotations

import unicodedata

import pytest

from bench.formats.folders import list_images
from bench.formats.layouts import arrange
from bench.types import Sample


def samples(*texts: str, category: str = "color") -> list[Sample]:
    return [Sample(f"{category}-{n:06d}", t, tags={"category": category, "split": "val"}) for n, t in enumerate(texts)]


def arranged(root, asked, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    made = arrange(list_images(root), asked, "t2i-compbench")
    return made, "\n".join(made.summary())


def test_images_are_counted_through(tmp_path):
    """The published script goes on counting from prompt to prompt: the number is no repeat."""
    asked = samples("a red dog", "a blue cat", "a green bench")
    numbers = iter(range(30))
    names = [f"samples/{s.prompt}_{next(numbers):06d}.png" for s in asked for _ in range(10)]
    made, told = arranged(tmp_path, asked, [*names, "a red dog-grid-00000.png"])
    assert made.pairs["color-000001", 3] == "samples/a blue cat_000013.png"
    assert (made.repeats, made.missing, made.extra) == (10, (), ()) and "1 overview pictures" in told


def test_one_image_a_prompt_counted_through(tmp_path):
    asked = samples("a red dog", "a blue cat")
    made, told = arranged(tmp_path, asked, ["samples/a red dog_000000.png", "samples/a blue cat_000001.png"])
    assert made.repeats == 1 and list(made.pairs) == [("color-000000", 0), ("color-000001", 0)]
    assert "published with 10 images a prompt, and here are 1" in told


def test_images_counted_by_prompt_keep_their_numbers(tmp_path):
    asked = samples("a red dog", "a blue cat")
    names = [f"{s.prompt}_{k:06d}.png" for s in asked for k in range(4) if (s.prompt, k) != ("a blue cat", 1)]
    made, _ = arranged(tmp_path, asked, names)
    assert made.missing == (("color-000001", 1),)


def test_signs_that_a_file_system_cannot_hold(tmp_path):
    asked = samples("a cat/dog: 'wow'?", 'the "best" <thing>', "what|ever * is\\here", "a naïve café")
    names = [
        "samples/a cat/dog: 'wow'?_000000.png",  # a '/' in the prompt made a folder
        "samples/the _best_ _thing__000001.png",
        "samples/whatever is here_000002.png",  # signs left out, with the words joined
        f"samples/{unicodedata.normalize('NFD', 'a naïve café')}_000003.png",
    ]
    made, _ = arranged(tmp_path, asked, names)
    assert [made.pairs[s.id, 0] for s in asked] == names and not made.extra


def test_names_cut_at_255_bytes(tmp_path):
    long = "a very long prompt about Zürich, " + "ö" * 60 + " and a bench" + " that goes on" * 12
    other = "a very short prompt about Zürich and a bench"
    asked = samples(long, other)
    stem = long.encode()[: 255 - len("_000000.png")].decode(errors="ignore")
    made, told = arranged(tmp_path, asked, [f"{stem}_000000.png", f"{other}_000001.png"])
    assert len(made.pairs) == 2 and "1 names are the beginning of a prompt" in told


def test_a_cut_that_fits_two_prompts_is_of_none(tmp_path):
    start = "a photograph of a large brown dog that stands beside"
    asked = samples(f"{start} a red car", f"{start} a blue car", "x")
    made, told = arranged(tmp_path, asked, [f"{start}_000000.png", "x_000001.png"])
    assert list(made.pairs) == [("color-000002", 0)]
    assert "extra, cut or changed so that they fit several prompts: 1" in told and len(made.missing) == 2


def test_a_short_prompt_is_not_the_beginning_of_a_longer_one(tmp_path):
    """Of another split, and among names that are longer: nothing was cut here."""
    asked = samples("a green bench and a blue bowl on the grass of a park", "y" * 80)
    names = ["a green bench and a blue bowl on the grass_000000.png", f"{'y' * 80}_000001.png"]
    made, told = arranged(tmp_path, asked, names)
    assert list(made.pairs) == [("color-000001", 0)] and "of no prompt of this data set: 1" in told


def test_prompts_that_differ_in_signs_alone(tmp_path):
    asked = samples("a dog.", "a dog", "A dog!")
    made, told = arranged(tmp_path, asked, ["a dog_000000.png", "a dog._000001.png", "a dog,_000002.png"])
    assert made.pairs == {("color-000000", 0): "a dog._000001.png", ("color-000001", 0): "a dog_000000.png"}
    assert "fit several prompts: 1 (a dog,_000002.png)" in told


def test_a_prompt_of_two_categories_goes_by_the_folder(tmp_path):
    asked = [*samples("a red dog", "a cat"), *samples("a red dog", category="complex"),
             *samples("a red dog", category="3d_spatial")]  # fmt: skip
    names = [f"{folder}/samples/a red dog_00000{n}.png" for folder in ("color_val", "complex") for n in range(2)]
    made, told = arranged(tmp_path, asked, [*names, "color_val/samples/a cat_000002.png"])
    assert made.pairs["color-000000", 1] == "color_val/samples/a red dog_000001.png"
    assert made.pairs["complex-000000", 0] == "complex/samples/a red dog_000000.png"
    assert ("3d_spatial-000000", 0) in made.missing and not made.extra
    assert "missing by category: 3d_spatial 2 of 2, color 1 of 4" in told


@pytest.mark.parametrize(("files", "missing"), [(20, 0), (10, 10)])
def test_a_repeated_prompt(tmp_path, files, missing):
    """Twice in the list: counted through it has twice the images; counted by prompt the second overwrote the first."""
    asked = samples("a red dog", "a blue cat", "a red dog")
    names = [f"a red dog_{n:06d}.png" for n in range(files)] + [f"a blue cat_{n + 30:06d}.png" for n in range(10)]
    made, _ = arranged(tmp_path, asked, names)
    assert made.repeats == 10 and len(made.missing) == missing
    if not missing:
        assert made.pairs["color-000002", 0] == "a red dog_000010.png"
    else:
        assert {key[0] for key in made.missing} == {"color-000002"}


def test_hostile_names(tmp_path):
    asked = samples("a red dog", "../../etc/passwd", "_", "..")
    names = ["a red dog_000000.png", ".._000001.png", "__000002.png", "a red dog.png", "a red dog_0000000001.png",
             "etc/passwd_000003.png"]  # fmt: skip
    made, told = arranged(tmp_path, asked, names)
    assert made.pairs["color-000000", 0] == "a red dog_000000.png"
    assert made.pairs["color-000001", 0] == "etc/passwd_000003.png", "a prompt that is a path is a text"
    assert made.pairs["color-000002", 0] == "__000002.png"
    assert set(made.extra) == {"a red dog.png", "a red dog_0000000001.png"}
    made, told = arranged(tmp_path, asked, ["a red dog_01.png"])
    assert "1 names have another number of digits than six" in told
