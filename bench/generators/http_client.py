"""Traffic with a server of the images API: retries, deadlines, a rate, limits of size, and where images may come from.

One event loop in a thread of its own serves all calls of a generator, so that a deadline holds for a whole exchange: a
server that sends a byte a second is as late as one that sends nothing. The key is sent to the API's own address alone,
never with a download, and taken out of every text before anyone sees it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import numpy as np

from bench.errors import BadImage
from bench.formats.images import decode
from bench.generators.http_replies import Failed, Item, Passing, Refused, Useless, brief, items

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

MOST_BYTES = 64 << 20
"""Largest image in bytes; an answer may be as large for each image asked for."""
_LONGEST_WAIT = 60.0
_REDIRECTS = 3


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
    """Whether images may come from private addresses; None: where the API itself has one."""


Picture = tuple["np.ndarray | Refused | Failed", Mapping[str, Any]]
"""Pixels or why there are none, and what the server told of them."""


@dataclass(frozen=True)
class Done:
    """What became of a call: an image or a problem for each picture asked for, with the tries it took."""

    pictures: list[Picture]
    tries: int
    seconds: float


class Caller:
    """The calls of one generator. Open until `close`."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="http", daemon=True)
        self._thread.start()
        self._client, self._plain = self.run(self._open())
        self._tokens, self._seen, self._quiet = float(terms.burst), time.monotonic(), 0.0
        self._local = terms.local

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

    # ---- calls ----

    async def images(self, body: Mapping[str, Any], count: int) -> Done:
        """`count` pictures of a prompt. A spoilt picture is asked for once more, a download by itself.

        Raises Refused, Failed or Useless where that befalls the whole call.
        """
        await self._turn()
        began, tries, second = time.monotonic(), 0, False
        made: list[Picture] = []
        while (left := count - len(made)) > 0:
            try:
                (found, told), more = await self._tried(partial(self._post, {**body, "n": left}), began, paced=True)
            except (Refused, Failed, Useless) as error:
                if not made:
                    raise
                made += [(error if isinstance(error, Refused) else Failed(str(error), server=True), {})] * left
                break
            tries += more
            got = [await self._picture(one, {} if at else told, began) for at, one in enumerate(found[:left])]
            spoilt = [one for one in got if isinstance(one[0], Failed)]
            made += [one for one in got if not isinstance(one[0], Failed)]
            if spoilt and second:
                made += spoilt
                break
            second = second or bool(spoilt)
        return Done(made, tries, time.monotonic() - began)

    async def _picture(self, item: Item, told: Mapping[str, Any], began: float) -> Picture:
        info = {**item.info, **told}
        if item.problem is not None:
            return item.problem, info
        try:
            if item.data is not None:
                return await asyncio.to_thread(decode, item.data), info
            pixels, more = await self._tried(partial(self._download, item.url), began)
            return pixels, {**info, **({"downloads": more} if more > 1 else {})}
        except BadImage as error:
            return Failed(str(error), server=True), info
        except Failed as error:
            return error, info

    async def _tried(self, once: Callable[[], Awaitable[T]], began: float, paced: bool = False) -> tuple[T, int]:
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
                await self._turn()

    async def _turn(self) -> None:
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

    async def _post(self, body: Mapping[str, Any]) -> tuple[list[Item], dict[str, Any]]:
        most = MOST_BYTES * int(body.get("n", 1))
        async with self._client.stream("POST", self.terms.endpoint, json=dict(body)) as reply:
            content = await _content(reply, most)
            try:
                return items(reply.status_code, reply.headers, content)
            except Passing as error:
                if reply.status_code == 429 and (error.wait or 0) <= self.terms.total_timeout:  # all calls hold back
                    self._quiet = max(self._quiet, time.monotonic() + (error.wait or 0))
                raise

    async def _download(self, url: str) -> np.ndarray:
        for _ in range(_REDIRECTS + 1):
            await self._may_open(url)
            async with self._plain.stream("GET", url) as reply:
                if 300 <= reply.status_code < 400:
                    url = urljoin(url, reply.headers.get("location", ""))
                    continue
                if reply.status_code != 200:
                    said = f"the image's address answered {reply.status_code}"
                    gone = reply.status_code < 500 and reply.status_code not in (408, 425, 429)
                    raise Failed(said, server=True) if gone else Passing(said)
                content = await _content(reply, MOST_BYTES)
            try:
                return await asyncio.to_thread(decode, content)
            except BadImage as error:
                raise Passing(str(error)) from None
        raise Failed(f"the image's address redirects more than {_REDIRECTS} times", server=True)

    async def _may_open(self, url: str) -> None:
        """Failed unless an image may come from there: by http(s), not less safe than the API, not from inside."""
        parts, api = urlsplit(url), urlsplit(self.terms.endpoint)
        allowed = ("https",) if api.scheme == "https" else ("http", "https")
        if parts.scheme not in allowed or not parts.hostname:
            only = f"of which only {' or '.join(allowed)} is opened"
            raise Failed(f"the server names an image by '{brief(parts.scheme)}', {only}", server=True)
        if self._local is None:
            self._local = not await self._public(api.hostname or "")
        if not self._local and not await self._public(parts.hostname):
            raise Failed(f"the server names an image at the private address '{brief(parts.hostname)}'", server=True)

    async def _public(self, host: str) -> bool:
        found = await self.loop.getaddrinfo(host, None)
        return all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_global for one in found)


async def _content(reply: httpx.Response, most: int) -> bytes:
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
