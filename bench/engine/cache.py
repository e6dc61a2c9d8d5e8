"""The cache across runs: an SQLite index from (what was looked at, by which extractor) to a row of a view file.

The view files are the store; this index only finds rows in them and can be deleted or rebuilt at any time. A hit is
believed only if the file still says that its row was made from the same input. Without the index (a file system that
forbids it), all works, only slower.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.engine import views
from bench.errors import StoreError

_OPEN_FILES = 16


class Cache:
    """Look up and add view rows below one `--root`. Safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "cache.sqlite"
        self._local = threading.local()
        self._files: OrderedDict[str, views.Rows] = OrderedDict()
        self._lock = threading.Lock()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self.root.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=30)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS rows (input TEXT, extractor TEXT, file TEXT, row INTEGER, "
                "PRIMARY KEY (input, extractor)) WITHOUT ROWID"
            )
            self._local.connection = connection
        return self._local.connection

    def find(self, input_digest: str, extractor: str) -> dict[str, Any] | None:
        """The outputs of an earlier look at the same input by the same extractor, or None."""
        try:
            hit = (
                self._connection()
                .execute("SELECT file, row FROM rows WHERE input = ? AND extractor = ?", (input_digest, extractor))
                .fetchone()
            )
        except (sqlite3.Error, OSError):
            return None
        if hit is None:
            return None
        try:
            rows = self._file(hit[0])
        except StoreError:
            return None
        if hit[1] >= len(rows.inputs) or rows.inputs[hit[1]] != input_digest:
            return None
        return views.take(rows, hit[1])

    def _file(self, name: str) -> views.Rows:
        with self._lock:
            if name in self._files:
                self._files.move_to_end(name)
                return self._files[name]
        rows = views.read(self.root / name)
        with self._lock:
            self._files[name] = rows
            while len(self._files) > _OPEN_FILES:
                self._files.popitem(last=False)
        return rows

    def add(self, file: Path, inputs: Iterable[str], extractor: str) -> None:
        """Index the rows of a view file that has just been written."""
        name = str(file.relative_to(self.root))
        rows = [(digest, extractor, name, i) for i, digest in enumerate(inputs)]
        with contextlib.suppress(sqlite3.Error, OSError), self._connection() as connection:
            connection.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?)", rows)

    def show(self) -> dict[str, Any]:
        """Path, number of indexed rows and of view files, and their bytes."""
        files = list(_view_files(self.root))
        try:
            count = self._connection().execute("SELECT count(*) FROM rows").fetchone()[0]
        except (sqlite3.Error, OSError):
            count = 0
        return {
            "index": str(self.path),
            "rows": count,
            "files": len(files),
            "bytes": sum(f.stat().st_size for f in files),
        }

    def rebuild(self) -> dict[str, Any]:
        """Make the index anew from the view files below the root."""
        with contextlib.suppress(sqlite3.Error), self._connection() as connection:
            connection.execute("DELETE FROM rows")
        for file in _view_files(self.root):
            with contextlib.suppress(StoreError):
                self.add(file, views.read_inputs(file), file.parent.name)
        return self.show()


def _view_files(root: Path) -> Iterable[Path]:
    return sorted([*root.glob("*/*/shards/views/*/*.safetensors"), *root.glob("*/shared/views/*/*.safetensors")])
