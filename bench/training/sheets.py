"""Contact sheets of a generator in training: prompts down, the truth beside what it draws with four seeds."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw

from bench.training.drawn import Draw, prompts
from bench.world.grammar import caption
from bench.world.render import render

SEEDS = 4
_CELL, _GAP, _WIDTH = 64, 4, 190


def sheet(draw: Draw, rows: int = 12, split: str = "val") -> np.ndarray:
    """uint8 (h, w, 3): `rows` held-out prompts, half of them of one object; the same ones every time."""
    entries = [e for some in prompts(split, rows) for e in some]
    texts = [caption(e.scene, e.variant) for e in entries]
    asked = [text for text in texts for _ in range(SEEDS)]
    drawn = draw(asked, [i % SEEDS for i in range(len(asked))])
    truth = render([e.scene for e in entries], list(range(rows)))
    page = Image.new("RGB", (_WIDTH + (1 + SEEDS) * (_CELL + _GAP), 14 + rows * (_CELL + _GAP)), "white")
    pen = ImageDraw.Draw(page)
    pen.text((_WIDTH, 1), "truth", fill="black")
    pen.text((_WIDTH + _CELL + _GAP, 1), "drawn with seeds 0, 1, 2, 3", fill="black")
    for row, text in enumerate(texts):
        top = 14 + row * (_CELL + _GAP)
        pen.multiline_text((2, top + 4), textwrap.fill(text, 30), fill="black")
        for column, image in enumerate([truth[row], *drawn[row * SEEDS : (row + 1) * SEEDS]]):
            shown = Image.fromarray(image).resize((_CELL, _CELL), Image.Resampling.NEAREST)
            page.paste(shown, (_WIDTH + column * (_CELL + _GAP), top))
    return np.asarray(page)
