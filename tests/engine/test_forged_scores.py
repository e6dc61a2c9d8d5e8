"""Records and tables of scores that lie: each way is caught by its own sentence, though the checksums fit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from forging import N, all_of, begun_as, forged, judged, protocols_again, put, record, submitted, table, wrong

from bench.engine.verifying import content_of
from bench.spec import digest

pytestmark = pytest.mark.usefixtures("in_this_process")


FORGED = {
    "a value": (put("toy-match", value=1.0), "scores", r"toy-match \(value\): 1 is stated and the table gives 0\.975"),
    "an interval": (put(low=0.0, high=0.1), "scores", r"the interval 0 to 0\.1 is stated and the table gives -?\d"),
    "no interval": (put(low=None, high=None), "scores", r"the interval none to none is stated"),
    "a method": (put(method="exact"), "scores", r"'exact' is stated as its method and is 't interval, \d+ groups'"),
    "fewer images": (put(n=3), "scores", r"it counts 3 images and its column 39"),
    "no missing images": (put(n_missing=0), "scores", r"it counts 0 missing images and the table 1"),
    "a jackknife": (put("toy-distance", high=1.0), "scores", r"toy-distance \(value\): the interval .* to 1 is stated"),
    "a score out of bounds": (put("toy-match", value=1.5), "scores", r"1\.5 is outside of 0\.0 to 1\.0"),
    "a score without a column": (
        table(lambda f: f.drop(columns="toy-shade:score")), "scores",
        r"the column 'toy-shade:score' is missing"),
    "a row": (table(lambda f: f.loc.__setitem__((0, "toy-shade:score"), 99.0)), "scores",
              r"is stated and the table gives"),
    "an infinity": (table(lambda f: f.loc.__setitem__((0, "toy-shade:score"), np.inf)), "record",
                    r"holds an infinity for 's\d"),
    "a refused image as a good one": (
        table(lambda f: f.loc.__setitem__((f["status"] != "ok", "toy-match:score"), 1.0)), "plug-ins",
        r"missing images have another score of toy-match than 0"),
    "a direction": (record(lambda d: d["cards"]["toy-distance"]["outputs"][0].update(direction="higher")), "plug-ins",
                    r"the card of toy-distance states other outputs than the metric has"),
    "another policy": (put(policy="exclude"), "protocols", r"it counts missing images in another way than its prot"),
    "a protocol": (record(lambda d: next(iter(d["protocols"].values())).update(missing="exclude")), "protocols",
                   r"the protocol [0-9a-f]{8} has another digest"),
    "a protocol's parameters": (
        record(lambda d: ([p["params"].update(x=1) for p in d["protocols"].values()], protocols_again(d))), "plug-ins",
        r"the protocol of toy-\w+ has other parameters than the metric"),
    "an unknown metric's card": (record(lambda d: d["cards"].pop("toy-shade")), "record", r"\(value\) has no card"),
    "a score twice": (record(lambda d: d["scores"].append(d["scores"][0])), "record", r"has two scores of value"),
    "no score": (record(lambda d: d["scores"].clear()), "record", r"it states no score"),
    "counts": (record(lambda d: d.update(counts={"ok": N})), "counts", r"the record counts \{'ok': 40\} and the table"),
    "a prompt": (table(lambda f: f.loc.__setitem__((0, "prompt"), "a blue square")), "prompts",
                 r"the prompts of the table are not those whose digest the record states"),
    "seeds": (table(lambda f: f.__setitem__("seed", f["seed"] + 1), also="seed"), "prompts",
              r"40 images have another seed"),
    "the order": (table(lambda f: f.__setitem__(f.columns, f.iloc[::-1].reset_index(drop=True))), "prompts",
                  r"the rows are not in the order of their ids' digests"),
    "a group": (table(lambda f: f.__setitem__("group", [f"g{i}" for i in range(N)])), "dataset",
                r"rows have another group"),
    "a tag": (table(lambda f: f.__setitem__("tag:colour", "red")), "dataset", r"35 rows have another tag:colour"),
    "an image digest": (table(lambda f: f.loc.__setitem__((0, "digest"), "0" * 64)), "tables", r"do not agree"),
    "another system": (record(lambda d: d["spec"].update(system="toy-painter(size=32)")), "digest",
                       r"is not the digest of its data set, prompts, system"),
    "another digest": (all_of(record(lambda d: d.update(digest="0" * 64)), begun_as("0" * 64)), "digest",
                       r"00000000 is not the digest of"),
    "a manifest": (begun_as("0" * 64), "record", r"manifest\.json is of the run 00000000 and run\.json of"),
    "a control character": (record(lambda d: d.update(label="ours\x1b[2J")), "texts",
                            r"run\.json holds the sign '\\x1b'"),
    "a turned reading direction": (record(lambda d: d.update(label="ours\u202egnp")), "texts",
                                   r"holds the sign '\\u202e'"),
    "no label": (record(lambda d: d.update(label=" ")), "record", r"its digest or its label is none"),
    "withheld rows of a public data set": (
        all_of(record(lambda d: d["dataset"].update(rows="none", visibility="private")),
               table(lambda f: f.iloc[:0])), "dataset",
        r"its rows are withheld, and the data set toy-colours is not private"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_caught_though_its_checksums_fit(made, tmp_path, name):
    change, what, sentence = FORGED[name]
    verdict = judged(forged(made[1], tmp_path / "forged.tar.gz", change), tmp_path)
    assert what in wrong(verdict), verdict.findings
    assert re.search(sentence, wrong(verdict)[what]), wrong(verdict)[what]
    assert verdict.level is None and not verdict.held


def test_other_prompts_that_agree_with_themselves_are_not_the_data_sets(made, tmp_path):
    def changed(data):
        frame_ids = [i for i in content_of(Path(made[0].path)).ids()]
        new = digest([[i, "a red square"] for i in frame_ids])
        data["dataset"]["prompts"] = new
        for fields in data["protocols"].values():
            fields["prompts"] = new
        protocols_again(data)

    forging = all_of(table(lambda f: f.__setitem__("prompt", "a red square")), record(changed))
    verdict = judged(forged(made[1], tmp_path / "forged.tar.gz", forging), tmp_path)
    assert "prompts" not in wrong(verdict) and "35 rows have another prompt" in wrong(verdict)["dataset"]


def test_unsealed_changes_are_damage(made, tmp_path):
    change = put("toy-match", value=1.0)
    assert (
        "1 changed (run.json)"
        in wrong(judged(forged(made[1], tmp_path / "a.tar.gz", change, False), tmp_path))["checksums"]
    )
    gone = judged(forged(made[1], tmp_path / "b.tar.gz", lambda r: (r / "files.json").unlink(), False), tmp_path)
    assert "no files.json" in wrong(gone)["checksums"]
    view = "shards/views/0123456789abcdef/00000.safetensors"
    more = forged(
        submitted(made[0], tmp_path / "v.tar.gz", views=1), tmp_path / "c.tar.gz", lambda r: _copy_view(r, view), False
    )
    assert "1 not listed" in wrong(judged(more, tmp_path))["checksums"]


def _copy_view(run, name):
    source = next((run / "shards" / "views").glob("*/*.safetensors"))
    (run / name).parent.mkdir(parents=True)
    shutil.copyfile(source, run / name)
