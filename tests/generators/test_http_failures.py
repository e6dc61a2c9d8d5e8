"""Servers of the images API that refuse, are busy, or can make nothing more: what is finished is kept, refusals are no
failures, and waits end."""

from __future__ import annotations

import email.utils
import threading
import time

import numpy as np
import pytest
from http_server import DONE, KEY, asked, colour, images, made_by, ready, refusal, serving, statuses

from bench.errors import GenerationFailed
from bench.generators.base import Context

pytestmark = pytest.mark.usefixtures("key")


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


def until_it_stops(outcomes):
    """What is handed over before the run stops, and the sentence."""
    found = []
    with pytest.raises(GenerationFailed) as caught:
        for outcome in outcomes:
            found.append(outcome)
    return found, str(caught.value)


def test_finished_images_are_handed_over_before_the_run_stops():
    with serving(lambda n, body, handler: (401, {"error": {"message": "expired"}}) if n == 2 else None) as server:
        generator = ready(server, concurrency=1)
        found, said = until_it_stops(generator.generate(asked(*"abcd")))
        assert statuses(found) == ["ok", "ok"] and "expired" in said and len(server.posts) == 3
        assert until_it_stops(generator.generate(asked("e"))) == ([], said)
        generator.setup(Context({}, "x"))  # the command again
        assert statuses(generator.generate(asked("c"))) == ["ok"]
        generator.close()


def test_calls_on_their_way_are_waited_for_when_nothing_more_can_be_made():
    def script(n, body, handler):
        if body["prompt"] == "a":
            return 401, {"error": {"message": "expired"}}
        time.sleep(0.3)

    with serving(script) as server:
        generator = ready(server, concurrency=2)
        found, said = until_it_stops(generator.generate(asked(*"abcd")))
        generator.close()
    assert statuses(found) == ["failed", "ok"] and found[1].image[0, 0].tolist() == colour("b")
    assert "expired" in found[0].reason and "expired" in said and len(server.posts) == 2


def test_an_image_is_handed_over_before_the_next_one_is_there():
    asked_for = threading.Event()

    def script(n, body, handler):
        if body["prompt"] == "b":
            asked_for.wait(5)

    with serving(script) as server:
        generator = ready(server)
        outcomes = iter(generator.generate(asked("a", "b")))
        assert next(outcomes).status == "ok" and not asked_for.is_set()
        began = time.monotonic()
        asked_for.set()
        assert statuses(outcomes) == ["ok"] and time.monotonic() - began < 3
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
