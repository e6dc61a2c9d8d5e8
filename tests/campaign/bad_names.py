"""Hostile names: of files, samples, systems and prompts. None leaves its folder, none runs on the page or terminal."""

from __future__ import annotations

import html.parser
import json
import os
from pathlib import Path

from bad_case import RUN, Case, Ended, captions, case, images, note, picture
from PIL import Image

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
RIGHT_TO_LEFT = "\u202egnp.exe\u202c"
ESCAPE = "\x1b[2J\x1b]0;gone\x07 a red ball"
NOISE = "run noise --prompts captions.json -m collapse -q --size 8"


def _entries(*ids: str, prompt: str = "a ball") -> object:
    """captions.json with these ids and four in all."""
    rows = [{"id": name, "prompt": f"{prompt} {n}"} for n, name in enumerate([*ids, "x", "y", "z"][:4])]
    return lambda folder: (folder / "captions.json").write_text(json.dumps(rows)) and None


def _drawn_inside(ended: Ended) -> None:
    """Four images, all in the run's own folder."""
    drawn = list((ended.run / "images").glob("*.png"))
    assert len(drawn) == 4 and ended.rows()["status"].eq("ok").all()
    everywhere = {p for p in ended.folder.rglob("*.png") if "reports" not in p.parts}
    assert everywhere == {*drawn, *(ended.folder / "ours").iterdir(), *(ended.folder / "photos").iterdir()}


class _Page(html.parser.HTMLParser):
    """Tags of a page, those with a handler of events, and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.scripts += tag == "script"


def _page_is_tame(ended: Ended) -> None:
    text = next((ended.folder / "runs" / "reports").rglob("index.html")).read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.scripts == 1 and not page.handlers
    assert "&lt;script&gt;alert" in text


def _bare_terminal(ended: Ended) -> None:
    assert "\x1b" not in ended.out + ended.err and "\x07" not in ended.out + ended.err


def _renamed(name: str) -> object:
    """The second image under another name."""
    return lambda folder: (folder / "ours" / "2.png").rename(folder / "ours" / name) and None


def _not_utf8(folder: Path) -> None:
    with open(os.fsencode(str(folder / "ours")) + b"/caf\xe9.png", "wb") as file:
        file.write((folder / "ours" / "1.png").read_bytes())


def _manifest(*files: str) -> object:
    """A manifest whose first file is another one; secret.png lies outside of the folder."""

    def make(folder: Path) -> None:
        Image.fromarray(picture(77)).save(folder / "secret.png")
        rows = [*(file.format(folder=folder) for file in files), "2.png", "3.png", "4.png"]
        lines = [
            f"{file},{prompt}"
            for file, prompt in zip(rows, (folder / "captions.txt").read_text().split("\n"), strict=False)
        ]
        (folder / "ours" / "manifest.csv").write_text("file,prompt\n" + "\n".join(lines) + "\n")

    return make


def _stays_inside(ended: Ended) -> None:
    rows = ended.rows()
    assert sorted(rows["status"]) == ["missing", "ok", "ok", "ok"]
    assert not rows["image"].str.contains("secret").any()


def _named_by_captions(*names: str) -> object:
    def make(folder: Path) -> None:
        for left in (folder / "ours").iterdir():
            left.unlink()
        images(folder / "ours", names=lambda n: f"{names[n - 1]}.png")
        captions(folder, *names)

    return make


def _labelled(ended: Ended) -> None:
    assert ended.run.parent.parent == ended.folder / "runs" and len(ended.run.name) < 60


def _all_fine(ended: Ended) -> None:
    assert ended.rows()["status"].eq("ok").all()


_A255 = "a very long name " * 14 + "that is it"
_LEFT_OUT = r"1 images in \.\.\./ours were left out \(no file behind the name, or a name with a line break or bytes that are no UTF-8\): "

CASES: list[Case] = [
    case("'..' in a manifest's paths", 5, r"1 files of the manifest are not in the folder", _manifest("../secret.png"),
         f"{RUN} --match manifest", after=_stays_inside, tells=note("manifest are not")),
    case("an absolute path in a manifest", 5, r"1 files of the manifest are not in the folder",
         _manifest("{folder}/secret.png"), f"{RUN} --match manifest", after=_stays_inside, tells=note("manifest are not")),
    case("'..' in ids of samples", 0, "", _entries("../../evil", "..", "/etc/passwd"), NOISE, after=_drawn_inside,
         legal="file names are made of a slug and a digest"),
    case("an id of 10,000 characters", 0, "", _entries("long " * 2000), NOISE, after=_drawn_inside,
         legal="file names are made of a slug and a digest"),
    case("line breaks, right-to-left marks and quotes in ids", 0, "", _entries("two\nlines", RIGHT_TO_LEFT, "'\"; DROP"),
         NOISE, after=_drawn_inside, legal="file names are made of a slug and a digest"),
    case("a file name of 255 bytes", 0, "", _named_by_captions(_A255[:251], "two cups", "a box", "a bird"), RUN,
         after=_all_fine, legal="read"),
    case("a file name with a line break", 5, _LEFT_OUT + r"'2\\n\.png'\.", _renamed("2\n.png"), f"{RUN} --match index",
         tells=note("left out")),
    case("a file name that is no UTF-8", 0, _LEFT_OUT + r"'caf\\udce9\.png'\.", _not_utf8, RUN, tells=note("left out"),
         after=_all_fine),
    case("a file name with right-to-left marks", 0, "", _named_by_captions(RIGHT_TO_LEFT, "two cups", "a box", "a bird"),
         RUN, after=_all_fine, legal="read"),
    case("HTML in prompts", 0, "", lambda f: captions(f, *(f"{SCRIPT} {n}" for n in range(4))) and None, RUN,
         after=_page_is_tame, legal="shown as text: the page escapes it, and its policy forbids foreign scripts"),
    case("HTML in the label of a system", 0, "", line='run "<script>alert=./ours" --prompts captions.txt -m collapse -q',
         after=_page_is_tame, legal="shown as text"),
    case("HTML in file names", 0, "",
         _named_by_captions("<script>alert<", "two cups", "a box", "a bird"), RUN, after=_page_is_tame,
         legal="shown as text"),
    case("control sequences of terminals in prompts", 0, "", lambda f: captions(f, ESCAPE, "b", "c", "d") and None,
         RUN.replace(" -q", ""), after=_bare_terminal, legal="printed as visible characters"),
    case("control sequences of terminals in a label", 0, "", line=f'run "{ESCAPE}=./ours" --prompts captions.txt -m collapse',
         after=_bare_terminal, legal="printed as visible characters"),
    case("a label of '..'", 0, "", line="run ..=./ours --prompts captions.txt -m collapse -q", after=_labelled,
         legal="the folder's name is a slug with a digest"),
    case("a label of 10,000 characters", 0, "", line=f"run {'long' * 2500}=./ours --prompts captions.txt -m collapse -q",
         after=_labelled, legal="the folder's name is a slug with a digest"),
    case("the same label twice", 2, r"Several systems are called a; give each a label: NAME=PATH\.",
         line="run a=./ours a=./photos --prompts captions.txt -m collapse -q"),
    case("the same folder under two labels", 2,
         r"'a' and 'b' are the same system with the same images; name one of them\.",
         line="run a=./ours b=./ours --prompts captions.txt -m collapse -q"),
]  # fmt: skip
