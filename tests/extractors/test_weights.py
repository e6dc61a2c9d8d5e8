"""Weights files: search order, digests, refusal of code, sentences, and downloads from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import os
import pickle
import sys
import threading

import pytest
import torch
from torch import nn

from bench.errors import DataError, DiskError, NotFinite, WeightsMissing
from bench.extractors import weights
from bench.formats import archives, large_files, transfers

BODY = bytes(range(256)) * 3000
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def home(monkeypatch, tmp_path):
    for variable, folder in (("BENCH_HOME", "bench"), ("TORCH_HOME", "torch"), ("HF_HOME", "hf")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    return tmp_path


def put(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ---- search ----


def test_search_order_is_bench_home_then_torch_hub_then_hugging_face(home):
    snapshots = home / "hf/hub/models--some--net/snapshots"
    old, main = put(snapshots / "aaa/model.safetensors"), put(snapshots / "bbb/model.safetensors")
    wanted = (("net.pth",), "some/net", ("model.safetensors",))
    assert weights.find(*wanted) == old, "the first revision by name when none is called main"
    put(home / "hf/hub/models--some--net/refs/main", b"bbb\n")
    assert weights.find(*wanted) == main
    hub = put(home / "torch/hub/checkpoints/net.pth")
    assert weights.find(*wanted) == hub
    own = put(home / "bench/weights/net.pth")
    assert weights.find(*wanted) == own
    assert weights.find(("other.pth",)) is None


def test_a_generic_hub_name_in_a_plain_folder_is_not_taken(home):
    put(home / "bench/weights/model.safetensors")
    assert weights.find(("net.pth",), "some/net", ("model.safetensors",)) is None


def test_missing_weights_say_what_is_looked_for_where_and_what_to_do(home):
    source = weights.Source(names=("net.pth",), url="http://127.0.0.1:9/net.pth")
    with pytest.raises(WeightsMissing) as caught:
        weights.obtain(source, "some-net")
    for part in ("net.pth", str(home / "bench/weights"), "checkpoints", "--allow-download", "weights=PATH", "seed=0"):
        assert part in str(caught.value)


def test_a_found_file_of_another_digest_is_refused(home):
    put(home / "bench/weights/net.pth", b"something else")
    with pytest.raises(DataError, match="is damaged or another file"):
        weights.obtain(weights.Source(names=("net.pth",), sha256=DIGEST[:8]), "some-net")


def test_sha256_is_remembered_and_noticed_to_be_stale(home, monkeypatch):
    path = put(home / "net.pth", BODY)
    assert weights.sha256(path) == DIGEST
    monkeypatch.setattr(large_files, "hashed", lambda _: pytest.fail("hashed again"))
    assert weights.sha256(path) == DIGEST
    monkeypatch.undo()
    path.write_bytes(BODY[:-1] + b"?")
    os.utime(path, ns=(1, 1))
    assert weights.sha256(path) != DIGEST


def test_sha256_is_not_fooled_by_equal_times_and_sizes(home):
    """As archives make them: another content of the same length under the same name and mtime."""
    path = put(home / "net.pth", BODY)
    os.utime(path, ns=(1, 1))
    assert weights.sha256(path) == DIGEST
    path.write_bytes(BODY[:-1] + b"?")
    os.utime(path, ns=(1, 1))
    assert weights.sha256(path) != DIGEST


# ---- reading ----


def saved(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model": s, "epoch": 3}])
def test_usual_wrappings_are_opened(tmp_path, wrap):
    state = nn.Linear(3, 2).state_dict()
    prefixed = {f"module.{k}": v for k, v in state.items()}
    for content in (state, prefixed):
        read = weights.read(saved(tmp_path / "net.pth", wrap(content)))
        assert sorted(read) == sorted(state) and torch.equal(read["weight"], state["weight"])


def test_safetensors_round_trip_and_damage(tmp_path):
    from safetensors.torch import save_file

    state = nn.Linear(3, 2).state_dict()
    path = tmp_path / "net.safetensors"
    save_file(state, path)
    assert torch.equal(weights.read(path)["bias"], state["bias"])
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="no readable safetensors"):
        weights.read(path)


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("save", [lambda c, p: torch.save(c, p), lambda c, p: p.write_bytes(pickle.dumps(c))])
def test_pickled_code_is_refused_and_not_run(tmp_path, save):
    trap = tmp_path / "trap"
    save({"weight": Evil(str(trap))}, tmp_path / "net.pth")
    with pytest.raises(DataError, match="never code"):
        weights.read(tmp_path / "net.pth")
    assert not trap.exists()


def test_torchscript_is_refused(tmp_path):
    torch.jit.trace(nn.Linear(3, 2), torch.zeros(1, 3)).save(str(tmp_path / "net.pt"))
    with pytest.raises(DataError, match="no TorchScript"):
        weights.read(tmp_path / "net.pt")


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {}, torch.zeros(3)])
def test_files_without_a_state_dict_are_refused(tmp_path, content):
    with pytest.raises(DataError, match="holds no state dict"):
        weights.read(saved(tmp_path / "net.pth", content))


def test_truncated_and_empty_files_are_refused(tmp_path):
    path = saved(tmp_path / "net.pth", nn.Linear(30, 20).state_dict())
    for content in (path.read_bytes()[:500], b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is refused as weights"):
            weights.read(path)


def test_nan_weights_are_refused_by_name(tmp_path):
    state = nn.Linear(3, 2).state_dict()
    state["bias"][1] = float("nan")
    with pytest.raises(NotFinite, match="'bias'"):
        weights.read(saved(tmp_path / "net.pth", state))


def test_unfitting_weights_are_named(tmp_path):
    path, net = tmp_path / "net.pth", nn.Linear(3, 2)
    good = net.state_dict()
    for state, why in (
        ({"weight": good["weight"]}, "'bias' is absent"),
        ({**good, "bias": torch.zeros(5)}, r"shape \(5,\) where \(2,\)"),
        ({**good, "extra": torch.zeros(1)}, "has no 'extra'"),
    ):
        with pytest.raises(DataError, match=why):
            weights.apply(net, state, path, "a linear layer")


# ---- download ----


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        if self.path == "/gone.pth":
            return self.send_error(404)
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start >= len(BODY):
            return self.send_error(416)
        self.send_response(206 if start and self.server.resumes else 200)
        body = BODY[start:] if self.server.resumes else BODY
        if start and self.server.resumes:
            self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(home, monkeypatch):
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(transfers, "WAIT", 0.0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.ranges, running.resumes, running.stop = [], True, None
        running.url = f"http://127.0.0.1:{running.server_address[1]}/net.pth"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_download_checks_and_places_the_file(server, home):
    path = weights.download(server.url, DIGEST)
    assert path == home / "bench/weights/net.pth" and path.read_bytes() == BODY
    assert [p.name for p in path.parent.iterdir()] == ["net.pth"], "no partial file is left"


def test_a_broken_transfer_is_kept_and_resumed(server, home):
    server.stop = 100_000
    with pytest.raises(WeightsMissing, match="what came is kept"):
        weights.download(server.url, DIGEST)
    part = home / "bench/weights/net.pth.part"
    assert part.stat().st_size == 400_000 and not (home / "bench/weights/net.pth").exists()
    server.stop = None
    assert weights.download(server.url, DIGEST).read_bytes() == BODY
    assert server.ranges == [None, *(f"bytes={n}00000-" for n in (1, 2, 3, 4))]


def test_a_server_that_cannot_resume_starts_over(server, home):
    put(home / "bench/weights/net.pth.part", BODY[:1000])
    server.resumes = False
    assert weights.download(server.url, DIGEST).read_bytes() == BODY


def test_a_complete_part_is_only_renamed(server, home):
    put(home / "bench/weights/net.pth.part", BODY)
    assert weights.download(server.url, DIGEST).read_bytes() == BODY


def test_wrong_content_is_refused_and_deleted(server, home):
    with pytest.raises(DataError, match="where 00000000"):
        weights.download(server.url, "00000000")
    assert list((home / "bench/weights").iterdir()) == []


def test_a_page_in_place_of_weights_is_refused_and_deleted(server, home, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "BODY", b"<!DOCTYPE html><html>log in</html>")
    with pytest.raises(DataError, match=r"a page of HTML in place of net\.pth"):
        weights.download(server.url)
    assert list((home / "bench/weights").iterdir()) == []


def test_weights_that_do_not_fit_the_disk(server, monkeypatch):
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5000})())
    with pytest.raises(DiskError, match="There is no room to fetch"):
        weights.download(server.url, DIGEST)


def test_server_errors_are_sentences(server):
    with pytest.raises(WeightsMissing, match="the server says 404"):
        weights.download(server.url.replace("net", "gone"), DIGEST)


def test_nothing_is_fetched_without_permission(server, monkeypatch):
    monkeypatch.delenv("BENCH_ALLOW_DOWNLOAD")
    with pytest.raises(WeightsMissing, match="may not be fetched"):
        weights.download(server.url, DIGEST)
    with pytest.raises(WeightsMissing):
        weights.obtain(weights.Source(names=("net.pth",), url=server.url), "some-net")
    assert server.ranges == []


def test_obtain_downloads_where_allowed(server, home):
    source = weights.Source(names=("mine.pth",), url=server.url, sha256=DIGEST[:8])
    assert weights.obtain(source, "some-net") == home / "bench/weights/mine.pth"
    assert weights.obtain(source, "some-net") == home / "bench/weights/mine.pth" and len(server.ranges) == 1
