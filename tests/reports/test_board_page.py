"""The board's page: whole in itself, inert, true to the board in every pair, within budget, whole without script."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_boards import EVIL
from made_boards import board as made

from bench.reports.board.pairs import different
from bench.reports.comparison.nouns import Cell
from bench.reports.numbers import decimals, number
from bench.reports.pages import board_data, board_table, board_views, board_words
from bench.reports.pages.board_page import page

TEMPLATES = Path(board_data.__file__).parent / "templates"
DASH = "\N{EN DASH}"


class Reader(HTMLParser):
    """Tags with attributes, the text outside of scripts, and the rows of tables by the id of the nearest element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self._table = ""
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in ("section", "table", "dialog") and found.get("id"):
            self._table = found["id"]
        if tag == "tr":
            self.rows.setdefault(self._table, []).append([])
        if tag in ("td", "th") and self.rows:
            self.rows[self._table][-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style"):
            return
        self.text.append(data)
        if self._cell:
            self.rows[self._table][-1][-1] += data

    @property
    def plain(self) -> str:
        return " ".join("".join(self.text).split())


def data_of(html: str):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


@pytest.fixture(scope="module")
def board():
    return made(12, 6, own=2)


@pytest.fixture(scope="module")
def html(board) -> str:
    return page(board)


@pytest.fixture(scope="module")
def hostile() -> str:
    return page(made(14, 9, hostile=True, own=2))


@pytest.fixture(scope="module")
def large():
    return made(200, 30)


@pytest.fixture(scope="module")
def large_html(large) -> str:
    return page(large)


@pytest.fixture(scope="module")
def large_read(large_html) -> Reader:
    return Reader(large_html)


# ---- strangers ------------------------------------------------------------------------------------------------------


def test_hostile_text_stays_text(hostile):
    read = Reader(hostile)
    names = [tag for tag, _ in read.tags]
    assert names.count("script") == 2 and not {"img", "iframe", "b>"} & set(names)
    assert not [a for _, attrs in read.tags for a in attrs if a.startswith("on")]
    assert read.plain.count(EVIL) > 20 and "{{ 7*7 }}" in read.plain and "$\\foo$" in read.plain
    inside = hostile[hostile.index('id="data"') :]
    assert "<" not in inside[inside.index(">") + 1 : inside.index("</script>")]


def test_every_name_is_there_whole(hostile):
    read = Reader(hostile)
    board = made(14, 9, hostile=True, own=2)
    text = "".join(read.text)
    for row in board.rows:
        assert row.title in text and (not row.source or row.source in text) and (not row.reason or row.reason in text)
    for column in board.columns:
        assert column.label in text and column.protocol in text
    shown = [r[1] for r in read.rows["board"] if len(r) > 4][1:]
    assert [s.removesuffix(s[len(r.title) :]) for s, r in zip(shown, board.rows, strict=False)] == [
        r.title for r in board.rows if r.role != "unranked"
    ]


def test_equal_names_can_be_told_apart(hostile):
    board = made(14, 9, hostile=True, own=2)
    twins = [r for r in board.rows if r.title == "twice"]
    assert len(twins) == 2 and all(f"id {r.id}" in Reader(hostile).plain for r in twins)
    assert "id " + board.rows[0].id not in Reader(hostile).plain.split("How each row was made")[0]


def test_a_name_is_isolated_wherever_it_stands(hostile):
    turned = "\u202eright to left"
    places = [m.start() for m in re.finditer(turned, hostile)]
    assert len(places) > 5
    for at in places:
        assert hostile[:at].rpartition("<")[2].startswith("bdi>"), hostile[at - 60 : at]


def test_nothing_is_loaded(html, hostile):
    for text in (html, hostile):
        for tag, attrs in Reader(text).tags:
            for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                assert (attrs.get(name) or "#").startswith("#"), (tag, attrs)
        script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
        style = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
        assert not re.search(r"fetch\(|XMLHttpRequest|import\(|\beval\b|innerHTML|document\.write|Function\(", script)
        assert not re.search(r"url\(|@import|https?:", style + script)


def test_the_policy_names_the_script_and_lets_through_nothing_else(html):
    policy = next(a["content"] for t, a in Reader(html).tags if t == "meta" and "http-equiv" in a)
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy and "connect" not in policy


# ---- the same decisions ---------------------------------------------------------------------------------------------


def read_pairs(column, size):
    """A column's pairs, read from the page's data by other means than the code that packs them."""
    packed, lower = column["pairs"], column["direction"] == "lower"
    raw = base64.b64decode(packed["errors"])
    codes = [raw[k] | raw[k + 1] << 8 for k in range(0, len(raw), 2)] if packed["wide"] else list(raw)
    own = dict(zip(packed.get("own", [])[::2], packed.get("own", [])[1::2], strict=True))
    if "every" in packed:
        raw = base64.b64decode(packed["every"])
        steps = [int.from_bytes(raw[k : k + 2], "little", signed=True) for k in range(0, len(raw), 2)]
        own = {k: packed["step"] * s for k, s in enumerate(steps)}
    table = [0.0, packed["least"]]
    while len(table) <= packed["levels"]:
        table.append(table[-1] * packed["ratio"])
    turned = dict(zip(packed["turned"][::2], packed["turned"][1::2], strict=True))
    advantage, half, kind, k = {}, {}, {}, 0
    for i in range(size):
        for j in range(i + 1, size):
            delta = ((column["v"][i] or 0) - (column["v"][j] or 0) + own.get(k, 0)) / column["scale"]
            error = table[codes[k]] if codes[k] < len(table) else math.nan
            for a, b, d in ((i, j, delta), (j, i, -delta)):
                advantage[a, b], half[a, b] = -d if lower else d, packed["reach"][a] * error
                sure = 1 if advantage[a, b] > half[a, b] else 2 if advantage[a, b] < -half[a, b] else 0
                kind[a, b] = turned.get(a * size + b, 3 if math.isnan(error) else sure)
            k += 1
    return advantage, half, kind


@pytest.mark.parametrize(("systems", "columns", "own"), [(12, 6, 0), (13, 9, 3), (70, 4, 0), (90, 3, 60), (2, 2, 0)])
def test_every_verdict_is_that_of_the_exact_numbers(systems, columns, own):
    board = made(systems, columns, own=own, seed=systems)
    found = data_of(page(board, budget=10**9))
    for column, packed in zip(board.columns, found["columns"], strict=True):
        pairs = board.pairs.get(column.id)
        assert (pairs is None) == ("pairs" not in packed)
        if pairs is None:
            continue
        sign = -1 if column.direction == "lower" else 1
        advantage, half, kind = read_pairs(packed, systems)
        exact = pairs.reach[:, None] * pairs.error
        coarse = math.sqrt(packed["pairs"]["ratio"]) - 1
        assert coarse <= board_data.COARSEST
        for i, j in kind:
            delta = sign * pairs.delta[i, j]
            if not np.isfinite(delta):
                assert kind[i, j] == 3
                continue
            assert kind[i, j] == (1 if delta > exact[i, j] else 2 if delta < -exact[i, j] else 0), (column.id, i, j)
            assert half[i, j] == pytest.approx(exact[i, j], rel=coarse + 1e-5)
            assert abs(advantage[i, j] - delta) < 0.01 * exact[i, j]
        for i, (best, worst) in enumerate(pairs.ranks):
            if best:
                assert best == 1 + sum(kind[i, j] == 2 for j in range(systems) if j != i)
                there = sum(r[0] > 0 for r in pairs.ranks)
                assert worst == there - sum(kind[i, j] == 1 for j in range(systems) if j != i)


def test_rounding_turns_some_decisions_and_they_are_listed(large_html):
    found = data_of(large_html)
    turned = sum(len(c["pairs"]["turned"]) // 2 for c in found["columns"] if "pairs" in c)
    assert 0 < turned < 0.01 * 27 * 200 * 199


ASKED = """
const data = JSON.parse(require("fs").readFileSync(0, "utf8")), b = boardData(data), out = { kinds: {}, numbers: [] };
const all = Array.from({ length: b.size }, (_, i) => i);
data.columns.forEach((c, k) => {
  if (c.pairs) out.kinds[c.id] = all.map((i) => all.map((j) => i === j ? 0 : b.against(k, i, j).kind));
});
for (const [x, d, s] of data.numbers) out.numbers.push(b.number(x, d, s));
out.digits = data.digits.map(([h, x]) => b.digits(h, x));
console.log(JSON.stringify(out));"""


def test_the_script_decides_and_prints_as_python_does():
    node = shutil.which("node")
    if not node:
        pytest.skip("needs node")
    board = made(17, 9, own=3, seed=4)
    script = (TEMPLATES / "board_data.js").read_text(encoding="utf-8") + ASKED
    numbers = [(-0.0004, 3, False), (-3.14159, 2, True), (1234567, -1, False), (1e-7, -1, True), (0, 2, True),
               (2.5e12, -1, False), (-0.51, 1, False), (0.3, 2, True), (-1e-9, 2, True)]  # fmt: skip
    digits = [(0.01, 1), (3.2, 100), (0, 5), (0, 0), (1e-9, 1e-8), (250, 2e6)]
    asked = {**board_data.script_data(board), "numbers": numbers, "digits": digits}
    done = subprocess.run([node, "-e", script], input=json.dumps(asked), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for column in board.columns:
        if column.id in board.pairs:
            assert found["kinds"][column.id] == board_data.decided(board.pairs[column.id], column).tolist(), column.id
    assert found["numbers"] == [number(x, d, signed=s) for x, d, s in numbers]
    assert found["digits"] == [decimals([h], [x]) for h, x in digits]


def test_letters_of_every_ranking_part_what_differs(board, html):
    for column, packed in zip(board.columns, data_of(html)["columns"], strict=True):
        if "ties" not in packed.get("pairs", {}):
            continue
        ties, apart = packed["pairs"]["ties"], different(board.pairs[column.id])
        for i in range(len(ties)):
            for j in range(i):
                shared = set(ties[i].replace(" ", "")) & set(ties[j].replace(" ", ""))
                if ties[i].strip() and ties[j].strip():
                    assert bool(shared) != apart[i, j], (column.id, i, j)
        place = board.columns.index(column)
        assert all(t.strip() for t, r in zip(ties, board.ranked, strict=True) if r.cells[place].value is not None)


def test_shares_of_ranks_are_those_of_the_board(board, html):
    packed = data_of(html)["columns"][0]["pairs"]
    steps, at = base64.b64decode(packed["shares"]), 0
    for i in range(12):
        start, count = packed["spans"][2 * i : 2 * i + 2]
        row = np.zeros(12)
        row[start : start + count] = np.frombuffer(steps[at : at + count], "u1") / board_data.SHARE
        at += count
        assert np.abs(row - board.pairs[board.order].rank_shares[i]).max() <= 0.5 / board_data.SHARE + 1e-9
    assert at == len(steps)


# ---- what stands there ----------------------------------------------------------------------------------------------


def test_the_table_holds_ranks_intervals_reasons(board, html):
    rows = [r for r in Reader(html).rows["board"] if len(r) > 4][1:]
    assert len(rows) == sum(r.role != "unranked" for r in board.rows)
    for row, line in zip([r for r in board.rows if r.role != "unranked"], rows, strict=True):
        if row.role == "system":
            best, worst = board.pairs[board.order].ranks[board.ranked.index(row)]
            assert re.match(rf"{best}{DASH}{worst}(first in \d+\xa0%)?$", line[2])
        else:
            assert line[2] == DASH and line[3] == ""
        for cell, text in zip(row.cells, line[4:], strict=False):
            if cell is None or cell.value is None:
                assert re.match(rf"{DASH}\xa0\(\d+\)$", text)
            else:
                assert float(re.match(r"◆?(\S+)", text)[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
                    cell.value, abs=0.51 * 10 ** -board.columns[row.cells.index(cell)].decimals)  # fmt: skip
                assert ("±" in text or "[" in text) == (cell.low is not None)
    assert not re.search(r"\b(nan|NaN|inf|Infinity|None|undefined)\b", Reader(html).plain)


def test_reasons_are_listed_once_and_linked(board, html):
    read = Reader(html)
    links = {a["href"] for t, a in read.tags if t == "a" and (a.get("href") or "").startswith("#why-")}
    there = {f"#{a['id']}" for _, a in read.tags if (a.get("id") or "").startswith("why-")}
    assert links == there and len(links) == 2
    assert read.plain.count("fewer images than the metric's minimum") == 1


def test_the_best_set_is_marked_where_lower_is_better_too(board, html):
    column = next(i for i, c in enumerate(board.columns) if c.direction == "lower")
    rows = [r for r in Reader(html).rows["board"] if len(r) > 4][1:13]
    marked = [i for i, r in enumerate(rows) if r[4 + column].startswith("◆")]
    values = [r.cells[column].value if r.cells[column].value is not None else math.inf for r in board.ranked]
    assert int(np.argmin(values)) in marked and int(np.argmax(values)) not in marked
    assert marked == [i for i, r in enumerate(board.pairs[board.columns[column].id].ranks) if r[0] == 1]


def test_parts_of_their_own(board, html):
    read = Reader(html)
    assert "Controls measured alike, not ranked" in read.plain and "External scores without evidence" in read.plain
    assert "source: Betker et al. 2023" in read.plain
    listed = {r[0]: r[1] for r in read.rows["unranked"][1:]}
    assert "another prompt list" in listed["old run"] and listed["cheat"] == "excluded: trained on the prompts"


def test_everything_that_was_promised_is_readable_without_the_script(board, html):
    read = Reader(html)
    text = read.plain
    pairs = board.pairs[board.order]
    tied = sum(best == 1 for best, _ in pairs.ranks)
    assert f"{tied} of 12 systems are tied with best:" in text or "Only one may be the best" in text
    for said in ("version 2024.1", "400 of scenes-test", "error level 5 %", "Ranked by VQAScore ↑", "max-T",
                 "share a letter", "Two runs were made on another machine.", "new prompts of the same kind",
                 board.spec.datasets[0].prompts, board.columns[3].protocol, "higher is better"):  # fmt: skip
        assert said in text, said
    matrix = read.rows["matrix"]
    assert len(matrix) == 13 and all(len(r) == 14 for r in matrix)
    for i, row in enumerate(matrix[1:]):
        for j, cell in enumerate(row[2:]):
            sure = i != j and abs(pairs.delta[i, j]) > pairs.reach[i] * pairs.error[i, j]
            assert cell[:1] == ("" if i == j else "▲" if sure and i < j else "▼" if sure else "="), (i, j)
    assert len(read.rows["factorial"]) == 5 and len(read.rows["front"]) > 5
    hidden = [a["id"] for t, a in read.tags if t == "section" and "hidden" in a]
    assert hidden == ["shares", "profile"]  # what only the script draws


def test_all_columns_are_there_without_the_script(large_read):
    read = large_read
    seen = len(read.rows["board"][0]) - 4 - 7 + len(read.rows["others"][0]) - 1
    assert seen == 30 and len(read.rows["others"]) == 205
    assert len(read.rows["matrix"]) == 200 and all(len(r[2]) == 200 for r in read.rows["matrix"])


def test_the_sign_matrix_of_many_systems_says_what_was_decided(large, large_read):
    column, pairs = large.columns[0], large.pairs[large.order]
    rows = large_read.rows["matrix"]
    signs = {0: "=", 1: "+", 2: "\N{MINUS SIGN}", 3: "?"}
    expected = board_data.decided(pairs, column)
    for i in range(0, 200, 7):
        assert rows[i][2] == "".join("·" if i == j else signs[int(k)] for j, k in enumerate(expected[i]))


def test_differences_are_turned_for_columns_where_lower_is_better(board):
    lower = next(c for c in board.columns if c.direction == "lower")
    made_view = board_views.matrix(replace(board, order=lower.id))
    values = [r.cells[board.columns.index(lower)].value for r in board.ranked]
    told = 0
    for i, line in enumerate(made_view["lines"]):
        for j, cell in enumerate(line["cells"]):
            if cell["text"] and cell["kind"] in ("better", "worse"):
                told += 1
                assert (values[i] < values[j]) == (cell["kind"] == "better") == cell["text"].startswith("+")
    assert told > 20


def test_the_front_has_who_is_not_beaten_by_a_faster_one(board):
    front = board_views.front(board)
    scores = {r.title: (r.latency, r.cells[0].value) for r in board.ranked if r.latency}
    for point in front["points"]:
        time, score = scores[point["title"]]
        ahead = [s for t, s in scores.values() if t < time and s > score]
        assert (point["kind"] == "front") == (not ahead)
    ys = {p["title"]: p["y"] for p in front["points"]}
    assert max(ys, key=ys.get) == min(scores, key=lambda t: scores[t][1])  # downwards in the drawing is worse


# ---- brackets -------------------------------------------------------------------------------------------------------


def test_brackets_give_each_overlapping_group_a_slot_of_its_own():
    found = board_table.brackets(["a", "ab", "b", "c", "c"])
    assert [lane["slots"] for lane in found] == [["a", ""], ["a", "b"], ["", "b"], ["c", ""], ["c", ""]]
    assert [lane["letters"] for lane in found] == ["a", "a b", "b", "c", "c"]
    many = board_table.brackets(["abcdefghijk", "abcdefghijk"])
    assert many[0]["slots"] == [] and many[0]["letters"] == "a b c d e f g h i j k"


# ---- size, sameness, odd boards -------------------------------------------------------------------------------------


def test_two_hundred_systems_by_thirty_columns_fit(large_html):
    text = large_html
    assert len(text.encode()) <= 3_000_000
    assert "To keep the page small" not in text
    assert all("pairs" in c for c in data_of(text)["columns"] if c["direction"] != "none")


def test_beyond_the_budget_exploratory_pairs_go_first_and_it_is_said():
    board = made(40, 20)
    whole = len(page(board).encode())
    text = page(board, budget=whole - 1000)
    kept = [c["primary"] for c in data_of(text)["columns"] if "pairs" in c]
    assert kept and all(kept) and len(text.encode()) <= whole - 1000
    assert "differences of 9 exploratory columns are not in it" in Reader(text).plain
    least = page(board, budget=1000)
    assert [c["id"] for c in data_of(least)["columns"] if "pairs" in c] == [board.order]
    assert "kept for the ordering column only" in least and "more than the 0.001 MB asked for" in Reader(least).plain
    assert '<select id="by">' not in least  # nothing else to rank by


def test_equal_boards_give_equal_bytes(html):
    assert page(made(12, 6, own=2)) == html


@pytest.mark.parametrize("scale", [1e-9, 1e-120, 1e12, 1e120])
def test_huge_and_tiny_values(scale):
    board = made(8, 3, scale=scale)
    text = page(board)
    assert not re.search(r"\b(nan|NaN|inf|Infinity)\b", Reader(text).plain)
    column = data_of(text)["columns"][0]
    values = [v / column["scale"] for v in column["v"][:8]]
    assert values == pytest.approx([r.cells[0].value for r in board.ranked], rel=1e-4)
    _, _, kind = read_pairs(column, 8)
    exact = board_data.decided(board.pairs[board.order], board.columns[0])
    assert all(kind[i, j] == exact[i, j] for i, j in kind)


def test_one_system_none_and_all_tied():
    one = Reader(page(made(1, 2))).plain
    assert "There is one system, so nothing is ranked." in one and "Pairwise matrix" not in one
    tied = Reader(page(made(7, 3, spread=0))).plain
    assert re.search(r"(All 7|\d of 7) systems are tied with best", tied) or "Only one may" in tied
    board = made(3, 2)
    left = tuple(r for r in board.rows if r.role == "unranked")
    read = Reader(page(replace(board, rows=left, pairs={}, letters=(), factorial=None)))
    assert "No run fits this board yet" in read.plain and "another prompt list" in read.plain


def test_equal_systems_are_not_told_apart():
    board = made(4, 2)
    pairs = board.pairs[board.order]
    delta, error = pairs.delta.copy(), pairs.error.copy()
    delta[0, 1] = delta[1, 0] = error[0, 1] = error[1, 0] = 0
    error[2, 3] = error[3, 2] = 0  # differ by a constant: sure
    same = replace(board, pairs={board.order: replace(pairs, delta=delta, error=error)})
    kinds = board_data.decided(same.pairs[board.order], board.columns[0])
    assert kinds[0, 1] == kinds[1, 0] == board_data.SAME and kinds[2, 3] == board_data.BETTER
    _, half, kind = read_pairs(data_of(page(same))["columns"][0], 4)
    assert kind[0, 1] == 0 and kind[2, 3] == 1 and half[2, 3] == 0


def test_a_wide_range_of_errors_keeps_its_precision(large):
    pairs = large.pairs[large.order]
    error = pairs.error.copy()
    error[0, 1] = error[1, 0] = pairs.error.max() / 1e6
    wide = replace(pairs, error=error)
    values = board_data.ints([r.cells[0] for r in large.ranked], 1e6)
    packed = board_data.packed(wide, large.columns[0], values, 1e6)
    assert packed["wide"] and board_data.coarseness(packed) < board_data.COARSEST
    read = board_data.unpacked(packed, values, 1e6).error
    off = ~np.eye(200, dtype=bool)
    assert np.abs(read[off] / error[off] - 1).max() <= board_data.coarseness(packed) + 1e-9


def test_coverage_is_never_rounded_up_to_all():
    assert [board_table.share(x) for x in (0.9996, 1.0, 0.0, None)] == ["99.9 %", "100 %", "0 %", DASH]


def test_values_beyond_the_axis_are_marked_and_kept_inside():
    ends = (0.0, 1.0)
    assert board_table.places(Cell(2.0, 1.5, 2.5), ends) == "--d:100%;--l:100%;--r:100%"
    assert board_table.axis([Cell(1.0, 1.0, 1.0), None]) is None


def test_a_board_ordered_by_a_mean_states_its_anchors(board):
    anchors = {board.columns[0].id: (0.2, 0.9), board.columns[1].id: (0.0, 1.0)}
    spec = replace(board.spec, order=replace(board.spec.order, anchors=anchors))
    text = board_words.rule(replace(board, spec=spec))
    assert "VQAScore ↑ (0 at 0.2, 1 at 0.9)" in text and "not taken from its rows" in text
