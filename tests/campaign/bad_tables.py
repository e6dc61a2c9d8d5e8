"""All tables of the campaign, in the order of docs/bad-input.md."""

from __future__ import annotations

import bad_archives
import bad_bundles
import bad_disks
import bad_evidence
import bad_gates
import bad_images
import bad_judgements
import bad_judges
import bad_layouts
import bad_makers
import bad_names
import bad_prompts
import bad_services
import bad_settings
import bad_weights
from bad_case import Case

TABLES: dict[str, list[Case]] = {
    "Images": bad_images.CASES,
    "Names of files": bad_names.CASES,
    "Layouts of benchmarks' scripts": bad_layouts.CASES,
    "Prompts and tables": bad_prompts.CASES,
    "Studies and options": bad_settings.CASES,
    "Programs and functions that make images": bad_makers.CASES,
    "Servers and pipelines that make images": bad_services.CASES,
    "Servers that answer questions about images": bad_judges.CASES,
    "Weights, features and statistics": bad_weights.CASES,
    "Recorded evidence": bad_evidence.CASES,
    "People's judgements": bad_judgements.CASES,
    "Baselines and gates": bad_gates.CASES,
    "Disks, kills and damaged runs": bad_disks.CASES,
    "Bundles for a machine without a network": bad_bundles.CASES,
    "Archives, cards and ledgers of strangers": bad_archives.CASES,
}
"""Heading -> cases."""

ALL: list[Case] = [one for cases in TABLES.values() for one in cases]
