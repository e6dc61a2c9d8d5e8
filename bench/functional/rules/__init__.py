"""The scoring rules of the field's benchmarks as pure functions over evidence: detections, answers, probabilities.

A rule takes what a detector, a question answerer or a two-tower model said (from any source) and gives what the
benchmark's own scripts would, known defects left out. Readers of the benchmarks' files live in `bench.formats`.
"""

from __future__ import annotations

from bench.functional.rules.compbench import (
    PEOPLE,
    blip_vqa,
    compbench_numeracy,
    compbench_spatial,
    compbench_spatial_3d,
    compbench_spatials,
    mean_nearness,
    three_in_one,
)
from bench.functional.rules.geneval import Clause, geneval_overall, geneval_verdict, geneval_verdicts
from bench.functional.rules.hrs import CountScores, hrs_counting, hrs_spatial, hrs_spatials
from bench.functional.rules.paintskills import (
    dalleval_spatial,
    paintskills_count,
    paintskills_object,
    paintskills_spatial,
    paintskills_spatials,
)
from bench.functional.rules.pairs import PAIR_TIES, caption_credit, winoground
from bench.functional.rules.positions import PUBLISHED, STORED, Verdicts, judged, position_verdicts
from bench.functional.rules.preferences import OVER_PROMPTS, PREFERENCE_TIES, preference_accuracy, preference_pairs
from bench.functional.rules.questions import ancestors, counted_answers, dsg, tifa, vqa_score
from bench.functional.rules.soa import soa
from bench.functional.rules.tise import counting_rmse, positional_alignment
from bench.functional.rules.visor import VISOR_SPREAD, visor

__all__ = [
    "OVER_PROMPTS",
    "PAIR_TIES",
    "PEOPLE",
    "PREFERENCE_TIES",
    "PUBLISHED",
    "STORED",
    "VISOR_SPREAD",
    "Clause",
    "CountScores",
    "Verdicts",
    "ancestors",
    "blip_vqa",
    "caption_credit",
    "compbench_numeracy",
    "compbench_spatial",
    "compbench_spatial_3d",
    "compbench_spatials",
    "counted_answers",
    "counting_rmse",
    "dalleval_spatial",
    "dsg",
    "geneval_overall",
    "geneval_verdict",
    "geneval_verdicts",
    "hrs_counting",
    "hrs_spatial",
    "hrs_spatials",
    "judged",
    "mean_nearness",
    "paintskills_count",
    "paintskills_object",
    "paintskills_spatial",
    "paintskills_spatials",
    "position_verdicts",
    "positional_alignment",
    "preference_accuracy",
    "preference_pairs",
    "soa",
    "three_in_one",
    "tifa",
    "visor",
    "vqa_score",
    "winoground",
]
