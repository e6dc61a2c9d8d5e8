"""People's judgements that are not what they should be: refused in one sentence, or told and never a NaN."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bad_case import Case, Ended, case

HEAD = "sample,rater,rating"
ROWS = tuple(f"s{i},r{r},{(i * 7 + r * 3) % 5 + 1}" for i in range(6) for r in range(3))
FIRST = ROWS[0]
LINE = "agree FILE --resamples 50"
WIDE = "sample,human,metric\n" + "".join(f"s{i},{i % 5 + 1},{i * 3 % 7}\n" for i in range(12))
BESIDE = f"{LINE} --human human"
VOTES = "prompt,model_a,model_b,winner,rater\n" + "".join(f"p{i},x,y,{'ab'[i % 3 > 1]},r{i % 2}\n" for i in range(9))


def table(*rows: str) -> str:
    """Ratings, a row one of a rater."""
    return "".join(f"{row}\n" for row in (HEAD, *(rows or ROWS)))


def changed(first: str) -> str:
    """The ordinary table with another first row."""
    return table().replace(FIRST, first, 1)


def put(name: str, content: Any) -> Callable[[Path], None]:
    """A file of judgements."""

    def make(folder: Path) -> None:
        text = content if isinstance(content, bytes | str) else json.dumps(content)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def no_nan(ended: Ended) -> None:
    """No number that is none is printed, nor written."""
    assert not any(word in ended.out.lower().split() for word in ("nan", "inf", "-inf", "none"))


def refused(given: str, content: Any, says: str, name: str = "r.csv", line: str = LINE, code: int = 2) -> Case:
    """Refused whole."""
    return case(given, code, says, put(name, content), line.replace("FILE", name), after=_silent)


def _silent(ended: Ended) -> None:
    assert not ended.out


def told(given: str, content: Any, says: str, name: str = "r.csv", line: str = LINE) -> Case:
    """Read, and the line that says what is odd."""
    return case(given, 0, says, put(name, content), line.replace("FILE", name), after=no_nan, tells=_last)


def _last(ended: Ended) -> str:
    return ended.out.strip().splitlines()[-1]


def like(given: str, content: Any, legal: str) -> Case:
    """Read as the ordinary table is."""

    def same(ended: Ended) -> None:
        assert ended.out.splitlines()[0] == "18 ratings (table): 6 images, 6 prompts, 3 raters"
        assert "s0" not in ended.err

    return case(given, 0, "", put("r.csv", content), LINE.replace("FILE", "r.csv"), after=same, legal=legal)


CASES: list[Case] = [
    refused("an empty file of ratings", "", r"'r\.csv' is empty; a table of ratings has a row for each rated image\."),
    refused("ratings of which there is a header alone", f"{HEAD}\n", r"'r\.csv' holds no judgement\."),
    refused("a file of ratings that is not there", "", r"The file 'nowhere\.csv' does not exist\.", line="agree nowhere.csv"),
    refused("ratings in a spreadsheet's own format", "x", r"'r\.xlsx' is no table of ratings; give a file that ends in \.csv, .+\.", "r.xlsx"),
    refused("ratings with columns of other names", "a,b\n1,2\n3,4\n",
            r"'r\.csv' has none of the layouts of people's judgements that are known; name its columns of ratings with --human, or its layout with --layout\."),
    refused("a column of ratings that is not there", WIDE, r"'r\.csv' has no column 'humn'\. Did you mean human\?", line=f"{LINE} --human humn"),
    refused("a column of ratings twice", WIDE.replace("metric", "human"), r"'r\.csv' has a column twice in its header \(.+\); rename one\.", line=BESIDE),
    refused("ratings said to be of another layout", table(), r"'r\.csv' has not the layout tifa: a JSON object of images, .+\.", line=f"{LINE} --layout tifa"),
    refused("a rating of NaN", changed("s0,r0,nan"), r"'r\.csv', row 1: the rating 'nan' is no number\."),
    refused("a rating of infinity", changed("s0,r0,inf"), r"'r\.csv', row 1: the rating 'inf' is no number\."),
    refused("a rating in words", changed("s0,r0,good"), r"'r\.csv', row 1: the rating 'good' is no number\."),
    refused("NaN in a column of ratings", WIDE.replace("s0,1,", "s0,nan,"), r"'r\.csv', column human: 'nan' in row 1 is no number\.", line=BESIDE),
    refused("a row of ratings with too many cells", changed(f"{FIRST},2"), r"'r\.csv', line 2: 4 cells under 3 columns; .+"),
    refused("ratings that are no UTF-8", changed("s\xe9,r0,1").encode("latin-1"), r"'r\.csv', line 2: the byte 0xe9 is no UTF-8 text; save the file as UTF-8\."),
    refused("a NUL byte among ratings", changed("s\0,r0,1"), r"'r\.csv', line 2: a NUL byte; .+"),
    refused("ratings in JSON that is cut off", '[{"generations": ["a", "b"], "ranking": [1', r"'r\.json' is no JSON: .+ at line 1, column [0-9]+\.", "r.json"),
    refused("ratings in JSON that is nested without end", "[" * 100_000, r"'r\.json' is nested too deeply to be read\.", "r.json"),
    refused("a Parquet file of ratings that is cut off", "PAR1", r"'r\.parquet' cannot be read as Parquet: .+[^.]\.", "r.parquet"),
    refused("fewer ranks than images", [{"id": "a", "generations": ["1", "2"], "ranking": [1]}],
            r"'r\.json', entry 0: a rank for each of its images is expected\.", "r.json"),
    refused("ratings that are all equal, with a metric", "sample,human,metric\n" + "".join(f"s{i},3,{i}\n" for i in range(9)),
            r"All 9 ratings are equal, so that no metric can be held against them\.", line=BESIDE, code=5),
    refused("a metric that says the same of every image", "sample,human,metric\n" + "".join(f"s{i},{i},3\n" for i in range(9)),
            r"'r\.csv' has no other column of numbers that differ; name the metrics with --metric\.", line=BESIDE),
    refused("ratings and runs that do not meet", table(), r"No run below runs is called 'nowhere'\. .+", line=f"{LINE} --runs nowhere"),
    refused("two rated images beside a metric", "sample,human,metric\ns0,1,2\ns1,2,3\n", r"Agreement needs 3 rated items in 2 groups; there are 2 in 2\.", line=BESIDE, code=5),
    refused("a vote for a system that did not stand", VOTES.replace(",b,r", ",z,r", 1), r"'r\.csv', row [0-9]+: the vote 'z' is none of x, y, a, b, .+\."),
    refused("votes of which one system lost none", VOTES.replace(",b,r", ",a,r"), r"Strengths have no bound: x lost no vote against the other systems; .+", code=5),
    refused("votes that are all ties", VOTES.replace(",b,r", ",tie,r").replace(",a,r", ",tie,r"), r"All 9 votes are ties: they order nobody\.", code=5),
    told("one rater", table(*(r for r in ROWS if ",r0," in r)), r"Agreement of raters needs units with two ratings; all 6 have one\."),
    told("raters who give all the same", table(*(f"s{i},r{r},3" for i in range(6) for r in range(2))),
         r"Raters: all ratings are equal, which says nothing of their agreement\."),
    told("a rating twice by one rater", table(*ROWS, FIRST), r"1 judgements are of a rater who judged the same before; all count\."),
    told("a rating that is absent", changed("s0,r0,"), r"1 ratings are absent; the first is row 1\."),
    told("a row of ratings with too few cells", changed("s0,r0"), r"1 ratings are absent; the first is row 1\."),
    like("ratings with a byte-order mark", b"\xef\xbb\xbf" + table().encode(), "read as without it"),
    like("ratings with CRLF", table().replace("\n", "\r\n"), "read as line ends"),
    like("ratings in UTF-16", table().encode("utf-16"), "read by its byte-order mark"),
]  # fmt: skip
