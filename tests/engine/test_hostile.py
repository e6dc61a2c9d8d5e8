"""Archives and files of somebody hostile: each kind ends in one sentence, in bounded time and memory, and nothing is
written outside."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.engine import archives, hostile
from bench.engine.archives import unpacked
from bench.errors import BenchError, DataError, StoreError

RUN = "top/data/run"


def entry(name: str, data: bytes = b"{}", **fields) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = 0 if "type" in fields else len(data)
    for key, value in fields.items():
        setattr(made, key, value)
    return made, b"" if "type" in fields else data


def packed(path: Path, *entries, after: bytes = b"", form: int = tarfile.PAX_FORMAT) -> Path:
    """An archive that holds a (bad) run.json and these entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for made, data in (entry(f"{RUN}/run.json"), *entries):
            archive.addfile(made, io.BytesIO(data))
    path.write_bytes(gzip.compress(buffer.getvalue() + after, mtime=0))
    return path


def refused(tmp_path: Path, *entries, **how) -> str:
    """The sentence that refuses an archive; nothing may be left, inside or outside."""
    archive = packed(tmp_path / "bad.tar.gz", *entries, **how)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(BenchError) as caught:
        unpacked(archive, tmp_path / "root")
    left = {p for p in set(tmp_path.rglob("*")) - before if p.is_file()}
    assert not left and not list((tmp_path / "root" / "packs").iterdir())
    return str(caught.value)


NAMES = {
    "/etc/cron.d/x": "leads out", "top/../../x": "leads out", "C:/x": "leads out", "top\\..\\x": "signs that no file",
    "top/x\x1b[2J": "signs that no file", "top/\u202egnp.exe": "signs that no file", "top/.hidden": "a hidden file",
    "top/.git/config": "a hidden file", "top//x": "an empty part", "top/x ": "a space or dot at an end",
    "top/nul.": "a space or dot at an end", f"top/{'x' * 200}": "overlong", f"top/{'日' * 60}": "overlong",
    "/".join("abcdefghij"): "overlong", f"{RUN}/run.json": "a second time", f"{RUN}/RUN.JSON": "in the form of its",
    "TOP/data/run/x.json": "in the form of its letters", "top/data/rún": "no file of a run",
    f"{RUN}/run.json/x": "a second time", "top/ｄata/run/x": "in the form of its letters",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names(tmp_path, name):
    assert NAMES[name] in refused(tmp_path, entry(name))


KINDS = {
    "a link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "a link to a folder": {"type": tarfile.SYMTYPE, "linkname": ".."},
    "a hard link": {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
    "a pipe": {"type": tarfile.FIFOTYPE},
    "a device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
    "a disk": {"type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 0},
    "a contiguous file": {"type": tarfile.CONTTYPE},
    "an unknown kind": {"type": b"Z"},
    "a sparse file of new form": {"pax_headers": {"GNU.sparse.map": "0,1", "GNU.sparse.size": f"{1 << 40}"}},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(tmp_path, kind):
    assert "no plain file" in refused(tmp_path, entry(f"{RUN}/card.json", **KINDS[kind]))


def test_a_sparse_file_of_old_form(tmp_path):
    """A GNU sparse header that claims a terabyte."""
    head = tarfile.TarInfo(f"{RUN}/card.json")
    block = bytearray(head.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[483:495] = b"%011o " % (1 << 33)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path = packed(tmp_path / "bad.tar.gz")
    plain = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(plain[:1024] + bytes(block) + bytes(10240)))
    with pytest.raises(DataError, match="no plain file"):
        unpacked(path, tmp_path / "root")


def test_a_folder_may_be_listed(tmp_path):
    """Other programs write folders too; what is refused here is the file beside them."""
    folders = [entry(name, b"", type=tarfile.DIRTYPE) for name in ("top/", "top/data/", RUN)]
    assert "run/notes.txt is no file of a run" in refused(tmp_path, *folders, entry(f"{RUN}/notes.txt"))


# ---- bombs ---------------------------------------------------------------------------------------------------------


def test_a_file_that_unpacks_without_end(tmp_path):
    began = time.perf_counter()
    said = refused(tmp_path, entry(f"{RUN}/card.json", bytes(200 << 20)))
    assert "over 200 times its own size" in said and time.perf_counter() - began < 60


def test_a_name_without_end(tmp_path):
    """The header of a name is read into memory before any file is: a gigabyte of it must not be."""
    long = {"path": f"{RUN}/{'x' * (8 << 20)}"}
    assert "a name or header of more than 1 MiB" in refused(tmp_path, entry(f"{RUN}/card.json", pax_headers=long))
    said = refused(tmp_path, entry(f"{RUN}/{'y' * (8 << 20)}"), form=tarfile.GNU_FORMAT)
    assert "a name or header of more than 1 MiB" in said


def test_files_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 20)
    many = [entry(f"{RUN}/shards/outcomes/{i:05d}.parquet", b"") for i in range(30)]
    assert "more than 20 files" in refused(tmp_path, *many)


@pytest.mark.parametrize(
    "size, sentence", [(1 << 40, "a file of over 2 GiB"), (1 << 30, "damaged"), (-1, "no plain file")]
)
def test_a_size_that_lies(tmp_path, size, sentence):
    made = tarfile.TarInfo(f"{RUN}/card.json")
    made.size = size
    path = packed(tmp_path / "bad.tar.gz")
    plain = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(plain[:1024] + made.tobuf(tarfile.GNU_FORMAT) + bytes(10240)))
    with pytest.raises(DataError, match=sentence):
        unpacked(path, tmp_path / "root")


@pytest.mark.parametrize("after", [b"more", bytes(2 << 20)])
def test_what_follows_the_end(tmp_path, after):
    assert "goes on after its end" in refused(tmp_path, after=after + bytes(10240) if after == b"more" else after)


def test_a_second_stream_behind_the_first(tmp_path):
    path = packed(tmp_path / "bad.tar.gz")
    path.write_bytes(path.read_bytes() + gzip.compress(b"x" * 20000))
    with pytest.raises(DataError, match=r"goes on after its end|damaged"):
        unpacked(path, tmp_path / "root")


def test_cut_anywhere_it_is_damaged(tmp_path):
    data = packed(tmp_path / "whole.tar.gz", entry(f"{RUN}/card.json", bytes(range(256)) * 20)).read_bytes()
    for length in range(0, len(data), max(1, len(data) // 25)):
        path = tmp_path / "cut.tar.gz"
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match="is no archive of runs, or a damaged one"):
            unpacked(path, tmp_path / "root")


def test_a_changed_byte_is_one_sentence(tmp_path):
    data = packed(tmp_path / "whole.tar.gz", entry(f"{RUN}/card.json", bytes(range(256)) * 20)).read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(10, len(data), 40):
        changed = bytearray(data)
        changed[at] ^= int(rng.integers(1, 256))
        path = tmp_path / "changed.tar.gz"
        path.write_bytes(changed)
        with pytest.raises(BenchError):
            unpacked(path, tmp_path / "root")
    assert not list((tmp_path / "root" / "packs").iterdir())


def test_an_archive_without_a_run(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(
            *[f(x) for f, x in zip((lambda e: e[0], lambda e: io.BytesIO(e[1])), [entry("x/notes")] * 2, strict=True)]
        )
    path = tmp_path / "empty.tar.gz"
    path.write_bytes(gzip.compress(buffer.getvalue()))
    with pytest.raises(StoreError, match="holds no run"):
        unpacked(path, tmp_path / "root")
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(BenchError):
        unpacked(path, tmp_path / "root")


# ---- files ---------------------------------------------------------------------------------------------------------


def run_with(tmp_path: Path, name: str, data: bytes) -> Path:
    folder = tmp_path / "top"
    path = folder / "data" / "run" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (folder / "data" / "run" / "run.json").write_text("{}")
    path.write_bytes(data)
    return folder


JSON = {
    "nested without end": (b'{"a":' * 100_000, "nested more than 64 deep"),
    "lists without end": (b"[" * 10_000_000, "nested more than 64 deep"),
    "a key twice": (b'{"digest": 1, "digest": 2}', "a key is there twice"),
    "NaN": (b'{"value": NaN}', "NaN is no number of JSON"),
    "minus infinity": (b'{"value": -Infinity}', "-Infinity is no number of JSON"),
    "a number without end": (b'{"value": 1e999}', "1e999 is no finite number"),
    "digits without end": (b'{"value": ' + b"9" * 10_000 + b"}", "is no JSON of a run"),
    "a list": (b"[]", "holds no table of keys"),
    "no JSON": (b"\x80\x04\x95", "is no JSON of a run"),
    "half a text": (b'{"a": "\\ud800', "is no JSON of a run"),
}  # fmt: skip


@pytest.mark.parametrize("name", JSON)
def test_json(tmp_path, name):
    data, sentence = JSON[name]
    (said,) = hostile.looked_through(run_with(tmp_path, "card.json", data))
    assert said.startswith("data/run/card.json ") and sentence in said and len(said) < 300


def parquet(table: pa.Table, **how) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **how)
    return buffer.getvalue()


class Pickled(pa.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pa.int64(), "arrow.py_extension_type")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"cos\nsystem\n(S'touch /tmp/owned'\ntR."

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


def tables() -> dict[str, tuple[bytes, str]]:
    text = "x" * (1 << 19)
    return {
        "an extension type": (
            parquet(pa.table({"a": pa.ExtensionArray.from_storage(Pickled(), pa.array([1]))})), "of an extension type"),
        "lists": (parquet(pa.table({"a": [[1], [2]]})), "those of a run are texts and numbers"),
        "raw bytes": (parquet(pa.table({"a": [b"x"]})), "those of a run are texts and numbers"),
        "times": (parquet(pa.table({"a": pa.array([1], pa.timestamp("s"))})), "those of a run are texts and numbers"),
        "a text without end": (parquet(pa.table({"a": ["x" * (2 << 20)]})), "a text of more than 1,048,576 bytes"),
        "one text for all rows": (
            parquet(pa.table({"a": pa.DictionaryArray.from_arrays(np.zeros(100_000, np.int32), [text])})),
            "more than 1 GiB of texts"),
        "rows without end": (parquet(pa.table({"a": np.zeros(5_000_001, np.int8)})), "has more than 5,000,000 rows"),
        "columns without end": (parquet(pa.table({f"c{i}": [0] for i in range(5001)})), "rows or 5,000 columns"),
        "a record of pandas without end": (
            parquet(pa.table({"a": [1]}).replace_schema_metadata({"pandas": "[" * 100_000})), "nested more than 64"),
        "no parquet": (b"PAR1" + bytes(100) + b"PAR1", "is damaged ("),
        "a pickle": (b"\x80\x04\x95\x1c\x00\x00\x00", "is damaged ("),
    }  # fmt: skip


@pytest.mark.parametrize("name", tables())
def test_tables(tmp_path, name):
    data, sentence = tables()[name]
    began = time.perf_counter()
    (said,) = hostile.looked_through(run_with(tmp_path, "shards/outcomes/00000.parquet", data))
    assert sentence in said and time.perf_counter() - began < 20


@pytest.mark.parametrize(
    "path", ["/home/me/private.png", "../../../secret.png", "thumbnails/../../x.webp", "images/a.png"]
)
@pytest.mark.parametrize("column", ["image", "reference"])
def test_a_light_run_shows_no_image_of_its_readers_disk(tmp_path, path, column):
    frame = pd.DataFrame({"sample": ["a", "b"], "image": "", "reference": "thumbnails/a-1.webp"})
    frame.loc[1, column] = path
    data = parquet(pa.Table.from_pandas(frame))
    (said,) = hostile.looked_through(run_with(tmp_path, "samples.parquet", data))
    assert f"shows the image '{path}'" in said
    frame.loc[1, column] = ""
    assert not hostile.looked_through(run_with(tmp_path, "samples.parquet", parquet(pa.Table.from_pandas(frame))))


VIEW = "shards/views/0123456789abcdef/00000.safetensors"


def view(rows: object, header: dict | None = None, data: bytes = b"", length: int | None = None) -> bytes:
    about = {"__metadata__": {"rows": rows if isinstance(rows, str) else json.dumps(rows)}, **(header or {})}
    text = json.dumps(about).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


ROWS = {"keys": ["a#0", "b#0"], "inputs": ["1", "2"], "outputs": ["features"]}
FEATURES = {"features": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}}
FINE = np.array([1, 2], np.float32).tobytes()
VIEWS = {
    "a header longer than the file": (view(ROWS, FEATURES, FINE, length=1 << 40), "states a header of 10995116"),
    "a header nested without end": (struct.pack("<Q", 10_000) + b"[" * 10_000, "nested more than 64 deep"),
    "offsets beyond the file": (
        view(ROWS, {"features": {"dtype": "F32", "shape": [2, 1 << 40], "data_offsets": [0, 1 << 43]}}, FINE),
        "is damaged ("),
    "offsets that overlap": (
        view(ROWS, {**FEATURES, "more": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, FINE), "is damaged ("),
    "a shape that lies": (
        view(ROWS, {"features": {"dtype": "F32", "shape": [3, 1], "data_offsets": [0, 8]}}, FINE), "is damaged ("),
    "other rows than keys": (
        view({**ROWS, "keys": ["a#0"], "inputs": ["1"]}, FEATURES, FINE), "has 2 rows of 'features' for 1"),
    "an input too many": (view({**ROWS, "inputs": ["1"]}, FEATURES, FINE), "says of its rows something else"),
    "an output that is not there": (
        view({**ROWS, "outputs": ["logits"]}, FEATURES, FINE), "says of its rows something else"),
    "rows that are no rows": (view({"keys": 3}, FEATURES, FINE), "does not say what its rows are"),
    "rows nested without end": (view("[" * 10_000, FEATURES, FINE), "nested more than 64 deep"),
    "NaN": (view(ROWS, FEATURES, np.array([1, np.nan], np.float32).tobytes()), "not finite in 'features'"),
    "objects nested without end": (
        view({**ROWS, "outputs": ["text"]}, {"text": {"dtype": "U8", "shape": [500], "data_offsets": [0, 500]}},
             b"[" * 500),
        "nested more than 64 deep"),
    "nothing": (b"", "is damaged ("),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_views(tmp_path, name):
    data, sentence = VIEWS[name]
    (said,) = hostile.looked_through(run_with(tmp_path, VIEW, data))
    assert sentence in said, said


def test_a_right_view_is_right(tmp_path):
    assert not hostile.looked_through(run_with(tmp_path, VIEW, view(ROWS, FEATURES, FINE)))


def test_thumbnails(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (1025, 4)).save(buffer, "WEBP")
    for data, sentence in ((buffer.getvalue(), "1025 x 4"), (b"<script>", "is damaged (BadImage"), (b"", "BadImage")):
        (said,) = hostile.looked_through(run_with(tmp_path, "thumbnails/a.webp", data))
        assert sentence in said


@pytest.mark.parametrize("name", [
    "conftest.py", "run.pkl", "shards/views/x/00000.safetensors", "images/a.png", "index.html",
    "shards/outcomes/1.parquet", "thumbnails/a.svg", "thumbnails/b/a.webp",
])  # fmt: skip
def test_files_that_no_light_run_has(tmp_path, name):
    (said,) = hostile.looked_through(run_with(tmp_path, name, b"x"))
    assert "is no file of a run" in said


def test_a_link_within_a_folder(tmp_path):
    folder = run_with(tmp_path, "card.json", b"{}")
    (folder / "data" / "run" / "samples.parquet").symlink_to("/etc/passwd")
    assert hostile.looked_through(folder) == ["data/run/samples.parquet is no plain file."]


# ---- the process of its own ----------------------------------------------------------------------------------------


def test_the_process_says_the_same(tmp_path):
    folder = run_with(tmp_path, "card.json", b"[]")
    assert hostile.problems(folder) == hostile.looked_through(folder) == ["data/run/card.json holds no table of keys."]


def test_a_table_that_needs_all_memory_breaks_only_that_process(tmp_path):
    """600 MB of zeros in a page that is a few kilobytes on the disk."""
    big = pa.table({"a": pa.array(["\0" * (1 << 19)] * 1200)})
    data = parquet(big, compression="zstd", use_dictionary=False, data_page_size=1 << 30)
    assert len(data) < 200_000
    folder = run_with(tmp_path, "shards/outcomes/00000.parquet", data)
    (said,) = hostile.problems(folder, memory=700 << 20)
    assert "00000.parquet" in said and ("needs more memory" in said or "cannot be read in 700 MiB" in said)


def test_a_reader_that_dies_names_the_file(tmp_path, monkeypatch):
    folder = run_with(tmp_path, "card.json", b"{}")
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\necho \"'data/run/card.json'\" >&2\nkill -SEGV $$\n")
    shell.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(shell))
    (said,) = hostile.problems(folder)
    assert said.startswith("'data/run/card.json' cannot be read in 4096 MiB") and "(signal 11)" in said


def test_nothing_of_the_working_folder_is_imported(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("open('owned', 'w')")
    monkeypatch.chdir(tmp_path)
    assert hostile.problems(run_with(tmp_path, "card.json", b"{}")) == [] and not (tmp_path / "owned").exists()
