"""The page: whole in itself, inert against hostile text, readable without its script."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from bench.reports.comparison.compare import compare
from bench.reports.pages.comparison_page import page

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
    assert "nothing is compared" in alone and "<image" not in alone and 'id="differences"' not in alone
    assert "<image" not in page(compare([make("a", seed=1), make("b", seed=2)]), images=False)


def test_rows_beyond_the_budget_are_told(make):
    html = page(compare([make("a", seed=1), make("b", seed=2)]), budget=20_000)
    assert len(html) < 200_000 and "are left out" in html


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
