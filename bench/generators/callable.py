"""`callable`: a function of one's own, named by module or by file, that makes images from prompts and seeds.

The function takes `prompts` and `seeds` (a batch -> a sequence of images) or `prompt` and `seed` (one image); further
arguments that it names among `sizes`/`size`, `frames`, `ids`/`id` are handed over too. A class is made once with
`params` and then called, which is where a model is loaded. The source file's sha256 is its identity unless a
`revision` is declared.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from bench.errors import BenchError, GenerationFailed, UsageError
from bench.formats.arrays import to_pixels
from bench.formats.folders import file_digest
from bench.generators.base import Context, Generator
from bench.registry import register
from bench.spec import parse, text_digest
from bench.types import Outcome, Request

_BATCH = {
    "prompts": lambda r: r.prompt,
    "seeds": lambda r: r.seed,
    "sizes": lambda r: r.size,
    "ids": lambda r: r.sample_id,
    "frames": lambda r: r.frames,
}
_SINGLE = {"prompt": "prompts", "seed": "seeds", "size": "sizes", "id": "ids", "frames": "frames"}


@register("generator", "callable", summary="a Python function: prompts and seeds in, images out")
class FromCallable(Generator):
    """`target`: 'package.module:function' or 'file.py:function'. `params`: its further arguments, "steps=5,scale=7.5".

    Images: PIL, uint8 or float [0, 1] arrays or tensors, (h, w, 3) or (3, h, w). `revision` declares the version of
    what the source file does not show (weights, a remote model).
    """

    not_identity: ClassVar[tuple[str, ...]] = ("target", "batch_size")

    def __init__(self, target: str, params: str = "", revision: str = "", batch_size: int = 16) -> None:
        self.target, self.revision, self.batch_size = str(target), str(revision), int(batch_size)
        self.params = dict(parse(f"params:{params}").params) if params else {}
        self._function: Callable[..., Any] | None = None

    def problems(self) -> list[str]:
        """Whether the target exists and takes prompts; this imports its module."""
        if self.batch_size < 1:
            return [f"batch_size is {self.batch_size}; give a whole number from 1."]
        try:
            _arguments(self._load(), self.target)
        except BenchError as error:
            return list(error.messages)
        return []

    def identity(self) -> Mapping[str, Any]:
        """The function's name with the declared revision, or with the sha256 of its source file."""
        place, _, name = self.target.rpartition(":")
        if self.revision:
            return {"function": name, "revision": self.revision}
        path = _source(self._load())
        return {"function": name, "source": file_digest(path) if path else place}

    def setup(self, context: Context) -> None:
        super().setup(context)
        self._function = self._load()
        if inspect.isclass(self._function):
            try:
                with _quiet_stdout():
                    made: Any = self._function(**self.params)
            except (BenchError, MemoryError):
                raise
            except (Exception, SystemExit) as error:
                raise UsageError(f"'{self.target}' cannot be made ({_said(error)}).") from error
            self._function = made

    def _load(self) -> Any:
        place, _, name = self.target.rpartition(":")
        if not place or not name:
            raise UsageError(f"'{self.target}' names no function; write package.module:function or file.py:function.")
        module = _from_file(place) if place.endswith(".py") else _from_module(place)
        found = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            there = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_")) or "none"
            raise UsageError(f"'{place}' has no function '{name}'; its functions are {there}.")
        return found

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """One outcome a request. A batch that raises is tried again one by one, so that one prompt fails alone."""
        if self._function is None:
            raise UsageError(f"'{self.target}' was asked for images before its setup.")
        try:
            with _quiet_stdout():
                images = self._call(requests)
        except (BenchError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # a script's sys.exit ends an image, not the run
            if len(requests) == 1:
                yield Outcome(status="failed", reason=_said(error))
            else:
                for request in requests:
                    yield from self.generate([request])
            return
        for request, image in zip(requests, images, strict=True):
            yield _outcome(image, request)

    def _call(self, requests: Sequence[Request]) -> list[Any]:
        assert self._function is not None
        batch, names = _arguments(self._function, self.target)
        extra = {} if inspect.isclass(self._load()) else self.params
        if not batch:
            take = {name: _BATCH[_SINGLE[name]] for name in names}
            return [self._function(**{n: f(r) for n, f in take.items()}, **extra) for r in requests]
        given = self._function(**{name: [_BATCH[name](r) for r in requests] for name in names}, **extra)
        if given is None or isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
            raise GenerationFailed(
                f"'{self.target}' returned a {type(given).__name__}; it must return one image for each prompt."
            )
        images = list(given)
        if len(images) != len(requests):
            counts = f"{len(images)} images for {len(requests)} prompts"
            raise GenerationFailed(f"'{self.target}' returned {counts}; it must return one for each.")
        return images


def _outcome(image: Any, request: Request) -> Outcome:
    if isinstance(image, Outcome):
        return image
    name = f"The image of sample '{request.sample_id}' (k={request.k})"
    if image is None:
        return Outcome(status="failed", reason="the function returned None for this prompt")
    try:
        if request.frames == 1:
            return Outcome(image=to_pixels(image, name))
        return Outcome(image=[to_pixels(frame, name) for frame in image])
    except BenchError as error:
        return Outcome(status="failed", reason=str(error))


def _arguments(function: Any, target: str) -> tuple[bool, list[str]]:
    """(whether it takes a batch, which arguments it names)."""
    called = function.__call__ if inspect.isclass(function) else function
    names = [p.name for p in inspect.signature(called).parameters.values() if p.kind is not p.VAR_KEYWORD]
    if "prompts" in names:
        return True, [name for name in names if name in _BATCH]
    if "prompt" in names:
        return False, [name for name in names if name in _SINGLE]
    raise UsageError(
        f"'{target}' takes ({', '.join(names)}); it must have an argument `prompts` (and `seeds`) for a batch, "
        "or `prompt` (and `seed`) for one image."
    )


def _from_module(name: str) -> Any:
    try:
        with _quiet_stdout():
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"The module '{name}' cannot be imported ({_said(error)}); install it, put its "
            "folder on PYTHONPATH, or name the file: path/to/file.py:function."
        ) from error


def _from_file(path: str) -> Any:
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(full):
        raise UsageError(f"The file '{path}' does not exist.")
    name = f"bench_callable_{text_digest(full)[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, full)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before execution: dataclasses and pickles look their module up
    try:
        with _quiet_stdout():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"'{path}' cannot be imported ({_said(error)}).") from error
    return module


def _source(found: Any) -> str | None:
    try:
        return inspect.getsourcefile(inspect.unwrap(found))
    except TypeError:  # built-in, or an object that is no function
        return None


def _quiet_stdout() -> contextlib.AbstractContextManager[Any]:
    """stdout is data: what the user's code prints goes to stderr."""
    return contextlib.redirect_stdout(sys.stderr)


def _said(error: BaseException) -> str:
    """'ValueError: what it says', on one line."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
