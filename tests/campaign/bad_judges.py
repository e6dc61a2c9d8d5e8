"""Servers that answer questions about images: they hang, throttle, refuse or talk nonsense, and nothing is ever wrong by
their fault: an answer that is not there is missing, and what was answered is kept."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bad_case import Case, Ended, case

from bench import store

sys.path.append(str(Path(__file__).parents[1] / "generators"))
server: Any = importlib.import_module("http_server")

KEY = "sk-of-the-campaign"
SETTINGS = "model=m,ask=prompt,logprobs=true,backoff=0.01,retries=1,concurrency=1"
LINE = "run study.toml -q"
ONE = "bird"
"""In the prompt that fares badly."""


def said(text: Any = "Yes", first: Any = None, **more: Any) -> dict[str, Any]:
    """An answer of the chat API; first: log probabilities of its first token."""
    top = [{"token": t, "logprob": p} for t, p in (first or {"Yes": -0.1, "No": -2.4}).items()]
    logprobs = {"content": [{**top[0], "top_logprobs": top}]} if first != {} else None
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": logprobs, **more}
    return {"choices": [choice]}


def judging(answer: Any, every: bool = False, timeout: float = 2) -> Callable[[Path], AbstractContextManager[Any]]:
    """A judge that answers so about one image (or all), and a study that asks it whether images show their prompts."""

    def script(number: int, body: dict[str, Any], handler: Any) -> Any:
        if not every and ONE not in body["messages"][0]["content"][1]["text"]:
            return said()
        return answer(number, body, handler) if callable(answer) else answer

    @contextlib.contextmanager
    def around(folder: Path) -> Iterator[None]:
        os.environ["OPENAI_API_KEY"] = KEY
        with server.serving(script) as there:
            text = f'vqascore(extractor=vqa-http(url=\\"{there.url}\\",{SETTINGS},timeout={timeout}))'
            (folder / "study.toml").write_text(
                f'systems = ["ours"]\nprompts = "./captions.txt"\nmetrics = ["{text}"]\n'
            )
            yield

    return around


def missing(given: str, answer: Any, says: str) -> Case:
    """One image of four of which there is no answer: counted apart, never wrong."""
    return case(given, 0, says, line=LINE, around=judging(answer), after=_one_missing, tells=_reason)


def _one_missing(ended: Ended) -> None:
    (score,) = store.load(ended.run).scores
    assert (score.n_missing, score.policy) == (1, "worst") and score.value is not None
    assert KEY not in "".join(p.read_text(errors="replace") for p in ended.run.rglob("*") if p.is_file())


def _reason(ended: Ended) -> str:
    notes = [n for n in store.load(ended.run).notes if n.startswith("1 x ")]
    return notes[0] if notes else ""


def stops(given: str, answer: Any, says: str, every: bool = False, timeout: float = 2, code: int = 5) -> Case:
    """No run; what was answered lies in BENCH_HOME and is not asked again."""
    return case(given, code, says, line=LINE, around=judging(answer, every, timeout), after=_kept(0 if every else 1))


def _kept(least: int) -> Callable[[Ended], None]:
    def look(ended: Ended) -> None:
        assert not ended.runs and KEY not in ended.out + ended.err
        kept = list((ended.folder / "home" / "exchanges").rglob("*.json"))
        assert len(kept) >= least and all("answer" in json.loads(p.read_text()) for p in kept)

    return look


def _hangs(number: int, body: Any, handler: Any) -> Any:
    handler.server.waits.wait(5)
    return server.DONE


def _cut_off(number: int, body: Any, handler: Any) -> Any:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.hang_up()
    return server.DONE


def _endless(number: int, body: Any, handler: Any) -> Any:
    return 200, json.dumps(said("Yes " * 3_000_000)).encode()


ASKED = r"127\.0\.0\.1:8000 did not answer 1 of [0-9] questions, the first because: "
KEPT = r"\. What was answered is kept; mend it and repeat the command\."
NONE = r"127\.0\.0\.1:8000 did not answer [0-9] of [0-9] questions, the first because: "

CASES: list[Case] = [
    missing("a judge that refuses an image", server.refusal(), r"1 x 127\.0\.0\.1:8000 refused a question"),
    missing("a judge whose message is a refusal", said(None, message={"content": None, "refusal": "I cannot."}),
            r"1 x 127\.0\.0\.1:8000 refused a question"),
    missing("a judge whose filter stops the answer", said("", finish_reason="content_filter"), r"1 x 127\.0\.0\.1:8000 refused a question"),
    missing("a judge that cannot take an image", (400, {"error": {"message": "unsupported image"}}),
            r"1 x 127\.0\.0\.1:8000 could not take a question"),
    stops("a judge that hangs", _hangs, rf"{ASKED}no whole answer came within 0\.3 s; tried 2 times{KEPT}", timeout=0.3),
    stops("a judge that answers HTML", (200, b"<html>Sign in</html>", "text/html"),
          rf"{ASKED}the server answered 20 bytes of text/html \('<html>Sign in</html>'\) instead of JSON; tried 2 times{KEPT}"),
    stops("a judge that is too busy", (429, {"error": {"message": "slow down"}}), rf"{ASKED}the server answered 429: slow down; tried 2 times{KEPT}"),
    stops("a judge that breaks off its answer", _cut_off, rf"{ASKED}the connection failed \(.+\); tried 2 times{KEPT}"),
    stops("a judge whose JSON is cut off", (200, b'{"choices": [{"mess'), rf"{ASKED}the server answered 19 bytes of application/json \(.+\) instead of JSON; tried 2 times{KEPT}"),
    stops("a judge that answers JSON of another shape", {"output": []}, rf"{ASKED}the answer is JSON without 'choices' \(its keys: output\){KEPT}"),
    stops("a judge that answers without words", said(""), rf"{ASKED}the answer holds no words \(finish_reason stop\){KEPT}"),
    stops("a judge that answers without end", _endless, rf"{ASKED}the answer is longer than [0-9]+ bytes and was not read further{KEPT}"),
    stops("a judge that gives no probabilities", said(first={}), r"The server gave no probabilities of tokens \(logprobs\): ask without logprobs=true\.", code=2),
    stops("a judge that is out of order", (500, {}), rf"{NONE}the server answered 500.*; tried 2 times{KEPT}", every=True),
    stops("a judge that refuses the key", (401, {"error": {"message": f"Incorrect API key: {KEY}"}}),
          rf"{NONE}the server refuses the key or what it may do \(401: Incorrect API key: \[key\]\){KEPT}", every=True),
    stops("a judge that lacks the model", (404, {"error": {"message": "no model m", "code": "model_not_found"}}),
          rf"{NONE}the server has no such address or model \(404 model_not_found: no model m\){KEPT}", every=True),
    case("a judge whose key is not set", 2, r"The environment variable NO_SUCH_KEY with the server's key is not set; .+",
         line='run ours --prompts captions.txt -q -m \'vqascore(extractor=vqa-http(url="http://127.0.0.1:9",model=m,ask=prompt,logprobs=true,key_env=NO_SUCH_KEY))\''),
    case("a judge at an address with a password", 2, r"The url of x holds a key or password, .+ name that with key_env\.",
         line='run ours --prompts captions.txt -q -m \'vqascore(extractor=vqa-http(url="https://me:secret@x/v1",model=m,ask=prompt,logprobs=true,key_env=none))\''),
]  # fmt: skip
