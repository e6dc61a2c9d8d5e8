"""Servers that hang, throttle, refuse or answer nonsense, and pipelines of diffusers with missing parts."""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bad_case import Case, case
from bad_makers import counts, reason

sys.path.append(str(Path(__file__).parents[1] / "generators"))
server: Any = importlib.import_module("http_server")

SETTINGS = "model=m,backoff=0.01,retries=1,concurrency=1"
LINE = "run study.toml -q"
MODEL = "run ours=diffusers(model=./model) --prompts captions.txt -m collapse -q"
KEY = "sk-of-the-campaign"
ONE = "bird"
"""In the prompt that fares badly."""


def serving(answer: Any, every: bool = False, timeout: float = 2) -> Callable[[Path], AbstractContextManager[Any]]:
    """A server that answers so for one prompt (or all), and a study that asks it."""

    def script(number: int, body: dict[str, Any], handler: Any) -> Any:
        if not every and ONE not in body["prompt"]:
            return None
        return answer(number, body, handler) if callable(answer) else answer

    @contextlib.contextmanager
    def around(folder: Path) -> Iterator[None]:
        os.environ["OPENAI_API_KEY"] = KEY
        with server.serving(script) as there:
            text = f'http(url=\\"{there.url}\\",{SETTINGS},timeout={timeout})'
            (folder / "study.toml").write_text(
                f'systems = ["ours={text}"]\nprompts = "./captions.txt"\nmetrics = ["collapse"]\n'
            )
            yield

    return around


def one(given: str, answer: Any, says: str, status: str = "failed", code: int = 5, timeout: float = 2) -> Case:
    """A server that answers badly to one prompt of four."""
    found = {"ok": 3, status: 1}
    return case(given, code, says, line=LINE, around=serving(answer, timeout=timeout), after=counts(**found),
                tells=reason(status))  # fmt: skip


def stops(given: str, answer: Any, says: str) -> Case:
    """A server with which nothing can be made."""
    return case(given, 5, says, line=LINE, around=serving(answer, every=True), after=_no_run)


def _no_run(ended: Any) -> None:
    assert not ended.runs
    assert KEY not in ended.out + ended.err


def _hangs(number: int, body: Any, handler: Any) -> Any:
    handler.server.waits.wait(5)
    return server.DONE


def _cut_off(number: int, body: Any, handler: Any) -> Any:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.hang_up()
    return server.DONE


def _without(*names: str) -> Callable[[Path], Any]:
    """A pipeline whose files are there by name, less these."""
    index = {
        "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "scheduler": ["diffusers", "DDIMScheduler"],
    }  # fmt: skip
    files = (
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json",
        "scheduler/scheduler_config.json",
    )  # fmt: skip

    def make(folder: Path) -> None:
        model = folder / "model"
        model.mkdir()
        (model / "model_index.json").write_text(json.dumps(index))
        for file in files:
            (model / file).parent.mkdir(exist_ok=True)
            (model / file).write_text("{}")
        for name in names:
            path = model / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return make


def lacking(given: str, make: Callable[[Path], Any], says: str, line: str = MODEL) -> Case:
    """A pipeline that is refused before any work."""
    return case(given, 2, says, make, line, after=_nothing)


def _nothing(ended: Any) -> None:
    assert not (ended.folder / "runs").exists()


def _custom(folder: Path) -> None:
    _without()(folder)
    index = json.loads((folder / "model" / "model_index.json").read_text())
    (folder / "model" / "model_index.json").write_text(json.dumps({**index, "unet": ["mine", "Net"]}))
    (folder / "model" / "mine.py").write_text("raise SystemExit")


_HALF = base64.b64encode(server.picture("x")[:48]).decode()

CASES: list[Case] = [
    one("a server that refuses a prompt", server.refusal(), r"Your request was rejected by our safety system\.",
        "refused", 0),
    one("a server that answers HTML", (200, b"<html><title>Sign in</title>", "text/html"),
        r"the server answered 28 bytes of text/html \('<html><title>Sign in</title>'\) instead of JSON; tried 2 times"),
    one("a server that is too busy", (429, {"error": {"message": "slow down"}}),
        r"the server answered 429: slow down; tried 2 times"),
    one("a server that hangs", _hangs, r"no whole answer came within 0\.3 s; tried 2 times", timeout=0.3),
    one("a server that breaks off its answer", _cut_off, r"the connection failed \(.+\); tried 2 times"),
    one("a server that sends a truncated image", {"data": [{"b64_json": _HALF}]},
        r"The image of 48 bytes is truncated or damaged \(\.\.\.\); make it again or remove it\."),
    one("a server that answers JSON of another shape", {"images": []},
        r"the answer is JSON without a list 'data' of images \(its keys: images\)"),
    stops("a server that refuses the key", (401, {"error": {"message": f"Incorrect API key: {KEY}"}}),
          r"127\.0\.0\.1:8000: the server refuses the key or what it may do \(401: Incorrect API key: \[key\]\)\. What is "
          r"finished is kept; mend it and repeat the command\."),
    stops("a server that lacks the model", (404, {"error": {"message": "no model m", "code": "model_not_found"}}),
          r"127\.0\.0\.1:8000: the server has no such address or model \(404 model_not_found: no model m\)\. What .+"),
    case("a server whose key is not set", 2,
         r"The environment variable NO_SUCH_KEY with the server's key is not set; .+ key_env=none .+",
         line='run \'ours=http(url="http://127.0.0.1:9",key_env=NO_SUCH_KEY)\' --prompts captions.txt -q', after=_nothing),
    case("an address with a key in it", 2, r"The url of x holds a key or password, .+ name that with key_env\.",
         line='run \'ours=http(url="https://x/v1?api_key=y",key_env=none)\' --prompts captions.txt -q', after=_nothing),
    lacking("a pipeline of diffusers that is not there", lambda folder: None,
            r"The folder '\./model' does not exist; give the path of a diffusers pipeline or owner/name of the hub\."),
    lacking("a pipeline of the hub, without a network", lambda folder: None,
            r"'someone/some-model' is neither a folder nor in the Hugging Face cache \(.+\): --allow-download fetches it, .+",
            MODEL.replace("./model", "someone/some-model")),
    lacking("a pipeline without its index", _without("model_index.json"),
            r"'model' is no diffusers pipeline: it lacks model_index\.json, which save_pretrained writes\."),
    lacking("a pipeline without a part", _without("unet"),
            r"'model' lacks its part 'unet' \(UNet2DConditionModel\): there is no folder unet/; copy or fetch it again\."),
    lacking("a pipeline without weights", _without("unet/diffusion_pytorch_model.safetensors"),
            r"The part 'unet' \(UNet2DConditionModel\) of 'model' has no weights; copy or fetch it again\."),
    lacking("a pipeline without the tokenizer's words", _without("tokenizer/vocab.json"),
            r"The part 'tokenizer' \(CLIPTokenizer\) of 'model' lacks tokenizer\.json or vocab\.json or vocab\.txt; .+"),
    lacking("a pipeline with code of its own", _custom,
            r"'model' brings code of its own \(mine\.py for 'unet'\), which is not run\."),
]  # fmt: skip
