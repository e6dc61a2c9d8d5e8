"""Every parser on arbitrary input: it reads or refuses in one sentence, and what it writes it reads back."""

from __future__ import annotations

import dataclasses
import io
import json
import string

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.datasets.coco import Coco
from bench.errors import BenchError
from bench.formats.captioned import read_captioned
from bench.formats.coco import read_captions, read_instances
from bench.formats.images import decode, encode_png
from bench.formats.manifests import read_manifest
from bench.formats.prompts import read_prompts
from bench.formats.tables import read_table
from bench.formats.textfiles import read_json
from bench.spec import Spec, parse, parse_system, safe_id
from bench.study import Study, read_study, run_specs, study_from
from bench.world import parsing
from bench.world.description import meaning, understand
from bench.world.grammar import paraphrases
from bench.world.sampling import STORY_KINDS, sample_scene

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
PIECES = [
    *"{}[]:,=()'#;/", '"', "\\", "\n", "\r\n", "\t", "\0", "\ufeff", "prompt", "id", "file", "caption", "images",
    "annotations", "systems", "1e999", "-0", "NaN", "null", "true", "é", "\ud83d", "..", "a red dog", "%s", "0" * 5000,
    "[" * 2000,
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
)
BYTES = st.one_of(st.binary(max_size=200), TEXTS.map(lambda t: t.encode("utf-8", "surrogatepass")))


def reads_or_refuses(read, *given_to_it):
    """Nothing but a BenchError, whose messages are sentences of one line."""
    try:
        return read(*given_to_it)
    except BenchError as error:
        for message in error.messages:
            assert message.strip() and "\n" not in message and len(message) < 3000, message
        return None


# ---- text forms ----------------------------------------------------------------------------------------------------

NAMES = st.text(string.ascii_lowercase + "-", min_size=1, max_size=8).filter(lambda t: t.strip("-") == t)
KEYS = st.text(string.ascii_lowercase, min_size=1, max_size=6)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
)  # fmt: skip


def specs(values, least=0):
    return st.builds(Spec, NAMES, st.dictionaries(KEYS, values, min_size=least, max_size=3))


# as a value, a name without parameters is a text
SPECS = specs(st.recursive(PLAIN, lambda inner: specs(inner, 1), max_leaves=5))


@QUIET
@given(SPECS)
def test_a_text_form_is_read_back(spec):
    assert parse(str(spec)) == spec and str(parse(str(spec))) == str(spec)


@QUIET
@given(TEXTS)
def test_any_text_as_a_plug_in_or_a_system(text):
    found = reads_or_refuses(parse, text)
    if found is not None:
        assert parse(str(found)) == found
    reads_or_refuses(parse_system, text)


@QUIET
@given(TEXTS)
def test_any_id_becomes_a_file_name(text):
    name = safe_id(text)
    assert "/" not in name and "\0" not in name and name not in ("", ".", "..") and len(name.encode()) < 200
    assert name == safe_id(text)


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["txt", "csv", "tsv", "json", "jsonl", "parquet"])
@QUIET
@given(content=BYTES)
def test_any_bytes_as_a_file_of_prompts(tmp_path, ending, content):
    path = tmp_path / f"prompts.{ending}"
    path.write_bytes(content)
    found = reads_or_refuses(read_prompts, path)
    if found is not None:
        assert len({s.id for s in found}) == len(found) > 0 and all(s.prompt.strip() for s in found)


@pytest.mark.parametrize("read", [read_table, read_manifest, read_json, read_captions, read_instances, read_study])
@QUIET
@given(content=BYTES)
def test_any_bytes_as_any_other_file(tmp_path, read, content):
    ending = {"read_study": "toml", "read_table": "csv", "read_manifest": "csv"}.get(read.__name__, "json")
    path = tmp_path / f"file.{ending}"
    path.write_bytes(content)
    reads_or_refuses(read, path)


SIGNS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])
PROMPTS = st.text(SIGNS, min_size=1, max_size=20).map(str.strip).filter(bool)
ROWS = st.lists(PROMPTS, min_size=1, max_size=8)


@QUIET
@given(prompts=ROWS)
def test_prompts_are_read_back_from_each_kind_of_file(tmp_path, prompts):
    import pandas as pd

    frame = pd.DataFrame({"id": [f"n{i}" for i in range(len(prompts))], "prompt": prompts})
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in frame.to_dict("records")), encoding="utf-8")
    (tmp_path / "p.json").write_text(json.dumps(frame.to_dict("records"), ensure_ascii=False), encoding="utf-8")
    frame.to_csv(tmp_path / "p.csv", index=False)
    lines = ["id\tprompt", *(f"n{i}\t{text}" for i, text in enumerate(prompts))]  # no quotation in tab-separated files
    (tmp_path / "p.tsv").write_text("\n".join(lines), encoding="utf-8")
    for ending in ("jsonl", "json", "csv", "tsv"):
        found = read_prompts(tmp_path / f"p.{ending}")
        assert [(s.id, s.prompt) for s in found] == list(zip(frame["id"], prompts, strict=True)), ending


@QUIET
@given(
    st.dictionaries(
        st.sampled_from([*(f.name for f in dataclasses.fields(Study)), "nonsense"]),
        st.recursive(
            st.one_of(st.integers(-5, 5), st.booleans(), st.text(max_size=5), st.floats()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
        ),
    )
)
def test_any_values_as_a_study(values):
    found = reads_or_refuses(study_from, values, "study.toml")
    if found is not None:
        reads_or_refuses(run_specs, found)


@QUIET
@given(caption=st.binary(max_size=60), name=st.text(string.ascii_letters + "_- .", min_size=1, max_size=20))
def test_any_folder_of_captioned_images(tmp_path_factory, caption, name):
    folder = tmp_path_factory.mktemp("f")
    (folder / f"{name}.png").write_bytes(encode_png(np.zeros((2, 2, 3), np.uint8)))
    (folder / f"{name}.txt").write_bytes(caption)
    reads_or_refuses(read_captioned, folder)


@QUIET
@given(st.sampled_from([2014, 2017, "x", None]), st.sampled_from(["first", "all", "", 3]))
def test_any_parameters_of_coco(year, prompts):
    reads_or_refuses(lambda: Coco("/nowhere", year, "val", prompts).problems())


# ---- images --------------------------------------------------------------------------------------------------------


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@QUIET
@given(data=st.data())
def test_any_damage_to_an_image(kind, data):
    content = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    found = reads_or_refuses(decode, bytes(cut))
    if found is not None:
        assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3


@QUIET
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_pixels_are_read_back(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(decode(encode_png(pixels)), pixels)


WORDS = "a an the red blue circle squares two left of to and , above there is in top . frames 1".split()

# ---- captions of scenes --------------------------------------------------------------------------------------------


@QUIET
@given(st.integers(0, 10**6), st.sampled_from([None, "one", *STORY_KINDS]), st.integers(0, 99))
def test_a_scene_s_captions_say_its_meaning(index, kind, variant):
    told = understand(sample_scene(index, split="train", kind=kind))
    texts = paraphrases(told)
    assert meaning(parsing.parse(texts[variant % len(texts)])) == meaning(told)


@QUIET
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_words_as_a_caption(text):
    found = reads_or_refuses(parsing.parse, text)
    if found is not None:
        assert meaning(parsing.parse(paraphrases(found)[0])) == meaning(found)
