"""The mathematics of every metric as pure functions of torch tensors: no files, no registry, no models.

Features are `(n, d)` with one row an image or a text. Results are float64 tensors; inputs are never changed. Each
module names its paper and equation.
"""

from __future__ import annotations

from bench.functional.alignment import clip_score, cosine, r_precision
from bench.functional.boxes import box_iou, box_iou_overlap, detection_match
from bench.functional.frechet import (
    Factor,
    factor,
    frechet_block_replicates,
    frechet_distance,
    frechet_distance_from_factors,
    frechet_distance_from_moments,
    frechet_joint_distance,
)
from bench.functional.inception import (
    inception_score,
    inception_score_block_replicates,
    inception_score_influence,
)
from bench.functional.infinity import frechet_distance_infinity, frechet_infinity_influence
from bench.functional.influence import cmmd_influence, frechet_influence, kernel_influence, vendi_influence
from bench.functional.kernel import cmmd, kernel_block_replicates, kernel_distance, kernel_distance_full
from bench.functional.moments import Moments, merge_moments, moments
from bench.functional.neighbours import (
    density_coverage,
    density_coverage_block_replicates,
    precision_recall,
    precision_recall_block_replicates,
)
from bench.functional.relations import RULES, relation_holds, relation_score
from bench.functional.retrieval import Ranks, retrieval, retrieval_from_features, retrieval_ranks
from bench.functional.vendi import vendi_score

__all__ = [
    "RULES",
    "Factor",
    "Moments",
    "Ranks",
    "box_iou",
    "box_iou_overlap",
    "clip_score",
    "cmmd",
    "cmmd_influence",
    "cosine",
    "density_coverage",
    "density_coverage_block_replicates",
    "detection_match",
    "factor",
    "frechet_block_replicates",
    "frechet_distance",
    "frechet_distance_from_factors",
    "frechet_distance_from_moments",
    "frechet_distance_infinity",
    "frechet_infinity_influence",
    "frechet_influence",
    "frechet_joint_distance",
    "inception_score",
    "inception_score_block_replicates",
    "inception_score_influence",
    "kernel_block_replicates",
    "kernel_distance",
    "kernel_distance_full",
    "kernel_influence",
    "merge_moments",
    "moments",
    "precision_recall",
    "precision_recall_block_replicates",
    "r_precision",
    "relation_holds",
    "relation_score",
    "retrieval",
    "retrieval_from_features",
    "retrieval_ranks",
    "vendi_influence",
    "vendi_score",
]
