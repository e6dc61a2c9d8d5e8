"""Fetching from a server on loopback: resumed after a cut connection, checked, found by digest, and never unasked."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import threading
import zipfile
from pathlib import Path

import pytest

from bench import store
from bench.errors import DataError, DiskError, Incomplete, UsageError
from bench.formats import archives, fetching, large_files, places, transfers

BODY = bytes(range(256)) * 40


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Gives `files`; cuts the next `cuts` replies in the middle; notes what was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cuts, self.failing, self.tag, self.ranges = 0, 0, '"one"', True
        self.asked: list[tuple[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def at(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range", "")))
        if server.failing:
            server.failing -= 1
            self.send_error(503)
            return
        body = server.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = 0
        asked, mark = self.headers.get("Range"), self.headers.get("If-Range")
        if asked and server.ranges and mark in (None, server.tag):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        rest = body[start:]
        if server.cuts:
            server.cuts -= 1
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(rest)


@pytest.fixture
def server():
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")
    monkeypatch.setattr(transfers, "WAIT", 0.0)
    return tmp_path


@pytest.fixture
def card(monkeypatch):
    """Gives the data set 'toy' a card with these files."""

    def made(*files):
        known = {"toy": {"name": "toy", "files": list(files), "layout": "ROOT/..."}}
        for module in (fetching, places):
            monkeypatch.setattr(module, "card", lambda name: known.get(name, {}))

    return made


def test_a_file_comes_and_its_digest_is_checked(server, home, card):
    server.files["/a.bin"] = BODY
    card({"path": "d/a.bin", "url": f"{server.at}/a.bin", "sha256": sha(BODY), "bytes": len(BODY)})
    told = []
    (found,) = fetching.fetch("toy", report=lambda *x: told.append(x))
    assert (found.how, found.sha256, found.note) == ("downloaded", sha(BODY), "")
    assert (places.own_folder("toy") / "d" / "a.bin").read_bytes() == BODY
    assert told[-1] == ("d/a.bin", len(BODY), len(BODY))
    assert places.state("toy") == ("yes", str(places.own_folder("toy")))
    assert [f.how for f in fetching.fetch("toy")] == ["present"] and len(server.asked) == 1


def test_a_cut_connection_goes_on_where_it_stopped(server, home, card):
    server.files["/a.bin"] = BODY
    server.cuts, server.failing = 2, 0
    card({"path": "a.bin", "url": f"{server.at}/a.bin", "sha256": sha(BODY)})
    fetching.fetch("toy")
    assert (places.own_folder("toy") / "a.bin").read_bytes() == BODY
    assert [asked for _, asked in server.asked] == ["", "bytes=5120-", "bytes=7680-"]
    assert not list(places.own_folder("toy").glob("*.part*")), "nothing is left behind"


def test_a_transfer_that_breaks_for_good_is_kept_for_the_next_call(server, home, card):
    server.files["/a.bin"] = BODY
    card({"path": "a.bin", "url": f"{server.at}/a.bin"})
    server.cuts = transfers.TRIES
    with pytest.raises(Incomplete, match=r"cut after .* bytes.*what came is kept"):
        fetching.fetch("toy")
    part = places.own_folder("toy") / "a.bin.part"
    had = part.stat().st_size
    assert had > len(BODY) / 2 and not (places.own_folder("toy") / "a.bin").exists()
    server.asked.clear()
    fetching.fetch("toy")
    assert server.asked == [("/a.bin", f"bytes={had}-")] and not part.exists()


@pytest.mark.parametrize("why", ["another version", "no mark", "no ranges"])
def test_halves_of_two_files_are_never_joined(server, home, card, why):
    server.files["/a.bin"] = BODY
    card({"path": "a.bin", "url": f"{server.at}/a.bin"})
    server.tag = "" if why == "no mark" else '"one"'
    server.cuts = transfers.TRIES
    with pytest.raises(Incomplete):
        fetching.fetch("toy")
    server.files["/a.bin"] = new = BODY[::-1]
    server.tag = server.tag and '"two"'
    server.ranges = why != "no ranges"
    fetching.fetch("toy")
    assert (places.own_folder("toy") / "a.bin").read_bytes() == new


def test_a_busy_server_is_asked_again_and_an_absent_file_is_not(server, home, card):
    server.files["/a.bin"] = BODY
    server.failing = 2
    card({"path": "a.bin", "url": f"{server.at}/a.bin"})
    fetching.fetch("toy")
    assert len(server.asked) == 3
    card({"path": "b.bin", "url": f"{server.at}/b.bin"})
    with pytest.raises(Incomplete, match="says 404"):
        fetching.fetch("toy")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("file", "body", "says"),
    [
        ("a.zip", b"<!DOCTYPE html><html>log in first</html>", "a page of HTML in place of a.zip"),
        ("a.json", b"\xef\xbb\xbf\n <HTML><body>quota</body>", "a page of HTML in place of a.json"),
        ("a.zip", b"Not found", "something that is no zip"),
        ("a.bin", BODY[:-1] + b"x", "a file of sha256"),
    ],
)
def test_what_came_instead_is_removed_and_named(server, home, card, file, body, says):
    server.files[f"/{file}"] = body
    card({"path": file, "url": f"{server.at}/{file}", "sha256": sha(BODY)})
    with pytest.raises(DataError, match=says):
        fetching.fetch("toy")
    assert not list(places.own_folder("toy").iterdir())


def test_a_file_is_read_once_to_be_believed(server, home, card, monkeypatch):
    server.files["/a.bin"] = BODY
    card({"path": "a.bin", "url": f"{server.at}/a.bin", "sha256": sha(BODY)})
    read = []
    monkeypatch.setattr(transfers, "hashed", lambda path: read.append(path) or sha(path.read_bytes()))
    monkeypatch.setattr(large_files, "hashed", lambda path: pytest.fail(f"{path} is read again"))
    fetching.fetch("toy")
    assert len(read) == 1 and not [note for note in (home / "home" / "sha256").iterdir() if "part" in note.read_text()]


def test_a_part_that_is_no_beginning_of_the_file_is_dropped(server, home):
    """Longer than the file of the server: asked for what follows, it says 416."""
    server.files["/a.bin"] = BODY
    for left, digest in ((BODY, sha(BODY)), (BODY[::-1] * 2, sha(BODY)), (BODY[::-1] * 2, "")):
        target = home / "a.bin"
        (home / "a.bin.part").write_bytes(left)
        (home / "a.bin.part.json").write_text('{"mark": "\\"one\\""}')
        server.asked.clear()
        assert transfers.download(f"{server.at}/a.bin", target, digest) == sha(BODY) and target.read_bytes() == BODY
        assert len(server.asked) == (1 if left == BODY else 2)
        assert sorted(p.name for p in home.glob("a.bin*")) == ["a.bin"]
        target.unlink()


def test_of_two_processes_one_fetches_and_the_other_waits(server, home):
    server.files["/a.bin"] = BODY
    target, found = home / "a.bin", []
    other = threading.Thread(target=lambda: found.append(transfers.download(f"{server.at}/a.bin", target, sha(BODY))))
    with store.waiting_lock(transfers._lock(target)):
        other.start()
        other.join(0.2)
        assert not found and not server.asked
        target.write_bytes(BODY)
    other.join(10)
    assert found == [sha(BODY)] and not server.asked


def test_progress_is_told_where_nobody_asks_for_a_report(server, home, monkeypatch):
    server.files["/a.bin"] = BODY
    told = []
    monkeypatch.setattr(transfers, "tell", told.append)
    monkeypatch.setattr(transfers, "EVERY", 0.0)
    transfers.download(f"{server.at}/a.bin", home / "a.bin")
    assert told[0] == f"fetching {server.at}/a.bin" and told[-1] == "a.bin: 0 of 0 MB"


def test_an_unknown_digest_is_noted_at_first_use(server, home, card):
    server.files["/a.bin"] = BODY
    card({"path": "a.bin", "url": f"{server.at}/a.bin"})
    (found,) = fetching.fetch("toy")
    assert "no official digest is known" in found.note and places.pins("toy") == {"a.bin": sha(BODY)}
    (places.own_folder("toy") / "a.bin").unlink()
    server.files["/a.bin"] = b"something else"
    with pytest.raises(DataError, match="is expected"):
        fetching.fetch("toy")


def test_nothing_is_downloaded_unasked(server, home, card, monkeypatch):
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "0")
    card({"path": "a.bin", "url": f"{server.at}/a.bin", "bytes": 2_000_000})
    with pytest.raises(UsageError, match=r"1 files of toy are not here \(2.0 MB or more: .*--allow-download"):
        fetching.fetch("toy")
    assert not server.asked


def test_a_file_that_is_here_under_any_name_is_taken(server, home, card, monkeypatch):
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "0")
    (home / "downloads" / "deep").mkdir(parents=True)
    (home / "downloads" / "deep" / "val (1).dat").write_bytes(BODY)
    (home / "downloads" / "a.bin").write_bytes(BODY[::-1])
    card({"path": "a.bin", "url": f"{server.at}/a.bin", "sha256": sha(BODY), "bytes": len(BODY)})
    (found,) = fetching.fetch("toy", search=[home / "downloads"])
    assert found.how == "found" and "val (1).dat" in found.note and not server.asked
    assert (places.own_folder("toy") / "a.bin").read_bytes() == BODY


def test_the_linked_place_is_searched_and_a_wrong_file_is_refused(home, card):
    card({"path": "a.bin", "url": "http://127.0.0.1:9/a.bin", "sha256": sha(BODY)})
    (home / "mine").mkdir()
    (home / "mine" / "a.bin").write_bytes(BODY)
    places.link("toy", home / "mine")
    assert [f.how for f in fetching.fetch("toy")] == ["found"]
    (places.own_folder("toy") / "a.bin").write_bytes(b"damaged")
    with pytest.raises(DataError, match="damaged or another release"):
        fetching.fetch("toy")


def archive(*entries) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in entries:
            made.writestr(name, content)
    return stream.getvalue()


def test_an_archive_is_unpacked_once_and_for_all_its_files(server, home, card):
    server.files["/all.zip"] = archive(("annotations/a.json", "[]"), ("annotations/b.json", "[]"))
    url = f"{server.at}/all.zip"
    card(*({"path": f"annotations/{n}.json", "url": url, "archive": True} for n in "ab"))
    (found,) = fetching.fetch("toy")
    assert found.file == "all.zip" and (places.own_folder("toy") / "annotations" / "b.json").read_text() == "[]"
    (places.own_folder("toy") / "all.zip").unlink()
    assert [f.how for f in fetching.fetch("toy")] == ["present"] and len(server.asked) == 1


def test_an_unpacking_that_was_interrupted_is_done_again(server, home, card, monkeypatch):
    server.files["/all.zip"] = archive(("images/a.png", "1"), ("images/b.png", "2"))
    card({"path": "images", "url": f"{server.at}/all.zip", "archive": True})

    def killed(path, target):
        (target / "images").mkdir()
        (target / "images" / "a.png").write_text("1")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fetching, "unpack", killed)
        fetching.fetch("toy")
    assert [f.how for f in fetching.fetch("toy")] == ["present"] and len(server.asked) == 1
    root = places.own_folder("toy")
    assert (root / "images" / "b.png").read_text() == "2"
    assert sorted(p.name for p in root.iterdir()) == ["all.zip", "images"]


def test_an_archive_that_was_not_meant_is_not_expected_from_then_on(server, home, card):
    server.files["/all.zip"] = archive(("other.json", "[]"))
    card({"path": "a.json", "url": f"{server.at}/all.zip", "archive": True})
    with pytest.raises(DataError, match=r"lacks a\.json"):
        fetching.fetch("toy")
    (places.own_folder("toy") / "all.zip").unlink()
    server.files["/all.zip"] = archive(("a.json", "[]"))
    assert [f.how for f in fetching.fetch("toy")] == ["downloaded"]


def test_a_copy_that_was_interrupted_is_no_damaged_file(home, card, monkeypatch):
    card({"path": "a.bin", "url": "http://127.0.0.1:9/a.bin", "sha256": sha(BODY)})
    (home / "mine").mkdir()
    (home / "mine" / "a.bin").write_bytes(BODY)

    def killed(source, target):
        Path(target).write_bytes(BODY[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fetching.shutil, "copyfile", killed)
        fetching.fetch("toy", search=[home / "mine"])
    assert [f.how for f in fetching.fetch("toy", search=[home / "mine"])] == ["found"]
    assert [p.name for p in places.own_folder("toy").iterdir()] == ["a.bin"]


@pytest.mark.parametrize(
    ("entries", "says"),
    [((("a.json", "[]"), ("../../evil", "x")), "would be written outside"), ((("other.json", "[]"),), "lacks a.json")],
)
def test_archives_that_are_not_what_was_meant(server, home, card, entries, says):
    server.files["/all.zip"] = archive(*entries)
    card({"path": "a.json", "url": f"{server.at}/all.zip", "archive": True})
    with pytest.raises(DataError, match=says):
        fetching.fetch("toy")
    assert not (home / "evil").exists() and not list(home.rglob("evil"))


def test_no_room(server, home, card, monkeypatch):
    server.files["/a.bin"] = BODY
    card({"path": "a.bin", "url": f"{server.at}/a.bin"})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5000})())
    with pytest.raises(DiskError, match="There is no room to fetch"):
        fetching.fetch("toy")


def test_what_must_be_got_by_hand_is_said(home, card):
    card({"path": "a.bin", "from": "https://example.org/form"}, {"path": "b.bin"})
    first, second = fetching.fetch("toy")
    assert (first.how, second.how) == ("absent", "absent")
    assert "get it from https://example.org/form" in first.note and "no official address" in second.note
    card({"path": "images", "also": ["deep/images"], "from": "https://example.org/form"})
    (home / "mine" / "deep" / "images").mkdir(parents=True)
    places.link("toy", home / "mine")
    assert [(f.how, f.note) for f in fetching.fetch("toy")] == [("present", f"in {home / 'mine'}")]
    card()
    with pytest.raises(UsageError, match="names no files"):
        fetching.fetch("toy")


def test_links(home, card):
    card({"path": "a.bin"}, {"path": "b.bin", "also": ["deep/*.bin"]}, {"path": "c", "optional": True})
    assert places.state("toy") == ("no", "") and places.linked("toy") is None
    with pytest.raises(DataError, match="bench data link toy PATH"):
        places.root_of("toy", None)
    with pytest.raises(UsageError, match="does not exist"):
        places.link("toy", home / "nowhere")
    mine = home / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "deep" / "x.bin").write_bytes(b"")
    places.link("toy", mine)
    assert places.state("toy") == ("1 of 2 files", str(mine)) and places.root_of("toy", None) == mine
    assert places.root_of("toy", "/elsewhere") == Path("/elsewhere"), "what is given goes first"
    mine.rename(home / "moved")
    assert places.state("toy")[0] == "gone"
    with pytest.raises(DataError, match="which is gone"):
        places.root_of("toy", None)
    assert places.unlink("toy") and not places.unlink("toy") and places.state("toy") == ("no", "")


def test_home_is_the_store_s(monkeypatch):
    assert places.home() == store.home()
    monkeypatch.delenv("BENCH_HOME")
    assert places.home() == store.home()


def test_a_damaged_note_is_no_link(home, card):
    card({"path": "a.bin"})
    places.link("toy", home)
    next((home / "home" / "datasets").glob("toy.link.json")).write_text(json.dumps(["no"]))
    assert places.linked("toy") is None
