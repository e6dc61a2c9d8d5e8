"""The files of somebody hostile, looked at before anything else reads them.

    python -m bench.engine.hostile FOLDER BYTES

reads each file below a folder in a process of its own, with little memory and time and no way to write: a file that
unpacks without end, or breaks the library that reads it, breaks that process and is named. What is looked for: files
that no run has; JSON that is nested without end, names a key twice, or holds NaN; tables with other columns than plain
ones (pyarrow's extension types were made of pickles once); headers of safetensors that lie; thumbnails that are none.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import re
import resource
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MEMORY, SECONDS, WALL = 4 << 30, 300, 900
"""Bytes of address space and seconds of a core for reading all files of an archive; seconds of the clock."""
MOST_JSON, DEEPEST = 64 << 20, 64
MOST_ROWS, MOST_COLUMNS, LONGEST_TEXT, MOST_TEXTS = 5_000_000, 5_000, 1 << 20, 1 << 30
"""Of a table; bytes of one text and of a column's texts together."""
MOST_TOLD = 20

PLACES = re.compile(
    r"(run|manifest|measured|files|card)\.json|measured-shard-\d+-of-\d+\.json|samples\.parquet"
    r"|shards/outcomes/\d{5,9}\.parquet|shards/views/[0-9a-f]{16}/\d{5,9}\.safetensors|thumbnails/[\w.-]+\.webp",
    re.ASCII,
)
"""The files of a light run, relative to its folder."""


def problems(folder: Path, memory: int = MEMORY) -> list[str]:
    """Sentences on what is wrong with the files below a folder, read in a process of its own with so much memory."""
    home = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH", "")) if p)
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "bench.engine.hostile", str(folder), str(memory)]
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=WALL, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return [f"its files could not be read within {WALL} s."]
    try:
        return list(json.loads(done.stdout))
    except (ValueError, TypeError):
        at = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["a file"]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        return [f"{at[0][:300]} cannot be read in {memory >> 20} MiB of memory and {SECONDS} s ({how})."]


# ---- in the process of its own -------------------------------------------------------------------------------------


def _main(folder: Path, memory: int) -> None:
    limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: SECONDS, resource.RLIMIT_FSIZE: 0}
    for kind, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):  # not every system has every limit
            resource.setrlimit(kind, (limit, limit))
    print(json.dumps(looked_through(folder, lambda name: print(ascii(name), file=sys.stderr, flush=True))))


def looked_through(folder: Path, tell: Callable[[str], None] = lambda name: None) -> list[str]:
    """Sentences on what is wrong with the files below a folder; `tell` is called before each."""
    found: list[str] = []
    for path, inside in files(folder):
        name = path.relative_to(folder).as_posix()
        tell(name)
        try:
            said = look(path, inside)
        except MemoryError:
            said = "needs more memory than any file of a run"
        if said:
            found.append(f"{ascii(name)[1:-1]} {said}.")
        if len(found) == MOST_TOLD:
            break
    return found


def files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder, with its name within its run ('' outside of any)."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            run = next((p for p in path.parents if (p / "run.json").is_file()), None)
            yield path, path.relative_to(run).as_posix() if run is not None and run.is_relative_to(folder) else ""


def look(path: Path, inside: str) -> str:
    """What is wrong with a file, as the end of a sentence; ''."""
    if path.is_symlink() or not path.is_file():
        return "is no plain file"
    if not PLACES.fullmatch(inside):
        return "is no file of a run"
    try:
        return _READ[path.suffix](path)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # whatever a reader raises on damaged bytes
        return f"is damaged ({type(error).__name__}: {error!s:.200})"


# ---- JSON ----------------------------------------------------------------------------------------------------------


def strict_json(data: bytes) -> Any:
    """The value of JSON that is neither nested deeply nor ambiguous, and holds finite numbers only; ValueError."""
    if len(data) > MOST_JSON:
        raise ValueError(f"more than {MOST_JSON >> 20} MiB of JSON")
    depth = 0
    for mark in re.finditer(rb'"(?:\\.|[^"\\])*"|[\[\]{}]', data):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(mark[0], 0)
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
    return json.loads(data, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.40} is no finite number")
    return value


def _json(path: Path) -> str:
    if path.stat().st_size > MOST_JSON:
        return f"has more than {MOST_JSON >> 20} MiB"
    try:
        value = strict_json(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return f"is no JSON of a run ({error!s:.200})"
    return "" if isinstance(value, dict) else "holds no table of keys"


# ---- tables --------------------------------------------------------------------------------------------------------


def _parquet(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    if about.num_rows > MOST_ROWS or about.num_columns > MOST_COLUMNS or about.num_row_groups > 10_000:
        return f"has more than {MOST_ROWS:,} rows or {MOST_COLUMNS:,} columns"
    if b"ARROW:extension" in base64.b64decode((about.metadata or {}).get(b"ARROW:schema", b""), validate=False):
        return "holds a column of an extension type, and those of a run are plain"
    strict_json((about.metadata or {}).get(b"pandas", b"{}"))
    columns = [about.schema.column(i) for i in range(about.num_columns)]
    if nested := [c.path for c in columns if c.path != c.name or c.max_repetition_level]:
        return f"holds the nested column '{ascii(nested[0])[1:-1][:100]}', and those of a run are texts and numbers"
    names = [c.name for c in columns]
    if len(set(names)) != len(names) or any(len(n) > 2000 for n in names):
        return "names a column twice, or by more than 2,000 signs"
    table = pq.ParquetFile(path, read_dictionary=names).read(use_threads=False)
    for field, column in zip(table.schema, table.columns, strict=True):
        if path.name == "samples.parquet" and field.name in ("image", "reference") and (said := _paths(pc, column)):
            return said
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not _plain(pa, kind):
            return f"holds a column of type {str(kind)[:100]}, and those of a run are texts and numbers"
        if pa.types.is_large_string(kind) or pa.types.is_string(kind):
            if said := _texts(pa, pc, column):
                return f"{said} in the column '{ascii(field.name)[1:-1][:100]}'"
    return ""


def _paths(pc: Any, column: Any) -> str:
    """What a light run shows is its own: no image of the reader's disk."""
    for path in pc.unique(column).to_pylist():
        if path and not re.fullmatch(r"thumbnails/[\w.-]+\.webp", str(path), re.ASCII):
            return f"shows the image {ascii(path)[:100]}, and a light run shows its own thumbnails only"
    return ""


def _plain(pa: Any, kind: Any) -> bool:
    types = pa.types
    return any(
        test(kind) for test in (types.is_string, types.is_large_string, types.is_integer, types.is_floating,
                                types.is_boolean, types.is_null)
    )  # fmt: skip


def _texts(pa: Any, pc: Any, column: Any) -> str:
    """What is wrong with texts: their length, their bytes. They are looked at once each, not once a row."""
    total = 0
    for chunk in column.chunks:
        known = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
        known.validate(full=True)
        sizes = pc.binary_length(known).fill_null(0)
        if (pc.max(sizes).as_py() or 0) > LONGEST_TEXT:
            return f"holds a text of more than {LONGEST_TEXT:,} bytes"
        of_rows = pc.take(sizes, chunk.indices) if isinstance(chunk, pa.DictionaryArray) else sizes
        total += pc.sum(of_rows).as_py() or 0
    return f"holds more than {MOST_TEXTS >> 30} GiB of texts" if total > MOST_TEXTS else ""


# ---- views and thumbnails ------------------------------------------------------------------------------------------


def _safetensors(path: Path) -> str:
    import numpy as np
    from safetensors import safe_open

    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(MOST_JSON, path.stat().st_size - 8):
            return f"states a header of {length} bytes and has {path.stat().st_size}"
        strict_json(file.read(length))
    with safe_open(str(path), framework="numpy") as held:
        about = strict_json((held.metadata() or {})["rows"].encode())
        if not all(isinstance(about.get(key), list) for key in ("keys", "inputs", "outputs")):
            return "does not say what its rows are"
        rows = len(about["keys"])
        if len(about["inputs"]) != rows or sorted(about["outputs"]) != sorted(held.keys()):
            return "says of its rows something else than it holds"
        for name in about["outputs"]:
            tensor = held.get_tensor(name)
            if tensor.dtype == np.uint8:
                count = len(strict_json(tensor.tobytes()))
            else:
                count = len(tensor)
                if not np.isfinite(tensor).all():
                    return f"holds numbers that are not finite in '{ascii(name)[1:-1][:100]}'"
            if count != rows:
                return f"has {count} rows of '{ascii(name)[1:-1][:100]}' for {rows} images"
    return ""


def _webp(path: Path) -> str:
    from bench.formats.images import decode

    height, width = decode(path).shape[:2]
    return "" if max(height, width) <= 1024 else f"is a thumbnail of {width} x {height} pixels; the largest has 1024"


_READ: dict[str, Callable[[Path], str]] = {
    ".json": _json, ".parquet": _parquet, ".safetensors": _safetensors, ".webp": _webp,
}  # fmt: skip

if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
