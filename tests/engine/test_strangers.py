"""Archives of strangers: nothing of theirs is started or opened, and a record of any kind is one sentence."""

from __future__ import annotations

import json
import re
import shutil
import sys

import pytest
import toys
from forging import N, forged, judged, protocols_again, put, record, run, submitted, table, told, wrong

from bench import store
from bench.errors import StoreError
from bench.registry import register

pytestmark = pytest.mark.usefixtures("in_this_process")


# ---- nothing of a stranger's is opened or started ------------------------------------------------------------------


def test_no_command_of_a_stranger_is_started_unasked(tmp_path):
    marker, script = tmp_path / "started", tmp_path / "make.py"
    script.write_text(
        f"import json, sys, pathlib\npathlib.Path({str(marker)!r}).touch()\nfrom PIL import Image\n"
        "for line in sys.stdin:\n    r = json.loads(line)\n"
        "    Image.new('RGB', (16, 16), (r['seed'] % 250, 10, 10)).save(r['out'])\n"
    )
    made = run(tmp_path / "runs", f'command(command="{sys.executable} {script}")')
    archive = submitted(made, tmp_path / "ours.tar.gz")
    marker.unlink()
    verdict = judged(archive, tmp_path, regenerate=3)
    assert not marker.exists() and not verdict.held and verdict.level == "self-reported"
    assert (
        told(verdict, "regenerated")
        == "not generated: command starts a program; --trust-command allows it, for systems that were looked at"
    )
    assert told(verdict, "digest") == "cannot be computed: command starts a program"
    trusted = judged(archive, tmp_path, regenerate=3, trust=True)
    assert marker.exists() and trusted.level == "regenerated"


@pytest.mark.parametrize(
    "text",
    [
        "captions(path=/etc/passwd)",
        "captions(path=prompts)",
        'callable(target="os:system")',
        "toy-colours(n=999999999)",
    ],
)
def test_no_path_of_a_stranger_is_opened(made, tmp_path, text, monkeypatch):
    from bench.engine import declared

    opened = []
    monkeypatch.setattr(declared, "open_dataset", lambda *a: opened.append(a))
    verdict = judged(forged(made[1], tmp_path / "f.tar.gz", record(lambda d: d["spec"].update(dataset=text))), tmp_path)
    assert not opened and "is not opened (" in told(verdict, "dataset")


def test_a_data_set_that_the_maintainer_names(made, images, tmp_path):
    path = record(lambda d: d["spec"].update(dataset="captions(path=/home/them/prompts.txt)"))
    archive = forged(made[1], tmp_path / "f.tar.gz", path)
    assert not judged(archive, tmp_path, images=images, rescore=3).held
    assert (
        judged(archive, tmp_path, images=images, rescore=3, datasets=("toy-colours(n=12)", f"toy-colours(n={N})")).level
        == "re-scored"
    )
    assert "toy-colours(n=12) is another data set" in told(
        judged(archive, tmp_path, datasets=("toy-colours(n=12)",)), "dataset"
    )


def test_images_are_looked_for_below_the_given_folder_alone(made, images, tmp_path):
    """A recorded path that leads elsewhere, or a link that does, is a missing image."""
    outside = tmp_path / "outside.png"
    first = sorted(images.glob("*.png"))[0]
    shutil.copy(first, outside)
    first.unlink()
    first.symlink_to(outside)
    assert "1 missing" in wrong(judged(made[1], tmp_path, images=images))["images"]

    def elsewhere(run):
        import pandas as pd

        for part in (run / "shards" / "outcomes").glob("*.parquet"):
            frame = pd.read_parquet(part)
            frame["image"] = ["../" * 8 + str(outside)] * len(frame)
            store.write_parquet(part, frame)

    archive = forged(made[1], tmp_path / "f.tar.gz", elsewhere)
    assert "39 missing" in wrong(judged(archive, tmp_path, images=images))["images"]


# ---- records of another kind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, sentence",
    [(lambda d: d.update(cards=[]), r"Expected `object`, got `array` - at `\$\.cards`"),
     (lambda d: d["scores"][0].update(value="1"), r"Expected `float \| null`, got `str` - at `\$\.scores\[0\]\.value`"),
     (lambda d: d["scores"][0].update(replicates="123"), r"Expected `array`, got `str`"),
     (lambda d: d["spec"].update(seed="x"), r"Expected `int`"),
     (lambda d: d.pop("label"), r"missing required field `label`"),
     (lambda d: d["scores"][0].update(more=1), r"unexpected keyword argument 'more'"),
     (lambda d: d.update(format=99), r"is of run format 99"),
     (lambda d: d.update(format="1"), r"states no format version")],
)  # fmt: skip
def test_a_record_of_another_kind_is_one_sentence(made, tmp_path, change, sentence):
    verdict = judged(forged(made[1], tmp_path / "f.tar.gz", record(change)), tmp_path)
    assert re.search(sentence, wrong(verdict)["record"]), wrong(verdict)


@pytest.mark.parametrize("value", [[], {}, "x", 7, None, {"name": {"a": []}}])
@pytest.mark.parametrize("field", ["dataset", "params", "extractors", "repeats", "metric"])
def test_fields_of_any_kind_break_nothing(made, tmp_path, field, value):
    def changed(data):
        for fields in data["protocols"].values():
            fields[field] = value
        protocols_again(data)

    verdict = judged(forged(made[1], tmp_path / "f.tar.gz", record(changed)), tmp_path)
    assert verdict.level is None or (field == "params" and not value)  # these metrics have none


def test_tables_of_another_kind(made, tmp_path):
    for change, sentence in (
        (lambda f: f.drop(columns="seed"), "lacks the column 'seed'"),
        (lambda f: f.__setitem__("k", f["k"].astype(str)), "the column 'k' holds"),
        (lambda f: f.__setitem__("toy-match:score", "good"), "the column 'toy-match:score' must hold numbers"),
        (lambda f: f.__setitem__("tag:colour", 1), "the column 'tag:colour' must hold texts"),
        (lambda f: f.__setitem__("prompt", 3), "the column 'prompt' holds int64 and must hold texts, none absent"),
    ):
        out = tmp_path / "f.tar.gz"
        assert sentence in wrong(judged(forged(made[1], out, table(change)), tmp_path))["record"]


@register("dataset", "toy-secrets", summary="prompts that nobody may see")
class ToySecrets(toys.ToyColours):
    visibility = "private"


def test_a_private_run_leaves_as_scores_alone(tmp_path):
    secret = run(tmp_path / "runs", dataset=f"toy-secrets(n={N})")
    verdict = judged(submitted(secret, tmp_path / "ours.tar.gz"), tmp_path)
    assert verdict.level == "self-reported" and told(verdict, "scores").startswith("the rows stay with the private run")
    blinded = judged(submitted(secret, tmp_path / "b.tar.gz", rows="blinded"), tmp_path)
    assert "2 are what the table gives" in told(blinded, "scores")
    lied = forged(tmp_path / "b.tar.gz", tmp_path / "c.tar.gz", put("toy-match", value=1.0))
    assert "1 is stated and the table gives 0.975" in wrong(judged(lied, tmp_path))["scores"]
    assert not judged(tmp_path / "b.tar.gz", tmp_path, rescore=3).held
    text = json.dumps([f.told for f in (*verdict.findings, *blinded.findings)])
    assert "square" not in text and "s003" not in text.replace("refuse=s003", "")


def test_rows_of_a_public_data_set_are_not_withheld(tmp_path):
    with pytest.raises(StoreError, match="its rows are withheld, and the data set toy-colours is not private"):
        submitted(run(tmp_path / "runs", visibility="private"), tmp_path / "ours.tar.gz")
    assert not list(tmp_path.glob("*.tar.gz")) and not list(tmp_path.glob(".*"))


def test_a_card_is_needed_for_a_ledger_only(made, tmp_path):
    bare = forged(made[1], tmp_path / "f.tar.gz", lambda run: (run / "card.json").unlink())
    assert judged(bare, tmp_path).level == "self-reported"
    assert "no card.json" in wrong(judged(bare, tmp_path, record=True))["card"]
    lies = forged(made[1], tmp_path / "g.tar.gz", lambda run: (run / "card.json").write_text('{"url": "javascript:x"}'))
    assert "lacks name, version" in wrong(judged(lies, tmp_path))["card"]
