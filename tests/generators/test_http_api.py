"""The images API against a real server on the loopback address: what is sent, what comes back, and what is refused
before anything is sent."""

from __future__ import annotations

import base64

import pytest
from http_server import KEY, asked, colour, images, made_by, picture, ready, serving, statuses

from bench.errors import UsageError
from bench.generators.base import Context
from bench.registry import create
from bench.types import Sample

pytestmark = pytest.mark.usefixtures("key")


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
