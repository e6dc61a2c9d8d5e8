"""Files of prompts as they come: encodings, line ends, quotes, one line of 10 MB, JSON that is nearly right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bad_case import RUN, Case, Ended, case, note, nothing

LINES = ("a red ball", "two blue cups", "a green box on a table", "a yellow bird")
SCALE = "run ours --prompts captions.txt -q -m clipscore --extractor open-clip(model=RN50,seed=0)"


def file(content: bytes | str | Any, name: str = "captions.txt") -> Callable[[Path], None]:
    """A file of prompts instead of the ordinary one."""
    if not isinstance(content, bytes | str):
        content = json.dumps(content)

    def make(folder: Path) -> None:
        (folder / "captions.txt").unlink()
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def refused(given: str, content: bytes | str | Any, says: str, name: str = "captions.txt") -> Case:
    """A file that is refused before any work, with one sentence."""
    make = file(content, name) if content is not None else nothing
    return case(given, 2, says, make, RUN.replace("captions.txt", name), after=nothing_made)


def read_as_plain(given: str, content: bytes | str | Any, legal: str, name: str = "captions.txt") -> Case:
    """A file that means the ordinary four prompts."""

    def look(ended: Ended) -> None:
        frame = ended.rows()
        assert tuple(frame.sort_values("tag:line")["prompt"]) == LINES

    return case(given, 0, "", file(content, name), RUN.replace("captions.txt", name), after=look, legal=legal)


def nothing_made(ended: Ended) -> None:
    """Refused before work: no run was begun."""
    assert not (ended.folder / "runs").exists()


TEXT = "".join(f"{line}\n" for line in LINES)
QUOTED = 'prompt\n"a red ball"\n"two blue cups"\n"a green box on a table"\na yellow bird\n'


def _ten_megabytes(ended: Ended) -> None:
    longest = ended.rows()["prompt"].str.len().max()
    assert longest == 10_000_000
    report = next((ended.folder / "runs" / "reports").rglob("index.html"))
    assert report.stat().st_size < 3_000_000, "the page must not hold the whole prompt"


CASES = [
    read_as_plain("prompts with a byte-order mark", TEXT.encode("utf-8-sig"), "read without it"),
    read_as_plain("prompts in UTF-16 with a byte-order mark", TEXT.encode("utf-16"), "read"),
    read_as_plain("lines that end with CR LF", TEXT.replace("\n", "\r\n"), "read without the CR"),
    read_as_plain("lines that end with CR alone", TEXT.replace("\n", "\r"), "read"),
    read_as_plain("no line end after the last prompt, and blank lines after it", TEXT + "\n \n\t", "left out"),
    read_as_plain("a CSV with and without quotation marks", QUOTED, "the marks are no part of a prompt", "captions.csv"),
    read_as_plain("a semicolon table of a spreadsheet", "\ufeffid;prompt\r\n" + "".join(
        f"{n};{line}\r\n" for n, line in enumerate(LINES)), "read", "captions.csv"),
    read_as_plain("JSON lines with a byte-order mark and CR LF", "\ufeff" + "\r\n".join(json.dumps(x) for x in LINES),
                  "read", "captions.jsonl"),
    case("a prompt of 10 MB in one line", 0, "", file("\n".join(("words " * 1_666_666 + "dear", *LINES[1:]))), RUN,
         after=_ten_megabytes, legal="read; tables and pages show its beginning"),
    case("a CSV cell of 10 MB", 0, "", file('prompt\n"' + "x" * 10_000_000 + '"\nb\nc\nd\n', "captions.csv"),
         RUN.replace("captions.txt", "captions.csv"), after=_ten_megabytes,
         legal="read; tables and pages show its beginning"),
    refused("a file of prompts that does not exist", None, r"The file '\.\.\./absent\.txt' does not exist\.", "absent.txt"),
    refused("an empty file of prompts", b"", r"'\.\.\./captions\.txt' is empty; it must hold at least one prompt\."),
    refused("an empty line between two prompts", "a\n\nb\nc\n",
            r"'\.\.\./captions\.txt', line 2: empty prompt; give it a text or remove it\."),
    refused("prompts in Latin-1", "a caf\xe9\nb\nc\nd\n".encode("latin-1"),
            r"'\.\.\./captions\.txt', line 1: the byte 0xe9 is no UTF-8 text; save the file as UTF-8\."),
    refused("prompts in UTF-16 without a byte-order mark", TEXT.encode("utf-16-le"),
            r"'\.\.\./captions\.txt', line 1: a NUL byte; this is no text file \(or UTF-16 without its BOM\)\."),
    refused("a NUL byte in a prompt", "a\nb\0c\nd\ne\n",
            r"'\.\.\./captions\.txt', line 2: a NUL byte; this is no text file \(or UTF-16 without its BOM\)\."),
    refused("an image given as the file of prompts", b"\x89PNG\r\n\x1a\n" + bytes(20),
            r"'\.\.\./captions\.png' is no file of prompts by its ending '\.png'; give one of .+\.", "captions.png"),
    refused("a word-processor document given as the file of prompts", b"PK\3\4" + bytes(20),
            r"'\.\.\./captions\.docx' is no file of prompts by its ending '\.docx'; give one of \.txt, .+\.", "captions.docx"),
    refused("a CSV whose quotation mark is never closed", 'prompt\n"a red ball\nb\nc\n',
            r"'\.\.\./captions\.csv', line 4: unexpected end of data; check the quotation marks\.", "captions.csv"),
    refused("a CSV whose prompts hold commas without quotation marks", "prompt\na ball, red\nb\n",
            r"'\.\.\./captions\.csv', line 2: 2 cells under 1 columns; put cells that contain the separator in quotes .+",
            "captions.csv"),
    refused("a CSV without a header", "a red ball\ntwo cups\n",
            r"'\.\.\./captions\.csv' has no column prompt or caption or text; its columns are a_red_ball\. .+", "captions.csv"),
    refused("two prompts with one id", "id,prompt\n1,a\n2,b\n1,c\n",
            r"'\.\.\./captions\.csv': the id '1' occurs more than once, at line 2 and line 4; ids must be unique\.",
            "captions.csv"),
    refused("JSON that ends in the middle", '["a red ball", "two',
            r"'\.\.\./captions\.json' is no JSON: Unterminated string starting at at line 1, column 16\.", "captions.json"),
    refused("JSON nested 100,000 deep", "[" * 100_000, r"'\.\.\./captions\.json' is nested too deeply to be read\.",
            "captions.json"),
    refused("JSON with a number of 5,000 digits", '["a", {"prompt": "b", "seed": ' + "9" * 5000 + "}]",
            r"'\.\.\./captions\.json' holds a number of too many digits; give it as a text in quotes\.", "captions.json"),
    refused("JSON with half a surrogate pair", r'["a \ud800 ball", "b"]',
            r"'\.\.\./captions\.json' holds \\ud800, half of a character; write both halves or the character\.", "captions.json"),
    refused("JSON with a key twice", '{"x": "a", "x": "b"}',
            r"'\.\.\./captions\.json' has the key 'x' twice in one object; keep one of them\.", "captions.json"),
    refused("a number where a prompt should be", ["a", 3],
            r"'\.\.\./captions\.json', entry 2 is a number; give a text or an object with a prompt\.", "captions.json"),
    refused("frames that are no number", [{"prompt": "a", "frames": "many"}],
            r"'\.\.\./captions\.json', entry 1: frames is 'many'; give a whole number from 1 to 10000\.",
            "captions.json"),
    refused("frames without end", [{"prompt": "a", "frames": 10**9}], r"'\.\.\./captions\.json', entry 1: frames is '1000000000'; give a whole number from 1 to 10000\.", "captions.json"),
    refused("a GenEval row whose count is a word", [{"prompt": "a", "include": [{"class": "dog", "count": "two"}]}],
            r"'\.\.\./captions\.json', entry 1: the count of 'dog' is 'two'; give 1 to 10000\.", "captions.json"),
    refused("a GenEval row whose position names no object",
            [{"prompt": "a", "include": [{"class": "dog", "count": 1, "position": ["left of", 7]}]}], 
            r"'\.\.\./captions\.json', entry 1: the position \['left of', 7\] is not \[predicate, number of another entry of "
            r"include\]\.", "captions.json"),
    refused("COCO captions whose annotation lacks its caption", {"annotations": [{"image_id": 3}]},
            r"'\.\.\./captions\.json' looks like COCO captions, but an entry lacks 'caption'\.", "captions.json"),
    case("three prompts for four images", 2,
         r"\.\.\./ours: No rule matches the 4 images with the 3 prompts \(.+\)\. Say how by --match .+",
         file("a\nb\nc\n"), RUN, after=nothing_made),
    case("a list of ids that is no text (--only)", 2, r"--only takes first:N, present, or a file of sample ids, one a line\. 'ids\.txt', line 1: the byte 0xff is no UTF-8 text; "
         r"save the file as UTF-8\.", lambda f: (f / "ids.txt").write_bytes(b"\xff\xfa") and None,
         f"{RUN} --only ids.txt", after=nothing_made),
    case("an id in --only that the prompts lack", 2,
         r"ids\.txt names 1 ids that the dataset lacks, e\.g\. 'nobody'\.", lambda f: (f / "ids.txt").write_text("nobody\n") and None,
         f"{RUN} --only ids.txt", after=nothing_made),
    case("prompts longer than the encoder's context", 0, r"2 of 4 texts are longer than the 77 tokens that open-clip\(model=RN50,seed=0\) reads: their ends are not judged\.",
         file("a b c d\n" + "many words " * 60 + "\n" + "other words " * 60 + "\n" + "short\n"), SCALE,
         tells=note("tokens"),
         legal="cut as everywhere in the field, and counted"),
]  # fmt: skip
