"""Functions of one's own: batches and single images, every kind of image, and failures that stay with their prompt."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import GenerationFailed
from bench.generators.base import Context
from bench.generators.callable import FromCallable
from bench.registry import create
from bench.types import Request

SOURCE = """
import numpy as np
CALLS = []
def batch(prompts, seeds, level=7):
    CALLS.append(len(prompts))
    if any("bad" in p for p in prompts):
        raise ValueError("cannot\\ndraw this")
    return [np.full((4, 6, 3), level + s % 5, np.uint8) for s in seeds]
def single(prompt, seed, size=None):
    return np.full((3, 2, 2), (seed % 10) / 10, np.float32) if "nan" not in prompt else np.full((2, 2, 3), np.nan)
def short(prompts):
    return [np.zeros((2, 2, 3), np.uint8)]
def nothing(prompts):
    return None
def frames(prompts, frames):
    return [[np.full((2, 2, 3), i, np.uint8) for i in range(f)] for f in frames]
def wrong(text):
    return text
class Model:
    def __init__(self, level=1):
        self.level = level
    def __call__(self, prompts, seeds):
        return [np.full((2, 2, 3), self.level, np.uint8) for _ in prompts]
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def ready(target, **params):
    made = create("generator", "callable", {"target": target, **params})
    assert made.problems() == []
    made.setup(Context({}, "x"))
    return made


def asked(*prompts, frames=1):
    return [Request(f"id-{p}", 0, p, 100 + n, frames) for n, p in enumerate(prompts)]


def test_batch_with_parameters(source):
    made = ready(f"{source}:batch", params="level=20")
    levels = [int(o.image[0, 0, 0]) for o in made.generate(asked("a", "b", "c"))]
    assert levels == [20, 21, 22]


def test_an_exception_stays_with_its_prompt(source):
    made = ready(f"{source}:batch")
    found = list(made.generate(asked("a", "bad", "c")))
    assert [o.status for o in found] == ["ok", "failed", "ok"]
    assert found[1].reason == "ValueError: cannot draw this"
    assert int(found[2].image[0, 0, 0]) == 7 + 102 % 5  # its own seed, not that of another place in the batch
    assert made._load().__globals__["CALLS"] == [3, 1, 1, 1]


def test_one_image_a_call_and_nan_named_by_sample(source):
    found = list(ready(f"{source}:single").generate(asked("a", "nan")))
    assert found[0].image.shape == (2, 2, 3) and found[0].status == "ok"
    assert found[1].status == "failed" and "sample 'id-nan'" in found[1].reason and "NaN" in found[1].reason


def test_class_is_made_once_with_its_parameters(source):
    (found,) = ready(f"{source}:Model", params="level=9").generate(asked("a"))
    assert (found.image == 9).all()


def test_frames(source):
    (found,) = ready(f"{source}:frames").generate(asked("a", frames=3))
    assert [int(f[0, 0, 0]) for f in found.image] == [0, 1, 2]


@pytest.mark.parametrize(("name", "said"), [("short", "1 images for 2 prompts"), ("nothing", "returned a NoneType")])
def test_wrong_counts_break_the_run(source, name, said):
    with pytest.raises(GenerationFailed, match=said):
        list(ready(f"{source}:{name}").generate(asked("a", "b")))


def test_module_target():
    assert FromCallable("tests_no_such_module:f").problems()[0].startswith("The module 'tests_no_such_module' cannot")
    assert "has no function 'nope'" in FromCallable("bench.spec:nope").problems()[0]


def test_problems(source, tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    for target, said in [
        ("f", "names no function"),
        (f"{tmp_path}/absent.py:f", "does not exist"),
        (f"{tmp_path}/broken.py:f", "nothing_of_this_name"),
        (f"{source}:nope", "its functions are batch"),
        (f"{source}:wrong", "must have an argument `prompts`"),
    ]:
        assert said in FromCallable(target).problems()[0]
    assert "batch_size" in FromCallable(f"{source}:batch", batch_size=0).problems()[0]


def test_identity_follows_the_source(source, tmp_path):
    first = FromCallable(f"{source}:batch").identity()
    other = tmp_path / "elsewhere.py"
    other.write_text(SOURCE)
    assert FromCallable(f"{other}:batch").identity() == first
    assert FromCallable(f"{source}:single").identity() != first
    changed = tmp_path / "changed.py"
    changed.write_text(SOURCE + "# another\n")
    assert FromCallable(f"{changed}:batch").identity() != first
    assert FromCallable(f"{changed}:batch", revision="v1").identity() == {"function": "batch", "revision": "v1"}


def test_images_do_not_depend_on_the_batch(source):
    made = ready(f"{source}:batch")
    together = [o.image for o in made.generate(asked("a", "b", "c"))]
    alone = [next(iter(made.generate([r]))).image for r in asked("a", "b", "c")]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))
