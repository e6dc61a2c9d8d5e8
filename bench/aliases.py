"""The field's names for full protocols, and named lists of metrics.

Some metrics carry the field's name themselves because their defaults are the field's protocol (`is`, `clipscore`,
`r-precision`). An alias resolves to a metric's text form and may take further parameters:
`fid(extractor=inception-v3(seed=0))`. It is printed as a title only where the run's protocol is the alias's own; a
changed extractor prints in full.
"""

from __future__ import annotations

from bench.errors import UsageError, did_you_mean
from bench.spec import Spec, parse

ALIASES: dict[str, str] = {
    "fid": "fd(extractor=inception-v3(resize=tf-fid))",
    "clean-fid": "fd(extractor=inception-v3(resize=clean))",
    "pytorch-fid": "fd(extractor=inception-v3(resize=torch-legacy))",
    "torchmetrics-fid": "fd(extractor=inception-v3(resize=tm-aa))",
    "fd-dinov2": "fd(extractor=dinov2(arch=vitl14,resize=dgm-eval))",
    "fd-dinov2-fast": "fd(extractor=dinov2(arch=vitl14,resize=torch))",
    "fid-infinity": "fd-infinity(extractor=inception-v3(resize=tf-fid))",
    "kid": "kd(extractor=inception-v3(resize=tf-fid))",
    "kid-full": "kd(extractor=inception-v3(resize=tf-fid),subsets=0)",
    "is-star": "is(temperature=0.9091363549)",
    "precision-recall": "prc(extractor=inception-v3(resize=tf-fid),k=3)",
    "prdc-dinov2": "density-coverage(extractor=dinov2(arch=vitl14,resize=dgm-eval),k=5)",
    "r-precision-published": "r-precision(candidates=100,ties=optimistic)",
    "r-precision-at-5": "r-precision(candidates=100,top=5)",
    "lpips-diversity": "caption-diversity(extractor=lpips,distance=squared)",
    "eccv-retrieval": "retrieval(positives=group)",
    "geneval-tasks": "geneval(tasks=true)",
    "hpsv2-preference": "preference-accuracy(extractor=open-clip(model=ViT-H-14,"
    "pretrained=HPS_v2.1_compressed.pt),of=features,ties=hpsv2)",
    "pickscore-preference": "preference-accuracy(extractor=open-clip(model=ViT-H-14,"
    "pretrained=PickScore_v1.safetensors),of=features,ties=pickscore)",
}

PANELS: dict[str, tuple[str, ...]] = {
    "quick": ("fid", "kid", "is", "precision-recall", "clipscore", "r-precision", "retrieval", "collapse"),
    "coco-30k": ("fid", "is", "clipscore"),
    "alignment": ("clipscore", "r-precision", "retrieval"),
    "rules": ("object-presence", "counting", "attribute-binding", "spatial-relation", "box-overlap"),
    "recorded-boxes": (
        "geneval(extractor=recorded,tasks=true)", "visor(extractor=recorded)",
        "t2i-compbench-spatial(extractor=recorded)",
        "hrs-spatial(extractor=recorded)", "paintskills-spatial(extractor=recorded)",
        "t2i-compbench-numeracy(extractor=recorded)", "object-presence(extractor=recorded)",
    ),
    "scenes": (
        "object-presence", "counting", "attribute-binding", "spatial-relation", "box-overlap",
        "clipscore(extractor=scene-clip)", "r-precision(extractor=scene-clip)",
        "r-precision(extractor=scene-clip-independent)", "retrieval(extractor=scene-clip)",
        "fd(extractor=scene-classifier)", "kd(extractor=scene-classifier,subset_size=100)",
        "is(extractor=scene-classifier)", "prc(extractor=scene-classifier)",
        "collapse",
    ),
    "stories": ("event-order", "event-span", "fd(extractor=scene-classifier)"),
}  # fmt: skip


def expand(text: str) -> Spec:
    """A metric or alias text as the metric's Spec; the user's parameters win over the alias's."""
    given = parse(text)
    if given.name not in ALIASES:
        return given
    full = parse(ALIASES[given.name])
    return full.with_params(**given.params)


def title(text: str) -> str:
    """The field's name of a metric text where it is exactly an alias, else the text itself."""
    names = {str(parse(full)): name for name, full in ALIASES.items()}
    return names.get(text, text)


def panel(name: str) -> tuple[str, ...]:
    """The metric texts of a panel."""
    if name not in PANELS:
        raise UsageError(f"No panel is called '{name}'.{did_you_mean(name, PANELS)}")
    return PANELS[name]
