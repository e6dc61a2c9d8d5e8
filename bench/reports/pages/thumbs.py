"""Thumbnails of a page: each picture made once, kept once a content, inside the page or in files beside it.

Inside the page a budget of bytes holds: what no longer fits is left out whole, and counted. Decoding is the cost, and
it runs in threads; the results stand in the order asked for, so that pages are equal whatever thread was first.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from bench.errors import BenchError, UsageError
from bench.formats.images import decode, mime, thumbnail
from bench.formats.tiles import file_of

Form = Literal["embedded", "files", "none"]
FORMS: tuple[Form, ...] = ("embedded", "files", "none")
"""Inside the page; as img/<digest>.webp beside it; no images."""
SIZES: dict[Form, int] = {"embedded": 256, "files": 512, "none": 0}
"""Longest side of a thumbnail in pixels; smaller images are kept as they are."""
BUDGET = 12_000_000
"""Bytes of a page with everything in it."""
PIXEL_ART = 96
"""Images up to this side are enlarged without smoothing."""
_THREADS = min(8, os.cpu_count() or 1)


def form_of(wanted: str) -> Form:
    """The form by its name. UsageError for any other."""
    for form in FORMS:
        if form == wanted:
            return form
    raise UsageError(f"images is '{wanted}', and may be {', '.join(FORMS[:-1])} or {FORMS[-1]}.")


@dataclass(frozen=True)
class Thumbnail:
    """One distinct picture of the page."""

    key: str
    data: bytes = field(repr=False)
    width: int
    height: int
    beside: bool = False
    """Lies in a file beside the page."""

    @cached_property
    def uri(self) -> str:
        return f"data:{mime(self.data)};base64,{base64.b64encode(self.data).decode()}"

    @property
    def file(self) -> str:
        """Path beside the page, or '' for a picture inside it."""
        return f"img/{self.key}.{mime(self.data).partition('/')[2]}" if self.beside else ""

    @property
    def cost(self) -> int:
        """Bytes that it takes inside the page."""
        return 0 if self.beside else 4 * ((len(self.data) + 2) // 3) + 90

    @property
    def pixelated(self) -> bool:
        return max(self.width, self.height) <= PIXEL_ART


@dataclass(frozen=True)
class Picture:
    """One place of the page: a thumbnail, or the reason why there is none."""

    thumb: Thumbnail | None
    reason: str = ""
    value: float | None = None
    full: str = ""
    """Address of the whole image, where the page may link to it."""
    veiled: bool = False
    """Blurred until it is clicked."""


LEFT_OUT = "not in this file, for its size"


@dataclass
class Stock:
    """Thumbnails by content, within a budget where they are inside the page."""

    form: Form = "embedded"
    budget: int = BUDGET
    thumbs: dict[str, Thumbnail] = field(default_factory=dict)
    spent: int = 0
    left_out: int = 0
    """Rows that the budget kept out."""
    closed: bool = False
    """Nothing new is decoded or taken; what is in stock is still shown."""
    made: dict[str, Thumbnail | str] = field(default_factory=dict)
    """By path: the thumbnail, or why there is none."""

    def again(self, budget: int) -> Stock:
        """An empty stock of another budget that need not decode again."""
        return Stock(self.form, budget, made=self.made)

    def prepare(self, paths: Iterable[str]) -> None:
        """Make the thumbnails of these files in threads."""
        fresh = [p for p in dict.fromkeys(paths) if p not in self.made]
        if len(fresh) > 1 and not self.closed:
            with ThreadPoolExecutor(_THREADS) as pool:
                self.made.update(zip(fresh, pool.map(self._one, fresh), strict=True))

    def picture(self, path: str, **more: object) -> Picture:
        """The picture of a file; a missing or damaged file becomes a reason, never an error."""
        if path not in self.made and not self.closed:
            self.made[path] = self._one(path)
        found = self.made.get(path, LEFT_OUT)
        plain = Picture(None, found) if isinstance(found, str) else Picture(found)
        return replace(plain, **more)  # type: ignore[arg-type]

    def admit(self, pictures: Sequence[Picture | None]) -> bool:
        """Take the thumbnails of one row if they fit together; else count the row as left out."""
        fresh = {p.thumb.key: p.thumb for p in pictures if p is not None and p.thumb is not None}
        cost = sum(t.cost for key, t in fresh.items() if key not in self.thumbs)
        if self.spent + cost > self.budget:
            self.left_out += 1
            return False
        self.thumbs = fresh | self.thumbs
        self.spent += cost
        return True

    def kept(self, picture: Picture) -> Picture:
        """The picture where its thumbnail is in stock, else a gap that says why."""
        if picture.thumb is None or picture.thumb.key in self.thumbs:
            return picture
        return replace(picture, thumb=None, reason=LEFT_OUT)

    def ordered(self) -> list[Thumbnail]:
        return [self.thumbs[key] for key in sorted(self.thumbs)]

    def _one(self, path: str) -> Thumbnail | str:
        """A thumbnail, or why there is none. The picture's size comes from the pixels, for the layout."""
        try:
            pixels = decode(path)
        except (BenchError, OSError) as error:
            return "file missing" if not file_of(path).exists() else f"unreadable ({type(error).__name__})"
        size = SIZES[self.form]
        data = thumbnail(pixels, size)
        height, width = pixels.shape[:2]
        scale = min(1.0, size / max(width, height))
        shown = (max(1, round(width * scale)), max(1, round(height * scale)))
        return Thumbnail(hashlib.sha256(data).hexdigest()[:16], data, *shown, beside=self.form == "files")
