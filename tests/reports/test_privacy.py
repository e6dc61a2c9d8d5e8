"""Nothing of a private run leaves it: everything that is written outside its folder or printed is searched for the
captions' words and for its images. The same commands on a public run are found out, or the search would prove nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from leaks import images_in, words_in
from PIL import Image

from bench import api, cards, discretion, store, systemcard
from bench.cli import main
from bench.engine import life, packing, visibility
from bench.engine.options import Options
from bench.errors import DataError, UsageError
from bench.reports import privacy, write
from bench.reports.comparison.compare import compare
from bench.reports.exports import forms
from bench.reports.figures.catalog import possible
from bench.reports.figures.render import rendered
from bench.study import Study
from bench.types import RunSpec

WORDS = ["zyxquorl", "blorptang", "fnizzle", "quavorn", "mirbalon", "teskwip", "dronquel", "wubberly"]
CAPTIONS = [f"a {w} {WORDS[(i + 3) % 8]} beneath seventeen green umbrellas" for i, w in enumerate(WORDS)]
METRICS = ["-m", "ssim", "-m", "collapse"]


@pytest.fixture(autouse=True)
def nothing_kept():
    """Each test is a process of its own in this: nothing is kept back from an earlier one."""
    discretion.forget()
    yield
    discretion.forget()


@dataclass(frozen=True)
class World:
    """Captions as names of files, with references, below one folder."""

    home: Path

    @property
    def runs(self) -> list[Path]:
        return store.find_runs(self.home / "runs")

    @property
    def images(self) -> list[Path]:
        return sorted(self.home.glob("in/*/*.png"))

    def bench(self, *arguments: str) -> int:
        return main([*arguments, "--root", str(self.home / "runs")])

    def quickly(self, **more: str) -> None:
        """The runs without a report."""
        systems = tuple(f"{name}={self.home}/in/{name}" for name in ("ours", "theirs"))
        study = Study(systems, prompts=f"{self.home}/in/captions.csv", metrics=("ssim", "collapse"), **more)
        api.run(study, options=Options(root=self.home / "runs"))

    def run(self, *more: str) -> int:
        systems = [f"{name}={self.home}/in/{name}" for name in ("ours", "theirs")]
        given = ["--prompts", f"{self.home}/in/captions.csv", *METRICS, *more]
        return self.bench("run", *systems, *given, "--report", f"{self.home}/out/report")


def made(home: Path) -> World:
    (home / "in" / "ref").mkdir(parents=True)
    lines = ["prompt,reference,kind,hero"]
    for i, caption in enumerate(CAPTIONS):
        for system in ("ours", "theirs", "ref"):
            (home / "in" / system).mkdir(exist_ok=True)
            pixels = np.random.default_rng([i, len(system)]).integers(0, 255, (32, 32, 3)).astype(np.uint8)
            name = f"{caption}.png" if system == "ref" else f"{caption}_0001.png"
            Image.fromarray(pixels).save(home / "in" / system / name)
        lines.append(f"{caption},ref/{caption}.png,{'even' if i % 2 else 'odd'},{WORDS[i % 2]}")
    (home / "in" / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return World(home)


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    return made(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> World:
    """Private runs that no test changes."""
    world = made(tmp_path_factory.mktemp("private"))
    world.quickly(visibility="private")
    return world


@pytest.fixture
def private(world) -> World:
    world.quickly(visibility="private")
    return world


def said(capsys, world: World) -> Path:
    """Everything printed so far, as a file in out/."""
    captured = capsys.readouterr()
    path = world.home / "out" / f"said-{len(list((world.home / 'out').glob('said-*')))}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{captured.out}\n{captured.err}", encoding="utf-8")
    return path


def all_commands(world: World) -> None:
    """Whatever writes or prints, on runs that are there."""
    runs, out = [str(r) for r in world.runs], world.home / "out"
    found = compare(runs)
    for name, form in forms.PRINTED.items():
        (out / f"printed-{name}.txt").write_text(form(found), encoding="utf-8")
    assert world.bench("compare", *runs, "--report", str(out / "compared"), "--json", "--prompts-by", "ssim") == 0
    assert world.bench("compare", *runs, "--report", str(out / "by-hero"), "--by", "hero") == 0
    assert world.bench("compare", runs[0], "--report", str(out / "alone")) == 0
    for form in ((), ("--json",), ("--methods",), ("--latex",), ("--markdown",), ("--model-index",)):
        assert world.bench("show", runs[0], *form) == 0
    assert world.bench("score", *runs, "-m", "edge-chamfer") == 0
    assert world.bench("score", runs[0], "-m", "edge-chamfer", "--json") == 0
    assert world.bench("verify", *runs, "--images") == 0
    assert world.bench("verify", *runs, "--images", "--json") == 0
    assert world.bench("pack", *runs, "--out", str(out / "pack")) == 0
    assert world.bench("pack", *runs, "--out", str(out / "pack.tar.gz"), "--rows", "blinded", "--no-images") == 0
    (out / "card.toml").write_text(systemcard.TEMPLATE)
    for rows in ("none", "blinded"):
        archive = str(out / f"submission-{rows}.tar.gz")
        card = ["--card", str(out / "card.toml"), "--rows", rows]
        assert world.bench("submit", runs[0], "--out", archive, *card, "--thumbnails", "64") == 0
        assert world.bench("verify", archive) == 0
    board(world, world.runs, out / "board")
    draw(world, out / "figures")


def board(world: World, runs: list[Path], out: Path | None = None):
    """A board by SSIM of these runs."""
    rules = world.home / "in" / "board.toml"
    lines = ['title = "Toy"', 'version = "1"', "[order]", 'metric = "ssim"', "[[dataset]]", 'name = "captions"']
    rules.write_text("\n".join([*lines, "[[metric]]", 'metric = "ssim"']))
    return api.leaderboard(rules, runs, out=out)


def draw(world: World, out: Path) -> None:
    """Every figure that these runs allow."""
    figures, _ = possible(compare(world.runs))
    assert len(figures) >= 6
    out.mkdir()
    for name, figure in figures.items():
        for kind in ("svg", "pdf"):
            (out / f"{name}.{kind}").write_bytes(rendered(figure, kind))


def clean(world: World) -> list[str]:
    places = [world.home / "out", *([world.home / "home"] if (world.home / "home").exists() else [])]
    return words_in(WORDS, *places) + images_in(world.images, *places)


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


# ---- packs ----------------------------------------------------------------------------------------------------------


def packed(world: World, to: Path, **options) -> list[Path]:
    return store.find_runs(packing.pack(world.runs, to / "light", **options))


def test_a_pack_shows_scores_and_pairs_nothing(whole, tmp_path):
    full, light = api.compare(whole.runs), api.compare(packed(whole, tmp_path))
    for a, b in zip(full.rows, light.rows, strict=True):
        assert [c and (c.value, c.low, c.high, c.n) for c in a.cells] == [
            c and (c.value, c.low, c.high, c.n) for c in b.cells
        ]
        assert any(d is not None for d in a.differences) or a.cells[0].value is None
        assert not any(d is not None for d in b.differences)
    assert (light.prompts, light.common) == (full.prompts, full.common) == (8, 8)
    assert any("per-sample rows are private" in r for r in light.refused)


def test_a_board_shows_the_scores_of_a_pack_and_ranks_them_not(whole, tmp_path):
    full = board(whole, whole.runs)
    light = board(whole, packed(whole, tmp_path))
    assert len(full.ranked) == 2 and not light.ranked and len(light.unranked) == 2
    assert all("per-sample rows are private" in row.reason for row in light.unranked)
    values = [{(r.title, c.value) for r in b.rows for c in r.cells if c is not None} for b in (full, light)]
    assert values[0] == values[1]
    blinded = board(whole, store.find_runs(packing.pack(whole.runs, tmp_path / "blinded", rows="blinded")))
    assert [(r.title, [c and c.value for c in r.cells]) for r in blinded.ranked] == [
        (r.title, [c and c.value for c in r.cells]) for r in full.ranked
    ]


def test_blinded_rows_pair_like_the_runs(whole, tmp_path):
    copies = packed(whole, tmp_path, rows="blinded")
    full, light = api.compare(whole.runs), api.compare(copies)
    for a, b in zip(full.rows, light.rows, strict=True):
        told = [[d and (d.delta, d.n, d.wins, d.ties, d.losses, d.kind) for d in row.differences] for row in (a, b)]
        for mine, theirs in zip(*told, strict=True):
            assert (mine is None) == (theirs is None)
            assert mine is None or (mine[0] == pytest.approx(theirs[0]) and mine[1:] == theirs[1:])
    with pytest.raises(UsageError, match="pack already"):
        packing.pack(copies, tmp_path / "twice")
    mixed = api.compare([whole.runs[0], copies[1]])
    assert any("rows of one are blinded" in r for r in mixed.refused)


def test_blinded_rows_hold_numbers_and_nothing_else(whole, tmp_path):
    frame = store.samples(packed(whole, tmp_path, rows="blinded")[0])
    full = store.samples(whole.runs[0])
    assert all(len(s) == 16 and int(s, 16) >= 0 for s in frame["sample"])
    assert set(frame["prompt"]) == set(frame["image"]) == set(frame["digest"]) == set(frame["reference"]) == {""}
    assert set(frame["seed"]) == {0} and not any(c.startswith("tag:") for c in frame)
    assert list(frame["sample"]) == sorted(frame["sample"]), "the plan's order follows the ids"
    assert sorted(frame["ssim:score"]) == sorted(full["ssim:score"])


def test_notes_of_a_pack_quote_nothing(make, tmp_path):
    """Neither what only captions have, nor what they share with the suite's own words."""

    def close(data):
        data["dataset"] |= {"visibility": "private"}
        data["notes"] = ("no image of 'a zyxquorl 7' and of \"red circle\"", "cut: a zyxquo")
        data["scores"] = tuple(dataclasses.replace(s, note="NaN for a zyxquorl 3") for s in data["scores"])
        data["provenance"] = dataclasses.replace(data["provenance"], command="bench run --only 'a zyxquorl 7'")

    run = Path(make("ours", change=close, prompts=lambda i: f"a zyxquorl {i} left of a red circle"))
    light = store.find_runs(packing.pack([run], tmp_path / "light"))
    assert words_in(["zyxqu", "red circle"], tmp_path / "light") == []
    old, new = api.load_run(run), api.load_run(light[0])
    assert new.notes == ("no image of [withheld] and of [withheld]", "cut: a [withheld]")
    assert [(s.value, s.low, s.high, s.protocol, s.replicates) for s in old.scores] == [
        (s.value, s.low, s.high, s.protocol, s.replicates) for s in new.scores
    ]


def test_views_of_a_private_run_are_refused(whole, tmp_path):
    with pytest.raises(UsageError, match="views tell of single captions"):
        packing.pack(whole.runs, tmp_path / "light", views=True)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


def broken_file(world: World) -> int:
    path = world.home / "in" / "captions.csv"
    path.write_text(path.read_text() + CAPTIONS[0] + ",no/" + CAPTIONS[1] + ".png,odd,x\n")
    return world.run("--visibility", "private")


def equal_ids(world: World) -> int:
    (world.home / "in" / "captions.csv").write_text("id,prompt\n" + "\n".join(f"{CAPTIONS[0]},{c}" for c in CAPTIONS))
    return world.run("--visibility", "private")


def torn_csv(world: World) -> int:
    (world.home / "in" / "captions.json").write_text(f'["{CAPTIONS[0]}", {{"{CAPTIONS[1]}": 3}}]')
    (world.home / "in" / "captions.csv").write_text(f"wrong,{CAPTIONS[2]}\n1,2\n")
    world.bench(
        "run", f"ours={world.home}/in/ours", "--prompts", f"{world.home}/in/captions.json", "--visibility", "private"
    )
    return world.run("--visibility", "private")


def missing_images(world: World) -> int:
    for path in world.home.glob("in/ours/*.png"):
        if any(w in path.name for w in WORDS[:3]):
            path.unlink()
    return world.run("--visibility", "private")


def bad_image(world: World) -> int:
    next(iter(sorted(world.home.glob("in/ours/*.png")))).write_bytes(b"no picture")
    return world.run("--visibility", "private")


@pytest.mark.parametrize("wrong", [broken_file, equal_ids, torn_csv, missing_images, bad_image])
def test_messages_name_no_caption(world, capsys, wrong):
    assert wrong(world) in (2, 5)
    told = said(capsys, world)
    assert "error:" in told.read_text() or "incomplete:" in told.read_text()
    assert clean(world) == []


@pytest.mark.parametrize("traced", [(), ("--traceback",)])
def test_an_internal_error_names_no_caption(world, capsys, monkeypatch, traced):
    """Neither on the terminal nor in the file of the traceback."""

    def boom(plan, *_):
        sample = plan.resolved.samples[0]
        raise RuntimeError(f"boom at {sample.prompt!r} ({sample.id}), cut: {sample.prompt[:9]}")

    monkeypatch.setattr(life, "images", boom)
    assert world.run("--visibility", "private", *traced) == 70
    told = said(capsys, world).read_text()
    crashes = list((world.home / "home" / "crash").glob("*.txt"))
    assert "boom at" in (told if traced else crashes[0].read_text()) and "sample " in told
    assert clean(world) == []


def test_the_same_error_of_a_public_run_names_it(world, capsys, monkeypatch):
    monkeypatch.setattr(
        life, "images", lambda plan, *_: (_ for _ in ()).throw(RuntimeError(plan.resolved.samples[0].prompt))
    )
    assert world.run() == 70
    said(capsys, world)
    assert clean(world)


def test_a_damaged_private_run_names_no_caption(private, capsys):
    frame = store.samples(private.runs[0])
    store.write_parquet(private.runs[0] / "samples.parquet", pd.concat([frame, frame]))
    said(capsys, private)
    assert private.bench("compare", *map(str, private.runs), "--report", str(private.home / "out" / "x")) != 0
    assert "twice" in said(capsys, private).read_text()
    assert clean(private) == []


# ---- who says that it is private ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "closed"),
    [("private", True), ("Private: patients", True), ("private; ask first", True), ("public: known to all", False),
     ("", False), (None, False), ("privately", False), ("not private", False)],
)  # fmt: skip
def test_the_first_word_decides(text, closed):
    assert discretion.is_private(text) is closed


def carded(tmp_path: Path, monkeypatch, text: str) -> None:
    (tmp_path / "captions.toml").write_text(text)
    monkeypatch.setattr(cards, "_folders", lambda name: iter([tmp_path]))


def test_a_card_makes_private_and_a_command_cannot_open_it(world, tmp_path, monkeypatch, capsys):
    carded(tmp_path, monkeypatch, 'visibility = "private: partners only"\nsensitive = true\n')
    assert world.run() == 0
    run = api.load_run(world.runs[0])
    assert run.dataset["visibility"] == "private: partners only" and privacy.sensitive(run, {})
    said(capsys, world)
    assert clean(world) == []
    assert world.run("--visibility", "public") == 2
    assert "card of the dataset captions says 'private: partners only'" in said(capsys, world).read_text()


def test_a_slip_of_the_pen_on_a_card_is_no_publication(world, tmp_path, monkeypatch, capsys):
    carded(tmp_path, monkeypatch, 'visibility = "privat"\n')
    assert world.run() == 2
    assert "must begin with public or private" in capsys.readouterr().err


def test_a_study_may_say_it(world, capsys):
    study = world.home / "in" / "study.toml"
    study.write_text(
        'systems = ["ours=./ours"]\nprompts = "./captions.csv"\nmetrics = ["collapse"]\nvisibility = "private"\n'
    )
    assert world.bench("run", str(study), "--report", str(world.home / "out" / "report")) == 0
    assert privacy.private(api.load_run(world.runs[0]))
    said(capsys, world)
    assert clean(world) == []
    study.write_text(study.read_text().replace('"private"', '"secret"'))
    assert world.bench("run", str(study)) == 2 and "must be public or private" in capsys.readouterr().err


def test_a_dataset_made_of_a_private_one_is_private():
    class Base:
        visibility, sensitive, plugin_name = "private", True, "x"

    class Made:
        visibility, sensitive, plugin_name, base = "", False, "y", Base()

    assert visibility.visibility(Made()) == visibility.Visibility("private", True)


# ---- functions ------------------------------------------------------------------------------------------------------


def test_the_functions_of_a_public_and_a_private_run(make):
    def close(data):
        data["dataset"]["visibility"] = "private"

    public, closed = (api.load_run(make("a", change=change)) for change in (None, close))
    assert privacy.prompt_text(public, "s0001", "a cat") == "a cat" and privacy.sample_name(public, "s0001") == "s0001"
    name = privacy.sample_name(closed, "s0001")
    assert privacy.prompt_text(closed, "s0001", "a cat") == name and name.startswith("sample ") and len(name) == 19
    assert privacy.images_allowed(public) and not privacy.images_allowed(closed)
    assert len({privacy.sample_name(closed, s) for s in set(store.samples(closed.path)["sample"])}) == 60
    again = api.load_run(make("b", seed=2, change=close))
    assert privacy.sample_name(again, "s0001") == name, "runs of one list agree"
    other = api.load_run(make("c", change=close, prompts=lambda i: f"another {i}"))
    assert privacy.sample_name(other, "s0001") != name, "and no other list does"


@pytest.mark.parametrize(
    ("tag", "blurred"), [("", False), ("false", False), ("0", False), ("yes", True), ("1", True), (None, False)]
)
def test_a_tag_makes_a_row_sensitive(make, tag, blurred):
    run = api.load_run(make("a"))
    assert privacy.sensitive(run, {"tag:sensitive": tag}) is blurred
    assert privacy.sensitive(dataclasses.replace(run, dataset={**run.dataset, "sensitive": True}), {}) is True


def test_messages_keep_what_is_no_secret():
    names = {
        "a zyxquorl beneath seventeen umbrellas": "sample 012345670123",
        "a red circle left of a blue square": "sample 89abcdef89ab",
    }
    discretion.keep("x", lambda: names, ("ours-zyxquorl-lora",))
    told = discretion.discreet
    assert (
        told("In 'p.csv' an image is missing; give another --out.")
        == "In 'p.csv' an image is missing; give another --out."
    )
    assert told("'A zyxquorl, beneath seventeen umbrellas.'") == "'sample 012345670123.'"
    assert told("a-zyxquorl-beneath-seventeen-umbrellas_0001.png") == "sample 012345670123_0001.png"
    assert told("cut: umbrel") == "cut: [withheld]" and told("red circle left") == "red circle left"
    assert (
        told("a red circle left of") == "[withheld]"
        and told("a red circle left of a blue square") == "sample 89abcdef89ab"
    )
    assert told("the system ours-zyxquorl-lora is better") == "the system ours-zyxquorl-lora is better"
    assert told("図書館の猫") == "図書館の猫"


def test_scripts_without_spaces_are_withheld_too():
    discretion.keep("x", lambda: {"図書館の猫が眠る": "sample 012345670123"})
    assert (
        "図書館の猫" not in discretion.discreet("cut: 図書館の猫…")
        and discretion.discreet("'図書館の猫が眠る'") == "'sample 012345670123'"
    )


def test_errors_are_discreet_when_they_are_made():
    discretion.keep("x", lambda: {"a zyxquorl umbrella": "sample 012345670123"})
    assert str(DataError("no 'a zyxquorl umbrella' here")) == "no 'sample 012345670123' here"


def test_a_spec_of_old_has_no_visibility():
    data = dataclasses.asdict(RunSpec("oracle", "scenes"))
    del data["visibility"]
    assert store.spec_from(data).visibility == ""
