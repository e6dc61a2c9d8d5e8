"""The page: whole in itself, inert against hostile text, readable without its script."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from markupsafe import escape

from bench import store
from bench.errors import UsageError
from bench.reports.comparison.compare import compare
from bench.reports.comparison.explain import findings
from bench.reports.pages.comparison_page import page
from bench.reports.pages.effects import forest
from bench.reports.pages.method import reproduce

EVIL = "</script><img src=x onerror=alert(1)>"
PROMPTS = [
    EVIL,
    "\u202eright to left אבג",
    "word " * 100,
    "x" * 500,
    "{{ 7*7 }} {% raw %}",
    "图像 🐉 é",
    "$\\foo$",
    "\"' &amp;",
]


class Reader(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not self.tags or self.tags[-1][0] not in ("script", "style"):
            self.text.append(data)


def reading(html: str) -> str:
    """The text of a piece of a page with single spaces."""
    return " ".join(" ".join(Reader(html).text).split())


@pytest.fixture(scope="module")
def hostile(maker, tmp_path_factory) -> str:
    make = maker(tmp_path_factory.mktemp("hostile") / "runs")

    def prompts(i: int) -> str:
        return PROMPTS[i % len(PROMPTS)]

    runs = [
        make(EVIL, seed=1, prompts=prompts),
        make("\u202eb", seed=2, prompts=prompts),
        make("x" * 500, seed=3, prompts=prompts),
    ]
    return page(compare(runs))


def test_hostile_text_stays_text(hostile):
    read = Reader(hostile)
    names = [tag for tag, _ in read.tags]
    assert names.count("script") == 1 and "img" not in names and "iframe" not in names
    assert not [a for _, attrs in read.tags for a in attrs if a.startswith("on")]
    assert EVIL in "".join(read.text) and "{{ 7*7 }}" in "".join(read.text)
    assert "x" * 500 in "".join(read.text)


def test_a_name_cannot_turn_a_sentence_round(hostile):
    sentences = re.findall(r'<span class="said">(.*?)</span>', hostile)
    assert sentences and not any("\u202e" in s for s in sentences)
    assert "<bdi>\u202eb</bdi>" in hostile  # alone and isolated it is shown as it is


def test_nothing_is_loaded(hostile):
    read = Reader(hostile)
    for tag, attrs in read.tags:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/")), (tag, attrs)
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest|type=.module", hostile)


def test_the_policy_names_the_script_and_lets_through_nothing_else(hostile):
    policy = next(a["content"] for t, a in Reader(hostile).tags if t == "meta" and "http-equiv" in a)
    script = re.search(r"<script>(.*)</script>", hostile, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy and "img-src data:;" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_every_picture_that_is_used_is_there_once(hostile):
    used = set(re.findall(r'<use href="#(i\w+)"', hostile))
    kept = re.findall(r'<image id="(i\w+)"', hostile)
    assert used == set(kept) and len(kept) == len(set(kept)) > 10


def test_numbers_are_in_the_page_without_its_script(make):
    found = compare(
        [make("ours", seed=1), make("sdxl", skill=2.0, seed=2), make("noise", seed=3, skill=-4, control=True)]
    )
    read = Reader(page(found))
    text = " ".join("".join(read.text).split())
    assert "sdxl is better than ours on CLIPScore" in text
    assert sum(a.get("class") == "best" for t, a in read.tags if t == "td") == 5
    assert "control" in text and "Holm" in text and "bench run ours" in text
    assert not re.search(r"\b(nan|NaN|inf|None)\b", text)


def test_page_without_images_and_of_one_system(make):
    alone = page(compare([make("a", seed=1, images=False)]))
    assert "nothing is compared" in alone and "<image" not in alone and 'id="effects"' not in alone
    without = page(compare([make("a", seed=1), make("b", seed=2)]), images="none")
    assert "<image" not in without and "was made without images" in without and 'id="duels"' in without
    with pytest.raises(UsageError, match="embedded, files or none"):
        page(compare([make("a", seed=1, n=5)]), images="some")


def test_rows_beyond_the_budget_are_told_and_the_page_keeps_it(make):
    found = compare([make("a", seed=1, size=200), make("b", seed=2, size=200)])
    whole = page(found)
    assert "do not fit into this file" not in whole
    budget = len(whole) - 60_000
    less = page(found, budget=budget)
    assert len(less.encode()) <= budget
    kept, all_of_them = (set(re.findall(r'<image id="(i\w+)"', h)) for h in (less, whole))
    assert 0 < len(kept) < len(all_of_them)
    assert re.search(r"\d+ (rows of images do not fit|images of these prompts are not in this file)", less)
    nothing = page(found, budget=1000)
    assert "<image" not in nothing and "rows of images do not fit into this file and are left out" in nothing


def test_the_first_screen_counts_who_wins_and_what_is_missing(make):
    found = compare([make("ours", seed=1, failed=3), make("sdxl", skill=2.0, seed=2)])
    text = reading(page(found).partition('<ul class="verdicts">')[0])
    kinds = [d.kind for r in found.primary for d in r.differences if d is not None]
    wins = sum(k in ("better", "worse") for k in kinds)
    assert wins >= 2 and f"sdxl better {wins}" in text
    assert "not comparable on 1" in text  # FID of 117 images and of 120
    assert ("no difference on" in text) == ("tied" in kinds)
    assert "1 of 2 systems lacks images" in text and "ours : 3 failed of 120 images, 97.5 % covered" in text
    assert "60 prompts × 2 images" in text


def test_the_first_screen_of_many_counts_sure_winners_apart_from_shared_leads(make):
    runs = [make("x", skill=3.0, seed=1), make("y", seed=2), make("z", seed=3)]
    found = compare(runs)
    text = reading(page(found, images="none").partition('<ul class="verdicts">')[0])
    alone = sum(all(d.kind == "worse" for d in r.differences if d is not None) and r.best == 0 for r in found.primary)
    assert alone and f"x surely best {alone}" in text
    based = compare(runs, baseline="y")
    text = reading(page(based, images="none").partition('<ul class="verdicts">')[0])
    better = sum(d is not None and d.kind == "better" and d.system == 0 for r in based.primary for d in r.differences)
    assert better and f"x better than the baseline {better}" in text


def test_right_is_better_for_metrics_of_either_direction(make):
    """FID falls and CLIPScore rises with skill: both dots stand on the side of the skilled system."""
    for skill in (2.0, -2.0):
        found = compare([make("first", seed=1), make("second", skill=skill, seed=2)])
        pair = findings(found).pair
        assert pair is not None and {r.direction for r in found.primary} == {"higher", "lower"}
        lines = {line["label"]: line for g in forest(findings(found).forest)["groups"] for line in g["lines"]}
        ahead = (skill > 0) == (found.systems[pair[0]].title == "second")
        for label in ("FID", "CLIPScore"):
            assert (lines[label]["strip"]["dot"] > 50) == ahead, (label, skill)
            assert lines[label]["kind_of"] == ("better" if ahead else "worse")
        assert lines["FID"]["delta"].startswith("\N{MINUS SIGN}") == ahead
        assert lines["CLIPScore"]["delta"].startswith("+") == ahead


def test_every_picture_leads_to_its_prompt_without_a_script(hostile):
    read = Reader(hostile)
    anchors = {a["id"] for t, a in read.tags if t == "article"}
    links = [a["href"] for t, a in read.tags if t == "a" and a.get("class") == "open"]
    assert links and {unquote(href.removeprefix("#")) for href in links} <= anchors
    assert ("details", {"open": None, "id": "all-sheets"}) in read.tags  # closed by the script alone


def test_alternative_texts_say_prompt_system_and_score(make):
    found = compare([make("ours", seed=1), make("sdxl", seed=2)])
    read = Reader(page(found))
    told = [a["aria-label"] for t, a in read.tags if t == "svg" and a.get("role") == "img"]
    assert told and all(
        re.fullmatch(r"(ours|sdxl): a photograph of thing number \d+; CLIPScore [\d.]+", t) for t in told
    )


def test_private_runs_show_names_and_no_images(make):
    def closed(data):
        data["dataset"]["visibility"] = "private"

    found = compare([make("a", seed=1, change=closed), make("b", seed=2, change=closed)])
    html = page(found)
    assert "photograph" not in html and "<image" not in html and 'class="sheet"' not in html and "s0001" not in html
    assert "stay with it" in html and "sample " in html
    listed = reading(html[html.index('id="duels"') : html.index('id="flips"')])
    assert re.fullmatch(r"[^+\N{MINUS SIGN}]*", listed), "values of single prompts"


def test_sensitive_images_are_veiled_until_their_box_is_ticked(make):
    runs = [make("a", seed=1), make("b", seed=2)]
    for run in runs:
        frame = store.samples(run)
        frame["tag:sensitive"] = ["yes" if s == "s0000" else "" for s in frame["sample"]]
        store.write_parquet(Path(run) / "samples.parquet", frame)
    html = page(compare(runs))
    sheet = html[html.index('id="p=s0000"') : html.index("</article>", html.index('id="p=s0000"'))]
    assert sheet.count('<label class="veil"><input type="checkbox"') == sheet.count('role="img"') == 4
    other = html[html.index('id="p=s0001"') : html.index("</article>", html.index('id="p=s0001"'))]
    assert "veil" not in other


def test_the_command_makes_the_same_comparison_again(make):
    runs = [make("it's a", seed=1, n=12, images=False), make("b", seed=2, n=12, images=False)]
    found = compare(runs, baseline="it's a")
    words = shlex.split(reproduce(found, "clipscore"))
    assert words == ["bench", "compare", *runs, "--baseline", "it's a", "--prompts-by", "clipscore"]
    assert f">{escape(reproduce(found))}</code>" in page(found)


def test_equal_input_gives_an_equal_page(make):
    runs = [make("a", seed=1, n=12), make("b", seed=2, n=12)]
    assert page(compare(runs)) == page(compare(runs))


def test_many_systems_and_constant_scores_stay_readable(make):
    runs = [make(f"s{i}", seed=7, n=6, images=False) for i in range(12)]
    text = "".join(Reader(page(compare(runs))).text)
    assert "are equal" in text and "and 6 more" in text
    assert not re.search(r"\b(nan|NaN|inf)\b", text)


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
def test_the_script_runs_in_a_browser_and_nothing_complains(hostile, tmp_path):
    (tmp_path / "index.html").write_text(hostile, encoding="utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"file://{tmp_path}/index.html",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    button = re.search(r"<button id=\"theme\"[^>]*>", done.stdout)
    assert button and "hidden" not in button[0]  # the script ran, so its hash is right
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
