"""A report's folder: whole or not at all, polite to files by others.

Everything is made beside the target first. A new folder appears by one rename; in an old one each file is replaced by
one rename, the last of them last (index.html), so that a crash leaves the old page or the new one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.errors import UsageError
from bench.store import disk_errors


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Place files (relative path -> bytes) in a folder.

    UsageError when it is a file, DiskError when the disk refuses.
    """
    refuse_file(out)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:60]}.", suffix=".tmp"))
        try:
            fill(made, files)
            _place(made, out, list(files))
        finally:
            shutil.rmtree(made, ignore_errors=True)


def refuse_file(out: Path) -> None:
    """UsageError before anything is computed, where the folder is a file."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, and a report is a folder; give another --out.")


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files to disk."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        path.chmod(0o644)


def _place(made: Path, out: Path, names: list[str]) -> None:
    if not out.exists():
        made.chmod(0o755)
        os.replace(made, out)
        return
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(made / name, out / name)
