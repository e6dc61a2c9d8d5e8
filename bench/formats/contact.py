"""A contact sheet: small pictures in rows, each with a line or two of text below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.errors import UsageError
from bench.store import disk_errors

SIDE, COLUMNS, LINES, EDGE = 160, 5, 3, 8
_LINE = 12


def sheet(tiles: Sequence[tuple[np.ndarray | None, str]], path: str | Path) -> None:
    """Write (picture uint8 (h, w, 3) or None, text) as PNG or JPEG by the ending; UsageError for another ending."""
    if Path(path).suffix.casefold() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"'{path}' is no picture by its ending; give a file that ends in .png or .jpg.")
    columns = min(COLUMNS, max(len(tiles), 1))
    rows = -(-len(tiles) // columns)
    high = SIDE + LINES * _LINE + EDGE
    picture = Image.new("RGB", (columns * (SIDE + EDGE) + EDGE, rows * (high + EDGE) + EDGE), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
    for at, (image, text) in enumerate(tiles):
        x, y = EDGE + at % columns * (SIDE + EDGE), EDGE + at // columns * (high + EDGE)
        if image is None:
            draw.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), outline="grey")
        else:
            small = Image.fromarray(image)
            small.thumbnail((SIDE, SIDE))
            picture.paste(small, (x + (SIDE - small.width) // 2, y + (SIDE - small.height) // 2))
        shown = "".join(sign if sign.isprintable() and sign.isascii() else "?" for sign in text)
        for line, part in enumerate(textwrap.wrap(shown, SIDE // 6)[:LINES]):
            draw.text((x, y + SIDE + 2 + line * _LINE), part, fill="black", font=font)
    with disk_errors(path):
        Path(path).absolute().parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
