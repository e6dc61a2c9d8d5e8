"""What reports of the field get wrong, a test each: the comparison's page does none of it.

The list is of complaints found in the trackers of published boards and reports; the boards' own part of it is tested
with the boards, the figures' with the figures.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bench import store
from bench.errors import NotComparable
from bench.reports.comparison.compare import compare
from bench.reports.comparison.explain import findings
from bench.reports.pages.comparison_page import page
from bench.reports.pages.views import key

ROOT = Path(__file__).resolve().parents[2]
STYLES = [ROOT / "bench/reports/pages/templates" / name for name in ("common.css", "comparison.css")]


class Cells(HTMLParser):
    """Tables as lists of rows of texts, and the text of everything."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.text: list[str] = []
        self._in: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._in.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data):
        if "script" in self._in or "style" in self._in:
            return
        self.text.append(data)
        if "td" in self._in or "th" in self._in:
            self.tables[-1][-1][-1] += data

    @property
    def seen(self) -> str:
        return " ".join(" ".join(self.text).split())


def part(html: str, anchor: str, until: str = "</section>") -> str:
    start = html.index(f'<section id="{anchor}"')
    return html[start : html.index(until, start)]


@pytest.fixture(scope="module")
def three(maker, tmp_path_factory):
    """Two systems and one more of which images failed, with all their images."""
    make = maker(tmp_path_factory.mktemp("modes") / "runs")
    return [make("ours", seed=1), make("sdxl", skill=1.0, seed=2), make("late", seed=3, failed=5)]


@pytest.fixture(scope="module")
def pair(three):
    return page(compare(three[:2]))


# ---- names and legends ----------------------------------------------------------------------------------------------


def test_names_are_never_cut(make):
    long = "system with a long name " * 20 + "END"
    read = Cells(page(compare([make(long, seed=1, n=12), make("b", seed=2, n=12)])))
    assert sum(long in " ".join(c.split()) for t in read.tables for r in t for c in r) >= 4
    for path in STYLES:
        css = path.read_text(encoding="utf-8")
        assert "ellipsis" not in css and "line-clamp" not in css
        assert css.count("overflow: hidden") <= css.count(".unseen") + css.count(".veil"), (
            "only what is there for the eye"
        )


def test_more_systems_than_colours_are_told_apart_where_they_stand(make):
    """No legend to look up: each row says its name, and no two of sixteen keys look alike."""
    found = compare([make(f"system {i}", seed=i, n=6, images=False) for i in range(10)])
    keys = [tuple(key(found, i).values()) for i in range(10)]
    assert len(set(keys)) == 10
    html = page(found)
    assert all(html.count(f"<bdi>system {i}</bdi>") > 3 for i in range(10))


# ---- ranks, means, digits -------------------------------------------------------------------------------------------


def test_no_rank_and_no_overall_score(three):
    """Nothing adds metrics up: a place by one number hides which number, and directions would have to agree."""
    read = Cells(page(compare(three), images="none"))
    heads = {c.strip().casefold() for t in read.tables for c in (t[0] if t else [])}
    assert not heads & {"rank", "average", "mean", "overall", "total", "score"}


def test_a_new_system_changes_nothing_between_two_others(three):
    """Differences, wins and values are of the pair; only p, corrected over more comparisons, may grow."""
    two, more = compare(three[:2]), compare(three)
    for a, b in zip(findings(two, pair=(1, 0)).forest, findings(more, pair=(1, 0)).forest, strict=True):
        assert (a.delta, a.low, a.high, a.wins, a.losses, a.effect) == (
            b.delta,
            b.low,
            b.high,
            b.wins,
            b.losses,
            b.effect,
        )
        assert a.p_adjusted is None or b.p_adjusted is None or b.p_adjusted >= a.p_adjusted - 0.02

    def shown(found):
        rows = [
            r for t in Cells(page(found, images="none")).tables for r in t if r and r[0].startswith(("ours", "sdxl"))
        ]
        return {(r[0], c) for r in rows for c in r[1:] if "±" in c}

    assert shown(two) <= shown(more)


def test_missing_cells_are_marks_with_a_reason_and_enter_no_mean(make):
    def unscored(data):
        data["scores"] = tuple(s for s in data["scores"] if s.metric != "clipscore")

    found = compare([make("whole", seed=1), make("bare", seed=2, change=unscored)])
    html = page(found, images="none")
    scores = [r for t in Cells(part(html, "scores")).tables for r in t]
    place = next(i for r in scores for i, c in enumerate(r) if c.startswith("CLIPScore"))
    bare = [r for r in scores if r and r[0].startswith("bare") and len(r) > place and r[place].strip() == "\N{EN DASH}"]
    assert bare and 'title="not scored in this run"' in html
    row = next(r for r in found.primary if r.label == "CLIPScore")
    assert not any(row.differences) and not any(c is not None and c.best for c in row.cells)


def test_failed_images_are_counted_where_the_reader_begins(three):
    html = page(compare(three), images="none")
    first = Cells(html[: html.index('<ul class="verdicts">')]).seen
    assert "1 of 3 systems lacks images" in first and "late : 5 failed of 120 images" in first


def test_no_more_digits_than_the_interval_supports(pair):
    """Two digits of the half-width, as many of the value."""
    cells = [c for t in Cells(part(pair, "scores")).tables for r in t for c in r]
    told = [m for c in cells if (m := re.search(r"([\d.]+)\s*±([\d.]+)", c))]
    assert len(told) >= 6
    for value, half in (m.groups() for m in told):
        digits = [len(text.partition(".")[2]) for text in (value, half)]
        assert digits[0] == digits[1] and len(half.replace(".", "").lstrip("0")) <= 3, (value, half)


# ---- what may be compared -------------------------------------------------------------------------------------------


def test_set_metrics_of_unequal_number_are_not_subtracted(three):
    html = page(compare([three[0], three[2]]), images="none")
    line = next(r for t in Cells(part(html, "effects")).tables for r in t if r and r[0].startswith("FID"))
    assert "depend on the number of images, and there are" in line[2] and len(line) == 3
    assert "not comparable on" in Cells(html).seen


def test_other_versions_of_a_metric_are_refused_or_stand_in_columns_of_their_own(make):
    def newer(data):
        old = next(k for k, p in data["protocols"].items() if p["metric"] == "clipscore")
        data["protocols"] = {("new" + k[3:] if k == old else k): {**p, "version": 2 if k == old else p["version"]}
                             for k, p in data["protocols"].items()}  # fmt: skip
        data["scores"] = tuple(
            type(s)(**{**s.__dict__, "protocol": "new" + old[3:]}) if s.protocol == old else s for s in data["scores"]
        )

    runs = [make("old", seed=1, images=False), make("new", seed=2, images=False, change=newer)]
    with pytest.raises(NotComparable, match="version is 1 in old, 2 in new"):
        compare(runs)
    html = page(compare(runs, force=True))
    heads = [c for t in Cells(part(html, "scores")).tables for c in t[0] if c.startswith("CLIPScore")]
    assert len(heads) == 2 and all("protocol" in h for h in heads)
    rows = [r for t in Cells(part(html, "scores")).tables for r in t[1:]]
    assert sum(c.strip() == "\N{EN DASH}" for r in rows for c in r) >= 2, "no column mixes the two"


# ---- colour and form ------------------------------------------------------------------------------------------------


def test_no_verdict_is_told_by_colour_alone(pair):
    badges = re.findall(r'<span class="badge"[^>]*>(.*?)</span>', part(pair, "verdicts") + part(pair, "effects"))
    assert badges and all(re.match(r"[▲▼=?◆≠✓!]", b) for b in badges)
    for kind in ("better", "worse"):
        lines = re.findall(rf'<(?:li|tr) class="{kind}">(.*?)</(?:li|tr)>', pair, re.DOTALL)
        assert all(re.search("▲|▼", line) for line in lines)


def test_the_diverging_scale_is_blue_and_orange(pair):
    def hue(code):
        r, g, b = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
        top, low = max(r, g, b), min(r, g, b)
        third = {r: (g - b) / (top - low), g: 2 + (b - r) / (top - low), b: 4 + (r - g) / (top - low)}[top]
        return 60 * third % 360

    css = "".join(p.read_text(encoding="utf-8") for p in STYLES)
    for name, (low, high) in {"good": (190, 225), "bad": (15, 40)}.items():
        codes = re.findall(rf"--{name}: (#[0-9a-f]{{6}})", css)
        assert len(codes) >= 4 and all(low <= hue(c) <= high for c in codes), (name, codes)
    assert [round(hue(c)) // 10 for c in re.findall(r"srgb, (#[0-9a-f]{6}) var\(--t\)", css)] == [20, 2]


def test_drawings_take_the_pages_ink(pair):
    drawings = re.findall(r'<svg class="figure".*?</svg>', pair, re.DOTALL)
    assert len(drawings) >= 4
    for drawing in drawings:
        assert "var(--ink" in drawing and not re.search(r"(?:fill|stroke): ?(?:#000000|#1b1b1d|black)\b", drawing)
        texts = re.findall(r"<text ([^>]*)>", drawing)
        assert texts and all("var(--ink" in t or "fill: #" in t for t in texts), "SVG's own default is black"


def test_every_drawing_has_its_numbers_in_a_table_or_says_where(pair):
    for found in re.finditer(r"<figure[^>]*>", pair):
        if "data-system" not in found[0] and "reference" not in found[0]:
            assert re.search(r'aria-label="[^"]{15,}"', found[0]), found[0]
    for anchor in ("effects", "slices", "agreement"):
        assert "<table" in part(pair, anchor) and "<svg" not in part(pair, anchor)


# ---- images ---------------------------------------------------------------------------------------------------------


def test_a_prompt_shows_all_its_seeds(pair):
    """Two images a prompt in these runs: rows of both systems have both."""
    strips = re.findall(r'<div class="seed-strip">(.*?)</div>', part(pair, "duels"), re.DOTALL)
    pictured = [s for s in strips if "thumb" in s or "gap" in s]
    assert pictured and all(len(re.findall(r'class="(?:thumb|gap)', s)) == 2 for s in pictured)


def test_best_never_stands_without_worst_and_neither_without_the_unchosen(pair):
    listed = re.findall(r'<div class="best-worst">(.*?)</details>', pair, re.DOTALL)
    assert listed and all("<h3>Best</h3>" in part and "<h3>Worst</h3>" in part for part in listed)
    text = Cells(part(pair, "duels")).seen
    assert "ours ahead most" in text and "sdxl ahead most" in text
    assert "chosen by nobody" in part(pair, "images") and pair.index('id="images"') < pair.index('id="extremes"')


# ---- the page as a file ---------------------------------------------------------------------------------------------


def test_nothing_needs_a_server(pair):
    assert not re.search(r"fetch\(|XMLHttpRequest|\bimport\(|type=.module|serviceWorker|@import", pair)
    assert not re.search(r"(?:src|href|action)=[\"'](?!#|data:image/)", pair)


def test_nan_is_never_printed(make):
    runs = [make("a", seed=1, n=10), make("b", seed=2, n=10)]
    for run, value in zip(runs, (np.nan, 3.0), strict=True):
        frame = store.samples(run)
        frame["clipscore:score"] = value
        store.write_parquet(Path(run) / "samples.parquet", frame)
    seen = Cells(page(compare(runs))).seen
    assert not re.search(r"(?i)(?<![\w.])[-+−]?(?:nan|inf|infinity|none)(?![\w.])", seen)


def test_the_page_keeps_its_budget_and_says_so(three):
    found = compare(three[:2])
    whole = len(page(found).encode())
    less = page(found, budget=whole - 20_000)
    assert len(less.encode()) <= whole - 20_000 and "not in this file, for its size" in less


def test_equal_runs_give_equal_bytes(three):
    assert page(compare(three)) == page(compare(three))
