"""The judge over HTTP against a server on the loopback address: what is sent, what is kept, and a server that
misbehaves."""

from __future__ import annotations

import base64
import json
import math
from io import BytesIO

import numpy as np
import pytest
from http_server import DONE, FAST, KEY, serving
from PIL import Image
from tiny_hub import picture

from bench.errors import DataError, Incomplete, UsageError
from bench.extractors.vqa_http import VqaHttp
from bench.extractors.vqa_replies import Said, read_reply
from bench.formats.http_errors import Failed, Passing, Refused, Useless
from bench.types import Question, Sample

DOG = Question("dog", "is there a dog?", "yes")
CAT = Question("cat", "is there a cat?", "no", ("yes", "no"))
COLOUR = Question("colour", "what colour is the dog?", "red", ("red", "blue"))
COUNT = Question("count", "how many dogs?", "2")
SAMPLE = Sample("a", "a red dog", questions=(DOG, CAT, COLOUR, COUNT))


@pytest.fixture(autouse=True)
def key(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))


def said(text, first=None, **more):
    top = [{"token": t, "logprob": math.log(p)} for t, p in (first or {}).items()]
    logprobs = {"content": [{**top[0], "top_logprobs": top}]} if top else None
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": logprobs, **more}
    return {"choices": [choice], "model": "m-2026", "usage": {"total_tokens": 30}}


def words(body):
    return body["messages"][0]["content"][1]["text"]


def knowing(n, body, handler):
    """A server that sees a red dog."""
    text = words(body)
    if "dog?" in text and "colour" not in text:
        return said("Yes.")
    return said("No" if "cat" in text else "It is red" if "colour" in text else "2")


def judge(server, **given):
    made = VqaHttp(server.url, "m", **{**FAST, **given})
    assert made.problems() == []
    return made


def asked(made, count=1, sample=SAMPLE, start=0):
    images = [made.prepare_image(picture(start + i)) for i in range(count)]
    return made.extract_images(images, [sample] * count)


# ---- what goes well --------------------------------------------------------------------------------------------------


def test_questions_are_answered_and_the_call_is_the_published_one():
    with serving(knowing) as server:
        found = asked(judge(server))
    assert found["answers"][0].texts == {"dog": "yes", "cat": "no", "colour": "red", "count": "2"}
    assert found["absent"] == [[]] and len(server.posts) == 4
    body = next(b for b in server.posts if "is there a dog?" in words(b))
    assert body["path"] == "/v1/chat/completions" and body["model"] == "m" and body["temperature"] == 0
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    sent = np.asarray(Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))))
    assert np.array_equal(sent, picture(0)), "the image arrives as it is"
    assert words(body) == "is there a dog? Answer with one word: yes or no."
    assert any("exactly one of these and nothing else: red, blue" in words(b) for b in server.posts)
    assert server.heads[0]["Authorization"] == f"Bearer {KEY}"


def test_probabilities_of_first_tokens():
    first = {"Yes": 0.6, "No": 0.15, " yes": 0.1, "Maybe": 0.1}
    with serving(lambda n, b, h: said("Yes", first)) as server:
        pair = asked(judge(server, logprobs=True), sample=Sample("a", "x", questions=(DOG, CAT)))["answers"][0]
        odds = asked(judge(server, logprobs=True, ask="prompt"))["logits"]
    assert pair.probabilities == pytest.approx({"dog": 0.7 / 0.85, "cat": 0.15 / 0.85}) and pair.texts["cat"] == "yes"
    assert float(odds.sigmoid()) == pytest.approx(0.7, abs=1e-6), "both cases of yes, among all tokens"
    assert server.posts[0]["logprobs"] is True and 'Does this figure show "a red dog"?' in words(server.posts[-1])


def test_exchanges_are_kept_whole_and_without_secrets(tmp_path):
    def repeats(n, body, handler):
        return said(f"yes {KEY} {handler.headers['Authorization']}")

    with serving(repeats) as server:
        made = judge(server)
        found = asked(made, sample=Sample("a", "x", questions=(DOG,)))
        (one,) = found["exchange"][0]
        assert words(one["request"]) == "is there a dog? Answer with one word: yes or no."
        assert one["request"]["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;sha256,")
        assert one["answer"]["model"] == "m-2026" and one["answer"]["usage"] == {"total_tokens": 30}
        assert one["tries"] == 1 and one["seconds"] >= 0
        files = list((tmp_path / "home" / "exchanges").rglob("*.json"))
        assert [json.loads(f.read_text()) for f in files] == [one]
        assert KEY not in json.dumps(one) and "[key]" in one["answer"]["text"]
        again = asked(judge(server), sample=Sample("a", "x", questions=(DOG,)))
        assert again == found and len(server.posts) == 1, "nothing is paid twice"


def test_one_image_and_question_is_asked_once_and_large_images_are_reduced():
    with serving(knowing) as server:
        made = judge(server, side=32)
        big = made.prepare_image(picture(0, (64, 128)))
        assert Image.open(BytesIO(big)).size == (32, 16)
        made.extract_images([big, big], [SAMPLE, SAMPLE])
        assert len(server.posts) == 4


# ---- a server that misbehaves ----------------------------------------------------------------------------------------


def test_hiccups_are_asked_again():
    def script(n, body, handler):
        if n == 0:
            handler.say(429, {"error": {"message": "slow down"}}, Retry_After="0.05")
            return DONE
        if n == 1:
            return 503, b"<html>busy</html>"
        if n == 2:
            handler.say(200, b'{"choices": [{"mess', kind="application/json")
            return DONE
        if n == 3:
            handler.hang_up()
            return DONE
        if n == 4:
            handler.say(200, b"<html>welcome</html>", kind="text/html")
            return DONE
        return said("yes")

    with serving(script) as server:
        found = asked(judge(server, retries=6), sample=Sample("a", "x", questions=(DOG,)))
    assert found["answers"][0].texts == {"dog": "yes"} and found["exchange"][0][0]["tries"] == 6


def test_a_hanging_server_costs_the_timeout_and_is_a_sentence():
    def script(n, body, handler):
        server.waits.wait(20)
        return said("yes")

    with serving(script) as server:
        with pytest.raises(Incomplete, match=r"did not answer 1 of 1 questions.*no whole answer came within 0\.2 s"):
            asked(judge(server, timeout=0.2, retries=1), sample=Sample("a", "x", questions=(DOG,)))
        server.waits.set()


def test_what_was_answered_before_it_broke_is_kept():
    broken = True

    def script(n, body, handler):
        return (500, {}) if broken and "cat" in words(body) else said("yes")

    with serving(script) as server:
        two = Sample("a", "x", questions=(DOG, CAT))
        with pytest.raises(Incomplete, match=r"did not answer 1 of 2 .* What was answered is kept"):
            asked(judge(server, retries=0), sample=two)
        broken, before = False, len(server.posts)
        assert asked(judge(server), sample=two)["answers"][0].texts == {"dog": "yes", "cat": "yes"}
        assert len(server.posts) == before + 1


@pytest.mark.parametrize(
    "refusal",
    [
        (400, {"error": {"message": "Your request was rejected by our safety system.", "code": "content_policy"}}),
        said("", message={"content": None, "refusal": "I cannot help with that."}),
        said("", finish_reason="content_filter"),
    ],
)
def test_refusals_are_missing_and_never_wrong(refusal):
    with serving(lambda n, b, h: refusal if "cat" in words(b) else said("yes")) as server:
        made = judge(server)
        found = asked(made, count=2, sample=Sample("a", "x", questions=(DOG, CAT)))
        other = asked(made, sample=Sample("b", "x", questions=(DOG,)))
    assert found["answers"] == [None, None] and found["absent"] == [["answers"], ["answers"]]
    assert other["answers"][0].texts == {"dog": "yes"} and other["absent"] == [[]]
    assert made.reasons(found) == [f"{made.host} refused a question"] * 2 and not made.reasons(other)
    assert all("refused" in row[1]["answer"] for row in found["exchange"])


def test_an_image_that_the_server_cannot_take_is_told_apart():
    with serving(lambda n, b, h: (400, {"error": {"message": "unsupported image"}})) as server:
        made = judge(server)
        found = asked(made)
    assert found["absent"] == [["answers"]] and set(made.reasons(found)) == {f"{made.host} could not take a question"}


@pytest.mark.parametrize(("status", "says"), [(401, "refuses the key"), (404, "no such address or model")])
def test_useless_servers_are_asked_no_more(status, says):
    with serving(lambda n, b, h: (status, {"error": {"message": f"bad {KEY}"}})) as server:
        with pytest.raises(Incomplete, match=says) as caught:
            asked(judge(server, concurrency=1), count=5)
        assert KEY not in str(caught.value) and len(server.posts) == 1


def test_the_rate_holds():
    with serving(knowing) as server:
        asked(judge(server, rate=600, concurrency=4))
    gaps = np.diff(sorted(server.times))
    assert len(gaps) == 3 and gaps.min() > 0.07


# ---- replies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Passing), (b"<html>", Passing), (b'{"choices": [', Passing), (b"[]", Failed), (b"{}", Failed),
        (b'{"choices": []}', Failed), (b'{"choices": [7]}', Failed), (b'{"choices": [{"message": 7}]}', Failed),
        (b'{"choices": [{"message": {"content": ""}}]}', Failed), (b'{"error": {"code": "content_filter"}}', Refused),
        (b'{"error": {"code": "insufficient_quota"}}', Useless),
    ],
)  # fmt: skip
def test_hostile_bodies(body, kind):
    with pytest.raises(kind):
        read_reply(200, {}, body)


def test_log_probabilities_that_cannot_be_meant_are_not_believed():
    top = [{"token": "Yes", "logprob": v} for v in ("x", 5.0, float("nan"))] + [{"token": 7, "logprob": -1.0}, 3]
    body = json.dumps({"choices": [{"message": {"content": "Yes"}, "logprobs": {"content": [{"top_logprobs": top}]}}]})
    answer = read_reply(200, {}, body.encode())
    assert answer["first"] == {}
    with pytest.raises(DataError, match="no probabilities of tokens"):
        Said({"answer": answer}).yes_no()


@pytest.mark.parametrize(
    ("text", "choices", "word"),
    [
        ("Yes.", ("yes", "no"), "yes"), ("No, it is yes", ("yes", "no"), "no"), ("I see no dog", ("yes", "no"), "no"),
        ("red or blue", ("blue", "red or"), "red or"), ("It is red or blue", ("blue", "red"), "It is red or blue"),
        ("yesterday", ("yes", "no"), "yesterday"), ("It is light blue", ("blue", "light blue"), "light blue"),
        ("light blue", ("light", "light blue"), "light blue"), ("perhaps", ("yes", "no"), "perhaps"),
        ("yes and no", ("yes", "no"), "yes"),
    ],
)  # fmt: skip
def test_words_of_answers(text, choices, word):
    assert Said({"answer": {"text": text}}).word(choices) == word


# ---- before anything is sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"url": "nowhere"}, "no address of a server"), ({"url": f"http://x/v1?api_key={KEY}"}, "key or password"),
        ({"key_env": "NO_SUCH"}, "NO_SUCH with the server's key is not set"), ({"timeout": 0}, "above 0"),
        ({"side": 8}, "32 to 8192"), ({"detail": "much"}, "low, high or auto"),
        ({"ask": "prompt"}, "logprobs=true alone"),
    ],
)  # fmt: skip
def test_problems(given, says):
    assert says in " ".join(VqaHttp(**{"url": "http://x", "model": "m", **given}).problems())
    with pytest.raises(UsageError, match="ask=x is unknown"):
        VqaHttp("http://x", "m", ask="x")


def test_the_judge_is_the_model_and_what_it_is_asked_not_the_way_to_it():
    def identity(url="http://a/v1", model="m", **given):
        return json.dumps(dict(VqaHttp(url, model, **given).identity()), sort_keys=True)

    assert identity() == identity("https://a/v1/", concurrency=9, rate=3, timeout=1, key_env="X")
    others = [identity("http://b"), identity(model="n"), identity(side=64), identity(template="{}?"),
              identity(longest=3), identity(logprobs=True), identity(choose=False)]  # fmt: skip
    assert len({identity(), *others}) == 8
    assert identity("http://a", revision="7") == identity("http://b", revision="7")
