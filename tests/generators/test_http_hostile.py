"""Servers of the images API that lie, hang, drip, flood or point elsewhere: each costs its own prompt, says why, and
nothing hangs."""

from __future__ import annotations

import base64
import time

import pytest
from http_server import DONE, asked, made_by, picture, ready, serving, statuses

from bench.generators import http_client

pytestmark = pytest.mark.usefixtures("key")


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
