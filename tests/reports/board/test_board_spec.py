"""board.toml: what it may say, and one clear sentence for everything else."""

from __future__ import annotations

import re

import pytest

from bench.errors import UsageError
from bench.ledger import LEVELS as VERIFIED
from bench.reports.board.nouns import LEVELS
from bench.reports.board.spec import board_from, read_board

PLAIN = {
    "title": "T", "version": "1", "order": {"metric": "quality"}, "dataset": [{"name": "toy"}],
    "metric": [{"metric": "quality"}],
}  # fmt: skip


def changed(**values) -> dict:
    return {**PLAIN, **values}


def test_defaults():
    spec = board_from(PLAIN)
    assert (spec.error, spec.coverage, spec.level) == (0.05, 1.0, "self-reported")
    assert spec.metrics[0].primary and spec.datasets[0].prompts == ""
    assert LEVELS == VERIFIED


def test_everything_is_read(tmp_path):
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "board.toml"
    file.write_text("""
title = "Scenes"
version = "2"
error = 0.1
coverage = 0.99
level = "re-scored"
entries = ["published/geneval.csv"]
ledger = "ledger.json"
notes = ["A note."]
[order]
anchors = { "scenes/clipscore.value" = [0, 100], "FID" = [50.0, 0.0] }
[[dataset]]
name = "scenes"
prompts = "abc"
samples = 400
[[metric]]
metric = "fid"
label = "FID"
dataset = "scenes"
protocol = "def"
[[metric]]
metric = "clipscore:extractor=scene-clip"
output = "value"
primary = false
[[exclude]]
run = "cheater"
reason = "trained on the test prompts"
""")
    spec = read_board(file)
    assert spec.metrics[0].metric == "fd(extractor=inception-v3(resize=tf-fid))" and spec.metrics[0].label == "FID"
    assert spec.metrics[1].metric == "clipscore(extractor=scene-clip)" and not spec.metrics[1].primary
    assert spec.order.anchors == {"FID": (50.0, 0.0), "scenes/clipscore.value": (0.0, 100.0)}
    assert spec.entries == (str(tmp_path / "deep" / "published/geneval.csv"),)
    assert spec.ledger == str(tmp_path / "deep" / "ledger.json")
    assert spec.excluded == {"cheater": "trained on the test prompts"}


def test_the_digest_says_nothing_of_places(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "board.toml").write_text(
            'title = "T"\nversion = "1"\nentries = ["x.csv"]\n[order]\nmetric = "q"\n[[dataset]]\nname = "d"\n'
            '[[metric]]\nmetric = "q"\n'
        )
    one, two = (read_board(tmp_path / name / "board.toml") for name in ("a", "b"))
    assert one.digest == two.digest and one.entries != two.entries
    assert board_from(changed(error=0.1)).digest != board_from(PLAIN).digest


BAD = [
    ({"titel": "x"}, r"'titel' is no key here. Did you mean title"),
    ({"error": 0}, r"'error' must be above 0 and below 1; got 0"),
    ({"error": 1.0}, r"'error' must be above 0 and below 1"),
    ({"error": "0.1"}, r"'error' must be a number; got '0.1'"),
    ({"error": True}, r"'error' must be a number"),
    ({"error": float("nan")}, r"'error' must be above 0"),
    ({"coverage": 1.5}, r"'coverage' must be from 0 to 1; got 1.5"),
    ({"level": "re-scord"}, r"'re-scord' is no level of verification. Did you mean re-scored"),
    ({"metric": []}, r"'metric' is missing or empty"),
    ({"metric": [{"output": "value"}]}, r"metric 1: 'metric' is missing"),
    ({"metric": [{"metric": "quality", "primry": True}]}, r"metric 1: 'primry' is no key here. Did you mean primary"),
    ({"metric": [{"metric": "quality", "primary": "yes"}]}, r"'primary' must be true or false"),
    ({"metric": [{"metric": "quality"}, {"metric": "quality"}]}, r"metric 2: quality is listed twice"),
    ({"metric": [{"metric": "fid"}, {"metric": "quality"}, {"metric": "fd:extractor=inception-v3(resize=tf-fid)"}]},
     r"listed twice"),
    ({"metric": [{"metric": "quality("}]}, r"metric 1: 'quality\(' is not a plug-in text"),
    ({"metric": [{"metric": "quality", "dataset": "toi"}]}, r"no data set 'toi'. Did you mean toy"),
    ({"metric": "quality"}, r"'metric' must be a list of tables"),
    ({"dataset": [{"name": "toy"}, {"name": "toy"}]}, r"'toy' is listed twice"),
    ({"dataset": [{"name": "toy", "samples": 1.5}]}, r"'samples' must be a whole number"),
    ({"dataset": [{"name": "toy", "samples": -1}]}, r"must be 0 or more"),
    ({"order": {}}, r"'order' is missing or empty"),
    ({"order": {"output": "value"}}, r"give either 'metric', the column that orders the board, or 'anchors'"),
    ({"order": {"metric": "quality", "anchors": {"x": [0, 1]}}}, r"give either"),
    ({"order": {"metric": "qualty"}}, r"'qualty' is no column of the board. Did you mean quality"),
    ({"order": {"metric": "quality", "dataset": "toi"}}, r"no data set 'toi'"),
    ({"order": {"anchors": {"x": [1, 1]}}}, r"must be two different numbers"),
    ({"order": {"anchors": {"x": [0, float("inf")]}}}, r"must be two different numbers"),
    ({"order": {"anchors": {"x": 3}}}, r"must be two different numbers"),
    ({"order": {"anchors": {"x": [0, 1]}, "dataset": "toy"}}, r"'dataset' belongs to 'metric'"),
    ({"exclude": [{"run": "x"}]}, r"exclude 1: 'reason' is missing"),
    ({"exclude": [{"run": "x", "reason": "a"}, {"run": "x", "reason": "b"}]}, r"'x' is excluded twice"),
    ({"entries": "x.csv"}, r"'entries' must be a list of texts"),
    ({"pinned": {"prompt": {}}}, r"'prompt' is no key here"),
    ({"pinned": {"protocols": {"toy/other": "abc"}}}, r"'toy/other' is not on the board any more"),
    ({"pinned": {"samples": {"toy": "many"}}}, r"'toy' must be a number"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "said"), BAD, ids=lambda v: re.sub(r"\W+", "-", str(v))[:50])
def test_bad_rules_get_one_sentence(values, said):
    with pytest.raises(UsageError, match=said) as caught:
        board_from(changed(**values), "board.toml")
    assert str(caught.value).startswith("board.toml") and "\n" not in str(caught.value)


def test_bad_files_get_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="no board file"):
        read_board(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("title = [")
    with pytest.raises(UsageError, match="no valid TOML"):
        read_board(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(UsageError, match="no valid TOML"):
        read_board(tmp_path / "latin.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_board(tmp_path)


def test_pins_belong_to_their_data_set():
    spec = board_from(changed(
        dataset=[{"name": "a"}, {"name": "b"}],
        pinned={"prompts": {"a": "p1", "b": "p2"}, "samples": {"a": 5},
                "protocols": {"a/quality": "x", "b/quality": "y"}},
    ))  # fmt: skip
    assert [(d.prompts, d.samples) for d in spec.datasets] == [("p1", 5), ("p2", 0)]
    assert [(m.dataset, m.protocol) for m in spec.metrics] == [("a", "x"), ("b", "y")]
