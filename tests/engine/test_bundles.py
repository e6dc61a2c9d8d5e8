"""Bundles: what a spec needs is found, collected from here and from a server on loopback, and installed elsewhere; the
other machine then runs the study without a network. Licences, digests and hostile bundles are refused before work."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from bench import api, store
from bench.cards import card
from bench.cli import main
from bench.engine import bundles
from bench.engine.needs import needs
from bench.errors import DataError, UsageError
from bench.extractors import inception
from bench.extractors.weights import Source
from bench.formats import fetching, large_files, places, transfers
from bench.formats import needs as found_needs

PROMPTS = "\n".join(
    json.dumps({"tag": "single_object", "include": [{"class": name, "count": 1}], "prompt": f"a photo of a {name}"})
    for name in ("bench", "clock", "dog")
).encode()
WEIGHTS = bytes(range(256)) * 30
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BOXES = "image,label,x1,y1,x2,y2,score\n" + "\n".join(
    f"{k:05d}/samples/0000.png,{name},1,1,9,9,0.9" for k, name in enumerate(("bench", "clock", "cat"))
)


class Server(http.server.ThreadingHTTPServer):
    """Gives `files` and notes what was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.at = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self, send=True):
        self.server.asked.append(self.path)
        body = self.server.files.get(self.path.partition("?")[0])
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if "/resolve/" in self.path:  # what the hub's client asks of a file first
            self.send_header("ETag", f'"{_sha(body)}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if send:
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET(send=False)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A machine whose GenEval and Inception come from a server on loopback, and a study that needs them."""
    server = Server()
    server.files = {"/prompts.jsonl": PROMPTS, "/net.pth": WEIGHTS}
    file = {"path": "evaluation_metadata.jsonl", "url": f"{server.at}/prompts.jsonl", "sha256": _sha(PROMPTS)}
    changed = {"geneval": {**card("geneval"), "files": [file]}}
    for module in (fetching, places, found_needs):
        monkeypatch.setattr(module, "card", lambda name: changed.get(name) or card(name))
    published = Source(names=("net.pth",), url=f"{server.at}/net.pth", sha256=_sha(WEIGHTS)[:12])
    monkeypatch.setattr(inception, "PUBLISHED", published)
    monkeypatch.setattr(transfers, "WAIT", 0.0)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("BENCH_ALLOW_DOWNLOAD", raising=False)
    monkeypatch.chdir(tmp_path)
    move(monkeypatch, "here")
    (tmp_path / "boxes.csv").write_text(BOXES)
    yield server
    server.shutdown()
    server.server_close()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def move(monkeypatch, name: str) -> Path:
    """To another machine."""
    home = Path.cwd() / f"home-{name}"
    monkeypatch.setenv("BENCH_HOME", str(home))
    return home


def study(**more) -> str:
    told = {"systems": ["evidence(path=boxes.csv)"], "dataset": "geneval", **more}
    told.setdefault("metrics", ["geneval(extractor=recorded)"])
    Path("s.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in told.items()))
    return "s.toml"


def test_models_are_declared_and_never_guessed(world, tmp_path):
    """A server and a program have a model's name or a revision, and load nothing here."""
    for text in ('http(url="http://127.0.0.1:9",model=owner/net,key_env=none)', "command(command=python3,revision=v1)",
                 'vqa-http(url="http://127.0.0.1:9",model=owner/net,key_env=none)'):  # fmt: skip
        assert not [n.name for n in needs(text) if n.name == "owner/net"], text
    (one,) = needs("vqa(model=owner/net,revision=v1)")
    assert (one.kind, one.name, one.hub) == ("weights", "owner/net", "owner/net@v1")
    both = needs("coloured(detector=zero-shot-detector(model=owner/boxes))")
    assert {"owner/boxes"} < {n.name for n in both} and len(both) == 2, "what an extractor is made of"
    assert {n.name for n in needs("vqa(model=owner/net,choose=false)")} == {
        "owner/net", "sentence-transformers/all-mpnet-base-v2"
    }  # fmt: skip
    (tmp_path / "sentences").mkdir()
    named = needs(f'recorded(path=boxes.csv,sentences="{tmp_path / "sentences"}")')
    assert sorted(Path(n.name).name for n in named) == ["boxes.csv", "sentences"], "each once"
    assert [n.name for n in needs("recorded(path=boxes.csv)")] == ["boxes.csv"]


def test_licences_that_publishers_state_are_known_offline(world, tmp_path):
    stated = {n.name: n.licence for text in ("clipscore", "vqa", "zero-shot-detector", "depth", "fd-dinov2", "lpips",
                                             "sentence-embedding") for n in needs(text)}  # fmt: skip
    unknown = [name for name, licence in stated.items() if licence == "unknown"]
    assert len(stated) >= 7 and [n.partition("-")[0] for n in unknown] == ["alexnet"], "torchvision names none"
    assert stated["Salesforce/blip-vqa-base"] == "bsd-3-clause"
    snapshot = tmp_path / "hub" / "models--Salesforce--blip-vqa-base" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    (snapshot / "README.md").write_text("---\nlicense: other\n---\n")
    assert needs("vqa")[0].licence == "other", "the card that lies there goes before"


def test_needs_are_told_offline_with_where_they_were_looked_for(world):
    found = {n.kind: n for n in needs(study(metrics=["geneval(extractor=recorded)", "fid"]))}
    assert {(k, n.status) for k, n in found.items()} == {
        ("data", "missing"),
        ("weights", "missing"),
        ("own", "present"),
    }
    assert found["data"].licence == "MIT" and found["data"].sha256 == _sha(PROMPTS)
    assert str(places.own_folder("geneval")) in found["data"].looked[0]
    assert any("torch" in place for place in found["weights"].looked)
    assert not world.asked, "nothing was asked of the network"


def test_what_may_not_be_downloaded_is_named_and_nothing_written(world, capsys):
    assert main(["fetch", study(), "--to", "bundle"]) == 2
    assert "evaluation_metadata.jsonl" in (told := capsys.readouterr().err) and "--allow-download" in told
    assert not Path("bundle").exists() and not world.asked


@pytest.mark.parametrize("target", ["bundle", "bundle.tar", "bundle.tar.gz"])
def test_a_bundle_goes_to_a_machine_without_a_network(world, target, monkeypatch, capsys, in_this_process):
    assert main(["fetch", study(), "--to", target, "--allow-download", "-q"]) == 0
    assert "downloaded" in capsys.readouterr().out and world.asked == ["/prompts.jsonl"]
    world.files.clear()
    monkeypatch.delenv("BENCH_ALLOW_DOWNLOAD", raising=False)
    home = move(monkeypatch, "there")
    Path("boxes.csv").rename("gone.csv")
    assert main(["doctor", "geneval", "--json"]) == 5
    capsys.readouterr()
    assert main(["fetch", "--from", target, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (home / "datasets" / "geneval" / "evaluation_metadata.jsonl").read_bytes() == PROMPTS
    assert {f["kind"] for f in told["files"]} == {"data", "own"}
    assert all(len(f["sha256"]) == 64 and f["licence"] for f in told["files"])
    (run,) = api.run(told["study"])
    assert run.scores[0].value == pytest.approx(2 / 3), "a bench and a clock were seen, a dog was not"
    assert main(["doctor", told["study"]]) == 0, capsys.readouterr().out
    assert world.asked == ["/prompts.jsonl"], "the other machine asked nobody"


def test_the_users_own_files_go_along_whatever_way_they_are_named(world, monkeypatch, in_this_process):
    """Prompts, references and a list of ids, relative to where the user stood; the study on the other machine has
    theirs."""
    from PIL import Image

    Path("photos").mkdir()
    for k in range(3):
        Image.new("RGB", (9, 9), (40 * k, 9, 9)).save(f"photos/{k}.png")
    Path("captions.csv").write_text("id,prompt\na,a red dog\nb,a blue cat\nc,a green cup\n")
    Path("ids.txt").write_text("a\nb\n")
    told = {"systems": ["noise"], "prompts": "captions.csv", "reference": "photos", "only": "ids.txt",
            "metrics": ["fd(extractor=timm(model=test_resnet,seed=0,size=64))"]}  # fmt: skip
    Path("s.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in told.items()))
    (here,) = api.run("s.toml")
    found = bundles.collect("s.toml", Path("b"))
    assert len(found) == 5 and {c.kind for c in found} == {"own"}
    for name in ("photos", "captions.csv", "ids.txt", "runs"):
        Path(name).rename(f"gone-{name}")
    move(monkeypatch, "there")
    _, moved = bundles.install(Path("b"))
    (there,) = api.run(str(moved))
    assert there.scores[0].value == here.scores[0].value and there.counts == here.counts == {"ok": 2}


def test_weights_are_fetched_by_digest_and_found_by_it(world, monkeypatch, capsys):
    assert main(["fetch", "fid", "--to", "b1", "--allow-download", "-q"]) == 0
    assert Path("b1/weights/net.pth").read_bytes() == WEIGHTS
    monkeypatch.delenv("BENCH_ALLOW_DOWNLOAD", raising=False)
    move(monkeypatch, "there")
    assert main(["fetch", "--from", "b1"]) == 0
    (need,) = needs("fid")
    assert need.status == "present" and need.path == store.home() / "weights" / "net.pth"
    assert main(["fetch", "fid", "--to", "b2"]) == 0, "what is here is copied without a network"
    assert len(world.asked) == 1
    assert main(["fetch", "fid", "--to", "b2"]) == 0 and "there" in capsys.readouterr().out


def test_a_wrong_file_is_told_by_the_doctor_and_not_collected(world, capsys):
    place = store.home() / "weights"
    place.mkdir(parents=True)
    (place / "net.pth").write_bytes(b"another")
    assert main(["doctor", "fid"]) == 5
    assert "wrong" in (told := capsys.readouterr().out) and _sha(WEIGHTS)[:12] in told
    assert main(["fetch", "fid", "--to", "b"]) == 2
    assert "remove it and fetch it again" in capsys.readouterr().err and not Path("b").exists()


def test_a_server_that_gives_something_else(world, capsys):
    world.files["/net.pth"] = WEIGHTS[::-1]
    assert main(["fetch", "fid", "--to", "b", "--allow-download", "-q"]) == 5
    out = capsys.readouterr().out
    assert "absent" in out and "sha256" in out and not Path("b/weights/net.pth").exists()
    manifest = json.loads(Path("b/bundle.json").read_text())
    assert manifest["files"] == [] and manifest["absent"][0]["name"] == "net.pth"


def test_data_are_found_by_digest_under_any_name(world):
    Path("other").mkdir()
    Path("other/x.dat").write_bytes(PROMPTS)
    Path("other/evaluation_metadata.jsonl").write_bytes(PROMPTS)
    (found,) = bundles.collect("geneval", Path("b"), [Path("other")])
    assert found.how == "copied" and not world.asked


def test_a_model_of_the_hub_comes_from_the_cache_with_its_licence(world, monkeypatch):
    folder = large_files.hub_folder("owner/net")
    snapshot = folder / "snapshots" / "abcdef1234567"
    (snapshot / "unet").mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "blobs" / "w").write_bytes(WEIGHTS)
    (snapshot / "unet" / "model.safetensors").symlink_to(folder / "blobs" / "w")
    (snapshot / "README.md").write_text("---\nlicense: openrail++\ntags: []\n---\nlicense: none\n")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abcdef1234567")
    found = bundles.collect("diffusers(model=owner/net)", Path("b.tar"))
    assert {c.licence for c in found} == {"openrail++"} and len(found) == 2
    monkeypatch.setenv("HF_HUB_CACHE", str(Path.cwd() / "elsewhere"))
    move(monkeypatch, "there")
    assert needs("diffusers(model=owner/net)")[0].status == "missing"
    bundles.install(Path("b.tar"))
    (need,) = needs("diffusers(model=owner/net)")
    assert need.status == "present" and (need.path / "unet" / "model.safetensors").read_bytes() == WEIGHTS
    assert not (need.path / "unet" / "model.safetensors").is_symlink()


def test_a_model_of_the_hub_is_downloaded_into_the_bundle(world, monkeypatch):
    files = {"config.json": b"{}", "unet/model.safetensors": WEIGHTS, "README.md": b"---\nlicense: mit\n---\n"}
    listed = {"id": "owner/net", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
    world.files = {f"/owner/net/resolve/{COMMIT}/{name}": body for name, body in files.items()}
    world.files["/api/models/owner/net/revision/main"] = json.dumps(listed).encode()
    tree = [{"type": "file", "path": name, "size": len(body), "oid": _sha(body)[:40]} for name, body in files.items()]
    world.files[f"/api/models/owner/net/tree/{COMMIT}"] = json.dumps(tree).encode()
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_OFFLINE")}
    environment |= {"HF_ENDPOINT": world.at, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "bench", "fetch", "diffusers(model=owner/net)", "--to", "b", "--allow-download"]
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.stdout, done.stderr, world.asked)
    told = json.loads(done.stdout)["files"]
    assert {f["file"].split(f"{COMMIT}/")[1]: f["sha256"] for f in told} == {n: _sha(b) for n, b in files.items()}
    assert {f["licence"] for f in told} == {"mit"}
    move(monkeypatch, "there")
    bundles.install(Path("b"))
    (need,) = needs("diffusers(model=owner/net)")
    assert (need.status, need.licence) == ("present", "mit")


@pytest.mark.parametrize("command", [["run"], ["run", "--dry-run"], ["fetch", "--to", "b"]])
def test_licences_that_are_not_allowed_are_refused_before_any_work(world, command, capsys):
    spec = study(metrics=["geneval(extractor=recorded)", "fid"], allow_licences=["MIT", "BSD-3-Clause"])
    verb, *options = command
    assert main([verb, spec, *options]) == 2
    told = capsys.readouterr().err
    assert "net.pth (inception-v3" in told and "is under 'unknown', which allow_licences does not name" in told
    assert "evaluation_metadata" not in told and not Path("runs").exists() and not Path("b").exists()
    assert main(["doctor", spec]) == 5
    assert "licence of net.pth" in capsys.readouterr().out


def test_allowed_licences_change_no_run(world, in_this_process):
    places.own_folder("geneval").mkdir(parents=True)
    (places.own_folder("geneval") / "evaluation_metadata.jsonl").write_bytes(PROMPTS)
    (plain,) = api.run(study())
    (allowed,) = api.run(study(allow_licences=["mit"]))
    assert allowed.path == plain.path
    with pytest.raises(UsageError, match="is under 'MIT'"):
        api.run(study(allow_licences=["Apache-2.0"]))


def spoilt(change) -> Path:
    folder = Path("b")
    manifest = json.loads((folder / "bundle.json").read_text())
    change(folder, manifest)
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    "change, why",
    [
        (lambda f, m: (f / "weights" / "net.pth").write_bytes(b"x"), "damaged: its sha256"),
        (lambda f, m: (f / "weights" / "net.pth").unlink(), "lacks weights/net.pth"),
        (lambda f, m: m["files"][0].update(file="weights/../../../evil"), "climbs by '..'"),
        (lambda f, m: m["files"][0].update(file="/etc/evil"), "absolute"),
        (lambda f, m: m["files"][0].update(file="cron/evil"), "in none of datasets/"),
        (lambda f, m: m["files"][0].pop("sha256"), "is damaged"),
        (lambda f, m: m.update(format=9), "has format 9"),
        (lambda f, m: m.update(files=3), "is damaged"),
    ],
)
def test_hostile_and_damaged_bundles(world, change, why, monkeypatch):
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")
    bundles.collect("fid", Path("b"))
    home = move(monkeypatch, "there")
    with pytest.raises(DataError, match=why):
        bundles.install(spoilt(change))
    assert not (home / "weights").exists(), "nothing was put anywhere"


def test_an_archive_that_climbs_and_what_is_no_bundle(world, monkeypatch):
    move(monkeypatch, "there")
    with tarfile.open("b.tar", "w") as tar:
        tar.add("boxes.csv", "../evil.csv")
    with pytest.raises(DataError, match="climbs"):
        bundles.install(Path("b.tar"))
    Path("empty").mkdir()
    with pytest.raises(DataError, match="is no bundle"):
        bundles.install(Path("empty"))
    with pytest.raises(UsageError, match="There is no bundle"):
        bundles.install(Path("none"))


def test_a_file_that_is_here_and_another_is_not_written_over(world, monkeypatch):
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "1")
    bundles.collect("fid", Path("b"))
    home = move(monkeypatch, "there")
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "net.pth").write_bytes(b"mine")
    with pytest.raises(DataError, match="here already"):
        bundles.install(Path("b"))
    assert (home / "weights" / "net.pth").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["fid"], "--to BUNDLE or --list"),
        (["--to", "b"], "--to BUNDLE or --list"),
        (["fid", "--to", "b.zip"], "a .tar, .tar.gz"),
        (["fiid", "--list"], "Did you mean"),
        (["none.toml", "--list"], "no study file"),
    ],
)
def test_wrong_calls(world, arguments, why, capsys):
    assert main(["fetch", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_every_data_set_and_alias_says_what_it_needs(world):
    from bench import aliases
    from bench.registry import entries

    for name in entries("dataset"):
        own = name in ("hugging-face", "captions", "captioned-folder", "perturbed", *aliases.PANELS)
        every = [] if own else needs(name)
        assert all(n.kind in ("data", "own") and (n.place or n.path is None) for n in every), name
    for name in aliases.ALIASES:
        assert all(n.status in ("present", "missing") for n in needs(name)), name
