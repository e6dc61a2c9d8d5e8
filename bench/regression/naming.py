"""The one run that a gate judges, by what people call it."""

from __future__ import annotations

from pathlib import Path

from bench import store
from bench.errors import UsageError, did_you_mean


def found_run(text: str, root: str | Path) -> Path:
    """A run's folder, or the only run below `root` with this label; UsageError where there is none, or several."""
    if store.is_run(text):
        return Path(text)
    runs = store.find_runs(text) if Path(text).is_dir() else store.find_runs(root)
    if not Path(text).is_dir():
        labels = {run: store.load(run).label for run in runs}
        runs = [run for run, label in labels.items() if label == text]
        if not runs:
            raise UsageError(f"No run below {root} is called '{text}'.{did_you_mean(text, set(labels.values()))}")
    if len(runs) != 1:
        raise UsageError(f"'{text}' names {len(runs)} runs, and a gate judges one; give its folder.")
    return runs[0]
