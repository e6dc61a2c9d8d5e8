"""The life of a run: plan, generate, extract, score."""
