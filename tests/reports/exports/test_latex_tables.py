"""Tables that compile whatever the names are: by a strict reading, and by pdfLaTeX where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from bench.reports.comparison.compare import compare
from bench.reports.comparison.nouns import Cell
from bench.reports.exports import latex
from bench.reports.exports.latex import comparison_table
from bench.reports.words import LATEX_SIGNS, cell_word
from bench.reports.words import latex as literal

HOSTILE = [
    r"\input{/etc/passwd} \end{tabular} & 50% $x_1^2$ #1 ~", "[2cm] first", "* star",
    "図像生成 🙂 עברית", "naïve Łódź -- ''x''",
    "$\\foo$", "<b>|`q`\"</b>", "a_b{c}d", "x" * 500, "\u202eelif\x1b[31m",
]  # fmt: skip
COMMANDS = {
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textasciigrave",
    "char", "ldots", "ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "i", "r", "H", "v", "c", "u", "benchsign",
    "footnotesize", "providecommand", "ifdefined", "Umathchar", "relax", "else", "fi", "begin", "end", "centering",
    "caption", "label", "toprule", "midrule", "bottomrule", "shortstack", "scriptsize", "textbf", "boldmath", "medskip",
    "allowbreak", "pm",
    "times", "uparrow", "downarrow", "le", "ge", "infty", "alpha", "beta", "circ", "usepackage",
}  # fmt: skip
"""All that a table may say; what a name brings along is none of it."""


def problems(text: str) -> list[str]:
    """What is wrong with a LaTeX text: unbalanced braces or dollars, raw special signs, unknown commands, environments
    that do not nest, rows of unequal length."""
    found, depth, math, environments = [], 0, False, []
    columns = 0
    for line in text.splitlines():
        if line.startswith("% needs "):
            continue
        line = line.replace(LATEX_SIGNS, "")
        for token in re.findall(r"\\[A-Za-z]+|\\.|.", line):
            if token in "{}":
                depth += 1 if token == "{" else -1
            elif token == "$":
                math = not math
            elif token in "#%" or (token in "^_" and not math) or not token.isascii():
                found.append(f"raw {token!r}")
            elif len(token) > 2 and token[1:] not in COMMANDS:
                found.append(f"unknown {token}")
            if depth < 0:
                found.append("a brace too many")
        if math or depth:
            found.append(f"unbalanced in {line[:60]!r}")
            math, depth = False, 0
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            environments.append(name) if kind == "begin" else found.append("nesting") if environments[-1:] != [
                name
            ] else environments.pop()
        if line.startswith(r"\begin{tabular}"):
            columns = 1 + line.split("{@{}l")[1].split("@")[0].count("r")
        elif line.endswith(r" \\") and len(re.findall(r"(?<!\\)&", line)) != columns - 1:
            found.append(f"{columns} columns, and {line[:60]!r}")
        if re.match(r"[\[*]", line):
            found.append(f"an option of the line before: {line[:20]!r}")
    return found + [f"open {name}" for name in environments]


def test_the_reading_finds_what_is_wrong():
    """The check itself must be able to fail."""
    for bad in ("a_b", "50%", "{x", "x}", "$x", r"\foo", "[2cm]", r"\begin{table}", "ü", "#"):
        assert problems(bad), bad
    assert problems(literal("a_b 50% {x} $ \\foo # ü 🙂")) == []


@pytest.fixture
def hostile(make):
    names = [*HOSTILE, "control & noise"]
    return compare([make(n, seed=i, skill=i / 4, n=20, control=n.startswith("control")) for i, n in enumerate(names)])


def test_hostile_names_compile_and_are_whole(hostile):
    text = comparison_table(hostile)
    assert problems(text) == []
    assert text.replace(r" \\ ", "").count("x" * 26) and text.count("x") >= 500


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_it_without_a_complaint(hostile, tmp_path):
    body = comparison_table(hostile)
    text = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1000
    wide = [float(w) for w in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(wide, default=0) < 30, "a table is wider than the page"


def test_the_best_set_is_bold_and_only_it(make):
    found = compare(
        [make("plain", seed=1), make("good", skill=2, seed=2), make("noise", skill=-4, seed=3, control=True)]
    )
    lines = {line.split(" & ")[0]: line for line in comparison_table(found).splitlines() if " & " in line}
    best = {s.title: sum(r.cells[i].best for r in found.primary) for i, s in enumerate(found.systems)}
    assert best["good"] == len(found.primary) and best["noise"] == 0
    for name, line in lines.items():
        if name in best:
            assert line.count(r"\textbf") == best[name], name


def test_what_is_too_high_for_a_page_goes_on_in_a_further_float(make, monkeypatch):
    found = compare([make("a", seed=1), make("b", seed=2)])
    whole = comparison_table(found)
    monkeypatch.setattr(latex, "HEIGHT", 70.0)
    monkeypatch.setattr(latex, "PAGE", 150.0)
    parts = comparison_table(found)
    assert whole.count(r"\begin{table}") == 1 < parts.count(r"\begin{table}") == parts.count(r"\caption{")
    assert parts.count(r"\label{") == 1 and problems(parts) == []
    for row in found.primary:
        assert parts.count(f"{latex.latex(row.label.split()[0])}") >= 1
    assert sorted(re.findall(r"scriptsize", whole)) == sorted(re.findall(r"scriptsize", parts)), "no cell is lost"


def test_controls_stand_below_a_rule_of_their_own(make):
    text = comparison_table(compare([make("sys", seed=1), make("noise", seed=3, skill=-4, control=True)]))
    lines = text.splitlines()
    assert lines[next(i for i, x in enumerate(lines) if x.startswith("noise")) - 1] == r"\midrule"
    assert "controls" in text and lines[next(i for i, x in enumerate(lines) if x.startswith("sys")) - 1] == r"\midrule"


def test_arrows_follow_the_direction(make):
    heads = next(
        x for x in comparison_table(compare([make("a"), make("b", seed=2)])).splitlines() if x.startswith("System")
    )
    assert r"FID $\downarrow$" in heads and r"CLIPScore $\uparrow$" in heads


def test_random_weights_are_told_in_the_caption(make):
    caption = next(x for x in comparison_table(compare([make("a"), make("b", seed=2)])).splitlines() if "caption" in x)
    assert "CLIPScore: random weights (seed 0)." in caption and "FID by" not in caption


@pytest.mark.parametrize(
    ("cell", "digits", "shown"),
    [
        (Cell(0.5, 0.4, 0.6), 2, r"0.50 {\scriptsize$\pm$0.10}"),
        (Cell(0.99, 0.90, 1.0, best=True), 2, r"\textbf{0.99} {\scriptsize {[}0.90, 1.00{]}}"),
        (Cell(-0.25, best=True), 2, r"\textbf{\boldmath $-$0.25}"),
        (Cell(1.5e-7), -1, r"$1.50\times10^{-7}$"),
        (Cell(-2.5e8), -1, r"$-2.50\times10^{8}$"),
        (Cell(None, note="too few"), 2, "--"),
        (None, 2, "--"),
    ],
)
def test_a_cell(cell, digits, shown):
    assert latex.cell(cell, digits) == shown and problems(shown) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--x", "-{}-x"),
        ("[a]*", "{[}a{]}{*}"),
        ("é", "{\\'{e}}"),
        ("ï", '{\\"{\\i}}'),
        ("図", "\\benchsign{56F3}"),
        ("a\nb", "a b"),
    ],
)
def test_literal_text(given, shown):
    assert literal(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [("=1+1", "_=1+1"), ("+x", "_+x"), ("-x", "_-x"), ("@x", "_@x"), (" =1", "_ =1"),
     ("\t=1", "_\t=1"), ("＝1", "_＝1"),
     ("|calc", "_|calc"), ("_=1", "__=1"), ("a=1", "a=1"), ("_a", "_a"), ("", ""), ("1", "1")],
)  # fmt: skip
def test_cells_that_a_spreadsheet_would_run(given, shown):
    assert cell_word(given) == shown
