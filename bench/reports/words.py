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


# ---- spreadsheets ---------------------------------------------------------------------------------------------------

_STARTS = frozenset("=+-@\t\r|%＝＋－＠")
"""Signs at the head of a cell that some spreadsheet takes for the start of a formula or a command."""


def cell_word(text: str) -> str:
    """A text cell of a CSV that no spreadsheet executes: '_' before what would start a formula ('=1+1' -> '_=1+1').

    A text that begins so itself ('_=1') gets one more, so that nothing is lost. Numbers never come here.
    """
    return f"_{text}" if text.lstrip().lstrip("_")[:1] in _STARTS else text


# ---- LaTeX ----------------------------------------------------------------------------------------------------------

LATEX_SIGNS = r"""\providecommand{\benchsign}[1]{\ifdefined\Umathchar\char"#1\relax\else{\footnotesize[U+#1]}\fi}"""
"""Signs that pdfLaTeX has no font for: themselves in XeLaTeX and LuaLaTeX, their code elsewhere. Needed once a file."""

_TEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': r"{\char34}", "[": "{[}", "]": "{]}",
    "*": "{*}", "\N{MINUS SIGN}": "$-$", "±": r"$\pm$", "×": r"$\times$", "≤": r"$\le$", "≥": r"$\ge$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "∞": r"$\infty$", "α": r"$\alpha$", "β": r"$\beta$", "°": r"$^\circ$",
    "\N{EN DASH}": "--", "\N{EM DASH}": "---", "…": r"\ldots{}", "\N{NO-BREAK SPACE}": "~", "ß": r"\ss{}",
    "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}",
}  # fmt: skip
"""Beside what is special everywhere: '[' and '*' after the end of a line are options of it."""
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_LIGATURES = "-,'"
"""Two of these become another sign."""


def latex(text: str) -> str:
    """Text that every LaTeX prints literally, on one line, in any place of a table."""
    found, last = [], ""
    for c in unicodedata.normalize("NFC", clean(text)):
        found.append("{}" + c if c == last and c in _LIGATURES else _tex(c))
        last = c
    return "".join(found)


def _tex(c: str) -> str:
    if c in _TEX:
        return _TEX[c]
    if c.isascii():
        return c
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        letter = r"\i" if parts[0] == "i" else parts[0]
        return f"{{\\{_ACCENTS[parts[1]]}{{{letter}}}}}"
    return f"\\benchsign{{{ord(c):04X}}}"
