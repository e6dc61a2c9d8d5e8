"""`bench leaderboard pin`: write prompt lists and protocols of runs into a board's file, in a small section at its end.

Everything above the section stays as it was written by hand, comments too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.reports.board.collect import collect
from bench.reports.board.nouns import BoardSpec
from bench.reports.board.spec import MARK, board_from, pin_name, read_board, unpinned
from bench.store import write_atomic
from bench.types import Run


def pin(path: str | Path, runs: Sequence[str | Path | Run]) -> dict[str, dict[str, str | int]]:
    """Write what most runs share into the file, in place of an earlier section; gives what was written.

    What the file pins by hand stays. UsageError when the file is no board or no run has the ordering column.
    """
    file = Path(path)
    by_hand = read_board(file, pinned=False)
    head = unpinned(file.read_text(encoding="utf-8-sig"))
    found = pins(collect(by_hand, runs).spec, by_hand)
    if not any(found.values()):
        raise UsageError(f"There is nothing to pin in {file}: it says all by itself, or no run is on its data sets.")
    written = head.rstrip() + "\n\n" + section(found)
    board_from(tomllib.loads(written), str(file))  # what is written can be read
    write_atomic(file, written.encode())
    return found


def pins(spec: BoardSpec, by_hand: BoardSpec) -> dict[str, dict[str, str | int]]:
    """Prompt lists, numbers of samples and protocols of a board's resolved rules that its file does not pin itself."""
    own = {d.name for d in by_hand.datasets if d.prompts}
    protocols = {m.protocol for m in by_hand.metrics}
    return {
        "prompts": {d.name: d.prompts for d in spec.datasets if d.prompts and d.name not in own},
        "samples": {d.name: d.samples for d in spec.datasets if d.samples and d.name not in own},
        "protocols": {pin_name(m.dataset, m.metric): m.protocol for m in spec.metrics if m.protocol not in protocols},
    }


def section(found: dict[str, dict[str, str | int]]) -> str:
    """The section as TOML."""
    lines = [MARK]
    for name, values in found.items():
        lines += ["", f"[pinned.{name}]"] if len(lines) > 1 else [f"[pinned.{name}]"]
        lines += [f"{_text(key)} = {_text(v) if isinstance(v, str) else v}" for key, v in values.items()]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A basic string of TOML: JSON's, but that DEL is escaped and halves of signs are not there."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
