"""What a user may call a run: its folder, a folder that holds runs, a pack, or its label (`bench show ours`).

Labels are looked up in the run.json files below --root. Two runs of one label (other images, another dataset) are
never chosen between: the message lists their folders.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import store
from bench.errors import StoreError, UsageError, did_you_mean


def labels(root: str | Path) -> dict[str, list[Path]]:
    """Label -> folders of the finished runs below `root` that bear it; runs that cannot be read are passed over."""
    found: dict[str, list[Path]] = {}
    for folder in store.find_runs(root):
        try:
            found.setdefault(str(store.read_json(folder / "run.json")["label"]), []).append(folder)
        except (StoreError, KeyError, TypeError):
            continue
    return found


def looks_like_path(name: str) -> bool:
    """Whether a name can only be meant as a folder."""
    return os.sep in name or name in (".", "..") or holds_run(name)


def holds_run(name: str | Path) -> bool:
    """Whether a folder holds a run, finished or begun."""
    return store.is_run(name) or (Path(name) / "manifest.json").is_file()


def run_folders(names: Sequence[str], root: str | Path) -> list[Path]:
    """The folders of all runs that are named, in the order given, each once."""
    found = [folder for name in _without_shared(names) for folder in _named(name, root)]
    return list(dict.fromkeys(found))


def _without_shared(names: Sequence[str]) -> list[str]:
    """A glob over a dataset's folder brings `shared` along, which holds the views of the reference and no run."""
    return [n for n in names if len(names) == 1 or Path(n).name != "shared" or holds_run(n)]


def _named(name: str, root: str | Path) -> list[Path]:
    if name.endswith((".tar.gz", ".tgz")) and Path(name).is_file():
        from bench.engine.archives import unpacked

        return store.find_runs(unpacked(Path(name), Path(root)))
    if holds_run(name):
        return [Path(name)]
    inside = store.find_runs(name) if Path(name).is_dir() else []
    if inside:
        return inside
    if looks_like_path(name):
        raise StoreError(f"{name} holds no run; give a folder that `bench run` made (it holds a run.json).")
    return [labelled(name, root)]


def labelled(name: str, root: str | Path) -> Path:
    """The one run below `root` that is called `name`."""
    known = labels(root)
    folders = known.get(name, [])
    if len(folders) == 1:
        return folders[0]
    if folders:
        raise UsageError(f"{len(folders)} runs are called '{name}'; give one's folder: {', '.join(map(str, folders))}.")
    hint = did_you_mean(name, known) if known else f" There is no finished run below {root}; name another --root."
    raise UsageError(f"No run below {root} is called '{name}'.{hint}")


def report_folder(runs: Sequence[Any], root: str | Path, study: str = "") -> Path:
    """Default folder of a report: named by the study file, or by the dataset and what is compared."""
    from bench.spec import digest

    name = study or f"{Path(runs[0].path).resolve().parent.name}-{digest(sorted(r.digest for r in runs))[:8]}"
    return Path(root) / "reports" / name
