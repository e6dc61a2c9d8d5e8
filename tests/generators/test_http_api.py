"""The images API against a real server on the loopback address that misbehaves in every way that was seen in the wild.

What is finished is kept, nothing hangs, refusals are not failures, and the key is nowhere but in the header.
"""

from __future__ import annotations

import base64
import email.utils
import time

import numpy as np
import pytest
from http_server import DONE, colour, images, picture, refusal, serving

from bench.errors import GenerationFailed, UsageError
from bench.generators import http_client
from bench.generators.base import Context
from bench.registry import create
from bench.types import Request, Sample

KEY = "sk-Zx81-secret-0451"
FAST = {"backoff": 0.01, "timeout": 5.0, "total_timeout": 20.0, "retries": 2}


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ready(server, samples=(), **params):
    made = create("generator", "http", {"url": server.url, **FAST, **params})
    assert made.problems() == []
    made.setup(Context({s.id: s for s in samples}, "x"))
    return made


def asked(*prompts, repeats=1, size=None):
    return [Request(f"s{n}", k, p, 100 * n + k, 1, size) for n, p in enumerate(prompts) for k in range(repeats)]


def made_by(server, *prompts, repeats=1, of_size=None, **params):
    generator = ready(server, **params)
    try:
        return list(generator.generate(asked(*prompts, repeats=repeats, size=of_size)))
    finally:
        generator.close()


def statuses(outcomes):
    return [o.status for o in outcomes]


# ---- what goes well ------------------------------------------------------------------------------------------------


def test_each_prompt_gets_its_own_image_and_the_call_is_the_published_one():
    with serving() as server:
        texts = ["a red ball", "日本 'x' \"y\"\n", "b" * 999]
        found = made_by(server, *texts, model="m", size="8x8", quality="hd", extra="style=vivid,steps=3")
    assert [o.image[0, 0].tolist() for o in found] == [colour(t) for t in texts]
    sent = {b["prompt"]: b for b in server.posts}
    assert sent[texts[0]] == {
        "path": "/v1/images/generations", "prompt": "a red ball", "model": "m", "size": "8x8", "quality": "hd", "n": 1,
        "style": "vivid", "steps": 3,
    }  # fmt: skip
    assert server.heads[0]["Authorization"] == f"Bearer {KEY}"
    assert found[0].info["tries"] == 1 and found[0].info["seconds"] > 0


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", "/v1/images/generations"),
        ("/v1/", "/v1/images/generations"),
        ("/openai/v1", "/openai/v1/images/generations"),
        ("/deployments/d/images/generations?api-version=2", "/deployments/d/images/generations?api-version=2"),
    ],
)
def test_addresses(given, path):
    with serving() as server:
        made_by(server, "a", url=server.url + given)
        assert server.posts[0]["path"] == path


def test_repeats_share_calls_and_no_image_is_used_twice():
    def script(n, body, handler):
        each = (base64.b64encode(picture(f"{body['prompt']}{i}")).decode() for i in range(body["n"]))
        return {"data": [{"b64_json": one} for one in each]}

    with serving(script) as server:
        found = made_by(server, "a", "b", repeats=3, n_per_call=2)
    assert sorted((b["prompt"], b["n"]) for b in server.posts) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert [o.image[0, 0].tolist() for o in found] == [colour(t) for t in ("a0", "a1", "a0", "b0", "b1", "b0")]


def test_a_server_that_knows_only_one_image_a_call_is_asked_again():
    with serving(lambda n, body, handler: images(body["prompt"] + str(n))) as server:
        found = made_by(server, "a", repeats=3, n_per_call=3)
    assert [o.image[0, 0].tolist() for o in found] == [colour("a0"), colour("a1"), colour("a2")]
    assert [b["n"] for b in server.posts] == [3, 2, 1]


def test_addresses_of_images_are_fetched_at_once_and_without_the_key():
    def script(n, body, handler):
        return {"data": [{"url": f"{server.url}/{body['prompt']}.png", "revised_prompt": "a big red ball"}]}

    with serving(script) as server:
        server.files["/a.png"] = lambda handler: handler.say(302, b"", Location="/moved.png")
        server.files["/moved.png"] = picture("a")
        (found,) = made_by(server, "a", response_format="url")
    assert found.image[0, 0].tolist() == colour("a")
    assert [path for path, _ in server.gets] == ["/a.png", "/moved.png"]
    assert not any(KEY in str(heads) for _, heads in server.gets)
    assert found.info["revised_prompt"] == "a big red ball" and found.info["notes"] == ["the server revised the prompt"]


def test_seeds_are_sent_only_when_asked_for_and_the_identity_says_so():
    with serving() as server:
        (found,) = made_by(server, "a", send_seed="yes")
        made_by(server, "a")
        with_seed, without = ready(server, send_seed=True), ready(server)
        assert with_seed.identity()["reproducible"] and not without.identity()["reproducible"]
        assert with_seed.reproducible and not without.reproducible
        assert "cannot be made again" in " ".join(without.notes()) and "again" not in " ".join(with_seed.notes())
    assert server.posts[0]["seed"] == found.info["seed"] == 0 and "seed" not in server.posts[1]


def test_the_run_is_the_model_not_the_way_to_it():
    here, there = (create("generator", "http", {"url": u, "model": "m"}) for u in ("http://a/v1", "https://a/v1/"))
    assert here.identity() == there.identity()
    other = create("generator", "http", {"url": "http://b", "model": "m"})
    assert other.identity() != here.identity()
    declared = [create("generator", "http", {"url": u, "revision": "7"}).identity() for u in ("http://a", "http://b")]
    assert declared[0] == declared[1]


def test_size_of_the_run_is_sent_and_another_size_is_told():
    with serving() as server:
        (found,) = made_by(server, "a", of_size=(16, 12))
    assert server.posts[0]["size"] == "16x12"
    assert found.status == "ok" and found.info["notes"] == ["came as 8x8 where 16x12 was asked for"]


def test_what_it_cost_is_noted_once_a_call():
    def script(n, body, handler):
        usage = {"total_tokens": 30, "input_tokens_details": {"text_tokens": 10, "x": {}}, "text": "x", "bad": 1e300}
        return {**images(body["prompt"], body["n"]), "usage": usage}

    with serving(script) as server:
        found = made_by(server, "a", repeats=2, n_per_call=2, price=0.04)
    assert found[0].info["usage"] == {"total_tokens": 30, "input_tokens_details.text_tokens": 10}
    assert "usage" not in found[1].info and [o.info["price"] for o in found] == [0.04, 0.04]


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (refusal(), "rejected by our safety system"),
        (refusal(code="content_policy_violation"), "rejected"),
        ((403, {"error": {"code": "content_filter", "message": "no"}}), "no"),
        ((400, {"error": {"message": "x", "inner_error": {"code": "ResponsibleAIPolicyViolation"}}}), "x"),
        ((400, {"error": {"code": None, "message": "Blocked by our content policy."}}), "content policy"),
        ({"data": [], "finish_reason": "content_filter"}, "content_filter"),
        ({"data": [{"finish_reason": "SAFETY"}]}, "SAFETY"),
        ({"data": [{"b64_json": "", "respect_moderation": False}]}, "moderation"),
        ({"error": {"code": "moderation_blocked", "message": "so"}}, "so"),
    ],
)
def test_refusals_are_counted_apart_with_their_reason_and_never_asked_twice(answer, says):
    with serving(lambda n, body, handler: answer if body["prompt"] == "bad" else None) as server:
        found = made_by(server, "good", "bad", "fine")
    assert statuses(found) == ["ok", "refused", "ok"] and says in found[1].reason
    assert len(server.posts) == 3


def test_one_of_several_images_is_refused():
    def script(n, body, handler):
        good = images(body["prompt"])["data"]
        return {"data": [*good, {"finish_reason": "CONTENT_FILTERED"}]}

    with serving(script) as server:
        assert statuses(made_by(server, "a", repeats=2, n_per_call=2)) == ["ok", "refused"]


# ---- what passes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(status):
    with serving(lambda n, body, handler: (status, {"error": {"message": "busy"}}) if n < 2 else None) as server:
        (found,) = made_by(server, "a")
    assert found.status == "ok" and found.info["tries"] == 3


def test_tries_end_and_the_reason_is_the_last_answer():
    def script(n, body, handler):
        return (503, b"<html>busy", "text/html") if n < 3 else (503, {"error": "overloaded"})

    with serving(script) as server:
        (found,) = made_by(server, "a", retries=3)
    assert found.status == "failed" and len(server.posts) == 4
    assert found.reason == "the server answered 503: overloaded; tried 4 times"


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_kept_by_all_calls(as_date):
    def script(n, body, handler):
        if n:
            return None
        wait = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        handler.say(429, {"error": {"message": "slow"}}, Retry_After=wait)
        return DONE

    with serving(script) as server:
        assert statuses(made_by(server, "a", "b", "c", concurrency=1)) == ["ok"] * 3
    assert server.times[1] - server.times[0] >= 0.9


def test_a_wait_beyond_the_total_is_not_waited_for():
    def script(n, body, handler):
        handler.say(429, {"error": {"message": "come tomorrow"}}, Retry_After="86400")
        return DONE

    began = time.monotonic()
    with serving(script) as server:
        (found,) = made_by(server, "a")
    assert time.monotonic() - began < 5 and found.status == "failed" and "come tomorrow" in found.reason


def test_a_storm_of_429_ends_well_and_every_prompt_gets_its_image():
    seen = {}

    def script(n, body, handler):
        seen[body["prompt"]] = seen.get(body["prompt"], 0) + 1
        return (429, {"error": {"message": "rate"}}) if seen[body["prompt"]] < 3 else None

    texts = [f"p{n}" for n in range(12)]
    with serving(script) as server:
        found = made_by(server, *texts, concurrency=6)
    assert [o.image[0, 0].tolist() for o in found] == [colour(t) for t in texts]


def test_the_rate_and_the_number_at_once_are_kept():
    def script(n, body, handler):
        time.sleep(0.05)

    with serving(script) as server:
        made_by(server, *"abcdef", concurrency=3)
        assert server.most_at_once == 3
        server.times.clear()
        made_by(server, *"abcdef", concurrency=2, rate=600)
    spans = np.diff(sorted(server.times))
    assert sorted(server.times)[-1] - min(server.times) >= 0.35  # 6 calls, 2 at once at first, then one each 0.1 s
    assert (spans > 0.05).sum() >= 3


# ---- hostile servers -----------------------------------------------------------------------------------------------


def hangs(n, body, handler):
    time.sleep(3)
    return DONE


def drips(n, body, handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        time.sleep(0.05)
    return DONE


def drips_headers(n, body, handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(60):
        handler.wfile.write(b"X-%d: y\r\n" % i)
        time.sleep(0.05)
    return DONE


def half(n, body, handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.wfile.flush()
    handler.hang_up()
    return DONE


def closes(n, body, handler):
    handler.hang_up()
    return DONE


def no_http(n, body, handler):
    handler.wfile.write(b"\x16\x03\x01 SSH-2.0-OpenSSH\r\n\r\n")
    handler.hang_up()
    return DONE


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (hangs, "no whole answer came within 0.3 s"),
        (drips, "no whole answer came within 0.3 s"),
        (drips_headers, "no whole answer came within 0.3 s"),
        (half, "the connection failed"),
        (closes, "the connection failed"),
        (no_http, "the connection failed"),
        ((200, b"<html><title>Sign in</title>", "text/html"), "text/html ('<html><title>Sign in"),
        ((200, b"", "application/json"), "0 bytes of application/json"),
        ((200, picture("x"), "image/png"), "of image/png instead of JSON"),
        ((200, b'{"data": [{"b64_js', "application/json"), "instead of JSON"),
        ((200, b"[" * 100_000, "application/json"), "instead of JSON"),
        ({"images": ["x"]}, "without a list 'data' of images (its keys: images)"),
        ([1, 2], "without a list 'data' of images (a list)"),
        ({"data": "x"}, "without a list 'data'"),
        ({"data": [None]}, "without a list 'data'"),
        ({"data": []}, "no image and no reason"),
        ({"data": [{"b64_json": "!!!"}]}, "no base64"),
        ({"data": [{"b64_json": 7, "url": {}}]}, "neither b64_json nor url"),
        ({"data": [{"b64_json": base64.b64encode(b"GIF89a").decode()}]}, "The image of 6 bytes is"),
        ({"data": [{"b64_json": base64.b64encode(picture("x")[:48]).decode()}]}, "truncated or damaged"),
        ({"data": [{"b64_json": base64.b64encode(b"<html>").decode()}]}, "no image in a known format"),
        ({"data": [{"url": "file:///etc/passwd"}]}, "by 'file'"),
        ({"data": [{"url": "ftp://x/y.png"}]}, "by 'ftp'"),
        ({"data": [{"url": "not an address"}]}, "by ''"),
        ({"data": [{"url": "http://[::1"}]}, ""),
        ((400, {"error": {"message": "the prompt is odd", "param": "prompt"}}), "the prompt is odd"),
        ((400, b"\xff\xfe\x00", "text/plain"), "answered 400"),
        ((418, {"error": [1]}), "answered 418"),
    ],
)  # fmt: skip
def test_a_bad_answer_costs_its_own_prompt_and_says_why(answer, says):
    def script(n, body, handler):
        if body["prompt"] != "bad":
            return None
        return answer(n, body, handler) if callable(answer) else answer

    began = time.monotonic()
    with serving(script) as server:
        found = made_by(server, "good", "bad", "fine", timeout=0.3 if callable(answer) else 5.0, retries=1)
    assert statuses(found) == ["ok", "failed", "ok"], found[1]
    assert says in found[1].reason and "\n" not in found[1].reason and len(found[1].reason) < 500
    assert time.monotonic() - began < 10


def test_a_spoilt_image_is_asked_for_once_more():
    spoilt = {"data": [{"b64_json": base64.b64encode(picture("x")[:48]).decode()}]}
    with serving(lambda n, body, handler: spoilt if n == 0 else None) as server:
        (found,) = made_by(server, "a")
        assert found.status == "ok" and len(server.posts) == 2
    with serving(lambda n, body, handler: spoilt) as server:
        assert statuses(made_by(server, "a", retries=9)) == ["failed"] and len(server.posts) == 2


def test_a_broken_download_is_repeated_without_paying_again():
    def broken(handler):
        handler.server.files["/a.png"] = picture("a")
        handler.say(200, picture("a")[:50], kind="image/png")

    with serving(lambda n, body, handler: {"data": [{"url": f"{server.url}/a.png"}]}) as server:
        server.files["/a.png"] = broken
        (found,) = made_by(server, "a")
    assert found.status == "ok" and len(server.posts) == 1 and found.info["downloads"] == 2


def test_gigantic_answers_are_not_read(monkeypatch):
    monkeypatch.setattr(http_client, "MOST_BYTES", 10_000)
    sent = []

    def script(n, body, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        for _ in range(20_000):
            handler.wfile.write(b" " * 65536)
            sent.append(65536)
        return DONE

    with serving(script) as server:
        (found,) = made_by(server, "a")
    assert found.status == "failed" and "longer than 10000 bytes" in found.reason and sum(sent) < 64 << 20


def test_a_compressed_bomb_is_not_unpacked_whole(monkeypatch):
    import gzip

    monkeypatch.setattr(http_client, "MOST_BYTES", 1_000_000)
    bomb = gzip.compress(b" " * 50_000_000)

    def script(n, body, handler):
        handler.say(200, bomb, Content_Encoding="gzip")
        return DONE

    with serving(script) as server:
        assert "longer than 1000000 bytes" in made_by(server, "a")[0].reason


def test_images_from_inside_are_not_fetched_for_a_server_outside():
    with serving(lambda n, body, handler: {"data": [{"url": f"{server.url}/secret.png"}]}) as server:
        server.files["/secret.png"] = picture("a")
        generator = ready(server)
        generator._open()._local = False  # as for an API with a public address
        (found,) = generator.generate(asked("a"))
        generator.close()
    assert found.status == "failed" and "private address '127.0.0.1'" in found.reason and server.gets == []


def test_a_safe_api_is_not_followed_to_unsafe_addresses():
    caller = http_client.Caller(http_client.Terms("https://api.example/v1/images/generations", local=True))
    with pytest.raises(Exception, match="of which only https is opened"):
        caller.run(caller._may_open("http://api.example/x.png"))
    caller.close()


# ---- where nothing more can be made --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, {"error": {"message": f"Incorrect API key: {KEY}", "code": "invalid_api_key"}}), "refuses the key"),
        ((403, {"error": {"message": "not for you"}}), "not for you"),
        ((404, {"error": {"message": "no such model", "code": "model_not_found"}}), "no such address or model"),
        ((404, b"<html>nothing", "text/html"), "no such address or model"),
        ((429, {"error": {"message": "no more", "code": "insufficient_quota"}}), "wants to be paid first"),
        ((400, {"error": {"message": "bad size", "param": "size"}}), "settings of this system"),
        ((301, b"", "text/html"), "redirects"),
    ],
)
def test_what_no_call_can_mend_stops_the_run_with_one_sentence(answer, says):
    with serving(lambda n, body, handler: answer) as server:
        generator = ready(server, concurrency=1)
        with pytest.raises(GenerationFailed, match=says) as caught:
            list(generator.generate(asked(*"abcdefgh")))
        with pytest.raises(GenerationFailed):
            list(generator.generate(asked("z")))
        generator.close()
        assert len(server.posts) == 1 and KEY not in str(caught.value)
        assert len(caught.value.messages) == 1


def test_finished_images_are_handed_over_before_the_run_stops():
    with serving(lambda n, body, handler: (401, {"error": {"message": "expired"}}) if n == 2 else None) as server:
        generator = ready(server, concurrency=1)
        found = list(generator.generate(asked(*"abcd")))
        assert statuses(found) == ["ok", "ok", "failed", "failed"] and "expired" in found[3].reason
        assert len(server.posts) == 3
        with pytest.raises(GenerationFailed, match="expired"):
            list(generator.generate(asked("e")))
        generator.setup(Context({}, "x"))  # the command again
        assert statuses(generator.generate(asked("c"))) == ["ok"]
        generator.close()


def test_a_dead_server_is_given_up_after_some_calls():
    with serving() as server:
        pass  # nobody listens there any more
    generator = ready(server, retries=0)
    with pytest.raises(GenerationFailed, match="failed 10 calls in a row, the last because the connection failed"):
        list(generator.generate(asked(*(f"p{n}" for n in range(40)))))
    generator.close()


def test_bad_prompts_in_a_row_do_not_stop_a_run():
    bad = (400, {"error": {"message": "odd", "param": "prompt"}})
    with serving(lambda n, body, handler: bad if body["prompt"] != "good" else None) as server:
        found = made_by(server, *(f"p{n}" for n in range(15)), "good", concurrency=1)
    assert statuses(found) == ["failed"] * 15 + ["ok"]


# ---- before anything is sent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"url": "nowhere"}, "no address of a server"),
        ({"url": "ftp://x"}, "no address of a server"),
        ({"url": f"http://me:{KEY}@x/v1"}, "holds a key or password"),
        ({"url": f"http://x/v1?api_key={KEY}"}, "holds a key or password"),
        ({"key_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE with the server's key is not set"),
        ({"timeout": 0}, "must be above 0"),
        ({"n_per_call": 11}, "n_per_call from 1 to 10"),
        ({"rate": -1}, "cannot be below 0"),
        ({"size": "big"}, "WIDTHxHEIGHT"),
        ({"response_format": "png"}, "b64_json or url"),
        ({"extra": "prompt=x"}, "may not hold prompt"),
        ({"send_seed": "yes", "n_per_call": 2}, "needs n_per_call=1"),
    ],
)
def test_settings_that_cannot_be_meant(params, says):
    made = create("generator", "http", {"url": "http://127.0.0.1:9", **params})
    (problem,) = made.problems()
    assert says in problem and KEY not in problem


def test_a_key_with_odd_signs_is_refused_before_it_can_show_in_an_error(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\nX: y")
    (problem,) = create("generator", "http", {"url": "http://127.0.0.1:9"}).problems()
    assert "holds signs that no key has" in problem and "secret" not in problem


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (problem,) = create("generator", "http", {"url": "http://127.0.0.1:9"}).problems()
    assert "pip install 'text-image-bench[http]'" in problem


def test_a_server_without_keys_gets_none():
    with serving() as server:
        made_by(server, "a", key_env=None)
    assert "Authorization" not in server.heads[0]


def test_long_prompts_are_told_before_and_not_sent():
    samples = [Sample("s0", "x" * 1001), Sample("s1", "y")]
    with serving() as server:
        generator = ready(server, samples, model="dall-e-2")
        told = "1 of the dataset's 2 prompts have more than the 1000 characters that dall-e-2 reads"
        assert told in generator.notes()[2]
        found = list(generator.generate(asked("x" * 1001, "y")))
        generator.close()
    assert statuses(found) == ["failed", "ok"] and "1001 characters" in found[0].reason and len(server.posts) == 1


def test_half_a_character_is_not_sent():
    with serving() as server:
        assert statuses(made_by(server, "a \ud83d", "b")) == ["failed", "ok"]


def test_stories_are_refused():
    with pytest.raises(UsageError, match="several frames"):
        create("generator", "http", {"url": "http://x"}).setup(Context({"s": Sample("s", "p", frames=2)}, "x"))


def test_it_works_where_an_event_loop_runs_already():
    import asyncio

    async def notebook(server):
        return made_by(server, "a")

    with serving() as server:
        assert statuses(asyncio.run(notebook(server))) == ["ok"]
