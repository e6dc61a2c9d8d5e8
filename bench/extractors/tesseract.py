"""`tesseract`: the writing in an image and where each word stands, by the program tesseract.

The program reads an image from its standard input and says a table of words with their boxes and confidences; its
version and the digest of its language files are what identifies it.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.errors import DataError, UsageError
from bench.extractors.base import Extractor
from bench.formats.large_files import sha256
from bench.registry import register
from bench.types import Detections, Sample

Word = tuple[tuple[float, float, float, float], str, float]
"""Box xyxy in pixels, text, confidence in 0..1."""


@register("extractor", "tesseract", summary="the writing in an image and its words' boxes, by the program tesseract")
class Tesseract(Extractor):
    """Images -> text (words by lines) and detections (a word a box).

    lang: languages as tesseract names them, 'eng+deu'. psm: how a page is laid out; 11: words anywhere, in no order, 6:
    one block. threshold: words that are less sure are left out. scale: images are enlarged so many times before.
    program: its path. timeout: seconds an image.
    """

    image_outputs = ("text", "detections")
    batch_size = 16

    def __init__(
        self, lang: str = "eng", psm: int = 11, threshold: float = 0.3, scale: int = 1, program: str = "tesseract",
        timeout: float = 60.0,
    ) -> None:  # fmt: skip
        self.lang, self.psm, self.threshold, self.scale = str(lang), int(psm), float(threshold), int(scale)
        self.program, self.timeout = str(program), float(timeout)
        if not re.fullmatch(r"[\w/]+(\+[\w/]+)*", self.lang):
            raise UsageError(f"lang={lang} of tesseract is no language; give eng, or several as eng+deu.")
        if not 3 <= self.psm <= 13 or not 0 <= self.threshold <= 1 or not 1 <= self.scale <= 8 or self.timeout <= 0:
            raise UsageError(
                "tesseract takes psm 3 to 13, threshold 0 to 1, scale 1 to 8 and a timeout above 0; got "
                f"psm={psm}, threshold={threshold}, scale={scale} and timeout={timeout}."
            )

    def problems(self) -> list[str]:
        if shutil.which(self.program) is None:
            return [
                f"tesseract needs the program '{self.program}', which is not here: apt install tesseract-ocr (brew "
                "install tesseract), or give program=PATH."
            ]
        try:
            lacking = [one for one in self.lang.split("+") if one not in self.languages]
        except DataError as error:
            return list(error.messages)
        if lacking:
            known = ", ".join(sorted(self.languages)) or "none"
            return [f"tesseract has no language '{lacking[0]}' ({known}): apt install tesseract-ocr-{lacking[0]}."]
        return []

    def identity(self) -> Mapping[str, Any]:
        return {
            "version": self.version_said, "languages": {one: self.languages[one] for one in self.lang.split("+")},
            "psm": self.psm, "threshold": self.threshold, "scale": self.scale,
        }  # fmt: skip

    @cached_property
    def version_said(self) -> str:
        """'5.3.0'."""
        said = self._said(["--version"])
        found = re.search(r"tesseract v?(\S+)", said)
        if not found:
            raise DataError(f"'{self.program}' is no tesseract: it says '{said.strip()[:80]}' of its version.")
        return found[1]

    @cached_property
    def languages(self) -> dict[str, str]:
        """Language -> digest of its file."""
        said = self._said(["--list-langs"])
        place = re.search(r'"([^"]+)"', said)
        names = [line.strip() for line in said.splitlines()[1:] if line.strip()]
        if place is None:
            raise DataError(f"'{self.program}' does not say where its languages are; is it tesseract 4 or newer?")
        files = {name: Path(place[1]) / f"{name}.traineddata" for name in names}
        return {name: sha256(path) for name, path in files.items() if path.is_file()}

    def _said(self, arguments: Sequence[str], data: bytes = b"") -> str:
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # images are read side by side
        try:
            done = subprocess.run(
                [self.program, *arguments], input=data, capture_output=True, timeout=self.timeout, env=environment
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"tesseract read an image for more than {self.timeout:g} s; raise timeout=.") from None
        except OSError as error:
            raise DataError(f"'{self.program}' cannot be run: {error.strerror}.") from error
        if done.returncode:
            why = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason"])[-1]
            raise DataError(f"tesseract failed (exit code {done.returncode}): {why[:200]}")
        return done.stdout.decode("utf-8", "replace") or done.stderr.decode("utf-8", "replace")

    def extract_images(self, batch: Sequence[Any], queries: Sequence[Sample] | None = None) -> dict[str, Any]:
        """uint8 (h, w, 3) images, of any sizes; those that are equal are read once."""
        distinct = {image.tobytes() + repr(image.shape).encode(): image for image in batch}
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="tesseract") as pool:
            read = dict(zip(distinct, pool.map(self._read, distinct.values()), strict=True))
        rows = [read[image.tobytes() + repr(image.shape).encode()] for image in batch]
        sizes = [(image.shape[1], image.shape[0]) for image in batch]
        return {
            "text": [text for text, _ in rows],
            "detections": [boxed(words, size) for (_, words), size in zip(rows, sizes, strict=True)],
        }

    def _read(self, image: np.ndarray) -> tuple[str, list[Word]]:
        picture = Image.fromarray(image)
        if self.scale > 1:
            picture = picture.resize(
                (image.shape[1] * self.scale, image.shape[0] * self.scale), Image.Resampling.BICUBIC
            )
        stream = io.BytesIO()
        picture.save(stream, "PNG", compress_level=1)
        told = self._said(
            ["stdin", "stdout", "-l", self.lang, "--psm", str(self.psm), "--dpi", "70", "tsv"], stream.getvalue()
        )
        lines = words_of(told, self.threshold, self.scale)
        return "\n".join(" ".join(text for _, text, _ in line) for line in lines), [w for line in lines for w in line]


def words_of(table: str, threshold: float, scale: int = 1) -> list[list[Word]]:
    """tesseract's table -> the words of each line. DataError where it is another table."""
    rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
    if not {"level", "left", "top", "width", "height", "conf", "text"} <= set(rows.fieldnames or ()):
        raise DataError("tesseract gave no table of words; is the program tesseract 4 or newer?")
    lines: dict[tuple[str, ...], list[Word]] = {}
    for row in rows:
        try:
            x, y, w, h = (float(row[side]) / scale for side in ("left", "top", "width", "height"))
            sure, text = float(row["conf"]) / 100, (row["text"] or "").strip()
        except (TypeError, ValueError) as error:
            raise DataError(f"A line of tesseract's table cannot be read ({error}).") from None
        if text and sure >= threshold and w > 0 and h > 0:
            key = tuple(str(row.get(part, "")) for part in ("page_num", "block_num", "par_num", "line_num"))
            lines.setdefault(key, []).append(((x, y, x + w, y + h), text, min(max(sure, 0.0), 1.0)))
    return list(lines.values())


def boxed(words: Sequence[Word], size: tuple[int, int]) -> Detections:
    """Words as detections, in reading order."""
    boxes = np.array([box for box, _, _ in words], dtype=np.float64).reshape(-1, 4)
    return Detections(boxes, tuple(text for _, text, _ in words), np.array([s for *_, s in words]), size=size)
