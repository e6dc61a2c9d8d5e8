"""Words of strangers made fit to print: one line, nothing hidden, wrapped and never cut; literal in Markdown."""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """One line without control, format and surrogate characters (each becomes a visible mark)."""
    kept = [" " if c in "\n\r\t" else "\N{REPLACEMENT CHARACTER}" if _hidden(c) else c for c in text]
    return " ".join("".join(kept).split()) or "(empty)"


def _hidden(c: str) -> bool:
    """Joiners stay: Persian and emoji need them, and they turn nothing."""
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn") and c not in "\u200c\u200d"


def display_width(text: str) -> int:
    """Columns that a terminal uses: wide East Asian characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, width: int, joints: str = " ,(/+-_=") -> list[str]:
    """Lines of at most `width` columns, broken at spaces or other joints where there are any."""
    lines, line = [], ""
    for piece in _pieces(text, width, joints):
        if line and display_width(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(text: str, width: int, joints: str) -> list[str]:
    """Text cut after its joints, and anywhere where a piece alone is too wide."""
    pieces, piece = [], ""
    for c in text:
        if display_width(piece + c) > width:
            pieces.append(piece)
            piece = ""
        piece += c
        if c in joints:
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces


def escaped(text: str) -> str:
    """Text that Markdown (and the HTML in it) takes literally, on one line."""
    found = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]#|$~!" else c for c in found)
