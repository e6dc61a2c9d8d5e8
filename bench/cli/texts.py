"""A run as text for a terminal: every score with its interval, denominator, chance level and protocol."""

from __future__ import annotations

from typing import Any

from bench.cli.options import table


def run_text(run: Any) -> str:
    """Scores, then what went wrong with images, notes, and what made the run."""
    counts = ", ".join(f"{v} {k}" for k, v in run.counts.items())
    lines = [
        f"{run.label}: {run.spec.system} on {run.spec.dataset}",
        f"{counts}; {_slice(run)}; run {run.digest[:8]}, seed {run.spec.seed}",
        "",
        table([_row(run, s) for s in run.scores], ["metric", "", "score (95 %)", "n", "chance", "protocol", "how"]),
        "",
    ]
    lines += [f"{label}: {card.caveat}" for label, card in _caveats(run)]
    lines += [f"note: {note}" for note in run.notes]
    made = run.provenance
    lines.append(f"made by text-image-bench {made.suite} on {made.device}, {made.dtype}: {made.command}")
    return "\n".join(lines)


def _row(run: Any, score: Any) -> list[str]:
    from bench.reports.exports.one_run import label_of, output_of, printed
    from bench.reports.words import clean

    missing = f" (+{score.n_missing} missing, {score.policy})" if score.n_missing else ""
    arrow = {"higher": "↑", "lower": "↓", "none": ""}[output_of(run, score).direction]
    chance = "" if score.chance is None else f"{score.chance:.4g}"
    how = "; ".join(x for x in (score.note, score.method) if x)
    value = " ".join(printed(score)).rstrip()
    cells = [label_of(run, score), arrow, value, f"{score.n}{missing}", chance, score.protocol[:8], how]
    return [clean(cell) if cell else "" for cell in cells]


def _slice(run: Any) -> str:
    data = run.dataset
    if data.get("whole"):
        return f"all {data.get('declared', '')} prompts".replace("  ", " ")
    return f"{data.get('samples')} of {data.get('declared')} prompts"


def _caveats(run: Any) -> list[tuple[str, Any]]:
    from bench.aliases import title

    return [(title(text), card) for text, card in run.cards.items() if card.caveat]
