"""Nothing of a private run leaves it: everything that is written outside its folder or printed is searched for the
captions' words and for its images. The same commands on a public run are found out, or the search would prove nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil

import pytest
from leaks import images_in, words_in
from private_world import CAPTIONS, WORDS, all_commands, clean, said

from bench import api, store
from bench.reports import privacy, write


def test_nothing_of_a_private_run_leaves(world, capsys):
    private = world
    assert world.run("--visibility", "private") == 0
    said(capsys, private)
    all_commands(private)
    said(capsys, private)
    assert clean(private) == []
    with_ids = [hashlib.sha256(s.encode()).hexdigest()[:8] for s in store.samples(private.runs[0])["sample"]]
    assert words_in(with_ids, private.home / "out") == [], "a name that a dictionary of captions finds"
    pixels = [d[:12] for d in store.samples(private.runs[0])["digest"]]
    assert words_in(pixels, private.home / "out") == [], "digests tell who has the picture already"


def test_the_search_finds_a_public_run(world, capsys):
    assert world.run() == 0
    said(capsys, world)
    for rows in ("pack", "pack.tar.gz"):
        assert world.bench("pack", *map(str, world.runs), "--out", str(world.home / "out" / rows)) == 0
    said(capsys, world)
    found = clean(world)
    for kind in ("said-0.txt", "index.html", "pack/", "pack.tar.gz", "a picture"):
        assert any(kind in line for line in found), kind


def test_a_report_says_digests_instead(whole, tmp_path):
    api.compare(whole.runs, out=tmp_path / "report")
    run = api.load_run(whole.runs[0])
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    names = [privacy.sample_name(run, s) for s in store.samples(run.path)["sample"]]
    assert sum(name in page for name in names) >= 2 and len(set(names)) == len(names)


def test_one_private_run_makes_the_comparison_private(private, capsys):
    shutil.copytree(private.runs[1], private.home / "runs" / "captions-x" / "public")
    record = private.home / "runs" / "captions-x" / "public" / "run.json"
    data = json.loads(record.read_text())
    del data["dataset"]["visibility"]
    record.write_text(json.dumps(data))
    out = private.home / "out" / "mixed"
    runs = [str(record.parent), str(private.runs[0])]
    assert private.bench("compare", *runs, "--report", str(out), "--by", "hero") == 0
    said(capsys, private)
    assert clean(private) == []


def test_a_page_that_would_tell_a_caption_is_not_written(whole, tmp_path, monkeypatch):
    made = write.made
    told = CAPTIONS[2].upper().replace(" ", "&nbsp;", 2).replace(" ", "<b></b> ")
    monkeypatch.setattr(write, "made", lambda *a, **k: dataclasses.replace(made(*a, **k), html=f"<p>{told}</p>"))
    with pytest.raises(RuntimeError, match=r"index.html would tell the caption of sample [0-9a-f]{12}"):
        api.report(api.compare(whole.runs), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_without_images_prompts_stay(world, capsys):
    world.quickly()
    runs, out = [str(r) for r in world.runs], world.home / "out"
    assert world.bench("compare", *runs, "--report", str(out / "report"), "--no-images") == 0
    assert world.bench("pack", *runs, "--out", str(out / "pack"), "--no-images") == 0
    assert images_in(world.images, out) == []
    assert words_in(WORDS, out / "report") and words_in(WORDS, out / "pack")


# ---- numbers are the same -------------------------------------------------------------------------------------------


def test_visibility_changes_no_digest_and_no_number(world, capsys):
    world.quickly()
    open_runs = {p: api.load_run(p) for p in world.runs}
    world.quickly(visibility="private")
    for path, old in open_runs.items():
        new = api.load_run(path)
        assert (new.digest, new.scores, new.protocols) == (old.digest, old.scores, old.protocols)
        assert privacy.private(new) and not privacy.private(old)


def test_private_is_kept_until_public_is_said(private):
    private.quickly()
    assert all(privacy.private(api.load_run(p)) for p in private.runs)
    assert private.bench("score", *map(str, private.runs), "-m", "edge-chamfer") == 0
    assert all(privacy.private(api.load_run(p)) for p in private.runs)
    private.quickly(visibility="public")
    assert not any(privacy.private(api.load_run(p)) for p in private.runs)
