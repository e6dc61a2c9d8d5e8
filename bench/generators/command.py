"""`command`: any external program. Requests come as JSON lines on its stdin, PNG files go where each line says.

One process for each batch: a program that leaks, hangs or dies costs one batch. Standard streams are files, not pipes:
nothing can block on them, and a grandchild that outlives the program holds nothing open. No shell is involved.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bench.errors import BadImage, GenerationFailed, UsageError
from bench.formats.folders import file_digest
from bench.formats.images import decode
from bench.generators.base import Generator
from bench.registry import register
from bench.types import Outcome, Request

_TAIL_LINES, _TAIL_BYTES = 5, 4096
_SCRIPT_BYTES = 1 << 20
"""Files up to this size among the command's words are scripts, whose content is part of the identity."""


@register("generator", "command", summary="an external program: requests as JSON lines in, PNG files out")
class Command(Generator):
    """`command`: program and arguments, split like a shell would, e.g. "python make.py --steps 20".

    Each stdin line is {"sample", "k", "prompt", "seed", "frames", "size", "out"}; `size` is [width, height] or null,
    `out` a path (a list of paths for several frames). `timeout`: seconds for a batch, after which the program and all
    that it started are killed; images written by then are kept.
    """

    not_identity: ClassVar[tuple[str, ...]] = ("timeout", "batch_size")

    def __init__(self, command: str, timeout: float = 600.0, batch_size: int = 16, revision: str = "") -> None:
        self.command, self.timeout, self.batch_size = str(command), float(timeout), int(batch_size)
        self.revision = str(revision)

    @property
    def words(self) -> list[str]:
        """Program and arguments."""
        try:
            return shlex.split(self.command)
        except ValueError as error:
            raise UsageError(f"The command '{self.command}' cannot be split into words: {error}.") from None

    def problems(self) -> list[str]:
        """An unknown program, an empty command, a timeout or batch size below 1."""
        found = []
        if self.timeout <= 0 or self.batch_size < 1:
            found.append(f"timeout={self.timeout:g} and batch_size={self.batch_size} must both be above 0.")
        try:
            words = self.words
        except UsageError as error:
            return [*found, *error.messages]
        if not words:
            found.append("The command is empty; give a program that reads requests on its stdin.")
        elif shutil.which(words[0]) is None:
            found.append(f"The program '{words[0]}' is not found or not executable; give its path.")
        return found

    def identity(self) -> Mapping[str, Any]:
        """The declared revision, or the sha256 of each script that the command names."""
        if self.revision:
            return {"revision": self.revision}
        scripts = [w for w in self.words if os.path.isfile(w) and os.path.getsize(w) <= _SCRIPT_BYTES]
        return {"scripts": [file_digest(word) for word in scripts]}

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """One outcome a request: its image, or why there is none with the last lines that the program wrote."""
        with tempfile.TemporaryDirectory(prefix="bench-command-") as folder:
            outs = [_outs(Path(folder), at, request) for at, request in enumerate(requests)]
            lines = (_line(request, out) for request, out in zip(requests, outs, strict=True))
            (Path(folder) / "stdin").write_text("".join(lines), encoding="utf-8")
            ending = self._run(Path(folder))
            yield from (_outcome(out, ending) for out in outs)

    def _run(self, folder: Path) -> str:
        """Run the program; how it ended, as the end of a reason."""
        with open(folder / "stdin") as given, open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
            try:
                process = subprocess.Popen(self.words, stdin=given, stdout=out, stderr=err, start_new_session=True)
            except OSError as error:
                raise GenerationFailed(f"'{self.command}' cannot be started: {error.strerror}.") from error
            try:
                code = process.wait(self.timeout)
                how = f"the program {_ending(code)}"
            except subprocess.TimeoutExpired:
                how = f"the program was stopped after {self.timeout:g} s"
            finally:  # also at Ctrl-C, and for what the program left running
                _kill_group(process)
        tail = _tail(folder / "err") or _tail(folder / "out")
        return f"{how}; its last words: {tail}" if tail else how


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    known = {s.value: f" ({s.name})" for s in signal.Signals}
    return f"was killed by signal {-code}{known.get(-code, '')}"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _outs(folder: Path, at: int, request: Request) -> list[str]:
    return [str(folder / f"{at:05d}_{frame:03d}.png") for frame in range(request.frames)]


def _line(request: Request, outs: Sequence[str]) -> str:
    asked = {
        "sample": request.sample_id,
        "k": request.k,
        "prompt": request.prompt,
        "seed": request.seed,
        "frames": request.frames,
        "size": list(request.size) if request.size else None,
        "out": outs[0] if request.frames == 1 else list(outs),
    }
    return json.dumps(asked, ensure_ascii=False) + "\n"


def _outcome(outs: Sequence[str], ending: str) -> Outcome:
    absent = sum(not os.path.exists(path) for path in outs)
    if absent:
        what = "no image was written" if len(outs) == 1 else f"{absent} of {len(outs)} frames were not written"
        return Outcome(status="failed", reason=f"{what}: {ending}")
    try:
        frames = [decode(path) for path in outs]
    except BadImage as error:
        reason = str(error).replace(os.path.dirname(outs[0]) + os.sep, "")
        return Outcome(status="failed", reason=f"{reason} ({ending})")
    return Outcome(image=frames[0] if len(frames) == 1 else frames)


def _tail(path: Path) -> str:
    data = path.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
    return " | ".join(line.strip() for line in data.splitlines()[-_TAIL_LINES:] if line.strip())
