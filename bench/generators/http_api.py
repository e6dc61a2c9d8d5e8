"""`http`: a server that speaks the OpenAI-style images API (POST .../v1/images/generations), paid or one's own.

What is finished is kept, whatever happens to the rest: a call that fails becomes an outcome with its reason, a refusal
is counted apart, and where nothing more can be made (a wrong key, an unknown model, ten calls in a row without an
answer) the calls on their way are waited for before the run stops. The key comes from the environment and goes to the
endpoint alone: it is in no parameter, record, digest or message.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from bench.errors import GenerationFailed, UsageError
from bench.formats.http_calls import Terms, endpoint_of, header_of, key_of, lacking
from bench.formats.http_errors import Failed, Refused, Useless, brief
from bench.generators.base import Context, Generator
from bench.generators.http_client import Caller
from bench.registry import register
from bench.spec import parse
from bench.types import Outcome, Request

PATIENCE = 10
"""Calls in a row that may fail by the server's fault before the run stops."""
LONGEST = {"dall-e-2": 1000, "dall-e-3": 4000, "gpt-image": 32000}
"""Characters of a prompt that models take, by the beginning of their names (platform documentation, 2025)."""
SEEDS = 2**32
"""Seeds are sent modulo this: what servers take."""
_OWN = ("model", "prompt", "n", "size", "quality", "response_format", "seed")


@register("generator", "http", summary="a server of the OpenAI-style images API; refusals are counted apart")
class HttpApi(Generator):
    """`url`: the server, its /v1, or the whole address. `model`, `size` (1024x1024), `quality`, `response_format`
    (b64_json or url) are sent where given; `extra`: further fields, "style=vivid,background=opaque".

    `n_per_call`: images that one call asks for, where a prompt has several. `send_seed`: send `seed`, where the server
    knows it; else no image can be made again. `key_env`: the environment variable with the key, none for no key;
    `key_header`: the header that takes it. `timeout`: seconds of one exchange; `total_timeout`: of a call with all its
    tries. `retries` with waits that begin at `backoff` seconds and double; `rate`: calls a minute; `concurrency`: calls
    at once. `max_prompt`: characters that the model reads, longer prompts are not sent. `price`: of an image, noted
    with each. `revision`: declares what stands behind the address, which then is no part of the identity.
    """

    not_identity: ClassVar[tuple[str, ...]] = (
        "url", "response_format", "key_env", "key_header", "timeout", "total_timeout", "retries", "backoff", "rate",
        "concurrency", "price", "batch_size",
    )  # fmt: skip

    def __init__(
        self, url: str, model: str = "", size: str = "", quality: str = "", n_per_call: int = 1,
        response_format: str = "", key_env: str | None = "OPENAI_API_KEY", key_header: str = "Authorization",
        timeout: float = 120.0, total_timeout: float = 900.0, retries: int = 5, backoff: float = 1.0,
        rate: float = 0.0, concurrency: int = 4, send_seed: bool | str = False, max_prompt: int = 0,
        extra: str = "", price: float = 0.0, revision: str = "", batch_size: int = 0,
    ) -> None:  # fmt: skip
        self.url, self.model, self.size, self.quality = str(url), str(model), str(size), str(quality)
        self.n_per_call, self.response_format = int(n_per_call), str(response_format)
        self.key_env, self.key_header = str(key_env or ""), str(key_header)
        self.timeout, self.total_timeout, self.retries = float(timeout), float(total_timeout), int(retries)
        self.backoff, self.rate, self.concurrency = float(backoff), float(rate), int(concurrency)
        self.send_seed = str(send_seed).casefold() in ("true", "yes", "1")
        self.extra, self.price, self.revision = str(extra), float(price), str(revision)
        self.fields = dict(parse(f"extra:{extra}").params) if extra else {}
        known = (most for name, most in LONGEST.items() if self.model.startswith(name))
        self.max_prompt = int(max_prompt) or next(known, 0)
        self.batch_size = int(batch_size) or 2 * max(1, self.concurrency) * max(1, self.n_per_call)
        self.reproducible = self.send_seed
        self._caller: Caller | None = None
        self._stopped, self._in_a_row = "", 0

    # ---- before anything is sent ----

    @property
    def endpoint(self) -> str:
        """The address that is asked: `url`, completed where it names the server or its /v1 alone."""
        return endpoint_of(self.url, "/images/generations")

    def problems(self) -> list[str]:
        """A missing package or key, an address that cannot be meant, parameters out of range. Nothing is sent."""
        found = list(lacking("http", self.url, self.key_env))
        if self.timeout <= 0 or self.total_timeout <= 0 or self.concurrency < 1 or not 1 <= self.n_per_call <= 10:
            found.append("timeout, total_timeout and concurrency must be above 0, and n_per_call from 1 to 10.")
        if self.retries < 0 or self.backoff < 0 or self.rate < 0 or self.max_prompt < 0 or self.price < 0:
            found.append("retries, backoff, rate, max_prompt and price cannot be below 0.")
        if self.size and not re.fullmatch(r"[1-9]\d*x[1-9]\d*|auto", self.size):
            found.append(f"size={brief(self.size)} is no size; give WIDTHxHEIGHT, such as 1024x1024.")
        if self.response_format not in ("", "b64_json", "url"):
            found.append(f"response_format={brief(self.response_format)} is unknown; give b64_json or url.")
        if own := sorted(set(self.fields) & set(_OWN)):
            found.append(f"extra may not hold {', '.join(own)}, which are fields of the call itself.")
        if self.send_seed and self.n_per_call > 1:
            found.append("send_seed gives each image a seed of its own and so needs n_per_call=1.")
        return found

    @property
    def _key(self) -> str:
        return key_of(self.key_env)

    def identity(self) -> Mapping[str, Any]:
        """The declared revision, or the address without its scheme; and whether images can be made again."""
        what = {"revision": self.revision} if self.revision else {"server": self.endpoint.partition("//")[2]}
        return {**what, "reproducible": self.send_seed}

    def setup(self, context: Context) -> None:
        super().setup(context)
        if any(sample.frames > 1 for sample in context.samples.values()):
            raise UsageError("http makes single images, and the dataset holds stories of several frames.")
        self._stopped, self._in_a_row = "", 0

    def notes(self) -> list[str]:
        """Where prompts go, whether images can be made again, and prompts of the dataset that are too long."""
        host = urlsplit(self.endpoint).netloc
        found = [f"Prompts are sent to {host}{f' (model {self.model})' if self.model else ''}."]
        if not self.send_seed:
            found.append("No seed is sent: these images cannot be made again.")
        long = [s.prompt for s in self.context.samples.values() if 0 < self.max_prompt < len(s.prompt)]
        if long:
            found.append(
                f"{len(long)} of the dataset's {len(self.context.samples)} prompts have more than the "
                f"{self.max_prompt} characters that {self.model or 'the model'} reads (the longest "
                f"{max(map(len, long))}); they are not sent."
            )
        return found

    # ---- images ----

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """An outcome a request, as soon as it and those before it are there: pixels with what the server told of them,
        refused, or failed.

        Raises GenerationFailed where nothing more can be made, after the last image of the calls that were on their
        way.
        """
        held: list[Outcome] = []
        for outcome in () if self._stopped else self._outcomes(requests):
            held.append(outcome)
            if outcome.status != "failed" or not self._stopped:
                yield from held
                held = []
        if self._stopped:
            raise GenerationFailed(f"{self._stopped}. What is finished is kept; mend it and repeat the command.")

    def _open(self) -> Caller:
        if self._caller is None:
            headers = header_of(self.key_header, self._key)
            self._caller = Caller(
                Terms(
                    self.endpoint, headers, self.timeout, self.total_timeout, self.retries, self.backoff, self.rate,
                    self.concurrency,
                )
            )  # fmt: skip
        return self._caller

    def close(self) -> None:
        if self._caller is not None:
            self._caller.close()
            self._caller = None

    def _outcomes(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        caller, gate = self._open(), asyncio.Semaphore(self.concurrency)

        async def one(call: Sequence[Request]) -> list[Outcome]:
            async with gate:
                return await self._call(call)

        made = [caller.start(one(call)) for call in _calls(requests, self.n_per_call)]
        try:
            for future in made:
                yield from future.result()
        finally:  # also at Ctrl-C
            for future in made:
                future.cancel()

    async def _call(self, call: Sequence[Request]) -> list[Outcome]:
        if why := self._not_sent(call[0].prompt):
            return [Outcome(status="failed", reason=why)] * len(call)
        assert self._caller is not None
        try:
            done = await self._caller.images(self._body(call[0]), len(call))
        except Useless as error:
            self._stopped = self._stopped or self._clean(f"{urlsplit(self.endpoint).netloc}: {error}")
            return [Outcome(status="failed", reason=self._clean(str(error)))] * len(call)
        except Refused as error:
            self._in_a_row = 0
            return [Outcome(status="refused", reason=self._clean(str(error)))] * len(call)
        except Failed as error:
            self._count(error)
            return [Outcome(status="failed", reason=self._clean(str(error)))] * len(call)
        except Exception as error:  # whatever a stranger's bytes break costs these images and no others
            said = self._clean(f"the answer broke the reader ({type(error).__name__}: {brief(error)})")
            self._count(Failed(said, server=True))
            return [Outcome(status="failed", reason=said)] * len(call)
        told = {"seconds": round(done.seconds, 3), "tries": done.tries}
        return [self._outcome(*one, told, request) for one, request in zip(done.pictures, call, strict=True)]

    def _not_sent(self, prompt: str) -> str:
        """Why a prompt is not sent at all."""
        if self._stopped:
            return f"not asked for: {self._stopped}"
        if 0 < self.max_prompt < len(prompt):
            who = self.model or "the model"
            return f"the prompt has {len(prompt)} characters and {who} reads {self.max_prompt}: nothing was sent"
        try:
            prompt.encode()
        except UnicodeEncodeError:
            return "the prompt holds half a character, which cannot be sent"
        return ""

    def _count(self, error: Failed) -> None:
        """Stop the run when the server has failed many times in a row."""
        self._in_a_row = self._in_a_row + 1 if error.server else 0
        if self._in_a_row >= PATIENCE and not self._stopped:
            host = urlsplit(self.endpoint).netloc
            self._stopped = self._clean(f"{host} failed {PATIENCE} calls in a row, the last because {error}")

    def _body(self, request: Request) -> dict[str, Any]:
        size = "x".join(map(str, request.size)) if request.size else self.size
        named = {"model": self.model, "size": size, "quality": self.quality, "response_format": self.response_format}
        seed = {"seed": request.seed % SEEDS} if self.send_seed else {}
        return {"prompt": request.prompt, **{k: v for k, v in named.items() if v}, **self.fields, **seed}

    def _outcome(self, made: Any, info: Mapping[str, Any], told: Mapping[str, Any], request: Request) -> Outcome:
        info = {k: self._clean(v) if isinstance(v, str) else v for k, v in {**info, **told}.items()}
        if isinstance(made, Refused):
            self._in_a_row = 0
            return Outcome(status="refused", reason=self._clean(str(made)), info=info)
        if isinstance(made, Failed):
            self._count(made)
            return Outcome(status="failed", reason=self._clean(str(made)), info=info)
        self._in_a_row = 0
        body = self._body(request)
        came, notes = f"{made.shape[1]}x{made.shape[0]}", []
        if body.get("size", "auto") not in ("auto", came):
            notes.append(f"came as {came} where {body['size']} was asked for")
        if info.get("revised_prompt", request.prompt) != request.prompt:
            notes.append("the server revised the prompt")
        info |= {"seed": body["seed"]} if self.send_seed else {}
        info |= {"price": self.price} if self.price else {}
        return Outcome(image=made, info={**info, **({"notes": notes} if notes else {})})

    def _clean(self, text: str) -> str:
        """A text of the server without the key, should it repeat it."""
        return text.replace(self._key, "[key]") if self._key else text


def _calls(requests: Sequence[Request], most: int) -> list[list[Request]]:
    """Requests of one prompt that stand together, at most so many a call."""
    found: list[list[Request]] = []
    for request in requests:
        last = found[-1] if found else []
        same = bool(last) and (last[0].sample_id, last[0].size) == (request.sample_id, request.size)
        if same and len(last) < most:
            last.append(request)
        else:
            found.append([request])
    return found
