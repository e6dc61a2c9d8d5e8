"""Figures as files: one name, any of three formats, each file whole or absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import store
from bench.errors import UsageError, did_you_mean
from bench.reports.figures.render import DPI, KINDS, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPIS = range(50, 1201)


def formats_of(text: str) -> tuple[str, ...]:
    """'pdf,svg' as formats, each once; UsageError for another."""
    found = tuple(dict.fromkeys(t.strip().casefold().removeprefix(".") for t in text.split(",") if t.strip()))
    strange = [f for f in found if f not in KINDS]
    if strange or not found:
        given = strange[0] if strange else text
        raise UsageError(f"'{given}' is no format of figures.{did_you_mean(given, KINDS)}")
    return found


def targets(names: Sequence[str], out: str | Path, formats: Sequence[str]) -> dict[str, list[Path]]:
    """Figure -> files: NAME.FORMAT in the folder `out`, or `out` itself where it is a file's name.

    UsageError where `out` names a file and there are several figures, or it lies where a folder should be.
    """
    path = Path(out)
    kind = path.suffix.casefold().removeprefix(".")
    if kind in KINDS and not path.is_dir():
        if len(names) != 1:
            raise UsageError(f"{out} is one file and there are {len(names)} figures; give a folder as --out.")
        return {names[0]: [path]}
    if path.is_file():
        raise UsageError(f"{out} is a file; give a folder, or a name that ends in .{', .'.join(KINDS)}.")
    return {name: [path / f"{name}.{f}" for f in formats] for name in names}


def write_figures(
    figures: Mapping[str, Figure], out: str | Path, *, formats: Sequence[str] = KINDS, dpi: int = DPI
) -> list[Path]:
    """Write every figure and give the files' paths. DiskError when the disk refuses."""
    if dpi not in DPIS:
        raise UsageError(f"Figures have {DPIS[0]} to {DPIS[-1]} dots an inch; {dpi} was given.")
    written = []
    for name, paths in targets(list(figures), out, formats).items():
        for path in paths:
            kind = path.suffix.casefold().removeprefix(".")
            store.write_atomic(path, rendered(figures[name], kind, dpi))
            written.append(path)
    return written
