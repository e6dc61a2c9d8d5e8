"""Sentence embeddings by small random models, and TIFA's way from a free answer to a choice, against its own script."""

from __future__ import annotations

import json

import pytest
import torch
from tiny_hub import blip, picture, sentences

from bench.cli import main
from bench.errors import WeightsMissing
from bench.extractors import vqa_http
from bench.extractors.hub_vqa import Vqa
from bench.extractors.recorded import Recorded
from bench.extractors.sentence_model import MPNET, Nearest, SentenceEmbedding
from bench.types import Answers, ImageRow, Question, Sample

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("one_thread")
TEXTS = ["pale green", "a dog on the bench", "black", "how many red bird are there ?"]
CHOICES = ("black", "green", "yellow", "brown")
COLOUR = Question("colour", "what colour is the dog ?", "red", ("red", "blue", "green"))
ASKED = Question("q", "what colour is the dog ?", "green", CHOICES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sentences(tmp_path_factory.mktemp("sentences") / "model")


def published(folder, texts):
    """embed_sentences of tifascore/mc_sbert.py: all texts padded together."""
    from transformers import AutoModel, AutoTokenizer

    tokens, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    given = tokens(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**given)[0]
    mask = given["attention_mask"].unsqueeze(-1).expand(states.size()).float()
    means = torch.sum(states * mask, 1) / torch.clamp(mask.sum(1), min=1e-9)
    return torch.nn.functional.normalize(means, p=2, dim=1)


@pytest.mark.parametrize("kind", ["mpnet", "bert"])
def test_embeddings_are_those_of_the_published_script(tmp_path, kind):
    made = SentenceEmbedding(str(sentences(tmp_path / kind, kind=kind)), at_once=2)
    assert made.problems() == []
    found = made.extract_texts(TEXTS)["features"]
    assert torch.allclose(found, published(tmp_path / kind, TEXTS), atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(len(TEXTS)), atol=1e-6)
    assert torch.equal(found, torch.cat([made.extract_texts([t])["features"] for t in TEXTS])), "no neighbour matters"
    long = made.extract_texts(["red " * 200])["features"]
    assert torch.isfinite(long).all(), "what is longer than the model reads is cut"


def test_a_free_answer_becomes_the_nearest_choice_as_tifas_script_has_it(folder):
    near = Nearest(str(folder), "recorded")
    answers = ["pale green", "dark red", "the dog", "two bird on it"]
    for text in answers:
        answer, choices = published(folder, [text]), published(folder, list(CHOICES))
        likeness = (choices @ answer.T).squeeze(1)
        found = near.limited(Answers({"q": text}, {}), [ASKED]).texts["q"]
        assert found == CHOICES[int(likeness.argmax())] and found != CHOICES[int(likeness.argmin())]
    for kept in ("green", " Green ", "", "  "):
        assert near.limited(Answers({"q": kept}, {}), [ASKED]).texts["q"] == kept
    free = Question("f", "what is it ?", "dog")
    assert near.limited(Answers({"f": "pale green"}, {}), [free]).texts == {"f": "pale green"}, "nothing to choose from"
    assert Nearest(None, "recorded").limited(Answers({"q": "pale green"}, {}), [ASKED]).texts["q"] == "pale green"


def test_the_judge_of_transformers_answers_freely_and_then_chooses(tmp_path, folder):
    seen = blip(tmp_path / "blip")
    sample = Sample("a", "a red dog", questions=(COLOUR,))

    def answer(**given):
        made = Vqa(str(seen), choose=False, **given)
        made.attach("x", "", [sample])
        assert made.problems() == []
        text = made.extract_images([made.prepare_image(picture(0))], [sample])["answers"][0].texts["colour"]
        return text, made.identity()

    own, plain = answer(sentences=None)
    chosen, named = answer(sentences=str(folder))
    assert own not in COLOUR.choices and chosen in COLOUR.choices
    assert chosen == Nearest(str(folder), "vqa").limited(Answers({"colour": own}, {}), [COLOUR]).texts["colour"]
    assert plain["sentences"] == "none" and named["sentences"].startswith("content:")
    made = Vqa(str(seen))
    made.attach("x", "", [sample])
    assert "sentences" not in made.identity() and made.judges == (), "the likeliest choice needs no sentences"


def test_the_judge_over_http_states_it_too(folder):
    made = vqa_http.VqaHttp("http://localhost:9", "m", key_env=None, choose=False, sentences=str(folder))
    made.attach("x", "", [Sample("a", "x", questions=(ASKED,))])
    assert made.problems() == [] and made.identity()["sentences"].startswith("content:")
    lacking = vqa_http.VqaHttp("http://localhost:9", "m", key_env=None, choose=False, sentences="/nowhere")
    lacking.attach("x", "", [Sample("a", "x", questions=(ASKED,))])
    (told,) = lacking.problems()
    assert "'/nowhere' does not exist" in told and "vqa-http(sentences=none) leaves them" in told


def test_recorded_answers_are_limited_by_default_and_it_says_so_where_it_cannot(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("BENCH_ALLOW_DOWNLOAD", "0")
    told = {"question_details": {"s": {ASKED.text: {"free_form_vqa": "pale green", "scores": 1}}}}
    (tmp_path / "tifa.json").write_text(json.dumps(told))
    sample = Sample("s", "a green dog", questions=(ASKED,))
    row = ImageRow("s", 0, 0, "s.png", "d", (8, 8))

    def made(**given):
        one = Recorded(str(tmp_path / "tifa.json"), **given)
        one.attach("x", "", [sample])
        assert one.problems() == []
        return one

    def answer(one):
        return one.extract_images([row], [sample])["answers"][0].texts["q"]

    assert answer(made(sentences=str(folder))) in CHOICES
    assert answer(made(sentences=None)) == "pale green"
    with pytest.raises(WeightsMissing, match=r"'pale green' is none of the choices of 'what colour.*sentences=none"):
        answer(made())
    assert made().protocol()["answers"]["sentences"] == MPNET
    protocols = [json.dumps(made(sentences=s).protocol(), sort_keys=True) for s in (None, str(folder), MPNET)]
    assert len(set(protocols)) == 3, "how answers are brought to choices is the protocol"


def test_folders_that_are_none(tmp_path, folder):
    def problem(place):
        return " ".join(SentenceEmbedding(str(place)).problems())

    assert "does not exist" in problem(tmp_path / "absent")
    (tmp_path / "bare").mkdir()
    assert "lacks config.json" in problem(tmp_path / "bare")
    (tmp_path / "bare" / "config.json").write_text('{"model_type": "bert"}')
    told = problem(tmp_path / "bare")
    assert "lacks tokenizer.json or vocab.txt or vocab.json; save its tokenizer" in told and "has no weights" in told


def test_it_is_shown_and_its_need_is_named(folder, capsys):
    assert main(["doctor", f'sentence-embedding(model="{folder}")']) == 0
    assert str(folder) in capsys.readouterr().out.replace("\n", "")
