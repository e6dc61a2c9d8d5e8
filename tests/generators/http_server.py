"""A server of the images API on the loopback address that answers as told, well or badly; what tests ask it."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from PIL import Image

from bench.generators.base import Context
from bench.registry import create
from bench.types import Request

KEY = "sk-Zx81-secret-0451"
FAST = {"backoff": 0.01, "timeout": 5.0, "total_timeout": 20.0, "retries": 2}


def picture(prompt: str, size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG whose colour is the prompt's digest."""
    stream = BytesIO()
    Image.new("RGB", size, tuple(hashlib.sha256(prompt.encode()).digest()[:3])).save(stream, "PNG")
    return stream.getvalue()


def colour(prompt: str) -> list[int]:
    return list(hashlib.sha256(prompt.encode()).digest()[:3])


class Server(ThreadingHTTPServer):
    """`script`: what each POST gets, by its number from 0, its body and its handler; None: an image a picture."""

    daemon_threads = True

    def __init__(self, script: Callable[[int, dict[str, Any], Handler], Any] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script or (lambda n, body, handler: None)
        self.posts: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []
        self.gets: list[tuple[str, dict[str, str]]] = []
        self.times: list[float] = []
        self.files: dict[str, Callable[[Handler], None] | bytes] = {}
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.waits = threading.Event()
        """Set when the server ends: for answers that hang."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None: ...

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            number = len(server.posts)
            server.posts.append({**body, "path": self.path})
            server.heads.append(dict(self.headers))
            server.times.append(time.monotonic())
            server.at_once += 1
            server.most_at_once = max(server.at_once, server.most_at_once)
        try:
            said = server.script(number, body, self)
            if said is None:
                said = images(body["prompt"], body.get("n", 1))
            if said is not DONE:
                self.say(*said if isinstance(said, tuple) else (200, said))
        finally:
            with server.lock:
                server.at_once -= 1

    def do_GET(self) -> None:
        self.server.gets.append((self.path, dict(self.headers)))
        found = self.server.files.get(self.path)
        if callable(found):
            found(self)
        elif found is None:
            self.say(404, {})
        else:
            self.say(200, found, kind="image/png")

    def say(self, status: int, body: Any, kind: str = "application/json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


DONE = object()
"""The script has answered by itself."""


def images(prompt: str, count: int = 1, **more: Any) -> dict[str, Any]:
    """A good answer."""
    return {"created": 1, "data": [{"b64_json": base64.b64encode(picture(prompt)).decode(), **more}] * count}


def refusal(message: str = "Your request was rejected by our safety system.", code: str = "moderation_blocked") -> Any:
    return 400, {"error": {"message": message, "type": "image_generation_user_error", "code": code, "param": None}}


@contextmanager
def serving(script: Callable[[int, dict[str, Any], Handler], Any] | None = None) -> Iterator[Server]:
    server = Server(script)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.waits.set()
        server.shutdown()
        server.server_close()


# ---- what tests ask it ----------------------------------------------------------------------------------------------


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
