"""People's judgements in every layout, as one table; what is absent is counted and what is wrong refused."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from bench.errors import DataError, UsageError
from bench.formats.judgements import COLUMNS, LAYOUTS, read_judgements


def put(folder, name, content):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


TIFA = {
    "coco_1_sd": {"text_id": "coco_1", "image_path": "x.jpg", "human_scores": [5, 3], "human_avg": 4.0, "bleu": 0.5},
    "coco_1_dalle": {
        "text_id": "coco_1",
        "image_path": "y.jpg",
        "human_scores": [1, None],
        "human_avg": 1,
        "bleu": 0.1,
    },
}
DSG = """dsg_prompt_split,t2i_model,item_id,source_id,worker_id,question,answer
tifa160,sd,tifa160_1,coco_1,77,"How consistent is it, all in all?",3
tifa160,sd,tifa160_1,coco_1,78,"How consistent is it, all in all?",5
tifa160,dalle,tifa160_1,coco_1,77,"How consistent is it, all in all?",
"""
GENAI = {"00001": {"id": "00001", "prompt": "a cat", "models": {"DALLE_3": [5, 4, 5], "SDXL": [1, 2, 1]}}}
RANKING = {"12": {"id": "12", "prompt": "a cat", "models": {"DALLE_3": {"1": [5, 4], "2": [1, 1]}}}}
IMAGEREWARD = [{"id": "a-1", "prompt": "a cat", "generations": ["x", "y", "z"], "ranking": [1, 2, 2]}]
HPD = [
    {"prompt": "a cat", "image_path": ["x", "y"], "rank": [1, 2], "raw_annotations": [
        {"rank": [1, 2], "user_hash": "u"}, {"rank": [2, 1], "user_hash": "v"}]},
    {"prompt": "a dog", "image_path": ["x", "y"], "rank": [2, 1]},
]  # fmt: skip


def rows(found, *columns):
    return list(found.table[list(columns)].itertuples(index=False, name=None))


def test_tifa(tmp_path):
    found = read_judgements(put(tmp_path, "a.json", TIFA))
    assert rows(found, "sample", "system", "rater", "rating") == [
        ("coco_1", "sd", "1", 5), ("coco_1", "sd", "2", 3), ("coco_1", "dalle", "1", 1),
    ]  # fmt: skip
    assert found.layout == "tifa" and found.notes == ["1 ratings are absent; the first is image 'coco_1_dalle'."]
    assert found.scores.to_dict("records")[0] == {"sample": "coco_1", "k": 0, "system": "sd", "bleu": 0.5}


@pytest.mark.parametrize("mend", [lambda t: t, lambda t: "\ufeff" + t.replace("\n", "\r\n")])
def test_dsg_also_with_marks_of_other_machines(tmp_path, mend):
    found = read_judgements(put(tmp_path, "a.csv", mend(DSG)))
    assert rows(found, "sample", "system", "rater", "aspect", "rating") == [
        ("tifa160_1", "sd", "77", "", 3), ("tifa160_1", "sd", "78", "", 5),
    ]  # fmt: skip
    assert "1 ratings are absent" in found.notes[0]


def test_genai_and_its_ranking(tmp_path):
    found = read_judgements(put(tmp_path, "a.json", GENAI))
    assert rows(found, "sample", "k", "system", "rater", "rating")[2:4] == [
        ("00001", 0, "DALLE_3", "3", 5), ("00001", 0, "SDXL", "1", 1),
    ]  # fmt: skip
    ranked = read_judgements(put(tmp_path, "b.json", RANKING))
    assert rows(ranked, "sample", "k", "rating") == [("12", 0, 5), ("12", 0, 4), ("12", 1, 1), ("12", 1, 1)]


def test_ranks_are_turned_and_stay_within_their_prompt(tmp_path):
    found = read_judgements(put(tmp_path, "a.json", IMAGEREWARD))
    assert rows(found, "sample", "group", "rating") == [
        ("a-1/0", "a-1", -1),
        ("a-1/1", "a-1", -2),
        ("a-1/2", "a-1", -2),
    ]
    assert found.within
    hpd = read_judgements(put(tmp_path, "b.json", HPD))
    assert rows(hpd, "sample", "rater", "rating") == [
        ("00000/0", "u", -1), ("00000/1", "u", -2), ("00000/0", "v", -2), ("00000/1", "v", -1),
        ("00001/0", "1", -2), ("00001/1", "1", -1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "header, votes",
    [
        ("prompt_id,model_a,model_b,winner,user", ["x", "y", "tie", "model_b", "left"]),
        ("sample,first,second,vote,rater", ["first", "second", "TIE", "b", "a"]),
        ("id,left,right,preferred,worker id", ["left", "right", "both", "y", "x"]),
        ("question_id,system_1,system_2,outcome,judge", ["1", "0", "0.5", "0.0", "1.0"]),
    ],
)
def test_votes_under_many_names(tmp_path, header, votes):
    lines = [header, *(f"p{i // 2},x,y,{vote},u{i}" for i, vote in enumerate(votes))]
    found = read_judgements(put(tmp_path, "a.csv", "\n".join(lines)))
    assert found.votes and [r[0] for r in rows(found, "rating")] == [1, 0, 0.5, 0, 1]
    assert rows(found, "sample", "system", "other", "rater")[0] == ("p0", "x", "y", "u0")


def test_votes_of_pick_a_pic_in_parquet_and_of_an_arena_in_json_lines(tmp_path):
    columns = ["caption", "model_0", "model_1", "label_0", "label_1", "has_label", "user_id"]
    table = pd.DataFrame([
        ("a cat", "sd", "xl", 1.0, 0.0, True, 7), ("a cat", "sd", "xl", 0.5, 0.5, True, 8),
        ("a dog", "xl", "sd", 0.0, 1.0, True, 7), ("a dog", "sd", "xl", 0.0, 0.0, False, 7),
        ("a dog", "sd", "sd", 1.0, 0.0, True, 7),
    ], columns=columns)  # fmt: skip
    table.to_parquet(tmp_path / "a.parquet")
    found = read_judgements(tmp_path / "a.parquet")
    assert rows(found, "sample", "system", "other", "rating", "rater") == [
        ("a cat", "sd", "xl", 1, "7"), ("a cat", "sd", "xl", 0.5, "8"), ("a dog", "xl", "sd", 0, "7"),
    ]  # fmt: skip
    assert found.notes == ["1 rows have no vote and are left out.",
                           "1 rows hold one system against itself and are left out."]  # fmt: skip
    arena = [{"model_a": "sd", "model_b": "xl", "winner": w} for w in ("model_a", "tie (bothbad)")]
    lines = put(tmp_path, "b.jsonl", "\n".join(map(json.dumps, arena)))
    found = read_judgements(lines)
    assert rows(found, "sample", "rating") == [("1", 1), ("2", 0.5)] and "a prompt of its own" in found.notes[0]
    assert rows(read_judgements(put(tmp_path, "c.json", arena)), "rating") == [(1,), (0.5,)]


def test_the_one_table_comes_back(tmp_path):
    found = read_judgements(put(tmp_path, "a.json", HPD))
    for name, write in (("t.csv", "to_csv"), ("t.parquet", "to_parquet")):
        getattr(found.table, write)(tmp_path / name, index=False)
        back = read_judgements(tmp_path / name)
        pd.testing.assert_frame_equal(back.table, found.table)
    assert tuple(found.table.columns) == COLUMNS


@pytest.mark.parametrize(
    "name, content, why",
    [
        ("a.json", {"k": {"text_id": "k", "human_scores": [5, "good"]}}, "the rating 'good' is no number"),
        ("a.json", {"k": {"text_id": "k", "human_scores": [True]}}, "the rating 'True' is no number"),
        ("a.json", {"k": {"human_scores": [5]}}, "the field text_id is no text"),
        ("a.json", {"1": {"models": {"m": 5}}}, "the ratings of m are no list"),
        ("a.json", [{"id": "a", "generations": ["x"], "ranking": [1, 2]}], "a rank for each of its images"),
        ("a.json", [{"image_path": ["x"], "rank": "1"}], "a rank for each of its images"),
        ("a.json", '{"a": 1, "a": 2}', "a.json"),
        ("a.csv", "t2i_model,item_id,worker_id,answer\nm,i,w,5\nm,i,w,often", "line 3: the rating 'often'"),
        ("a.csv", "model_a,model_b,winner\nx,y,z", "row 1: the vote 'z' is none of x, y"),
        ("a.csv", "model_a,model_b,outcome\nx,y,2", "the outcome '2' is none of 1"),
        ("a.csv", "model_a,model_b,winner\nx,,x", "needs both systems in model_a and model_b"),
        ("a.csv", "sample,rater,rating\n", "no judgement"),
        ("a.csv", "sample,rater,rating,k\ns,r,1,first", "k is the number of an image"),
    ],
)  # fmt: skip
def test_what_breaks_the_promise_of_its_layout(tmp_path, name, content, why):
    with pytest.raises(DataError, match=why):
        read_judgements(put(tmp_path, name, content))


def test_what_is_none_of_the_layouts(tmp_path):
    assert read_judgements(put(tmp_path, "a.csv", "prompt,mean,clipscore\nx,1,2")) is None
    assert read_judgements(put(tmp_path, "a.json", {})) is None
    with pytest.raises(DataError, match="has not the layout tifa: a JSON object of images"):
        read_judgements(put(tmp_path, "a.json", GENAI), "tifa")
    with pytest.raises(UsageError, match="Did you mean"):
        read_judgements(tmp_path / "a.json", "tiffa")


def test_a_rater_who_judged_twice_is_told(tmp_path):
    table = put(tmp_path, "a.csv", "sample,rater,rating\ns,r,1\ns,r,2\ns,q,2")
    assert read_judgements(table).notes == ["1 judgements are of a rater who judged the same before; all count."]


def test_the_real_files_whole(shared_data):
    tifa = read_judgements(shared_data / "tifa" / "human_annotations_with_scores.json")
    assert (len(tifa.table), tifa.table["sample"].nunique(), tifa.table["system"].nunique()) == (1600, 160, 5)
    assert len(tifa.scores) == 800 and len(tifa.scores.columns) == 13 and not tifa.notes
    bare = read_judgements(shared_data / "tifa" / "human_annotations.json")
    pd.testing.assert_frame_equal(bare.table, tifa.table)
    ranks = read_judgements(shared_data / "imagereward" / "test.json")
    assert (len(ranks.table), ranks.table["group"].nunique()) == (2720, 466) and ranks.within
    assert set(LAYOUTS) >= {tifa.layout, ranks.layout}
