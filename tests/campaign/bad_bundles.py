"""Bundles that are cut off, changed or made by somebody hostile, and disks without room for them: nothing is put
anywhere before every digest is checked, and nothing outside of where it belongs."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bad_case import Case, Ended, case
from bad_disks import files_of_at_most

from bench.cli import main

STUDY = 'systems = ["noise"]\nprompts = "./captions.txt"\nmetrics = ["collapse"]\n'
COLLECT = "fetch study.toml --to {} -q"
INSTALL = "fetch --from {} -q"
Change = Callable[[Path], Any]


def study(folder: Path) -> None:
    """A study that needs a file of the user."""
    (folder / "study.toml").write_text(STUDY)


def made(change: Change, name: str = "bundle") -> Callable[[Path], AbstractContextManager[Any]]:
    """A bundle, collected and then changed; the folder of the case is given."""

    @contextlib.contextmanager
    def around(folder: Path) -> Iterator[None]:
        assert main(shlex.split(COLLECT.format(name))) == 0
        change(folder / name)
        yield

    return around


def manifest(change: Callable[[dict[str, Any]], Any]) -> Change:
    """bundle.json changed."""

    def done(bundle: Path) -> None:
        data = json.loads((bundle / "bundle.json").read_text())
        change(data)
        (bundle / "bundle.json").write_text(json.dumps(data))

    return done


def named(file: str) -> Change:
    """The bundle's one file under another name."""
    return manifest(lambda data: data["files"][0].update(file=file))


def own(bundle: Path) -> Path:
    """The one file that the bundle carries."""
    (found,) = (bundle / "files").iterdir()
    return found


def weights(bundle: Path) -> None:
    """The file carried as weights, of which this machine has others."""
    shutil.copy(own(bundle), bundle / "net.pth")
    (bundle / "weights").mkdir()
    (bundle / "net.pth").rename(bundle / "weights" / "net.pth")
    manifest(lambda data: data["files"][0].update(file="weights/net.pth", kind="weights"))(bundle)
    there = bundle.parent / "home" / "weights" / "net.pth"
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(b"mine")


def halved(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[: bundle.stat().st_size // 2])


def holding(name: str, **fields: Any) -> Change:
    """A tar with a bundle.json and this entry."""

    def done(bundle: Path) -> None:
        with tarfile.open(bundle, mode="w:gz") as archive:
            for path, more in (("bundle.json", {}), (name, fields)):
                entry = tarfile.TarInfo(path)
                entry.size = 0 if more else 2
                for key, value in more.items():
                    setattr(entry, key, value)
                archive.addfile(entry, io.BytesIO(b"{}"))

    return done


def nothing_put(ended: Ended) -> None:
    """Neither where files are looked for nor outside; and what was here stays as it was."""
    home = ended.folder / "home"
    found = [p for kind in ("datasets", "weights") for p in (home / kind).rglob("*") if p.is_file()]
    assert all(p.read_bytes() == b"mine" for p in found)
    assert not list(ended.folder.parent.glob("out.*")) and not Path("/tmp/out.pth").exists()
    assert not list(ended.folder.rglob("*.part"))


def refused(given: str, says: str, change: Change, name: str = "bundle", code: int = 2) -> Case:
    """A bundle of which nothing is installed."""
    return case(given, code, says, study, INSTALL.format(name), around=made(change, name), after=nothing_put)


def none_made(ended: Ended) -> None:
    """No archive that calls itself whole."""
    assert not (ended.folder / "b.tar.gz").exists() and not (ended.folder / "bundle" / "bundle.json").exists()


OUTSIDE = r"'b\.tar\.gz' is refused: 1 of its 2 members would be written outside of '\.\.\./home/bundles/b', the first is "
_ROOM = r"Cannot write \S+: File too large\. .+"

CASES: list[Case] = [
    refused("a bundle that is cut off", r"'b\.tar\.gz' is no archive that can be read \(.+\); fetch it again\.", halved, "b.tar.gz"),
    refused("a bundle whose file leads out of it", rf"{OUTSIDE}'\.\./out\.pth' \(its name climbs by '\.\.'\); nothing was unpacked\.", holding("../out.pth"), "b.tar.gz"),
    refused("a bundle with an absolute name", rf"{OUTSIDE}'/tmp/out\.pth' \(its name is absolute\); nothing was unpacked\.", holding("/tmp/out.pth"), "b.tar.gz"),
    refused("a bundle with a link", rf"{OUTSIDE}'weights/x' \(it is a link that leaves the archive\); nothing was unpacked\.", holding("weights/x", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "b.tar.gz"),
    refused("a bundle whose list leads out of it", r"bundle/bundle\.json names 'weights/\.\./\.\./out\.pth', which is refused: .+\.", named("weights/../../out.pth")),
    refused("a bundle whose list has an absolute name", r"bundle/bundle\.json names '/tmp/out\.pth', which is refused: .+\.", named("/tmp/out.pth")),
    refused("a bundle for another place than it may fill", r"The bundle names 'bin/out\.pth', which is in none of datasets/, weights/, hub/ and files/\.", named("bin/out.pth")),
    refused("a bundle with a file of another sha256", r"files/\*-captions\.txt of the bundle 'bundle' is damaged: its sha256 is not the noted one\.",
            lambda bundle: own(bundle).write_text("a red ball\n")),
    refused("a bundle that lacks a file", r"The bundle 'bundle' lacks files/\*-captions\.txt; collect it again\.", lambda bundle: own(bundle).unlink()),
    refused("a bundle with a file that is here and another", r"\.\.\./home/weights/net\.pth is here already and is another file than the bundle's; move it away first\.", weights),
    refused("a bundle without its list", r"'bundle' is no bundle: it lacks bundle\.json, which `bench fetch SPEC --to` writes\.", lambda bundle: (bundle / "bundle.json").unlink()),
    refused("a bundle whose list is cut off", r"bundle/bundle\.json is damaged \(\.\.\.\); collect the bundle again\.", lambda bundle: halved(bundle / "bundle.json")),
    refused("a bundle whose list is of another shape", r"bundle/bundle\.json is damaged \(\.\.\.\); collect the bundle again\.", manifest(lambda data: data.update(files=[{"file": 3}]))),
    refused("a bundle of a newer version", r"bundle/bundle\.json has format 99; this version reads 1\.", manifest(lambda data: data.update(format=99))),
    case("a bundle that is not there", 2, r"There is no bundle 'bundle'\.", line=INSTALL.format("bundle"), after=nothing_put),
    case("a bundle as zip", 2, r"A bundle is a folder, or a \.tar, \.tar\.gz or \.tgz; 'b\.zip' is none\.", study, COLLECT.format("b.zip")),
    case("a bundle of a study that is not there", 2, r"There is no study file nowhere\.toml\.", line="fetch nowhere.toml --to bundle -q"),
    case("a bundle of what must be downloaded, without leave", 2, r"[0-9]+ things that the spec needs are not here \(the first: .+\): --allow-download fetches them, .+",
         lambda f: (f / "study.toml").write_text('systems = ["noise"]\nprompts = "./captions.txt"\nmetrics = ["clipscore"]\n'),
         COLLECT.format("bundle"), after=none_made),
    case("a bundle under a licence that is not allowed", 2, r".+ is under '.+', which allow_licences does not name\..*",
         lambda f: (f / "study.toml").write_text('systems = ["noise"]\nprompts = "./captions.txt"\nmetrics = ["clipscore"]\nallow_licences = ["CC0-1.0"]\n'),
         COLLECT.format("bundle"), after=none_made, tells=lambda ended: ended.lines[0]),
    case("no room for a bundle", 74, _ROOM, study, COLLECT.format("b.tar.gz"), around=files_of_at_most(16), after=none_made),
    case("no room for what a bundle brings", 74, _ROOM, study, INSTALL.format("b.tar.gz"),
         around=lambda folder: _full(folder), after=nothing_put),
]  # fmt: skip


@contextlib.contextmanager
def _full(folder: Path) -> Iterator[None]:
    """The bundle is there, and then the disk is full."""
    with made(lambda bundle: None, "b.tar.gz")(folder), files_of_at_most(16)(folder):
        yield
