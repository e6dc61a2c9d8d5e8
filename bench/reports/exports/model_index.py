"""A run as Hugging Face's `model-index`: YAML for the head of a model card, made by huggingface_hub's own classes.

Nothing is claimed that the run does not state: `verified` is Hugging Face's alone and stays unset; random or
project-trained weights stand in the metric's name; how far others checked the numbers is told where a ledger says so.
"""

from __future__ import annotations

from typing import Any

from bench.aliases import ALIASES, title
from bench.errors import UsageError
from bench.reports import privacy
from bench.reports.comparison.differences import finite
from bench.reports.exports.one_run import data_name, honest_name, main_rows
from bench.reports.words import clean
from bench.spec import parse
from bench.types import OutputCard, Run, Score

TASK = ("text-to-image", "Text-to-Image")
"""Hugging Face's identifier of the task, and how it prints."""


def model_index(run: Run, level: str = "") -> str:
    """The YAML text that begins with 'model-index:'.

    level: of verification, where it is known ('re-scored'). UsageError when no score has a value.
    """
    from huggingface_hub import ModelCardData

    results = eval_results(run, level)
    if not results:
        raise UsageError(f"{run.label} has no score with a value, and a model card shows nothing else; score it first.")
    return str(ModelCardData(model_name=clean(run.label), eval_results=results).to_yaml()) + "\n"


def eval_results(run: Run, level: str = "") -> list[Any]:
    """One huggingface_hub.EvalResult for each primary score with a value."""
    return [_result(run, s, output, level) for _, s, output in main_rows(run) if finite(s.value) is not None]


def _result(run: Run, score: Score, output: OutputCard, level: str) -> Any:
    from huggingface_hub import EvalResult

    data, card = run.dataset, run.cards[score.metric]
    private = privacy.private(run)
    known = "private" if private else str(data.get("name", "custom"))
    return EvalResult(
        task_type=TASK[0], task_name=TASK[1],
        dataset_type=known, dataset_name=clean(data_name(run)) + (", private" if private else ""),
        dataset_split=str(data["split"]) if data.get("split") else None,
        dataset_revision=str(data["prompts"]), dataset_args=_data_args(run),
        metric_type=_kind(score), metric_name=clean(honest_name(card, output)), metric_value=score.value,
        metric_args=_metric_args(run, score, output, level),
    )  # fmt: skip


def _kind(score: Score) -> str:
    """The field's name where the protocol is exactly that ('fid'), else the metric's own ('fd'); then the output."""
    known = title(score.metric)
    name = known if known in ALIASES else parse(score.metric).name
    return name if score.output == "value" else f"{name}-{score.output}"


def _data_args(run: Run) -> dict[str, Any]:
    """How many prompts, in whose words the revision is a digest of the prompt list."""
    data = run.dataset
    return {
        "revision_is": "sha256 of the prompt list", "version": data.get("version"), "prompts": data.get("samples"),
        "images": sum(run.counts.values()), "whole": data.get("whole"),
    }  # fmt: skip


def _metric_args(run: Run, score: Score, output: OutputCard, level: str) -> dict[str, Any]:
    """The interval, the denominator and the protocol; without empty fields."""
    better = {"higher": True, "lower": False}.get(output.direction)
    fields: dict[str, Any] = {
        "metric": score.metric, "output": score.output, "higher_is_better": better, "unit": output.unit,
        "ci95_low": finite(score.low), "ci95_high": finite(score.high), "interval": score.method, "n": score.n,
        "n_missing": score.n_missing, "missing_policy": score.policy if score.n_missing else "",
        "protocol": score.protocol, "evaluated_by": f"text-image-bench {run.provenance.suite}", "run": run.digest,
        "verification": level,
    }  # fmt: skip
    return {key: value for key, value in fields.items() if value not in (None, "")}
