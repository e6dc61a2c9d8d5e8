"""Answers that other tools gave to questions about images: rows of DSG's and our own tables, TIFA's results.

A row of answers is `Told`: texts by question id, texts by the question's own words (TIFA keeps no ids), probabilities
of the right answer where stated. Sources: j-min/DSG (answers csv), Yushi-Hu/tifa (sample_evaluation_result.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import DataError
from bench.formats.evidence import Evidence, Ref
from bench.formats.evidence_boxes import decode
from bench.formats.textfiles import read_bytes
from bench.types import Answers, Question, normalised

__all__ = ["Told", "answered", "as_evidence", "read_json_file"]


@dataclass(frozen=True)
class Told:
    """What was answered about one image."""

    ids: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    """Normalised question -> answer."""
    probabilities: dict[str, float] = field(default_factory=dict)


class _Details(msgspec.Struct):
    question_details: dict[str, dict[str, dict[str, Any]]]


def read_json_file(file: Path) -> list[Evidence]:
    """TIFA's results ({question_details: {text id: {question: {multiple_choice_vqa, ...}}}}); [] for other files."""
    data = read_bytes(file)
    if b'"question_details"' not in data:
        return []
    found = decode(file, _Details, "TIFA's results ({question_details: {id: {question: {...}}}})", data)
    refs, rows = [], []
    for name, asked in found.question_details.items():
        words = {}
        for question, told in asked.items():
            answer = told.get("multiple_choice_vqa", told.get("free_form_vqa"))
            if not isinstance(answer, str):
                raise DataError(f"'{file}': no answer to '{question}' of '{name}' (multiple_choice_vqa).")
            words[normalised(question)] = answer
        refs.append(Ref(sample=name))
        rows.append(Told(words=words))
    return [as_evidence(file, refs, rows, {})]


def as_evidence(file: Path, refs: Sequence[Ref], rows: Sequence[Told], stated: Mapping[str, Any]) -> Evidence:
    """Rows of answers as evidence."""
    return Evidence(file, "", "answers", refs, lambda i: rows[i], dict(stated))


def answered(told: Told, questions: Sequence[Question]) -> tuple[Answers, int]:
    """The answers to a sample's questions, and how many of them have none: what was not asked is not answered."""
    texts = {}
    for question in questions:
        answer = told.ids.get(question.id, told.words.get(normalised(question.text)))
        if answer is not None:
            texts[question.id] = answer
    sure = {q.id: told.probabilities[q.id] for q in questions if q.id in told.probabilities}
    return Answers(texts, sure), sum(q.id not in texts and q.id not in sure for q in questions)
