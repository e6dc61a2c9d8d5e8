"""Tiles: several images of a prompt in one file, side by side, each named and cut where it is read.

A tile's name is the file's with `#tile=COLUMNSxROWS:NUMBER` behind it, numbered row by row from 0, and `:SIDE` where
the side of a tile was declared. It stands wherever a run records the path of an image, so that nothing is copied. No
file of that name can be meant, since it ends with no ending of an image.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BadImage, UsageError

_NAME = re.compile(r"(.+)#tile=([1-9]\d{0,2})x([1-9]\d{0,2}):(\d{1,5})(?::([1-9]\d{0,5}))?", re.DOTALL | re.ASCII)
_GRID = re.compile(r"([1-9]\d?)x([1-9]\d?)", re.ASCII)


@dataclass(frozen=True)
class Tile:
    """The `number`-th of `columns` x `rows` equal parts of a picture."""

    columns: int
    rows: int
    number: int = 0
    side: int = 0
    """Width and height of a tile in pixels, where declared; 0: the picture's, divided."""

    def __str__(self) -> str:
        side = f":{self.side}" if self.side else ""
        return f"#tile={self.columns}x{self.rows}:{self.number}{side}"

    def cut(self, pixels: np.ndarray, name: str) -> np.ndarray:
        """Its part of a picture (h, w, 3), not copied. BadImage where the sides do not divide or are not those
        declared; `name` begins the sentence."""
        height, width = pixels.shape[:2]
        grid, size = f"{self.columns} x {self.rows} tiles", f"{width} x {height} pixels"
        if self.number >= self.columns * self.rows:
            raise BadImage(f"{name} has no tile {self.number} among {grid}.")
        if self.side and (width, height) != (self.columns * self.side, self.rows * self.side):
            wanted = f"{self.columns * self.side} x {self.rows * self.side}"
            raise BadImage(f"{name} has {size}, and {grid} of {self.side} need {wanted}; make it again.")
        if width % self.columns or height % self.rows:
            raise BadImage(f"{name} has {size}, which {grid} do not divide; make it again.")
        wide, high = width // self.columns, height // self.rows
        row, column = divmod(self.number, self.columns)
        return pixels[row * high : (row + 1) * high, column * wide : (column + 1) * wide]


def grid(text: str, side: int = 0) -> list[Tile]:
    """'2x2' -> its tiles in order. UsageError for another form."""
    found = _GRID.fullmatch(text)
    if found is None:
        raise UsageError(f"tiles={text} is no grid; give COLUMNSxROWS, e.g. 2x2, or 1x1 for one image a file.")
    columns, rows = int(found[1]), int(found[2])
    return [Tile(columns, rows, number, side) for number in range(columns * rows)]


def split(path: str | Path) -> tuple[str, Tile | None]:
    """A recorded path -> its file and, if it names one, the tile."""
    text = os.fspath(path)
    found = _NAME.fullmatch(text)
    if found is None:
        return text, None
    return found[1], Tile(int(found[2]), int(found[3]), int(found[4]), int(found[5] or 0))


def file_of(path: str | Path) -> Path:
    """The file that a recorded path is or lies in."""
    return Path(split(path)[0])


# ---- the picture behind several tiles --------------------------------------------------------------------------------


class Kept:
    """The last pictures with tiles, decoded or on the way: tiles are asked for one after the other, by many threads."""

    MOST = 2

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget them all."""
        self.lock = threading.Lock()
        self.pictures: OrderedDict[tuple[str, int, int, int], Future[np.ndarray]] = OrderedDict()

    def picture(self, file: str, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """What `decode` makes of a file, shared and not to be written to; made once while the file is the same one."""
        try:
            place = os.stat(file)
        except (OSError, ValueError):
            return decode()  # says what is wrong
        key = (file, place.st_ino, place.st_size, place.st_mtime_ns)
        with self.lock:
            first = key not in self.pictures
            made = self.pictures.setdefault(key, Future())
            self.pictures.move_to_end(key)
            while len(self.pictures) > self.MOST:
                self.pictures.popitem(last=False)
        if first:
            try:
                made.set_result(decode())
            except BaseException as error:
                made.set_exception(error)
                with self.lock:
                    self.pictures.pop(key, None)
        return made.result()


KEPT = Kept()
os.register_at_fork(after_in_child=KEPT.renew)  # a child has none of the threads that may be at it
