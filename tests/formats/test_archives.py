"""Archives of others: what would be written outside its folder is refused before anything is written."""

from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile

import pytest

from bench.errors import DataError, DiskError
from bench.formats import archives
from bench.formats.archives import members, part, room, tar_files, unpack, unsafe


def tar(path, *entries, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content, *link in entries:
            one = tarfile.TarInfo(name)
            if link:
                one.type, one.linkname = link[0], content
                archive.addfile(one)
            else:
                one.size = len(content)
                archive.addfile(one, io.BytesIO(content))
    return path


def zipped(path, *entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def test_a_good_one_is_unpacked(tmp_path):
    for made in (
        zipped(tmp_path / "a.zip", ("d/x.txt", b"1"), ("y.txt", b"2")),
        tar(tmp_path / "a.tgz", ("d/x.txt", b"1"), ("y.txt", b"2"), ("d/z", "x.txt", tarfile.SYMTYPE), mode="w:gz"),
    ):
        target = tmp_path / made.suffix
        assert unpack(made, target) >= 2
        assert (target / "d" / "x.txt").read_bytes() == b"1" and (target / "y.txt").read_bytes() == b"2"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x", "..\\x", "\\\\host\\x"])
def test_names_that_leave_the_target(tmp_path, name):
    for made in (
        zipped(tmp_path / "a.zip", ("good", b"1"), (name, b"2")),
        tar(tmp_path / "a.tar", ("good", b"1"), (name, b"")),
    ):
        with pytest.raises(DataError, match=r"1 of its 2 members would be written outside.*nothing was unpacked"):
            unpack(made, tmp_path / "out")
        assert not (tmp_path / "out").exists(), "not even the good one"


@pytest.mark.parametrize(
    "entry",
    [
        ("link", "/etc/passwd", tarfile.SYMTYPE), ("d/link", "../../x", tarfile.SYMTYPE),
        ("hard", "../x", tarfile.LNKTYPE),
        ("device", "", tarfile.CHRTYPE), ("pipe", "", tarfile.FIFOTYPE),
    ],
)  # fmt: skip
def test_links_and_devices(tmp_path, entry):
    with pytest.raises(DataError, match="would be written outside"):
        unpack(tar(tmp_path / "a.tar", ("good", b"1"), entry), tmp_path / "out")


def test_names_that_leave_by_a_chain_of_links(tmp_path):
    """By its name each link stays inside; but `a/b/up/out` would lie beside `a`, from where three steps lead out."""
    made = tar(
        tmp_path / "a.tar",
        ("a/b/up", "../..", tarfile.SYMTYPE), ("a/b/up/out", "../../..", tarfile.SYMTYPE), ("a/b/up/out/x", b"1"),
    )  # fmt: skip
    assert [m.unsafe for m in members(made)] == ["", "it lies below a link", "it lies below a link"]
    with pytest.raises(DataError, match=r"2 of its 3 members .*'a/b/up/out' \(it lies below a link\); nothing was"):
        unpack(made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ending", ["zip", "tgz"])
def test_damage_in_the_middle(tmp_path, ending):
    content = bytes(random.Random(0).choices(b"0123456789", k=50_000))
    path = tmp_path / f"a.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x", content)
    else:
        tar(path, ("x", content), ("y", b""), mode="w:gz")
    data = bytearray(path.read_bytes())
    data[9000:9100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(DataError, match="fetch it again"):
        unpack(path, tmp_path / "out")


def test_a_link_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert members(tmp_path / "a.zip")[0].unsafe


def test_names_inside_are_safe():
    assert not unsafe("a/..b/c..d") and not unsafe("a/b", "c") and not unsafe("a/b/c", "../d") and unsafe("a", "../d")


def test_no_archive_and_no_room(tmp_path, monkeypatch):
    for ending in ("zip", "tar", "tgz"):
        (tmp_path / f"x.{ending}").write_bytes(b"<html>not found</html>")
        with pytest.raises(DataError, match="no archive that can be read"):
            members(tmp_path / f"x.{ending}")
    made = zipped(tmp_path / "a.zip", ("x", b"0" * 1000))
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 999})())
    with pytest.raises(DiskError, match="no room"):
        unpack(made, tmp_path / "out")
    room(tmp_path, 900, "write")


def test_pieces_of_a_tar_without_reading_it(tmp_path):
    made = tar(tmp_path / "a.tar", ("1.txt", b"red"), ("1.png", b"\x89PNG"))
    found = {name: part(made, offset, size) for name, offset, size in tar_files(made)}
    assert found == {"1.txt": b"red", "1.png": b"\x89PNG"}
    with pytest.raises(DataError, match=r"its member '\.\./x' is not safe"):
        list(tar_files(tar(tmp_path / "b.tar", ("../x", b""))))
    with pytest.raises(DataError, match="no uncompressed tar"):
        list(tar_files(tar(tmp_path / "c.tar", ("x", b""), mode="w:gz")))
