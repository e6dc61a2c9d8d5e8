"""Who says that a run is private, and what the functions of `bench.reports.privacy` make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from private_world import clean, said

from bench import api, cards, discretion, store
from bench.engine import visibility
from bench.errors import DataError
from bench.reports import privacy
from bench.types import RunSpec


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
