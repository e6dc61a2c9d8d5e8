"""Folders in the layouts of benchmarks' scripts that are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bad_case import Ended, case, images, note, picture
from PIL import Image

IDS = ("1", "2", "3", "4")


def _line(layout: str, more: str = "") -> str:
    return f"run mine=folder(path=ours,layout={layout}{more}) --prompts prompts.jsonl -m collapse -q"


def _table(*prompts: str) -> Callable[[Path], None]:
    """Prompts of the ids 1 to 4."""

    def made(folder: Path) -> None:
        texts = prompts or ("a red ball", "two blue cups", "a green box", "a yellow bird")
        rows = [json.dumps({"id": one, "prompt": text}) for one, text in zip(IDS, texts, strict=True)]
        (folder / "prompts.jsonl").write_text("\n".join(rows))

    return made


def _with(change: Callable[[Path], object], *prompts: str) -> Callable[[Path], None]:
    """The prompts, and a change of the folder of images."""

    def made(folder: Path) -> None:
        _table(*prompts)(folder)
        change(folder / "ours")

    return made


def _saved(path: Path, width: int, height: int) -> None:
    Image.fromarray(picture(7, max(width, height))[:height, :width]).save(path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:70])


def _renamed(*names: str) -> Callable[[Path], None]:
    """The images 1 to 4 under other names."""

    def made(folder: Path) -> None:
        for one, name in zip(IDS, names, strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{one}.png").rename(folder / name)

    return made


def _geneval(folder: Path) -> None:
    _renamed(*(f"{n:05d}/samples/0000.png" for n in range(1, 5)))(folder)
    told = {"tag": "colors", "include": [], "prompt": "a photo of something else"}
    (folder / "00003/metadata.jsonl").write_text(json.dumps(told))


def _reason(ended: Ended) -> str:
    return str(next(r for r in ended.rows()["reason"] if r))


def _one_unreadable(ended: Ended) -> None:
    """All four tiles of it, and no other image."""
    assert ended.rows()["status"].value_counts().to_dict() == {"ok": 12, "unreadable": 4}


def _three(ended: Ended) -> None:
    assert sorted(ended.rows()["status"]) == ["missing", "ok", "ok", "ok"]


def _all(ended: Ended) -> None:
    assert set(ended.rows()["status"]) == {"ok"} and len(ended.rows()) == 4


CASES = [
    case("a layout of images that does not exist", 2,
         r"layout=geneva is no layout of images\. Did you mean geneval( or \S+)*\?", _table(), _line("geneva")),
    case("a layout and a rule of matching together", 2,
         r"layout=visor says how files meet prompts, and so does match or manifest; give one of them\.", _table(),
         _line("visor") + " --match stem"),
    case("tiles in a layout that has none", 2, r"tiles and resolution are of images that hold several; give layout=dpg .*",
         _table(), _line("visor", ",tiles=2x2")),
    case("a folder that has another layout than it is said to have", 2,
         r".*/ours: None of the 4 images belongs to a prompt in the layout visor, <id>_<k>\.png; 4 are not named as .*",
         _table(), _line("visor")),
    case("the images of two systems in one layout", 2,
         r".*/ours: The folder holds several sets of images in this layout \(a, b\); give one of them as path=\.",
         _with(lambda f: (images(f / "a", names="{}_0.png".format), images(f / "b", names="{}_0.png".format))),
         _line("visor")),
    case("a picture that its tiles do not divide", 5,
         r"The image '\.\.\./ours/2\.png' has 7 x 8 pixels, which 2 x 2 tiles do not divide; make it again\.",
         _with(lambda f: _saved(f / "2.png", 7, 8)), _line("dpg"), after=_one_unreadable, tells=_reason),
    case("a picture of tiles in another resolution than declared", 5,
         r"The image '\.\.\./ours/2\.png' has 16 x 16 pixels, and 2 x 2 tiles of 4 need 8 x 8; make it again\.",
         _with(lambda f: _saved(f / "2.png", 16, 16)), _line("dpg", ",resolution=4"), after=_one_unreadable,
         tells=_reason),
    case("a truncated picture of tiles", 5,
         r"The image '\.\.\./ours/2\.png' is truncated or damaged \(\.\.\.\); make it again or remove it\.",
         _with(lambda f: _cut(f / "2.png")), _line("dpg"), after=_one_unreadable, tells=_reason),
    case("a png and a jpg of one image in a layout", 0, "1 duplicate: 3.jpg",
         _with(lambda f: Image.fromarray(picture(9)).save(f / "3.jpg")), _line("tise"), after=_all,
         tells=note("duplicate")),
    case("an image of a prompt that the data set lacks", 0, r"extra, of no prompt of this data set: 1 \(9\.png\)",
         _with(lambda f: _saved(f / "9.png", 8, 8)), _line("tise"), after=_all, tells=note("extra,")),
    case("a folder of GenEval that was made for another prompt", 5,
         r"extra, of no prompt of this data set: 1 \(00003/samples/0000\.png\)", _with(_geneval), _line("geneval"),
         after=_three, tells=note("extra,")),
    case("a file name that is cut and fits two prompts", 5,
         r"extra, cut or changed so that they fit several prompts: 1 \(a photograph of a large brown dog that_000000\.png\)",
         _with(_renamed("a photograph of a large brown dog that_000000.png", "cup_000001.png", "box_000002.png",
                        "bird_000003.png"),
               "a photograph of a large brown dog that sleeps", "cup", "box",
               "a photograph of a large brown dog that runs"),
         _line("t2i-compbench"), tells=note("several prompts")),
    case("a prompt that is a path, in the names of files", 0, "",
         _with(_renamed("etc/passwd_000000.png", "cup_000001.png", "box_000002.png", "bird_000003.png"),
               "../../etc/passwd", "cup", "box", "bird"),
         _line("t2i-compbench"), after=_all, legal="a text like any other, looked up and never opened"),
]  # fmt: skip
