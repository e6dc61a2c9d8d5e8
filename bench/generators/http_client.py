"""The calls of the images API: pictures of a prompt, and where images may come from.

Traffic is that of `formats.http_calls`; the key is never sent with a download.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np

from bench.errors import BadImage
from bench.formats.http_calls import Calls, Terms, content_of
from bench.formats.http_errors import Failed, Passing, Refused, Useless, brief
from bench.formats.images import decode
from bench.generators.http_replies import Item, items

MOST_BYTES = 64 << 20
"""Largest image in bytes; an answer may be as large for each image asked for."""
_REDIRECTS = 3

Picture = tuple["np.ndarray | Refused | Failed", Mapping[str, Any]]
"""Pixels or why there are none, and what the server told of them."""


@dataclass(frozen=True)
class Done:
    """What became of a call: an image or a problem for each picture asked for, with the tries it took."""

    pictures: list[Picture]
    tries: int
    seconds: float


class Caller(Calls):
    """The calls of one generator."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._local = terms.local

    async def images(self, body: Mapping[str, Any], count: int) -> Done:
        """`count` pictures of a prompt. A spoilt picture is asked for once more, a download by itself.

        Raises Refused, Failed or Useless where that befalls the whole call.
        """
        await self.turn()
        began, tries, second = time.monotonic(), 0, False
        made: list[Picture] = []
        while (left := count - len(made)) > 0:
            try:
                (found, told), more = await self.tried(partial(self._post, {**body, "n": left}), began, paced=True)
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
            pixels, more = await self.tried(partial(self._download, item.url), began)
            return pixels, {**info, **({"downloads": more} if more > 1 else {})}
        except BadImage as error:
            return Failed(str(error), server=True), info
        except Failed as error:
            return error, info

    async def _post(self, body: Mapping[str, Any]) -> tuple[list[Item], dict[str, Any]]:
        return await self.posted(body, items, MOST_BYTES * int(body.get("n", 1)))

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
                content = await content_of(reply, MOST_BYTES)
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
