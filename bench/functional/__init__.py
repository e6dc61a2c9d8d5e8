"""The mathematics of every metric as pure functions of torch tensors: no files, no registry, no models.

Features are `(n, d)` with one row an image or a text. Results are float64 tensors; inputs are never changed. Each
module names its paper and equation.
"""

from __future__ import annotations

from bench.functional.alignment import clip_score, cosine, fold_summary, r_precision, ref_clip_score
from bench.functional.boxes import box_iou, box_iou_overlap, detection_match
from bench.functional.colour import delta_e, lab
from bench.functional.diversity import intra_group_diversity
from bench.functional.focus import mass_in, pointing_game, saliency_in
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
from bench.functional.kernel import (
    cmmd,
    cmmd_from_moments,
    kernel_block_replicates,
    kernel_distance,
    kernel_distance_full,
)
from bench.functional.masks import dice, generalised_box_iou, mask_iou, matched_overlap
from bench.functional.memorisation import (
    authentic,
    memorisation_distance,
    memorisation_informed_fd,
    memorisation_penalty,
)
from bench.functional.moments import Moments, merge_moments, moments
from bench.functional.neighbours import (
    density_coverage,
    density_coverage_block_replicates,
    precision_recall,
    precision_recall_block_replicates,
)
from bench.functional.pictures import edge_chamfer, ssim
from bench.functional.relations import RULES, relation_holds, relation_score
from bench.functional.retrieval import Ranks, retrieval, retrieval_from_features, retrieval_ranks
from bench.functional.similarity import feature_similarity, linear_cka
from bench.functional.stories import order_agreement, span_iou
from bench.functional.vendi import vendi_score
from bench.functional.wording import (
    edit_distance,
    multiset_f1,
    multiset_jaccard,
    rendered_exactly,
    rendering_similarity,
)

__all__ = [
    "RULES",
    "Factor",
    "Moments",
    "Ranks",
    "authentic",
    "box_iou",
    "box_iou_overlap",
    "clip_score",
    "cmmd",
    "cmmd_from_moments",
    "cmmd_influence",
    "cosine",
    "delta_e",
    "density_coverage",
    "density_coverage_block_replicates",
    "detection_match",
    "dice",
    "edge_chamfer",
    "edit_distance",
    "factor",
    "feature_similarity",
    "fold_summary",
    "frechet_block_replicates",
    "frechet_distance",
    "frechet_distance_from_factors",
    "frechet_distance_from_moments",
    "frechet_distance_infinity",
    "frechet_infinity_influence",
    "frechet_influence",
    "frechet_joint_distance",
    "generalised_box_iou",
    "inception_score",
    "inception_score_block_replicates",
    "inception_score_influence",
    "intra_group_diversity",
    "kernel_block_replicates",
    "kernel_distance",
    "kernel_distance_full",
    "kernel_influence",
    "lab",
    "linear_cka",
    "mask_iou",
    "mass_in",
    "matched_overlap",
    "memorisation_distance",
    "memorisation_informed_fd",
    "memorisation_penalty",
    "merge_moments",
    "moments",
    "multiset_f1",
    "multiset_jaccard",
    "order_agreement",
    "pointing_game",
    "precision_recall",
    "precision_recall_block_replicates",
    "r_precision",
    "ref_clip_score",
    "relation_holds",
    "relation_score",
    "rendered_exactly",
    "rendering_similarity",
    "retrieval",
    "retrieval_from_features",
    "retrieval_ranks",
    "saliency_in",
    "span_iou",
    "ssim",
    "vendi_influence",
    "vendi_score",
]
