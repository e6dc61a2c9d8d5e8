"""Archives, cards and ledgers of strangers: nothing is written outside, opened or started, and no lie gets a level."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shlex
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bad_case import RUN, Case, Ended, case, images

from bench import store
from bench.cli import main
from bench.engine import archives
from bench.engine.verifying import seal
from bench.systemcard import TEMPLATE

SUBMIT = "submit ours --card card.toml --out ours.tar.gz -q"
VERIFY = "verify ours.tar.gz -q --root elsewhere"
Change = Callable[[Path], Any]


def sent(change: Change, *more: str) -> Callable[[Path], AbstractContextManager[Any]]:
    """A submission, made and then changed; the folder of the case is given. more: further commands before."""

    @contextlib.contextmanager
    def around(folder: Path) -> Iterator[None]:
        (folder / "card.toml").write_text(TEMPLATE)
        for line in (RUN, SUBMIT, *more):
            assert main(shlex.split(line)) == 0
        change(folder)
        yield

    return around


def forged(change: Change) -> Change:
    """The archive's run changed and sealed again; the run's folder is given."""

    def made(folder: Path) -> None:
        (run,) = store.find_runs(archives.unpacked(folder / "ours.tar.gz", folder / "forge"))
        change(run)
        seal(run)
        (folder / "ours.tar.gz").write_bytes(archives.archived(run.parents[1], "ours"))

    return made


def record(change: Callable[[dict[str, Any]], Any]) -> Change:
    """run.json of the archive changed."""

    def made(run: Path) -> None:
        data = json.loads((run / "run.json").read_text())
        change(data)
        (run / "run.json").write_text(json.dumps(data))

    return forged(made)


def holding(name: str, data: bytes = b"{}", **fields: Any) -> Change:
    """An archive with a run.json and this entry."""

    def made(folder: Path) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, content, more in (("x/y/z/run.json", b"{}", {}), (name, data, fields)):
                entry = tarfile.TarInfo(path)
                entry.size = 0 if more else len(content)
                for key, value in more.items():
                    setattr(entry, key, value)
                archive.addfile(entry, io.BytesIO(content))
        (folder / "ours.tar.gz").write_bytes(gzip.compress(buffer.getvalue()))

    return made


def halved(folder: Path) -> None:
    path = folder / "ours.tar.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def shown_from_the_disk(run: Path) -> None:
    frame = store.samples(run)
    frame["image"] = str(run.parents[3] / "ours" / "1.png")
    store.write_parquet(run / "samples.parquet", frame)


def other_pictures(folder: Path) -> None:
    shutil.rmtree(folder / "ours")
    images(folder / "ours", seed=50)


def wrong(ended: Ended) -> str:
    """What was found wrong, as `bench verify` prints it."""
    lines = [line for line in ended.out.splitlines() if "  WRONG  " in line or "  DAMAGED  " in line]
    return " ".join(lines[0].split()) if lines else ended.err.strip()


def nothing_outside(ended: Ended) -> None:
    """Neither files outside of the folder for archives, nor half of an archive within it."""
    assert not (ended.folder.parent / "out.json").exists() and not Path("/tmp/out.json").exists()
    packs = ended.folder / "elsewhere" / "packs"
    assert not packs.exists() or not list(packs.iterdir())


def refused(given: str, says: str, change: Change, line: str = VERIFY, **more: Any) -> Case:
    """An archive that is found out."""
    return case(given, 5, says, line=line, around=sent(change), tells=wrong, **more)


def hostile(given: str, says: str, make: Change) -> Case:
    """An archive that somebody made by hand, and of which nothing is written."""
    return case(given, 5, rf"archive DAMAGED ours\.tar\.gz {says}\.", make, VERIFY, tells=wrong, after=nothing_outside)


CASES: list[Case] = [
    refused("an archive cut in half", r"archive DAMAGED ours\.tar\.gz is no archive of runs, or a damaged one \(.+\)\.", halved, after=nothing_outside),
    hostile("an archive whose file leads out of it", r"holds '\.\./\.\./out\.json', a name that leads out of the archive", holding("../../out.json")),
    hostile("an archive with an absolute name", r"holds '/tmp/out\.json', a name that leads out of the archive", holding("/tmp/out.json")),
    hostile("an archive with a link", r"holds 'x/y/z/card\.json', which is no plain file; archives of runs hold nothing else",
            holding("x/y/z/card.json", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    hostile("an archive with a device", r"holds 'x/y/z/card\.json', which is no plain file; archives of runs hold nothing else",
            holding("x/y/z/card.json", type=tarfile.CHRTYPE)),
    hostile("an archive with a file twice, in other letters", r"holds 'x/y/z/RUN\.JSON', whose name differs from 'x/y/z/run\.json' in the form of its letters alone",
            holding("x/y/z/RUN.JSON")),
    hostile("an archive that unpacks without end", r"unpacks to more than 64 MiB, over 200 times its own size; no archive of runs does",
            holding("x/y/z/card.json", bytes(100 << 20))),
    hostile("an archive with a program in it", r"holds what no run holds: x/y/z/conftest\.py is no file of a run", holding("x/y/z/conftest.py")),
    hostile("an archive with JSON that is nested without end", r"holds what no run holds: x/y/z/card\.json is no JSON of a run \(nested more than 64 deep\)",
            holding("x/y/z/card.json", b"[" * 100_000)),
    case("an archive that shows an image of its reader's disk, then compare", 2,
         r"ours\.tar\.gz holds what no run holds: \S+/samples\.parquet shows the image '\S+', and a light run shows its own thumbnails only\.",
         line="compare ours.tar.gz --root elsewhere", around=sent(forged(shown_from_the_disk)), after=nothing_outside),
    refused("a score that was changed, with new checksums", r"scores WRONG collapse \(duplicates\): 0\.25 is stated and the table gives 0",
            record(lambda d: next(s for s in d["scores"] if s["output"] == "duplicates").update(value=0.25))),
    refused("a record in which a number is a text", r"record DAMAGED \S+/run\.json is not what a record must be \(Expected `float \| null`, got `str` .+\)\.",
            record(lambda d: d["scores"][0].update(value="0"))),
    refused("a label that steers the terminal", r"texts WRONG run\.json holds the sign '\\x1b' in 'x\\x1b\[2J', which no record needs",
            record(lambda d: d.update(label="x\x1b[2J"))),
    refused("images that are not those of the submission", r"images WRONG 4 other pixels \(.+ and 1 more\)", other_pictures, f"{VERIFY} --images ours"),
    case("a copied run under another label", 5, r"copies WRONG the ledger has the same run as 'ours'", line=f"{VERIFY} --record v.json",
         around=sent(record(lambda d: d.update(label="theirs")), f"{VERIFY} --record v.json"), tells=wrong),
    refused("a pack without a card for a ledger", r"card WRONG no card\.json: `bench submit RUN --card card\.toml` adds one",
            forged(lambda run: (run / "card.json").unlink()), f"{VERIFY} --record v.json"),
    case("a ledger that was edited", 5, r"v\.json: the entry of run 'x' was edited or damaged; verify that run again\.", line=f"{VERIFY} --record v.json",
         around=sent(lambda f: (f / "v.json").write_text('{"format": 1, "entries": {"x": {"level": "regenerated"}}}'))),
    case("a card without its keys", 2, r"card\.toml lacks version, licence, .+; `bench submit --template` says what each key means\.", line=SUBMIT,
         make=lambda f: (f / "card.toml").write_text('name = "ours"\n')),
    case("a card whose address is a script", 2, r"card\.toml: 'url' must be an address that begins with https:// or http://, or \"\"; got 'javascript:alert\(1\)'\.",
         line=SUBMIT, make=lambda f: (f / "card.toml").write_text(TEMPLATE.replace('url = ""', 'url = "javascript:alert(1)"'))),
]  # fmt: skip
