"""Traffic with a paid or slow server: retries, deadlines, a rate, limits of size, a key that stays where it belongs.

One event loop in a thread of its own serves all calls of a caller, so that a deadline holds for a whole exchange: a
server that sends a byte a second is as late as one that sends nothing. The key is sent to the API's own address alone
and taken out of every text before anyone sees it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from bench.formats.http_errors import Failed, Passing, brief

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_LONGEST_WAIT = 60.0
_SECRET = re.compile(r"key|token|secret|passw|sig(nature)?$|auth", re.IGNORECASE)


@dataclass(frozen=True)
class Terms:
    """How a server is spoken to."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 120.0
    """Seconds of one exchange, from connecting to its last byte."""
    total_timeout: float = 900.0
    """Seconds of one call with all its waits and tries."""
    retries: int = 5
    backoff: float = 1.0
    """Seconds that the first wait may last; each later one may last twice as long, up to a minute."""
    rate: float = 0.0
    """Calls a minute, 0: as many as wanted."""
    burst: int = 1
    """Calls that may go at once after a pause."""
    local: bool | None = None
    """Whether what an answer names may be at private addresses; None: where the API itself has one."""


class Calls:
    """The calls of one plug-in. Open until `close`."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="http", daemon=True)
        self._thread.start()
        self._client, self._plain = self.run(self._open())
        self._tokens, self._seen, self._quiet = float(terms.burst), time.monotonic(), 0.0

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """A coroutine on its way; `cancel` of the future cancels it there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine; Ctrl-C here cancels it there."""
        future = self.start(work)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """Hang up."""
        self.run(self._shut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    async def _open(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        import httpx

        trust = httpx.create_ssl_context()  # reading the certificates takes a while: once for both
        keyed = httpx.AsyncClient(headers=dict(self.terms.headers), timeout=None, verify=trust)
        return keyed, httpx.AsyncClient(timeout=None, verify=trust)

    async def _shut(self) -> None:
        await self._client.aclose()
        await self._plain.aclose()

    async def tried(self, once: Callable[[], Awaitable[T]], began: float, paced: bool = False) -> tuple[T, int]:
        """The result of something that may fail for a while, with the number of tries. paced: each of them takes its
        turn."""
        terms, tries = self.terms, 0
        passing: tuple[type[Exception], ...] = (Passing, OSError, *_broken())
        """OSError: also a timeout, and a name without address."""
        while True:
            tries += 1
            left = max(0.001, began + terms.total_timeout - time.monotonic())
            try:
                async with asyncio.timeout(min(terms.timeout, left)):
                    return await once(), tries
            except passing as error:
                reason, wait = _said(error, min(terms.timeout, left)), getattr(error, "wait", None)
            if tries > terms.retries:
                raise Failed(f"{reason}; tried {tries} times", server=True)
            span = random.uniform(0.5, 1.0) * min(_LONGEST_WAIT, terms.backoff * 2 ** (tries - 1))
            wait = max(span, wait or 0.0)
            if wait > began + terms.total_timeout - time.monotonic():
                late = f"the next try would be after the {terms.total_timeout:g} s that a call may take"
                raise Failed(f"{reason}; {late}", server=True)
            await asyncio.sleep(wait)
            if paced:
                await self.turn()

    async def turn(self) -> None:
        """Wait for the rate (a bucket of tokens), and for the end of a pause that the server asked for."""
        while True:
            now = time.monotonic()
            if now < self._quiet:
                await asyncio.sleep(self._quiet - now)
                continue
            if self.terms.rate <= 0:
                return
            each = self.terms.rate / 60
            self._tokens = min(float(self.terms.burst), self._tokens + (now - self._seen) * each)
            self._seen = now
            if self._tokens >= 1:
                self._tokens -= 1
                return
            await asyncio.sleep((1 - self._tokens) / each)

    async def posted(self, body: Mapping[str, Any], read: Callable[[int, Mapping[str, str], bytes], T], most: int) -> T:
        """What `read` makes of the answer (its status, headers and content, of at most `most` bytes)."""
        async with self._client.stream("POST", self.terms.endpoint, json=dict(body)) as reply:
            content = await content_of(reply, most)
            try:
                return read(reply.status_code, reply.headers, content)
            except Passing as error:
                if reply.status_code == 429 and (error.wait or 0) <= self.terms.total_timeout:  # all calls hold back
                    self._quiet = max(self._quiet, time.monotonic() + (error.wait or 0))
                raise


async def content_of(reply: httpx.Response, most: int) -> bytes:
    """The decoded body; Failed when it is longer than `most` bytes."""
    parts, size = [], 0
    async for part in reply.aiter_bytes():
        size += len(part)
        if size > most:
            raise Failed(f"the answer is longer than {most} bytes and was not read further", server=True)
        parts.append(part)
    return b"".join(parts)


def _broken() -> tuple[type[Exception], ...]:
    import httpx

    return httpx.HTTPError, httpx.InvalidURL, httpx.StreamError


def _said(error: Exception, seconds: float) -> str:
    if isinstance(error, Passing):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"no whole answer came within {seconds:.3g} s"
    return f"the connection failed ({type(error).__name__}: {brief(error)})"


# ---- addresses and keys ----------------------------------------------------------------------------------------------


def endpoint_of(url: str, path: str) -> str:
    """The address that is asked: `url`, completed by `path` ('/images/generations') where it names the server or its
    /v1 alone."""
    parts = urlsplit(url)
    given = parts.path.rstrip("/")
    if not given.endswith(path[path.rindex("/") :]):
        given += path if given.endswith("/v1") else f"/v1{path}"
    return urlunsplit((parts.scheme, parts.netloc, given, parts.query, ""))


def key_of(variable: str) -> str:
    """The key that an environment variable holds; '' for no variable."""
    return os.environ.get(variable, "").strip() if variable else ""


def lacking(who: str, url: str, key_env: str) -> Iterator[str]:
    """Sentences on an address that cannot be meant, a missing package, and a missing or broken key."""
    yield from _wrong_address(url)
    if importlib.util.find_spec("httpx") is None:
        yield f"{who} needs the package httpx: pip install 'text-image-bench[http]'."
    key = key_of(key_env)
    if key_env and not key:
        yield (
            f"The environment variable {key_env} with the server's key is not set; set it, name another with "
            "key_env=NAME, or say key_env=none for a server without keys."
        )
    elif not (key.isascii() and key.isprintable() and " " not in key):
        yield f"The environment variable {key_env} holds signs that no key has; set it to the key."


def _wrong_address(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield f"url={brief(url)} is no address of a server; give http://HOST:PORT or https://HOST/v1."
    elif parts.username or parts.password or any(_SECRET.search(name) for name, _ in parse_qsl(parts.query)):
        yield (
            f"The url of {parts.hostname} holds a key or password, which every record would show; put it into an "
            "environment variable and name that with key_env."
        )


def header_of(name: str, key: str) -> dict[str, str]:
    """The header that takes the key; none without one."""
    scheme = "Bearer " if name.casefold() == "authorization" else ""
    return {name: scheme + key} if key else {}
