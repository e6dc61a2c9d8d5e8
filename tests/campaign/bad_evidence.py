"""Recorded evidence that is not what it should be: every file is refused whole, or what it lacks is counted."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bad_case import Ended, case, note

from bench import registry, store

SCENES = "scenes(size=4)"
CSV = "sample,label,x1,y1,x2,y2,score"
ALONE = "data import FILE --dataset scenes(size=4) -q"
RESULT = {"image_id": 1, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5}
LINE = {"filename": "00000/samples/0000.png", "details": '{"dog": [[1, 2, 3, 4, 0.9]]}', "prompt": "a dog"}


class Trap:
    """Unpickled, it would leave a file."""

    def __reduce__(self) -> Any:
        return open, ("sprung", "w")


def ids() -> list[str]:
    """The four prompts that the evidence is of."""
    return [s.id for s in registry.create("dataset", "scenes", {"size": 4})]


def file(name: str, content: Any) -> Callable[[Path], None]:
    """A file of evidence."""

    def make(folder: Path) -> None:
        data = content() if callable(content) else content
        if not isinstance(data, bytes | str):
            data = json.dumps(data)
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)

    return make


def boxes(*rows: str) -> Callable[[], str]:
    """A table of boxes, `ID0` to `ID3` being the prompts."""

    def text() -> str:
        found = "\n".join([CSV, *rows])
        for at, one in enumerate(ids()):
            found = found.replace(f"ID{at}", one)
        return f"{found}\n"

    return text


def _nothing_made(ended: Ended) -> None:
    assert not ended.runs and not (ended.folder / "sprung").exists()


def refused(given: str, name: str, content: Any, says: str, code: int = 2) -> Any:
    """Refused before any work."""
    return case(given, code, says, file(name, content), ALONE.replace("FILE", name), after=_nothing_made)


def _one_missing(ended: Ended) -> None:
    assert store.load(ended.run).counts == {"missing": 1, "ok": 3}
    assert {s.n_missing for s in store.load(ended.run).scores} == {1}


def _arrays(folder: Path) -> None:
    np.savez(folder / "f.npz", ids=ids(), features=np.full((4, 3), np.nan))


ALL = [f"ID{at},circle,1,2,30,40,0.9" for at in range(4)]

CASES = [
    refused("an empty file of evidence", "r.csv", "", r"The evidence 'r\.csv' is empty\."),
    refused("COCO results that are cut off", "r.json", json.dumps([RESULT])[:-5],
            r"'r\.json' is truncated or no JSON \(.+\)\."),
    refused("a COCO result twice", "r.json", [RESULT, RESULT], r"'r\.json': 1 results occur twice, the first is of image 1\."),
    refused("COCO results of an unknown category", "r.json", [{**RESULT, "category_id": 12}],
            r"'r\.json': 1 results are of unknown categories, the first is 12; put the categories into 'r\.images\.json'\."),
    refused("confidences in percent", "r.json", [{**RESULT, "score": 50}],
            r"'r\.json': 1 scores lie outside 0 to 1 \(divide percent by 100\), the first is of image 1\."),
    refused("a line of GenEval's results that is cut off", "r.jsonl", json.dumps(LINE)[:-4],
            r"'r\.jsonl', line 1: truncated or no JSON \(.+\)\."),
    refused("an image twice in GenEval's results", "r.jsonl", f"{json.dumps(LINE)}\n{json.dumps(LINE)}\n",
            r"'r\.jsonl': 1 images have several rows, the first is 00000/samples/0000\.png; keep one each\."),
    refused("NaN among the boxes of a table", "r.csv", boxes("ID0,circle,1,2,nan,4,0.9"),
            r"'r\.csv': 1 boxes hold NaN or infinities, the first is of image .+#0\."),
    refused("a box turned inside out", "r.csv", boxes("ID0,circle,30,2,1,4,0.9"),
            r"'r\.csv': 1 boxes have a negative width or height, the first is of image .+#0\."),
    refused("a row of a table with too many columns", "r.csv", boxes("ID0,circle,1,2,3,4,0.9,7"),
            r"'r\.csv', line 2: 8 cells under 7 columns; .+"),
    refused("a box twice", "r.csv", boxes(ALL[0], ALL[0]), r"'r\.csv': 1 images have a box twice, the first is .+#0\."),
    refused("evidence of another data set", "r.csv", boxes("nowhere,circle,1,2,3,4,0.9"),
            r"No row of '.+' \(the first is of 'nowhere#0'\) belongs to a prompt of scenes\(size=4\); .+"),
    refused("a pickle of detections that would execute something", "r.pkl", lambda: pickle.dumps(Trap()),
            r"'r\.pkl' is a pickle that asks to use .+: it is refused unread\."),
    case("features that hold NaN", 2, r"'f\.npz': 4 rows of features hold NaN or infinities, the first is .+", _arrays,
         ALONE.replace("FILE", "f.npz"), after=_nothing_made),
    case("evidence that lacks an image", 5, r"incomplete: r has 1 missing of 4 images; --only present scores what is there\.",
         file("r.csv", boxes(*ALL[:3])), ALONE.replace("FILE", "r.csv"), after=_one_missing),
    case("evidence of an image that is not asked for", 0,
         r".+: 1 rows belong to no image of the run, the first is nowhere#0\.",
         file("r.csv", boxes(*ALL, "nowhere,circle,1,2,3,4,0.9")), ALONE.replace("FILE", "r.csv"), tells=note("belong to no")),
    case("a metric that looks at images, of a run that has none", 2,
         r"collapse cannot be computed here: it looks at images \(facts\), and of these there is recorded evidence alone; .+",
         file("r.csv", boxes(*ALL)), ALONE.replace("FILE", "r.csv") + " -m collapse"),
]  # fmt: skip
